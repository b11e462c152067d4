//! Packets by their keys.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tantivy::columnar::ColumnValues;
use tantivy::schema::document::{
    DeserializeError, DocumentDeserialize, DocumentDeserializer, ValueDeserialize,
    ValueDeserializer,
};
use tantivy::store::StoreReader;
use tantivy::{DocId, Searcher, SegmentReader, TantivyError};

use crate::document::fields::FieldId;
use crate::packet::StoredPacket;
use crate::store::Layout;
use crate::store::embedded::document::id_of_halves;
use crate::store::embedded::record::Decoder;
use crate::store::embedded::search::Key;
use crate::store::flows::Unpacker;

/// Packets that are read together, at most. Within them each block is decompressed once.
const PACKETS_PER_WINDOW: usize = 4096;
/// Captured bytes that are read together, unless a single packet has more.
const BYTES_PER_WINDOW: i64 = 4 << 20;
/// Decompressed blocks that a segment keeps: one for each window that is being read.
const BLOCKS_KEPT: usize = 2;

/// Reads packets from one snapshot.
pub(super) struct Reader {
    searcher: Searcher,
    documents: Layout,
    segments: Mutex<HashMap<u32, Arc<SegmentSource>>>,
}

/// Packets of several documents.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) packets: Vec<StoredPacket>,
    /// How many of them are those of the last document.
    pub(super) of_last_document: usize,
}

/// What is stored of the documents of one segment.
pub(super) struct Records(StoreReader);

impl Records {
    pub(super) fn of(segment: &SegmentReader) -> tantivy::Result<Self> {
        Ok(Self(segment.get_store_reader(BLOCKS_KEPT)?))
    }

    fn bytes(&self, document: DocId) -> tantivy::Result<Bytes> {
        match record_in(&self.0.get_document_bytes(document)?) {
            Some(record) => Ok(Bytes::copy_from_slice(record)),
            None => self.deserialized(document),
        }
    }

    /// As tantivy reads it: byte by byte, which is a third of the time that a fetch takes.
    fn deserialized(&self, document: DocId) -> tantivy::Result<Bytes> {
        self.0.get(document).map(|RecordBytes(bytes)| bytes)
    }

    /// The packets of a document that is a stretch of them.
    pub(super) fn stretch(
        &self,
        document: DocId,
        unpacker: &mut Unpacker,
    ) -> tantivy::Result<Vec<StoredPacket>> {
        unpacker.unpack(&self.bytes(document)?).map_err(damaged)
    }
}

pub(super) fn damaged(error: impl std::error::Error + Send + Sync + 'static) -> TantivyError {
    TantivyError::DeserializeError(DeserializeError::custom(error))
}

/// What is read from one segment.
struct SegmentSource {
    records: Records,
    times: Arc<dyn ColumnValues<i64>>,
    lengths: Arc<dyn ColumnValues<i64>>,
}

impl Reader {
    pub(super) fn new(searcher: Searcher, documents: Layout) -> Self {
        Self { searcher, documents, segments: Mutex::default() }
    }

    /// Cuts keys into pieces that are small enough to be read at once.
    pub(super) fn windows(&self, keys: Vec<Key>) -> tantivy::Result<Vec<Vec<Key>>> {
        let mut windows = Vec::new();
        let mut window = Vec::new();
        let mut bytes = 0;
        for key in keys {
            bytes += self.segment(key.segment)?.lengths.get_val(key.document);
            if !window.is_empty()
                && (bytes > BYTES_PER_WINDOW || window.len() >= PACKETS_PER_WINDOW)
            {
                windows.push(std::mem::take(&mut window));
                bytes = 0;
            }
            window.push(key);
        }
        if !window.is_empty() {
            windows.push(window);
        }
        Ok(windows)
    }

    /// The packets of the documents with these keys, document by document in their order.
    pub(super) fn read(&self, keys: &[Key]) -> tantivy::Result<Found> {
        let mut places: Vec<usize> = (0..keys.len()).collect();
        places.sort_unstable_by_key(|place| (keys[*place].segment, keys[*place].document));
        let mut packets = Vec::with_capacity(keys.len());
        let mut decoder = Decoder::default();
        let mut unpacker = Unpacker::new().map_err(damaged)?;
        for of_segment in places.chunk_by(|a, b| keys[*a].segment == keys[*b].segment) {
            let segment = self.segment(keys[of_segment[0]].segment)?;
            for place in of_segment {
                let key = &keys[*place];
                match self.documents {
                    Layout::Singles => packets.push((*place, segment.packet(key, &mut decoder)?)),
                    Layout::Flows => {
                        let stretch = segment.records.stretch(key.document, &mut unpacker)?;
                        packets.extend(stretch.into_iter().map(|packet| (*place, packet)));
                    }
                }
            }
        }
        packets.sort_by_key(|(place, _)| *place);
        let last = packets.last().map(|(place, _)| *place);
        let of_last = packets.iter().rev().take_while(|(place, _)| Some(*place) == last).count();
        let packets = packets.into_iter().map(|(_, packet)| packet).collect();
        Ok(Found { packets, of_last_document: of_last })
    }

