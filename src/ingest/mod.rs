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
mod pulse;
mod purge;
mod read;
mod report;
mod write;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::folders;
use crate::packet::{Fingerprint, Mark, Source, Trail};
use crate::store::{PacketStore, StoreError, StoreResult};
use budget::{Budget, Share};
use dead_letters::DeadLetters;
pub use dead_letters::origins_beside;
use discover::{Discover, Recall};
use file_state::{FileId, FileState, Finished};
use ledger::Ledger;
use pace::Pace;
use purge::Purge;
pub use purge::{Action, PurgeOptions, PurgeReceipt, receipts};
pub use report::{FileOutcome, FileReport, Observer, Progress, Rejected, Totals};

/// Files found and not yet read. They are only names.
const FILE_QUEUE: usize = 64;
/// Steps on their way from one stage to the next. Their bytes are bounded by the budget; this
/// bounds the overhead of a stream that comes packet by packet.
const STEP_QUEUE: usize = 4096;

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
/// # Errors
/// When the store cannot take packets any more. A bad file is reported, not an error.
pub async fn run(
    store: Arc<dyn PacketStore>,
    inputs: Vec<Input>,
    options: IngestOptions,
    observer: Arc<dyn Observer>,
    stop: &CancellationToken,
) -> Result<Totals, IngestError> {
    // Ends the first stages also when the store fails, and not the rest of the program.
    let stop = stop.child_token();
    lease::expect_writers().map_err(IngestError::Signals)?;
    let Some(identity) = identity(store.as_ref(), &options, &stop).await? else {
        return Ok(Totals::default());
    };
    let ledger = Arc::new(open_ledger(&identity, &options)?);
    let (files_out, files) = mpsc::channel(FILE_QUEUE);
    let (packets_out, packets) = mpsc::channel(STEP_QUEUE);
    let (records_out, records) = mpsc::channel(STEP_QUEUE);
    let (budget, recall) = (Budget::new(), Arc::<Recall>::default());
    let progress = observer.progress();
    let mut stages: Stages = JoinSet::new();

    let candidates = options.purge.clone().map(|purge_options| {
        // Nothing may wait for a proof, which takes as long as the file is large.
        #[expect(clippy::disallowed_methods, reason = "names only, of the files that are there")]
        let (candidates_out, candidates) = mpsc::unbounded_channel();
        let purge = Purge {
            options: purge_options,
            ledger: ledger.clone(),
            recall: recall.clone(),
            directory: options.state_directory.clone(),
            store: identity,
        };
        // Stopped as the run is: it only does what can be done again.
        stages.spawn(purge.run(candidates, stop.clone()).map(Ok));
        candidates_out
    });
    let discover = Discover {
        watch: options.watch,
        progress: progress.clone(),
        ledger: ledger.clone(),
        recall: recall.clone(),
        excluded: excluded(&options),
    };
    stages.spawn(discover.run(inputs, files_out, stop.clone()).map(Ok));
    let reader = read::Reader {
        sensor: options.sensor,
        budget: budget.clone(),
        pace: options.max_rate.map(Pace::new),
        progress: progress.clone(),
        ledger: ledger.clone(),
        purge: candidates.clone(),
        recall,
        kept_open: read::kept_open(),
        stop: stop.clone(),
        runtime: tokio::runtime::Handle::current(),
    };
    stages.spawn_blocking(move || {
        reader.run(files, &packets_out);
        Ok(())
    });
    stages.spawn(decode::decode(packets, records_out, options.workers));

    let beside = write::Beside {
        observer,
        progress: progress.clone(),
        ledger,
        dead_letters: DeadLetters::new(&options.state_directory),
        purge: candidates,
        stop: stop.clone(),
    };
    let written = write::write(records, store, beside);
    let written = async {
        match options.watch {
            Some(watch) => pulse::during(watch.report_every, &progress, &budget, written).await,
            None => written.await,
        }
    };
    // Its end closes the channels behind it, stage by stage.
    let (written, failed) = beside_stages(written, &mut stages, &stop).await;
    if written.is_err() || options.watch.is_some() {
        stop.cancel();
    }
    budget.close();
    let failed = failed.or(failure(&mut stages).await);
    let totals = written?;
    failed.map_or(Ok(totals), |failed| Err(failed.into()))
}

type Stages = JoinSet<Result<(), JoinError>>;

/// Does `work` to its end, and the stages beside it. When one of them panics, nothing new is begun:
/// without it, a run that goes on for months would only seem to do all of its work.
async fn beside_stages<T>(
    work: impl Future<Output = T>,
    stages: &mut Stages,
    stop: &CancellationToken,
) -> (T, Option<JoinError>) {
    let mut work = std::pin::pin!(work);
    let failed = tokio::select! {
        done = &mut work => return (done, None),
        failed = failure(stages) => failed,
    };
    if failed.is_some() {
        stop.cancel();
    }
    (work.await, failed)
}

/// Waits until all stages have ended, or one has panicked.
async fn failure(stages: &mut Stages) -> Option<JoinError> {
    while let Some(ended) = stages.join_next().await {
        if let Err(failed) = ended.flatten() {
            return Some(failed);
        }
    }
    None
}

/// Whether files in this very folder are read: then none can be moved there.
#[must_use]
pub fn reads_from(inputs: &[Input], folder: &Path) -> bool {
    discover::reads_from(inputs, folder)
}

/// Which store it is, where that matters; `None` when the run was stopped before it could be
/// asked.
async fn identity(
    store: &dyn PacketStore,
    options: &IngestOptions,
    stop: &CancellationToken,
) -> StoreResult<Option<String>> {
    if !options.resume && options.purge.is_none() {
        return Ok(Some(String::new()));
    }
    tokio::select! {
        identity = store.identity() => identity.map(Some),
        () = stop.cancelled() => Ok(None),
    }
}

/// The ledger of this store; an empty one when the run is not to go on where another ended.
fn open_ledger(store: &str, options: &IngestOptions) -> Result<Ledger, IngestError> {
    let directory = &options.state_directory;
    let failed = |source| IngestError::StateDirectory { path: directory.clone(), source };
    if options.resume || options.purge.is_some() {
        folders::create(directory).map_err(failed)?;
    }
    if options.resume {
        Ledger::open(directory, store).map_err(failed)
    } else {
        Ok(Ledger::default())
    }
}

/// Folders whose captures are the archive's own.
fn excluded(options: &IngestOptions) -> Vec<PathBuf> {
    let moved = options.purge.as_ref().and_then(|purge| purge.to.as_deref());
    let own = [options.state_directory.as_path()].into_iter().chain(moved).map(Path::to_owned);
    own.chain(options.excluded.iter().cloned()).collect()
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
