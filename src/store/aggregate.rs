//! Counting what a query selects, instead of reading it.
//!
//! [`Tally`] counts packets one by one. It says what each number means; a store that counts in
//! another way has to come to the same.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};

use crate::document::{related_addresses, transport_name};
use crate::packet::{LinkType, PacketRecord, Timestamp};

/// What to count beside packets and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Breakdown {
    /// Packets over time.
    pub timeline: Option<Timeline>,
    /// How many of the most frequent hosts, ports and protocols.
    pub top: Option<usize>,
}

/// Buckets of equal length, one behind the other, on the clock of [`Timestamp::indexed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeline {
    /// Nanoseconds since 1970 at which the first one begins.
    pub start: i64,
    /// Length of each in nanoseconds; not 0.
    pub interval: u64,
    /// How many there are.
    pub buckets: usize,
}

/// What was counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// Packets.
    pub packets: u64,
    /// Their lengths on the wire.
    pub bytes: u64,
    /// Their captured lengths.
    pub captured_bytes: u64,
    /// Their link types.
    pub link_types: BTreeSet<LinkType>,
    /// Time of the first packet, by the clock of [`Timestamp::indexed`].
    pub earliest: Option<Timestamp>,
    /// Time of the last packet.
    pub latest: Option<Timestamp>,
    /// One for each bucket of [`Breakdown::timeline`]; packets outside of it are in none.
    pub timeline: Vec<Bucket>,
    /// Addresses, each once for each packet that has it anywhere (`related.ip`).
    pub hosts: Vec<Top<IpAddr>>,
    /// Ports of the innermost transport, each once for each packet that has it at either end.
    pub ports: Vec<Top<u16>>,
    /// Protocols; each packet has one: see [`protocol`].
    pub protocols: Vec<Top<String>>,
    /// Whether the most frequent ones are proven to be these.
    pub top_is_exact: bool,
}

/// A stretch of time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bucket {
    /// Packets in it.
    pub packets: u64,
    /// Their lengths on the wire.
    pub bytes: u64,
    /// The packets by their protocol; together they are all.
    pub protocols: BTreeMap<String, u64>,
}

/// A value with what has it. The most frequent come first; of equally frequent ones the smallest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Top<T> {
    /// The value.
    pub value: T,
    /// Packets that have it.
    pub packets: u64,
    /// Their lengths on the wire.
    pub bytes: u64,
}

/// The one protocol that a packet counts for: what is spoken (`network.protocol`), or else the
/// transport (`network.transport`), or else the network (`network.type`), or else the link type.
#[must_use]
pub fn protocol(record: &PacketRecord) -> String {
    let layers = &record.layers;
    let network = layers.innermost();
    let transport = network
        .filter(|network| network.kind.is_ip())
        .and_then(|network| transport_name(network.protocol));
    let named = layers.application.or(transport).or(network.map(|network| network.kind.name()));
    match named {
        Some(name) => name.to_owned(),
        None => link_type(record),
    }
}

fn link_type(record: &PacketRecord) -> String {
    let link_type = record.stored.packet.link_type;
    link_type.name().map_or_else(|| link_type.to_string(), str::to_owned)
}

impl Timeline {
    /// The bucket that a time belongs to.
    #[must_use]
    pub fn position(&self, time: i64) -> Option<usize> {
        let behind = i128::from(time) - i128::from(self.start);
        let position = usize::try_from(behind.div_euclid(i128::from(self.interval))).ok()?;
        (position < self.buckets).then_some(position)
    }

    /// The time at which a bucket begins, and the one behind the last ends.
    #[must_use]
    pub fn start_of(&self, bucket: usize) -> Timestamp {
        let offset = u128::from(self.interval).saturating_mul(bucket as u128);
        let offset = i128::try_from(offset).unwrap_or(i128::MAX);
        Timestamp::from_nanoseconds(i128::from(self.start).saturating_add(offset))
    }
}

