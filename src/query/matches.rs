//! What a query means: the one place that decides whether a packet is asked for.

use std::net::IpAddr;

use ipnet::IpNet;
use memchr::memmem;

use crate::packet::{Layers, NetworkKind, NetworkLayer, PacketRecord};
use crate::query::{Filter, Predicate, Protocol, Query};

/// IANA number of the IPv6 fragment header (RFC 8200, section 4.5).
const IPV6_FRAGMENT: u8 = 44;
/// The protocols whose ports tcpdump's `port` looks at: TCP, UDP and SCTP.
const WITH_PORTS: [u8; 3] = [6, 17, 132];

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
    let layers = &record.layers;
    match predicate {
        Predicate::Host(network) => layers.networks.iter().any(|layer| has_host(layer, network)),
        Predicate::Mac(mac) => {
            layers.source_mac == Some(*mac) || layers.destination_mac == Some(*mac)
        }
        Predicate::Port(port) => layers.networks.iter().any(|layer| has_port(layer, *port)),
        Predicate::Protocol(protocol) => is_protocol(layers, *protocol),
        Predicate::Text(text) => memmem::find(&record.stored.packet.data, text).is_some(),
        Predicate::File(name) => {
            let source = &record.stored.origin.source;
            source.file_name == *name || source.file_path == *name
        }
        Predicate::Capture(capture) => record.stored.origin.capture == *capture,
        Predicate::Id(id) => record.stored.id == *id,
    }
}

fn has_host(layer: &NetworkLayer, network: &IpNet) -> bool {
    let contains = |address: IpAddr| network.contains(&address);
    contains(layer.source) || contains(layer.destination)
}

/// As libpcap: ports of the protocol that the fixed header names, so not behind IPv6 extension
/// headers, and not in later fragments.
fn has_port(layer: &NetworkLayer, port: u16) -> bool {
    layer.kind.is_ip()
        && WITH_PORTS.contains(&layer.next_header)
        && layer
            .transport
            .and_then(|transport| transport.ports())
            .is_some_and(|(source, destination)| source == port || destination == port)
}

fn is_protocol(layers: &Layers, protocol: Protocol) -> bool {
    // By name and not by address: an IPv4 header that is cut short is still tcpdump's `ip`.
    let any = |kind: NetworkKind| layers.names.contains(&kind.name());
    let carries = |kind: NetworkKind, number: u8| {
        layers.networks.iter().any(|layer| layer.kind == kind && names(layer, number))
    };
    match protocol {
        Protocol::Ipv4 => any(NetworkKind::Ipv4),
        Protocol::Ipv6 => any(NetworkKind::Ipv6),
        Protocol::Arp => any(NetworkKind::Arp),
        Protocol::Rarp => any(NetworkKind::Rarp),
        Protocol::Ip(number) => {
            carries(NetworkKind::Ipv4, number) || carries(NetworkKind::Ipv6, number)
        }
        Protocol::Ipv4Only(number) => carries(NetworkKind::Ipv4, number),
        Protocol::Ipv6Only(number) => carries(NetworkKind::Ipv6, number),
        Protocol::Application(name) => layers.application == Some(name),
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
