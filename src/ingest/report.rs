use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::packet::{PacketId, Timestamp};

/// What became of one file.
#[derive(Debug, Clone, Default)]
pub struct FileReport {
    /// The path as it was named or found, `-` for standard input.
    pub path: String,
    /// How it ended.
    pub outcome: FileOutcome,
    /// Packets read from it.
    pub read: u64,
    /// Packets that are new in the store.
    pub stored: u64,
    /// Packets that were in the store already.
    pub already_there: u64,
    /// Packets that the store refused.
    pub rejected: u64,
    /// The first of them; each stands in the dead letters.
    pub first_rejected: Vec<Rejected>,
    /// What could not be read: where and why.
    pub notes: Vec<String>,
}

/// How reading a file ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum FileOutcome {
    /// Read to its end, or to where nothing more can be read.
    #[default]
    Done,
    /// It is no capture.
    Skipped(String),
    /// It could not be read.
    Failed(String),
    /// The run was stopped in the middle of it.
    Interrupted,
    /// It is still being written.
    Growing,
    /// An earlier run has stored it, this many packets, and it has not changed since.
    Known(u64),
}

/// A packet that the store refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its frame number in the file.
    pub frame: u64,
    /// Its identity.
    pub id: PacketId,
    /// The store's reason.
    pub reason: String,
}

/// Sums over all files of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Files read.
    pub files: u64,
    /// Files that are no captures.
    pub skipped: u64,
    /// Files that an earlier run has stored.
    pub known: u64,
    /// Files that could not be read.
    pub failed: u64,
    /// Packets read.
    pub read: u64,
    /// Packets stored anew.
    pub stored: u64,
    /// Packets that were there already.
    pub already_there: u64,
    /// Packets the store refused.
    pub rejected: u64,
    /// Files with a part that could not be read.
    pub damaged: u64,
}

impl Totals {
    /// Adds one file.
    pub(super) fn add(&mut self, report: &FileReport) {
        match report.outcome {
            FileOutcome::Skipped(_) => self.skipped += 1,
            FileOutcome::Failed(_) => self.failed += 1,
            FileOutcome::Done | FileOutcome::Interrupted | FileOutcome::Growing => self.files += 1,
            FileOutcome::Known(_) => self.known += 1,
        }
        self.read += report.read;
        self.stored += report.stored;
        self.already_there += report.already_there;
        self.rejected += report.rejected;
        self.damaged += u64::from(!report.notes.is_empty());
    }

    /// Whether everything that could be read is in the store.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.failed == 0 && self.rejected == 0
    }
}

/// Who is told how a run goes on.
pub trait Observer: Send + Sync {
    /// A file is done, and its packets are safe.
    fn file_done(&self, report: &FileReport);

    /// The counters that the run keeps up to date.
    fn progress(&self) -> Arc<Progress>;
}

/// Counters of a run, to be looked at while it goes on.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes of all files found so far.
    pub bytes_found: AtomicU64,
    /// Bytes read from files.
    pub bytes_read: AtomicU64,
    /// Packets read.
    pub packets_read: AtomicU64,
    /// Packets that the store has taken, or had already.
    pub packets_stored: AtomicU64,
    /// Packets that are on their way no more: taken, refused, or given up.
    pub packets_settled: AtomicU64,
    /// Time of the newest packet that it has taken: [`Timestamp::indexed`], 0 when none.
    pub newest_stored: AtomicI64,
    /// Files that are found and not yet read.
    pub files_waiting: AtomicU64,
}

impl Progress {
    pub(super) fn add_found(&self, bytes: u64) {
        self.bytes_found.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn add_read(&self, bytes: u64) {
        self.bytes_read.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn add_packets(&self, packets: u64) {
        self.packets_read.fetch_add(packets, Ordering::Relaxed);
    }

    /// The store has answered for so many packets, and holds so many of them.
    pub(super) fn add_answered(&self, packets: u64, stored: u64, newest: Option<Timestamp>) {
        self.add_settled(packets);
        self.packets_stored.fetch_add(stored, Ordering::Relaxed);
        if let Some(newest) = newest {
            self.newest_stored.fetch_max(newest.indexed(), Ordering::Relaxed);
        }
    }

    /// So many packets have been given up, or answered for.
    pub(super) fn add_settled(&self, packets: u64) {
        self.packets_settled.fetch_add(packets, Ordering::Relaxed);
    }

    /// Packets that have been read and not answered for.
    pub(super) fn in_flight(&self) -> u64 {
        let settled = self.packets_settled.load(Ordering::Relaxed);
        self.packets_read.load(Ordering::Relaxed).saturating_sub(settled)
    }

    /// What was on its way is given up: it will be found, and read, once more.
    pub(super) fn begin_anew(&self) {
        self.add_settled(self.in_flight());
        self.files_waiting.store(0, Ordering::Relaxed);
    }

    pub(super) fn add_waiting(&self, files: usize) {
        self.files_waiting.fetch_add(files as u64, Ordering::Relaxed);
    }

    pub(super) fn take_waiting(&self) {
        self.files_waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_in_flight_until_they_are_stored_refused_or_given_up() {
        let progress = Progress::default();
        progress.add_packets(10);
        progress.add_answered(5, 3, None);
        assert_eq!((progress.in_flight(), progress.packets_stored.load(Ordering::Relaxed)), (5, 3));
        progress.add_settled(1);
        assert_eq!(progress.in_flight(), 4);
        progress.add_waiting(2);
        progress.begin_anew();
        assert_eq!((progress.in_flight(), progress.files_waiting.load(Ordering::Relaxed)), (0, 0));
    }
}
