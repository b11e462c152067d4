//! One meaning on all stores: queries made at random, over packets of every kind, find in both
//! stores what [`matches`](pcap_archiver::query::matches) says, in content and order, with an index
//! of the text in packets and without, and in two archives that are read as one.
//!
//! 400 queries in `./test`; as many as `PCAP_ARCHIVER_DIFFERENTIAL_QUERIES` says otherwise. A
//! query that fails is made small, and its seed kept in `proptest-regressions/`.

mod corpus;
mod queries;

use std::sync::Arc;

use futures::TryStreamExt as _;
use futures::future::join_all;
use pcap_archiver::fetch;
use pcap_archiver::packet::StoredPacket;
use pcap_archiver::query::Query;
use pcap_archiver::store::joined::JoinedStore;
use pcap_archiver::store::memory::MemoryStore;
use pcap_archiver::store::{
    self, Access, Layout, PacketStore, RetryPolicy, RetryStore, SetupOptions, StoreUrl,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError, TestRunner};

use crate::support::Archive;

/// Queries that are under way at once: most of the time of one is waiting.
const AT_ONCE: usize = 8;

struct Stores {
    reference: MemoryStore,
    others: Vec<(String, Arc<dyn PacketStore>)>,
}

#[test]
fn all_stores_find_what_matches_says() {
    let queries = std::env::var("PCAP_ARCHIVER_DIFFERENTIAL_QUERIES");
    let queries: usize = queries.map_or(400, |number| number.parse().unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let records = corpus::records();
    let archives = [Archive::named("differential"), Archive::named("differential-text")];
    let of_flows = Archive::named("differential-flows");
    let stores = runtime.block_on(async {
        let mut others = Vec::new();
        for (index_payload, archive) in [false, true].into_iter().zip(&archives) {
            let options = SetupOptions { index_payload, ..SetupOptions::default() };
            let path = folder.path().join(format!("archive-{index_payload}"));
            let url = StoreUrl::directory(&path);
            let embedded = store::open(url, Access::default()).await.unwrap();
            let elasticsearch: Arc<dyn PacketStore> = Arc::new(archive.admin().await);
            for (name, store) in [("embedded", embedded), ("Elasticsearch", elasticsearch)] {
                let store: Arc<dyn PacketStore> =
                    Arc::new(RetryStore::new(store, RetryPolicy::default()));
                store.setup(&options).await.unwrap();
                for batch in records.chunks(500) {
                    let outcome = store.append(Arc::new(batch.to_vec())).await.unwrap();
                    assert_eq!((outcome.rejected, outcome.retry), (Vec::new(), Vec::new()));
                    store.flush().await.unwrap();
                }
                others.push((format!("{name}, text indexed: {index_payload}"), store));
            }
        }
        let options = SetupOptions { layout: Some(Layout::Flows), ..SetupOptions::default() };
        let flows = of_flows.admin().await;
        flows.setup(&options).await.unwrap();
        for batch in records.chunks(500) {
            flows.append(Arc::new(batch.to_vec())).await.unwrap();
        }
        flows.flush().await.unwrap();
        let (singles, flows) = (others[1].1.clone(), Arc::new(flows));
        let both: Arc<dyn PacketStore> = Arc::new(JoinedStore::new(vec![singles, flows.clone()]));
        others.push(("Elasticsearch, flows".to_owned(), flows));
        others.push(("Elasticsearch, both layouts as one".to_owned(), both));
        let url = StoreUrl::directory(&folder.path().join("archive-flows"));
        let flows = store::open(url, Access::default()).await.unwrap();
        flows.setup(&options).await.unwrap();
        for batch in records.chunks(700) {
            flows.append(Arc::new(batch.to_vec())).await.unwrap();
        }
        flows.flush().await.unwrap();
        others.push(("embedded, flows".to_owned(), flows));
        let reference = MemoryStore::default();
        reference.append(Arc::new(corpus::as_fetched(&records))).await.unwrap();
        Stores { reference, others }
    });

    let config = Config {
        // One to AT_ONCE in each case, since a case that fails is made small.
        cases: u32::try_from((2 * queries).div_ceil(AT_ONCE + 1)).unwrap(),
        max_shrink_iters: 300,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "proptest-regressions/differential.txt",
        ))),
        ..Config::default()
    };
    let some = prop::collection::vec(queries::query(&records), 1..=AT_ONCE);
    let result = TestRunner::new(config).run(&some, |queries| {
        let checked = join_all(queries.iter().map(|query| stores.check(query)));
        runtime.block_on(checked).into_iter().collect()
    });
    runtime.block_on(async {
        for archive in archives.into_iter().chain([of_flows]) {
            archive.destroy().await;
        }
    });
    result.unwrap();
}

async fn answer(
    store: &dyn PacketStore,
    query: &Query,
) -> Result<Vec<StoredPacket>, TestCaseError> {
    let records: Vec<_> = fetch::packets(store, query, None)
        .try_collect()
        .await
        .map_err(|error| TestCaseError::fail(format!("{}: {error}", query.filter)))?;
    Ok(records.into_iter().map(|record| record.stored).collect())
}

impl Stores {
    async fn check(&self, query: &Query) -> Result<(), TestCaseError> {
        let expected = answer(&self.reference, query).await?;
        for (name, store) in &self.others {
            let found = answer(store.as_ref(), query).await?;
            let explanation = store.explain(query).await.unwrap();
            let context =
                || format!("{name}: {}\n{:?}\n{}", query.filter, query.time, explanation.request);
            let of = |some: &[StoredPacket], others: &[StoredPacket]| {
                let lacking = some.iter().filter(|packet| !others.contains(packet));
                lacking.take(3).map(|packet| packet.id().to_string()).collect::<Vec<_>>()
            };
            let (lost, invented) = (of(&expected, &found), of(&found, &expected));
            prop_assert!(
                found == expected,
                "{} of {} packets, lost {lost:?}, invented {invented:?}, or out of order: {}",
                found.len(),
                expected.len(),
                context()
            );
            if explanation.plan.is_exact() {
                let packets = store.count(query).await.unwrap();
                prop_assert_eq!(packets, expected.len() as u64, "{}", context());
            }
        }
        Ok(())
    }
}
