//! Conditions on what decoding found: for packets in tunnels, and for links that libpcap has no
//! filters for.

use crate::packet::{Layers, NetworkKind, NetworkLayer};
use crate::query::matches::internet::carrier;
use crate::query::{AddressProtocol, Carrier, Host, Ports, Predicate, Protocol, Scope, Transport};

/// IANA number of the IPv6 fragment header (RFC 8200, section 4.5).
const IPV6_FRAGMENT: u8 = 44;

/// The network layers that are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All of them, or for [`Scope::Outer`] the first.
    Whole,
    /// Those within another one.
    Tunnelled,
}

pub(super) fn hold(layers: &Layers, predicate: &Predicate, part: Part) -> bool {
    let scope = match predicate {
        Predicate::Host(host) => host.scope,
        Predicate::Port(ports) => ports.scope,
        Predicate::Protocol(scope, _) | Predicate::Carries(scope, ..) => *scope,
        _ => return false,
    };
    let networks = match (part, scope) {
        (Part::Whole, Scope::Any) => &layers.networks[..],
        (Part::Whole, Scope::Outer) => &layers.networks[..layers.networks.len().min(1)],
        (Part::Tunnelled, _) => layers.networks.get(1..).unwrap_or_default(),
    };
    match predicate {
        Predicate::Host(host) => networks.iter().any(|layer| has_host(layer, host)),
        Predicate::Port(ports) => networks.iter().any(|layer| has_port(layer, ports)),
        Predicate::Protocol(_, protocol) => is_protocol(networks, *protocol),
        Predicate::Carries(_, by, number) => {
            u8::try_from(*number).is_ok_and(|number| carries(networks, *by, number))
        }
        _ => false,
    }
}

fn has_host(layer: &NetworkLayer, host: &Host) -> bool {
    let is_of_protocol = host.protocol.is_none_or(|protocol| {
        layer.kind
            == match protocol {
                AddressProtocol::Ip => NetworkKind::Ipv4,
                AddressProtocol::Ip6 => NetworkKind::Ipv6,
                AddressProtocol::Arp => NetworkKind::Arp,
                AddressProtocol::Rarp => NetworkKind::Rarp,
            }
    });
    let contain = |address| host.addresses.contain(address);
    is_of_protocol && host.direction.holds(|| contain(layer.source), || contain(layer.destination))
}

/// As libpcap: ports of the protocol that the fixed header names, so not behind IPv6 extension
/// headers, and not in later fragments.
fn has_port(layer: &NetworkLayer, ports: &Ports) -> bool {
    let is_of_transport = match ports.transport {
        Some(transport) => layer.next_header == transport.number(),
        None => Transport::ALL.iter().any(|known| layer.next_header == known.number()),
    };
    let contains = |port: u16| ports.range.contains(&port);
    layer.kind.is_ip()
        && is_of_transport
        && layer.transport.and_then(|transport| transport.ports()).is_some_and(
            |(source, destination)| {
                ports.direction.holds(|| contains(source), || contains(destination))
            },
        )
}

fn is_protocol(networks: &[NetworkLayer], protocol: Protocol) -> bool {
    let any = |kind: NetworkKind| networks.iter().any(|layer| layer.kind == kind);
    match protocol {
        Protocol::Ip => any(NetworkKind::Ipv4),
        Protocol::Ip6 => any(NetworkKind::Ipv6),
        Protocol::Arp => any(NetworkKind::Arp),
        Protocol::Rarp => any(NetworkKind::Rarp),
        _ => {
            protocol.ip_number().is_some_and(|number| carries(networks, carrier(protocol), number))
        }
    }
}

fn carries(networks: &[NetworkLayer], by: Carrier, number: u8) -> bool {
    let of =
        |kind: NetworkKind| networks.iter().any(|layer| layer.kind == kind && names(layer, number));
    match by {
        Carrier::Ip => of(NetworkKind::Ipv4),
        Carrier::Ip6 => of(NetworkKind::Ipv6),
        Carrier::AnyIp => of(NetworkKind::Ipv4) || of(NetworkKind::Ipv6),
        Carrier::Link | Carrier::Iso | Carrier::Isis => false,
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
