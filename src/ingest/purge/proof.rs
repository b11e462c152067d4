//! The file and the store, compared right before a file may go.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::path::Path;

use futures::TryStreamExt as _;
use rand::Rng as _;
use tokio::task::{JoinError, spawn_blocking};

use crate::capture::{CaptureError, CaptureReader};
use crate::ingest::file_state::FileState;
use crate::ingest::purge::Candidate;
use crate::ingest::purge::decide::{Proof, sample_size};
use crate::packet::{CapturedPacket, Fingerprint, Mark, PacketId, Trail};
use crate::query::{Filter, Predicate, Query};
use crate::store::{PacketStore, StoreError};
use crate::verify::{self, VerifyError};

/// Why a file could not be compared with the store.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProofError {
    #[error("read the file again: {0}")]
    Capture(#[from] CaptureError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("reading the file failed")]
    Reader(#[from] JoinError),
}

impl From<VerifyError> for ProofError {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Capture(error) => Self::Capture(error),
            VerifyError::Store(error) => Self::Store(error),
            VerifyError::Reader(error) => Self::Reader(error),
        }
    }
}

/// Reads the file once more, asks the store for their number, and fetches a sample.
pub(super) async fn prove(
    store: &dyn PacketStore,
    candidate: &Candidate,
) -> Result<Proof, ProofError> {
    let (path, acknowledged) = (candidate.path.clone(), candidate.acknowledged);
    let again = spawn_blocking(move || read_again(&path, acknowledged.frames)).await??;
    let unchanged = again.state == candidate.state && again.whole;
    let mut proof = Proof {
        read: again.mark.frames,
        acknowledged: if again.mark == acknowledged { acknowledged.frames } else { 0 },
        unchanged,
        ..Proof::default()
    };
    let Some(capture) = again.capture else { return Ok(proof) };
    if !unchanged || again.mark != acknowledged {
        return Ok(proof);
    }
    proof.counted = store.count(&select(Filter::Is(Predicate::Capture(capture)))).await?;
    if proof.counted > proof.read {
        // Another capture begins with the same packet, or this file is the shorter one of two
        // copies: only looking at each packet tells.
        proof.counted = verify::verify(store, &candidate.path, None).await?.found;
    }
    proof.sampled = again.sample.len() as u64;
    proof.equal = equal(store, capture, again.sample).await?;
    Ok(proof)
}

fn select(filter: Filter) -> Query {
    Query { filter, ..Query::all() }
}

/// How many packets of the sample come back as they are.
async fn equal(
    store: &dyn PacketStore,
    capture: Fingerprint,
    sample: HashMap<PacketId, CapturedPacket>,
) -> Result<u64, StoreError> {
    let ids = sample.keys().map(|id| Filter::Is(Predicate::Id(*id))).collect();
    // Not every store finds packets by their ids.
    let of_capture = Filter::Is(Predicate::Capture(capture));
    let mut packets = store.fetch(&select(Filter::And(vec![of_capture, Filter::Or(ids)])));
    let mut equal = BTreeSet::new();
    while let Some(stored) = packets.try_next().await? {
        if sample.get(&stored.id()).is_some_and(|packet| verify::same(&stored.packet, packet)) {
            equal.insert(stored.id());
        }
    }
    Ok(equal.len() as u64)
}

/// What a file is now.
struct Again {
    state: FileState,
    /// Whether all of it could be read.
    whole: bool,
    capture: Option<Fingerprint>,
    mark: Mark,
    sample: HashMap<PacketId, CapturedPacket>,
}

fn read_again(path: &Path, frames: u64) -> Result<Again, CaptureError> {
    let file = File::open(path)?;
    let state = FileState::of(&file.metadata()?);
    let mut reader = CaptureReader::new(file)?;
    let wanted = frames_to_compare(frames);
    let (mut trail, mut capture, mut sample) = (Trail::default(), None, HashMap::new());
    while let Some((frame, packet)) = reader.next_packet()? {
        let capture = *capture.get_or_insert_with(|| Fingerprint::of(&packet));
        let id = PacketId::of(capture, frame, &packet);
        trail.add(id);
        if wanted.contains(&frame) {
            sample.insert(id, packet);
        }
    }
    let whole = reader.report().is_clean();
    Ok(Again { state, whole, capture, mark: trail.mark(), sample })
}

/// The first and the last, and others at random.
fn frames_to_compare(frames: u64) -> BTreeSet<u64> {
    let mut wanted: BTreeSet<u64> = [1, frames].into_iter().filter(|_| frames > 0).collect();
    let mut random = rand::rng();
    while (wanted.len() as u64) < sample_size(frames) {
        wanted.insert(random.random_range(1..=frames));
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_both_ends_and_never_more_than_there_is() {
        for frames in [0, 1, 2, 3, 15, 16, 17, 1000] {
            let wanted = frames_to_compare(frames);
            assert_eq!(wanted.len() as u64, frames.min(16), "{frames}");
            assert!(wanted.iter().all(|frame| (1..=frames).contains(frame)));
            assert!(frames == 0 || wanted.contains(&1) && wanted.contains(&frames));
        }
    }
}
