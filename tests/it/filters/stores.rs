//! The embedded store answers what `matches` selects.

use pcap_archiver::store::{self, Access, SetupOptions, StoreUrl};
use tempfile::TempDir;

use super::differential::all_corpora;
use crate::support::answers::{compare, fill};
use crate::support::expressions::{BEYOND, EXPRESSIONS, OUTERMOST};
use crate::support::say;

#[tokio::test]
async fn the_embedded_store_answers_what_matches_selects() {
    let folder = TempDir::new().unwrap();
    let corpora = all_corpora(folder.path());
    let mut records: Vec<_> = corpora.into_iter().flat_map(|corpus| corpus.records).collect();
    // Each packet of the big link types is decoded for each answer.
    let mut number = 0;
    records.retain(|record| {
        number += 1;
        record.stored.packet.link_type.0 != 1 || number % 3 == 0
    });
    let url = StoreUrl::directory(&folder.path().join("archive"));
    let store = store::open(url, Access::default()).await.unwrap();
    store.setup(&SetupOptions::default()).await.unwrap();
    fill(store.as_ref(), &records).await;
    let expressions = [EXPRESSIONS, OUTERMOST, BEYOND].concat();
    let telling = compare(store.as_ref(), &records, expressions.iter().copied()).await;
    say(&format!(
        "filters: {} expressions on {} packets in the embedded store, {telling} select some",
        expressions.len(),
        records.len()
    ));
    assert!(telling > 200, "{telling}");
}
