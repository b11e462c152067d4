use std::fmt;
use std::net::IpAddr;

use base64_simd::{AsOut as _, STANDARD};
use sha1::{Digest as _, Sha1};

use crate::packet::{Icmp, Layers, NetworkLayer, Transport};

/// A name of a conversation that many programs compute alike: Community ID, version 1.
///
/// Source: <https://github.com/corelight/community-id-spec>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CommunityId([u8; 20]);

/// What is hashed before the addresses; 0 unless an installation wants ids of its own.
const SEED: u16 = 0;

/// ICMP messages that answer each other (RFC 792, 950, 1256).
const ICMP_PAIRS: [(u8, u8); 5] = [(0, 8), (9, 10), (13, 14), (15, 16), (17, 18)];
/// ICMPv6 messages that answer each other (RFC 2710, 4443, 4620, 4861, 6275).
const ICMPV6_PAIRS: [(u8, u8); 6] =
    [(128, 129), (130, 131), (133, 134), (135, 136), (139, 140), (144, 145)];

impl CommunityId {
    /// The id of the innermost conversation; `None` where there is no IP.
    #[must_use]
    pub fn of(layers: &Layers) -> Option<Self> {
        Self::seeded(SEED, layers)
    }

    fn seeded(seed: u16, layers: &Layers) -> Option<Self> {
        let network = layers.innermost().filter(|network| network.kind.is_ip())?;
        Some(Self::of_ends(seed, network, ends(network, layers)?))
    }

