use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt as _};

use super::*;
use crate::packet::{PacketRecord, StoredPacket};
use crate::query::Query;
use crate::store::{
    AppendOutcome, Breakdown, Counts, Estimate, Explanation, SetupOptions, SetupReport,
    StoreStatus, Survey,
};

const DAY: Duration = Duration::from_hours(24);
/// Noon of the hundredth day.
const NOW: i128 = 100 * 24 + 12;

fn hour(hour: i128) -> Timestamp {
    Timestamp::from_nanoseconds(hour * 3_600_000_000_000)
}

fn slice(start: i128, end: i128, bytes: u64) -> Slice {
    Slice {
        partition: None,
        start: hour(start),
        end: hour(end),
        packets: Some(1),
        bytes: Some(bytes),
    }
}

/// The partition of a day.
fn day(number: i128, bytes: u64) -> Slice {
    let partition = Some(format!("day-{number}"));
    Slice { partition, ..slice(number * 24, number * 24 + 24, bytes) }
}

fn limits(days: impl Into<Option<u32>>, bytes: impl Into<Option<u64>>) -> Policy {
    Policy::Limits { age: days.into().map(|days| DAY * days), bytes: bytes.into() }
}

/// One letter for each slice: Old, Much, All go; Within, oPen stay.
fn letters(plan: &Plan) -> String {
    let letter = |fate: &Fate| match fate {
        Fate::GoesWithAll => 'A',
        Fate::TooOld(_) => 'O',
        Fate::TooMuch(_) => 'M',
        Fate::Open => 'p',
        Fate::Within => 'w',
    };
    plan.fates.iter().map(|(_, fate)| letter(fate)).collect()
}

#[test]
fn what_goes_and_why() {
    let days = || vec![day(97, 10), day(98, 20), day(99, 30), day(100, 40), day(101, 5)];
    let packets = || {
        let (last_hour, this_hour) = (slice(2411, 2412, 30), slice(2412, 2413, 5));
        vec![slice(0, 1, 10), slice(2400, 2411, 20), last_hour, this_hour]
    };
    for (what, slices, policy, expected, excess) in [
        ("nothing there", vec![], limits(1, 1), "", 0),
        ("everything", days(), Policy::Nothing, "AAAAA", 0),
        ("young enough", days(), limits(4, None), "wwwpp", 0),
        ("a partition goes when all of it is older", days(), limits(2, None), "Owwpp", 0),
        ("never what is open, whatever its age", days(), limits(0, None), "OOOpp", 0),
        ("small enough", days(), limits(None, 105), "wwwpp", 0),
        ("the oldest goes first", days(), limits(None, 104), "Mwwpp", 0),
        ("no more than needed", days(), limits(None, 95), "Mwwpp", 0),
        ("and the next", days(), limits(None, 94), "MMwpp", 0),
        ("just what is open", days(), limits(None, 45), "MMMpp", 0),
        ("what is open stays above the limit", days(), limits(None, 1), "MMMpp", 44),
        ("both, and age removes more", days(), limits(1, 100), "OOwpp", 0),
        ("both, and size removes more", days(), limits(2, 60), "OMMpp", 0),
        ("both, and size is satisfied by age", days(), limits(2, 95), "Owwpp", 0),
        ("what is no partition is never open", packets(), limits(None, 4), "MMMM", 0),
        ("the present goes last", packets(), limits(None, 5), "MMMw", 0),
        ("packets by age", packets(), limits(1, None), "Owww", 0),
    ] {
        let plan = decide(slices, policy, hour(NOW));
        assert_eq!((letters(&plan).as_str(), plan.excess), (expected, excess), "{what}");
    }
}

/// As much comes in as is removed.
#[derive(Debug)]
struct Busy(Slice);

fn not_asked<T>() -> StoreResult<T> {
    panic!("retention does not ask that")
}

#[async_trait]
impl PacketStore for Busy {
    async fn slices(&self, _: Option<Timestamp>) -> StoreResult<Vec<Slice>> {
        Ok(vec![self.0.clone()])
    }

    async fn prune(&self, _: PruneScope) -> StoreResult<PruneReport> {
        Ok(PruneReport { packets: 1, ..PruneReport::default() })
    }

