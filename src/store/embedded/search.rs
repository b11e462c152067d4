//! The packets that a query selects, in its order: page after page of the smallest keys that
//! are left, so that memory is bounded whatever the number of packets.
//!
//! What the query selects is kept as one bit for each document of a segment. A page is found by
//! looking at the columns of what is left; segments whose first key lies behind the page are
//! not looked at. Since captures arrive in about the order of time, that is most of them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use tantivy::columnar::{Column, ColumnValues};
use tantivy::query::{EnableScoring, Query as IndexQuery, Weight};
use tantivy::{DocId, Searcher, SegmentReader};

use crate::document::fields::FieldId;
use crate::query::Order;
use crate::store::Estimate;
use crate::store::embedded::schema::{ID_HIGH, ID_LOW};

/// Keys of a page: 5 MiB, and twice that while a page is being found.
const KEYS_PER_PAGE: usize = 128 * 1024;

/// Where a packet stands in the order, and in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// Time, or the rank of the capture.
    first: i64,
    frame: i64,
    pub(super) id_high: u64,
    pub(super) id_low: u64,
    pub(super) segment: u32,
    pub(super) document: DocId,
}

/// A lower bound of keys.
type Bound = (i64, i64);

/// The packets of a query that have not been handed out yet.
pub(super) struct Hits {
    searcher: Searcher,
    weight: Box<dyn Weight>,
    segments: Vec<SegmentHits>,
}

struct SegmentHits {
    columns: KeyColumns,
    /// What is left; found out when it is first needed.
    left: Option<Selected>,
    /// No key that is left is smaller.
    bound: Bound,
}

/// Documents of a segment, one bit for each.
pub(super) struct Selected {
    words: Vec<u64>,
    documents: usize,
}

struct KeyColumns {
    first: FirstColumn,
    frame: Arc<dyn ColumnValues<i64>>,
    id_high: Arc<dyn ColumnValues<u64>>,
    id_low: Arc<dyn ColumnValues<u64>>,
}

enum FirstColumn {
    Time(Arc<dyn ColumnValues<i64>>),
    /// Number of the capture in the segment, and the rank of each among those of all segments.
    Capture(Arc<dyn ColumnValues<u64>>, Vec<i64>),
    /// A segment without documents.
    None,
}

impl Hits {
    /// What `query` selects in `searcher`.
    pub(super) fn new(
        searcher: Searcher,
        query: &dyn IndexQuery,
        order: Order,
    ) -> tantivy::Result<Self> {
        let weight = query.weight(EnableScoring::disabled_from_searcher(&searcher))?;
        let firsts = match order {
            Order::Time => by_time(&searcher)?,
            Order::Frame => by_capture(&searcher)?,
        };
        let segments = searcher
            .segment_readers()
            .iter()
            .zip(firsts)
            .map(|(segment, first)| SegmentHits::new(segment, first))
            .collect::<tantivy::Result<_>>()?;
        Ok(Self { searcher, weight, segments })
    }

    /// The next keys in order; none at the end.
    pub(super) fn next_page(&mut self) -> tantivy::Result<Vec<Key>> {
        let mut page = Page::new(self.segments.len());
        let mut by_bound: Vec<usize> = (0..self.segments.len()).collect();
        by_bound.retain(|number| !self.segments[*number].is_empty());
        by_bound.sort_unstable_by_key(|number| self.segments[*number].bound);
        let mut looked_at = Vec::new();
        for number in by_bound {
            if page.is_behind(self.segments[number].bound) {
                break;
            }
            let reader = &self.searcher.segment_readers()[number];
            self.segments[number].offer(number, reader, self.weight.as_ref(), &mut page)?;
            looked_at.push(number);
        }
        let (keys, bounds) = page.finish();
        for number in looked_at {
            self.segments[number].bound = bounds[number];
        }
        for key in &keys {
            self.segments[key.segment as usize].hand_out(key.document);
        }
        Ok(keys)
    }
}

/// How many packets `query` selects, and their captured bytes.
pub(super) fn estimate(searcher: &Searcher, query: &dyn IndexQuery) -> tantivy::Result<Estimate> {
    let weight = query.weight(EnableScoring::disabled_from_searcher(searcher))?;
    let mut estimate = Estimate::default();
    for segment in searcher.segment_readers() {
        let name = FieldId::PacketCapturedLength.field().name;
        let lengths = segment.fast_fields().column_first_or_default::<i64>(name)?;
        let stretches = Stretches::of(segment)?;
        Selected::of(weight.as_ref(), segment)?.for_each(|document| {
            estimate.packets += stretches.packets(document);
            estimate.bytes += u64::try_from(lengths.get_val(document)).unwrap_or_default();
        });
    }
    Ok(estimate)
}

