use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::Range;

use super::FRAMES_PER_WINDOW;
use crate::packet::{Fingerprint, MacAddress, PacketRecord, Timestamp};
use crate::store::LONGEST_IN_PCAP;

/// Packets of a stretch, at most.
const MOST_PACKETS: usize = 64;
/// Captured bytes of a stretch, unless a single packet has more: as many as a single packet may
/// have in a pcap file.
const MOST_BYTES: usize = LONGEST_IN_PCAP as usize;
/// Nanoseconds between the first and the last packet of a stretch, at most: a minute. A query for a
/// short time must not have to read a long one.
const LONGEST: i128 = 60 * 1_000_000_000;

/// Packets of a batch that are stored together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Stretch {
    /// Their places in the batch, in its order.
    pub(in crate::store) positions: Vec<usize>,
    /// Whether the batch has the whole window of the capture, so that everybody who reads it as a
    /// whole cuts the same stretch.
    pub(in crate::store) is_whole: bool,
}

/// What packets of a stretch have in common.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    capture: Fingerprint,
    window: u64,
    /// Start of the partition.
    partition: i128,
    conversation: Conversation,
}

/// Two ends that speak with each other, in either direction.
#[derive(PartialEq, Eq, Hash)]
enum Conversation {
    Network { ends: [(IpAddr, u16); 2], protocol: u8 },
    Link { ends: [Option<MacAddress>; 2], ether_type: Option<u16> },
}

/// A stretch that packets are still added to.
struct Open {
    stretch: usize,
    bytes: usize,
    first: Timestamp,
    last: Timestamp,
}

/// Cuts a batch into stretches; `partition` tells the time that shares a partition with a time.
pub(in crate::store) fn cut(
    batch: &[PacketRecord],
    mut partition: impl FnMut(Timestamp) -> Range<i128>,
) -> Vec<Stretch> {
    let whole = whole_windows(batch);
    let mut stretches: Vec<Stretch> = Vec::new();
    let mut open: HashMap<Key, Open> = HashMap::new();
    let mut period = 0..0;
    for (position, record) in batch.iter().enumerate() {
        let (stored, time) = (&record.stored, record.stored.packet.timestamp);
        if !period.contains(&time.indexed().into()) {
            period = partition(time);
        }
        let window = window(record);
        let key = Key {
            capture: stored.origin.capture,
            window,
            partition: period.start,
            conversation: conversation(record),
        };
        let bytes = stored.packet.data.len();
        if let Some(last) = open.get_mut(&key)
            && stretches[last.stretch].positions.len() < MOST_PACKETS
            && last.takes(time, bytes)
        {
            last.add(time, bytes);
            stretches[last.stretch].positions.push(position);
            continue;
        }
        let is_whole = whole.get(&(key.capture, window)) == Some(&FRAMES_PER_WINDOW);
        open.insert(key, Open { stretch: stretches.len(), bytes, first: time, last: time });
        stretches.push(Stretch { positions: vec![position], is_whole });
    }
    stretches
}

impl Open {
    fn takes(&self, time: Timestamp, bytes: usize) -> bool {
        let (first, last) = (self.first.min(time), self.last.max(time));
        self.bytes + bytes <= MOST_BYTES
            && last.nanoseconds().saturating_sub(first.nanoseconds()) <= LONGEST
    }

    fn add(&mut self, time: Timestamp, bytes: usize) {
        self.bytes += bytes;
        self.first = self.first.min(time);
        self.last = self.last.max(time);
    }
}

/// The window that a packet stands in: frames count from 1.
fn window(record: &PacketRecord) -> u64 {
    record.stored.origin.frame.saturating_sub(1) / FRAMES_PER_WINDOW
}

/// How many frames of each window there are, where they follow each other.
fn whole_windows(batch: &[PacketRecord]) -> HashMap<(Fingerprint, u64), u64> {
    let mut frames = HashMap::new();
    for pieces in batch.chunk_by(|a, b| {
        let (a_origin, b_origin) = (&a.stored.origin, &b.stored.origin);
        a_origin.capture == b_origin.capture
            && a_origin.frame.checked_add(1) == Some(b_origin.frame)
            && window(a) == window(b)
    }) {
        let key = (pieces[0].stored.origin.capture, window(&pieces[0]));
        frames.insert(key, pieces.len() as u64);
    }
    frames
}

fn conversation(record: &PacketRecord) -> Conversation {
    let layers = &record.layers;
    if let Some(network) = layers.innermost() {
        let ports = network.transport.and_then(|transport| transport.ports());
        let (source, destination) = ports.or(layers.fragment_ports).unwrap_or_default();
        let mut ends = [(network.source, source), (network.destination, destination)];
        ends.sort_unstable();
        return Conversation::Network { ends, protocol: network.protocol };
    }
    let mut ends = [layers.source_mac, layers.destination_mac];
    ends.sort_unstable();
    Conversation::Link { ends, ether_type: layers.ether_type }
}
