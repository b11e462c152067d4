//! What has been read of a file and not handed on, and what is to be reported of it.

use std::io;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ingest::file_state::FileId;
use crate::ingest::read::reading::Reading;
use crate::ingest::read::{Closed, Numbered, Steps};
use crate::ingest::{Ended, FileEnd, FileOutcome, FileReport, OpenCapture, Step};
use crate::packet::{Fingerprint, Origin, Source, Trail};
use crate::store::flows::FRAMES_PER_WINDOW;

/// Packet bytes of a step from a file.
const STEP_BYTES: usize = 1 << 20;
/// Packets of a step from a file.
const STEP_PACKETS: usize = 4096;
/// Packet bytes of a step from a file, also within a window of its frames.
const MOST_STEP_BYTES: usize = 4 << 20;

/// Numbers readings and parts of readings, each once in a process.
static NUMBERS: AtomicU64 = AtomicU64::new(1);

fn number() -> u64 {
    NUMBERS.fetch_add(1, Ordering::Relaxed)
}

/// A file, from report to report: a growing file is reported in parts.
pub(super) struct Parts {
    /// Of the file as long as it is open.
    reading: u64,
    /// Of what is reported next.
    part: u64,
    path: String,
    file: Option<FileId>,
    source: Arc<Source>,
    /// Handed on as soon as there are more bytes.
    full_at: usize,
    batches: Vec<Batch>,
    /// Packets since the last report.
    read: u64,
    /// Packets stepped over that have been reported.
    known: u64,
    notes: Vec<String>,
    has_notes: bool,
    reported: bool,
}

/// Packets of one capture.
pub(super) struct Batch {
    pub(super) capture: Arc<OpenCapture>,
    pub(super) packets: Vec<Numbered>,
    pub(super) bytes: usize,
}

impl Parts {
    pub(super) fn new(source: Source, path: String, file: Option<FileId>) -> Self {
        Self {
            reading: number(),
            part: number(),
            path,
            file,
            source: Arc::new(source),
            full_at: STEP_BYTES,
            batches: Vec::new(),
            read: 0,
            known: 0,
            notes: Vec::new(),
            has_notes: false,
            reported: false,
        }
    }

