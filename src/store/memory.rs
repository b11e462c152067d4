//! A store that keeps nothing beyond the process: the reference in tests, and the template of a
//! new backend.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt as _};

use crate::packet::{PacketId, PacketRecord, StoredPacket, Timestamp};
use crate::query::{Matcher, Query};
use crate::store::aggregate::Tally;
use crate::store::order;
use crate::store::pushdown::Condition;
use crate::store::{
    AppendOutcome, Backend, Breakdown, Counts, Estimate, Explanation, PacketStore, Plan,
    PruneReport, PruneScope, SetupOptions, SetupReport, Slice, StoreResult, StoreStatus, Survey,
};

/// `memory:`
pub const MEMORY: Backend = Backend {
    scheme: "memory",
    open: |_, _| Box::pin(async { Ok(Arc::new(MemoryStore::default()) as Arc<dyn PacketStore>) }),
};

/// All packets in a list.
#[derive(Default)]
pub struct MemoryStore {
    packets: Mutex<Packets>,
}

#[derive(Default)]
struct Packets {
    ids: HashSet<PacketId>,
    records: Vec<PacketRecord>,
}

impl MemoryStore {
    fn packets(&self) -> MutexGuard<'_, Packets> {
        // Nothing is left half done by a panic: each change is one push or one retain.
        self.packets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("packets", &self.packets().records.len()).finish()
    }
}

#[async_trait]
impl PacketStore for MemoryStore {
    async fn setup(&self, options: &SetupOptions) -> StoreResult<SetupReport> {
        options.refuse_kibana()?;
        Ok(SetupReport::default())
    }

    async fn check(&self) -> StoreResult<()> {
        Ok(())
    }

    async fn identity(&self) -> StoreResult<String> {
        Ok(format!("memory {:p}", &raw const self.packets))
    }

    async fn append(&self, batch: Arc<Vec<PacketRecord>>) -> StoreResult<AppendOutcome> {
        let mut packets = self.packets();
        let mut outcome = AppendOutcome::default();
        for record in batch.iter() {
            if packets.ids.insert(record.stored.id()) {
                packets.records.push(record.clone());
                outcome.stored += 1;
            } else {
                outcome.duplicates += 1;
            }
        }
        Ok(outcome)
    }

    async fn flush(&self) -> StoreResult<()> {
        Ok(())
    }

    fn fetch(&self, query: &Query) -> BoxStream<'static, StoreResult<StoredPacket>> {
        let (packets, matcher) = (self.packets(), Matcher::new(query));
        let selected = packets.records.iter().filter(|record| matcher.matches(record));
        let mut found: Vec<StoredPacket> = selected.map(|record| record.stored.clone()).collect();
        drop(packets);
        found.sort_by(|one, other| order::compare(one, other, query.order));
        stream::iter(found.into_iter().map(Ok)).boxed()
    }

    async fn count(&self, query: &Query) -> StoreResult<u64> {
        let (packets, matcher) = (self.packets(), Matcher::new(query));
        Ok(packets.records.iter().filter(|record| matcher.matches(record)).count() as u64)
    }

    async fn aggregate(&self, query: &Query, what: Breakdown) -> StoreResult<Option<Counts>> {
        let (packets, matcher) = (self.packets(), Matcher::new(query));
        let mut tally = Tally::new(what);
        packets.records.iter().filter(|record| matcher.matches(record)).for_each(|record| {
            tally.add(record);
        });
        Ok(Some(tally.finish()))
    }

    async fn survey(&self, query: &Query) -> StoreResult<Survey> {
        let (packets, matcher) = (self.packets(), Matcher::new(query));
        let mut survey = Survey::default();
        for record in packets.records.iter().filter(|record| matcher.matches(record)) {
            survey.add(&record.stored.packet);
        }
        Ok(survey)
    }

    async fn estimate(&self, query: &Query) -> StoreResult<Estimate> {
        let (packets, matcher) = (self.packets(), Matcher::new(query));
        let selected = packets.records.iter().filter(|record| matcher.matches(record));
        let lengths = selected.map(|record| u64::from(record.stored.packet.captured_length()));
        Ok(lengths.fold(Estimate::default(), |estimate, length| Estimate {
            packets: estimate.packets + 1,
            bytes: estimate.bytes + length,
        }))
    }

    async fn explain(&self, query: &Query) -> StoreResult<Explanation> {
        let plan = Plan { condition: Condition::All, certain: Condition::All, left: None };
        Ok(Explanation { plan, request: format!("every packet is looked at: {}", query.filter) })
    }

    async fn slices(&self, _: Option<Timestamp>) -> StoreResult<Vec<Slice>> {
        let packets = self.packets();
        let mut by_time: BTreeMap<Timestamp, (u64, u64)> = BTreeMap::new();
        for packet in packets.records.iter().map(|record| &record.stored.packet) {
            let (packets, bytes) = by_time.entry(packet.timestamp).or_default();
            *packets += 1;
            *bytes += packet.data.len() as u64;
        }
        let slice = |(start, (packets, bytes)): (Timestamp, _)| Slice {
            partition: None,
            start,
            end: Timestamp::from_nanoseconds(start.nanoseconds().saturating_add(1)),
            packets: Some(packets),
            bytes: Some(bytes),
        };
        Ok(by_time.into_iter().map(slice).collect())
    }

    async fn prune(&self, scope: PruneScope) -> StoreResult<PruneReport> {
        let mut packets = self.packets();
        let mut report = PruneReport::default();
        packets.records.retain(|record| {
            let packet = &record.stored.packet;
            let stays = match scope {
                PruneScope::All => false,
                PruneScope::Before(time) => packet.timestamp >= time,
            };
            if !stays {
                report.packets += 1;
                report.bytes += packet.data.len() as u64;
            }
            stays
        });
        packets.ids = packets.records.iter().map(|record| record.stored.id()).collect();
        Ok(report)
    }

    async fn status(&self) -> StoreResult<StoreStatus> {
        let packets = self.packets();
        let times = || packets.records.iter().map(|record| record.stored.packet.timestamp);
        let bytes = packets.records.iter().map(|record| record.stored.packet.data.len() as u64);
        Ok(StoreStatus {
            store: "memory".to_owned(),
            set_up: true,
            may_append: Some(true),
            may_read: Some(true),
            may_prune: Some(true),
            packets: Some(packets.records.len() as u64),
            earliest: times().min(),
            latest: times().max(),
            gaps: Vec::new(),
            bytes: Some(bytes.sum()),
            partitions: None,
            layout: None,
            payload_index: false,
        })
    }

    async fn destroy(&self) -> StoreResult<()> {
        self.prune(PruneScope::All).await.map(|_| ())
    }
}
