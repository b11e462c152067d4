//! Records → store: several batches at once, counted per file, reported once they are safe.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::ingest::acknowledged::Acknowledged;
use crate::ingest::dead_letters::DeadLetters;
use crate::ingest::ledger::{Entry, Ledger};
use crate::ingest::purge::Candidate;
use crate::ingest::{
    Ended, FileEnd, FileReport, IngestError, Observer, OpenCapture, Progress, Rejected, Share,
    Step, Totals, is_lack_of_room,
};
use crate::packet::{PacketRecord, StoredPacket, Timestamp};
use crate::store::{AppendOutcome, PacketStore, StoreResult};

/// Batches on their way to the store. While one is answered the next is being sent; more only
/// makes a busy server busier.
const APPENDS: usize = 3;
/// How long a stored packet may wait until it is safe and can be searched.
const FLUSH_EVERY: Duration = Duration::from_secs(2);
/// The same while packets come faster than they are stored: each flush makes small parts of an
/// index, which the store has to merge beside its work.
const FLUSH_EVERY_WHEN_BUSY: Duration = Duration::from_secs(5);
/// Nanoseconds that the clock of who captures may be ahead: an hour, as when a zone is wrong.
const CLOCKS_DIFFER: i128 = 3_600 * 1_000_000_000;
/// Time between two tries to write dead letters where there is no room.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// Rejected packets of a file that are told one by one.
const TOLD: usize = 5;

/// What the writer works with beside the store.
pub(super) struct Beside {
    pub(super) observer: Arc<dyn Observer>,
    pub(super) progress: Arc<Progress>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) dead_letters: DeadLetters,
    /// Takes files whose packets are safe.
    pub(super) purge: Option<mpsc::UnboundedSender<Candidate>>,
    pub(super) stop: CancellationToken,
}

/// Stores until the input closes, then makes everything safe.
pub(super) async fn write(
    mut records: mpsc::Receiver<Step<PacketRecord>>,
    store: Arc<dyn PacketStore>,
    beside: Beside,
    totals: &mut Totals,
) -> Result<(), IngestError> {
    let mut writer = Writer::new(store, beside, totals);
    loop {
        let is_busy = writer.appends.len() >= APPENDS || !records.is_empty();
        let patience = if is_busy { FLUSH_EVERY_WHEN_BUSY } else { FLUSH_EVERY };
        let flush_at = writer.unsafe_since.filter(|_| writer.flushes.is_empty());
        let flush_at = flush_at.map(|since| since + patience);
        tokio::select! {
            step = records.recv(), if writer.appends.len() < APPENDS => match step {
                Some(Step::Packets { capture, packets, share }) => {
                    writer.append(&capture, packets, share);
                }
                Some(Step::End(end)) => writer.end(*end),
                None => break,
            },
            Some(appended) = writer.appends.join_next() => writer.count(appended??).await?,
            Some(safe) = writer.flushes.join_next() => writer.tell(safe??),
            () = sleep_until(flush_at.unwrap_or_else(Instant::now)), if flush_at.is_some() => {
                writer.flush();
            }
        }
    }
    while let Some(appended) = writer.appends.join_next().await {
        writer.count(appended??).await?;
    }
    writer.flushed().await?;
    writer.flush();
    writer.flushed().await
}

struct Writer<'a> {
    store: Arc<dyn PacketStore>,
    beside: Beside,
    appends: JoinSet<StoreResult<Appended>>,
    /// One at a time, beside the appends: a server that makes packets visible has cores left.
    flushes: JoinSet<StoreResult<Safe>>,
    /// What is reported by itself, and has packets on their way or not yet safe.
    parts: HashMap<u64, Part>,
    /// How far the store has come with each file that is open.
    readings: HashMap<u64, Acknowledged>,
    /// Since when there is something that a flush would make safe.
    unsafe_since: Option<Instant>,
    totals: &'a mut Totals,
}

/// A file, or as much of a growing file as is reported together.
#[derive(Default)]
struct Part {
    stored: u64,
    already_there: u64,
    rejected: u64,
    first_rejected: Vec<Rejected>,
    appends: usize,
    /// What the reader said at its end.
    ended: Option<FileEnd>,
}

