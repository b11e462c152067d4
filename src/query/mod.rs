//! What is asked for: text → [`Filter`] ([`parse`]), a filter as text, and what it means
//! ([`matches()`]).

mod arithmetic;
mod display;
mod error;
mod field;
mod filter;
mod matches;
mod parse;
mod payload;
mod predicate;
mod protocol;
mod words;

use crate::packet::Timestamp;
pub use arithmetic::{Accessor, Arithmetic, Comparison, Operator, Relation};
pub use error::ParseError;
pub use field::{FieldCondition, FieldTest, Wildcard};
pub use filter::Filter;
pub use matches::{Matcher, matches};
pub use parse::{parse, service_name};
pub use payload::{Pattern, Payload};
pub use predicate::{
    AddressProtocol, Addresses, Carrier, Cast, Direction, Host, HostDirection, Llc, Mac, Ports,
    Predicate, Scope, Transport, Way, Wlan,
};
pub use protocol::Protocol;
pub use words::Words;

/// A question to the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// What the packets must satisfy.
    pub filter: Filter,
    /// When they were captured.
    pub time: TimeRange,
    /// In which order they come.
    pub order: Order,
}

impl Query {
    /// Everything, in time order.
    #[must_use]
    pub fn all() -> Self {
        Self { filter: Filter::All, time: TimeRange::default(), order: Order::Time }
    }
}

/// The order of the answer. Ties end with the packet id, so it is the same on every store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// By [`Timestamp::indexed`], then frame number, then id.
    #[default]
    Time,
    /// By capture, then frame number, then id: a capture file as it was.
    Frame,
}

/// Both ends belong to the range; a missing end is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeRange {
    /// Not before this time.
    pub earliest: Option<Timestamp>,
    /// Not after this time.
    pub latest: Option<Timestamp>,
}

impl TimeRange {
    /// Whether `time` lies in the range.
    #[must_use]
    pub fn contains(&self, time: Timestamp) -> bool {
        self.earliest.is_none_or(|earliest| time >= earliest)
            && self.latest.is_none_or(|latest| time <= latest)
    }
}
