//! A condition on a stored field → what the store is asked.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

use crate::document::Value;
use crate::document::fields::{FieldId, KEYWORD_LIMIT, Kind};
use crate::packet::Timestamp;
use crate::query::{Comparison, FieldCondition, FieldTest, Wildcard};
use crate::store::pushdown::bounds::Bounds;
use crate::store::pushdown::{Abilities, Answering, Condition};

/// A date is indexed to the millisecond.
const DATE_PRECISION: i128 = 1_000_000;
/// Addresses that stand in a header of the packet.
const OF_HEADERS: [FieldId; 4] = [
    FieldId::SourceIp,
    FieldId::DestinationIp,
    FieldId::PacketOuterSourceIp,
    FieldId::PacketOuterDestinationIp,
];

impl Abilities {
    /// What the field that answers for `field` is asked.
    pub(super) fn field(&self, field: FieldId, ask: impl Fn(FieldId) -> Condition) -> Bounds {
        match (self.answering)(field) {
            // What one of several packets has says nothing of the others.
            Answering::Itself if self.several_packets => Bounds::at_most(ask(field)),
            Answering::Itself => Bounds::exact(ask(field)),
            Answering::Other(other) => Bounds::at_most(ask(other)),
            Answering::Nothing => Bounds::UNKNOWN,
        }
    }

    pub(super) fn field_test(&self, FieldTest { field, condition }: &FieldTest) -> Bounds {
        let field = *field;
        let bounds = match (field.field().kind, condition) {
            // Terms are in the index only, and no packet has them.
            (Kind::Terms, _) => return Bounds::exact(Condition::NONE),
            (kind, FieldCondition::Exists) => self.any_of(
                field,
                &[
                    &|field| Condition::Exists(field),
                    if kind == Kind::Keyword { &Condition::TooLong } else { &|_| Condition::NONE },
                ],
            ),
            (Kind::Keyword, FieldCondition::Equals(Value::Text(text))) => self.text(field, text),
            // A store may keep fingerprints as bytes.
            (_, FieldCondition::Like(_)) if field == FieldId::PacketCapture => Bounds::UNKNOWN,
            (Kind::Keyword, FieldCondition::Like(wildcard)) => self.like(field, wildcard),
            (Kind::Ip, FieldCondition::InNetwork(network)) => self.network(field, *network),
            (Kind::Ip, FieldCondition::Equals(Value::Ip(address))) => {
                self.network(field, IpNet::from(*address))
            }
            (Kind::Date, condition) => self.date(field, condition),
            (Kind::Binary, _) => Bounds::UNKNOWN,
            (Kind::Boolean, FieldCondition::Equals(value @ Value::Boolean(_))) => {
                self.field(field, |field| Condition::Equals(field, value.clone()))
            }
            (_, condition) => match ends(condition) {
                Some((first, last)) => self.between(field, first, last),
                // Values of another kind, or without an order.
                None => Bounds::exact(Condition::NONE),
            },
        };
        match field {
            // The ports of a later fragment are known only where its first one was seen.
            FieldId::SourcePort | FieldId::DestinationPort | FieldId::NetworkCommunityId => {
                bounds.certain_if(self.no_fragment_ports())
            }
            FieldId::PacketFragmentPorts => bounds.superset(),
            _ => bounds,
        }
    }

    /// The ports are those in the packet.
    pub(super) fn no_fragment_ports(&self) -> Bounds {
        let ports = |field| Condition::Equals(field, Value::Boolean(true));
        self.field(FieldId::PacketFragmentPorts, ports).negated()
    }

    fn any_of(&self, field: FieldId, ask: &[&dyn Fn(FieldId) -> Condition]) -> Bounds {
        Bounds::any(ask.iter().map(|ask| self.field(field, ask)))
    }

    /// Stores count characters in different ways, so near the limit both answers are possible.
    fn text(&self, field: FieldId, text: &str) -> Bounds {
        let equals = |field| Condition::is(field, text);
        if text.len() <= KEYWORD_LIMIT {
            return self.field(field, equals);
        }
        let upper = self.any_of(field, &[&equals, &Condition::TooLong]);
        Bounds { lower: self.field(field, equals).lower, ..upper }
    }

    fn like(&self, field: FieldId, wildcard: &Wildcard) -> Bounds {
        let like = |field| Condition::Like(field, wildcard.clone());
        let upper = self.any_of(field, &[&like, &Condition::TooLong]);
        Bounds { lower: self.field(field, like).lower, ..upper }
    }

    fn network(&self, field: FieldId, network: IpNet) -> Bounds {
        let bounds = self.field(field, |field| Condition::InNetwork(field, network));
        match network {
            IpNet::V4(_) if !OF_HEADERS.contains(&field) => bounds.superset(),
            _ => bounds.certain_if(self.tells_apart(network)),
        }
    }