/// The numbers of a field; without any where no document of the segment has one.
pub(super) fn column(segment: &SegmentReader, id: FieldId) -> tantivy::Result<Column<i64>> {
    let column = segment.fast_fields().column_opt(id.field().name)?;
    Ok(column.unwrap_or_else(|| Column::build_empty_column(segment.max_doc())))
}

/// What stretches of packets say of themselves, and single packets do not.
pub(super) struct Stretches {
    packets: Column<i64>,
    ends: Column<i64>,
}

impl Stretches {
    pub(super) fn of(segment: &SegmentReader) -> tantivy::Result<Self> {
        let column = |id| column(segment, id);
        Ok(Self { packets: column(FieldId::NetworkPackets)?, ends: column(FieldId::EventEnd)? })
    }

    /// How many packets a document has.
    pub(super) fn packets(&self, document: DocId) -> u64 {
        let packets = self.packets.first(document);
        packets.map_or(1, |packets| u64::try_from(packets).unwrap_or_default())
    }

    /// The time of its last packet; `None` for a single packet.
    pub(super) fn end(&self, document: DocId) -> Option<i64> {
        self.ends.first(document)
    }
}

impl SegmentHits {
    fn new(segment: &SegmentReader, first: FirstColumn) -> tantivy::Result<Self> {
        let columns = segment.fast_fields();
        let frame = columns.column_first_or_default(FieldId::EventSequence.field().name)?;
        let id_high = columns.column_first_or_default(ID_HIGH)?;
        let id_low = columns.column_first_or_default(ID_LOW)?;
        let bound = match &first {
            FirstColumn::Time(times) => (times.min_value(), i64::MIN),
            FirstColumn::Capture(..) | FirstColumn::None => (i64::MIN, i64::MIN),
        };
        let columns = KeyColumns { first, frame, id_high, id_low };
        Ok(Self { columns, left: None, bound })
    }

    fn is_empty(&self) -> bool {
        self.left.as_ref().is_some_and(Selected::is_empty)
    }

    /// Offers all that is left to a page.
    fn offer(
        &mut self,
        number: usize,
        segment: &SegmentReader,
        weight: &dyn Weight,
        page: &mut Page,
    ) -> tantivy::Result<()> {
        let left = match &mut self.left {
            Some(left) => left,
            none => none.insert(Selected::of(weight, segment)?),
        };
        let columns = &self.columns;
        left.for_each(|document| {
            page.offer(number, columns.bound(document), || columns.key(number, document));
        });
        Ok(())
    }

    fn hand_out(&mut self, document: DocId) {
        if let Some(left) = &mut self.left {
            left.remove(document);
        }
    }
}

impl KeyColumns {
    fn bound(&self, document: DocId) -> Bound {
        let first = match &self.first {
            FirstColumn::Time(times) => times.get_val(document),
            FirstColumn::Capture(numbers, ranks) => {
                let number = usize::try_from(numbers.get_val(document)).unwrap_or(usize::MAX);
                ranks.get(number).copied().unwrap_or(i64::MAX)
            }
            FirstColumn::None => i64::MAX,
        };
        (first, self.frame.get_val(document))
    }

    fn key(&self, segment: usize, document: DocId) -> Key {
        let (first, frame) = self.bound(document);
        Key {
            first,
            frame,
            id_high: self.id_high.get_val(document),
            id_low: self.id_low.get_val(document),
            // Tantivy numbers segments with 32 bits.
            segment: u32::try_from(segment).unwrap_or(u32::MAX),
            document,
        }
    }
}

fn by_time(searcher: &Searcher) -> tantivy::Result<Vec<FirstColumn>> {
    let name = FieldId::Timestamp.field().name;
    let times = |segment: &SegmentReader| {
        segment.fast_fields().column_first_or_default::<i64>(name).map(FirstColumn::Time)
    };
    searcher.segment_readers().iter().map(times).collect()
}

/// The captures of one segment, by the numbers that its column has for them.
struct Captures {
    /// Absent in a segment without documents.
    column: Option<Arc<dyn ColumnValues<u64>>>,
    fingerprints: Vec<Vec<u8>>,
}

