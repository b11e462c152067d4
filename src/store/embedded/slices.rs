//! How many packets and bytes of a store are from which time.
//!
//! Time is divided finely enough that a limit on the size removes little more than it must: first
//! each nanosecond that has packets stands alone; where that becomes too much, milliseconds do,
//! then seconds, and so on.

use std::collections::BTreeMap;

use tantivy::columnar::ColumnValues;
use tantivy::{Searcher, SegmentReader};

use crate::document::fields::FieldId;
use crate::packet::Timestamp;
use crate::store::Slice;
use crate::store::embedded::folder::Sizes;
use crate::store::embedded::search::Stretches;

/// Lengths of a cell in nanoseconds, each a multiple of the one before: 1 ns, 1 ms, 1 s, 1 min,
/// 1 h, 1 d. The index has room for 106,752 days, so there is an end to the cells.
const LENGTHS: [i64; 6] =
    [1, 1_000_000, 1_000_000_000, 60_000_000_000, 3_600_000_000_000, 86_400_000_000_000];
/// With more cells than this, longer ones are taken. They fill ten megabytes; 69 days that have
/// packets at all times are told by minutes, and more than those by hours.
const MOST_CELLS: usize = 100_000;
/// Bytes on disk that a packet takes beside its own, roughly: header, terms, columns. It matters
/// only between packets of one segment, whose files tell what they take together.
const BESIDE_PACKET: u64 = 100;

/// What is in `searcher`, whose files have so many bytes.
pub(super) fn slices(
    searcher: &Searcher,
    sizes: &Sizes,
    cut: Option<Timestamp>,
) -> tantivy::Result<Vec<Slice>> {
    let mut cells = Cells::new(cut.map_or(i64::MIN, Timestamp::indexed));
    for segment in searcher.segment_readers() {
        let id = segment.segment_id().uuid_string();
        let on_disk = sizes.segments.get(&id).copied().unwrap_or(0);
        add_segment(segment, on_disk, &mut cells)?;
    }
    let mut slices = cells.finish();
    // The lists of segments are there as long as any packet is.
    if let Some(bytes) = slices.last_mut().and_then(|youngest| youngest.bytes.as_mut()) {
        *bytes += sizes.others;
    }
    Ok(slices)
}

/// Distributes the bytes of a segment over its packets.
fn add_segment(segment: &SegmentReader, on_disk: u64, cells: &mut Cells) -> tantivy::Result<()> {
    let columns = segment.fast_fields();
    let column = |id: FieldId| columns.column_first_or_default::<i64>(id.field().name);
    let (times, lengths) = (column(FieldId::Timestamp)?, column(FieldId::PacketCapturedLength)?);
    let stretches = Stretches::of(segment)?;
    let weight = |document| weight(lengths.as_ref(), document);
    let total: u128 = segment.doc_ids_alive().map(|document| u128::from(weight(document))).sum();
    for document in segment.doc_ids_alive() {
        // Rounded up: rather too much than more than a limit allows.
        let share = u128::from(on_disk) * u128::from(weight(document));
        let share = share.div_ceil(total.max(1));
        // A share is not larger than the whole.
        let bytes = u64::try_from(share).unwrap_or(on_disk);
        let (first, packets) = (times.get_val(document), stretches.packets(document));
        cells.add(Cell { first, last: stretches.end(document).unwrap_or(first), packets, bytes });
    }
    Ok(())
}

fn weight(lengths: &dyn ColumnValues<i64>, document: u32) -> u64 {
    BESIDE_PACKET + u64::try_from(lengths.get_val(document)).unwrap_or(0)
}

/// Number of the cell on the clock, and whether it is behind the cut: that divides one of them.
type Key = (i64, bool);

/// What was captured in a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cell {
    first: i64,
    last: i64,
    packets: u64,
    bytes: u64,
}

/// Packets and bytes over time.
#[derive(Debug)]
struct Cells {
    cut: i64,
    /// One of [`LENGTHS`].
    length: usize,
    most: usize,
    by_time: BTreeMap<Key, Cell>,
    /// The cell that was added to last, since neighbours share it.
    current: Option<(Key, Cell)>,
}

impl Cells {
    fn new(cut: i64) -> Self {
        Self { cut, length: 0, most: MOST_CELLS, by_time: BTreeMap::new(), current: None }
    }

    /// What goes together belongs to the time of its last packet.
    fn add(&mut self, cell: Cell) {
        let time = cell.last;
        let key = self.key(time);
        match &mut self.current {
            Some((of_current, current)) if *of_current == key => current.merge(cell),
            _ => {
                self.put_away();
                // Cells may be longer now.
                self.current = Some((self.key(time), cell));
            }
        }
    }

