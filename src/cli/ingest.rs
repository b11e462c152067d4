use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::cli::ingest_report::{Console, print_totals, show};
use crate::cli::state_dir::StateDirArgs;
use crate::cli::store_args::StoreArgs;
use crate::cli::{Ended, UsageError, progress};
use crate::folders;
use crate::ingest::{self, IngestOptions, Input, PurgeOptions, Watch};
use crate::query::{Filter, Query};
use crate::store::{PacketStore, RetryPolicy, RetryStore, StoreError, StoreErrorKind};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pcap-archiver ingest captures/ more.pcapng.gz
  tcpdump -i eth0 -U -w - | pcap-archiver ingest -
  pcap-archiver ingest --watch '/captures/*/*.pcap*' --purge --purge-after 1h
  pcap-archiver --store https://es:9200 --api-key-file publish.key --ca-cert ca.crt \\
      ingest --watch /captures --purge --read-key-file read.key")]
pub(super) struct IngestArgs {
    /// Capture files, folders (with everything in them), patterns, or - for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Stay, follow files that grow, and read new ones as they appear
    #[arg(long, env = "PCAP_ARCHIVER_WATCH")]
    watch: bool,
    #[command(flatten)]
    service: ServiceArgs,
}

/// What makes an ingest a service; the same for `ingest` and `up`.
#[derive(Debug, Args)]
pub(super) struct ServiceArgs {
    #[command(flatten)]
    state: StateDirArgs,
    /// While watching: a file that has not changed for this long is complete
    #[arg(
        long,
        value_name = "TIME",
        default_value = "5s",
        env = "PCAP_ARCHIVER_SETTLE",
        value_parser = humantime::parse_duration
    )]
    settle: Duration,
    /// While watching: time between two looks at the folders
    #[arg(
        long,
        value_name = "TIME",
        default_value = "1s",
        env = "PCAP_ARCHIVER_POLL",
        value_parser = humantime::parse_duration
    )]
    poll: Duration,
    /// While watching: only look, do not ask the kernel what happens in the folders
    #[arg(long, env = "PCAP_ARCHIVER_NO_INOTIFY")]
    no_inotify: bool,
    /// While watching: time between two log lines about rate, lag and queues
    #[arg(
        long,
        value_name = "TIME",
        default_value = "30s",
        env = "PCAP_ARCHIVER_REPORT_EVERY",
        value_parser = humantime::parse_duration
    )]
    report_every: Duration,
    /// Who captured the packets; kept as observer.name
    #[arg(long, value_name = "NAME", env = "PCAP_ARCHIVER_SENSOR")]
    sensor: Option<String>,
    /// Packets a second that are read at most
    #[arg(
        long,
        value_name = "PACKETS",
        env = "PCAP_ARCHIVER_MAX_RATE",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    max_rate: Option<u32>,
    /// How long a store may stay away before ingest gives up; while watching, for ever
    #[arg(
        long,
        value_name = "TIME",
        default_value = "10m",
        env = "PCAP_ARCHIVER_RETRY_FOR",
        value_parser = humantime::parse_duration
    )]
    retry_for: Duration,
    /// When told to stop: how long what has been read may take to be stored
    #[arg(
        long,
        value_name = "TIME",
        default_value = "30s",
        env = "PCAP_ARCHIVER_GRACE",
        value_parser = grace
    )]
    grace: Duration,
    #[command(flatten)]
    purge: PurgeArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Letting capture files go")]
struct PurgeArgs {
    /// Delete each capture file once it is proven that the store holds every packet of it
    #[arg(long, env = "PCAP_ARCHIVER_PURGE")]
    purge: bool,
    /// Only files that have not been written for this long
    #[arg(
        long,
        value_name = "TIME",
        default_value = "0s",
        env = "PCAP_ARCHIVER_PURGE_AFTER",
        value_parser = humantime::parse_duration
    )]
    purge_after: Duration,
    /// Move them to this folder instead of deleting them
    #[arg(long, value_name = "DIR", env = "PCAP_ARCHIVER_PURGE_TO")]
    purge_to: Option<PathBuf>,
    /// Say what would go, and keep it
    #[arg(long, env = "PCAP_ARCHIVER_DRY_RUN", requires = "purge")]
    dry_run: bool,
    /// Key that may read the store, to prove what it holds; where --api-key-file may only publish
    #[arg(long, value_name = "FILE", env = "PCAP_ARCHIVER_READ_KEY_FILE")]
    read_key_file: Option<PathBuf>,
}

/// A duration, or a plain number of seconds, as service managers write it.
fn grace(text: &str) -> Result<Duration, humantime::DurationError> {
    match text.parse() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => humantime::parse_duration(text),
    }
}

impl IngestArgs {
    pub(super) async fn run(
        self,
        store: &StoreArgs,
        quiet: bool,
        stop: CancellationToken,
    ) -> anyhow::Result<Ended> {
        Box::pin(self.service.run(self.paths, self.watch, store, quiet, stop)).await
    }
}

impl ServiceArgs {
    /// The store as a key of its own may read it, where there is one.
    pub(super) async fn reader(
        &self,
        store: &StoreArgs,
    ) -> anyhow::Result<Option<Arc<dyn PacketStore>>> {
        match &self.purge.read_key_file {
            Some(file) => store.open_with_key(file).await.map(Some),
            None => Ok(None),
        }
    }