/// Counts packets that it is shown one by one.
#[derive(Debug)]
pub struct Tally {
    breakdown: Breakdown,
    counts: Counts,
    hosts: HashMap<IpAddr, (u64, u64)>,
    ports: HashMap<u16, (u64, u64)>,
    protocols: HashMap<String, (u64, u64)>,
}

impl Tally {
    /// Nothing has been counted yet.
    #[must_use]
    pub fn new(breakdown: Breakdown) -> Self {
        let buckets = breakdown.timeline.map_or(0, |timeline| timeline.buckets);
        let counts = Counts {
            timeline: vec![Bucket::default(); buckets],
            top_is_exact: true,
            ..Counts::default()
        };
        Self {
            breakdown,
            counts,
            hosts: HashMap::new(),
            ports: HashMap::new(),
            protocols: HashMap::new(),
        }
    }

    /// Counts a packet.
    pub fn add(&mut self, record: &PacketRecord) {
        let packet = &record.stored.packet;
        let bytes = u64::from(packet.original_length);
        let time = packet.timestamp.indexed();
        let counts = &mut self.counts;
        counts.packets += 1;
        counts.bytes += bytes;
        counts.captured_bytes += u64::from(packet.captured_length());
        counts.link_types.insert(packet.link_type);
        let indexed = Some(Timestamp::from_nanoseconds(time.into()));
        counts.earliest = counts.earliest.map_or(indexed, |earliest| indexed.min(Some(earliest)));
        counts.latest = counts.latest.max(indexed);
        let protocol = protocol(record);
        let timeline = self.breakdown.timeline;
        if let Some(position) = timeline.and_then(|timeline| timeline.position(time)) {
            let bucket = &mut counts.timeline[position];
            bucket.packets += 1;
            bucket.bytes += bytes;
            *bucket.protocols.entry(protocol.clone()).or_default() += 1;
        }
        if self.breakdown.top.is_some() {
            for address in hosts(record) {
                count(&mut self.hosts, address, bytes);
            }
            for port in ports(record) {
                count(&mut self.ports, port, bytes);
            }
            count(&mut self.protocols, protocol, bytes);
        }
    }

    /// What has been counted.
    #[must_use]
    pub fn finish(self) -> Counts {
        let top = self.breakdown.top.unwrap_or(0);
        Counts {
            hosts: most(self.hosts, top, |address| mapped(*address)),
            ports: most(self.ports, top, |port| *port),
            protocols: most(self.protocols, top, Clone::clone),
            ..self.counts
        }
    }
}

fn count<T: Eq + Hash>(counts: &mut HashMap<T, (u64, u64)>, value: T, bytes: u64) {
    let (packets, sum) = counts.entry(value).or_default();
    *packets += 1;
    *sum += bytes;
}

/// `related.ip`, each once; no store tells an IPv4 address from the IPv6 address that maps it.
fn hosts(record: &PacketRecord) -> Vec<IpAddr> {
    let addresses = related_addresses(&record.layers).into_iter();
    let mut addresses: Vec<IpAddr> = addresses.map(|address| address.to_canonical()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// `source.port` and `destination.port`, each once.
fn ports(record: &PacketRecord) -> impl Iterator<Item = u16> {
    let layers = &record.layers;
    let transport = layers.innermost().and_then(|network| network.transport);
    let ports = transport.and_then(|transport| transport.ports()).or(layers.fragment_ports);
    let (source, destination) = ports.unzip();
    source.into_iter().chain(destination.filter(|port| Some(*port) != source))
}

/// The most frequent of them, in order.
pub(super) fn most<T, K: Ord>(
    counts: impl IntoIterator<Item = (T, (u64, u64))>,
    top: usize,
    key: impl Fn(&T) -> K,
) -> Vec<Top<T>> {
    let counts = counts.into_iter();
    let mut all: Vec<Top<T>> =
        counts.map(|(value, (packets, bytes))| Top { value, packets, bytes }).collect();
    all.sort_by_cached_key(|one| (std::cmp::Reverse(one.packets), key(&one.value)));
    all.truncate(top);
    all
}

/// Addresses sort as Elasticsearch and the embedded store sort them: IPv4 as IPv4-mapped IPv6.
pub(super) fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}
