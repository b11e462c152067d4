//! What a query means: the one place that decides whether a packet is asked for.

use std::cmp::Ordering;

use crate::document::{Document, Value};
use crate::packet::{NetworkKind, NetworkLayer, PacketRecord};
use crate::query::{
    AddressProtocol, Carrier, FieldCondition, FieldTest, Filter, Host, HostDirection, Mac, Ports,
    Predicate, Protocol, Query, Transport,
};

/// IANA number of the IPv6 fragment header (RFC 8200, section 4.5).
const IPV6_FRAGMENT: u8 = 44;

/// Whether `record` is what `query` asks for. This is the reference for every store.
#[must_use]
pub fn matches(query: &Query, record: &PacketRecord) -> bool {
    query.time.contains(record.stored.packet.timestamp) && filter_matches(&query.filter, record)
}

fn filter_matches(filter: &Filter, record: &PacketRecord) -> bool {
    match filter {
        Filter::All => true,
        Filter::And(filters) => filters.iter().all(|filter| filter_matches(filter, record)),
        Filter::Or(filters) => filters.iter().any(|filter| filter_matches(filter, record)),
        Filter::Not(filter) => !filter_matches(filter, record),
        Filter::Is(predicate) => predicate_matches(predicate, record),
    }
}

fn predicate_matches(predicate: &Predicate, record: &PacketRecord) -> bool {
    let networks = &record.layers.networks;
    match predicate {
        Predicate::Host(host) => networks.iter().any(|layer| has_host(layer, host)),
        Predicate::Mac(mac) => has_mac(record, *mac),
        Predicate::Port(ports) => networks.iter().any(|layer| has_port(layer, ports)),
        Predicate::Protocol(_, protocol) => is_protocol(record, *protocol),
        Predicate::Carries(_, carrier, number) => {
            u8::try_from(*number).is_ok_and(|number| carries(record, *carrier, number))
        }
        Predicate::Field(test) => has_field(record, test),
        Predicate::Payload(payload) => payload.is_in(&record.stored.packet.data),
        Predicate::File(name) => {
            let source = &record.stored.origin.source;
            source.file_name == *name || source.file_path == *name
        }
        Predicate::Capture(capture) => record.stored.origin.capture == *capture,
        Predicate::Id(id) => record.stored.id == *id,
        _ => false,
    }
}

fn has_host(layer: &NetworkLayer, host: &Host) -> bool {
    let of_protocol = host.protocol.is_none_or(|protocol| {
        layer.kind
            == match protocol {
                AddressProtocol::Ip => NetworkKind::Ipv4,
                AddressProtocol::Ip6 => NetworkKind::Ipv6,
                AddressProtocol::Arp => NetworkKind::Arp,
                AddressProtocol::Rarp => NetworkKind::Rarp,
            }
    });
    let ends = || {
        host.direction.holds(
            || host.addresses.contain(layer.source),
            || host.addresses.contain(layer.destination),
        )
    };
    of_protocol && ends()
}

fn has_mac(record: &PacketRecord, mac: Mac) -> bool {
    let layers = &record.layers;
    match mac.direction {
        HostDirection::Ends(direction) => direction.holds(
            || layers.source_mac == Some(mac.address),
            || layers.destination_mac == Some(mac.address),
        ),
        _ => false,
    }
}

/// As libpcap: ports of the protocol that the fixed header names, so not behind IPv6 extension
/// headers, and not in later fragments.
fn has_port(layer: &NetworkLayer, ports: &Ports) -> bool {
    let of_transport = match ports.transport {
        Some(transport) => layer.next_header == transport.number(),
        None => Transport::ALL.iter().any(|known| layer.next_header == known.number()),
    };
    layer.kind.is_ip()
        && of_transport
        && layer.transport.and_then(|transport| transport.ports()).is_some_and(|found| {
            ports
                .direction
                .holds(|| ports.range.contains(&found.0), || ports.range.contains(&found.1))
        })
}

fn is_protocol(record: &PacketRecord, protocol: Protocol) -> bool {
    // By name and not by address: an IPv4 header that is cut short is still tcpdump's `ip`.
    let any = |kind: NetworkKind| record.layers.names.contains(&kind.name());
    match protocol {
        Protocol::Ip => any(NetworkKind::Ipv4),
        Protocol::Ip6 => any(NetworkKind::Ipv6),
        Protocol::Arp => any(NetworkKind::Arp),
        Protocol::Rarp => any(NetworkKind::Rarp),
        _ => protocol.ip_number().is_some_and(|number| {
            let carrier = match protocol {
                Protocol::Icmp
                | Protocol::Igmp
                | Protocol::Igrp
                | Protocol::Vrrp
                | Protocol::Carp => Carrier::Ip,
                Protocol::Icmp6 => Carrier::Ip6,
                _ => Carrier::AnyIp,
            };
            carries(record, carrier, number)
        }),
    }
}

fn carries(record: &PacketRecord, carrier: Carrier, number: u8) -> bool {
    let by = |kind: NetworkKind| {
        record.layers.networks.iter().any(|layer| layer.kind == kind && names(layer, number))
    };
    match carrier {
        Carrier::Ip => by(NetworkKind::Ipv4),
        Carrier::Ip6 => by(NetworkKind::Ipv6),
        Carrier::AnyIp => by(NetworkKind::Ipv4) || by(NetworkKind::Ipv6),
        _ => false,
    }
}

/// As libpcap: the number in the fixed header, or in a fragment header directly behind it.
fn names(layer: &NetworkLayer, number: u8) -> bool {
    let behind_fragment_header = || {
        layer.kind == NetworkKind::Ipv6
            && layer.next_header == IPV6_FRAGMENT
            && layer.fragment.is_some_and(|fragment| fragment.next_header == number)
    };
    layer.next_header == number || behind_fragment_header()
}

fn has_field(record: &PacketRecord, test: &FieldTest) -> bool {
    let document = Document::of(record);
    let mut values = document.values().iter().filter(|(field, _)| *field == test.field);
    values.any(|(_, value)| test.condition.holds(value))
}

impl FieldCondition {
    /// Whether a value satisfies it.
    #[must_use]
    pub fn holds(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Self::Exists, _) => true,
            (Self::Equals(wanted), _) => value == wanted,
            (Self::Like(wildcard), Value::Text(text)) => wildcard.matches(text),
            (Self::InNetwork(network), Value::Ip(address)) => network.contains(address),
            (Self::Compared(comparison, other), _) => {
                value.order(other).is_some_and(|order| comparison.holds(&order, &Ordering::Equal))
            }
            (Self::Between(first, last), _) => {
                value.order(first).is_some_and(Ordering::is_ge)
                    && value.order(last).is_some_and(Ordering::is_le)
            }
            _ => false,
        }
    }
}
