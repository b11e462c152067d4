//! Files → packets, on one thread that may block.

mod follow;
mod once;
mod parts;
mod reading;
mod stream;
mod tail;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::capture::CaptureError;
use crate::ingest::discover::{Found, Look, Recall};
use crate::ingest::file_state::{FileId, Finished};
use crate::ingest::ledger::Ledger;
use crate::ingest::pace::Pace;
use crate::ingest::purge::Candidate;
use crate::ingest::{Budget, FileOutcome, FileReport, Progress, Step};
use crate::packet::{CapturedPacket, Source};
use follow::Followed;
use parts::Parts;
use stream::StoppableInput;

/// Files that are kept open between two looks, at most. One that is not is read again from its
/// beginning when it has grown, and what is stored of it is stepped over.
const KEPT_OPEN: usize = 64;
/// Of the files that this process may have open, the share that is for those: a quarter.
const SHARE_KEPT_OPEN: u64 = 4;
/// Longest sleep before a look at the stop signal.
const NAP: Duration = Duration::from_millis(100);

/// A packet and its frame number.
#[derive(Debug)]
pub(super) struct Numbered {
    pub(super) frame: u64,
    pub(super) packet: CapturedPacket,
}

pub(super) struct Reader {
    pub(super) sensor: Option<String>,
    pub(super) budget: Budget,
    pub(super) pace: Option<Pace>,
    pub(super) progress: Arc<Progress>,
    pub(super) ledger: Arc<Ledger>,
    /// Takes files that are known to be stored.
    pub(super) purge: Option<mpsc::UnboundedSender<Candidate>>,
    pub(super) recall: Arc<Recall>,
    /// Files that are kept open: [`kept_open`].
    pub(super) kept_open: usize,
    pub(super) stop: CancellationToken,
    pub(super) runtime: Handle,
}

/// The pipeline behind the reader has ended: nobody takes packets any more.
struct Closed;

type Steps = mpsc::Sender<Step<Numbered>>;

impl Reader {
    /// Reads what is found, one file after the other, until nothing more is found.
    pub(super) fn run(mut self, mut files: mpsc::Receiver<Found>, steps: &Steps) {
        let mut followed = HashMap::new();
        while let Some(found) = files.blocking_recv() {
            self.progress.take_waiting();
            if self.stop.is_cancelled() || self.take(found, &mut followed, steps).is_err() {
                break;
            }
        }
        // Only when the pipeline has ended is there nobody to tell.
        self.finish(followed, steps).unwrap_or_default();
    }

    /// Says how far files came that were still followed, and what could not be read in the end.
    fn finish(&self, followed: HashMap<FileId, Followed>, steps: &Steps) -> Result<(), Closed> {
        for (_, file) in followed {
            Self::leave(file, steps)?;
        }
        for (path, reason) in self.recall.failures() {
            parts::report(failed(path, &reason), steps)?;
        }
        Ok(())
    }

    fn take(
        &mut self,
        found: Found,
        followed: &mut HashMap<FileId, Followed>,
        steps: &Steps,
    ) -> Result<(), Closed> {
        match found {
            Found::Stream => self.read_stream(StoppableInput::standard(self.stop.clone()), steps),
            Found::Unreadable { path, reason } => parts::report(failed(path, &reason), steps),
            Found::Passed { path, reason } => {
                let outcome = FileOutcome::Skipped(reason);
                parts::report(FileReport { path, outcome, ..FileReport::default() }, steps)
            }
            Found::Vanished { path, bytes } => {
                warn!(path, bytes, "gone before it could be read");
                let reason = "gone before it could be read".to_owned();
                let outcome = FileOutcome::Skipped(reason);
                parts::report(FileReport { path, outcome, ..FileReport::default() }, steps)
            }
            Found::Gone(id) => match followed.remove(&id) {
                Some(mut file) => {
                    file.look.finished = Some(Finished::Gone);
                    self.follow(file, followed, steps)
                }
                None => Ok(()),
            },
            Found::File(look) if !look.is_regular => self.read_device(&look, steps),
            Found::File(look) => match followed.remove(&look.state.id) {
                Some(mut file) if self.recall.take_anew(look.state.id) => {
                    file.parts.leave(steps)?;
                    self.open(look, followed, steps)
                }
                Some(file) => self.follow(Followed { look, ..file }, followed, steps),
                None => self.open(look, followed, steps),
            },
        }
    }

    fn source(&self, look: &Look) -> Source {
        let file_name = look.path.file_name().unwrap_or(look.path.as_os_str());
        Source {
            file_name: file_name.to_string_lossy().into_owned(),
            file_path: look.below.clone(),
            sensor: self.sensor.clone(),
        }
    }

    fn refused(&self, error: &CaptureError, named: bool) -> FileOutcome {
        match error {
            _ if self.stop.is_cancelled() => FileOutcome::Interrupted,
            CaptureError::NotACapture { .. } | CaptureError::Incomplete { .. } if !named => {
                FileOutcome::Skipped(error.to_string())
            }
            _ => FileOutcome::Failed(with_causes(error)),
        }
    }

    /// Hands the pending packets on, once there is room for them.
    fn send(&mut self, parts: &mut Parts, steps: &Steps) -> Result<(), Closed> {
        for batch in parts.take() {
            let cost = Budget::cost(batch.packets.len(), batch.bytes);
            if let Some(pace) = &mut self.pace {
                let pause = pace.pause(batch.packets.len(), Instant::now());
                self.sleep(pause);
            }
            let share = self.budget.take(cost, &self.runtime).ok_or(Closed)?;
            let step = Step::Packets { capture: batch.capture, packets: batch.packets, share };
            steps.blocking_send(step).map_err(|_| Closed)?;
        }
        Ok(())
    }

    fn sleep(&self, pause: Duration) {
        let end = Instant::now() + pause;
        while let Some(left) = end.checked_duration_since(Instant::now())
            && !left.is_zero()
            && !self.stop.is_cancelled()
        {
            thread::sleep(left.min(NAP));
        }
    }
}

/// How many files may be kept open between two looks, so that there is room for others.
pub(super) fn kept_open() -> usize {
    // Where the limit cannot be asked for, it is the usual one.
    let limit = rlimit::Resource::NOFILE.get_soft().unwrap_or(u64::MAX);
    usize::try_from(limit / SHARE_KEPT_OPEN).unwrap_or(KEPT_OPEN).clamp(1, KEPT_OPEN)
}

/// An error and what caused it, in one line.
fn with_causes(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}

fn failed(path: String, reason: &str) -> FileReport {
    FileReport { path, outcome: FileOutcome::Failed(reason.to_owned()), ..FileReport::default() }
}
