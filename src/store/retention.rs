//! Retention: what has to go so that an archive stays within its limits.
//!
//! A store tells its [`Slice`]s; [`decide`] says which of them go, and is all there is to decide;
//! [`enforce`] removes them. What goes is always the oldest, by capture time.

use std::time::Duration;

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
    /// Whether it is still above its size: packets came in meanwhile, or took more room than was
    /// estimated.
    pub is_unfinished: bool,
}

/// Removes so many times, at most, and looks again after each: how many bytes a stretch of time
/// takes is an estimate where a store does not keep it apart, and packets may come in meanwhile.
const LOOKS: usize = 5;

/// Removes from `store` what has to go.
///
/// # Errors
/// When the store fails. What was removed until then is gone.
pub async fn enforce(store: &dyn PacketStore, policy: Policy) -> StoreResult<Outcome> {
    let mut outcome = Outcome::default();
    for look in 0..=LOOKS {
        let plan = plan(store, policy).await?;
        outcome.excess = plan.excess;
        let Some(scope) = plan.scope() else { break };
        if look == LOOKS {
            // What has just become too old may wait.
            let mut fates = plan.fates.iter();
            outcome.is_unfinished = fates.any(|(_, fate)| matches!(fate, Fate::TooMuch(_)));
            break;
        }
        outcome.removed.add(store.prune(scope).await?);
        if scope == PruneScope::All {
            break;
        }
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests;
