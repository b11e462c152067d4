//! Records → store: several batches at once, counted per file, reported once they are safe.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tracing::error;

use crate::ingest::{
    FileReport, IngestError, Observer, OpenCapture, Rejected, Share, Step, Totals,
};
use crate::packet::PacketRecord;
use crate::store::{AppendOutcome, PacketStore, StoreResult};

/// Batches on their way to the store. While one is answered the next is being sent; more only
/// makes a busy server busier.
const APPENDS: usize = 3;
/// How long a stored packet may wait until it is safe and can be searched.
const FLUSH_EVERY: Duration = Duration::from_secs(5);

/// Stores until the input closes, then makes everything safe.
pub(super) async fn write(
    mut records: mpsc::Receiver<Step<PacketRecord>>,
    store: Arc<dyn PacketStore>,
    observer: Arc<dyn Observer>,
) -> Result<Totals, IngestError> {
    let mut writer = Writer {
        store,
        observer,
        appends: JoinSet::new(),
        open: HashMap::new(),
        unsafe_since: None,
        totals: Totals::default(),
    };
    loop {
        let flush_at = writer.unsafe_since.map(|since| since + FLUSH_EVERY);
        tokio::select! {
            step = records.recv(), if writer.appends.len() < APPENDS => match step {
                Some(Step::Packets { capture, packets, share }) => {
                    writer.append(&capture, packets, share);
                }
                Some(Step::End { number, report }) => writer.end(number, report),
                None => break,
            },
            Some(appended) = writer.appends.join_next() => writer.count(appended??),
            () = sleep_until(flush_at.unwrap_or_else(Instant::now)), if flush_at.is_some() => {
                writer.flush().await?;
            }
        }
    }
    while let Some(appended) = writer.appends.join_next().await {
        writer.count(appended??);
    }
    writer.flush().await?;
    Ok(writer.totals)
}

struct Writer {
    store: Arc<dyn PacketStore>,
    observer: Arc<dyn Observer>,
    appends: JoinSet<StoreResult<Appended>>,
    /// Files that have packets on their way or not yet safe, by their number.
    open: HashMap<u64, OpenFile>,
    /// Since when there is something that a flush would make safe.
    unsafe_since: Option<Instant>,
    totals: Totals,
}

/// What is known of a file whose packets are being stored.
#[derive(Default)]
struct OpenFile {
    stored: u64,
    already_there: u64,
    rejected: Vec<Rejected>,
    appends: usize,
    /// What the reader said at its end.
    ended: Option<FileReport>,
}

struct Appended {
    capture: Arc<OpenCapture>,
    outcome: AppendOutcome,
    batch: Arc<Vec<PacketRecord>>,
}

impl Writer {
    fn append(&mut self, capture: &Arc<OpenCapture>, packets: Vec<PacketRecord>, share: Share) {
        self.open.entry(capture.number).or_default().appends += 1;
        let (store, capture, batch) = (self.store.clone(), capture.clone(), Arc::new(packets));
        self.appends.spawn(async move {
            let outcome = store.append(batch.clone()).await?;
            drop(share);
            Ok(Appended { capture, outcome, batch })
        });
    }

    fn count(&mut self, appended: Appended) {
        let Appended { capture, outcome, batch } = appended;
        let file = self.open.entry(capture.number).or_default();
        file.appends -= 1;
        file.stored += outcome.stored;
        file.already_there += outcome.duplicates;
        for rejection in outcome.rejected {
            let frame = batch[rejection.index].stored.origin.frame;
            error!(file = capture.path, frame, reason = rejection.reason, "packet rejected");
            let reason = rejection.reason;
            file.rejected.push(Rejected { frame, id: rejection.id, reason });
        }
        self.unsafe_since.get_or_insert_with(Instant::now);
    }

    fn end(&mut self, number: u64, report: FileReport) {
        self.open.entry(number).or_default().ended = Some(report);
        self.unsafe_since.get_or_insert_with(Instant::now);
    }

    /// Makes everything safe that has been appended, and reports the files that are complete.
    async fn flush(&mut self) -> StoreResult<()> {
        // Taken before the flush: what is appended meanwhile waits for the next one.
        let mut complete: Vec<u64> = self
            .open
            .iter()
            .filter(|(_, file)| file.ended.is_some() && file.appends == 0)
            .map(|(number, _)| *number)
            .collect();
        complete.sort_unstable();
        self.unsafe_since = None;
        self.store.flush().await?;
        for file in complete.iter().filter_map(|number| self.open.remove(number)) {
            let Some(ended) = file.ended else { continue };
            let report = FileReport {
                stored: file.stored,
                already_there: file.already_there,
                rejected: file.rejected,
                ..ended
            };
            self.totals.add(&report);
            self.observer.file_done(&report);
        }
        Ok(())
    }
}
