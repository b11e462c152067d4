use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;

use ipnet::IpNet;

use crate::packet::{Fingerprint, MacAddress, PacketId};
use crate::query::{FieldTest, Payload, Protocol, Relation};

/// One condition on a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Predicate {
    /// Addresses of IP, ARP or RARP: `host`, `net`.
    Host(Host),
    /// Ports of TCP, UDP or SCTP: `port`, `portrange`.
    Port(Ports),
    /// Addresses of the link layer: `ether host`.
    Mac(Mac),
    /// A protocol's word. [`Scope::Outer`], tcpdump's meaning, sees no more than the outermost
    /// packet.
    Protocol(Scope, Protocol),
    /// The number of what a layer carries: `proto`, `ether proto`.
    Carries(Scope, Carrier, u32),
    /// The number anywhere in the chain of IPv6 extension headers, or behind AH in IPv4:
    /// `protochain`.
    Chain(Carrier, u32),
    /// `broadcast`, `multicast`.
    Cast(Cast),
    /// `vlan`: the next tag, with this id if one is given.
    Vlan(Option<u16>),
    /// `mpls`: the next label, with this value if one is given.
    Mpls(Option<u32>),
    /// `pppoes`: what follows is about the packet in the session.
    Pppoes(Option<u16>),
    /// `geneve`: what follows is about the packet in the tunnel.
    Geneve(Option<u32>),
    /// `inbound`, `outbound`.
    Way(Way),
    /// `ifindex`: the number of the interface in a Linux cooked capture.
    InterfaceIndex(u32),
    /// `llc`: frames of IEEE 802.2.
    Llc(Llc),
    /// `type`, `subtype`, `dir`: frames of IEEE 802.11.
    Wlan(Wlan),
    /// Arithmetic on the bytes and the length: `ip[8] < 5`.
    Relation(Box<Relation>),
    /// A stored field: `dns.question.name:*.example.com`.
    Field(FieldTest),
    /// Bytes anywhere in the packet: `"text"`, `/regex/`, `hex:0d0a`.
    Payload(Payload),
    /// The name of the capture file, or its path.
    File(String),
    /// A capture.
    Capture(Fingerprint),
    /// The packet with this identity.
    Id(PacketId),
}

impl Predicate {
    /// An address of this network, at either end, in any layer.
    #[must_use]
    pub fn host(network: IpNet) -> Self {
        Self::Host(Host {
            scope: Scope::Any,
            protocol: None,
            direction: Direction::Either,
            addresses: Addresses::Network(network),
        })
    }

    /// A port, at either end, in any layer.
    #[must_use]
    pub fn port(port: u16) -> Self {
        Self::Port(Ports {
            scope: Scope::Any,
            transport: None,
            direction: Direction::Either,
            range: port..=port,
        })
    }

    /// An address of the link layer, at either end.
    #[must_use]
    pub fn mac(address: MacAddress) -> Self {
        Self::Mac(Mac { direction: HostDirection::Ends(Direction::Either), address })
    }

    /// Text anywhere in the packet, as it is written.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Payload(Payload::text(text))
    }
}

/// Where to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Only the outermost packet, behind VLAN tags and MPLS labels.
    Outer,
    /// The packets in tunnels too.
    Any,
}

/// `host`, `net`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Where to look.
    pub scope: Scope,
    /// Only addresses of this protocol.
    pub protocol: Option<AddressProtocol>,
    /// At which end.
    pub direction: Direction,
    /// Which addresses.
    pub addresses: Addresses,
}

/// Protocols with the addresses that [`Host`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressProtocol {
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
    /// Address resolution.
    Arp,
    /// Reverse address resolution.
    Rarp,
}

/// The addresses of a [`Host`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addresses {
    /// Those of a network; one address is a network of its own.
    Network(IpNet),
    /// Those that are equal under a mask with holes in it.
    Masked(Ipv4Addr, Ipv4Addr),
    /// Those that the archive's own DNS answers tell for a name: see [`crate::query::Filter::resolved`].
    Name(String),
}

impl Addresses {
    /// Whether the address is one of these. A name has none.
    #[must_use]
    pub fn contain(&self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::Network(network), _) => network.contains(&address),
            (Self::Masked(wanted, mask), IpAddr::V4(address)) => {
                address.to_bits() & mask.to_bits() == wanted.to_bits()
            }
            (Self::Masked(..), IpAddr::V6(_)) | (Self::Name(_), _) => false,
        }
    }
}

