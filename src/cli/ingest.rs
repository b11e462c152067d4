use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;
use tokio_util::sync::CancellationToken;

use crate::cli::store_args::StoreArgs;
use crate::cli::{Ended, output, progress};
use crate::ingest::{
    self, FileOutcome, FileReport, IngestOptions, Input, Observer, Progress, Totals, Watch,
};
use crate::store::{PacketStore, RetryPolicy, RetryStore, StoreErrorKind};

/// Rejected packets that a report lists; all of them are in the log.
const LISTED: usize = 5;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pcap-archiver ingest captures/ more.pcapng.gz
  tcpdump -i eth0 -U -w - | pcap-archiver ingest -
  pcap-archiver --store https://es:9200 --api-key-file publish.key --ca-cert ca.crt \\
      ingest --watch /captures")]
pub(super) struct IngestArgs {
    /// Capture files, folders (with everything in them), or - for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Stay, and read new files as they appear
    #[arg(long, env = "PCAP_ARCHIVER_WATCH")]
    watch: bool,
    /// While watching: a file is read once it has not changed for this long
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
    /// Who captured the packets; kept as observer.name
    #[arg(long, value_name = "NAME", env = "PCAP_ARCHIVER_SENSOR")]
    sensor: Option<String>,
    /// How long a store may stay away before ingest gives up; while watching, for ever
    #[arg(
        long,
        value_name = "TIME",
        default_value = "10m",
        env = "PCAP_ARCHIVER_RETRY_FOR",
        value_parser = humantime::parse_duration
    )]
    retry_for: Duration,
}

impl IngestArgs {
    pub(super) async fn run(
        self,
        store: &StoreArgs,
        quiet: bool,
        stop: CancellationToken,
    ) -> anyhow::Result<Ended> {
        let store = store.open().await?;
        self.check(store.as_ref()).await?;
        let store = self.patient(store);
        let inputs = self.paths.iter().map(|path| input(path)).collect();
        let options = IngestOptions {
            sensor: self.sensor,
            watch: self.watch.then_some(Watch { settle: self.settle, poll: self.poll }),
            workers: thread::available_parallelism().map_or(1, usize::from),
        };
        let bar = progress::bytes(quiet || self.watch);
        let observer = Arc::new(Console { bar: bar.clone(), progress: Arc::default() });
        let progress = observer.progress.clone();
        let run = ingest::run(store, inputs, options, observer, &stop);
        let totals = progress::during(&bar, |bar| show(bar, &progress), run).await?;
        print_totals(&totals)?;
        Ok(match (totals.is_success(), stop.is_cancelled()) {
            (false, _) => Ended::Incomplete,
            (true, true) if !self.watch => Ended::Interrupted,
            (true, _) => Ended::Done,
        })
    }

    /// A wrong address, key or certificate is told before anything is read, and is not waited
    /// for; only a watching ingest may come up before its store.
    async fn check(&self, store: &dyn PacketStore) -> anyhow::Result<()> {
        match store.check().await {
            // The embedded store is made by its first packet.
            Err(error) if error.kind == StoreErrorKind::NotSetUp => Ok(()),
            Err(error) if self.watch && error.is_retryable() => Ok(()),
            checked => Ok(checked?),
        }
    }

    fn patient(&self, store: Arc<dyn PacketStore>) -> Arc<dyn PacketStore> {
        let give_up_after = if self.watch { None } else { Some(self.retry_for) };
        Arc::new(RetryStore::new(store, RetryPolicy { give_up_after, ..RetryPolicy::default() }))
    }
}

fn input(path: &Path) -> Input {
    if path.as_os_str() == "-" { Input::Stream } else { Input::Path(path.to_owned()) }
}

fn show(bar: &ProgressBar, progress: &Progress) {
    bar.set_length(progress.bytes_found.load(Ordering::Relaxed));
    bar.set_position(progress.bytes_read.load(Ordering::Relaxed));
    bar.set_message(format!("{} packets", progress.packets_read.load(Ordering::Relaxed)));
}

/// Prints each file's report above the bar.
struct Console {
    bar: ProgressBar,
    progress: Arc<Progress>,
}

impl Observer for Console {
    fn file_done(&self, report: &FileReport) {
        self.bar.suspend(|| {
            // A report that cannot be printed must not end the ingest: the totals, and with
            // them the error, come at the end.
            print_report(report).unwrap_or_default();
        });
    }

    fn progress(&self) -> Arc<Progress> {
        self.progress.clone()
    }
}

fn print_report(report: &FileReport) -> anyhow::Result<()> {
    let path = &report.path;
    match &report.outcome {
        FileOutcome::Skipped(reason) => return output::line(&format!("{path}: skipped: {reason}")),
        FileOutcome::Failed(reason) => output::line(&format!("{path}: FAILED: {reason}"))?,
        FileOutcome::Interrupted => output::line(&format!("{path}: interrupted"))?,
        FileOutcome::Done => {}
    }
    if report.outcome == FileOutcome::Done || report.read > 0 {
        output::line(&format!(
            "{path}: {} read, {} stored, {} already there, {} rejected",
            report.read,
            report.stored,
            report.already_there,
            report.rejected.len(),
        ))?;
    }
    for note in &report.notes {
        output::line(&format!("  not readable: {note}"))?;
    }
    for rejected in report.rejected.iter().take(LISTED) {
        output::line(&format!("  rejected: frame {}: {}", rejected.frame, rejected.reason))?;
    }
    if report.rejected.len() > LISTED {
        output::line(&format!("  and {} more rejected", report.rejected.len() - LISTED))?;
    }
    Ok(())
}

fn print_totals(totals: &Totals) -> anyhow::Result<()> {
    output::line(&format!(
        "total: {} read, {} stored, {} already there, {} rejected; {} files, {} with unreadable \
         parts, {} skipped, {} failed",
        totals.read,
        totals.stored,
        totals.already_there,
        totals.rejected,
        totals.files,
        totals.damaged,
        totals.skipped,
        totals.failed,
    ))
}
