use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha1::{Digest as _, Sha1};

use crate::packet::{Icmp, Layers, NetworkLayer, Transport};

/// A name of a conversation that many programs compute alike: Community ID, version 1.
///
/// Source: <https://github.com/corelight/community-id-spec>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CommunityId([u8; 20]);

/// What is hashed before the addresses; 0 unless an installation wants ids of its own.
const SEED: [u8; 2] = [0; 2];

/// ICMP messages that answer each other (RFC 792, 950, 1256).
const ICMP_PAIRS: [(u8, u8); 5] = [(0, 8), (9, 10), (13, 14), (15, 16), (17, 18)];
/// ICMPv6 messages that answer each other (RFC 2710, 4443, 4620, 4861, 6275).
const ICMPV6_PAIRS: [(u8, u8); 6] =
    [(128, 129), (130, 131), (133, 134), (135, 136), (139, 140), (144, 145)];

impl CommunityId {
    /// The id of the innermost conversation; `None` where there is no IP.
    #[must_use]
    pub fn of(layers: &Layers) -> Option<Self> {
        let network = layers.innermost().filter(|network| network.kind.is_ip())?;
        Some(Self::of_ends(network, ends(network, layers)?))
    }

    fn of_ends(network: &NetworkLayer, ends: Ends) -> Self {
        let (mut first, mut second) = (network.source, network.destination);
        let (mut ports, mut in_order) = (None, first <= second);
        match ends {
            Ends::None => {}
            Ends::Both(source, destination) => {
                ports = Some((source, destination));
                in_order = (first, source) <= (second, destination);
            }
            Ends::OneWay(source, destination) => {
                ports = Some((source, destination));
                in_order = true;
            }
        }
        if !in_order {
            (first, second) = (second, first);
            ports = ports.map(|(source, destination)| (destination, source));
        }
        let mut hash = Sha1::new();
        hash.update(SEED);
        update_with(&mut hash, first);
        update_with(&mut hash, second);
        hash.update([network.protocol, 0]);
        if let Some((first, second)) = ports {
            hash.update(first.to_be_bytes());
            hash.update(second.to_be_bytes());
        }
        Self(hash.finalize().into())
    }
}

/// What tells conversations between two hosts apart.
#[derive(Debug, Clone, Copy)]
enum Ends {
    /// Only the protocol.
    None,
    /// Ports, or a message and the message that answers it.
    Both(u16, u16),
    /// A message that is not answered: its type and code.
    OneWay(u16, u16),
}

/// `None` where the protocol has ports and they are not known: the id would be another one.
fn ends(network: &NetworkLayer, layers: &Layers) -> Option<Ends> {
    const WITH_ENDS: [u8; 5] = [1, 6, 17, 58, 132];
    if !WITH_ENDS.contains(&network.protocol) {
        return Some(Ends::None);
    }
    match network.transport {
        Some(Transport::Icmp(icmp)) => Some(of_message(icmp, &ICMP_PAIRS)),
        Some(Transport::Icmpv6(icmp)) => Some(of_message(icmp, &ICMPV6_PAIRS)),
        Some(transport) => transport.ports().map(|ports| Ends::Both(ports.0, ports.1)),
        None => layers.fragment_ports.map(|ports| Ends::Both(ports.0, ports.1)),
    }
}

fn of_message(icmp: Icmp, pairs: &[(u8, u8)]) -> Ends {
    let message = icmp.message_type;
    let answer = pairs.iter().find_map(|&(one, other)| match message {
        _ if message == one => Some(other),
        _ if message == other => Some(one),
        _ => None,
    });
    match answer {
        Some(answer) => Ends::Both(message.into(), answer.into()),
        None => Ends::OneWay(message.into(), icmp.code.into()),
    }
}

fn update_with(hash: &mut Sha1, address: IpAddr) {
    match address {
        IpAddr::V4(address) => hash.update(address.octets()),
        IpAddr::V6(address) => hash.update(address.octets()),
    }
}