    fn key(&self, time: i64) -> Key {
        (time.div_euclid(LENGTHS[self.length]), time >= self.cut)
    }

    fn put_away(&mut self) {
        let Some((key, cell)) = self.current.take() else { return };
        self.put(key, cell);
        while self.by_time.len() > self.most && self.length + 1 < LENGTHS.len() {
            self.length += 1;
            for cell in std::mem::take(&mut self.by_time).into_values() {
                self.put(self.key(cell.first), cell);
            }
        }
    }

    fn put(&mut self, key: Key, cell: Cell) {
        self.by_time.entry(key).and_modify(|present| present.merge(cell)).or_insert(cell);
    }

    /// The cells in order.
    fn finish(mut self) -> Vec<Slice> {
        self.put_away();
        self.by_time.into_values().map(Cell::into_slice).collect()
    }
}

impl Cell {
    fn merge(&mut self, other: Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.packets += other.packets;
        self.bytes += other.bytes;
    }

    /// At the ends of the index stand also the times beyond it.
    fn into_slice(self) -> Slice {
        let start = if self.first == 0 { i128::MIN } else { self.first.into() };
        let end = if self.last == i64::MAX { i128::MAX } else { i128::from(self.last) + 1 };
        Slice {
            partition: None,
            start: Timestamp::from_nanoseconds(start),
            end: Timestamp::from_nanoseconds(end),
            packets: Some(self.packets),
            bytes: Some(self.bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First and last time, packets and bytes of each slice.
    fn slices_of(cells: Cells) -> Vec<(i128, i128, u64, u64)> {
        let slices = cells.finish().into_iter();
        slices
            .map(|slice| {
                let last = slice.end.nanoseconds() - 1;
                (slice.start.nanoseconds(), last, slice.packets.unwrap(), slice.bytes.unwrap())
            })
            .collect()
    }

    fn packet(time: i64, bytes: u64) -> Cell {
        Cell { first: time, last: time, packets: 1, bytes }
    }

    #[test]
    fn few_times_stand_alone_in_order() {
        let mut cells = Cells::new(i64::MIN);
        for time in [5, 7, 7, 5, 1] {
            cells.add(packet(time, 10));
        }
        assert_eq!(slices_of(cells), [(1, 1, 1, 10), (5, 5, 2, 20), (7, 7, 2, 20)]);
    }

    #[test]
    fn many_times_share_cells_and_lose_nothing() {
        let mut cells = Cells { most: 10, ..Cells::new(i64::MIN) };
        for number in (0..1000).rev() {
            // Thirty a second, and one long before.
            cells.add(packet(1_700_000_000_000_000_000 + number * 33_333_333, 2));
        }
        cells.add(packet(3, 1));
        assert_eq!(LENGTHS[cells.length], 60_000_000_000);
        let slices = slices_of(cells);
        assert_eq!(slices[0], (3, 3, 1, 1));
        assert_eq!(slices.iter().map(|slice| slice.2).sum::<u64>(), 1001);
        assert_eq!(slices.iter().map(|slice| slice.3).sum::<u64>(), 2001);
        assert!(slices.windows(2).all(|pair| pair[0].1 < pair[1].0), "{slices:?}");
    }

    #[test]
    fn a_cell_is_divided_at_the_cut() {
        let cut = 1_700_000_000_000_000_500;
        let mut cells = Cells { most: 2, ..Cells::new(cut) };
        for time in [-500, -1, 0, 499] {
            cells.add(packet(cut + time, 1));
        }
        let at = |time: i64| i128::from(cut + time);
        assert_eq!(slices_of(cells), [(at(-500), at(-1), 2, 2), (at(0), at(499), 2, 2)]);
    }

    #[test]
    fn the_ends_of_the_index_hold_all_times_beyond() {
        let mut cells = Cells::new(i64::MIN);
        cells.add(packet(0, 1));
        cells.add(packet(i64::MAX, 1));
        let slices = cells.finish();
        assert_eq!(slices[0].start, Timestamp::from_nanoseconds(i128::MIN));
        assert_eq!(slices[0].end, Timestamp::from_nanoseconds(1));
        assert_eq!(slices[1].start, Timestamp::from_nanoseconds(i64::MAX.into()));
        assert_eq!(slices[1].end, Timestamp::from_nanoseconds(i128::MAX));
    }
}
