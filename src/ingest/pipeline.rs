//! The stages of one run, and the channels between them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::FutureExt as _;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::folders;
use crate::ingest::budget::Budget;
use crate::ingest::dead_letters::DeadLetters;
use crate::ingest::discover::{Discover, Recall};
use crate::ingest::ledger::Ledger;
use crate::ingest::pace::Pace;
use crate::ingest::purge::Purge;
use crate::ingest::{
    IngestError, IngestOptions, Input, Observer, Totals, decode, lease, pulse, read, write,
};
use crate::store::{PacketStore, StoreResult};

/// Files found and not yet read. They are only names.
const FILE_QUEUE: usize = 64;
/// Steps on their way from one stage to the next. Their bytes are bounded by the budget; this
/// bounds the overhead of a stream that comes packet by packet.
const STEP_QUEUE: usize = 4096;

/// Reads and stores until there is nothing more, and adds up what is safe.
pub(super) async fn run(
    store: Arc<dyn PacketStore>,
    inputs: Vec<Input>,
    options: IngestOptions,
    observer: Arc<dyn Observer>,
    stop: &CancellationToken,
    totals: &mut Totals,
) -> Result<(), IngestError> {
    // Ends the first stages also when the store fails, and not the rest of the program.
    let stop = stop.child_token();
    lease::expect_writers().map_err(IngestError::Signals)?;
    let Some(identity) = identity(store.as_ref(), &options, &stop).await? else {
        return Ok(());
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
    let written = write::write(records, store, beside, totals);
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
    written?;
    failed.map_or(Ok(()), |failed| Err(failed.into()))
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
