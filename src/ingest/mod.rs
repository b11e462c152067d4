//! Capture files → store: discover → read → decode → write over bounded channels; then, if asked
//! to, the files go.
//!
//! Stop reaches discover and read only; what has been read is stored before the run ends. Memory
//! is bounded by a budget of bytes, whatever the size of the input.

mod acknowledged;
mod budget;
mod dead_letters;
mod decode;
mod discover;
mod file_state;
mod lease;
mod ledger;
mod pace;
mod pipeline;
mod pulse;
mod purge;
mod read;
mod report;
mod write;

use std::error::Error as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinError;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::packet::{Fingerprint, Mark, Source, Trail};
use crate::store::{PacketStore, StoreError, StoreErrorKind};
use budget::{Budget, Share};
pub use dead_letters::origins_beside;
use file_state::{FileId, FileState, Finished};
pub use purge::{Action, PurgeOptions, PurgeReceipt, receipts};
pub use report::{FileOutcome, FileReport, Observer, Progress, Rejected, Totals};

/// Before a run that the disk has ended is begun anew; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// No pause is longer. What ends a run that has gone on for longer is new.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// One place to read captures from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Standard input.
    Stream,
    /// A file, or a folder with everything in it.
    Path(PathBuf),
}

/// How to ingest.
#[derive(Debug, Clone)]
pub struct IngestOptions {
    /// Kept with every packet as `observer.name`.
    pub sensor: Option<String>,
    /// Stay and read new files as they appear.
    pub watch: Option<Watch>,
    /// Threads that decode.
    pub workers: usize,
    /// Where ledger, receipts and dead letters are kept; it is made when it is needed.
    pub state_directory: PathBuf,
    /// Whether to go on where an earlier run with the same state directory ended.
    pub resume: bool,
    /// Packets a second that are read at most.
    pub max_rate: Option<u32>,
    /// Let files go once it is proven that the store holds them.
    pub purge: Option<PurgeOptions>,
    /// Folders of the archive itself, which are never read when they lie in one that is.
    pub excluded: Vec<PathBuf>,
}

/// How to watch folders.
#[derive(Debug, Clone, Copy)]
pub struct Watch {
    /// A file that has not changed for this long is taken to be complete.
    pub settle: Duration,
    /// Time between two looks at the folders.
    pub poll: Duration,
    /// Ask the kernel as well what happens in the folders.
    pub notified: bool,
    /// Time between two log lines about rate, lag and queues.
    pub report_every: Duration,
}

/// Why a run ended early. What was reported before is stored.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The store could not take packets, and waiting did not help.
    #[error("store packets")]
    Store(#[from] StoreError),
    /// The state directory cannot be used.
    #[error("use state directory {path}")]
    StateDirectory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Rejected packets could not be written before the run was stopped.
    #[error("write rejected packets to the state directory")]
    DeadLetters(#[source] io::Error),
    /// The system would not let it be prepared for signals.
    #[error("prepare for signals")]
    Signals(#[source] io::Error),
    /// A stage panicked: a bug in this program.
    #[error("a stage of the ingest failed")]
    Stage(#[from] JoinError),
}

/// A capture that is being read.
#[derive(Debug)]
struct OpenCapture {
    /// Of the file, as long as it is open.
    reading: u64,
    /// Of what is reported by itself: the file, or a part of a growing one.
    part: u64,
    /// What the user calls it.
    path: String,
    /// The file, when it is one that can be recognised.
    file: Option<FileId>,
    /// Its identity.
    capture: Fingerprint,
    /// Name and sensor for the documents.
    source: Arc<Source>,
    /// How far an earlier run has stored it.
    resumed: Trail,
    /// Packets of that which the store refused.
    rejected_before: u64,
}

/// What the stages hand on: packets of a capture, or the end of what is reported by itself.
enum Step<T> {
    Packets { capture: Arc<OpenCapture>, packets: Vec<T>, share: Share },
    End(Box<FileEnd>),
}

/// The end of a file, or of a part of a growing one.
struct FileEnd {
    reading: u64,
    part: u64,
    /// Whether nothing more comes of this reading.
    concluded: bool,
    /// What to say of it; `None` when there is nothing new.
    report: Option<FileReport>,
    /// A file that can be recognised.
    file: Option<Ended>,
}

/// A file as it was when its end was read.
struct Ended {
    path: PathBuf,
    /// Its path below the folder that was named.
    below: String,
    state: FileState,
    /// Why it is complete; `None` when it is not, or was not read to its end.
    finished: Option<Finished>,
    capture: Option<Fingerprint>,
    /// How far earlier runs stored it.
    base: Mark,
    rejected_before: u64,
    unreadable: bool,
}

/// Reads all inputs into the store and reports each file to `observer` once it is safe.
///
/// While watching, a disk that fails under the store does not end the run: what was not safe yet
/// is read again.
///
/// # Errors
/// When the store cannot take packets any more. A bad file is reported, not an error.
pub async fn run(
    store: Arc<dyn PacketStore>,
    inputs: Vec<Input>,
    options: IngestOptions,
    observer: Arc<dyn Observer>,
    stop: &CancellationToken,
) -> Result<Totals, IngestError> {
    let mut totals = Totals::default();
    let mut pause = FIRST_PAUSE;
    loop {
        let began = Instant::now();
        let (inputs, options) = (inputs.clone(), options.clone());
        let goes_on = options.watch.is_some();
        let run =
            pipeline::run(store.clone(), inputs, options, observer.clone(), stop, &mut totals);
        match run.await {
            Ok(()) => return Ok(totals),
            Err(error) if !goes_on || !may_pass(&error) || stop.is_cancelled() => {
                return Err(error);
            }
            Err(error) => {
                if began.elapsed() > LONGEST_PAUSE {
                    pause = FIRST_PAUSE;
                }
                tell(&error, pause);
                // The store refuses everything until a flush was told what is lost, which this
                // error has said already.
                store.flush().await.ok();
                observer.progress().begin_anew();
                tokio::select! {
                    () = sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
                    () = stop.cancelled() => return Err(error),
                }
            }
        }
    }
}

/// Whether a run may go on from what is safe, when room has been made or the disk works again.
fn may_pass(error: &IngestError) -> bool {
    match error {
        IngestError::Store(error) => {
            matches!(error.kind, StoreErrorKind::Lost | StoreErrorKind::Full | StoreErrorKind::Io)
        }
        IngestError::StateDirectory { source, .. } => is_lack_of_room(source),
        _ => false,
    }
}

fn tell(failure: &IngestError, pause: Duration) {
    let why = failure.source().map(ToString::to_string).unwrap_or_default();
    error!(
        error = %format!("{failure}: {why}"),
        ?pause,
        hint = "make room on its disk; what was not safe yet is read again, and nothing is lost",
        "the disk fails, will try again"
    );
}

fn is_lack_of_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Whether files in this very folder are read: then none can be moved there.
#[must_use]
pub fn reads_from(inputs: &[Input], folder: &Path) -> bool {
    discover::reads_from(inputs, folder)
}

#[cfg(test)]
fn open_capture_for_tests() -> OpenCapture {
    OpenCapture {
        reading: 1,
        part: 1,
        path: "a.pcap".into(),
        file: Some(FileId { device: 1, inode: 1 }),
        capture: Fingerprint([1; 16]),
        source: Arc::new(Source {
            file_name: "a.pcap".into(),
            file_path: "a.pcap".into(),
            sensor: None,
        }),
        resumed: Trail::default(),
        rejected_before: 0,
    }
}
