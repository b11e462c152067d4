//! One document for each stretch of a conversation, instead of one for each packet: what stores
//! with the layout `flows` share.
//!
//! | file | what it does |
//! | --- | --- |
//! | `cut` | packets → stretches |
//! | `pack` | the packets of a stretch ↔ bytes |
//! | `document` | what a stretch can be found by |
//! | `order` | the packets of overlapping stretches in the query's order, each once |
//!
//! Stretches are cut by frame number, in windows of the capture, so that whoever reads the same
//! capture again cuts alike and finds that everything is there. What arrives in parts (a stream, a
//! file that grows) is cut where a part ends; read again as a whole, the same packets stand in two
//! stretches, and `order` gives each of them once.

mod cut;
mod document;
mod order;
mod pack;

pub(in crate::store) use cut::cut;
pub(in crate::store) use document::{answering, document};
pub(in crate::store) use order::Overlap;
pub(in crate::store) use pack::{PackError, Packer, Unpacker};

use crate::packet::{PacketId, PacketRecord};

/// Frames of a capture that are cut into stretches together. Larger windows hardly give longer
/// stretches, and this bounds what a reader holds to put them in order.
pub const FRAMES_PER_WINDOW: u64 = 1024;

/// The identity of a stretch: the same packets always get the same one.
pub(in crate::store) fn id<'a>(packets: impl IntoIterator<Item = &'a PacketRecord>) -> PacketId {
    PacketId::of_all(packets.into_iter().map(|record| record.stored.id()))
}
