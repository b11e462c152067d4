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
use tokio::task::spawn_blocking;
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
/// Why a file goes.
const PROVEN: &str = "every packet of it is in the store";

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
            let state = candidate.state;
            let Some(look) = self.look_at(candidate, stop).await else { return };
            if matches!(look, Look::NotSo) && queue.may_read_again(state) {
                self.recall.anew(id);
            }
            if queue.looked_at(id, look) {
                return;
            }
        }
    }

    /// `None` when the run was stopped: only the proof, which changes nothing, can be broken off.
    async fn look_at(&self, candidate: &Candidate, stop: &CancellationToken) -> Option<Look> {
        let mut evidence = match evidence(candidate) {
            Ok(Some(evidence)) => evidence,
            // It is gone, or called otherwise: then it comes again as a candidate by that name.
            Ok(None) => {
                self.recall.by_other_name(candidate.state.id);
                return Some(Look::Done);
            }
            Err(failure) => {
                return Some(Look::Failed(format!("it cannot be looked at: {failure}")));
            }
        };
        let mut decision = decide(&evidence, self.options.after);
        if decision == Decision::Prove {
            let proved = tokio::select! {
                proved = proof::prove(self.options.reader.as_ref(), candidate) => proved,
                () = stop.cancelled() => return None,
            };
            evidence.proof = match proved {
                Ok(proof) => Some(proof),
                Err(failure) => return Some(unproven(failure)),
            };
            decision = decide(&evidence, self.options.after);
        }
        let proof = evidence.proof.unwrap_or_default();
        Some(match decision {
            Decision::Purge => self.purge(candidate, proof).await,
            Decision::Keep(reason) => {
                self.keep(candidate, proof, reason.text());
                match reason {
                    Reason::Changed | Reason::NotInStore | Reason::Different => {
                        self.ledger.forget(candidate.state.id, candidate.capture);
                        Look::NotSo
                    }
                    Reason::Unreadable | Reason::Rejected | Reason::Link => Look::Done,
                }
            }
            Decision::Wait(reason) => {
                let left = self.options.after.saturating_sub(evidence.age);
                Look::Again(left.max(LOOK_AGAIN), reason)
            }
            Decision::Prove => Look::Again(LOOK_AGAIN, "it is not proven"),
        })
    }

    async fn purge(&self, candidate: &Candidate, proof: Proof) -> Look {
        match self.try_purge(candidate, proof).await {
            Ok(look) => look,
            Err(failure) => Look::Failed(format!(
                "it cannot go: {failure}: check the rights of its folder, and the room in \
                 --state-dir"
            )),
        }
    }

    async fn try_purge(&self, candidate: &Candidate, proof: Proof) -> io::Result<Look> {
        if self.options.dry_run {
            self.decided(candidate, proof, Action::WouldGo, None, PROVEN)?;
            return Ok(Look::Done);
        }
        let Some(file) = HiddenFile::hide(&candidate.path, candidate.state)? else {
            return Ok(Look::Again(LOOK_AGAIN, "it has changed or is open for writing"));
        };
        match &self.options.to {
            None => self.delete(candidate, proof, &file)?,
            Some(folder) => self.move_to(folder, candidate, proof, file).await?,
        }
        Ok(Look::Done)
    }

    /// Without a receipt nothing goes.
    fn delete(&self, candidate: &Candidate, proof: Proof, file: &HiddenFile) -> io::Result<()> {
        if let Err(error) = self.decided(candidate, proof, Action::Deleted, None, PROVEN) {
            file.give_back()?;
            return Err(error);
        }
        if let Err(error) = file.delete() {
            file.give_back()?;
            self.keep(candidate, proof, &format!("it could not be deleted: {error}"));
            return Err(error);
        }
        // Of a file with several names, one after the other.
        self.recall.by_other_name(candidate.state.id);
        Ok(())
    }

    /// The receipt tells where the file is, so it comes when it is there.
    async fn move_to(
        &self,
        folder: &Path,
        candidate: &Candidate,
        proof: Proof,
        file: HiddenFile,
    ) -> io::Result<()> {
        let (folder, below, hidden) = (folder.to_owned(), below(candidate), file.clone());
        let brought = spawn_blocking(move || {
            let target = removal::free_name(&folder, &below)?;
            hidden.bring_to(target)
        });
        let brought = match brought.await.map_err(io::Error::other).flatten() {
            Ok(brought) => brought,
            Err(error) => {
                file.give_back()?;
                return Err(error);
            }
        };
        let target = Some(brought.target());
        if let Err(error) = self.decided(candidate, proof, Action::Moved, target, PROVEN) {
            file.take_back(&brought)?;
            return Err(error);
        }
        if let Err(error) = file.leave(&brought) {
            file.take_back(&brought)?;
            self.keep(candidate, proof, &format!("it could not be removed after all: {error}"));
            return Err(error);
        }
        Ok(())
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
        is_regular: found.is_file() && !is_behind_a_link(candidate),
        age,
        unreadable: candidate.unreadable,
        rejected: candidate.rejected,
        proof: None,
    }))
}

/// Whether a folder on the way to the file is a symbolic link: what lies behind it may be meant to
/// be read, but does not lie where the user named.
fn is_behind_a_link(candidate: &Candidate) -> bool {
    let depth = Path::new(&candidate.below).components().count();
    let folders = candidate.path.ancestors().take(depth).skip(1);
    folders.into_iter().any(Path::is_symlink)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::file_state::FileId;
    use crate::packet::Trail;

    #[test]
    fn a_file_behind_a_linked_folder_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("real/eth0")).unwrap();
        std::os::unix::fs::symlink("real", folder.path().join("linked")).unwrap();
        let candidate = |root: &str, below: &str| Candidate {
            path: folder.path().join(root).join(below),
            below: below.to_owned(),
            state: FileState { id: FileId { device: 1, inode: 1 }, size: 1, modified: 1 },
            finished: Finished::Closed,
            capture: None,
            acknowledged: Trail::default().mark(),
            rejected: 0,
            unreadable: false,
        };
        assert!(!is_behind_a_link(&candidate("", "real/eth0/a.pcap")));
        assert!(is_behind_a_link(&candidate("", "linked/eth0/a.pcap")));
        assert!(!is_behind_a_link(&candidate("linked", "eth0/a.pcap")), "the link was named");
    }
}
