//! The one order in which every store gives packets.

use crate::document::sequence;
use crate::packet::{Fingerprint, PacketId, StoredPacket};
use crate::query::Order;

/// What packets are sorted by.
pub(in crate::store) type Key = (i64, Option<Fingerprint>, i64, PacketId);

/// What packets are sorted by before their ids.
pub(in crate::store) type Place = (i64, Option<Fingerprint>, i64);

pub(in crate::store) fn key(packet: &StoredPacket, order: Order) -> Key {
    let (time, capture, frame) = place(packet, order);
    (time, capture, frame, packet.id)
}

pub(in crate::store) fn place(packet: &StoredPacket, order: Order) -> Place {
    let frame = sequence(packet.origin.frame);
    match order {
        Order::Time => (packet.packet.timestamp.indexed(), None, frame),
        Order::Frame => (0, Some(packet.origin.capture), frame),
    }
}
