//! Elasticsearch answers what `matches` selects.

use crate::sandbox::answers::{compare, fill};
use crate::sandbox::expressions::{BEYOND, EXPRESSIONS, OUTERMOST, corpora};
use crate::sandbox::{conversations, say};
use crate::support::Archive;

/// Packets of one link type, at most: each answer may read all of them.
const OF_EACH: usize = 120;

#[tokio::test]
async fn elasticsearch_answers_what_matches_selects() {
    let folder = tempfile::tempdir().unwrap();
    let made = [("conversations.pcap".to_owned(), conversations())];
    let mut records = Vec::new();
    for corpus in corpora(&made, folder.path()) {
        let step = corpus.records.len().div_ceil(OF_EACH);
        records.extend(corpus.records.into_iter().step_by(step));
    }
    let archive = Archive::set_up("filters").await;
    let store = archive.admin().await;
    fill(&store, &records).await;
    let expressions = [EXPRESSIONS, OUTERMOST, BEYOND].concat();
    let telling = compare(&store, &records, expressions.iter().copied()).await;
    say(&format!(
        "filters: {} expressions on {} packets in Elasticsearch, {telling} select some",
        expressions.len(),
        records.len()
    ));
    archive.destroy().await;
    assert!(telling > 60, "{telling}");
}
