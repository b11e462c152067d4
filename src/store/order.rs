//! The one order in which every store gives packets.

use std::cmp::Ordering;

use crate::document::sequence;
use crate::packet::{Fingerprint, StoredPacket};
use crate::query::Order;

/// What packets are sorted by before their ids.
pub(in crate::store) type Place = (i64, Option<Fingerprint>, i64);

/// Which of two packets comes first.
pub(in crate::store) fn compare(
    one: &StoredPacket,
    other: &StoredPacket,
    order: Order,
) -> Ordering {
    place(one, order).cmp(&place(other, order)).then_with(|| one.id().cmp(&other.id()))
}

pub(in crate::store) fn place(packet: &StoredPacket, order: Order) -> Place {
    let frame = sequence(packet.origin.frame);
    match order {
        Order::Time => (packet.packet.timestamp.indexed(), None, frame),
        Order::Frame => (0, Some(packet.origin.capture), frame),
    }
}
