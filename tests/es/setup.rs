//! Setting up, again and again; keys and their rights; taking everything away.

use pcap_archiver::packet::Timestamp;
use pcap_archiver::query::Query;
use pcap_archiver::store::{
    PacketStore as _, Partition, PruneScope, SetupOptions, SetupReport, StoreErrorKind,
};
use serde_json::{Value, json};

use crate::support::{Archive, Method, append, fetch, kind_of, packets};

const ROLES: [&str; 3] = ["publish", "read", "prune"];

fn outcomes(report: &SetupReport) -> Vec<&str> {
    report.steps.iter().map(|step| step.outcome.as_str()).collect()
}

async fn template(archive: &Archive) -> Value {
    let path = format!("/_index_template/{}", archive.index());
    archive.ask(Method::Get, &path, None).await["index_templates"][0]["index_template"].take()
}

async fn keys_on_server(archive: &Archive) -> Vec<String> {
    let answer = archive.ask(Method::Get, "/_security/api_key?active_only=true", None).await;
    let keys = answer["api_keys"].as_array().expect("keys").iter();
    let ours = keys.filter(|key| key["metadata"]["archive"] == archive.index());
    ours.map(|key| key["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn the_second_setup_changes_nothing() {
    let archive = Archive::named("twice");
    let admin = archive.admin().await;
    let first = admin.setup(&archive.options()).await.unwrap();
    assert_eq!(outcomes(&first)[..5], ["created"; 5], "{first:?}");
    let keys = ROLES.map(|role| archive.key(role));
    let before = template(&archive).await;
    assert_eq!(before["_meta"]["layout"], "singles");
    assert_eq!(before["_meta"]["partition"], "day");
    assert_eq!(before["_meta"]["format"], 2);

    let second = admin.setup(&archive.options()).await.unwrap();
    assert_eq!(outcomes(&second)[..5], ["unchanged"; 5], "{second:?}");
    assert_eq!(ROLES.map(|role| archive.key(role)), keys);
    assert_eq!(template(&archive).await, before);
    assert_eq!(keys_on_server(&archive).await.len(), 3);
    archive.destroy().await;
}

#[tokio::test]
async fn what_decides_over_the_index_stays() {
    let archive = Archive::named("stays");
    let admin = archive.admin().await;
    let hourly = SetupOptions { partition: Partition::Hour, ..archive.options() };
    admin.setup(&hourly).await.unwrap();
    let shards = SetupOptions { shards: Some(2), ..archive.options() };
    let report = admin.setup(&shards).await.unwrap();
    assert_eq!(report.steps[0].outcome, "updated");
    assert!(report.steps[1].outcome.starts_with("stays hour"), "{report:?}");
    let template = template(&archive).await;
    assert_eq!(template["_meta"]["partition"], "hour");
    assert_eq!(template["template"]["settings"]["index"]["number_of_shards"], "2");
    archive.destroy().await;
}

#[tokio::test]
async fn rotated_keys_replace_the_old_ones() {
    let archive = Archive::set_up("rotate").await;
    let old = archive.key_access("read");
    let options = SetupOptions { rotate_keys: true, ..archive.options() };
    archive.admin().await.setup(&options).await.unwrap();
    assert_ne!(pcap_archiver_key(&old), archive.key("read"));
    assert_eq!(keys_on_server(&archive).await.len(), 3);
    let result = fetch(&archive.server.open(&old).await, &Query::all()).await;
    assert_eq!(kind_of(result), StoreErrorKind::Unauthorized);
    assert_eq!(fetch(&archive.with_key("read").await, &Query::all()).await.unwrap(), []);
    archive.destroy().await;
}

fn pcap_archiver_key(access: &pcap_archiver::store::Access) -> String {
    match &access.credentials {
        pcap_archiver::store::Credentials::ApiKey(key) => key.expose().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_damaged_or_weakened_key_is_replaced() {
    let archive = Archive::set_up("damaged").await;
    let publish = archive.key("publish");
    std::fs::write(archive.keys.path().join("read.key"), "nonsense\n").unwrap();
    // The publish key in the place of the prune key is valid, and has the wrong rights.
    std::fs::write(archive.keys.path().join("prune.key"), &publish).unwrap();
    let report = archive.admin().await.setup(&archive.options()).await.unwrap();
    assert_eq!(outcomes(&report)[2..5], ["unchanged", "created", "created"]);
    assert_eq!(archive.key("publish"), publish);
    assert_ne!(archive.key("prune"), publish);
    archive.destroy().await;
}

#[tokio::test]
async fn each_key_does_its_work_and_no_other() {
    let archive = Archive::set_up("rights").await;
    let (publish, read, prune) = (
        archive.with_key("publish").await,
        archive.with_key("read").await,
        archive.with_key("prune").await,
    );
    let records = packets("rights.pcap", 5);
    for store in [&publish, &read, &prune] {
        store.check().await.unwrap();
    }
    assert_eq!(append(&publish, &records).await.stored, 5);
    publish.flush().await.unwrap();
    assert_eq!(fetch(&read, &Query::all()).await.unwrap().len(), 5);
    assert_eq!(read.count(&Query::all()).await.unwrap(), 5);
    assert_eq!(prune.slices(None).await.unwrap().len(), 1);

    assert_eq!(kind_of(publish.count(&Query::all()).await), StoreErrorKind::Forbidden);
    assert_eq!(kind_of(read.slices(None).await), StoreErrorKind::Forbidden);
    assert_eq!(kind_of(fetch(&publish, &Query::all()).await), StoreErrorKind::Forbidden);
    assert_eq!(kind_of(publish.prune(PruneScope::All).await), StoreErrorKind::Forbidden);
    assert_eq!(kind_of(read.append(records.clone()).await), StoreErrorKind::Forbidden);
    assert_eq!(kind_of(read.prune(PruneScope::All).await), StoreErrorKind::Forbidden);
    assert_eq!(kind_of(prune.append(records.clone()).await), StoreErrorKind::Forbidden);
    assert_eq!(kind_of(fetch(&prune, &Query::all()).await), StoreErrorKind::Forbidden);

    let status = publish.status().await.unwrap();
    assert!(status.store.starts_with("Elasticsearch 8."), "{status:?}");
    assert_eq!(
        (status.set_up, status.may_append, status.may_read, status.may_prune, status.packets),
        (true, Some(true), Some(false), Some(false), None)
    );
    let status = read.status().await.unwrap();
    assert_eq!(
        (status.may_append, status.may_read, status.packets, status.bytes, status.partitions),
        (Some(false), Some(true), Some(5), None, Some(1))
    );
    let status = prune.status().await.unwrap();
    assert_eq!((status.may_prune, status.packets), (Some(true), Some(5)));
    assert!(status.bytes.is_some_and(|bytes| bytes > 0));

    let report = prune.prune(PruneScope::All).await.unwrap();
    assert_eq!((report.packets, report.partitions.len()), (5, 1));
    assert_eq!(fetch(&read, &Query::all()).await.unwrap(), []);
    archive.destroy().await;
}

#[tokio::test]
async fn days_without_packets_are_told() {
    let archive = Archive::set_up("gaps").await;
    let admin = archive.admin().await;
    let mut capture = pcap_archiver::testing::CaptureBuilder::new("gaps.pcap");
    for day in ["2023-01-01", "2023-01-02", "2023-01-10", "2023-03-01"] {
        let time: jiff::Timestamp = format!("{day}T12:00:00Z").parse().unwrap();
        let link_type = pcap_archiver::packet::LinkType::RAW;
        capture = capture.packet(time.as_nanosecond(), link_type, vec![1]);
    }
    append(&admin, &capture.records()).await;
    admin.flush().await.unwrap();
    let status = admin.status().await.unwrap();
    assert_eq!(status.gaps, ["2023-01-03..2023-01-09", "2023-01-11..2023-02-28"]);
    assert_eq!((status.packets, status.partitions), (Some(4), Some(2)));
    let noon = |day: &str| {
        let time: jiff::Timestamp = format!("{day}T12:00:00Z").parse().unwrap();
        Some(Timestamp::from_nanoseconds(time.as_nanosecond()))
    };
    assert_eq!((status.earliest, status.latest), (noon("2023-01-01"), noon("2023-03-01")));
    archive.destroy().await;
}

#[tokio::test]
async fn an_index_in_the_place_of_the_alias_is_a_conflict() {
    let archive = Archive::named("conflict");
    let path = format!("/{}", archive.index());
    archive.ask(Method::Put, &path, Some(json!({}))).await;
    let error = archive.admin().await.setup(&archive.options()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Conflict);
    assert!(error.to_string().contains("--index NAME"), "{error}");
    archive.ask(Method::Delete, &path, None).await;
}

#[tokio::test]
async fn destroy_leaves_nothing() {
    let archive = Archive::set_up("destroy").await;
    let admin = archive.admin().await;
    append(&admin, &packets("destroy.pcap", 3)).await;
    admin.destroy().await.unwrap();
    assert_eq!(keys_on_server(&archive).await, Vec::<String>::new());
    let indices = archive.ask(Method::Get, &format!("/{}*", archive.index()), None).await;
    assert_eq!(indices, json!({}));
    assert_eq!(kind_of(admin.check().await), StoreErrorKind::NotSetUp);
    admin.destroy().await.unwrap();
}

/// `pcap-test-x` and `pcap-test-x-y` share the beginning of their index names.
#[tokio::test]
async fn archives_whose_names_begin_alike_stay_apart() {
    let outer = Archive::set_up("alike").await;
    let mut inner = Archive::named("inner");
    inner.access.index = format!("{}-inner", outer.index());
    inner.admin().await.setup(&inner.options()).await.unwrap();
    let (one, other) = (outer.admin().await, inner.admin().await);
    append(&one, &packets("one.pcap", 2)).await;
    append(&other, &packets("other.pcap", 3)).await;
    one.flush().await.unwrap();
    other.flush().await.unwrap();
    assert_eq!(fetch(&one, &Query::all()).await.unwrap().len(), 2);
    assert_eq!(fetch(&other, &Query::all()).await.unwrap().len(), 3);
    outer.destroy().await;
    assert_eq!(fetch(&other, &Query::all()).await.unwrap().len(), 3);
    inner.destroy().await;
}