struct Appended {
    capture: Arc<OpenCapture>,
    /// Its place among the batches of the reading.
    number: u64,
    outcome: AppendOutcome,
    batch: Arc<Vec<PacketRecord>>,
}

/// What may be told once a flush has made it safe. It is put together before the flush: what is
/// answered meanwhile waits for the next one.
#[derive(Default)]
struct Safe {
    entries: Vec<Entry>,
    candidates: Vec<Candidate>,
    reports: Vec<FileReport>,
}

/// When the newest of these packets was captured. Damaged captures have packets from a far future,
/// next to which every other would be old for ever.
fn newest(batch: &[PacketRecord], now: Timestamp) -> Option<Timestamp> {
    let times = batch.iter().map(|record| record.stored.packet.timestamp);
    times.filter(|time| time.nanoseconds() <= now.nanoseconds() + CLOCKS_DIFFER).max()
}

impl<'a> Writer<'a> {
    fn new(store: Arc<dyn PacketStore>, beside: Beside, totals: &'a mut Totals) -> Self {
        Self {
            store,
            beside,
            appends: JoinSet::new(),
            flushes: JoinSet::new(),
            parts: HashMap::new(),
            readings: HashMap::new(),
            unsafe_since: None,
            totals,
        }
    }

    fn append(&mut self, capture: &Arc<OpenCapture>, packets: Vec<PacketRecord>, share: Share) {
        self.parts.entry(capture.part).or_default().appends += 1;
        let reading =
            self.readings.entry(capture.reading).or_insert_with(|| Acknowledged::begin(capture));
        let number = reading.sent(packets.iter().map(|record| record.stored.id()));
        let (store, capture, batch) = (self.store.clone(), capture.clone(), Arc::new(packets));
        self.appends.spawn(async move {
            let outcome = store.append(batch.clone()).await?;
            drop(share);
            Ok(Appended { capture, number, outcome, batch })
        });
    }

    async fn count(&mut self, appended: Appended) -> Result<(), IngestError> {
        let Appended { capture, number, outcome, batch } = appended;
        if !outcome.rejected.is_empty() {
            self.bury(&capture, &outcome, &batch).await?;
        }
        let newest = newest(&batch, Timestamp::now());
        let held = outcome.stored + outcome.duplicates;
        self.beside.progress.add_answered(batch.len() as u64, held, newest);
        if let Some(reading) = self.readings.get_mut(&capture.reading) {
            reading.answered(number, outcome.rejected.len() as u64);
        }
        let part = self.parts.entry(capture.part).or_default();
        part.appends -= 1;
        part.stored += outcome.stored;
        part.already_there += outcome.duplicates;
        part.rejected += outcome.rejected.len() as u64;
        let room = TOLD - part.first_rejected.len();
        for rejection in outcome.rejected.into_iter().take(room) {
            let frame = batch[rejection.index].stored.origin.frame;
            let reason = rejection.reason;
            part.first_rejected.push(Rejected { frame, id: rejection.id, reason });
        }
        self.unsafe_since.get_or_insert_with(Instant::now);
        Ok(())
    }

    /// Writes what the store refuses into the dead letters; waits until there is room for it.
    async fn bury(
        &mut self,
        capture: &OpenCapture,
        outcome: &AppendOutcome,
        batch: &[PacketRecord],
    ) -> Result<(), IngestError> {
        let refused: Vec<(StoredPacket, String)> = outcome
            .rejected
            .iter()
            .map(|rejection| (batch[rejection.index].stored.clone(), rejection.reason.clone()))
            .collect();
        let mut waits = false;
        loop {
            match self.beside.dead_letters.write(&refused) {
                Ok(path) => {
                    let (packets, reason) = (refused.len(), &refused[0].1);
                    let letters = path.display();
                    error!(file = capture.path, packets, reason, %letters, "packets rejected");
                    if waits {
                        info!("there is room for dead letters again");
                    }
                    return Ok(());
                }
                // Room may be made; what else is wrong stays so.
                Err(error) if !is_lack_of_room(&error) || self.beside.stop.is_cancelled() => {
                    return Err(IngestError::DeadLetters(error));
                }
                Err(error) => {
                    if !waits {
                        error!(%error, "rejected packets cannot be written to the state \
                            directory: nothing more is read until they are; make room");
                    }
                    waits = true;
                    sleep(TRY_AGAIN).await;
                }
            }
        }
    }

