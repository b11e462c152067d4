use crate::packet::StoredPacket;
use crate::query::Order;
use crate::store::order::{compare, place};

/// Packets of stretches that come in the order of their first packets. Stretches overlap, so a
/// packet is given out only when no stretch to come can hold one before it.
#[derive(Debug)]
pub(in crate::store) struct Overlap {
    order: Order,
    /// Packets that wait for stretches to come; sorted.
    waiting: Vec<StoredPacket>,
    /// The last that was given out: the same packet may stand in two stretches.
    last: Option<StoredPacket>,
}

impl Overlap {
    pub(in crate::store) fn new(order: Order) -> Self {
        Self { order, waiting: Vec::new(), last: None }
    }

    /// Takes packets, the last so many of them from the last stretch, and gives those whose order
    /// is final; all of them when no stretch is to come.
    pub(in crate::store) fn next(
        &mut self,
        packets: Vec<StoredPacket>,
        of_last_stretch: usize,
        is_end: bool,
    ) -> Vec<StoredPacket> {
        let order = self.order;
        // A stretch to come begins where the last one does, at the earliest.
        let last = packets.iter().rev().take(of_last_stretch).map(|packet| place(packet, order));
        let bound = last.reduce(|a, b| (a.0.min(b.0), a.1.min(b.1), a.2.min(b.2)));
        self.waiting.extend(packets);
        // What is in order already is only merged.
        self.waiting.sort_by(|one, other| compare(one, other, order));
        let ready = match bound {
            _ if is_end => self.waiting.len(),
            Some(bound) => self.waiting.partition_point(|packet| place(packet, order) < bound),
            None => 0,
        };
        let rest = self.waiting.split_off(ready);
        let mut ready = std::mem::replace(&mut self.waiting, rest);
        ready.dedup_by(|packet, before| packet.is_same(before));
        let (Some(first), Some(last)) = (ready.first(), ready.last().cloned()) else {
            return ready;
        };
        let is_again = self.last.as_ref().is_some_and(|last| first.is_same(last));
        self.last = Some(last);
        if is_again {
            ready.remove(0);
        }
        ready
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::packet::{CapturedPacket, Fingerprint, LinkType, Origin, Source, Timestamp};

    fn packet(time: i128, frame: u64, byte: u8) -> StoredPacket {
        let packet = CapturedPacket {
            timestamp: Timestamp::from_nanoseconds(time),
            link_type: LinkType::ETHERNET,
            original_length: 1,
            data: Bytes::from(vec![byte]),
            extras: None,
        };
        let source = Source { file_name: String::new(), file_path: String::new(), sensor: None };
        let origin = Origin { capture: Fingerprint([byte; 16]), frame, source: Arc::new(source) };
        StoredPacket::new(packet, origin)
    }

    #[test]
    fn ties_wait_for_what_comes_and_stand_by_id() {
        let mut ties: Vec<StoredPacket> = (0..6).map(|byte| packet(5, 1, byte)).collect();
        ties.sort_unstable_by_key(|packet| std::cmp::Reverse(packet.id()));
        let mut overlap = Overlap::new(Order::Time);
        let before = [packet(1, 1, 9), packet(2, 1, 9)];
        let first = [&before[..], &ties[..4]].concat();
        assert_eq!(overlap.next(first, 1, false), before);
        let second = [&ties[4..], &[packet(6, 1, 9)]].concat();
        ties.reverse();
        assert_eq!(overlap.next(second, 1, false), ties);
        assert_eq!(overlap.next(Vec::new(), 0, true), [packet(6, 1, 9)]);
        assert_eq!(overlap.next(Vec::new(), 0, true), []);
    }

    #[test]
    fn stretches_overlap_and_a_packet_of_two_of_them_comes_once() {
        for order in [Order::Time, Order::Frame] {
            let packets: Vec<StoredPacket> =
                (1..=8_u32).map(|number| packet(number.into(), number.into(), 1)).collect();
            let some = |places: &[usize]| -> Vec<StoredPacket> {
                places.iter().map(|place| packets[*place].clone()).collect()
            };
            let mut overlap = Overlap::new(order);
            // The stretch that is last in a page begins with its earliest packet, whatever stands first.
            assert_eq!(overlap.next(some(&[0, 2, 7, 3, 1]), 2, false), some(&[0]));
            assert_eq!(overlap.next(some(&[2, 3, 4, 6, 5]), 1, false), some(&[1, 2, 3, 4]));
            assert_eq!(overlap.next(some(&[5, 6]), 2, true), some(&[5, 6, 7]));
        }
    }

    /// A damaged capture may have one time for all of its packets.
    #[test]
    fn equal_times_do_not_pile_up() {
        let mut overlap = Overlap::new(Order::Time);
        for frame in (1..1_000).step_by(2) {
            let pair = vec![packet(0, frame, 1), packet(0, frame + 1, 1)];
            overlap.next(pair, 2, false);
            assert!(overlap.waiting.len() <= 2);
        }
    }
}
