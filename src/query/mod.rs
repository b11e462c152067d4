//! What is asked for: a filter, a time range, an order.

mod matches;
mod parse;

use ipnet::IpNet;

use crate::packet::{Fingerprint, MacAddress, PacketId, Timestamp};
pub use matches::matches;
pub use parse::{ParseError, Words};

/// A question to the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// What the packets must satisfy.
    pub filter: Filter,
    /// When they were captured.
    pub time: TimeRange,
    /// In which order they come.
    pub order: Order,
}

impl Query {
    /// Everything, in time order.
    #[must_use]
    pub fn all() -> Self {
        Self { filter: Filter::All, time: TimeRange::default(), order: Order::Time }
    }
}

/// The order of the answer. Ties end with the packet id, so it is the same on every store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// By [`Timestamp::indexed`], then frame number, then id.
    #[default]
    Time,
    /// By capture, then frame number, then id: a capture file as it was.
    Frame,
}

/// Both ends belong to the range; a missing end is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeRange {
    /// Not before this time.
    pub earliest: Option<Timestamp>,
    /// Not after this time.
    pub latest: Option<Timestamp>,
}

impl TimeRange {
    /// Whether `time` lies in the range.
    #[must_use]
    pub fn contains(&self, time: Timestamp) -> bool {
        self.earliest.is_none_or(|earliest| time >= earliest)
            && self.latest.is_none_or(|latest| time <= latest)
    }
}

/// A tree of conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Every packet.
    All,
    /// All of these; with none of them, every packet.
    And(Vec<Filter>),
    /// At least one of these; with none of them, no packet.
    Or(Vec<Filter>),
    /// The opposite.
    Not(Box<Filter>),
    /// One condition.
    Is(Predicate),
}

/// One condition on a packet. Directions do not matter: source or destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Predicate {
    /// An address of this network, in any IP layer or in ARP: tcpdump's `host` and `net`.
    Host(IpNet),
    /// An Ethernet address: tcpdump's `ether host`.
    Mac(MacAddress),
    /// A TCP, UDP or SCTP port: tcpdump's `port`.
    Port(u16),
    /// A protocol.
    Protocol(Protocol),
    /// These bytes anywhere in the captured bytes.
    Text(Vec<u8>),
    /// The name of the capture file, or its path.
    File(String),
    /// A capture.
    Capture(Fingerprint),
    /// The packet with this identity.
    Id(PacketId),
}

/// Protocols that have a word of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// tcpdump's `ip`.
    Ipv4,
    /// tcpdump's `ip6`.
    Ipv6,
    /// tcpdump's `arp`.
    Arp,
    /// tcpdump's `rarp`.
    Rarp,
    /// Carried by IPv4 or IPv6 under this IANA number: tcpdump's `tcp`, `udp`, `sctp` …
    Ip(u8),
    /// Carried by IPv4 only: tcpdump's `icmp`.
    Ipv4Only(u8),
    /// Carried by IPv6 only: tcpdump's `icmp6`.
    Ipv6Only(u8),
    /// Recognised by its content (ECS `network.protocol`).
    Application(&'static str),
}
