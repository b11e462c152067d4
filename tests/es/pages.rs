//! Many packets, long packets, packets that tie, and a reader that goes away.

use std::sync::Arc;

use futures::StreamExt as _;
use pcap_archiver::packet::{LinkType, StoredPacket};
use pcap_archiver::query::{Filter, Order, Predicate, Query};
use pcap_archiver::store::memory::MemoryStore;
use pcap_archiver::store::{Layout, PacketStore, SetupOptions};
use pcap_archiver::testing::{CaptureBuilder, udp_frame};
use serde_json::json;

use crate::support::{Archive, Method, append, fetch, packets};

const START: i128 = 1_700_000_000_000_000_000;

async fn open_snapshots(archive: &Archive) -> u64 {
    let path = format!("/{}/_stats/search", archive.index());
    let stats = archive.ask(Method::Get, &path, None).await;
    stats["_all"]["total"]["search"]["open_contexts"].as_u64().expect("a number")
}

/// Every packet has the time and frame number of two hundred others, over page borders.
#[tokio::test]
async fn packets_that_tie_come_in_one_order_over_all_pages() {
    let archive = Archive::set_up("ties").await;
    let (publish, read) = (archive.with_key("publish").await, archive.with_key("read").await);
    let reference = MemoryStore::default();
    for number in 0..200_u8 {
        let mut capture = CaptureBuilder::new(&format!("{number}.pcap"));
        for frame in 0..70_i128 {
            let data = vec![number; 10];
            capture = capture.packet(START + frame / 10, LinkType::ETHERNET, data);
        }
        let records = capture.records();
        append(&publish, &records).await;
        append(&reference, &records).await;
    }
    publish.flush().await.unwrap();
    for order in [Order::Time, Order::Frame] {
        let query = Query { order, ..Query::all() };
        let found = fetch(&read, &query).await.unwrap();
        assert_eq!(found.len(), 14_000);
        assert_eq!(found, fetch(&reference, &query).await.unwrap(), "{order:?}");
    }
    archive.destroy().await;
}

/// A few long packets among many short ones make the pages small.
#[tokio::test]
async fn long_packets_come_in_smaller_pages() {
    let archive = Archive::set_up("long").await;
    let (publish, read) = (archive.with_key("publish").await, archive.with_key("read").await);
    let mut capture = CaptureBuilder::new("long.pcap");
    for number in 0..12_000_i128 {
        let length = if number % 100 == 99 { 262_144 } else { 60 };
        capture = capture.packet(START + number, LinkType::ETHERNET, vec![7; length]);
    }
    let records = capture.records();
    assert_eq!(append(&publish, &records).await.stored, 12_000);
    publish.flush().await.unwrap();
    let found = fetch(&read, &Query::all()).await.unwrap();
    let expected: Vec<StoredPacket> = records.iter().map(|record| record.stored.clone()).collect();
    assert!(found == expected, "{} packets", found.len());
    archive.destroy().await;
}

/// Bursts, gaps and ends of the clock: behind the first window pages are cut by time.
#[tokio::test]
async fn pages_are_cut_by_time_wherever_packets_stand() {
    const MILLISECOND: i128 = 1_000_000;
    let times = (0..11_000).map(|number| START + number * 3 * MILLISECOND).chain([
        // Outside of the index's clock, and its last time.
        -1_000 * MILLISECOND,
        i128::from(i64::MAX) + 5,
        i128::from(i64::MAX),
    ]);
    let short = times.map(|time| (time, 60));
    let hour = START + 3_600_000 * MILLISECOND;
    // More than an answer may have, and more bytes than a page has, in one millisecond.
    let burst = (0..11_000).map(|number| (hour + number / 2, 60));
    let long = (0..300).map(|number| (2 * hour - START + number, 60_000));
    let years = (0..300).map(|number| (START + number * 86_400_000 * MILLISECOND / 20, 50_000));
    let mut capture = CaptureBuilder::new("times.pcap");
    for (number, (time, length)) in (0_u32..).zip(short.chain(burst).chain(long).chain(years)) {
        let client = format!("10.0.0.{}:{}", number % 250, 1_024 + number % 7_001);
        let payload = vec![number.to_le_bytes()[0]; length];
        let frame = udp_frame(client.parse().unwrap(), "192.0.2.53:53".parse().unwrap(), &payload);
        capture = capture.packet(time, LinkType::ETHERNET, frame);
    }
    let records = capture.records();
    let reference = MemoryStore::default();
    append(&reference, &records).await;
    for layout in [Layout::Singles, Layout::Flows] {
        let archive = Archive::named("times");
        let admin = archive.admin().await;
        let options = SetupOptions { layout: Some(layout), ..SetupOptions::default() };
        admin.setup(&options).await.unwrap();
        append(&admin, &records).await;
        admin.flush().await.unwrap();
        for order in [Order::Time, Order::Frame] {
            let query = Query { order, ..Query::all() };
            let found = fetch(&admin, &query).await.unwrap();
            let expected = fetch(&reference, &query).await.unwrap();
            assert!(found == expected, "{layout:?}, {order:?}: {} packets", found.len());
        }
        archive.destroy().await;
    }
}

