//! A capture file: opened, followed as it grows, and concluded.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use tracing::debug;

use crate::capture::{CaptureError, can_grow};
use crate::ingest::dead_letters::Origins;
use crate::ingest::discover::Look;
use crate::ingest::file_state::{FileId, FileState, Finished};
use crate::ingest::lease::is_being_written;
use crate::ingest::ledger::Entry;
use crate::ingest::purge::Candidate;
use crate::ingest::read::parts::{self, Parts};
use crate::ingest::read::reading::{Next, Reading};
use crate::ingest::read::{Closed, Reader, Steps, with_causes};
use crate::ingest::{Ended, FileOutcome, FileReport};

/// A file that is open from look to look.
pub(super) struct Followed {
    pub(super) look: Look,
    pub(super) reading: Reading,
    pub(super) parts: Parts,
    pub(super) used: Instant,
}

/// How far reading a file came.
enum Came {
    /// To the end for now.
    Far,
    /// To its end, or to where it cannot be read on.
    Through(FileOutcome),
    /// To where the system would not give more of it, and why.
    Broken(String),
    /// It was overwritten: what has not been handed on is not certain to be of one capture.
    Overwritten,
    /// To where the run was stopped.
    Stopped,
}

impl Reader {
    /// A file that is not open.
    pub(super) fn open(
        &mut self,
        look: Look,
        followed: &mut HashMap<FileId, Followed>,
        steps: &Steps,
    ) -> Result<(), Closed> {
        let shown = look.path.display().to_string();
        let parts = Parts::new(self.source(&look), shown, Some(look.state.id));
        self.recall.take_anew(look.state.id);
        if look.finished.is_some()
            && let Some(entry) = self.ledger.file(look.state)
            && entry.complete
        {
            return self.known(&look, &entry, steps);
        }
        let refused = match self.try_open(&look) {
            Ok(Some(reading)) => {
                self.recall.readable(look.state.id);
                return self.follow(
                    Followed { look, reading, parts, used: Instant::now() },
                    followed,
                    steps,
                );
            }
            Ok(None) => return Ok(()),
            Err(error) if look.is_watched() && is_of_the_system(&error) => {
                self.recall.later(&look, with_causes(&error));
                return Ok(());
            }
            Err(error) => error,
        };
        let outcome = self.refused(&refused, look.named);
        let path = look.path.display().to_string();
        parts::report(FileReport { path, outcome, ..FileReport::default() }, steps)
    }

    /// `Ok(None)`: not now; there will be another look.
    fn try_open(&self, look: &Look) -> Result<Option<Reading>, CaptureError> {
        let file = match File::open(&look.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && look.is_watched() => {
                self.recall.again(look);
                return Ok(None);
            }
            file => file?,
        };
        if FileState::of(&file.metadata()?).id != look.state.id && look.is_watched() {
            // The name belongs to another file by now; this one may be found under another name.
            self.recall.again(look);
            return Ok(None);
        }
        let ends = look.finished.is_some();
        if !ends && !begins_like_a_capture(&file)? {
            return Ok(None);
        }
        debug!(path = %look.path.display(), "reading");
        let origins = Origins::beside(&look.path)?;
        let (progress, ledger) = (self.progress.clone(), self.ledger.clone());
        Reading::open(Arc::new(file), ends, origins, progress, ledger)
    }

    /// Reads on in an open file, as far as it goes.
    pub(super) fn follow(
        &mut self,
        mut file: Followed,
        followed: &mut HashMap<FileId, Followed>,
        steps: &Steps,
    ) -> Result<(), Closed> {
        let id = file.look.state.id;
        file.used = Instant::now();
        file.parts.rename(file.look.path.display().to_string());
        // Before its end is read, so that what comes afterwards is a change.
        if let Ok(metadata) = file.reading.file.metadata() {
            file.look.state = FileState::of(&metadata);
        }
        let finished = file.look.finished;
        // One writer has closed it, and another may go on.
        let goes_on = finished == Some(Finished::Closed)
            && is_being_written(&file.reading.file) == Some(true);
        if finished.is_some_and(Finished::is_sure) && !goes_on {
            file.reading.end();
        }
        match self.advance(&mut file.reading, &mut file.parts, steps)? {
            Came::Far if finished.is_none() => {}
            Came::Far if file.reading.is_between_packets() => {
                let Followed { look, reading, parts, .. } = &mut file;
                Self::end(look, reading, parts, FileOutcome::Done, steps)?;
            }
            // It stands still within a packet: its writer is slow, or was ended.
            Came::Far if is_being_written(&file.reading.file) == Some(true) => {
                self.recall.again(&file.look);
            }
            Came::Far => {
                file.reading.end();
                return self.follow_to_end(file, followed, steps);
            }
            Came::Through(outcome) => return Self::conclude(file, outcome, steps),
            Came::Broken(reason) if file.look.is_watched() => {
                self.recall.later(&file.look, reason);
                return Self::leave(file, steps);
            }
            Came::Broken(reason) => {
                return Self::conclude(file, FileOutcome::Failed(reason), steps);
            }
            Came::Overwritten => {
                return self.begin_other(file, followed, steps);
            }
            Came::Stopped => return Self::conclude(file, FileOutcome::Interrupted, steps),
        }
        followed.insert(id, file);
        if followed.len() > self.kept_open
            && let Some(idle) = followed.iter().min_by_key(|(_, file)| file.used).map(|(id, _)| *id)
            && let Some(file) = followed.remove(&idle)
        {
            Self::leave(file, steps)?;
        }
        Ok(())
    }

