use std::fmt;

use ipnet::IpNet;

use crate::document::Value;
use crate::document::fields::FieldId;
use crate::packet::PacketId;
use crate::query::{TimeRange, Wildcard};

/// A condition on stored fields. Each backend translates it word for word.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Every packet.
    All,
    /// All of these; never empty.
    And(Vec<Condition>),
    /// At least one of these; with none of them, no packet.
    Or(Vec<Condition>),
    /// The opposite.
    Not(Box<Condition>),
    /// One of the field's values is this.
    Equals(FieldId, Value<'static>),
    /// One of the field's addresses lies in this network.
    InNetwork(FieldId, IpNet),
    /// One of the field's numbers, times or addresses lies between these, which belong to it; a
    /// missing end is open. Addresses are in the order of IPv6, with IPv4 mapped.
    Between(FieldId, Option<Value<'static>>, Option<Value<'static>>),
    /// One of the field's texts has this form.
    Like(FieldId, Wildcard),
    /// The field has a value that is indexed.
    Exists(FieldId),
    /// The field has a text that is too long to be indexed.
    TooLong(FieldId),
    /// One of these packets; never empty.
    Ids(Vec<PacketId>),
    /// All these [`terms`](crate::document::payload::terms), or the packet's text is not indexed; never
    /// empty.
    Terms(Vec<String>),
}

impl Condition {
    /// No packet.
    pub const NONE: Self = Self::Or(Vec::new());

    /// One of the field's values is this text.
    pub(super) fn is(field: FieldId, text: impl Into<String>) -> Self {
        Self::Equals(field, Value::Text(text.into().into()))
    }

    /// One of the field's values is this number.
    pub(super) fn number(field: FieldId, number: impl Into<i64>) -> Self {
        Self::Equals(field, Value::Number(number.into()))
    }

    /// All of the conditions, without those that say nothing.
    pub fn all(conditions: impl IntoIterator<Item = Self>) -> Self {
        let mut all: Vec<Self> = Vec::new();
        for condition in conditions {
            match condition {
                Self::All => {}
                Self::Or(none) if none.is_empty() => return Self::NONE,
                Self::And(more) => all.extend(more),
                condition if all.contains(&condition) => {}
                condition => all.push(condition),
            }
        }
        match all.len() {
            0 => Self::All,
            1 => all.remove(0),
            _ => Self::And(all),
        }
    }

    /// One of the conditions; every packet if one of them says nothing. Packets that are asked for
    /// by their ids are looked up together.
    pub fn any(conditions: impl IntoIterator<Item = Self>) -> Self {
        let mut any: Vec<Self> = Vec::new();
        let mut ids = Vec::new();
        for condition in conditions {
            match condition {
                Self::All => return Self::All,
                Self::Or(more) => any.extend(more),
                Self::Ids(some) => ids.extend(some),
                condition if any.contains(&condition) => {}
                condition => any.push(condition),
            }
        }
        if !ids.is_empty() {
            any.push(Self::Ids(ids));
        }
        if any.len() == 1 { any.remove(0) } else { Self::Or(any) }
    }

    /// The opposite.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::All => Self::NONE,
            Self::Or(none) if none.is_empty() => Self::All,
            Self::Not(condition) => *condition,
            condition => Self::Not(Box::new(condition)),
        }
    }
}

/// The times between two values of a condition on times; an end of another kind is none.
#[must_use]
pub fn times_between(first: Option<&Value<'_>>, last: Option<&Value<'_>>) -> TimeRange {
    let time = |end: Option<&Value<'_>>| match end {
        Some(Value::Time(time)) => Some(*time),
        _ => None,
    };
    TimeRange { earliest: time(first), latest: time(last) }
}

/// The tree in one line: `related.ip:192.0.2.1 and (source.port:53 or destination.port:53)`.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |field: &FieldId| field.field().name;
        match self {
            Self::All => f.write_str("all"),
            Self::Or(none) if none.is_empty() => f.write_str("none"),
            Self::And(conditions) => list(f, conditions, " and "),
            Self::Or(conditions) => list(f, conditions, " or "),
            Self::Not(condition) => {
                f.write_str("not ")?;
                part(f, condition)
            }
            Self::Equals(field, value) => write!(f, "{}:{value}", name(field)),
            Self::InNetwork(field, network) => write!(f, "{}:{network}", name(field)),
            Self::Between(field, first, last) => match (first, last) {
                (Some(first), Some(last)) => write!(f, "{}:[{first} to {last}]", name(field)),
                (Some(first), None) => write!(f, "{}>={first}", name(field)),
                (None, Some(last)) => write!(f, "{}<={last}", name(field)),
                (None, None) => write!(f, "{}:*", name(field)),
            },
            Self::Like(field, wildcard) => write!(f, "{}:{wildcard}", name(field)),
            Self::Exists(field) => write!(f, "{}:*", name(field)),
            Self::TooLong(field) => write!(f, "{}:(too long)", name(field)),
            Self::Ids(ids) => {
                f.write_str("id:")?;
                for (position, id) in ids.iter().enumerate() {
                    write!(f, "{}{id}", if position > 0 { "," } else { "" })?;
                }
                Ok(())
            }
            Self::Terms(terms) => {
                write!(f, "{}:({})", name(&FieldId::PacketPayloadTerms), terms.join(" "))
            }
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, conditions: &[Condition], between: &str) -> fmt::Result {
    for (position, condition) in conditions.iter().enumerate() {
        if position > 0 {
            f.write_str(between)?;
        }
        part(f, condition)?;
    }
    Ok(())
}

fn part(f: &mut fmt::Formatter<'_>, condition: &Condition) -> fmt::Result {
    match condition {
        Condition::Or(none) if none.is_empty() => write!(f, "{condition}"),
        Condition::And(_) | Condition::Or(_) => write!(f, "({condition})"),
        _ => write!(f, "{condition}"),
    }
}