    fn segment(&self, number: u32) -> tantivy::Result<Arc<SegmentSource>> {
        let mut segments = self.segments.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(segment) = segments.get(&number) {
            return Ok(segment.clone());
        }
        let reader = self.searcher.segment_reader(number);
        let columns = reader.fast_fields();
        let column = |id: FieldId| columns.column_first_or_default::<i64>(id.field().name);
        let segment = Arc::new(SegmentSource {
            records: Records::of(reader)?,
            times: column(FieldId::Timestamp)?,
            lengths: column(FieldId::PacketCapturedLength)?,
        });
        segments.insert(number, segment.clone());
        Ok(segment)
    }
}

impl SegmentSource {
    fn packet(&self, key: &Key, decoder: &mut Decoder) -> tantivy::Result<StoredPacket> {
        let bytes = self.records.bytes(key.document)?;
        let id = id_of_halves(key.id_high, key.id_low);
        decoder.decode(bytes, id, self.times.get_val(key.document)).map_err(damaged)
    }
}

/// The record in a stored document, where it lies as tantivy 0.27 writes a single field of bytes:
/// number of fields, field, type, length, bytes. `None` where it looks different.
fn record_in(document: &[u8]) -> Option<&[u8]> {
    const ONE_FIELD: u8 = 0x80 | 1;
    const BYTES: u8 = 4;
    let [ONE_FIELD, _, _, _, _, BYTES, rest @ ..] = document else { return None };
    // Seven bits a byte, the lowest first; the last is marked.
    let end = rest.iter().take(5).position(|byte| byte & 0x80 != 0)?;
    let (length, record) = rest.split_at(end + 1);
    let length = length.iter().rev().fold(0, |length, byte| length << 7 | usize::from(byte & 0x7f));
    (record.len() == length).then_some(record)
}

/// The only stored field of a document.
struct RecordBytes(Bytes);

impl DocumentDeserialize for RecordBytes {
    fn deserialize<'de, D>(mut deserializer: D) -> Result<Self, DeserializeError>
    where
        D: DocumentDeserializer<'de>,
    {
        match deserializer.next_field::<Self>()? {
            Some((_, record)) => Ok(record),
            None => Err(DeserializeError::custom("a document without a packet")),
        }
    }
}

impl ValueDeserialize for RecordBytes {
    fn deserialize<'de, D>(deserializer: D) -> Result<Self, DeserializeError>
    where
        D: ValueDeserializer<'de>,
    {
        Ok(Self(deserializer.deserialize_bytes()?.into()))
    }
}

#[cfg(test)]
mod tests {
    use tantivy::schema::{BytesOptions, Schema};
    use tantivy::{Index, TantivyDocument};

    use super::*;

    #[test]
    fn records_are_found_where_tantivy_has_put_them() {
        let mut schema = Schema::builder();
        let field = schema.add_bytes_field("record", BytesOptions::default().set_stored());
        let index = Index::create_in_ram(schema.build());
        let mut writer = index.writer_with_num_threads(1, 15_000_000).unwrap();
        let lengths = [0, 1, 127, 128, 16_383, 16_384, 3_000_000];
        for length in lengths {
            let mut document = TantivyDocument::default();
            document.add_bytes(field, &vec![0x87; length]);
            writer.add_document(document).unwrap();
        }
        writer.commit().unwrap();
        let searcher = index.reader().unwrap().searcher();
        let records = Records::of(searcher.segment_reader(0)).unwrap();
        for (document, length) in (0..).zip(lengths) {
            let stored = records.0.get_document_bytes(document).unwrap();
            assert_eq!(record_in(&stored), Some(&vec![0x87; length][..]), "{length}");
            assert_eq!(records.deserialized(document).unwrap(), vec![0x87; length], "{length}");
        }
        assert_eq!(record_in(&[]), None);
        assert_eq!(record_in(&[0x81, 0, 0, 0, 0, 4, 0x82, 1]), None, "one byte is missing");
    }
}
