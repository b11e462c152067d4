//! Which packets are stored already.
//!
//! The index holds a term for each stretch of a capture. For a packet that comes in, the ids in
//! its stretch are looked up once and kept for the packets that follow; what was appended since
//! the last commit is remembered beside them. So idempotence costs one look-up for thousands of
//! packets, and nothing stands outside the index that could disagree with it after a crash.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use tantivy::columnar::ColumnValues;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, DocSet as _, Searcher, SegmentReader, TERMINATED, Term};

use crate::packet::{PacketId, PacketRecord, StoredPacket};
use crate::store::Layout;
use crate::store::embedded::document::{BlockKey, block_key, id_of_halves};
use crate::store::embedded::read::{Records, damaged};
use crate::store::embedded::schema::{ID_HIGH, ID_LOW, LAYOUT};
use crate::store::flows::Unpacker;

/// Stretches whose ids are kept in memory, at most; more captures than this at once are read
/// from the index more often.
const BLOCKS_KEPT: usize = 64;

type Ids = HashSet<PacketId, BuildHasherDefault<IdHasher>>;

/// The ids that are stored, or have been appended since the last commit.
pub(super) struct KnownIds {
    committed: Searcher,
    documents: Layout,
    blocks: HashMap<BlockKey, Ids>,
    appended: Ids,
}

impl KnownIds {
    /// Those in the last commit.
    pub(super) fn new(committed: Searcher, documents: Layout) -> Self {
        Self { committed, documents, blocks: HashMap::new(), appended: Ids::default() }
    }

    /// The last commit.
    pub(super) fn committed(&self) -> &Searcher {
        &self.committed
    }

    /// Remembers packets; gives those back that were not known before.
    pub(super) fn add<'a>(
        &mut self,
        packets: &'a [PacketRecord],
    ) -> tantivy::Result<Vec<&'a PacketRecord>> {
        let mut new = Vec::with_capacity(packets.len());
        let block = |record: &PacketRecord| block_key(&record.stored.origin);
        for of_block in packets.chunk_by(|one, next| block(one) == block(next)) {
            let Some(first) = of_block.first() else { continue };
            let key = block(first);
            self.look_up(key)?;
            let (committed, appended) = (self.blocks.get(&key), &mut self.appended);
            new.extend(of_block.iter().filter(|record| {
                let id = record.stored.id();
                !committed.is_some_and(|ids| ids.contains(&id)) && appended.insert(id)
            }));
        }
        Ok(new)
    }

    /// Keeps the ids in this block at hand.
    fn look_up(&mut self, key: BlockKey) -> tantivy::Result<()> {
        if !self.blocks.contains_key(&key) {
            if self.blocks.len() >= BLOCKS_KEPT {
                self.blocks.clear();
            }
            let ids = ids_in_block(&self.committed, &key, self.documents)?;
            self.blocks.insert(key, ids);
        }
        Ok(())
    }
}

fn ids_in_block(committed: &Searcher, key: &BlockKey, documents: Layout) -> tantivy::Result<Ids> {
    let term = Term::from_field_bytes(LAYOUT.block, key);
    let mut ids = Ids::default();
    for segment in committed.segment_readers() {
        let index = segment.inverted_index(LAYOUT.block)?;
        let Some(mut postings) = index.read_postings(&term, IndexRecordOption::Basic)? else {
            continue;
        };
        let mut of_segment = IdsOf::documents(segment, documents)?;
        let mut document = postings.doc();
        while document != TERMINATED {
            if !segment.is_deleted(document) {
                of_segment.add(document, &mut ids)?;
            }
            document = postings.advance();
        }
    }
    Ok(ids)
}

/// Where the ids of packets stand.
enum IdsOf {
    /// In columns.
    Singles { high: Ids64, low: Ids64 },
    /// With the packets.
    Flows { records: Records, unpacker: Unpacker },
}

type Ids64 = Arc<dyn ColumnValues<u64>>;

impl IdsOf {
    fn documents(segment: &SegmentReader, documents: Layout) -> tantivy::Result<Self> {
        let column = |name| segment.fast_fields().column_first_or_default::<u64>(name);
        Ok(match documents {
            Layout::Singles => Self::Singles { high: column(ID_HIGH)?, low: column(ID_LOW)? },
            Layout::Flows => Self::Flows {
                records: Records::of(segment)?,
                unpacker: Unpacker::new().map_err(damaged)?,
            },
        })
    }

    fn add(&mut self, document: DocId, ids: &mut Ids) -> tantivy::Result<()> {
        match self {
            Self::Singles { high, low } => {
                ids.insert(id_of_halves(high.get_val(document), low.get_val(document)));
            }
            Self::Flows { records, unpacker } => {
                ids.extend(records.stretch(document, unpacker)?.iter().map(StoredPacket::id));
            }
        }
        Ok(())
    }
}

/// An id is a hash already.
#[derive(Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
