//! Which segments are merged into one.

use std::fs;
use std::path::{Path, PathBuf};

use tantivy::SegmentMeta;
use tantivy::index::SegmentId;
use tantivy::indexer::{MergeCandidate, MergePolicy};

/// Bytes of packets with which a segment is merged, at most. A merge has those of one segment in
/// memory at a time, and writes each packet again: what an indexing thread writes at once stays.
const LARGEST_MERGED: u64 = 16 << 20;
/// Segments of about the same size that are worth a merge.
const WORTH_A_MERGE: usize = 8;
/// Segments with fewer bytes than this count as the same size.
const SMALLEST_TIER: u64 = 256 << 10;

/// Merges segments of about the same size, eight at a time, of at most [`LARGEST_MERGED`]; so the
/// number of segments grows with the logarithm of the bytes first, and then by one for each so
/// many bytes.
#[derive(Debug)]
pub(super) struct TieredMerges {
    folder: PathBuf,
}

impl TieredMerges {
    /// For the segments in this directory.
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// How many of these segments are small enough to be merged.
    pub(super) fn small(&self, segments: impl Iterator<Item = SegmentId>) -> usize {
        segments.filter(|segment| self.size(*segment) <= LARGEST_MERGED).count()
    }

    /// Bytes of packets in a segment; one that cannot be looked at is not merged.
    fn size(&self, segment: SegmentId) -> u64 {
        let file = self.folder.join(segment.uuid_string() + ".store");
        fs::metadata(file).map_or(u64::MAX, |found| found.len())
    }
}

impl MergePolicy for TieredMerges {
    fn compute_merge_candidates(&self, segments: &[SegmentMeta]) -> Vec<MergeCandidate> {
        let sizes: Vec<u64> = segments.iter().map(|segment| self.size(segment.id())).collect();
        let ids = |places: Vec<usize>| places.into_iter().map(|p| segments[p].id()).collect();
        merges(&sizes).into_iter().map(|places| MergeCandidate(ids(places))).collect()
    }
}

/// Places of segments to merge, given their sizes.
fn merges(sizes: &[u64]) -> Vec<Vec<usize>> {
    let mut places: Vec<usize> = (0..sizes.len()).collect();
    places.retain(|place| sizes[*place] <= LARGEST_MERGED);
    places.sort_unstable_by_key(|place| sizes[*place]);
    places
        .chunk_by(|one, other| tier(sizes[*one]) == tier(sizes[*other]))
        .flat_map(|same_size| same_size.chunks_exact(WORTH_A_MERGE))
        .map(<[usize]>::to_vec)
        .collect()
}

/// Each is eight times the size of the one before.
fn tier(bytes: u64) -> u32 {
    bytes.max(SMALLEST_TIER).ilog2() / 3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(sizes: &[u64]) -> Vec<Vec<u64>> {
        let sizes_at = |places: Vec<usize>| places.into_iter().map(|p| sizes[p]).collect();
        merges(sizes).into_iter().map(sizes_at).collect()
    }

    #[test]
    fn eight_of_a_size_are_merged_and_fewer_are_left() {
        assert_eq!(merged(&[10; 7]), Vec::<Vec<u64>>::new());
        assert_eq!(merged(&[10; 8]), [[10; 8]]);
        let sizes = [10, 30 << 20, 10, 10, 10, 10, 10, 10, 5];
        assert_eq!(merged(&sizes), [[5, 10, 10, 10, 10, 10, 10, 10]]);
    }

    #[test]
    fn what_is_large_stays_as_it_is() {
        let largest = [LARGEST_MERGED; 8];
        assert_eq!(merged(&largest), [largest]);
        assert_eq!(merged(&[LARGEST_MERGED + 1; 8]), Vec::<Vec<u64>>::new());
        assert_eq!(merged(&[u64::MAX; 8]), Vec::<Vec<u64>>::new());
    }
}
