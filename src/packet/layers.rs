use std::fmt;
use std::net::IpAddr;
use std::{iter, ptr};

use smallvec::SmallVec;

use crate::packet::{Application, MacAddress};

/// What decoding found in a packet, outermost first. Everything is optional: a packet that
/// tells nothing is still a packet. What nearly every packet has stands in the struct itself: an
/// allocation for each costs more than the decoding.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layers {
    /// Names of the layers that were recognised, such as `ethernet`, `vlan`, `ipv4`, `udp`.
    pub names: SmallVec<[&'static str; 4]>,
    /// Source address of the outermost link layer.
    pub source_mac: Option<MacAddress>,
    /// Destination address of the outermost link layer.
    pub destination_mac: Option<MacAddress>,
    /// EtherType of the payload, behind all VLAN tags (IEEE 802 numbers).
    pub ether_type: Option<u16>,
    /// VLAN ids, outermost first.
    pub vlan_ids: Vec<u16>,
    /// MPLS labels, outermost first.
    pub mpls_labels: Vec<u32>,
    /// Tunnels, outermost first.
    pub tunnels: Vec<Tunnel>,
    /// Network layers, outermost first: more than one in a tunnel.
    pub networks: SmallVec<[NetworkLayer; 1]>,
    /// Security parameter indexes of AH and ESP (RFC 4301), outermost first.
    pub security_indexes: Vec<u32>,
    /// Addresses that an ICMP message speaks of: those of the packet that an error quotes, the
    /// gateway of a redirect, the target of a neighbour discovery. They are no end of this
    /// packet, so tcpdump's `host` does not see them.
    pub mentioned: Vec<IpAddr>,
    /// Addresses in the headers that are no end of the packet either: those of a route, and the
    /// sender where the packet was cut in front of the destination.
    pub passed: Vec<IpAddr>,
    /// Bytes above the innermost transport header, by the lengths that the headers tell.
    pub payload_length: Option<u32>,
    /// Source and destination port of the datagram of which this is a later fragment, as its
    /// first fragment told them. Only [`decode::Fragments`](crate::decode::Fragments) knows them.
    pub fragment_ports: Option<(u16, u16)>,
    /// What is spoken above the transport, such as `dns`, `http` or `tls` (ECS
    /// `network.protocol`).
    pub application: Option<&'static str>,
    /// What it says; absent where only its name is known.
    pub details: Option<Box<Application>>,
    /// Whether a reader who trusts fixed offsets and announced types, as tcpdump's filters do,
    /// reads other headers in these bytes than decoding did.
    pub ambiguous: bool,
    /// Where decoding ended early, and why.
    pub stop: Option<Stop>,
}

impl Layers {
    /// Whether both are the same but for the length of what they carry.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let Self {
            names,
            source_mac,
            destination_mac,
            ether_type,
            vlan_ids,
            mpls_labels,
            tunnels,
            networks,
            security_indexes,
            mentioned,
            passed,
            payload_length: _,
            fragment_ports,
            application,
            details,
            ambiguous,
            stop,
        } = self;
        // What most often differs comes first.
        *networks == other.networks
            && *details == other.details
            && are_same(names, &other.names)
            && *source_mac == other.source_mac
            && *destination_mac == other.destination_mac
            && *ether_type == other.ether_type
            && *vlan_ids == other.vlan_ids
            && *mpls_labels == other.mpls_labels
            && *tunnels == other.tunnels
            && *security_indexes == other.security_indexes
            && *mentioned == other.mentioned
            && *passed == other.passed
            && *fragment_ports == other.fragment_ports
            && *application == other.application
            && *ambiguous == other.ambiguous
            && *stop == other.stop
    }

    /// The innermost network layer: the conversation itself, inside all tunnels.
    #[must_use]
    pub fn innermost(&self) -> Option<&NetworkLayer> {
        self.networks.last()
    }

    /// Network layers around the innermost one, outermost first.
    #[must_use]
    pub fn outer(&self) -> &[NetworkLayer] {
        self.networks.split_last().map_or(&[], |(_, outer)| outer)
    }

    /// The tags of the outermost frame that has any: those of a frame in a tunnel are about
    /// another network, and are no inner tags of the frame around it.
    #[must_use]
    pub fn vlan_ids_of_one_frame(&self) -> &[u16] {
        let is_frame =
            |name: &str| name == "ethernet" || self.tunnels.iter().any(|t| t.kind == name);
        let tagged = self.names.iter().skip_while(|name| **name != "vlan");
        let tags = tagged.take_while(|name| !is_frame(name)).filter(|name| **name == "vlan");
        self.vlan_ids.get(..tags.count()).unwrap_or(&self.vlan_ids)
    }

    /// Every address in the packet's headers, each once.
    #[must_use]
    pub fn addresses(&self) -> Vec<IpAddr> {
        let ends = self.networks.iter().flat_map(|network| [network.source, network.destination]);
        let others = self.mentioned.iter().chain(&self.passed).copied();
        let mut addresses: Vec<IpAddr> = ends.chain(others).collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }
}

