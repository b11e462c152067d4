//! What a store can be asked: a filter brought down to conditions on stored fields.
//!
//! A filter becomes two conditions, with the packets it selects between them: [`Plan::condition`]
//! selects all of them and perhaps others, [`Plan::certain`] selects none but them. So a filter
//! can be negated (the opposite of what is certain is a superset of the opposite), a store may
//! answer the one and leave the rest to [`crate::query::matches`], and where both are the same
//! ([`Plan::is_exact`]) nothing is left: a number that a store counts is then the number.

mod bounds;
mod condition;
mod field;
mod packet;
mod relation;
mod text;

pub use condition::{Condition, times_between};

use crate::document::fields::FieldId;
use crate::packet::Timestamp;
use crate::query::{Filter, Predicate, Query, TimeRange};
use bounds::Bounds;
use packet::Sight;

/// What a store has indexed, and how.
#[derive(Debug, Clone, Copy)]
pub struct Abilities {
    /// Whether the text in packets is indexed.
    pub payload: bool,
    /// Whether a document stands for several packets. Then what one of them satisfies says nothing
    /// about the others, so nothing is ever certain.
    pub several_packets: bool,
    /// Which field answers for a field.
    pub answering: fn(FieldId) -> Answering,
}

/// Which field answers for a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answering {
    /// The field itself.
    Itself,
    /// Another one, which has all its values and others.
    Other(FieldId),
    /// None.
    Nothing,
}

/// How a store answers a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Selects every packet that the query selects, and perhaps others. The query's time range
    /// stands beside it.
    pub condition: Condition,
    /// Selects no packet that the query does not select. What lies between the two, only
    /// [`crate::query::matches`] can tell.
    pub certain: Condition,
    /// What of the filter is left to [`crate::query::matches`]; `None` when the store's answer is
    /// the answer.
    pub left: Option<Filter>,
}

impl Plan {
    /// How a store with these abilities answers `query`.
    #[must_use]
    pub fn new(query: &Query, abilities: &Abilities) -> Self {
        let Bounds { upper, mut lower } = abilities.bounds(&query.filter, &mut false);
        let is_time_exact = query.time == TimeRange::default()
            || is_exact(query.time) && !abilities.several_packets;
        lower = match Sight::over(&query.filter) {
            _ if !is_time_exact => Condition::NONE,
            Sight::Fields => lower,
            // Where the packet ends before what one condition looks at, the others do not count.
            Sight::Headers => Condition::all([lower, abilities.unread().negated().lower]),
            Sight::Bytes => Condition::NONE,
        };
        let left = match &query.filter {
            _ if upper == lower => None,
            Filter::And(filters) if is_time_exact => {
                let mut entered = false;
                let is_doubtful =
                    |filter: &&Filter| !abilities.bounds(filter, &mut entered).is_exact();
                Some(Filter::all_of(filters.iter().filter(is_doubtful).cloned()))
            }
            filter => Some(filter.clone()),
        };
        Self { condition: upper, certain: lower, left }
    }

    /// Whether the store selects exactly what the query selects.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.left.is_none()
    }

    /// Selects the packets of which only [`crate::query::matches`] can tell whether they are
    /// selected. Where there are none of them, the store's answer is the answer all the same.
    #[must_use]
    pub fn doubtful(&self) -> Condition {
        Condition::all([self.condition.clone(), self.certain.clone().negated()])
    }

    /// Whether the store has to give every packet of the time range, though not all are asked for.
    #[must_use]
    pub fn reads_everything(&self) -> bool {
        self.condition == Condition::All && !self.is_exact()
    }
}

impl Sight {
    /// What the conditions of a filter look at, the farthest of them.
    fn over(filter: &Filter) -> Self {
        match filter {
            Filter::All => Self::Fields,
            Filter::And(filters) | Filter::Or(filters) => {
                filters.iter().map(Self::over).max().unwrap_or(Self::Fields)
            }
            Filter::Not(filter) => Self::over(filter),
            Filter::Is(predicate) => Self::of(predicate),
        }
    }
}

/// Whether the times at the ends of the index can be told from those beyond them.
fn is_exact(range: TimeRange) -> bool {
    const FIRST: Timestamp = Timestamp::from_nanoseconds(0);
    const LAST: Timestamp = Timestamp::from_nanoseconds(i64::MAX as i128);
    range.earliest.is_none_or(|earliest| FIRST < earliest && earliest <= LAST)
        && range.latest.is_none_or(|latest| FIRST <= latest && latest < LAST)
}

impl Abilities {
    /// Whether `filter` has text to look for, so that it matters whether text is indexed.
    #[must_use]
    pub fn is_about_text(filter: &Filter) -> bool {
        let answering = |_| Answering::Nothing;
        let of = |payload| Self { payload, several_packets: true, answering };
        of(true).bounds(filter, &mut false).upper != of(false).bounds(filter, &mut false).upper
    }

    /// `entered`: whether a word has entered another packet, for all conditions to its right.
    fn bounds(&self, filter: &Filter, entered: &mut bool) -> Bounds {
        let bounds = match filter {
            Filter::All => Bounds::exact(Condition::All),
            Filter::And(filters) => {
                Bounds::all(filters.iter().map(|filter| self.bounds(filter, entered)))
            }
            Filter::Or(filters) => {
                Bounds::any(filters.iter().map(|filter| self.bounds(filter, entered)))
            }
            Filter::Not(filter) => self.bounds(filter, entered).negated(),
            Filter::Is(predicate) => {
                let bounds = self.predicate(predicate, *entered);
                *entered |= matches!(predicate, Predicate::Geneve(_) | Predicate::Pppoes(_));
                bounds
            }
        };
        let is_trivial = matches!(filter, Filter::All);
        if self.several_packets && !is_trivial { bounds.superset() } else { bounds }
    }
}

#[cfg(test)]
mod tests;
