use std::borrow::Borrow;
use std::net::IpAddr;
use std::ops::Range;

use foldhash::{HashMap, HashMapExt as _};

use super::FRAMES_PER_WINDOW;
use crate::packet::{Fingerprint, MacAddress, PacketRecord, Timestamp};
use crate::store::LONGEST_IN_PCAP;

/// Packets of a stretch, at most.
const MOST_PACKETS: usize = 256;
/// Captured bytes of a stretch, unless a single packet has more: as many as a single packet may
/// have in a pcap file.
const MOST_BYTES: usize = LONGEST_IN_PCAP as usize;
/// Nanoseconds between the first and the last packet of a stretch, at most: a minute. A query for a
/// short time must not have to read a long one.
const LONGEST: i128 = 60 * 1_000_000_000;
/// Nanoseconds.
const DAY: i64 = 86_400 * 1_000_000_000;

/// What packets of a stretch have in common.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    capture: Fingerprint,
    window: u64,
    /// Start of the partition, and the day: days are told apart by when stretches begin.
    partition: (i128, i64),
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

/// Cuts a batch into stretches, by the places of their packets in it; `partition` tells the time that shares a partition with a time.
pub(in crate::store) fn cut<R: Borrow<PacketRecord>>(
    batch: &[R],
    mut partition: impl FnMut(Timestamp) -> Range<i128>,
) -> Vec<Vec<usize>> {
    let mut stretches: Vec<Vec<usize>> = Vec::new();
    // Std's hasher would take as long as all the rest.
    let mut open: HashMap<Key, Open> = HashMap::new();
    let mut period = 0..0;
    for (position, record) in batch.iter().map(Borrow::borrow).enumerate() {
        let (stored, time) = (&record.stored, record.stored.packet.timestamp);
        if !period.contains(&time.indexed().into()) {
            period = partition(time);
        }
        let key = Key {
            capture: stored.origin.capture,
            window: window(record),
            partition: (period.start, time.indexed().div_euclid(DAY)),
            conversation: conversation(record),
        };
        let bytes = stored.packet.data.len();
        if let Some(last) = open.get_mut(&key)
            && stretches[last.stretch].len() < MOST_PACKETS
            && last.takes(time, bytes)
        {
            last.add(time, bytes);
            stretches[last.stretch].push(position);
            continue;
        }
        open.insert(key, Open { stretch: stretches.len(), bytes, first: time, last: time });
        stretches.push(vec![position]);
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::packet::{
        CapturedPacket, Layers, LinkType, NetworkKind, NetworkLayer, Origin, Source, StoredPacket,
        Transport,
    };
    use std::sync::Arc;

    const SECOND: i128 = 1_000_000_000;

    /// A datagram between two hosts, from the one or from the other.
    fn record(frame: u64, time: i128, client: u8, answer: bool, bytes: usize) -> PacketRecord {
        let packet = CapturedPacket {
            timestamp: Timestamp::from_nanoseconds(time),
            link_type: LinkType::RAW,
            original_length: 9,
            data: Bytes::from(vec![client; bytes]),
            extras: None,
        };
        let source = Source { file_name: String::new(), file_path: String::new(), sensor: None };
        let origin = Origin { capture: Fingerprint([1; 16]), frame, source: Arc::new(source) };
        let ends = [IpAddr::from([192, 0, 2, client]), IpAddr::from([198, 51, 100, 1])];
        let (source, destination) = if answer { (1, 0) } else { (0, 1) };
        let ports = [4_000, 53];
        let network = NetworkLayer {
            kind: NetworkKind::Ipv4,
            source: ends[source],
            destination: ends[destination],
            next_header: 17,
            protocol: 17,
            fragment: None,
            transport: Some(Transport::Udp {
                source: ports[source],
                destination: ports[destination],
            }),
        };
        let layers = Layers { networks: [network].into(), ..Layers::default() };
        PacketRecord { stored: StoredPacket::new(packet, origin), layers }
    }

    fn places(batch: &[PacketRecord]) -> Vec<Vec<usize>> {
        cut(batch, |_| i128::MIN..i128::MAX)
    }

    #[test]
    fn both_directions_of_a_conversation_stand_together() {
        let batch = [
            record(1, 0, 1, false, 9),
            record(2, 1, 2, false, 9),
            record(3, 2, 1, true, 9),
            record(4, 3, 2, true, 9),
        ];
        assert_eq!(places(&batch), [[0, 2], [1, 3]]);
    }

    #[test]
    fn a_stretch_ends_with_packets_bytes_time_window_and_day() {
        let many: Vec<PacketRecord> =
            (1..=257).map(|frame| record(frame, 0, 1, false, 9)).collect();
        assert_eq!(places(&many).iter().map(Vec::len).collect::<Vec<_>>(), [256, 1]);
        let two = |second: PacketRecord| places(&[record(7, 0, 1, false, 9), second]).len();
        assert_eq!(two(record(8, 60 * SECOND, 1, false, 9)), 1);
        assert_eq!(two(record(8, 61 * SECOND, 1, false, 9)), 2, "a minute");
        assert_eq!(two(record(8, -SECOND, 1, false, 9)), 1, "times go back");
        assert_eq!(two(record(8, 0, 1, false, MOST_BYTES)), 2, "bytes");
        assert_eq!(two(record(FRAMES_PER_WINDOW, 0, 1, false, 9)), 1);
        assert_eq!(two(record(FRAMES_PER_WINDOW + 1, 0, 1, false, 9)), 2, "another window");
        let day = i128::from(DAY);
        let midnight = [record(7, day - 1, 1, false, 9), record(8, day, 1, false, 9)];
        assert_eq!(places(&midnight).len(), 2, "another day");
        let hourly = |time: Timestamp| {
            let hour = time.nanoseconds().div_euclid(3_600 * SECOND);
            hour * 3_600 * SECOND..(hour + 1) * 3_600 * SECOND
        };
        let hour = 3_600 * SECOND;
        let hours = [record(7, hour - 1, 1, false, 9), record(8, hour, 1, false, 9)];
        assert_eq!(cut(&hours, hourly).len(), 2, "another partition");
    }

    proptest! {
        /// Whoever reads windows as a whole cuts alike, whatever stands before and behind.
        #[test]
        fn windows_are_cut_alike(
            clients in prop::collection::vec((0_u8..5, 0_u32..90), 3_072),
            first in 0_usize..3,
        ) {
            let batch: Vec<PacketRecord> = (1..)
                .zip(clients)
                .map(|(frame, (client, second))| {
                    record(frame, i128::from(second) * SECOND, client, second % 2 == 0, 40)
                })
                .collect();
            let window = |number: usize| number * 1_024..(number + 1) * 1_024;
            let ids = |records: &[PacketRecord]| -> Vec<_> {
                let stretches = cut(records, |_| i128::MIN..i128::MAX);
                stretches
                    .iter()
                    .map(|stretch| super::super::id(stretch.iter().map(|p| &records[*p])))
                    .collect()
            };
            let of_all = ids(&batch);
            for id in ids(&batch[window(first)]) {
                prop_assert!(of_all.contains(&id));
            }
            let mut positions: Vec<usize> = places(&batch).concat();
            positions.sort_unstable();
            prop_assert_eq!(positions, (0..batch.len()).collect::<Vec<_>>());
        }
    }
}
