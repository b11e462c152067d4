//! Arithmetic on a packet's bytes → what the store is asked.

use crate::document::Value;
use crate::document::fields::FieldId;
use crate::packet::TcpFlags;
use crate::query::{Accessor, Arithmetic, Comparison, Operator, Protocol, Relation, Scope};
use crate::store::pushdown::bounds::Bounds;
use crate::store::pushdown::{Abilities, Condition};

/// Place of the flags in a TCP header.
const FLAGS: Arithmetic = Arithmetic::Number(13);

impl Abilities {
    pub(super) fn relation(&self, relation: &Relation) -> Bounds {
        let Relation { left, comparison, right } = relation;
        match (left, right) {
            (Arithmetic::Length, Arithmetic::Number(number)) => self.length(*comparison, *number),
            (Arithmetic::Number(number), Arithmetic::Length) => {
                self.length(mirrored(*comparison), *number)
            }
            _ => {
                // Bytes that a packet has not got satisfy nothing.
                let mut protocols = Vec::new();
                protocols_of(left, &mut protocols);
                protocols_of(right, &mut protocols);
                let present = protocols.into_iter().map(|protocol| match protocol {
                    Protocol::Link | Protocol::Radio => Bounds::UNKNOWN,
                    protocol => self.protocol(Scope::Any, protocol),
                });
                let flags = Bounds::at_most(tcp_flags(relation));
                Bounds::all(present.chain([flags])).superset()
            }
        }
    }

    fn length(&self, comparison: Comparison, number: u32) -> Bounds {
        let number = i64::from(number);
        let (first, last) = match comparison {
            Comparison::Equal => (Some(number), Some(number)),
            Comparison::NotEqual => {
                return self.length_between(Some(number), Some(number)).negated();
            }
            Comparison::Less => (None, Some(number - 1)),
            Comparison::LessOrEqual => (None, Some(number)),
            Comparison::Greater => (Some(number + 1), None),
            Comparison::GreaterOrEqual => (Some(number), None),
        };
        self.length_between(first, last)
    }

    fn length_between(&self, first: Option<i64>, last: Option<i64>) -> Bounds {
        self.field(FieldId::PacketLength, |field| {
            Condition::Between(field, first.map(Value::Number), last.map(Value::Number))
        })
    }
}

/// The comparison with its sides exchanged.
fn mirrored(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        same => same,
    }
}

fn protocols_of(arithmetic: &Arithmetic, protocols: &mut Vec<Protocol>) {
    match arithmetic {
        Arithmetic::Number(_) | Arithmetic::Length => {}
        Arithmetic::Negative(inner) => protocols_of(inner, protocols),
        // Of two numbers made one, only the left one's protocol is asked for, as in libpcap.
        Arithmetic::Binary(_, sides) => protocols_of(&sides.0, protocols),
        Arithmetic::Bytes(accessor) => {
            protocols.push(accessor.protocol);
            protocols_of(&accessor.offset, protocols);
        }
    }
}

/// `tcp[13] & 2 != 0` and `tcp[13] = 18`: flags that such a packet has.
fn tcp_flags(relation: &Relation) -> Condition {
    let (left, mask) = match &relation.left {
        Arithmetic::Binary(Operator::And, sides) => match &**sides {
            (left, Arithmetic::Number(mask)) => (left, *mask),
            _ => return Condition::All,
        },
        left => (left, u32::MAX),
    };
    let is_flags = matches!(left, Arithmetic::Bytes(accessor)
        if matches!(&**accessor, Accessor { protocol: Protocol::Tcp, offset, size: 1 } if *offset == FLAGS));
    let Arithmetic::Number(value) = relation.right else { return Condition::All };
    if !is_flags {
        return Condition::All;
    }
    let flags = |bits: u32| {
        let flags = TcpFlags(u8::try_from(bits & 0xff).unwrap_or_default());
        flags.names().map(|name| Condition::is(FieldId::PacketTcpFlags, name)).collect::<Vec<_>>()
    };
    match relation.comparison {
        Comparison::Equal => Condition::all(flags(value)),
        Comparison::NotEqual if value == 0 => Condition::any(flags(mask)),
        _ => Condition::All,
    }
}