    pub(super) async fn run(
        self,
        paths: Vec<PathBuf>,
        watch: bool,
        store: &StoreArgs,
        quiet: bool,
        stop: CancellationToken,
    ) -> anyhow::Result<Ended> {
        let inputs = paths.into_iter().map(input).collect::<Vec<Input>>();
        if watch && inputs.contains(&Input::Stream) {
            let what = "standard input cannot be watched: leave --watch out, it is read to its end";
            return Err(UsageError(what.into()).into());
        }
        if let Some(folder) = self.purge.purge_to.as_deref()
            && ingest::reads_from(&inputs, folder)
        {
            let what = "--purge-to names a folder that is read: files that are moved there would \
                        be found again";
            return Err(UsageError(what.into()).into());
        }
        // Nothing has been read yet: a stop need not wait for a store that does not answer.
        let (archive, purge) = tokio::select! {
            opened = self.open(store, watch) => opened?,
            () = stop.cancelled() => {
                return Ok(if watch { Ended::Done } else { Ended::Interrupted });
            }
        };
        let options = IngestOptions {
            sensor: self.sensor,
            watch: watch.then_some(Watch {
                settle: self.settle,
                poll: self.poll,
                notified: !self.no_inotify,
                report_every: self.report_every.max(Duration::from_millis(1)),
            }),
            workers: thread::available_parallelism().map_or(1, usize::from),
            resume: watch || self.state.is_given(),
            state_directory: self.state.path()?,
            max_rate: self.max_rate,
            purge,
            excluded: store.url()?.folder().into_iter().collect(),
        };
        let bar = progress::bytes(quiet || watch);
        let observer = Arc::new(Console { bar: bar.clone(), progress: Arc::default() });
        let progress = observer.progress.clone();
        let run = ingest::run(archive, inputs, options, observer, &stop);
        let run = progress::during(&bar, |bar| show(bar, &progress), run);
        let totals = tokio::select! {
            totals = run => totals?,
            () = over(&stop, self.grace) => anyhow::bail!(
                "stop within {}: not all that was read could be stored: nothing is lost, the \
                 next run goes on there",
                humantime::format_duration(self.grace)
            ),
        };
        print_totals(&totals)?;
        Ok(match (totals.is_success(), stop.is_cancelled()) {
            (false, _) => Ended::Incomplete,
            (true, true) if !watch => Ended::Interrupted,
            (true, _) => Ended::Done,
        })
    }
}

impl ServiceArgs {
    /// The store, and what is needed to let files go.
    async fn open(
        &self,
        store: &StoreArgs,
        watch: bool,
    ) -> anyhow::Result<(Arc<RetryStore>, Option<PurgeOptions>)> {
        let purge = self.purge.options(store).await?;
        let give_up_after = (!watch).then_some(self.retry_for);
        let policy = RetryPolicy { give_up_after, ..RetryPolicy::default() };
        let archive = Arc::new(RetryStore::new(store.open_one().await?, policy));
        check(archive.as_ref(), watch).await?;
        if let Some(purge) = &purge {
            may_read(purge.reader.as_ref(), watch).await?;
        }
        Ok((archive, purge))
    }
}

impl PurgeArgs {
    async fn options(&self, store: &StoreArgs) -> anyhow::Result<Option<PurgeOptions>> {
        if !self.purge {
            let alone = self.purge_to.is_some() || !self.purge_after.is_zero();
            if alone {
                let what = "--purge-to and --purge-after need --purge";
                return Err(UsageError(what.into()).into());
            }
            return Ok(None);
        }
        if let (Some(folder), false) = (&self.purge_to, self.dry_run) {
            folders::create(folder)
                .with_context(|| format!("use --purge-to {}", folder.display()))?;
        }
        let reader = match &self.read_key_file {
            Some(file) => store.open_with_key(file).await?,
            None => store.open_one().await?,
        };
        Ok(Some(PurgeOptions {
            after: self.purge_after,
            to: self.purge_to.clone(),
            dry_run: self.dry_run,
            reader,
        }))
    }
}

/// Ends when the run was told to stop so long ago.
async fn over(stop: &CancellationToken, grace: Duration) {
    stop.cancelled().await;
    tokio::time::sleep(grace).await;
}

/// A wrong address, key or certificate is told before anything is read, and is not waited for;
/// only a watching ingest may come up before its store.
async fn check(store: &dyn PacketStore, watch: bool) -> anyhow::Result<()> {
    match store.check().await {
        // The embedded store is made by its first packet.
        Err(error) if error.kind == StoreErrorKind::NotSetUp => Ok(()),
        Err(error) if watch && may_come(&error) => Ok(()),
        checked => Ok(checked?),
    }
}

/// A server that has just been started refuses every key for some seconds; how long it may, the
/// first request says that has to get through.
fn may_come(error: &StoreError) -> bool {
    error.is_retryable() || error.kind == StoreErrorKind::Unauthorized
}

/// Nothing goes that cannot be counted back: whether it can is asked before anything is read.
async fn may_read(store: &dyn PacketStore, watch: bool) -> anyhow::Result<()> {
    let nothing = Query { filter: Filter::Or(Vec::new()), ..Query::all() };
    match store.count(&nothing).await {
        Err(error) if error.kind == StoreErrorKind::Forbidden => {
            let what = "--purge counts back what was stored, and this key may not read: give the \
                        read key as well, with --read-key-file";
            Err(UsageError(what.into()).into())
        }
        Err(error) if error.kind == StoreErrorKind::NotSetUp => Ok(()),
        Err(error) if watch && may_come(&error) => Ok(()),
        counted => Ok(counted.map(|_| ())?),
    }
}

fn input(path: PathBuf) -> Input {
    if path.as_os_str() == "-" { Input::Stream } else { Input::Path(path) }
}
