//! What a store can be asked: a filter brought down to conditions on stored fields.
//!
//! The result selects a superset of what the filter selects, so a store may answer it and leave
//! the rest to [`crate::query::matches`].

use std::borrow::Cow;
use std::fmt;

use ipnet::IpNet;

use crate::document::Value;
use crate::document::fields::{FieldId, KEYWORD_LIMIT};
use crate::document::payload;
use crate::packet::PacketId;
use crate::query::{
    Addresses, Carrier, Filter, HostDirection, Mac, Pattern, Predicate, Protocol, Scope,
};

/// A condition on stored fields. Each backend translates it word for word.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Every packet.
    All,
    /// All of these; never empty.
    And(Vec<Condition>),
    /// At least one of these; with none of them, no packet.
    Or(Vec<Condition>),
    /// One of the field's values is this.
    Equals(FieldId, Value<'static>),
    /// One of the field's addresses lies in this network.
    InNetwork(FieldId, IpNet),
    /// One of these packets; never empty.
    Ids(Vec<PacketId>),
    /// All these [`payload::terms`], or the packet's text is not indexed; never empty.
    Terms(Vec<String>),
}

/// A superset of `filter` on stored fields, of a store with an index of the payload or without.
#[must_use]
pub fn superset(filter: &Filter, payload: bool) -> Condition {
    match filter {
        // The opposite of a superset is no superset: only `matches` can negate.
        Filter::All | Filter::Not(_) => Condition::All,
        Filter::And(filters) => and(filters.iter().map(|filter| superset(filter, payload))),
        Filter::Or(filters) => or(filters.iter().map(|filter| superset(filter, payload))),
        Filter::Is(predicate) => of_predicate(predicate, payload),
    }
}

/// Whether [`superset`] is another one where the payload is indexed.
#[must_use]
pub fn is_about_text(filter: &Filter) -> bool {
    superset(filter, true) != superset(filter, false)
}

fn of_predicate(predicate: &Predicate, payload: bool) -> Condition {
    match predicate {
        Predicate::Host(host) => of_addresses(&host.addresses),
        Predicate::Port(ports) if ports.range.start() == ports.range.end() => {
            of_port(*ports.range.start())
        }
        Predicate::Mac(Mac { direction: HostDirection::Ends(_), address }) => either(
            [FieldId::SourceMac, FieldId::DestinationMac],
            &Value::Text(address.to_string().into()),
        ),
        Predicate::Protocol(Scope::Any, protocol) => of_protocol(*protocol),
        Predicate::Carries(Scope::Any, Carrier::Ip | Carrier::Ip6 | Carrier::AnyIp, number) => {
            of_ip_number(i64::from(*number))
        }
        Predicate::Payload(text) if payload => of_payload(text.pattern()),
        Predicate::File(name) if name.len() > KEYWORD_LIMIT => Condition::All,
        Predicate::File(name) => {
            either([FieldId::FileName, FieldId::FilePath], &Value::Text(name.clone().into()))
        }
        Predicate::Capture(capture) => equals(FieldId::PacketCapture, capture.to_string()),
        Predicate::Id(id) => Condition::Ids(vec![*id]),
        _ => Condition::All,
    }
}

fn of_addresses(addresses: &Addresses) -> Condition {
    match addresses {
        Addresses::Network(network) => Condition::InNetwork(FieldId::RelatedIp, *network),
        Addresses::Masked(..) => Condition::All,
        Addresses::Name(_) => Condition::Or(Vec::new()),
    }
}

/// Where the payload is indexed. A regular expression is left to the exact search.
fn of_payload(pattern: &Pattern) -> Condition {
    let terms = match pattern {
        Pattern::Text { text, .. } => payload::needed(text.as_bytes()),
        Pattern::Bytes(bytes) => payload::needed(bytes),
        Pattern::Regex { .. } => Vec::new(),
    };
    if terms.is_empty() { Condition::All } else { Condition::Terms(terms) }
}

/// Any layer's, so the outer ones too.
fn of_port(port: u16) -> Condition {
    either(
        [
            FieldId::SourcePort,
            FieldId::DestinationPort,
            FieldId::PacketOuterSourcePort,
            FieldId::PacketOuterDestinationPort,
        ],
        &Value::Number(i64::from(port)),
    )
}

fn of_protocol(protocol: Protocol) -> Condition {
    match protocol {
        Protocol::Ip => equals(FieldId::PacketLayers, "ipv4"),
        Protocol::Ip6 => equals(FieldId::PacketLayers, "ipv6"),
        Protocol::Arp => equals(FieldId::PacketLayers, "arp"),
        Protocol::Rarp => equals(FieldId::PacketLayers, "rarp"),
        _ => protocol.ip_number().map_or(Condition::All, |number| of_ip_number(number.into())),
    }
}

fn of_ip_number(number: i64) -> Condition {
    Condition::Equals(FieldId::PacketIpProtocols, Value::Number(number))
}

fn equals(field: FieldId, text: impl Into<Cow<'static, str>>) -> Condition {
    Condition::Equals(field, Value::Text(text.into()))
}

fn either<const N: usize>(fields: [FieldId; N], value: &Value<'static>) -> Condition {
    or(fields.into_iter().map(|field| Condition::Equals(field, value.clone())))
}

/// All of the conditions, without those that say nothing.
fn and(conditions: impl IntoIterator<Item = Condition>) -> Condition {
    let mut conditions: Vec<Condition> =
        conditions.into_iter().filter(|condition| *condition != Condition::All).collect();
    match conditions.len() {
        0 => Condition::All,
        1 => conditions.remove(0),
        _ => Condition::And(conditions),
    }
}

/// One of the conditions; every packet if one of them says nothing. Packets that are asked for by
/// their ids are looked up together.
fn or(conditions: impl IntoIterator<Item = Condition>) -> Condition {
    let mut conditions: Vec<Condition> = conditions.into_iter().collect();
    if conditions.contains(&Condition::All) {
        return Condition::All;
    }
    let mut ids = Vec::new();
    conditions.retain(|condition| match condition {
        Condition::Ids(some) => {
            ids.extend_from_slice(some);
            false
        }
        _ => true,
    });
    if !ids.is_empty() {
        conditions.push(Condition::Ids(ids));
    }
    if conditions.len() == 1 { conditions.remove(0) } else { Condition::Or(conditions) }
}

/// The tree in one line: `related.ip:192.0.2.1 and (source.port:53 or destination.port:53)`.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, conditions: &[Self], word: &str| {
            for (position, condition) in conditions.iter().enumerate() {
                if position > 0 {
                    write!(f, " {word} ")?;
                }
                match condition {
                    Self::And(_) | Self::Or(_) => write!(f, "({condition})")?,
                    _ => write!(f, "{condition}")?,
                }
            }
            Ok(())
        };
        match self {
            Self::All => f.write_str("all"),
            Self::And(conditions) => list(f, conditions, "and"),
            Self::Or(conditions) if conditions.is_empty() => f.write_str("none"),
            Self::Or(conditions) => list(f, conditions, "or"),
            Self::Equals(field, value) => write!(f, "{}:{value}", field.field().name),
            Self::InNetwork(field, network) => write!(f, "{}:{network}", field.field().name),
            Self::Ids(ids) => {
                f.write_str("id:")?;
                for (position, id) in ids.iter().enumerate() {
                    write!(f, "{}{id}", if position > 0 { "," } else { "" })?;
                }
                Ok(())
            }
            Self::Terms(terms) => {
                write!(f, "{}:{:?}", FieldId::PacketPayloadTerms.field().name, terms.join(" "))
            }
        }
    }
}