    /// Stores do not tell an IPv4 address from the IPv6 address that maps it. In a header, it can
    /// only be the one where there is no header of the other.
    pub(super) fn tells_apart(&self, network: IpNet) -> Bounds {
        const MAPPED: Ipv6Addr = Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0);
        match network {
            IpNet::V4(_) => self.layer("ipv6").negated(),
            IpNet::V6(network)
                if network.contains(&MAPPED) || network.addr().to_ipv4_mapped().is_some() =>
            {
                Bounds::UNKNOWN
            }
            IpNet::V6(_) => Bounds::exact(Condition::All),
        }
    }

    fn between(
        &self,
        field: FieldId,
        first: Option<Value<'static>>,
        last: Option<Value<'static>>,
    ) -> Bounds {
        let Some((first, last)) = within(field.field().kind, first, last) else {
            return Bounds::exact(Condition::NONE);
        };
        self.field(field, |field| match (&first, &last) {
            (Some(first), Some(last)) if first == last && !matches!(first, Value::Time(_)) => {
                Condition::Equals(field, first.clone())
            }
            _ => Condition::Between(field, first.clone(), last.clone()),
        })
    }

    fn date(&self, field: FieldId, condition: &FieldCondition) -> Bounds {
        let Some((first, last)) = ends(condition) else { return Bounds::exact(Condition::NONE) };
        let moved = |end: Option<Value<'static>>, by: i128| match end {
            Some(Value::Time(time)) => {
                let time = Timestamp::from_nanoseconds(time.nanoseconds().saturating_add(by));
                Some(Value::Time(time))
            }
            _ => None,
        };
        let (first, last) = (moved(first, -DATE_PRECISION), moved(last, DATE_PRECISION));
        self.field(field, |field| Condition::Between(field, first.clone(), last.clone())).superset()
    }
}

type Ends = (Option<Value<'static>>, Option<Value<'static>>);

/// The first and last value that satisfy a condition; `None` when none does.
fn ends(condition: &FieldCondition) -> Option<Ends> {
    match condition {
        FieldCondition::Equals(value) if has_order(value) => {
            Some((Some(value.clone()), Some(value.clone())))
        }
        FieldCondition::Between(first, last) if has_order(first) && has_order(last) => {
            Some((Some(first.clone()), Some(last.clone())))
        }
        FieldCondition::Compared(comparison, value) if has_order(value) => Some(match comparison {
            Comparison::Less => (None, Some(next(value, -1)?)),
            Comparison::LessOrEqual => (None, Some(value.clone())),
            Comparison::Greater => (Some(next(value, 1)?), None),
            Comparison::GreaterOrEqual => (Some(value.clone()), None),
            Comparison::Equal => (Some(value.clone()), Some(value.clone())),
            Comparison::NotEqual => return None,
        }),
        _ => None,
    }
}

fn has_order(value: &Value<'_>) -> bool {
    value.order(value).is_some()
}

/// The value before or behind; `None` when there is none.
fn next(value: &Value<'static>, by: i8) -> Option<Value<'static>> {
    Some(match value {
        Value::Number(number) => Value::Number(number.checked_add(by.into())?),
        Value::Time(time) => {
            let nanoseconds = time.nanoseconds().checked_add(by.into())?;
            Value::Time(Timestamp::from_nanoseconds(nanoseconds))
        }
        Value::Ip(address) => {
            let address = match address {
                IpAddr::V4(address) => address.to_ipv6_mapped(),
                IpAddr::V6(address) => *address,
            };
            let number = address.to_bits().checked_add_signed(by.into())?;
            Value::Ip(IpAddr::V6(Ipv6Addr::from_bits(number)))
        }
        _ => return None,
    })
}

/// The ends brought into what a field can hold; `None` when nothing of it is left.
fn within(kind: Kind, first: Option<Value<'static>>, last: Option<Value<'static>>) -> Option<Ends> {
    let (lowest, highest) = match kind {
        Kind::Short => (i16::MIN.into(), i16::MAX.into()),
        Kind::Integer => (i32::MIN.into(), i32::MAX.into()),
        _ => (i64::MIN, i64::MAX),
    };
    match (kind, &first, &last) {
        (_, Some(a), Some(b)) if a.order(b).is_none_or(std::cmp::Ordering::is_gt) => None,
        (Kind::Short | Kind::Integer | Kind::Long, _, _) => {
            let end = |end: &Option<Value<'static>>| match end {
                Some(Value::Number(number)) => Some(Some(*number)),
                None => Some(None),
                Some(_) => None,
            };
            let (first, last) = (end(&first)?, end(&last)?);
            if first.is_some_and(|first| first > highest) || last.is_some_and(|last| last < lowest)
            {
                return None;
            }
            let number = |number: i64| Value::Number(number.clamp(lowest, highest));
            Some((first.map(number), last.map(number)))
        }
        (Kind::Time, _, _) => {
            let is_time = |end: &Option<Value<'_>>| matches!(end, None | Some(Value::Time(_)));
            // The field itself has no time outside the index.
            let is_behind =
                matches!(&first, Some(Value::Time(t)) if t.nanoseconds() > i64::MAX.into());
            let is_before = matches!(&last, Some(Value::Time(t)) if t.nanoseconds() < 0);
            (is_time(&first) && is_time(&last) && !is_behind && !is_before).then_some((first, last))
        }
        (Kind::Ip, _, _) => {
            let is_ip = |end: &Option<Value<'_>>| matches!(end, None | Some(Value::Ip(_)));
            (is_ip(&first) && is_ip(&last)).then_some((first, last))
        }
        _ => None,
    }
}
