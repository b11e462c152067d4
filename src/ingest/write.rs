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
        let flush_at = writer.unsafe_since.map(|since| since + patience);
        tokio::select! {
            step = records.recv(), if writer.appends.len() < APPENDS => match step {
                Some(Step::Packets { capture, packets, share }) => {
                    writer.append(&capture, packets, share);
                }
                Some(Step::End(end)) => writer.end(*end),
                None => break,
            },
            Some(appended) = writer.appends.join_next() => writer.count(appended??).await?,
            () = sleep_until(flush_at.unwrap_or_else(Instant::now)), if flush_at.is_some() => {
                writer.flush().await?;
            }
        }
    }
    while let Some(appended) = writer.appends.join_next().await {
        writer.count(appended??).await?;
    }
    writer.flush().await?;
    Ok(())
}

struct Writer<'a> {
    store: Arc<dyn PacketStore>,
    beside: Beside,
    appends: JoinSet<StoreResult<Appended>>,
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

    /// Makes everything safe that has been appended, and reports what is complete.
    async fn flush(&mut self) -> StoreResult<()> {
        // Taken before the flush: what is appended meanwhile waits for the next one.
        let complete = self.complete();
        self.unsafe_since = None;
        self.store.flush().await?;
        for number in complete {
            let Some(part) = self.parts.remove(&number) else { continue };
            let Some(mut end) = part.ended else { continue };
            if let Some(ended) = end.file.take() {
                self.file_safe(end.reading, ended);
            }
            if end.concluded {
                self.readings.remove(&end.reading);
            }
            let Some(report) = end.report else { continue };
            let report = FileReport {
                stored: part.stored,
                already_there: report.already_there + part.already_there,
                rejected: part.rejected,
                first_rejected: part.first_rejected,
                ..report
            };
            self.totals.add(&report);
            self.beside.observer.file_done(&report);
        }
        let now = std::time::Instant::now();
        for reading in self.readings.values_mut() {
            if let Some(entry) = reading.entry_if_due(now) {
                self.beside.ledger.record(entry);
            }
        }
        Ok(())
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

    /// A file has been read as far as it went, and all of that is safe.
    fn file_safe(&mut self, reading: u64, ended: Ended) {
        let acknowledged = self.readings.get(&reading);
        let mark = acknowledged.map_or(ended.base, Acknowledged::mark);
        let rejected = acknowledged.map_or(ended.rejected_before, Acknowledged::rejected);
        self.beside.ledger.record(Entry {
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
        if let (Some(finished), Some(purge)) = (ended.finished, &self.beside.purge) {
            let candidate = Candidate {
                path: ended.path,
                below: ended.below,
                state: ended.state,
                finished,
                capture: ended.capture,
                acknowledged: mark,
                rejected,
                unreadable: ended.unreadable,
            };
            // Once the run is stopped, nothing goes any more.
            purge.send(candidate).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode;
    use crate::ingest::file_state::{FileId, FileState, Finished};
    use crate::ingest::open_capture_for_tests;
    use crate::packet::{CapturedPacket, LinkType, Origin, Trail};
    use crate::store::memory::MemoryStore;

    struct Nobody;

    impl Observer for Nobody {
        fn file_done(&self, _: &FileReport) {}

        fn progress(&self) -> Arc<Progress> {
            Arc::default()
        }
    }

    fn record(capture: &OpenCapture) -> PacketRecord {
        let packet = CapturedPacket {
            timestamp: Timestamp::from_nanoseconds(1),
            link_type: LinkType::ETHERNET,
            original_length: 3,
            data: b"abc".as_slice().into(),
            extras: None,
        };
        let layers = decode::decode(&packet);
        let (source, capture) = (capture.source.clone(), capture.capture);
        let stored = StoredPacket::new(packet, Origin { capture, frame: 1, source });
        PacketRecord { stored, layers }
    }

    /// A file is let go of while its last batch is still on its way.
    #[tokio::test]
    async fn how_far_a_file_is_stored_is_known_until_all_of_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Arc::new(Ledger::open(directory.path(), "s").unwrap());
        let capture = Arc::new(open_capture_for_tests());
        let state = FileState { id: FileId { device: 1, inode: 1 }, size: 9, modified: 9 };
        let beside = Beside {
            observer: Arc::new(Nobody),
            progress: Arc::default(),
            ledger: ledger.clone(),
            dead_letters: DeadLetters::new(directory.path()),
            purge: None,
            stop: CancellationToken::new(),
        };
        let mut totals = Totals::default();
        let mut writer = Writer::new(Arc::new(MemoryStore::default()), beside, &mut totals);
        writer.append(&capture, vec![record(&capture)], Share::default());
        let ended = Ended {
            path: "a.pcap".into(),
            below: "a.pcap".into(),
            state,
            finished: Some(Finished::Settled),
            capture: Some(capture.capture),
            base: Trail::default().mark(),
            rejected_before: 0,
            unreadable: false,
        };
        let end = |part, concluded, file| FileEnd {
            reading: capture.reading,
            part,
            concluded,
            report: None,
            file,
        };
        writer.end(end(capture.part, false, Some(ended)));
        writer.end(end(capture.part + 1, true, None));
        writer.flush().await.unwrap();
        assert_eq!(ledger.file(state), None);
        let appended = writer.appends.join_next().await.unwrap().unwrap().unwrap();
        writer.count(appended).await.unwrap();
        writer.flush().await.unwrap();
        assert_eq!(ledger.file(state).unwrap().frames, 1);
        assert!(writer.readings.is_empty() && writer.parts.is_empty());
    }
}
