//! The part of the suite that is about what a store removes, and when.

use crate::packet::{LinkType, Timestamp};
use crate::query::Query;
use crate::store::PruneScope;
use crate::store::retention::{self, Slice};
use crate::testing::conformance::{DAY, START, filled, ids};
use crate::testing::{CaptureBuilder, Fixture};

pub(super) async fn slices_hold_everything_and_go_one_by_one(fixture: &dyn Fixture) {
    let mut capture = CaptureBuilder::new("slices.pcap");
    for day in [200, 0, 100, 300] {
        for offset in 0..5 {
            capture = capture.packet(START + day * DAY + offset, LinkType::RAW, vec![1; 100]);
        }
    }
    let records = capture.records();
    let store = filled(fixture, &records).await;
    let cut = Timestamp::from_nanoseconds(START + 100 * DAY + 2);
    let slices = store.slices(Some(cut)).await.expect("slices");
    assert!(slices.len() > 1, "{slices:?}");
    assert!(slices.is_sorted_by_key(|slice| slice.end), "{slices:?}");
    let is_divided = |slice: &Slice| slice.start < cut && cut < slice.end;
    assert!(
        !fixture.stores_singles()
            || slices.iter().all(|slice| slice.partition.is_some() || !is_divided(slice)),
        "single packets are divided at the cut: {slices:?}"
    );
    let mut left = 20;
    if fixture.stores_singles() {
        assert_eq!(slices.iter().filter_map(|slice| slice.packets).sum::<u64>(), left);
    }
    for slice in slices {
        let times = records.iter().map(|record| record.stored.packet.timestamp);
        let within = times.filter(|time| (slice.start..slice.end).contains(time)).count() as u64;
        let report = store.prune(PruneScope::Before(slice.end)).await.expect("prune");
        if fixture.stores_singles() {
            assert_eq!(slice.packets, Some(within), "{slice:?}");
            assert_eq!(report.packets, within, "{slice:?}");
        }
        assert_eq!(Vec::from_iter(slice.partition), report.partitions);
        left -= within;
        assert_eq!(store.count(&Query::all()).await.expect("count"), left);
    }
    assert_eq!(store.slices(None).await.expect("slices"), []);
}

pub(super) async fn a_partition_whose_time_has_not_ended_stays(fixture: &dyn Fixture) {
    let now = retention::now();
    let capture = [now.nanoseconds() - 1_000, now.nanoseconds() + 50 * DAY]
        .into_iter()
        .fold(CaptureBuilder::new("now.pcap"), |capture, time| {
            capture.packet(time, LinkType::RAW, vec![1; 100])
        });
    let store = filled(fixture, &capture.records()).await;
    let is_partitioned = store.slices(None).await.expect("slices")[0].partition.is_some();
    let ever = PruneScope::Before(Timestamp::from_parts(i64::MAX, 0));
    let report = store.prune(ever).await.expect("prune");
    let expected = if is_partitioned { 0 } else { 2 };
    assert_eq!((report.packets, report.partitions), (expected, Vec::new()));
    assert_eq!(ids(&store).await.len() as u64, 2 - expected);
}
