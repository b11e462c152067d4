//! A packet as a tantivy document.

use std::net::{IpAddr, Ipv6Addr};
use std::ops::Range;
use std::slice;

use tantivy::schema::Field;
use tantivy::schema::document::{Document, ReferenceValue, ReferenceValueLeaf, Value};

use crate::document::fields::KEYWORD_LIMIT;
use crate::document::{self, Value as FieldValue};
use crate::packet::{Origin, PacketId, PacketRecord, Timestamp};
use crate::store::embedded::record::{self, RecordError};
use crate::store::embedded::room::Room;
use crate::store::embedded::schema::{LAYOUT, Search};
use crate::store::flows::{self, PackError, Packer};

/// Frames of one capture that share a block: see [`super::known`].
const FRAMES_PER_BLOCK: u64 = 4096;

/// The stretch of a capture that a packet stands in: fingerprint and frame number divided by
/// [`FRAMES_PER_BLOCK`].
pub(super) type BlockKey = [u8; 24];

/// The block of a packet with this origin.
pub(super) fn block_key(origin: &Origin) -> BlockKey {
    let mut key = [0; 24];
    key[..16].copy_from_slice(&origin.capture.0);
    key[16..].copy_from_slice(&(origin.frame / FRAMES_PER_BLOCK).to_be_bytes());
    key
}

/// The two halves of an id, as they stand in the columns. They sort as the id does.
#[expect(clippy::cast_possible_truncation, reason = "each half is what is meant")]
pub(super) fn id_halves(id: PacketId) -> (u64, u64) {
    let number = u128::from_be_bytes(id.0);
    ((number >> 64) as u64, number as u64)
}

/// The id whose halves these are.
pub(super) fn id_of_halves(high: u64, low: u64) -> PacketId {
    PacketId(((u128::from(high) << 64) | u128::from(low)).to_be_bytes())
}

/// The time as bytes that sort as it does.
pub(super) fn exact_time(time: Timestamp) -> [u8; 16] {
    (time.nanoseconds() ^ i128::MIN).to_be_bytes()
}

/// The time with these bytes; `None` when they are no time.
pub(super) fn time_of_exact(bytes: &[u8]) -> Option<Timestamp> {
    let number = i128::from_be_bytes(bytes.try_into().ok()?);
    Some(Timestamp::from_nanoseconds(number ^ i128::MIN))
}

/// Whether `indexed` alone does not tell the time: at both ends of the index stand also the
/// times beyond it.
pub(super) fn is_at_an_end(indexed: i64) -> bool {
    indexed == 0 || indexed == i64::MAX
}

/// What tantivy indexes and stores of a packet. Texts stand in one string, so that a packet
/// costs few allocations.
#[derive(Debug)]
pub(super) struct PacketDocument {
    values: Vec<(Field, Leaf)>,
    texts: String,
    record: Vec<u8>,
    block: BlockKey,
    exact_times: Vec<[u8; 16]>,
    /// Given back when tantivy is done with the document.
    room: Option<Room>,
}

#[derive(Debug, Clone)]
enum Leaf {
    Number(i64),
    Half(u64),
    Flag(bool),
    Ip(Ipv6Addr),
    Text(Range<usize>),
    Record,
    Block,
    Capture,
    ExactTime(usize),
}

impl PacketDocument {
    /// A packet, for a store with an index of the payload, or for one without.
    pub(super) fn new(record: &PacketRecord, payload: bool) -> Result<Self, RecordError> {
        let stored = &record.stored;
        let fields = if payload {
            document::Document::with_payload_terms(record)
        } else {
            document::Document::of(record)
        };
        Ok(Self::with(&[record], stored.id(), record::encode(stored)?, &fields))
    }

    /// A stretch of packets of one capture and window.
    pub(super) fn of_stretch(
        records: &[&PacketRecord],
        packer: &mut Packer,
        payload: bool,
    ) -> Result<Self, PackError> {
        let bytes = packer.pack(records)?;
        let fields = flows::document(records, &[], payload);
        Ok(Self::with(records, flows::id(records.iter().copied()), bytes, &fields))
    }

    fn with(
        records: &[&PacketRecord],
        id: PacketId,
        record: Vec<u8>,
        fields: &document::Document<'_>,
    ) -> Self {
        let mut document = Self {
            values: Vec::with_capacity(48),
            texts: String::with_capacity(256),
            record,
            block: records.first().map_or([0; 24], |record| block_key(&record.stored.origin)),
            exact_times: Vec::new(),
            room: None,
        };
        let (high, low) = id_halves(id);
        document.values.push((LAYOUT.record, Leaf::Record));
        document.values.push((LAYOUT.id_high, Leaf::Half(high)));
        document.values.push((LAYOUT.id_low, Leaf::Half(low)));
        document.values.push((LAYOUT.block, Leaf::Block));
        for time in records.iter().map(|record| record.stored.packet.timestamp) {
            if is_at_an_end(time.indexed()) {
                let place = document.exact_times.len();
                document.exact_times.push(exact_time(time));
                document.values.push((LAYOUT.exact_time, Leaf::ExactTime(place)));
            }
        }
        for (id, value) in fields.values() {
            let Some((field, search)) = LAYOUT.field(*id) else { continue };
            if let Some(leaf) = document.leaf(search, value) {
                document.values.push((field, leaf));
            } else {
                let leaf = document.text(id.field().name);
                document.values.push((LAYOUT.too_long, leaf));
            }
        }
        document
    }

