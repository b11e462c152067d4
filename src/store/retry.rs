//! Patience: a store that waits and sends again what another store could not take yet.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use rand::Rng as _;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::packet::{PacketRecord, StoredPacket, Timestamp};
use crate::query::Query;
use crate::store::{
    AppendOutcome, Breakdown, Counts, Estimate, Explanation, PacketStore, PruneReport, PruneScope,
    SetupOptions, SetupReport, Slice, StoreError, StoreErrorKind, StoreResult, StoreStatus, Survey,
};

/// How long to wait between tries, and when to give up.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// Before the second try; doubled before each further one.
    pub first_pause: Duration,
    /// No pause is longer.
    pub longest_pause: Duration,
    /// How long a store may stay unavailable, without one packet getting through, before the
    /// error is handed on; `None` for as long as it takes.
    pub give_up_after: Option<Duration>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(10),
            give_up_after: Some(Duration::from_mins(10)),
        }
    }
}

/// How long a store that has let this caller in before, or is waited for however long it takes,
/// may refuse the login: a server that has just been started knows no keys for some seconds.
const LOGIN_MAY_FAIL: Duration = Duration::from_mins(5);

/// Wraps a store; the only place in the program that waits and tries again.
#[derive(Debug)]
pub struct RetryStore {
    inner: Arc<dyn PacketStore>,
    policy: RetryPolicy,
    /// Whether a call has succeeded, so that the credentials were right.
    was_let_in: AtomicBool,
}

impl RetryStore {
    /// A patient form of `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn PacketStore>, policy: RetryPolicy) -> Self {
        Self { inner, policy, was_let_in: AtomicBool::new(false) }
    }

    fn patience(&self) -> Patience {
        Patience::new(self.policy)
    }

    /// Waits before the next try, or hands the error on when there was enough waiting.
    async fn wait(&self, patience: &mut Patience, error: StoreError) -> StoreResult<()> {
        // Who never gives up may have come up before the store.
        let may_be_starting =
            self.was_let_in.load(Ordering::Relaxed) || self.policy.give_up_after.is_none();
        let may_pass = error.is_retryable()
            || error.kind == StoreErrorKind::Unauthorized
                && may_be_starting
                && patience.refused_since.get_or_insert_with(Instant::now).elapsed()
                    < LOGIN_MAY_FAIL;
        if may_pass { patience.wait(error).await } else { Err(error) }
    }
}

/// The state of one call that is being tried again.
struct Patience {
    policy: RetryPolicy,
    pause: Duration,
    deadline: Option<Instant>,
    /// Since when the login has been refused.
    refused_since: Option<Instant>,
}

impl Patience {
    fn new(policy: RetryPolicy) -> Self {
        let deadline = policy.give_up_after.map(|patience| Instant::now() + patience);
        Self { policy, pause: policy.first_pause, deadline, refused_since: None }
    }

    /// Something got through: the next failure starts a new count.
    fn reset(&mut self) {
        *self = Self::new(self.policy);
    }

    async fn wait(&mut self, error: StoreError) -> StoreResult<()> {
        if self.deadline.is_some_and(|end| Instant::now() >= end) {
            return Err(error);
        }
        // Half of the pause at random, so that several ingesters do not come back together.
        let pause = self.pause.mul_f64(rand::rng().random_range(0.5..1.0));
        warn!(%error, ?pause, "store is not ready, will try again");
        sleep(pause).await;
        self.pause = (self.pause * 2).min(self.policy.longest_pause);
        Ok(())
    }
}

/// These packets of a batch; mostly they are all of it.
fn part(batch: &Arc<Vec<PacketRecord>>, places: &[usize]) -> Arc<Vec<PacketRecord>> {
    if places.len() == batch.len() {
        return batch.clone();
    }
    Arc::new(places.iter().map(|place| batch[*place].clone()).collect())
}

#[async_trait]
impl PacketStore for RetryStore {
    async fn setup(&self, options: &SetupOptions) -> StoreResult<SetupReport> {
        self.inner.setup(options).await
    }

    /// Is not tried again; but whom it lets in, the store knows.
    async fn check(&self) -> StoreResult<()> {
        self.inner.check().await?;
        self.was_let_in.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn identity(&self) -> StoreResult<String> {
        let mut patience = self.patience();
        loop {
            match self.inner.identity().await {
                Err(error) => self.wait(&mut patience, error).await?,
                identity => return identity,
            }
        }
    }

    async fn append(&self, batch: Arc<Vec<PacketRecord>>) -> StoreResult<AppendOutcome> {
        let mut patience = self.patience();
        let mut total = AppendOutcome::default();
        let mut waiting: VecDeque<usize> = (0..batch.len()).collect();
        // A busy store may take a part of what it refuses as a whole.
        let mut at_once = batch.len();
        while !waiting.is_empty() {
            let places: Vec<usize> = waiting.drain(..at_once.min(waiting.len())).collect();
            let outcome = match self.inner.append(part(&batch, &places)).await {
                Ok(outcome) => outcome,
                Err(error) => {
                    if error.kind == StoreErrorKind::Busy {
                        at_once = places.len().div_ceil(2);
                    }
                    self.wait(&mut patience, error).await?;
                    places.into_iter().rev().for_each(|place| waiting.push_front(place));
                    continue;
                }
            };
            self.was_let_in.store(true, Ordering::Relaxed);
            total.stored += outcome.stored;
            total.duplicates += outcome.duplicates;
            total.rejected.extend(outcome.rejected.into_iter().map(|mut rejection| {
                rejection.index = places[rejection.index];
                rejection
            }));
            waiting.extend(outcome.retry.iter().map(|index| places[*index]));
            if outcome.retry.len() < places.len() {
                patience.reset();
                at_once = (at_once * 2).min(batch.len());
            }
            if !outcome.retry.is_empty() {
                let reason = outcome.retry_reason.unwrap_or_else(|| "busy".to_owned());
                let what = format!("store {} of {} packets", outcome.retry.len(), places.len());
                patience.wait(StoreError::new(StoreErrorKind::Busy, what, reason)).await?;
            }
        }
        Ok(total)
    }

    async fn flush(&self) -> StoreResult<()> {
        let mut patience = self.patience();
        let mut tries = 1;
        while let Err(error) = self.inner.flush().await {
            self.wait(&mut patience, error).await?;
            tries += 1;
        }
        if tries > 1 {
            info!(tries, "store is ready again");
        }
        Ok(())
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

#[cfg(all(test, feature = "testing"))]
mod tests;
