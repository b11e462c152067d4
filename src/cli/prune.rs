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
use crate::cli::{Ended, output};
use crate::packet::Timestamp;
use crate::store::PacketStore;
use crate::store::retention::{self, Fate, Outcome, Plan, Policy, Slice};

/// How long a round may go on after a signal; Docker kills ten seconds after it.
const LAST_ROUND: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
#[command(
    group = clap::ArgGroup::new("scope").required(true).multiple(true),
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

impl PruneArgs {
    /// The time between two rounds of a prune that stays.
    pub(super) fn stays(&self) -> Option<Duration> {
        self.every.filter(|_| !self.dry_run)
    }

    /// Prunes once.
    pub(super) async fn run(self, store: &StoreArgs) -> anyhow::Result<Ended> {
        let (url, policy) = (store.url()?, self.policy());
        let store = store.open().await?;
        store.check().await?;
        if self.dry_run {
            return show(&retention::plan(store.as_ref(), policy).await?);
        }
        if self.all && !self.yes {
            output::confirm(&format!("Remove every packet from {url}?"))?;
        }
        let outcome = retention::enforce(store.as_ref(), policy).await?;
        for partition in &outcome.removed.partitions {
            output::line(&format!("removed {partition}"))?;
        }
        output::line(&format!("removed {}", summary(&outcome)))?;
        Ok(ended(outcome.excess))
    }

    /// Prunes until it is told to stop. A round that fails is told, and the next one tries again.
    pub(super) async fn stay(
        self,
        store: &StoreArgs,
        every: Duration,
        stop: &CancellationToken,
    ) -> anyhow::Result<Ended> {
        let policy = self.policy();
        let store = store.open().await?;
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

    fn policy(&self) -> Policy {
        if self.all {
            return Policy::Nothing;
        }
        Policy::Limits { age: self.older_than, bytes: self.keep_size }
    }
}

async fn round(store: &dyn PacketStore, policy: Policy) {
    match retention::enforce(store, policy).await {
        Ok(Outcome { removed, excess }) => {
            let (packets, bytes) = (removed.packets, removed.bytes);
            info!(packets, bytes, partitions = removed.partitions.len(), "pruned");
            if excess > 0 {
                warn!(excess, "above the limit, and the rest is not over yet");
            }
        }
        Err(error) => error!(%error, "cannot prune, will try again"),
    }
}

fn ended(excess: u64) -> Ended {
    if excess == 0 {
        return Ended::Done;
    }
    output::note(&format!(
        "warning: {} remain above the limit, in partitions that packets captured now belong to",
        BinaryBytes(excess)
    ));
    Ended::Incomplete
}

fn show(plan: &Plan) -> anyhow::Result<Ended> {
    let mut rows = vec![Row::header()];
    rows.extend(plan.fates.chunk_by(share_a_row).map(Row::of));
    let width = |column: usize| {
        rows.iter().map(|row| row.0[column].chars().count()).max().unwrap_or_default()
    };
    let widths = [width(0), width(1), width(2)];
    for Row([what, packets, bytes, fate]) in &rows {
        let [what_width, packets_width, bytes_width] = widths;
        output::line(&format!(
            "{what:what_width$}  {packets:>packets_width$}  {bytes:>bytes_width$}  {fate}"
        ))?;
    }
    let goes = total(plan, true);
    let stays = total(plan, false);
    output::line(&format!("would remove {goes}; {stays} would stay"))?;
    Ok(ended(plan.excess))
}

/// What a store without partitions removes, or keeps, for one reason is one row.
fn share_a_row((one, fate): &(Slice, Fate), (other, next): &(Slice, Fate)) -> bool {
    let is_same = match (fate, next) {
        (Fate::TooMuch(_), Fate::TooMuch(_)) => true,
        _ => fate == next,
    };
    one.partition.is_none() && other.partition.is_none() && is_same
}

/// What, packets, bytes, fate.
struct Row([String; 4]);

impl Row {
    fn header() -> Self {
        Self(["PARTITION OR TIME", "PACKETS", "SIZE", "FATE"].map(str::to_owned))
    }

    /// Slices that share it, at least one.
    fn of(slices: &[(Slice, Fate)]) -> Self {
        let ((first, fate), (last, _)) = (&slices[0], &slices[slices.len() - 1]);
        let what = match &first.partition {
            Some(name) => name.clone(),
            None => format!("{} to {}", shown(first.start), shown(before(last.end))),
        };
        let packets = sum(slices.iter().map(|(slice, _)| slice.packets));
        let bytes = sum(slices.iter().map(|(slice, _)| slice.bytes));
        let known = |value: Option<String>| value.unwrap_or_else(|| "?".to_owned());
        Self([
            what,
            known(packets.map(|packets| packets.to_string())),
            known(bytes.map(|bytes| BinaryBytes(bytes).to_string())),
            reason(*fate),
        ])
    }
}

fn reason(fate: Fate) -> String {
    match fate {
        Fate::GoesWithAll => "goes: everything does".to_owned(),
        Fate::TooOld(oldest) => format!("goes: captured before {}", shown(oldest)),
        Fate::TooMuch(bytes) => {
            format!("goes: from here on there are {}", BinaryBytes(bytes))
        }
        Fate::Open => "stays: packets captured now may belong to it".to_owned(),
        Fate::Within => "stays: within the limits".to_owned(),
    }
}

/// A time of the index, to the second.
fn shown(time: Timestamp) -> String {
    let (seconds, _) = Timestamp::from_nanoseconds(time.indexed().into()).parts();
    let whole = Timestamp::from_nanoseconds(seconds * 1_000_000_000).to_string();
    whole.replace(".000000000", "")
}

fn before(end: Timestamp) -> Timestamp {
    Timestamp::from_nanoseconds(end.nanoseconds().saturating_sub(1))
}

/// `None` when nothing is known of any of them.
fn sum(values: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    values.flatten().reduce(u64::saturating_add)
}

/// What goes, or what stays.
fn total(plan: &Plan, goes: bool) -> String {
    let fates = || plan.fates.iter().filter(move |(_, fate)| fate.goes() == goes);
    let packets = sum(fates().map(|(slice, _)| slice.packets)).unwrap_or_default();
    let bytes = sum(fates().map(|(slice, _)| slice.bytes)).unwrap_or_default();
    format!("{packets} packets, {}", BinaryBytes(bytes))
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

    #[test]
    fn stretches_with_one_fate_are_one_row() {
        let slice = |hour: i64| Slice {
            partition: None,
            start: Timestamp::from_parts(hour * 3600, 0),
            end: Timestamp::from_parts(hour * 3600 + 1800, 0),
            packets: Some(2),
            bytes: Some(1024),
        };
        let fates = [
            (slice(1), Fate::TooMuch(3072)),
            (slice(2), Fate::TooMuch(2048)),
            (slice(3), Fate::Within),
        ];
        let rows: Vec<Row> = fates.chunk_by(share_a_row).map(Row::of).collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(
            rows[0].0,
            [
                "1970-01-01T01:00:00Z to 1970-01-01T02:29:59Z",
                "4",
                "2.00 KiB",
                "goes: from here on there are 3.00 KiB",
            ]
        );
        assert_eq!(rows[1].0[3], "stays: within the limits");
    }

    #[test]
    fn times_without_end_are_shown_as_the_ends_of_the_index() {
        assert_eq!(shown(Timestamp::from_nanoseconds(i128::MIN)), "1970-01-01T00:00:00Z");
        assert_eq!(shown(Timestamp::from_nanoseconds(i128::MAX)), "2262-04-11T23:47:16Z");
    }
}
