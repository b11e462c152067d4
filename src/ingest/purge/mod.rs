//! Letting capture files go, each only after it has been proven that the store holds it.

mod decide;
mod proof;
mod queue;
mod receipts;
mod removal;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::capture::CaptureError;
use crate::ingest::discover::Recall;
use crate::ingest::file_state::{FileState, Finished};
use crate::ingest::lease;
use crate::ingest::ledger::Ledger;
use crate::packet::{Fingerprint, Mark, Timestamp};
use crate::store::{PacketStore, StoreErrorKind};
use decide::{Decision, Evidence, Proof, Reason, decide};
use proof::ProofError;
use queue::{Look, Queue};
pub use receipts::{Action, PurgeReceipt, receipts};
use removal::HiddenFile;

/// Time between two looks at a file that may not go yet.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// When and how capture files go.
#[derive(Debug, Clone)]
pub struct PurgeOptions {
    /// How long a file must not have been written.
    pub after: Duration,
    /// Move it there instead of deleting it.
    pub to: Option<PathBuf>,
    /// Only say what would go.
    pub dry_run: bool,
    /// Reads back what was stored: the store, opened by somebody who may read.
    pub reader: Arc<dyn PacketStore>,
}

/// A file that has been read to its end and acknowledged.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) path: PathBuf,
    /// Its path below the folder that was named.
    pub(super) below: String,
    /// As it was before its end was read.
    pub(super) state: FileState,
    pub(super) finished: Finished,
    pub(super) capture: Option<Fingerprint>,
    /// How far the store has acknowledged it.
    pub(super) acknowledged: Mark,
    pub(super) rejected: u64,
    pub(super) unreadable: bool,
}

/// Takes files whose packets are safe, proves it, and lets them go.
pub(super) struct Purge {
    pub(super) options: PurgeOptions,
    pub(super) ledger: Arc<Ledger>,
    /// Takes files that were given another name while they waited.
    pub(super) recall: Arc<Recall>,
    /// Where receipts are written.
    pub(super) directory: PathBuf,
    /// What receipts call the store.
    pub(super) store: String,
}