    fn of_ends(seed: u16, network: &NetworkLayer, ends: Ends) -> Self {
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
        hash.update(seed.to_be_bytes());
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
        write!(f, "1:{}", STANDARD.encode_as_str(&self.0, text.as_mut_slice().as_out()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::NetworkKind;

    /// The published vectors: protocol, addresses, ports or type and code; the id, the id with
    /// the seed 1, and the hash without base64. Source: `baseline/baseline_deflt.json`, `_seed1`
    /// and `_nob64` of the specification, whose second number for ICMP is the answering message
    /// where there is one.
    type Vector =
        (u8, &'static str, &'static str, u16, u16, &'static str, &'static str, &'static str);
    #[rustfmt::skip]
    const BASELINE: &[Vector] = &[
        (58, "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 135, 136, "dGHyGvjMfljg6Bppwm3bg0LO8TY=", "kHa1FhMYIT6Ym2Vm2AOtoOARDzY=", "7461f21af8cc7e58e0e81a69c26ddb8342cef136"),
        (58, "fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 136, 135, "dGHyGvjMfljg6Bppwm3bg0LO8TY=", "kHa1FhMYIT6Ym2Vm2AOtoOARDzY=", "7461f21af8cc7e58e0e81a69c26ddb8342cef136"),
        (58, "fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 135, 136, "zavyT/cezQr1fmImYCwYnMXbgck=", "2hSqmsDZ2kdcY9kbiUzOEBic0iM=", "cdabf24ff71ecd0af57e6226602c189cc5db81c9"),
        (58, "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 136, 135, "zavyT/cezQr1fmImYCwYnMXbgck=", "2hSqmsDZ2kdcY9kbiUzOEBic0iM=", "cdabf24ff71ecd0af57e6226602c189cc5db81c9"),
        (58, "3ffe:501:1800:2345::2", "3ffe:507:0:1:200:86ff:fe05:80da", 3, 0, "2ObVBgIn28oZvibYZhZMBgh7WdQ=", "lVEtCZpYu84Xqaa++3lXFyuu2n4=", "d8e6d5060227dbca19be26d866164c06087b59d4"),
        (58, "3ffe:501:410:0:2c0:dfff:fe47:33e", "3ffe:507:0:1:200:86ff:fe05:80da", 1, 4, "hLZd0XGWojozrvxqE0dWB1iM6R0=", "W8MHwXpWzpoSTD+cGcaJr4u0ys8=", "84b65dd17196a23a33aefc6a13475607588ce91d"),
        (58, "3ffe:507:0:1:200:86ff:fe05:80da", "3ffe:501:0:1001::2", 128, 129, "+TW+HtLHvV1xnGhV1lv7XoJrqQg=", "GfZxjAkDk2MkegpBYHV6tadtFXQ=", "f935be1ed2c7bd5d719c6855d65bfb5e826ba908"),
        (58, "3ffe:501:0:1001::2", "3ffe:507:0:1:200:86ff:fe05:80da", 129, 128, "+TW+HtLHvV1xnGhV1lv7XoJrqQg=", "GfZxjAkDk2MkegpBYHV6tadtFXQ=", "f935be1ed2c7bd5d719c6855d65bfb5e826ba908"),
        (58, "fe80::200:86ff:fe05:80da", "ff02::2", 133, 134, "hO+sN4H+MG5MY/8hIrXPqc4ZQz0=", "L7Ka0ZMYu+J3bL4ulW2PrqyXNo8=", "84efac3781fe306e4c63ff2122b5cfa9ce19433d"),
        (58, "fe80::260:97ff:fe07:69ea", "ff02::1", 134, 133, "pkvHqCL88/tg1k4cPigmZXUtL00=", "K/ee5UCqAMAQXDorP5nSa2CGLjc=", "a64bc7a822fcf3fb60d64e1c3e282665752d2f4d"),
        (1, "192.168.0.89", "192.168.0.1", 8, 0, "X0snYXpgwiv9TZtqg64sgzUn6Dk=", "03g6IloqVBdcZlPyX8r0hgoE7kA=", "5f4b27617a60c22bfd4d9b6a83ae2c833527e839"),
        (1, "192.168.0.1", "192.168.0.89", 0, 8, "X0snYXpgwiv9TZtqg64sgzUn6Dk=", "03g6IloqVBdcZlPyX8r0hgoE7kA=", "5f4b27617a60c22bfd4d9b6a83ae2c833527e839"),
        (1, "10.0.0.1", "10.0.0.2", 11, 0, "YHxtAirCG//0OzkcVAukqKQN9xM=", "XjUibYHaafLQ3pxQeiMI8g25q20=", "607c6d022ac21bfff43b391c540ba4a8a40df713"),
        (6, "2001:470:e5bf:dead:4957:2174:e82c:4887", "2607:f8b0:400c:c03::1a", 63943, 25, "/qFaeAR+gFe1KYjMzVDsMv+wgU4=", "eJYTW6AOzFLlSUoESovMjnu7rMw=", "fea15a78047e8057b52988cccd50ec32ffb0814e"),
        (6, "2607:f8b0:400c:c03::1a", "2001:470:e5bf:dead:4957:2174:e82c:4887", 25, 63943, "/qFaeAR+gFe1KYjMzVDsMv+wgU4=", "eJYTW6AOzFLlSUoESovMjnu7rMw=", "fea15a78047e8057b52988cccd50ec32ffb0814e"),
        (132, "192.168.170.8", "192.168.170.56", 7, 7, "MP2EtRCAUIZvTw6MxJHLV7N7JDs=", "5w3ZRjeKBzqT3zsaEECDGjUbYeg=", "30fd84b5108050866f4f0e8cc491cb57b37b243b"),
        (132, "192.168.170.56", "192.168.170.8", 7, 7, "MP2EtRCAUIZvTw6MxJHLV7N7JDs=", "5w3ZRjeKBzqT3zsaEECDGjUbYeg=", "30fd84b5108050866f4f0e8cc491cb57b37b243b"),
        (6, "128.232.110.120", "66.35.250.204", 34855, 80, "LQU9qZlK+B5F3KDmev6m5PMibrg=", "3V71V58M3Ksw/yuFALMcW0LAHvc=", "2d053da9994af81e45dca0e67afea6e4f3226eb8"),
        (6, "66.35.250.204", "128.232.110.120", 80, 34855, "LQU9qZlK+B5F3KDmev6m5PMibrg=", "3V71V58M3Ksw/yuFALMcW0LAHvc=", "2d053da9994af81e45dca0e67afea6e4f3226eb8"),
        (17, "192.168.1.52", "8.8.8.8", 54585, 53, "d/FP5EW3wiY1vCndhwleRRKHowQ=", "Q9We8WO3piVF8yEQBNJF4uiSVrI=", "77f14fe445b7c22635bc29dd87095e451287a304"),
        (17, "8.8.8.8", "192.168.1.52", 53, 54585, "d/FP5EW3wiY1vCndhwleRRKHowQ=", "Q9We8WO3piVF8yEQBNJF4uiSVrI=", "77f14fe445b7c22635bc29dd87095e451287a304"),
        (46, "10.1.12.1", "10.1.12.2", 0, 0, "KHlLkgoJW7ifUTyTSgyVfkFHzKw=", "rYir8gphR31noO9iDRQmF/BteEI=", "28794b920a095bb89f513c934a0c957e4147ccac"),
        (46, "10.1.12.2", "10.1.12.1", 0, 0, "KHlLkgoJW7ifUTyTSgyVfkFHzKw=", "rYir8gphR31noO9iDRQmF/BteEI=", "28794b920a095bb89f513c934a0c957e4147ccac"),
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
        Layers { networks: [network].into(), ..Layers::default() }
    }

    #[test]
    fn published_ids_are_computed() {
        for (protocol, source, destination, one, two, id, seeded, digits) in BASELINE {
            let layers = layers(*protocol, source, destination, *one, *two);
            let found = CommunityId::of(&layers).unwrap();
            assert_eq!(found.to_string(), format!("1:{id}"), "{protocol} {source} {destination}");
            assert_eq!(found.0.map(|byte| format!("{byte:02x}")).concat(), *digits);
            let found = CommunityId::seeded(1, &layers).unwrap();
            assert_eq!(found.to_string(), format!("1:{seeded}"), "{protocol} {source}");
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