    fn end(&mut self, end: FileEnd) {
        let part = self.parts.entry(end.part).or_default();
        part.ended = Some(end);
        self.unsafe_since.get_or_insert_with(Instant::now);
    }

    /// Begins to make everything safe that has been appended.
    fn flush(&mut self) {
        self.unsafe_since = None;
        let (store, safe) = (self.store.clone(), self.soon_safe());
        self.flushes.spawn(async move { store.flush().await.map(|()| safe) });
    }

    /// Waits for the flush that has begun, if there is one.
    async fn flushed(&mut self) -> Result<(), IngestError> {
        while let Some(safe) = self.flushes.join_next().await {
            self.tell(safe??);
        }
        Ok(())
    }

    /// What a flush that begins now makes safe.
    fn soon_safe(&mut self) -> Safe {
        let mut safe = Safe::default();
        for number in self.complete() {
            let Some(part) = self.parts.remove(&number) else { continue };
            let Some(mut end) = part.ended else { continue };
            if let Some(ended) = end.file.take() {
                self.file_ends(end.reading, ended, &mut safe);
            }
            if end.concluded {
                self.readings.remove(&end.reading);
            }
            let Some(report) = end.report else { continue };
            safe.reports.push(FileReport {
                stored: part.stored,
                already_there: report.already_there + part.already_there,
                rejected: part.rejected,
                first_rejected: part.first_rejected,
                ..report
            });
        }
        let now = std::time::Instant::now();
        let due = self.readings.values_mut().filter_map(|reading| reading.entry_if_due(now));
        safe.entries.extend(due);
        safe
    }

    /// Tells what is safe now.
    fn tell(&mut self, safe: Safe) {
        for entry in safe.entries {
            self.beside.ledger.record(entry);
        }
        if let Some(purge) = &self.beside.purge {
            for candidate in safe.candidates {
                // Once the run is stopped, nothing goes any more.
                purge.send(candidate).ok();
            }
        }
        for report in safe.reports {
            self.totals.add(&report);
            self.beside.observer.file_done(&report);
        }
    }

    /// Parts of which everything has been answered, and also of the parts before them: how far a
    /// reading is acknowledged is needed until its last part.
    fn complete(&self) -> Vec<u64> {
        let mut ended: Vec<(u64, u64, bool)> = self
            .parts
            .iter()
            .filter_map(|(number, part)| {
                Some((*number, part.ended.as_ref()?.reading, part.appends == 0))
            })
            .collect();
        ended.sort_unstable();
        let mut waiting = HashSet::new();
        let mut complete = Vec::new();
        for (number, reading, is_answered) in ended {
            if is_answered && !waiting.contains(&reading) {
                complete.push(number);
            } else {
                waiting.insert(reading);
            }
        }
        complete
    }

    /// A file has been read as far as it went, and all of that has been answered.
    fn file_ends(&self, reading: u64, ended: Ended, safe: &mut Safe) {
        let acknowledged = self.readings.get(&reading);
        let mark = acknowledged.map_or(ended.base, Acknowledged::mark);
        let rejected = acknowledged.map_or(ended.rejected_before, Acknowledged::rejected);
        safe.entries.push(Entry {
            store: String::new(),
            path: ended.path.display().to_string(),
            state: ended.state,
            capture: ended.capture.map(|capture| capture.to_string()),
            frames: mark.frames,
            digest: mark.digest.to_string(),
            rejected,
            unreadable: ended.unreadable,
            complete: ended.finished.is_some(),
            forgotten: false,
        });
        if let Some(finished) = ended.finished {
            safe.candidates.push(Candidate {
                path: ended.path,
                below: ended.below,
                state: ended.state,
                finished,
                capture: ended.capture,
                acknowledged: mark,
                rejected,
                unreadable: ended.unreadable,
            });
        }
    }
}

#[cfg(test)]
mod tests;