/// Whether names are the same; most of them stand in the program once, which is quicker to see.
fn are_same(some: &[&'static str], others: &[&'static str]) -> bool {
    let is_same = |(one, other): (&&str, &&str)| ptr::eq(*one, *other) || one == other;
    some.len() == others.len() && iter::zip(some, others).all(is_same)
}

/// One packet inside another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tunnel {
    /// What wraps the inner packet, such as `gre`, `vxlan`, `6in4`.
    pub kind: &'static str,
    /// The number that tells tunnels between the same ends from each other.
    pub id: Option<TunnelId>,
}

/// The number of a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TunnelId {
    /// A key, network identifier, endpoint identifier or session.
    One(u32),
    /// Tunnel and session of L2TPv2 (RFC 2661).
    Session(u16, u16),
}

/// The number; tunnel and session with a slash between them.
impl fmt::Display for TunnelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(id) => id.fmt(f),
            Self::Session(tunnel, session) => write!(f, "{tunnel}/{session}"),
        }
    }
}

/// A layer with network addresses and what it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkLayer {
    /// IP version, or address resolution.
    pub kind: NetworkKind,
    /// Source address; of ARP, the sender's.
    pub source: IpAddr,
    /// Destination address; of ARP, the target's.
    pub destination: IpAddr,
    /// IANA protocol number in the fixed header: IPv4 `protocol`, IPv6 `next header`. This is
    /// what a tcpdump filter looks at. 0 for ARP.
    pub next_header: u8,
    /// IANA protocol number behind all IPv6 extension headers.
    pub protocol: u8,
    /// Present when the packet is a fragment.
    pub fragment: Option<Fragment>,
    /// The layer above, when it starts in this packet.
    pub transport: Option<Transport>,
}

/// The kinds of [`NetworkLayer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NetworkKind {
    /// RFC 791.
    Ipv4,
    /// RFC 8200.
    Ipv6,
    /// RFC 826.
    Arp,
    /// RFC 903.
    Rarp,
}

/// Place of a fragment in its datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// Offset of its first byte in the datagram's payload.
    pub offset: u32,
    /// More fragments follow.
    pub more: bool,
    /// IANA protocol number of the fragmented payload's first header.
    pub next_header: u8,
    /// The same for all fragments of a datagram.
    pub identification: u32,
}

/// A transport header, as far as it was captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// RFC 9293. The flags are absent when the packet was cut before them.
    Tcp {
        /// Source port.
        source: u16,
        /// Destination port.
        destination: u16,
        /// Control bits.
        flags: Option<TcpFlags>,
    },
    /// RFC 768.
    Udp {
        /// Source port.
        source: u16,
        /// Destination port.
        destination: u16,
    },
    /// RFC 9260.
    Sctp {
        /// Source port.
        source: u16,
        /// Destination port.
        destination: u16,
    },
    /// RFC 4340.
    Dccp {
        /// Source port.
        source: u16,
        /// Destination port.
        destination: u16,
    },
    /// RFC 3828.
    UdpLite {
        /// Source port.
        source: u16,
        /// Destination port.
        destination: u16,
    },
    /// RFC 792.
    Icmp(Icmp),
    /// RFC 4443.
    Icmpv6(Icmp),
}

impl Transport {
    /// Source and destination port, where the protocol has ports.
    #[must_use]
    pub fn ports(&self) -> Option<(u16, u16)> {
        match *self {
            Self::Tcp { source, destination, .. }
            | Self::Udp { source, destination }
            | Self::Sctp { source, destination }
            | Self::Dccp { source, destination }
            | Self::UdpLite { source, destination } => Some((source, destination)),
            Self::Icmp(_) | Self::Icmpv6(_) => None,
        }
    }
}

/// Type and code of an ICMP or ICMPv6 message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Icmp {
    /// The message type.
    pub message_type: u8,
    /// The code within the type.
    pub code: u8,
}

/// TCP control bits (RFC 9293, section 3.1), CWR in the highest of the eight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// Names of the bits that are set, lowest first, in tcpdump's order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        const NAMES: [&str; 8] = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"];
        NAMES.into_iter().enumerate().filter(move |(bit, _)| self.0 >> bit & 1 == 1).map(|n| n.1)
    }
}

/// Where decoding ended before it came to the end, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// The layer that could not be read.
    pub layer: &'static str,
    /// The reason, as text for people.
    pub reason: String,
}

impl NetworkKind {
    /// Whether it is IPv4 or IPv6.
    #[must_use]
    pub fn is_ip(self) -> bool {
        matches!(self, Self::Ipv4 | Self::Ipv6)
    }

    /// Its ECS `network.type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Arp => "arp",
            Self::Rarp => "rarp",
        }
    }
}
