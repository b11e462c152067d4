//! Which segments are merged into one.

use tantivy::SegmentMeta;
use tantivy::indexer::{MergeCandidate, MergePolicy};

/// Documents of a merged segment, at most: this bounds the memory and the time of a merge.
pub(super) const LARGEST_MERGED: u32 = 2_000_000;
/// Segments of about the same size that are worth a merge.
const WORTH_A_MERGE: usize = 8;
/// Segments below this many documents count as the same size.
const SMALLEST_TIER: u32 = 4096;

/// Merges segments of about the same size, eight at a time, up to [`LARGEST_MERGED`]; so the
/// number of segments grows with the logarithm of the packets first, and then by one for each
/// so many packets.
#[derive(Debug)]
pub(super) struct TieredMerges;

impl MergePolicy for TieredMerges {
    fn compute_merge_candidates(&self, segments: &[SegmentMeta]) -> Vec<MergeCandidate> {
        let mut sizes: Vec<(u32, usize)> = segments
            .iter()
            .enumerate()
            .map(|(position, segment)| (segment.num_docs(), position))
            .filter(|(documents, _)| *documents <= LARGEST_MERGED / 2)
            .collect();
        sizes.sort_unstable();
        let groups = sizes.chunk_by(|(one, _), (other, _)| tier(*one) == tier(*other));
        groups
            .flat_map(merges_of_tier)
            .map(|positions| {
                MergeCandidate(positions.into_iter().map(|p| segments[p].id()).collect())
            })
            .collect()
    }
}

fn tier(documents: u32) -> u32 {
    documents.max(SMALLEST_TIER).ilog2() / 3
}

fn merges_of_tier(segments: &[(u32, usize)]) -> Vec<Vec<usize>> {
    let mut merges = Vec::new();
    for group in segments.chunks(WORTH_A_MERGE) {
        if group.len() < WORTH_A_MERGE {
            break;
        }
        let mut total = 0;
        let fits = |(documents, _): &&(u32, usize)| {
            total += *documents;
            total <= LARGEST_MERGED
        };
        let positions: Vec<usize> = group.iter().take_while(fits).map(|(_, p)| *p).collect();
        if positions.len() > 1 {
            merges.push(positions);
        }
    }
    merges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merges(sizes: &[u32]) -> Vec<Vec<u32>> {
        let mut segments: Vec<(u32, usize)> = sizes.iter().copied().zip(0..).collect();
        segments.sort_unstable();
        let groups = segments.chunk_by(|(one, _), (other, _)| tier(*one) == tier(*other));
        groups
            .flat_map(merges_of_tier)
            .map(|merge| merge.into_iter().map(|position| sizes[position]).collect())
            .collect()
    }

    #[test]
    fn eight_of_a_size_are_merged_and_fewer_are_left() {
        assert_eq!(merges(&[10; 7]), Vec::<Vec<u32>>::new());
        assert_eq!(merges(&[10; 8]), [[10; 8]]);
        assert_eq!(
            merges(&[10, 300_000, 10, 10, 10, 10, 10, 10, 5]),
            [[5, 10, 10, 10, 10, 10, 10, 10]]
        );
    }

    #[test]
    fn no_merge_is_larger_than_the_limit() {
        for merge in merges(&[600_000; 8]) {
            assert!(merge.iter().sum::<u32>() <= LARGEST_MERGED);
            assert_eq!(merge.len(), 3);
        }
        assert_eq!(merges(&[600_000; 8]).len(), 1);
    }
}
