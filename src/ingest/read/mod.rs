//! Files → packets, on one thread that may block.

mod parts;
mod reading;
mod stream;
mod tail;

use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::capture::{CaptureError, CaptureReader, can_grow};
use crate::ingest::dead_letters::Origins;
use crate::ingest::discover::{Found, Look, Recall};
use crate::ingest::file_state::{FileId, FileState, Finished};
use crate::ingest::lease::is_being_written;
use crate::ingest::ledger::{Entry, Ledger};
use crate::ingest::pace::Pace;
use crate::ingest::purge::Candidate;
use crate::ingest::{Budget, Ended, FileOutcome, FileReport, Progress, Step};
use crate::packet::{CapturedPacket, Source};
use parts::Parts;
use reading::{Next, Reading};
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

/// A file that is open from look to look.
struct Followed {
    look: Look,
    reading: Reading,
    parts: Parts,
    used: Instant,
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

    /// A file that is not open.
    fn open(
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
    fn follow(
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
                return self.follow_to_end(file, steps);
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
                let lost = file.parts.give_up();
                if lost > 0 {
                    file.parts.note(format!(
                        "it was overwritten while it was read; the last {lost} packets that \
                         were read may be mixed with others and are left out"
                    ));
                }
                let look = Look { finished: None, ..file.look };
                file.look = look.clone();
                Self::conclude(file, FileOutcome::Done, steps)?;
                return self.open(look, followed, steps);
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
    fn leave(file: Followed, steps: &Steps) -> Result<(), Closed> {
        let Followed { look, reading, mut parts, .. } = file;
        if !parts.is_reported() {
            Self::end(&look, &reading, &mut parts, FileOutcome::Growing, steps)?;
        }
        parts.leave(steps)
    }

    fn follow_to_end(&mut self, mut file: Followed, steps: &Steps) -> Result<(), Closed> {
        let outcome = match self.advance(&mut file.reading, &mut file.parts, steps)? {
            Came::Through(outcome) => outcome,
            Came::Broken(reason) => FileOutcome::Failed(reason),
            Came::Far | Came::Overwritten | Came::Stopped => FileOutcome::Interrupted,
        };
        Self::conclude(file, outcome, steps)
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

    /// A pipe or device: read once, to its end.
    fn read_device(&mut self, look: &Look, steps: &Steps) -> Result<(), Closed> {
        let shown = look.path.display().to_string();
        match File::open(&look.path) {
            Ok(file) => {
                let parts = Parts::new(self.source(look), shown, None);
                let input = StoppableInput::new(file, self.stop.clone());
                self.read_once(CaptureReader::new(input), parts, look.named, steps)
            }
            Err(error) => parts::report(failed(shown, &error.to_string()), steps),
        }
    }

    fn read_stream(&mut self, input: StoppableInput, steps: &Steps) -> Result<(), Closed> {
        let source = Source {
            file_name: "-".to_owned(),
            file_path: "-".to_owned(),
            sensor: self.sensor.clone(),
        };
        // Nobody knows when the next packet comes: each is handed on by itself.
        let parts = Parts::new(source, "-".to_owned(), None).one_by_one();
        self.read_once(CaptureReader::new(input), parts, true, steps)
    }

    fn read_once(
        &mut self,
        reader: Result<CaptureReader, CaptureError>,
        mut parts: Parts,
        named: bool,
        steps: &Steps,
    ) -> Result<(), Closed> {
        let mut reader = match reader {
            Ok(reader) => reader,
            Err(error) => {
                let (path, outcome) = (parts.path().to_owned(), self.refused(&error, named));
                return parts::report(FileReport { path, outcome, ..FileReport::default() }, steps);
            }
        };
        // A stop ends the input, once what is in it has been read.
        let outcome = loop {
            match reader.next_packet() {
                Ok(Some((frame, packet))) => {
                    self.progress.add_packets(1);
                    parts.push_plain(Numbered { frame, packet });
                    if parts.is_full() {
                        self.send(&mut parts, steps)?;
                    }
                }
                Ok(None) if self.stop.is_cancelled() => break FileOutcome::Interrupted,
                Ok(None) => break FileOutcome::Done,
                Err(error) => break self.refused(&error, true),
            }
        };
        self.send(&mut parts, steps)?;
        for note in reader.report().lines() {
            parts.note(note);
        }
        parts.end_plain(outcome, steps)
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
