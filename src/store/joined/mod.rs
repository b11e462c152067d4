//! Several archives that are read as one.
//!
//! | file | what it does |
//! | --- | --- |
//! | `merge` | packets of several stores in the query's order |
//! | `status` | what several stores hold together |

mod merge;
mod status;

use std::sync::Arc;

use async_trait::async_trait;
use futures::TryStreamExt as _;
use futures::future::{self, try_join_all};
use futures::stream::{BoxStream, StreamExt as _};

use crate::packet::{PacketRecord, StoredPacket, Timestamp};
use crate::query::Query;
use crate::store::{
    Access, AppendOutcome, Breakdown, Counts, Estimate, Explanation, PacketStore, PruneReport,
    PruneScope, SetupOptions, SetupReport, Slice, StoreError, StoreErrorKind, StoreResult,
    StoreStatus, StoreUrl, Survey,
};

/// Opens the archives that these accesses name at one URL: one as it is, several as one.
///
/// # Errors
/// When one of them cannot be opened.
pub async fn open(url: &StoreUrl, archives: Vec<Access>) -> StoreResult<Arc<dyn PacketStore>> {
    let stores = archives.into_iter().map(|access| crate::store::open(url.clone(), access));
    let stores: Vec<Arc<dyn PacketStore>> = try_join_all(stores).await?;
    Ok(match <[_; 1]>::try_from(stores) {
        Ok([store]) => store,
        Err(stores) => Arc::new(JoinedStore::new(stores)),
    })
}

/// Reads several stores as one, and writes to none of them.
///
/// Of a packet that several of them hold, copies may differ in what is no part of its identity,
/// such as file name and comments. Only the query tells which of them it selects, so each comes,
/// one after the other; equal ones come once.
#[derive(Debug)]
pub struct JoinedStore {
    stores: Vec<Arc<dyn PacketStore>>,
}

impl JoinedStore {
    /// Of copies that are equal, the one of the store that stands first is given.
    #[must_use]
    pub fn new(stores: Vec<Arc<dyn PacketStore>>) -> Self {
        Self { stores }
    }

    /// What each store answers, in their order; the first error ends it.
    async fn each<'s, T, F>(&'s self, ask: impl Fn(&'s dyn PacketStore) -> F) -> StoreResult<Vec<T>>
    where
        F: Future<Output = StoreResult<T>>,
    {
        try_join_all(self.stores.iter().map(|store| ask(store.as_ref()))).await
    }
}

fn of_one<T>(what: &str) -> StoreResult<T> {
    let reason = "several archives are only read together: name one of them";
    Err(StoreError::new(StoreErrorKind::Unsupported, what, reason))
}

#[async_trait]
impl PacketStore for JoinedStore {
    async fn setup(&self, _: &SetupOptions) -> StoreResult<SetupReport> {
        of_one("set up an archive")
    }

    async fn check(&self) -> StoreResult<()> {
        self.each(PacketStore::check).await.map(|_| ())
    }

    async fn identity(&self) -> StoreResult<String> {
        Ok(self.each(PacketStore::identity).await?.join("; "))
    }

    async fn append(&self, _: Arc<Vec<PacketRecord>>) -> StoreResult<AppendOutcome> {
        of_one("store packets")
    }

    async fn flush(&self) -> StoreResult<()> {
        of_one("store packets")
    }

    fn fetch(&self, query: &Query) -> BoxStream<'static, StoreResult<StoredPacket>> {
        let streams = self.stores.iter().map(|store| store.fetch(query)).collect();
        merge::merge(streams, query.order).boxed()
    }

    /// Only the packets tell which of them several stores hold.
    async fn count(&self, query: &Query) -> StoreResult<u64> {
        let mut last: Option<StoredPacket> = None;
        let count = self.fetch(query).try_fold(0, |packets, packet| {
            let is_again = last.as_ref().is_some_and(|last| packet.is_same(last));
            last = Some(packet);
            future::ready(Ok(packets + u64::from(!is_again)))
        });
        count.await
    }

    async fn aggregate(&self, _: &Query, _: Breakdown) -> StoreResult<Option<Counts>> {
        Ok(None)
    }

    async fn survey(&self, query: &Query) -> StoreResult<Survey> {
        let mut whole = Survey::default();
        for survey in self.each(|store| store.survey(query)).await? {
            whole.link_types.extend(survey.link_types);
            whole.needs_pcapng |= survey.needs_pcapng;
        }
        Ok(whole)
    }

    /// A packet that several stores hold weighs in each of them.
    async fn estimate(&self, query: &Query) -> StoreResult<Estimate> {
        let mut whole = Estimate::default();
        for estimate in self.each(|store| store.estimate(query)).await? {
            whole.packets += estimate.packets;
            whole.bytes += estimate.bytes;
        }
        Ok(whole)
    }

    /// The plan is that of the store which leaves most to be looked at.
    async fn explain(&self, query: &Query) -> StoreResult<Explanation> {
        let explanations = self.each(|store| store.explain(query)).await?;
        let requests: Vec<&str> =
            explanations.iter().map(|explanation| explanation.request.as_str()).collect();
        let request = requests.join("\n");
        let plans = explanations.into_iter().map(|explanation| explanation.plan);
        let plan = plans.max_by_key(|plan| (plan.reads_everything(), !plan.is_exact()));
        let Some(plan) = plan else { return of_one("explain a query") };
        Ok(Explanation { plan, request })
    }

    async fn slices(&self, _: Option<Timestamp>) -> StoreResult<Vec<Slice>> {
        of_one("look for what can be removed")
    }

    async fn prune(&self, _: PruneScope) -> StoreResult<PruneReport> {
        of_one("remove packets")
    }

    /// An archive that is not there is an error: the sum would hide it.
    async fn status(&self) -> StoreResult<StoreStatus> {
        self.check().await?;
        Ok(status::joined(&self.each(PacketStore::status).await?))
    }

    async fn destroy(&self) -> StoreResult<()> {
        of_one("remove an archive")
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests;