    async fn setup(&self, _: &SetupOptions) -> StoreResult<SetupReport> {
        not_asked()
    }

    async fn check(&self) -> StoreResult<()> {
        not_asked()
    }

    async fn identity(&self) -> StoreResult<String> {
        not_asked()
    }

    async fn append(&self, _: Arc<Vec<PacketRecord>>) -> StoreResult<AppendOutcome> {
        not_asked()
    }

    async fn flush(&self) -> StoreResult<()> {
        not_asked()
    }

    fn fetch(&self, _: &Query) -> BoxStream<'static, StoreResult<StoredPacket>> {
        stream::empty().boxed()
    }

    async fn count(&self, _: &Query) -> StoreResult<u64> {
        not_asked()
    }

    async fn aggregate(&self, _: &Query, _: Breakdown) -> StoreResult<Option<Counts>> {
        not_asked()
    }

    async fn survey(&self, _: &Query) -> StoreResult<Survey> {
        not_asked()
    }

    async fn estimate(&self, _: &Query) -> StoreResult<Estimate> {
        not_asked()
    }

    async fn explain(&self, _: &Query) -> StoreResult<Explanation> {
        not_asked()
    }

    async fn status(&self) -> StoreResult<StoreStatus> {
        not_asked()
    }

    async fn destroy(&self) -> StoreResult<()> {
        not_asked()
    }
}

#[tokio::test]
async fn a_store_that_does_not_get_smaller_is_left_with_a_word() {
    let store = Busy(slice(0, 1, 100));
    let outcome = enforce(&store, limits(None, 99)).await.unwrap();
    assert_eq!((outcome.removed.packets, outcome.is_unfinished), (LOOKS as u64, true));
    let outcome = enforce(&store, limits(1, 100)).await.unwrap();
    assert!(!outcome.is_unfinished, "only its age is above a limit");
    let outcome = enforce(&store, limits(None, 100)).await.unwrap();
    assert_eq!(outcome, Outcome::default());
}

#[test]
fn the_reason_has_its_numbers() {
    let plan = decide(vec![day(97, 10), day(98, 20), day(99, 30)], limits(2, 30), hour(NOW));
    let fates: Vec<Fate> = plan.fates.iter().map(|(_, fate)| *fate).collect();
    assert_eq!(fates, [Fate::TooOld(hour(NOW - 48)), Fate::TooMuch(50), Fate::Within]);
    assert_eq!(plan.scope(), Some(PruneScope::Before(hour(99 * 24))));
}

#[test]
fn a_plan_without_anything_to_go_has_no_scope() {
    assert_eq!(decide(vec![day(99, 1)], limits(30, 100), hour(NOW)).scope(), None);
    assert_eq!(decide(vec![], Policy::Nothing, hour(NOW)).scope(), None);
    let all = decide(vec![day(99, 1), day(101, 1)], Policy::Nothing, hour(NOW));
    assert_eq!(all.scope(), Some(PruneScope::All));
}

/// Sizes that nobody knows count as nothing, and protect nobody.
#[test]
fn a_partition_of_unknown_size_goes_in_its_turn() {
    let closed = Slice { bytes: None, packets: None, ..day(96, 0) };
    let plan = decide(vec![closed, day(97, 10), day(98, 20)], limits(None, 20), hour(NOW));
    assert_eq!(letters(&plan), "MMw");
}

/// Damaged captures have packets of any time: what is before 1970 is just old, and what is in
/// the future is the youngest; as a partition it is open until its time has come.
#[test]
fn times_that_cannot_be() {
    let first = Slice { start: Timestamp::from_nanoseconds(i128::MIN), ..day(0, 10) };
    let last = Slice { end: Timestamp::from_nanoseconds(i128::MAX), ..day(106_751, 10) };
    let slices = vec![first, day(99, 10), last];
    assert_eq!(letters(&decide(slices.clone(), limits(30, None), hour(NOW))), "Owp");
    assert_eq!(letters(&decide(slices, limits(None, 5), hour(NOW))), "MMp");
    let ages = limits(None, None).oldest(hour(NOW));
    assert_eq!(ages, None);
    let ever = Policy::Limits { age: Some(Duration::MAX), bytes: None };
    assert!(ever.oldest(hour(NOW)) < Some(hour(0)), "older than time itself");
}