    /// Lets go of a file that may still grow.
    pub(super) fn leave(file: Followed, steps: &Steps) -> Result<(), Closed> {
        let Followed { look, reading, mut parts, .. } = file;
        if !parts.is_reported() {
            Self::end(&look, &reading, &mut parts, FileOutcome::Growing, steps)?;
        }
        parts.leave(steps)
    }

    /// Reads to the end that it has now.
    pub(super) fn follow_to_end(
        &mut self,
        mut file: Followed,
        followed: &mut HashMap<FileId, Followed>,
        steps: &Steps,
    ) -> Result<(), Closed> {
        let outcome = match self.advance(&mut file.reading, &mut file.parts, steps)? {
            Came::Through(outcome) => outcome,
            Came::Broken(reason) => FileOutcome::Failed(reason),
            Came::Overwritten => return self.begin_other(file, followed, steps),
            Came::Far | Came::Stopped => FileOutcome::Interrupted,
        };
        Self::conclude(file, outcome, steps)
    }

    /// Concludes a file that was overwritten, and begins with what is in it now.
    fn begin_other(
        &mut self,
        mut file: Followed,
        followed: &mut HashMap<FileId, Followed>,
        steps: &Steps,
    ) -> Result<(), Closed> {
        let lost = file.parts.give_up();
        if lost > 0 {
            self.progress.add_settled(lost);
            file.parts.note(format!(
                "it was overwritten while it was read; the last {lost} packets that were read \
                 may be mixed with others and are left out"
            ));
        } else if !file.reading.is_between_packets() {
            file.parts.note("it was overwritten before its last packet could be read".to_owned());
        }
        file.look.finished = None;
        let look = file.look.clone();
        Self::conclude(file, FileOutcome::Done, steps)?;
        self.open(look, followed, steps)
    }

    fn conclude(mut file: Followed, outcome: FileOutcome, steps: &Steps) -> Result<(), Closed> {
        for note in file.reading.notes() {
            file.parts.note(note);
        }
        Self::end(&file.look, &file.reading, &mut file.parts, outcome, steps)?;
        file.parts.leave(steps)
    }

    fn advance(
        &mut self,
        reading: &mut Reading,
        parts: &mut Parts,
        steps: &Steps,
    ) -> Result<Came, Closed> {
        if !reading.is_still().unwrap_or(true) {
            return Ok(Came::Overwritten);
        }
        loop {
            if self.stop.is_cancelled() {
                self.send(parts, steps)?;
                return Ok(Came::Stopped);
            }
            let came = match reading.next() {
                Next::Packet(numbered) => {
                    self.progress.add_packets(1);
                    if let Err(error) = parts.push(numbered, reading) {
                        Came::Through(FileOutcome::Failed(with_causes(&error)))
                    } else if parts.is_full() {
                        Came::Far
                    } else {
                        continue;
                    }
                }
                Next::Nothing | Next::End | Next::Failed(_) if !is_still(reading) => {
                    return Ok(Came::Overwritten);
                }
                Next::Nothing => {
                    self.send(parts, steps)?;
                    return Ok(Came::Far);
                }
                Next::End => Came::Through(FileOutcome::Done),
                Next::Failed(error) if is_of_the_system(&error) => {
                    Came::Broken(with_causes(&error))
                }
                Next::Failed(error) => Came::Through(self.refused(&error, true)),
            };
            if !is_still(reading) {
                return Ok(Came::Overwritten);
            }
            self.send(parts, steps)?;
            if !matches!(came, Came::Far) {
                return Ok(came);
            }
        }
    }

    /// Says what came of a file, or of what has been read of it since the last time.
    fn end(
        look: &Look,
        reading: &Reading,
        parts: &mut Parts,
        outcome: FileOutcome,
        steps: &Steps,
    ) -> Result<(), Closed> {
        let is_done = outcome == FileOutcome::Done;
        // Refused packets have the marks of other captures.
        let ended = reading.origins.is_none().then(|| Ended {
            path: look.path.clone(),
            below: look.below.clone(),
            state: look.state,
            finished: look.finished.filter(|_| is_done),
            capture: reading.capture,
            base: reading.resumed.mark(),
            rejected_before: reading.rejected_before,
            unreadable: parts.has_notes(),
        });
        parts.end(reading.resumed.frames(), outcome, ended, steps)
    }

    /// A file that an earlier run has stored, and that has not changed since.
    fn known(&self, look: &Look, entry: &Entry, steps: &Steps) -> Result<(), Closed> {
        debug!(path = %look.path.display(), "stored by an earlier run");
        if let (Some(purge), Some(acknowledged)) = (&self.purge, entry.mark()) {
            let candidate = Candidate {
                path: look.path.clone(),
                below: look.below.clone(),
                state: look.state,
                finished: look.finished.unwrap_or(Finished::Settled),
                capture: entry.fingerprint(),
                acknowledged,
                rejected: entry.rejected,
                unreadable: entry.unreadable,
            };
            // Once the run is stopped, nothing goes any more.
            purge.send(candidate).ok();
        }
        if look.is_watched() {
            return Ok(());
        }
        let path = look.path.display().to_string();
        let outcome = FileOutcome::Known(entry.frames);
        parts::report(FileReport { path, outcome, ..FileReport::default() }, steps)
    }
}

/// Whether the fault is not in the file: rights, a disk, too many open files. That may pass.
fn is_of_the_system(error: &CaptureError) -> bool {
    matches!(error, CaptureError::Io(error) if error.raw_os_error().is_some())
}

/// That it cannot be told is no reason to doubt what was read.
fn is_still(reading: &mut Reading) -> bool {
    reading.is_still().unwrap_or(true)
}

/// Whether packets can be read from a file that is not finished.
fn begins_like_a_capture(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::FileExt as _;
    let mut head = [0; 4];
    match file.read_exact_at(&mut head, 0) {
        Ok(()) => Ok(can_grow(&head)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