impl Captures {
    fn of(segment: &SegmentReader) -> tantivy::Result<Self> {
        let mut fingerprints = Vec::new();
        let name = FieldId::PacketCapture.field().name;
        let Some(column) = segment.fast_fields().bytes(name)? else {
            return Ok(Self { column: None, fingerprints });
        };
        let mut terms = column.dictionary().stream()?;
        while terms.advance() {
            fingerprints.push(terms.key().to_vec());
        }
        let column = Some(column.ords().clone().first_or_default_col(0));
        Ok(Self { column, fingerprints })
    }
}

/// Ranks captures by their fingerprints across all segments.
fn by_capture(searcher: &Searcher) -> tantivy::Result<Vec<FirstColumn>> {
    let segments: Vec<Captures> =
        searcher.segment_readers().iter().map(Captures::of).collect::<tantivy::Result<_>>()?;
    let all: BTreeSet<&Vec<u8>> =
        segments.iter().flat_map(|segment| &segment.fingerprints).collect();
    let ranks: HashMap<&Vec<u8>, i64> = all.into_iter().zip(0..).collect();
    let first = |segment: &Captures| match &segment.column {
        Some(column) => {
            let ranks = segment.fingerprints.iter().map(|capture| ranks[capture]).collect();
            FirstColumn::Capture(column.clone(), ranks)
        }
        None => FirstColumn::None,
    };
    Ok(segments.iter().map(first).collect())
}

impl Selected {
    /// The living documents that a query selects.
    pub(super) fn of(weight: &dyn Weight, segment: &SegmentReader) -> tantivy::Result<Self> {
        let mut words = vec![0_u64; segment.max_doc().div_ceil(64) as usize];
        let alive = segment.alive_bitset();
        let mut documents = 0;
        weight.for_each_no_score(segment, &mut |selected| {
            for document in selected {
                if alive.is_none_or(|alive| alive.is_alive(*document)) {
                    words[(document / 64) as usize] |= 1 << (document % 64);
                    documents += 1;
                }
            }
        })?;
        Ok(Self { words, documents })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.documents == 0
    }

    pub(super) fn contains(&self, document: DocId) -> bool {
        self.words[(document / 64) as usize] >> (document % 64) & 1 == 1
    }

    pub(super) fn for_each(&self, mut action: impl FnMut(DocId)) {
        for (number, word) in (0..).zip(&self.words) {
            let mut word = *word;
            while word != 0 {
                action(number * 64 + word.trailing_zeros());
                word &= word - 1;
            }
        }
    }

    fn remove(&mut self, document: DocId) {
        self.words[(document / 64) as usize] &= !(1 << (document % 64));
        self.documents -= 1;
    }
}

/// The smallest of the keys that are offered.
struct Page {
    keys: Vec<Key>,
    /// Larger keys do not belong to the page any more.
    limit: Option<Bound>,
    /// For each segment the smallest of what was offered and not taken.
    refused: Vec<Bound>,
}

impl Page {
    fn new(segments: usize) -> Self {
        Self { keys: Vec::new(), limit: None, refused: vec![(i64::MAX, i64::MAX); segments] }
    }

    /// Whether everything from this bound on is too large.
    fn is_behind(&self, bound: Bound) -> bool {
        self.limit.is_some_and(|limit| bound > limit)
    }

    fn offer(&mut self, segment: usize, bound: Bound, key: impl FnOnce() -> Key) {
        if self.is_behind(bound) {
            self.refused[segment] = self.refused[segment].min(bound);
            return;
        }
        self.keys.push(key());
        if self.keys.len() >= 2 * KEYS_PER_PAGE {
            self.cut();
        }
    }

    /// Keeps as many of the smallest as belong to a page.
    fn cut(&mut self) {
        if self.keys.len() <= KEYS_PER_PAGE {
            return;
        }
        let (_, last, refused) = self.keys.select_nth_unstable(KEYS_PER_PAGE - 1);
        self.limit = Some((last.first, last.frame));
        for key in refused {
            let smallest = &mut self.refused[key.segment as usize];
            *smallest = (*smallest).min((key.first, key.frame));
        }
        self.keys.truncate(KEYS_PER_PAGE);
    }

    /// The keys in order, and for each segment the bound of what was refused.
    fn finish(mut self) -> (Vec<Key>, Vec<Bound>) {
        self.cut();
        self.keys.sort_unstable();
        (self.keys, self.refused)
    }
}