/// At which end of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// `src or dst`, or nothing at all.
    Either,
    /// `src`
    Source,
    /// `dst`
    Destination,
    /// `src and dst`
    Both,
}

impl Direction {
    /// Looks at the ends as the direction says, the source first.
    #[must_use]
    pub fn holds(self, source: impl FnOnce() -> bool, destination: impl FnOnce() -> bool) -> bool {
        match self {
            Self::Either => source() || destination(),
            Self::Source => source(),
            Self::Destination => destination(),
            Self::Both => source() && destination(),
        }
    }
}

/// `port`, `portrange`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ports {
    /// Where to look.
    pub scope: Scope,
    /// Only ports of this protocol.
    pub transport: Option<Transport>,
    /// At which end.
    pub direction: Direction,
    /// Which ports.
    pub range: RangeInclusive<u16>,
}

/// Protocols with the ports that [`Ports`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// RFC 9293.
    Tcp,
    /// RFC 768.
    Udp,
    /// RFC 9260.
    Sctp,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tcp, Self::Udp, Self::Sctp];

    /// Its number in an IP header.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
        }
    }
}

/// `ether host`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mac {
    /// Which address of the frame.
    pub direction: HostDirection,
    /// The address.
    pub address: MacAddress,
}

/// Which address of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HostDirection {
    /// At the ends.
    Ends(Direction),
    /// `addr1` to `addr4` of an 802.11 frame.
    Field(u8),
    /// `ra`: who receives the 802.11 frame from the air.
    Receiver,
    /// `ta`: who sent the 802.11 frame into the air.
    Transmitter,
}

/// What carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// The link layer: the number is an EtherType, or below 1536 a service access point of LLC.
    Link,
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
    /// IPv4 or IPv6.
    AnyIp,
    /// OSI network protocols.
    Iso,
    /// IS-IS.
    Isis,
}

/// `broadcast`, `multicast`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cast {
    /// To everybody on the link.
    Broadcast,
    /// To a group on the link, or to everybody.
    Multicast,
    /// To all of IPv4 (`255.255.255.255` or `0.0.0.0`). Captures do not tell the netmask that a
    /// network's own broadcast address follows from; tcpdump reads them with none, too.
    IpBroadcast,
    /// To an IPv4 group, or beyond.
    IpMulticast,
    /// To an IPv6 group.
    Ip6Multicast,
}

/// `inbound`, `outbound`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// Received by the machine that captured it.
    Inbound,
    /// Sent by the machine that captured it.
    Outbound,
}

/// `llc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Llc {
    /// Any frame with an LLC header.
    Any,
    /// `llc i`: information.
    Information,
    /// `llc s`: supervisory.
    Supervisory,
    /// `llc u`: unnumbered.
    Unnumbered,
    /// A supervisory frame of this kind.
    SupervisoryKind(u8),
    /// An unnumbered frame of this kind.
    UnnumberedKind(u8),
}

/// `type`, `subtype`, `dir`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wlan {
    /// The type and subtype bits of the frame control field under a mask.
    Kind {
        /// The bits.
        value: u8,
        /// Which of them are looked at.
        mask: u8,
    },
    /// The two bits that tell whether the frame goes to or comes from the distribution system.
    Direction(u8),
}

impl Llc {
    /// Words for kinds of supervisory frames, and the low bits of their control field.
    ///
    /// Source: pcap-filter(7), IEEE 802.2.
    pub const SUPERVISORY_KINDS: &[(&str, u8)] = &[("rr", 0x01), ("rnr", 0x05), ("rej", 0x09)];
    /// The same for unnumbered frames.
    pub const UNNUMBERED_KINDS: &[(&str, u8)] = &[
        ("ui", 0x03),
        ("ua", 0x63),
        ("disc", 0x43),
        ("dm", 0x0f),
        ("sabme", 0x6f),
        ("test", 0xe3),
        ("xid", 0xaf),
        ("frmr", 0x87),
    ];
}

impl Wlan {
    /// The type bits of the frame control field.
    pub const TYPE: u8 = 0x0c;
    /// The subtype bits of the frame control field.
    pub const SUBTYPE: u8 = 0xf0;
}
