//! Several packets as one document.

use std::iter;

use super::{Document, Value};
use crate::document::fields::FieldId;
use crate::packet::{PacketRecord, StoredPacket};

impl<'a> Document<'a> {
    /// The values of several packets, each once, of the fields that are wanted: none of those that
    /// tell a packet's place, time or bytes.
    #[must_use]
    pub fn of_several(records: &[&'a PacketRecord], is_wanted: impl Fn(FieldId) -> bool) -> Self {
        let mut document = Self { values: Vec::with_capacity(64) };
        let mut told: Vec<&PacketRecord> = Vec::new();
        let mut lengths = Vec::with_capacity(2 * records.len());
        for record in records {
            lengths.extend(lengths_of(record));
            // Most packets of a conversation say what another has said, but for their lengths.
            if told.iter().rev().take(LOOKED_BACK).any(|one| says_the_same(one, record)) {
                continue;
            }
            if !told.last().is_some_and(|last| is_kept_alike(last, record)) {
                document.add_packet(&record.stored);
            }
            document.add_layers(&record.layers);
            document.add_application(&record.layers);
            told.push(record);
        }
        lengths.sort_unstable();
        lengths.dedup();
        document.values.retain(|(field, _)| is_wanted(*field) && !is_length(*field));
        let lengths = lengths.into_iter().filter(|(field, _)| is_wanted(*field));
        document.values.extend(lengths.map(|(field, length)| (field, Value::Number(length))));
        document.values.sort_by_key(|(field, _)| *field);
        document.keep_each_once();
        document
    }

    /// Of the values of a field that are the same, the first stays; they are sorted by field, and
    /// lengths are there only once.
    fn keep_each_once(&mut self) {
        let mut kept: Vec<(FieldId, Value<'a>)> = Vec::with_capacity(self.values.len());
        let mut start = 0;
        for (field, value) in self.values.drain(..) {
            if kept.last().is_some_and(|(last, _)| *last != field) {
                start = kept.len();
            }
            // There may be as many lengths as packets: too many to compare each with all.
            if is_length(field) || !kept[start..].iter().any(|(_, known)| *known == value) {
                kept.push((field, value));
            }
        }
        self.values = kept;
    }
}

/// Packets that one is compared with: more than a conversation has kinds of at a time.
const LOOKED_BACK: usize = 8;

/// What [`says_the_same`] does not look at and what a packet can be found by.
fn lengths_of(record: &PacketRecord) -> impl Iterator<Item = (FieldId, i64)> {
    let length = record.stored.packet.original_length;
    let payload = record.layers.payload_length;
    let length = (FieldId::PacketLength, length.into());
    iter::once(length).chain(payload.map(|length| (FieldId::PacketPayloadLength, length.into())))
}

fn is_length(field: FieldId) -> bool {
    matches!(field, FieldId::PacketLength | FieldId::PacketPayloadLength)
}

/// Whether two packets have the same values in all fields but those of their place, their time
/// on the index's clock, their bytes and their lengths.
fn says_the_same(one: &PacketRecord, other: &PacketRecord) -> bool {
    is_kept_alike(one, other) && one.layers.is_like(&other.layers)
}

/// The same for the fields that do not come from a packet's bytes.
fn is_kept_alike(one: &PacketRecord, other: &PacketRecord) -> bool {
    let StoredPacket { packet: a, origin: from, .. } = &one.stored;
    let StoredPacket { packet: b, origin, .. } = &other.stored;
    from.capture == origin.capture
        && from.source == origin.source
        && a.link_type == b.link_type
        && a.extras == b.extras
        && a.timestamp.is_indexable()
        && b.timestamp.is_indexable()
}
