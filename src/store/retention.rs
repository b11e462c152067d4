//! Retention: what has to go so that an archive stays within its limits.
//!
//! A store tells its [`Slice`]s; [`decide`] says which of them go, and is all there is to decide;
//! [`enforce`] removes them. What goes is always the oldest, by capture time.

use std::time::Duration;

use tracing::warn;

use crate::packet::Timestamp;
use crate::store::{PacketStore, PruneReport, PruneScope, StoreResult};

/// A stretch of capture time that can be removed without what is younger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// Name of the partition, in a store that removes only whole partitions; packets may still
    /// come into it as long as its time has not ended.
    pub partition: Option<String>,
    /// Start of its time.
    pub start: Timestamp,
    /// End of its time; belongs to the next slice.
    pub end: Timestamp,
    /// Packets in it, where the store can tell.
    pub packets: Option<u64>,
    /// Bytes on disk that it takes, where the store can tell.
    pub bytes: Option<u64>,
}

impl Slice {
    /// Whether it is a partition that packets captured now, or later, belong to.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.partition.is_some() && self.end > now
    }
}

/// What may stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Nothing.
    Nothing,
    /// What satisfies both limits.
    Limits {
        /// Not captured longer ago than this.
        age: Option<Duration>,
        /// Bytes on disk, at most.
        bytes: Option<u64>,
    },
}

impl Policy {
    /// What was captured before this time is too old; `None` when age does not matter.
    #[must_use]
    pub fn oldest(&self, now: Timestamp) -> Option<Timestamp> {
        let Self::Limits { age: Some(age), .. } = self else { return None };
        let age = i128::try_from(age.as_nanos()).unwrap_or(i128::MAX);
        Some(Timestamp::from_nanoseconds(now.nanoseconds().saturating_sub(age)))
    }
}

/// What becomes of a slice, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Goes, because everything does.
    GoesWithAll,
    /// Goes, because all of it was captured before this time.
    TooOld(Timestamp),
    /// Goes, because with it and what is younger there would be this many bytes.
    TooMuch(u64),
    /// Stays, because packets that are captured now may belong to it.
    Open,
    /// Stays, because it is within the limits.
    Within,
}

impl Fate {
    /// Whether the slice goes.
    #[must_use]
    pub fn goes(self) -> bool {
        matches!(self, Self::GoesWithAll | Self::TooOld(_) | Self::TooMuch(_))
    }
}

/// What becomes of each slice: first those that go, then those that stay.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// The slices and their fates.
    pub fates: Vec<(Slice, Fate)>,
    /// Bytes above the limit that remain all the same, because the rest is still open.
    pub excess: u64,
}

impl Plan {
    /// What has to be removed; `None` when everything is within the limits.
    #[must_use]
    pub fn scope(&self) -> Option<PruneScope> {
        let (slice, fate) = self.fates.iter().rfind(|(_, fate)| fate.goes())?;
        Some(match fate {
            Fate::GoesWithAll => PruneScope::All,
            _ => PruneScope::Before(slice.end),
        })
    }
}

/// Decides what goes, given all slices of a store by the end of their time.
#[must_use]
pub fn decide(slices: Vec<Slice>, policy: Policy, now: Timestamp) -> Plan {
    let too_old = policy.oldest(now);
    let limit = match policy {
        Policy::Nothing => None,
        Policy::Limits { bytes, .. } => bytes,
    };
    // The bytes from the slice on that is being looked at.
    let mut bytes = slices.iter().filter_map(|slice| slice.bytes).fold(0, u64::saturating_add);
    let mut fates = Vec::with_capacity(slices.len());
    for slice in slices {
        let fate = match (too_old, limit) {
            _ if policy == Policy::Nothing => Fate::GoesWithAll,
            _ if slice.is_open(now) => Fate::Open,
            (Some(oldest), _) if slice.end <= oldest => Fate::TooOld(oldest),
            (_, Some(limit)) if bytes > limit => Fate::TooMuch(bytes),
            _ => Fate::Within,
        };
        if fate.goes() {
            bytes = bytes.saturating_sub(slice.bytes.unwrap_or(0));
        }
        fates.push((slice, fate));
    }
    Plan { fates, excess: limit.map_or(0, |limit| bytes.saturating_sub(limit)) }
}

/// The time by this machine's clock.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::from_nanoseconds(jiff::Timestamp::now().as_nanosecond())
}

/// Decides what goes from `store` now.
///
/// # Errors
/// When the store cannot tell its slices.
pub async fn plan(store: &dyn PacketStore, policy: Policy) -> StoreResult<Plan> {
    let now = now();
    Ok(decide(store.slices(policy.oldest(now)).await?, policy, now))
}

/// What a round of retention did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// What was removed.
    pub removed: PruneReport,
    /// See [`Plan::excess`].
    pub excess: u64,
}

/// Looks at a store so many times, at most, while removing: how many bytes a stretch of time
/// takes is an estimate where a store does not keep it apart, and packets may come in meanwhile.
const LOOKS: usize = 5;

/// Removes from `store` what has to go.
///
/// # Errors
/// When the store fails. What was removed until then is gone.
pub async fn enforce(store: &dyn PacketStore, policy: Policy) -> StoreResult<Outcome> {
    let mut outcome = Outcome::default();
    for _ in 0..LOOKS {
        let plan = plan(store, policy).await?;
        outcome.excess = plan.excess;
        let Some(scope) = plan.scope() else { return Ok(outcome) };
        outcome.removed.add(store.prune(scope).await?);
        if scope == PruneScope::All {
            return Ok(outcome);
        }
    }
    warn!("packets come in while others are removed: the archive may still be above its limit");
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
