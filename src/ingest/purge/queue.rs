//! Files that wait for the decision about them, and for what.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use crate::ingest::file_state::{FileId, FileState};
use crate::ingest::purge::{Candidate, decide};
use crate::store::StoreError;

/// After something failed that somebody must mend; it doubles with each failure of a file.
const TRY_AGAIN: Duration = Duration::from_secs(15);
/// How often that time doubles: up to four minutes.
const DOUBLINGS: u32 = 4;

/// How long a complete file may be open for writing before somebody is told.
const LONG: Duration = Duration::from_mins(10);

/// A file that waits for its turn.
#[derive(Debug)]
struct Pending {
    candidate: Candidate,
    due: Instant,
    /// Why it waits.
    reason: String,
    /// Since when it waits for that.
    since: Instant,
    /// Whether it has been said that it waits long.
    told: bool,
    /// How often it could not be looked at or removed.
    failures: u32,
}

/// What waits, and for what.
#[derive(Debug, Default)]
pub(super) struct Queue {
    files: HashMap<FileId, Pending>,
    /// Files that were read once more because of what the proof found, as they were then.
    read_again: HashMap<FileId, FileState>,
    /// Whether the store could not be asked when it was last tried.
    store_is_away: bool,
}

/// What came of a look at a file.
pub(super) enum Look {
    /// It is decided.
    Done,
    /// It stays, and is read again: what is known of it is not so.
    NotSo,
    /// Look again after this time.
    Again(Duration, &'static str),
    /// Somebody must mend something about this file.
    Failed(String),
    /// The store cannot be asked, about whatever file.
    NoStore(StoreError),
}

impl Queue {
    /// The newest word about a file replaces what was known of it.
    pub(super) fn add(&mut self, candidate: Candidate) {
        let (id, due) = (candidate.state.id, Instant::now());
        // Several words about a file make one wait.
        let before = self.files.remove(&id);
        let (since, told) = before.map_or((due, false), |before| (before.since, before.told));
        let reason = String::new();
        let pending = Pending { candidate, due, reason, since, told, failures: 0 };
        self.files.insert(id, pending);
    }

    /// Whether this file, as it is, may be read once more; one that the store holds otherwise
    /// would be read for ever.
    pub(super) fn may_read_again(&mut self, state: FileState) -> bool {
        self.read_again.insert(state.id, state) != Some(state)
    }

    /// When it is time for the next look.
    pub(super) fn next(&self) -> Option<Instant> {
        self.files.values().map(|pending| pending.due).min()
    }

    pub(super) fn get(&self, id: FileId) -> Option<&Candidate> {
        self.files.get(&id).map(|pending| &pending.candidate)
    }

    /// What waits in the end, each with the reason.
    pub(super) fn left(self) -> impl Iterator<Item = (Candidate, String)> {
        self.files.into_values().map(|pending| (pending.candidate, pending.reason))
    }

    /// Files whose time has come.
    pub(super) fn due(&self, now: Instant) -> Vec<FileId> {
        let due = self.files.iter().filter(|(_, pending)| pending.due <= now);
        let mut due: Vec<FileId> = due.map(|(id, _)| *id).collect();
        due.sort_unstable();
        due
    }

    /// What comes of a look at a file; whether the others would only find the same. What has been
    /// said of a file is not said again.
    pub(super) fn looked_at(&mut self, id: FileId, look: Look) -> bool {
        let now = Instant::now();
        let Some(file) = self.files.get_mut(&id) else { return false };
        let path = file.candidate.path.to_string_lossy();
        match look {
            Look::Done | Look::NotSo => {
                self.files.remove(&id);
                if std::mem::take(&mut self.store_is_away) {
                    info!("the store can be asked again");
                }
            }
            Look::Again(after, reason) => {
                if file.reason != reason && reason == decide::UNKNOWN_WRITER {
                    warn!(path = path.as_ref(), reason, "the file stays for now");
                } else if file.reason != reason {
                    debug!(path = path.as_ref(), reason, "waits");
                }
                if file.reason != reason && !file.reason.is_empty() {
                    file.since = now;
                }
                if reason == decide::OPEN_FOR_WRITING
                    && now.duration_since(file.since) >= LONG
                    && !std::mem::replace(&mut file.told, true)
                {
                    warn!(path = path.as_ref(), "the file waits long: it is open for writing");
                }
                (file.due, file.reason) = (now + after, reason.to_owned());
            }
            Look::Failed(reason) => {
                if file.reason != reason {
                    error!(path = path.as_ref(), reason, "the file stays for now");
                }
                (file.due, file.reason) = (now + TRY_AGAIN * (1 << file.failures), reason);
                file.failures = DOUBLINGS.min(file.failures + 1);
            }
            Look::NoStore(error) => {
                if !std::mem::replace(&mut self.store_is_away, true) {
                    warn!(%error, "files stay until the store can be asked");
                }
                for file in self.files.values_mut().filter(|file| file.due <= now) {
                    file.due = now + TRY_AGAIN;
                    file.reason = format!("it could not be compared with the store: {error}");
                }
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::file_state::Finished;
    use crate::packet::Trail;
    use crate::store::StoreErrorKind;

    fn candidate(inode: u64) -> Candidate {
        Candidate {
            path: format!("{inode}.pcap").into(),
            below: format!("{inode}.pcap"),
            state: FileState { id: FileId { device: 1, inode }, size: 1, modified: 1 },
            finished: Finished::Closed,
            capture: None,
            acknowledged: Trail::default().mark(),
            rejected: 0,
            unreadable: false,
        }
    }

    #[test]
    fn a_store_that_is_away_is_asked_about_one_file_and_not_about_ten_thousand() {
        let mut queue = Queue::default();
        (0..10_000).for_each(|inode| queue.add(candidate(inode)));
        let due = queue.due(Instant::now());
        assert_eq!(due.len(), 10_000);
        let error = StoreError::new(StoreErrorKind::Unreachable, "count", "nobody answers");
        assert!(queue.looked_at(due[0], Look::NoStore(error)), "the round is over");
        assert_eq!(queue.due(Instant::now()), []);
        assert_eq!(queue.due(Instant::now() + TRY_AGAIN).len(), 10_000);
        assert!(queue.left().all(|(_, reason)| reason.contains("could not be compared")));
    }

    #[test]
    fn a_file_is_read_once_more_and_again_when_it_has_changed() {
        let mut queue = Queue::default();
        let state = candidate(1).state;
        assert!(queue.may_read_again(state));
        assert!(!queue.may_read_again(state));
        assert!(queue.may_read_again(FileState { size: 2, ..state }));
    }

    #[test]
    fn what_fails_again_and_again_is_looked_at_less_often() {
        let mut queue = Queue::default();
        queue.add(candidate(1));
        let id = queue.due(Instant::now())[0];
        for minutes_quarters in [1, 2, 4, 8, 16, 16] {
            let began = Instant::now();
            assert!(!queue.looked_at(id, Look::Failed("read-only".into())));
            let wait = queue.next().unwrap() - began;
            let expected = TRY_AGAIN * minutes_quarters;
            assert!(wait >= expected && wait < expected + TRY_AGAIN, "{wait:?}");
        }
        queue.looked_at(id, Look::Done);
        assert_eq!(queue.next(), None);
    }
}
