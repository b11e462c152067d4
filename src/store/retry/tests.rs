use std::sync::atomic::AtomicU64;

use super::*;
use crate::packet::LinkType;
use crate::store::memory::MemoryStore;
use crate::testing::CaptureBuilder;

/// A store that takes at most so many packets at once, and fails now and then.
#[derive(Debug, Default)]
struct Moody {
    inner: MemoryStore,
    largest: usize,
    calls: AtomicU64,
}

#[async_trait]
impl PacketStore for Moody {
    async fn append(&self, batch: Arc<Vec<PacketRecord>>) -> StoreResult<AppendOutcome> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let fails = |kind| Err(StoreError::new(kind, "store packets", "not now"));
        if call.is_multiple_of(5) {
            return fails(StoreErrorKind::Unreachable);
        }
        // A server that was started again knows no keys for a while.
        if call.is_multiple_of(7) {
            return fails(StoreErrorKind::Unauthorized);
        }
        if batch.len() > self.largest {
            return fails(StoreErrorKind::Busy);
        }
        // Every second packet is to be sent again, except when it comes alone.
        let (now, later): (Vec<usize>, Vec<usize>) =
            (0..batch.len()).partition(|index| index % 2 == 0);
        let taken = now.iter().map(|index| batch[*index].clone()).collect();
        let outcome = self.inner.append(Arc::new(taken)).await?;
        Ok(AppendOutcome { retry: later, ..outcome })
    }

    async fn setup(&self, options: &SetupOptions) -> StoreResult<SetupReport> {
        self.inner.setup(options).await
    }

    async fn check(&self) -> StoreResult<()> {
        self.inner.check().await
    }

    async fn identity(&self) -> StoreResult<String> {
        self.inner.identity().await
    }

    async fn flush(&self) -> StoreResult<()> {
        self.inner.flush().await
    }

    fn fetch(&self, query: &Query) -> BoxStream<'static, StoreResult<StoredPacket>> {
        self.inner.fetch(query)
    }

    async fn count(&self, query: &Query) -> StoreResult<u64> {
        self.inner.count(query).await
    }

    async fn aggregate(&self, query: &Query, what: Breakdown) -> StoreResult<Option<Counts>> {
        self.inner.aggregate(query, what).await
    }

    async fn survey(&self, query: &Query) -> StoreResult<Survey> {
        self.inner.survey(query).await
    }

    async fn estimate(&self, query: &Query) -> StoreResult<Estimate> {
        self.inner.estimate(query).await
    }

    async fn explain(&self, query: &Query) -> StoreResult<Explanation> {
        self.inner.explain(query).await
    }

    async fn slices(&self, cut: Option<Timestamp>) -> StoreResult<Vec<Slice>> {
        self.inner.slices(cut).await
    }

    async fn prune(&self, scope: PruneScope) -> StoreResult<PruneReport> {
        self.inner.prune(scope).await
    }

    async fn status(&self) -> StoreResult<StoreStatus> {
        self.inner.status().await
    }

    async fn destroy(&self) -> StoreResult<()> {
        self.inner.destroy().await
    }
}

fn policy(give_up_after: Duration) -> RetryPolicy {
    RetryPolicy {
        first_pause: Duration::from_micros(10),
        longest_pause: Duration::from_micros(100),
        give_up_after: Some(give_up_after),
    }
}

fn hundred() -> Arc<Vec<PacketRecord>> {
    let mut capture = CaptureBuilder::new("hundred.pcap");
    for number in 0..100_u8 {
        capture = capture.packet(i128::from(number), LinkType::RAW, vec![number]);
    }
    capture.records()
}

#[tokio::test]
async fn a_busy_store_gets_every_packet_once_in_smaller_parts() {
    let moody = Arc::new(Moody { largest: 9, ..Moody::default() });
    let store = RetryStore::new(moody, policy(Duration::from_mins(1)));
    let outcome = store.append(hundred()).await.unwrap();
    assert_eq!((outcome.stored, outcome.duplicates), (100, 0));
    assert!(outcome.rejected.is_empty() && outcome.retry.is_empty());
    let status = store.status().await.unwrap();
    assert_eq!(status.packets, Some(100));
}

#[tokio::test]
async fn a_wrong_key_is_not_tried_again() {
    let moody = Arc::new(Moody { largest: 200, calls: AtomicU64::new(6), ..Moody::default() });
    let store = RetryStore::new(moody, policy(Duration::from_mins(1)));
    let error = store.append(hundred()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unauthorized);
}

#[tokio::test]
async fn a_service_that_came_up_before_its_store_is_let_in_later() {
    let moody = Arc::new(Moody { largest: 200, calls: AtomicU64::new(6), ..Moody::default() });
    let policy = RetryPolicy { give_up_after: None, ..policy(Duration::ZERO) };
    let outcome = RetryStore::new(moody, policy).append(hundred()).await.unwrap();
    assert_eq!(outcome.stored, 100);
}

#[tokio::test]
async fn patience_ends() {
    let moody = Arc::new(Moody { largest: 0, ..Moody::default() });
    let store = RetryStore::new(moody, policy(Duration::from_millis(5)));
    let error = store.append(hundred()).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
}