#[tokio::test]
async fn snapshots_are_closed_at_the_end_and_when_nobody_reads_on() {
    let archive = Archive::set_up("dropped").await;
    let admin = archive.admin().await;
    append(&admin, &packets("dropped.pcap", 5_000)).await;
    admin.flush().await.unwrap();
    assert_eq!(fetch(&admin, &Query::all()).await.unwrap().len(), 5_000);
    assert_eq!(open_snapshots(&archive).await, 0, "at the end");

    let mut stream = admin.fetch(&Query::all());
    assert!(stream.next().await.expect("a packet").is_ok());
    assert!(open_snapshots(&archive).await > 0);
    drop(stream);
    let closed = async {
        while open_snapshots(&archive).await > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), closed).await.expect("closed");
    archive.destroy().await;
}

#[tokio::test]
async fn a_snapshot_does_not_see_later_packets() {
    let archive = Archive::set_up("later").await;
    let admin = archive.admin().await;
    append(&admin, &packets("first.pcap", 3_000)).await;
    admin.flush().await.unwrap();
    let mut stream = admin.fetch(&Query::all());
    assert!(stream.next().await.expect("a packet").is_ok());
    append(&admin, &packets("second.pcap", 3_000)).await;
    admin.flush().await.unwrap();
    assert_eq!(stream.count().await, 2_999);
    archive.destroy().await;
}

/// A closed index loses its snapshots, as one whose node dies does, and has its packets still.
#[tokio::test]
async fn a_lost_snapshot_costs_no_packet() {
    let archive = Archive::set_up("lost").await;
    let admin = archive.admin().await;
    let reference = MemoryStore::default();
    let index = format!("{}-2023.11", archive.index());
    for number in 0..40_u8 {
        // Each packet has the time and frame number of forty others.
        let mut capture = CaptureBuilder::new(&format!("{number}.pcap"));
        for frame in 0..300_i128 {
            capture = capture.packet(START + frame, LinkType::ETHERNET, vec![number; 1_200]);
        }
        let records = capture.records();
        append(&admin, &records).await;
        append(&reference, &records).await;
    }
    admin.flush().await.unwrap();
    for order in [Order::Time, Order::Frame] {
        let query = Query { order, ..Query::all() };
        let mut stream = admin.fetch(&query);
        // Some of the second page.
        let begin = stream.by_ref().take(200).map(Result::unwrap);
        let mut found: Vec<StoredPacket> = begin.collect().await;
        forget_snapshots(&archive, &index).await;
        found.extend(stream.map(Result::unwrap).collect::<Vec<_>>().await);
        assert!(found == fetch(&reference, &query).await.unwrap(), "{order:?}: {}", found.len());
    }
    assert_eq!(open_snapshots(&archive).await, 0);

    let mut stream = admin.fetch(&Query::all());
    assert!(stream.next().await.expect("a packet").is_ok());
    let early = CaptureBuilder::new("early.pcap").packet(START - 1, LinkType::ETHERNET, vec![1]);
    append(&admin, &early.records()).await;
    admin.flush().await.unwrap();
    forget_snapshots(&archive, &index).await;
    let rest: Vec<_> = stream.collect().await;
    let error = rest.last().expect("an error").as_ref().unwrap_err();
    assert!(error.to_string().contains("not all packets were given"), "{error}");
    archive.destroy().await;
}

async fn forget_snapshots(archive: &Archive, index: &str) {
    for path in ["_close", "_open"] {
        let answer = archive.ask(Method::Post, &format!("/{index}/{path}"), None).await;
        assert_eq!(answer["acknowledged"], true, "{answer}");
    }
}

/// An error in the middle is not the end of the packets.
#[tokio::test]
async fn a_partition_that_goes_away_is_an_error() {
    let archive = Archive::set_up("gone").await;
    let admin = archive.admin().await;
    // More pages than are asked for ahead.
    let mut capture = CaptureBuilder::new("gone.pcap");
    for number in 0..700_i128 {
        capture = capture.packet(START + number, LinkType::ETHERNET, vec![7; 100_000]);
    }
    append(&admin, &capture.records()).await;
    admin.flush().await.unwrap();
    let mut stream = admin.fetch(&Query::all());
    assert!(stream.next().await.expect("a packet").is_ok());
    archive.ask(Method::Delete, &format!("/{}-2023.11", archive.index()), None).await;
    let rest: Vec<_> = stream.collect().await;
    assert!(rest.last().expect("an error").is_err(), "{} packets", rest.len());
    archive.destroy().await;
}

#[tokio::test]
async fn odd_networks_are_understood() {
    let archive = Archive::set_up("networks").await;
    let admin = archive.admin().await;
    append(&admin, &packets("networks.pcap", 1)).await;
    admin.flush().await.unwrap();
    for network in ["::/0", "0.0.0.0/0", "::ffff:192.0.2.0/120", "::/90", "fe80::/10"] {
        let filter = Filter::Is(Predicate::host(network.parse().unwrap()));
        let query = Query { filter, ..Query::all() };
        assert!(fetch(&admin, &query).await.is_ok(), "{network}");
    }
    archive.destroy().await;
}

/// A foreign document behind the alias must not be taken for a packet, nor be passed over.
#[tokio::test]
async fn a_damaged_document_is_told() {
    let archive = Archive::set_up("damage").await;
    let admin: Arc<dyn PacketStore> = Arc::new(archive.admin().await);
    let path = format!("/{}-2023.11/_doc/o95Rshl6mwfYjI9S6ll9ug?refresh=true", archive.index());
    let document = json!({ "@timestamp": "2023-11-14T00:00:00Z", "event": { "sequence": 1 } });
    archive.ask(Method::Put, &path, Some(document)).await;
    let error = fetch(admin.as_ref(), &Query::all()).await.unwrap_err();
    assert!(error.to_string().contains("missing field"), "{error}");
    archive.destroy().await;
}
