#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::executor::block_on;
use futures::stream;
use proptest::prelude::*;

use super::*;
use crate::document::Value;
use crate::document::fields::FieldId;
use crate::fetch;
use crate::packet::{LinkType, PacketId};
use crate::query::{FieldCondition, FieldTest, Filter, Order, Predicate};
use crate::store::memory::MemoryStore;
use crate::testing::CaptureBuilder;

/// Packets of a few captures with many equal times and frame numbers.
fn records() -> Vec<PacketRecord> {
    let mut records = Vec::new();
    for capture in 0..4_u8 {
        let mut builder = CaptureBuilder::new(&format!("{capture}.pcap"));
        for frame in 0..12_i128 {
            builder = builder.packet(frame / 5, LinkType::RAW, vec![capture]);
        }
        records.extend(builder.records().iter().cloned());
    }
    records
}

fn store(records: Vec<PacketRecord>) -> Arc<dyn PacketStore> {
    let store = MemoryStore::default();
    block_on(store.append(Arc::new(records))).unwrap();
    Arc::new(store)
}

fn fetched(store: &dyn PacketStore, query: &Query) -> Vec<StoredPacket> {
    block_on(store.fetch(query).try_collect()).unwrap()
}

fn selected(store: &dyn PacketStore, filter: Filter) -> Vec<PacketId> {
    let query = Query { filter, ..Query::all() };
    let found: Vec<PacketRecord> =
        block_on(fetch::packets(store, &query, None).try_collect()).unwrap();
    found.into_iter().map(|record| record.stored.id()).collect()
}

fn file(name: &str) -> Filter {
    let condition = FieldCondition::Equals(Value::Text(name.to_owned().into()));
    Filter::Is(Predicate::Field(FieldTest { field: FieldId::FileName, condition }))
}

proptest! {
    /// However packets are distributed, and however often each is stored, all come once and in the
    /// order of one store that has them all.
    #[test]
    fn several_stores_give_what_one_gives(
        places in prop::collection::vec(prop::collection::vec(any::<bool>(), 3), 48),
    ) {
        let records = records();
        let with = |store: usize| {
            let held = records.iter().zip(&places).filter(|(_, held)| held[store]);
            held.map(|(record, _)| record.clone()).collect::<Vec<_>>()
        };
        let held = records.iter().zip(&places).filter(|(_, held)| held.contains(&true));
        let one = store(held.map(|(record, _)| record.clone()).collect());
        let several = JoinedStore::new((0..3).map(|number| store(with(number))).collect());
        for order in [Order::Time, Order::Frame] {
            let query = Query { order, ..Query::all() };
            let expected = fetched(one.as_ref(), &query);
            prop_assert_eq!(fetched(&several, &query), expected);
        }
        let count = block_on(several.count(&Query::all())).unwrap();
        prop_assert_eq!(count, block_on(one.count(&Query::all())).unwrap());
        let survey = block_on(several.survey(&Query::all())).unwrap();
        prop_assert_eq!(survey, block_on(one.survey(&Query::all())).unwrap());
    }
}

/// The same file under another name is the same packets; each name finds them, and all do once.
#[test]
fn a_packet_is_found_by_each_of_its_copies() {
    let packets = |name: &str| {
        let capture = CaptureBuilder::new(name).packet(1, LinkType::RAW, vec![1]);
        capture.packet(2, LinkType::RAW, vec![2]).records().to_vec()
    };
    let ids: Vec<PacketId> = packets("a.pcap").iter().map(|record| record.stored.id()).collect();
    let several = JoinedStore::new(vec![store(packets("a.pcap")), store(packets("b.pcap.gz"))]);
    assert_eq!(fetched(&several, &Query::all()).len(), 4);
    assert_eq!(block_on(several.count(&Query::all())).unwrap(), 2);
    let not_a = Filter::Not(Box::new(file("a.pcap")));
    for filter in [Filter::All, file("a.pcap"), file("b.pcap.gz"), not_a] {
        assert_eq!(selected(&several, filter.clone()), ids, "{filter}");
    }
    assert_eq!(selected(&several, file("c.pcap")), []);
}

/// A store that cannot be read further is not at its end.
#[test]
fn an_error_of_one_store_ends_all() {
    let packets = records().into_iter().take(3).map(|record| record.stored);
    let error = StoreError::new(StoreErrorKind::Busy, "read packets", "not now");
    let whole = stream::iter(packets.clone().map(Ok)).boxed();
    let broken = stream::iter(packets.take(1).map(Ok).chain([Err(error)])).boxed();
    let merged = merge::merge(vec![whole, broken], Order::Time);
    let merged: Vec<StoreResult<StoredPacket>> = block_on(merged.collect());
    assert_eq!(merged.len(), 2);
    assert_eq!(merged[1].as_ref().unwrap_err().kind, StoreErrorKind::Busy);
}

/// Only as much is asked of a store as the reader takes.
#[test]
fn streams_are_read_as_they_are_asked() {
    let packets = records().into_iter().map(|record| record.stored);
    let pulled = Arc::new(AtomicUsize::new(0));
    let counted = pulled.clone();
    let counting = packets.inspect(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    let merged = merge::merge(vec![stream::iter(counting.map(Ok)).boxed()], Order::Frame);
    let some: Vec<_> = block_on(merged.take(5).collect());
    assert_eq!((some.len(), pulled.load(Ordering::Relaxed)), (5, 5));
}

#[test]
fn what_writes_needs_one_store() {
    let several = JoinedStore::new(vec![store(Vec::new()), store(Vec::new())]);
    block_on(several.check()).unwrap();
    let refused = [
        block_on(several.append(Arc::default())).map(|_| ()),
        block_on(several.flush()),
        block_on(several.setup(&SetupOptions::default())).map(|_| ()),
        block_on(several.slices(None)).map(|_| ()),
        block_on(several.prune(PruneScope::All)).map(|_| ()),
        block_on(several.destroy()),
    ];
    for refused in refused {
        let error = refused.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Unsupported);
        assert!(error.to_string().contains("name one of them"), "{error}");
    }
}