impl Purge {
    /// Runs until there are no more candidates and each has been decided, or until it is stopped:
    /// what is not decided then is found again by the next run.
    pub(super) async fn run(
        self,
        mut candidates: mpsc::UnboundedReceiver<Candidate>,
        stop: CancellationToken,
    ) {
        let mut queue = Queue::default();
        loop {
            let next = queue.next();
            tokio::select! {
                candidate = candidates.recv() => match candidate {
                    Some(candidate) => queue.add(candidate),
                    None => break,
                },
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                    self.look_at_due(&mut queue, &mut candidates, &stop).await;
                }
                () = stop.cancelled() => return,
            }
        }
        // Nobody waits for a run that ends by itself: what may not go now stays.
        self.look_at_due(&mut queue, &mut candidates, &stop).await;
        if stop.is_cancelled() {
            return;
        }
        for (candidate, reason) in queue.left() {
            self.keep(&candidate, Proof::default(), &reason);
        }
    }

    async fn look_at_due(
        &self,
        queue: &mut Queue,
        candidates: &mut mpsc::UnboundedReceiver<Candidate>,
        stop: &CancellationToken,
    ) {
        for id in queue.due(Instant::now()) {
            // What has become known during the last proof may be about this file.
            while let Ok(candidate) = candidates.try_recv() {
                queue.add(candidate);
            }
            let Some(candidate) = queue.get(id) else { continue };
            // Only the proof, which changes nothing, can be broken off.
            let look = tokio::select! {
                look = self.look_at(candidate) => look,
                () = stop.cancelled() => return,
            };
            if queue.looked_at(id, look) {
                return;
            }
        }
    }

    async fn look_at(&self, candidate: &Candidate) -> Look {
        let mut evidence = match evidence(candidate) {
            Ok(Some(evidence)) => evidence,
            // It is gone, or called otherwise: then it comes again as a candidate by that name.
            Ok(None) => {
                self.recall.by_other_name(candidate.state.id);
                return Look::Done;
            }
            Err(failure) => return Look::Failed(format!("it cannot be looked at: {failure}")),
        };
        let mut decision = decide(&evidence, self.options.after);
        if decision == Decision::Prove {
            evidence.proof = match proof::prove(self.options.reader.as_ref(), candidate).await {
                Ok(proof) => Some(proof),
                Err(failure) => return unproven(failure),
            };
            decision = decide(&evidence, self.options.after);
        }
        let proof = evidence.proof.unwrap_or_default();
        match decision {
            Decision::Purge => self.purge(candidate, proof),
            Decision::Keep(reason) => {
                if matches!(reason, Reason::Changed | Reason::NotInStore | Reason::Different) {
                    // Whatever is known of it is not so: the next run reads the file again.
                    self.ledger.forget(candidate.state.id, candidate.capture);
                }
                self.keep(candidate, proof, reason.text());
                Look::Done
            }
            Decision::Wait(reason) => {
                let left = self.options.after.saturating_sub(evidence.age);
                Look::Again(left.max(LOOK_AGAIN), reason)
            }
            Decision::Prove => Look::Again(LOOK_AGAIN, "it is not proven"),
        }
    }

    fn purge(&self, candidate: &Candidate, proof: Proof) -> Look {
        match self.try_purge(candidate, proof) {
            Ok(look) => look,
            Err(failure) => Look::Failed(format!(
                "it cannot go: {failure}: check the rights of its folder, and the room in \
                 --state-dir"
            )),
        }
    }

    fn try_purge(&self, candidate: &Candidate, proof: Proof) -> io::Result<Look> {
        let reason = "every packet of it is in the store";
        if self.options.dry_run {
            self.decided(candidate, proof, Action::WouldGo, None, reason)?;
            return Ok(Look::Done);
        }
        let Some(file) = HiddenFile::hide(&candidate.path, candidate.state)? else {
            return Ok(Look::Again(LOOK_AGAIN, "it has changed or is open for writing"));
        };
        let decided = match &self.options.to {
            None => self.decided(candidate, proof, Action::Deleted, None, reason).map(|()| None),
            Some(folder) => removal::free_name(folder, &below(candidate)).and_then(|target| {
                self.decided(candidate, proof, Action::Moved, Some(&target), reason)?;
                Ok(Some(target))
            }),
        };
        match decided {
            Ok(None) => {
                file.delete()?;
                // Of a file with several names, one after the other.
                self.recall.by_other_name(candidate.state.id);
            }
            Ok(Some(target)) => file.move_to(&target)?,
            // Without a receipt nothing goes.
            Err(error) => {
                file.give_back()?;
                return Err(error);
            }
        }
        Ok(Look::Done)
    }

    fn keep(&self, candidate: &Candidate, proof: Proof, reason: &str) {
        if let Err(error) = self.decided(candidate, proof, Action::Kept, None, reason) {
            // It stays all the same; only the note about it is missing.
            let directory = self.directory.display();
            error!(%directory, %error, "no receipt can be written; make room");
        }
    }

    /// One line in the receipts, then one in the log.
    fn decided(
        &self,
        candidate: &Candidate,
        proof: Proof,
        action: Action,
        moved_to: Option<&Path>,
        reason: &str,
    ) -> io::Result<()> {
        let receipt = PurgeReceipt {
            time: Timestamp::now().to_string(),
            path: removal::name_before(&candidate.path).display().to_string(),
            action,
            moved_to: moved_to.map(|target| target.display().to_string()),
            reason: reason.to_owned(),
            store: self.store.clone(),
            capture: candidate.capture.map(|capture| capture.to_string()),
            size: candidate.state.size,
            read: proof.read,
            acknowledged: proof.acknowledged,
            counted: proof.counted,
            compared: proof.equal,
            digest: candidate.acknowledged.digest.to_string(),
        };
        receipts::add(&self.directory, &receipt)?;
        let (path, action) = (receipt.path.as_str(), action.text());
        if action == Action::Kept.text() {
            warn!(path, action, reason, "capture file");
        } else {
            let packets = proof.counted;
            info!(path, action, packets, size = receipt.size, reason, "capture file");
        }
        Ok(())
    }
}

/// The comparison failed; that says nothing about the file.
fn unproven(failure: ProofError) -> Look {
    match failure {
        ProofError::Capture(CaptureError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
            Look::Again(LOOK_AGAIN, "its name has just gone")
        }
        ProofError::Store(error)
            if error.is_retryable() || error.kind == StoreErrorKind::Unauthorized =>
        {
            Look::NoStore(error)
        }
        failure => Look::Failed(format!("it cannot be proven: {failure}")),
    }
}

fn below(candidate: &Candidate) -> String {
    removal::name_before(Path::new(&candidate.below)).to_string_lossy().into_owned()
}

/// What can be seen of the file itself. `None` when it is not there any more.
fn evidence(candidate: &Candidate) -> io::Result<Option<Evidence>> {
    let found = match fs::symlink_metadata(&candidate.path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        found => found?,
    };
    if found.is_file() && FileState::of(&found).id != candidate.state.id {
        return Ok(None);
    }
    let being_written = match File::open(&candidate.path) {
        Ok(file) => lease::is_being_written(&file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    // A time in the future is no age.
    let age = found.modified()?.elapsed().unwrap_or_default();
    Ok(Some(Evidence {
        finished: candidate.finished,
        being_written,
        is_regular: found.is_file(),
        age,
        unreadable: candidate.unreadable,
        rejected: candidate.rejected,
        proof: None,
    }))
}