    /// Bytes that the document takes in memory, roughly.
    pub(super) fn size(&self) -> usize {
        self.record.len()
            + self.texts.capacity()
            + self.values.capacity() * size_of::<(Field, Leaf)>()
    }

    /// Takes the room that the document fills until tantivy is done with it.
    pub(super) fn occupy(&mut self, room: Room) {
        self.room = Some(room);
    }

    fn leaf(&mut self, search: Search, value: &FieldValue<'_>) -> Option<Leaf> {
        Some(match (search, value) {
            (Search::Capture, _) => Leaf::Capture,
            (_, FieldValue::Time(time)) => Leaf::Number(time.indexed()),
            (_, FieldValue::Number(number)) => Leaf::Number(*number),
            (_, FieldValue::Boolean(flag)) => Leaf::Flag(*flag),
            (_, FieldValue::Ip(address)) => Leaf::Ip(mapped(*address)),
            (Search::Terms, FieldValue::Text(text)) => self.text(text),
            (_, FieldValue::Text(text)) if is_indexed(text) => self.text(text),
            (_, FieldValue::Text(_) | FieldValue::Bytes(_)) => return None,
        })
    }

    fn text(&mut self, text: &str) -> Leaf {
        let start = self.texts.len();
        self.texts.push_str(text);
        Leaf::Text(start..self.texts.len())
    }
}

/// Whether a keyword is short enough to be found by its whole text.
pub(super) fn is_indexed(text: &str) -> bool {
    text.len() <= KEYWORD_LIMIT || text.chars().count() <= KEYWORD_LIMIT
}

/// IPv4 as IPv4-mapped IPv6 (RFC 4291, section 2.5.5.2).
pub(super) fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// A value as tantivy reads it.
#[derive(Debug, Clone)]
pub(super) struct LeafRef<'a>(ReferenceValueLeaf<'a>);

impl<'a> Value<'a> for LeafRef<'a> {
    type ArrayIter = std::iter::Empty<Self>;
    type ObjectIter = std::iter::Empty<(&'a str, Self)>;

    fn as_value(&self) -> ReferenceValue<'a, Self> {
        ReferenceValue::Leaf(self.0.clone())
    }
}

/// The values of a [`PacketDocument`].
#[derive(Debug)]
pub(super) struct Values<'a> {
    document: &'a PacketDocument,
    values: slice::Iter<'a, (Field, Leaf)>,
}

impl<'a> Iterator for Values<'a> {
    type Item = (Field, LeafRef<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (field, leaf) = self.values.next()?;
        let document = self.document;
        let value = match leaf {
            Leaf::Number(number) => ReferenceValueLeaf::I64(*number),
            Leaf::Half(half) => ReferenceValueLeaf::U64(*half),
            Leaf::Flag(flag) => ReferenceValueLeaf::Bool(*flag),
            Leaf::Ip(address) => ReferenceValueLeaf::IpAddr(*address),
            Leaf::Text(range) => ReferenceValueLeaf::Str(&document.texts[range.clone()]),
            Leaf::Record => ReferenceValueLeaf::Bytes(&document.record),
            Leaf::Block => ReferenceValueLeaf::Bytes(&document.block),
            Leaf::Capture => ReferenceValueLeaf::Bytes(&document.block[..16]),
            Leaf::ExactTime(place) => ReferenceValueLeaf::Bytes(&document.exact_times[*place]),
        };
        Some((*field, LeafRef(value)))
    }
}

impl Document for PacketDocument {
    type Value<'a> = LeafRef<'a>;
    type FieldsValuesIter<'a> = Values<'a>;

    fn iter_fields_and_values(&self) -> Values<'_> {
        Values { document: self, values: self.values.iter() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Fingerprint;

    #[test]
    fn ids_come_back_from_their_halves_and_sort_as_they_do() {
        let (low, high) = (PacketId([1; 16]), PacketId([0xfe; 16]));
        for id in [low, high] {
            let (first, second) = id_halves(id);
            assert_eq!(id_of_halves(first, second), id);
        }
        assert!(id_halves(low) < id_halves(high));
    }

    #[test]
    fn exact_times_sort_as_times_do() {
        let times = [i128::MIN, -1, 0, 1, i128::from(i64::MAX) + 1, i128::MAX];
        let bytes = times.map(|time| exact_time(Timestamp::from_nanoseconds(time)));
        assert!(bytes.is_sorted());
    }

    /// Blocks stand in the index: another division would store everything a second time.
    #[test]
    fn blocks_are_pinned() {
        let source = crate::packet::Source {
            file_name: String::new(),
            file_path: String::new(),
            sensor: None,
        };
        let origin = Origin { capture: Fingerprint([9; 16]), frame: 8191, source: source.into() };
        let mut expected = [9; 24];
        expected[16..].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(block_key(&origin), expected);
    }
}