    /// Hands each packet on by itself.
    pub(super) fn one_by_one(self) -> Self {
        Self { full_at: 0, ..self }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The file has another name now. Packets keep the one under which it was found.
    pub(super) fn rename(&mut self, path: String) {
        self.path = path;
    }

    pub(super) fn note(&mut self, note: String) {
        self.notes.push(note);
        self.has_notes = true;
    }

    /// Whether something of the file could not be read.
    pub(super) fn has_notes(&self) -> bool {
        self.has_notes
    }

    /// Adds a packet of a capture file, under the origin that it had before the store refused it
    /// if that stands beside the file.
    pub(super) fn push(&mut self, numbered: Numbered, reading: &mut Reading) -> io::Result<()> {
        let resumed = &reading.resumed;
        match &mut reading.origins {
            None => {
                let before = (resumed, reading.rejected_before, self.file);
                self.add(reading.capture, before, self.source.clone(), numbered);
            }
            Some(origins) => {
                let Origin { capture, frame, source } = origins.next()?;
                let numbered = Numbered { frame, ..numbered };
                self.add(Some(capture), (&Trail::default(), 0, None), source, numbered);
            }
        }
        Ok(())
    }

    /// Adds a packet of a stream.
    pub(super) fn push_plain(&mut self, numbered: Numbered) {
        let capture = self.batches.last().map(|batch| batch.capture.capture);
        self.add(capture, (&Trail::default(), 0, None), self.source.clone(), numbered);
    }

    fn add(
        &mut self,
        capture: Option<Fingerprint>,
        (resumed, rejected_before, file): (&Trail, u64, Option<FileId>),
        source: Arc<Source>,
        numbered: Numbered,
    ) {
        self.read += 1;
        let capture = capture.unwrap_or_else(|| Fingerprint::of(&numbered.packet));
        let is_same = self.batches.last().is_some_and(|batch| {
            batch.capture.capture == capture && Arc::ptr_eq(&batch.capture.source, &source)
        });
        if !is_same {
            let capture = Arc::new(OpenCapture {
                reading: self.reading,
                part: self.part,
                path: self.path.clone(),
                file,
                capture,
                source,
                resumed: resumed.clone(),
                rejected_before,
            });
            self.batches.push(Batch { capture, packets: Vec::new(), bytes: 0 });
        }
        if let Some(batch) = self.batches.last_mut() {
            batch.bytes += numbered.packet.data.len();
            batch.packets.push(numbered);
        }
    }

    /// Whether everything that was read has been reported.
    pub(super) fn is_reported(&self) -> bool {
        self.reported && self.read == 0
    }

    pub(super) fn is_full(&self) -> bool {
        let bytes: usize = self.batches.iter().map(|batch| batch.bytes).sum();
        let packets: usize = self.batches.iter().map(|batch| batch.packets.len()).sum();
        let is_full = bytes >= self.full_at || packets >= STEP_PACKETS;
        // Stores may put together what stands in one window of a capture.
        let last = self.batches.last().and_then(|batch| batch.packets.last());
        let is_between_windows = last.is_none_or(|last| last.frame % FRAMES_PER_WINDOW == 0);
        is_full && (self.full_at == 0 || is_between_windows) || bytes >= MOST_STEP_BYTES
    }

    /// What is pending.
    pub(super) fn take(&mut self) -> Vec<Batch> {
        let mut taken = mem::take(&mut self.batches);
        // The last capture goes on.
        if let Some(last) = taken.last() {
            let capture = last.capture.clone();
            self.batches.push(Batch { capture, packets: Vec::new(), bytes: 0 });
        }
        taken.retain(|batch| !batch.packets.is_empty());
        taken
    }

    /// Gives up what is pending; how many packets that are.
    pub(super) fn give_up(&mut self) -> u64 {
        let lost: usize = mem::take(&mut self.batches).iter().map(|b| b.packets.len()).sum();
        self.read -= lost as u64;
        lost as u64
    }

    /// Ends a part of a file. `known`: packets of it that an earlier run stored.
    pub(super) fn end(
        &mut self,
        known: u64,
        outcome: FileOutcome,
        ended: Option<Ended>,
        steps: &Steps,
    ) -> Result<(), Closed> {
        let new_known = known.saturating_sub(mem::replace(&mut self.known, known));
        let has_news = !self.reported
            || self.read > 0
            || new_known > 0
            || !self.notes.is_empty()
            || !matches!(outcome, FileOutcome::Done | FileOutcome::Growing);
        let report = FileReport {
            path: self.path.clone(),
            outcome,
            read: self.read + new_known,
            already_there: new_known,
            notes: mem::take(&mut self.notes),
            ..FileReport::default()
        };
        self.step(has_news.then_some(report), ended, false, steps)
    }

    /// Ends a stream.
    pub(super) fn end_plain(&mut self, outcome: FileOutcome, steps: &Steps) -> Result<(), Closed> {
        let report = FileReport {
            path: self.path.clone(),
            outcome,
            read: self.read,
            notes: mem::take(&mut self.notes),
            ..FileReport::default()
        };
        self.step(Some(report), None, true, steps)
    }

    /// Nothing more comes, and there is nothing to say.
    pub(super) fn leave(&mut self, steps: &Steps) -> Result<(), Closed> {
        self.step(None, None, true, steps)
    }

    fn step(
        &mut self,
        report: Option<FileReport>,
        file: Option<Ended>,
        concluded: bool,
        steps: &Steps,
    ) -> Result<(), Closed> {
        let part = mem::replace(&mut self.part, number());
        (self.read, self.reported) = (0, true);
        // The next packet begins a new part of the same reading.
        self.batches.clear();
        send(FileEnd { reading: self.reading, part, concluded, report, file }, steps)
    }
}

/// Reports a file of which nothing was read.
pub(super) fn report(report: FileReport, steps: &Steps) -> Result<(), Closed> {
    let (reading, part) = (number(), number());
    send(FileEnd { reading, part, concluded: true, report: Some(report), file: None }, steps)
}

fn send(end: FileEnd, steps: &Steps) -> Result<(), Closed> {
    steps.blocking_send(Step::End(Box::new(end))).map_err(|_| Closed)
}
