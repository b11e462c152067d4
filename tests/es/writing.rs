//! Visibility after a flush, no room, and what the server does not take.

use bytes::Bytes;
use pcap_archiver::packet::{CapturedPacket, LinkType, Timestamp};
use pcap_archiver::query::{Filter, Predicate, Query};
use pcap_archiver::store::{PacketStore as _, SetupOptions, StoreErrorKind};
use pcap_archiver::testing::CaptureBuilder;
use serde_json::json;

use crate::support::{Archive, Method, append, fetch, kind_of, packets};

/// The server would refresh by itself after a second; here it never does.
async fn never_refresh(archive: &Archive) {
    let path = format!("/_index_template/{}", archive.index());
    let mut template = archive.ask(Method::Get, &path, None).await;
    let mut template = template["index_templates"][0]["index_template"].take();
    template["template"]["settings"]["index"]["refresh_interval"] = json!("-1");
    archive.ask(Method::Put, &path, Some(template)).await;
}

#[tokio::test]
async fn a_flush_with_the_publish_key_shows_every_shard() {
    let archive = Archive::named("flush");
    let options = SetupOptions { shards: Some(5), ..archive.options() };
    archive.admin().await.setup(&options).await.unwrap();
    never_refresh(&archive).await;
    let (publish, read) = (archive.with_key("publish").await, archive.with_key("read").await);
    let records = packets("flush.pcap", 300);
    append(&publish, &records).await;
    let before = fetch(&read, &Query::all()).await.unwrap();
    assert_eq!(before, [], "nothing is seen before, or this test proves nothing");
    publish.flush().await.unwrap();
    assert_eq!(fetch(&read, &Query::all()).await.unwrap().len(), 300);

    let more = packets("more.pcap", 50);
    append(&publish, &more).await;
    publish.flush().await.unwrap();
    assert_eq!(fetch(&read, &Query::all()).await.unwrap().len(), 350);
    let status = archive.admin().await.status().await.unwrap();
    assert_eq!(status.packets, Some(350), "a flush stores nothing");
    archive.destroy().await;
}

#[tokio::test]
async fn a_blocked_index_is_full_and_nothing_is_rejected() {
    let archive = Archive::set_up("blocked").await;
    let admin = archive.admin().await;
    let first = packets("first.pcap", 3);
    append(&admin, &first).await;
    let settings = format!("/{}-2*/_settings", archive.index());
    let block = |value: Option<bool>| json!({ "index.blocks.read_only_allow_delete": value });
    archive.ask(Method::Put, &settings, Some(block(Some(true)))).await;
    let second = packets("second.pcap", 3);
    assert_eq!(kind_of(admin.append(second.clone()).await), StoreErrorKind::Full);
    archive.ask(Method::Put, &settings, Some(block(None))).await;
    let outcome = append(&admin, &second).await;
    assert_eq!((outcome.stored, outcome.rejected.len()), (3, 0));
    admin.flush().await.unwrap();
    assert_eq!(fetch(&admin, &Query::all()).await.unwrap().len(), 6);
    archive.destroy().await;
}

/// The limit of 1,000 shards for each node, reached by an archive that wants 1,024 at once.
#[tokio::test]
async fn the_shard_limit_is_full_and_nothing_is_rejected() {
    let archive = Archive::named("shards");
    let admin = archive.admin().await;
    let setup = |shards: u32| SetupOptions { shards: Some(shards), ..SetupOptions::default() };
    admin.setup(&setup(1_024)).await.unwrap();
    let records = packets("shards.pcap", 3);
    let error = admin.append(records.clone()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Full, "{error}");
    admin.setup(&setup(1)).await.unwrap();
    assert_eq!(append(&admin, &records).await.stored, 3);
    archive.destroy().await;
}

#[tokio::test]
async fn a_packet_larger_than_the_server_takes_is_rejected_alone() {
    let archive = Archive::set_up("large").await;
    let publish = archive.with_key("publish").await;
    let packet = |length: usize, fill: u8| CapturedPacket {
        timestamp: Timestamp::from_nanoseconds(1_700_000_000_000_000_000),
        link_type: LinkType::DBUS,
        original_length: u32::try_from(length).unwrap(),
        data: Bytes::from(vec![fill; length]),
        extras: None,
    };
    let records = CaptureBuilder::new("large.pcap")
        .captured(packet(60, 1))
        .captured(packet(80 << 20, 2))
        .captured(packet(20 << 20, 3))
        .records();
    let outcome = append(&publish, &records).await;
    assert_eq!(outcome.stored, 2, "{:?}", outcome.retry_reason);
    assert_eq!(outcome.rejected.len(), 1);
    assert_eq!(outcome.rejected[0].index, 1);
    publish.flush().await.unwrap();
    let found = fetch(&archive.with_key("read").await, &Query::all()).await.unwrap();
    let lengths: Vec<usize> = found.iter().map(|stored| stored.packet.data.len()).collect();
    assert_eq!(lengths, [60, 20 << 20]);
    archive.destroy().await;
}

/// Indices that are there already have no place for the terms, and packets in them are found as
/// before.
#[tokio::test]
async fn an_index_of_the_text_begins_with_the_next_partition() {
    let archive = Archive::set_up("text").await;
    let admin = archive.admin().await;
    append(&archive.with_key("publish").await, &packets("before.pcap", 3)).await;
    let options = SetupOptions { index_payload: true, ..archive.options() };
    let report = admin.setup(&options).await.unwrap();
    let outcomes: Vec<&str> = report.steps.iter().map(|step| step.outcome.as_str()).collect();
    assert_eq!(
        outcomes[..3],
        ["updated", "begins with indices that are made from now on", "updated"]
    );
    let outcomes = admin.setup(&archive.options()).await.unwrap();
    assert!(outcomes.steps[..3].iter().all(|step| step.outcome == "unchanged"), "it stays");

    let (publish, read) = (archive.with_key("publish").await, archive.with_key("read").await);
    append(&publish, &packets("after.pcap", 3)).await;
    let mut other_month = CaptureBuilder::new("other.pcap");
    for number in 0..5 {
        let text = format!("after.pcap {number}").into_bytes();
        other_month = other_month.packet(1_600_000_000_000_000_000, LinkType(147), text);
    }
    append(&publish, &other_month.records()).await;
    publish.flush().await.unwrap();

    let text = |text: &str| Query { filter: Filter::Is(Predicate::text(text)), ..Query::all() };
    let found = fetch(&read, &text("after.pcap 2")).await.unwrap();
    assert_eq!(found.len(), 1 + 6, "one by its terms, and all of which nothing is known");
    assert_eq!(fetch(&read, &text("no such text")).await.unwrap().len(), 6);
    assert_eq!(fetch(&read, &text("af")).await.unwrap().len(), 11, "too short for a term");
    assert!(read.status().await.unwrap().payload_index);

    let everything = json!({ "size": 100, "query": { "match_all": {} } });
    let path = format!("/{}/_search", archive.index());
    let answer = archive.ask(Method::Post, &path, Some(everything)).await;
    assert_eq!(answer["hits"]["total"]["value"], 11);
    assert!(!answer.to_string().contains("payload_terms"), "terms are in no document");
    archive.destroy().await;
}
