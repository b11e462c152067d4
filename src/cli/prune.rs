use std::fmt::Write as _;
use std::pin::pin;
use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;
use indicatif::BinaryBytes;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::cli::store_args::StoreArgs;
use crate::cli::{Ended, UsageError, output, prune_table};
use crate::store::PacketStore;
use crate::store::retention::{self, Outcome, Policy};

/// How long a round may go on after a signal; Docker kills ten seconds after it.
const LAST_ROUND: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
#[command(
    group = clap::ArgGroup::new("scope").multiple(true),
    after_help = "The oldest packets go first, by the time of their capture. Elasticsearch loses \
whole partitions
(indices), and never one that packets captured now belong to; the embedded store single packets.

Examples:
  pcap-archiver prune --older-than 30d --dry-run
  pcap-archiver prune --older-than 90d --keep-size 200GB --every 1h
  pcap-archiver prune --all"
)]
pub(super) struct PruneArgs {
    /// Remove what was captured longer ago, such as 30d
    #[arg(
        long,
        group = "scope",
        value_name = "TIME",
        env = "PCAP_ARCHIVER_PRUNE_OLDER_THAN",
        value_parser = duration
    )]
    older_than: Option<Duration>,
    /// Remove the oldest until the rest takes no more than this on disk, such as 200GB or 1TiB
    #[arg(
        long,
        group = "scope",
        value_name = "BYTES",
        env = "PCAP_ARCHIVER_PRUNE_KEEP_SIZE",
        value_parser = size
    )]
    keep_size: Option<u64>,
    /// Remove every packet; asks first
    #[arg(long, group = "scope", conflicts_with_all = ["older_than", "keep_size", "every"])]
    all: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Show what would go and why, once, and remove nothing
    #[arg(long, env = "PCAP_ARCHIVER_PRUNE_DRY_RUN")]
    dry_run: bool,
    /// Stay, and prune again and again with this time in between
    #[arg(long, value_name = "TIME", env = "PCAP_ARCHIVER_PRUNE_EVERY", value_parser = duration)]
    every: Option<Duration>,
}

/// What is said when removing did not come to its end.
const UNFINISHED: &str =
    "the archive is still above its limit, since packets come in while others are removed";

impl PruneArgs {
    /// The time between two rounds of a prune that stays.
    pub(super) fn stays(&self) -> Option<Duration> {
        self.every.filter(|_| !self.dry_run)
    }

    /// Prunes once.
    pub(super) async fn run(self, store: &StoreArgs) -> anyhow::Result<Ended> {
        if !self.all && self.has_no_limit() {
            let what = "what shall go? give --older-than, --keep-size or --all";
            return Err(UsageError(what.into()).into());
        }
        let (url, policy) = (store.url()?, self.policy());
        let store = store.open_one().await?;
        store.check().await?;
        if self.dry_run {
            let plan = retention::plan(store.as_ref(), policy).await?;
            prune_table::print(&plan)?;
            return Ok(ended(plan.excess, false));
        }
        if self.all && !self.yes {
            output::confirm(&format!("Remove every packet from {url}?"))?;
        }
        let outcome = retention::enforce(store.as_ref(), policy).await?;
        for partition in &outcome.removed.partitions {
            output::line(&format!("removed {partition}"))?;
        }
        output::line(&format!("removed {}", summary(&outcome)))?;
        Ok(ended(outcome.excess, outcome.is_unfinished))
    }

    /// Prunes until it is told to stop. A round that fails is told, and the next one tries again.
    pub(super) async fn stay(
        self,
        store: &StoreArgs,
        every: Duration,
        stop: &CancellationToken,
    ) -> anyhow::Result<Ended> {
        let policy = self.policy();
        let store = store.open_one().await?;
        if self.has_no_limit() {
            // A service whose limit is still to be set must not be started again and again.
            warn!("neither --older-than nor --keep-size is given: nothing will be removed");
            stop.cancelled().await;
            return Ok(Ended::Done);
        }
        while !stop.is_cancelled() {
            let mut round = pin!(round(store.as_ref(), policy));
            tokio::select! {
                () = &mut round => {}
                () = stop.cancelled() => {
                    // A round that is left all the same loses nothing: the next does the rest.
                    if timeout(LAST_ROUND, round).await.is_err() {
                        warn!("stopped before the round had ended");
                    }
                    break;
                }
            }
            tokio::select! {
                () = sleep(every) => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(Ended::Done)
    }

    fn has_no_limit(&self) -> bool {
        self.older_than.is_none() && self.keep_size.is_none()
    }

    fn policy(&self) -> Policy {
        if self.all {
            return Policy::Nothing;
        }
        Policy::Limits { age: self.older_than, bytes: self.keep_size }
    }
}

async fn round(store: &dyn PacketStore, policy: Policy) {
    match retention::enforce(store, policy).await {
        Ok(Outcome { removed, excess, is_unfinished }) => {
            let (packets, bytes) = (removed.packets, removed.bytes);
            info!(packets, bytes, partitions = removed.partitions.len(), "pruned");
            if is_unfinished {
                warn!("{UNFINISHED}: the next round goes on");
            }
            if excess > 0 {
                warn!(excess, "above the limit, and the rest is not over yet");
            }
        }
        Err(error) => error!(%error, "cannot prune, will try again"),
    }
}

fn ended(excess: u64, is_unfinished: bool) -> Ended {
    if is_unfinished {
        output::note(&format!("warning: {UNFINISHED}: prune again"));
    }
    if excess > 0 {
        output::note(&format!(
            "warning: {} remain above the limit, in partitions that packets captured now belong to",
            BinaryBytes(excess)
        ));
    }
    if is_unfinished || excess > 0 { Ended::Incomplete } else { Ended::Done }
}

fn summary(outcome: &Outcome) -> String {
    let removed = &outcome.removed;
    let mut text = format!("{} packets, {}", removed.packets, BinaryBytes(removed.bytes));
    if !removed.partitions.is_empty() {
        // Writing to a string cannot fail.
        write!(text, ", {} partitions", removed.partitions.len()).unwrap_or_default();
    }
    text
}

/// A time that is more than nothing.
fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("it must be more than nothing".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(error.to_string()),
    }
}

/// Bytes, with or without a unit: `KB` is a thousand of them, `KiB` 1,024.
fn size(text: &str) -> Result<u64, String> {
    match text.trim().parse::<ByteSize>() {
        Ok(ByteSize(0)) => Err("it must be more than nothing; --all removes everything".to_owned()),
        Ok(ByteSize(bytes)) => Ok(bytes),
        Err(_) => Err("not a size such as 500MB, 200GB or 1TiB".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [
            ("1", 1),
            ("12KB", 12_000),
            ("12 kib", 12_288),
            ("1.5MB", 1_500_000),
            ("200GB", 200_000_000_000),
            ("200GiB", 214_748_364_800),
            ("1TB", 1_000_000_000_000),
            ("2TiB", 2_199_023_255_552),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "0", "0GB", "12XB", "-1GB", "GB", "1,5GB", "0.1"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ages_are_more_than_nothing() {
        assert_eq!(duration("30d"), Ok(Duration::from_hours(720)));
        for text in ["", "0", "0s", "-1d", "30", "30 parsecs"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
