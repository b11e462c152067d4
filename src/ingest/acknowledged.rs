use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::ingest::OpenCapture;
use crate::ingest::file_state::{FileId, FileState};
use crate::ingest::ledger::Entry;
use crate::packet::{Fingerprint, Mark, PacketId, Trail};

/// Time between two lines in the ledger about a file that goes on growing.
const RECORD_EVERY: Duration = Duration::from_secs(10);

/// How far the store has come with a file. Batches are answered in any order; a file is
/// acknowledged up to the first that is not.
#[derive(Debug)]
pub(super) struct Acknowledged {
    path: String,
    file: Option<FileId>,
    capture: Fingerprint,
    /// To the last packet that was sent.
    trail: Trail,
    /// Batches on their way: the place behind each, and whether it has been answered.
    sent: VecDeque<(Mark, bool)>,
    /// Number of the first of them.
    first: u64,
    mark: Mark,
    rejected: u64,
    recorded: Instant,
    is_recorded: bool,
}

impl Acknowledged {
    /// From what earlier runs stored.
    pub(super) fn begin(capture: &OpenCapture) -> Self {
        Self {
            path: capture.path.clone(),
            file: capture.file,
            capture: capture.capture,
            trail: capture.resumed.clone(),
            sent: VecDeque::new(),
            first: 0,
            mark: capture.resumed.mark(),
            rejected: capture.rejected_before,
            recorded: Instant::now(),
            is_recorded: true,
        }
    }

    /// A batch is on its way; returns its number.
    pub(super) fn sent(&mut self, ids: impl Iterator<Item = PacketId>) -> u64 {
        ids.for_each(|id| self.trail.add(id));
        self.sent.push_back((self.trail.mark(), false));
        self.first + self.sent.len() as u64 - 1
    }

    /// The store has answered this batch, and refused so many packets of it.
    pub(super) fn answered(&mut self, number: u64, rejected: u64) {
        self.rejected += rejected;
        let place = usize::try_from(number - self.first).ok();
        if let Some((_, answered)) = place.and_then(|place| self.sent.get_mut(place)) {
            *answered = true;
        }
        while let Some((mark, true)) = self.sent.front().copied() {
            self.sent.pop_front();
            self.first += 1;
            self.mark = mark;
            self.is_recorded = false;
        }
    }

    /// Up to where everything has been answered.
    pub(super) fn mark(&self) -> Mark {
        self.mark
    }

    /// Packets refused, by earlier runs too.
    pub(super) fn rejected(&self) -> u64 {
        self.rejected
    }

    /// A line for the ledger, when it has been a while since the last one; to be written once what
    /// has been answered so far has been made safe.
    pub(super) fn entry_if_due(&mut self, now: Instant) -> Option<Entry> {
        if self.is_recorded || now.duration_since(self.recorded) < RECORD_EVERY {
            return None;
        }
        (self.recorded, self.is_recorded) = (now, true);
        // Of the file only its number is certain while it grows.
        let state = FileState { id: self.file?, size: 0, modified: 0 };
        Some(Entry {
            store: String::new(),
            path: self.path.clone(),
            state,
            capture: Some(self.capture.to_string()),
            frames: self.mark.frames,
            digest: self.mark.digest.to_string(),
            rejected: self.rejected,
            unreadable: false,
            complete: false,
            forgotten: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::open_capture_for_tests;

    fn ids(numbers: &[u8]) -> impl Iterator<Item = PacketId> {
        numbers.iter().map(|number| PacketId([*number; 16]))
    }

    #[test]
    fn answers_in_any_order_acknowledge_up_to_the_first_gap() {
        let mut file = Acknowledged::begin(&open_capture_for_tests());
        let numbers = [file.sent(ids(&[1, 2])), file.sent(ids(&[3])), file.sent(ids(&[4]))];
        file.answered(numbers[1], 0);
        assert_eq!(file.mark().frames, 0);
        file.answered(numbers[0], 1);
        assert_eq!(file.mark().frames, 3);
        let mut trail = Trail::default();
        ids(&[1, 2, 3]).for_each(|id| trail.add(id));
        assert_eq!(file.mark(), trail.mark());
        file.answered(numbers[2], 0);
        assert_eq!((file.mark().frames, file.rejected()), (4, 1));
        let next = file.sent(ids(&[5]));
        file.answered(next, 0);
        assert_eq!(file.mark().frames, 5);
    }

    #[test]
    fn a_growing_file_is_recorded_now_and_then() {
        let mut file = Acknowledged::begin(&open_capture_for_tests());
        let start = Instant::now();
        assert_eq!(file.entry_if_due(start + RECORD_EVERY), None, "there is nothing new");
        let number = file.sent(ids(&[1]));
        file.answered(number, 0);
        assert_eq!(file.entry_if_due(start), None, "it was written a moment ago");
        let later = start + 2 * RECORD_EVERY;
        assert_eq!(file.entry_if_due(later).map(|entry| entry.frames), Some(1));
        assert_eq!(file.entry_if_due(later + RECORD_EVERY), None);
    }
}