/// Version and base64, as it is written everywhere.
impl fmt::Display for CommunityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 28];
        let length = BASE64_STANDARD.encode_slice(self.0, &mut text).map_err(|_| fmt::Error)?;
        let text = std::str::from_utf8(&text[..length]).map_err(|_| fmt::Error)?;
        write!(f, "1:{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::NetworkKind;

    /// The published vectors: protocol, addresses, ports or type and code, id. Source:
    /// `baseline/baseline_deflt.json` of the specification, whose second number for ICMP is the
    /// answering message where there is one.
    #[rustfmt::skip]
    const BASELINE: &[(u8, &str, &str, u16, u16, &str)] = &[
        (58, "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 135, 136, "dGHyGvjMfljg6Bppwm3bg0LO8TY="),
        (58, "fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 136, 135, "dGHyGvjMfljg6Bppwm3bg0LO8TY="),
        (58, "fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 135, 136, "zavyT/cezQr1fmImYCwYnMXbgck="),
        (58, "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 136, 135, "zavyT/cezQr1fmImYCwYnMXbgck="),
        (58, "3ffe:501:1800:2345::2", "3ffe:507:0:1:200:86ff:fe05:80da", 3, 0, "2ObVBgIn28oZvibYZhZMBgh7WdQ="),
        (58, "3ffe:501:410:0:2c0:dfff:fe47:33e", "3ffe:507:0:1:200:86ff:fe05:80da", 1, 4, "hLZd0XGWojozrvxqE0dWB1iM6R0="),
        (58, "3ffe:507:0:1:200:86ff:fe05:80da", "3ffe:501:0:1001::2", 128, 129, "+TW+HtLHvV1xnGhV1lv7XoJrqQg="),
        (58, "3ffe:501:0:1001::2", "3ffe:507:0:1:200:86ff:fe05:80da", 129, 128, "+TW+HtLHvV1xnGhV1lv7XoJrqQg="),
        (58, "fe80::200:86ff:fe05:80da", "ff02::2", 133, 134, "hO+sN4H+MG5MY/8hIrXPqc4ZQz0="),
        (58, "fe80::260:97ff:fe07:69ea", "ff02::1", 134, 133, "pkvHqCL88/tg1k4cPigmZXUtL00="),
        (1, "192.168.0.89", "192.168.0.1", 8, 0, "X0snYXpgwiv9TZtqg64sgzUn6Dk="),
        (1, "192.168.0.1", "192.168.0.89", 0, 8, "X0snYXpgwiv9TZtqg64sgzUn6Dk="),
        (1, "10.0.0.1", "10.0.0.2", 11, 0, "YHxtAirCG//0OzkcVAukqKQN9xM="),
        (6, "2001:470:e5bf:dead:4957:2174:e82c:4887", "2607:f8b0:400c:c03::1a", 63943, 25, "/qFaeAR+gFe1KYjMzVDsMv+wgU4="),
        (6, "2607:f8b0:400c:c03::1a", "2001:470:e5bf:dead:4957:2174:e82c:4887", 25, 63943, "/qFaeAR+gFe1KYjMzVDsMv+wgU4="),
        (132, "192.168.170.8", "192.168.170.56", 7, 7, "MP2EtRCAUIZvTw6MxJHLV7N7JDs="),
        (132, "192.168.170.56", "192.168.170.8", 7, 7, "MP2EtRCAUIZvTw6MxJHLV7N7JDs="),
        (6, "128.232.110.120", "66.35.250.204", 34855, 80, "LQU9qZlK+B5F3KDmev6m5PMibrg="),
        (6, "66.35.250.204", "128.232.110.120", 80, 34855, "LQU9qZlK+B5F3KDmev6m5PMibrg="),
        (17, "192.168.1.52", "8.8.8.8", 54585, 53, "d/FP5EW3wiY1vCndhwleRRKHowQ="),
        (17, "8.8.8.8", "192.168.1.52", 53, 54585, "d/FP5EW3wiY1vCndhwleRRKHowQ="),
        (46, "10.1.12.1", "10.1.12.2", 0, 0, "KHlLkgoJW7ifUTyTSgyVfkFHzKw="),
        (46, "10.1.12.2", "10.1.12.1", 0, 0, "KHlLkgoJW7ifUTyTSgyVfkFHzKw="),
    ];

    fn layers(protocol: u8, source: &str, destination: &str, one: u16, two: u16) -> Layers {
        let byte = |number: u16| u8::try_from(number).unwrap();
        let (source, destination): (IpAddr, IpAddr) =
            (source.parse().unwrap(), destination.parse().unwrap());
        let transport = match protocol {
            1 => Some(Transport::Icmp(Icmp { message_type: byte(one), code: byte(two) })),
            58 => Some(Transport::Icmpv6(Icmp { message_type: byte(one), code: byte(two) })),
            6 => Some(Transport::Tcp { source: one, destination: two, flags: None }),
            17 => Some(Transport::Udp { source: one, destination: two }),
            132 => Some(Transport::Sctp { source: one, destination: two }),
            _ => None,
        };
        let kind = if source.is_ipv4() { NetworkKind::Ipv4 } else { NetworkKind::Ipv6 };
        let network = NetworkLayer {
            kind,
            source,
            destination,
            next_header: protocol,
            protocol,
            fragment: None,
            transport,
        };
        Layers { networks: vec![network], ..Layers::default() }
    }

    #[test]
    fn published_ids_are_computed() {
        for (protocol, source, destination, one, two, id) in BASELINE {
            let layers = layers(*protocol, source, destination, *one, *two);
            let found = CommunityId::of(&layers).unwrap().to_string();
            assert_eq!(found, format!("1:{id}"), "{protocol} {source} {destination}");
        }
    }

    #[test]
    fn without_ports_that_it_needs_there_is_no_id() {
        let mut layers = layers(17, "192.168.1.52", "8.8.8.8", 0, 0);
        layers.networks[0].transport = None;
        assert_eq!(CommunityId::of(&layers), None);
        layers.fragment_ports = Some((54585, 53));
        let found = CommunityId::of(&layers).unwrap().to_string();
        assert_eq!(found, "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
    }
}
