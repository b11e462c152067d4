//! Capture files → store: discover → read → decode → write over bounded channels.
//!
//! Stop reaches discover and read only; what has been read is stored before the run ends. Memory
//! is bounded by a budget of bytes, whatever the size of the input.

mod budget;
mod decode;
mod discover;
mod read;
mod report;
mod stream;
mod write;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::packet::{Fingerprint, Source};
use crate::store::{PacketStore, StoreError};
use budget::{Budget, Share};
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
}

/// How to watch folders.
#[derive(Debug, Clone, Copy)]
pub struct Watch {
    /// A file is read once it has not changed for this long.
    pub settle: Duration,
    /// Time between two looks at the folders.
    pub poll: Duration,
}

/// Why a run ended early. What was reported before is stored.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The store could not take packets, and waiting did not help.
    #[error("store packets")]
    Store(#[from] StoreError),
    /// A stage panicked: a bug in this program.
    #[error("a stage of the ingest failed")]
    Stage(#[from] JoinError),
}

/// A capture that is being read.
#[derive(Debug)]
struct OpenCapture {
    /// Tells it from every other file of the run, and from another reading of the same file.
    number: u64,
    /// What the user calls it.
    path: String,
    /// Its identity.
    capture: Fingerprint,
    /// Name and sensor for the documents.
    source: Arc<Source>,
}

/// What the stages hand on: packets of a capture, or its end.
enum Step<T> {
    Packets { capture: Arc<OpenCapture>, packets: Vec<T>, share: Share },
    End { number: u64, report: FileReport },
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
    let (files_out, files) = mpsc::channel(FILE_QUEUE);
    let (packets_out, packets) = mpsc::channel(STEP_QUEUE);
    let (records_out, records) = mpsc::channel(STEP_QUEUE);
    let budget = Budget::new();
    let progress = observer.progress();
    let mut stages = JoinSet::new();

    let discover = discover::Discover { watch: options.watch, progress: progress.clone() };
    stages.spawn(discover.run(inputs, files_out, stop.clone()));

    let reader = read::Reader {
        sensor: options.sensor,
        budget: budget.clone(),
        progress,
        stop: stop.clone(),
        runtime: tokio::runtime::Handle::current(),
    };
    stages.spawn_blocking(move || reader.run(files, &packets_out));
    stages.spawn(decode::decode(packets, records_out, options.workers));

    // Only the writer can fail; its end closes the channels behind it, stage by stage.
    let written = write::write(records, store, observer).await;
    stop.cancel();
    budget.close();
    while let Some(ended) = stages.join_next().await {
        ended?;
    }
    written
}
