//! Files → packets, on one thread that may block.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read};
use std::mem;
use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::capture::{CaptureError, CaptureReader};
use crate::ingest::discover::Found;
use crate::ingest::stream::StoppableInput;
use crate::ingest::{Budget, FileOutcome, FileReport, OpenCapture, Progress, Step};
use crate::packet::{CapturedPacket, Fingerprint, Source};

/// Packet bytes of a step from a file. A stream is handed on packet by packet instead, since
/// nobody knows when the next one comes.
const STEP_BYTES: usize = 1 << 20;
/// Packets of a step from a file.
const STEP_PACKETS: usize = 4096;

/// A packet and its frame number.
#[derive(Debug)]
pub(super) struct Numbered {
    pub(super) frame: u64,
    pub(super) packet: CapturedPacket,
}

pub(super) struct Reader {
    pub(super) sensor: Option<String>,
    pub(super) budget: Budget,
    pub(super) progress: Arc<Progress>,
    pub(super) stop: CancellationToken,
    pub(super) runtime: Handle,
}

/// The pipeline behind the reader has ended: nobody takes packets any more.
struct Closed;

type Steps = mpsc::Sender<Step<Numbered>>;

impl Reader {
    /// Reads what is found, one file after the other, until nothing more is found.
    pub(super) fn run(self, mut files: mpsc::Receiver<Found>, steps: &Steps) {
        let mut number = 0;
        while let Some(found) = files.blocking_recv() {
            if self.stop.is_cancelled() {
                return;
            }
            number += 1;
            let Ok(report) = self.read(number, found, steps) else { return };
            if steps.blocking_send(Step::End { number, report }).is_err() {
                return;
            }
        }
    }

    fn read(&self, number: u64, found: Found, steps: &Steps) -> Result<FileReport, Closed> {
        match found {
            Found::Stream => {
                let source = self.source("-".to_owned(), "-".to_owned());
                let input = StoppableInput::standard(self.stop.clone());
                let step = Pending::new(number, source, "-".to_owned(), 0);
                self.read_capture(step, input, true, steps)
            }
            Found::File { path, below, named } => {
                let shown = path.display().to_string();
                let input = match File::open(&path) {
                    Ok(file) => file,
                    Err(error) => return Ok(failed(shown, &error.to_string())),
                };
                let source = self.source(file_name(&path), below);
                let step = Pending::new(number, source, shown, STEP_BYTES);
                self.read_capture(step, input, named, steps)
            }
            Found::Unreadable { path, reason } => Ok(failed(path, &reason)),
        }
    }

    fn source(&self, file_name: String, file_path: String) -> Arc<Source> {
        Arc::new(Source { file_name, file_path, sensor: self.sensor.clone() })
    }

    fn read_capture(
        &self,
        mut step: Pending,
        input: impl Read + Send + 'static,
        named: bool,
        steps: &Steps,
    ) -> Result<FileReport, Closed> {
        debug!(path = step.path, "reading");
        let mut report = FileReport { path: step.path.clone(), ..FileReport::default() };
        let counted = Counted { input, progress: self.progress.clone() };
        let mut reader = match CaptureReader::new(counted) {
            Ok(reader) => reader,
            Err(error) => {
                report.outcome = self.refused(&error, named);
                return Ok(report);
            }
        };
        while report.outcome == FileOutcome::Done {
            if self.stop.is_cancelled() {
                report.outcome = FileOutcome::Interrupted;
                break;
            }
            match reader.next_packet() {
                Ok(Some((frame, packet))) => {
                    report.read += 1;
                    self.progress.add_packets(1);
                    step.push(Numbered { frame, packet });
                    if step.is_full() {
                        self.send(&mut step, steps)?;
                    }
                }
                Ok(None) => break,
                Err(error) => report.outcome = self.refused(&error, true),
            }
        }
        self.send(&mut step, steps)?;
        report.notes = reader.report().lines();
        Ok(report)
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
    fn send(&self, step: &mut Pending, steps: &Steps) -> Result<(), Closed> {
        let Some(capture) = step.capture.clone() else { return Ok(()) };
        let packets = mem::take(&mut step.packets);
        if packets.is_empty() {
            return Ok(());
        }
        let cost = Budget::cost(packets.len(), mem::take(&mut step.bytes));
        let share = self.budget.take(cost, &self.runtime).ok_or(Closed)?;
        steps.blocking_send(Step::Packets { capture, packets, share }).map_err(|_| Closed)
    }
}

/// Packets of one capture that have been read and not handed on.
struct Pending {
    number: u64,
    path: String,
    source: Arc<Source>,
    /// Handed on as soon as there are more bytes.
    full_at: usize,
    /// Known from the first packet on.
    capture: Option<Arc<OpenCapture>>,
    packets: Vec<Numbered>,
    bytes: usize,
}

impl Pending {
    fn new(number: u64, source: Arc<Source>, path: String, full_at: usize) -> Self {
        Self { number, path, source, full_at, capture: None, packets: Vec::new(), bytes: 0 }
    }

    fn push(&mut self, numbered: Numbered) {
        self.capture.get_or_insert_with(|| {
            Arc::new(OpenCapture {
                number: self.number,
                path: self.path.clone(),
                capture: Fingerprint::of(&numbered.packet),
                source: self.source.clone(),
            })
        });
        self.bytes += numbered.packet.data.len();
        self.packets.push(numbered);
    }

    fn is_full(&self) -> bool {
        self.bytes >= self.full_at || self.packets.len() >= STEP_PACKETS
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

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Counts the bytes of a file as they are read, compressed as they are.
struct Counted<R> {
    input: R,
    progress: Arc<Progress>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.progress.add_read(count as u64);
        Ok(count)
    }
}
