//! What is known of a watched file from look to look, and what follows from it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::ingest::file_state::{FileId, FileState, Finished};

/// How long a file must have been still before a newer one of its kind tells that it is complete:
/// a writer that rotates may still write the end of the old file after it began the new one.
const SUPERSEDED_AFTER: Duration = Duration::from_secs(1);

/// A watched file, as it was when it was last looked at.
#[derive(Debug)]
pub(super) struct Sight {
    pub(super) path: PathBuf,
    pub(super) below: String,
    pub(super) named: bool,
    pub(super) state: FileState,
    /// Since when it has been as it is.
    still_since: Instant,
    /// Whether its writer has closed it since it changed.
    closed: bool,
    /// What the reader was told last.
    told: Option<(FileState, Option<Finished>)>,
}

impl Sight {
    /// First sight of a file. `now` twice: as the clock of the file system counts, and of this
    /// process.
    pub(super) fn new(
        path: PathBuf,
        below: String,
        named: bool,
        state: FileState,
        (clock, now): (SystemTime, Instant),
    ) -> Self {
        // What was last written long ago has been still since then. A time in the future says
        // nothing.
        let modified = u64::try_from(state.modified).map(Duration::from_nanos).unwrap_or_default();
        let age = clock.duration_since(SystemTime::UNIX_EPOCH + modified).unwrap_or_default();
        let still_since = now.checked_sub(age).unwrap_or(now);
        Self { path, below, named, state, still_since, closed: false, told: None }
    }

    /// Another look at it.
    pub(super) fn again(&mut self, path: PathBuf, below: String, state: FileState, now: Instant) {
        (self.path, self.below) = (path, below);
        if self.state != state {
            self.state = state;
            self.still_since = now;
            self.closed = false;
        }
    }

    /// Its writer has closed it.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// Whether it is complete, and why.
    pub(super) fn finished(
        &self,
        newest: Option<i64>,
        settle: Duration,
        now: Instant,
    ) -> Option<Finished> {
        let still = now.duration_since(self.still_since);
        if self.closed {
            Some(Finished::Closed)
        } else if newest.is_some_and(|newest| newest > self.state.modified)
            && still >= settle.min(SUPERSEDED_AFTER)
        {
            Some(Finished::Superseded)
        } else if still >= settle {
            Some(Finished::Settled)
        } else {
            None
        }
    }

    /// Whether the reader must be told: the file has changed, or more is known about its end.
    pub(super) fn tell(&mut self, finished: Option<Finished>) -> bool {
        let news = match self.told {
            Some((state, _)) if state != self.state => true,
            Some((_, told)) => match (told, finished) {
                (None, Some(_)) => true,
                (Some(told), Some(finished)) => !told.is_sure() && finished.is_sure(),
                (_, None) => false,
            },
            None => true,
        };
        if news {
            self.told = Some((self.state, finished));
        }
        news
    }

    /// The reader is to be told again.
    pub(super) fn untell(&mut self) {
        self.told = None;
    }
}

/// For each rotation, when its newest file was last written.
#[derive(Debug, Default)]
pub(super) struct Rotations(HashMap<(PathBuf, String), i64>);

impl Rotations {
    pub(super) fn of<'a>(sights: impl Iterator<Item = &'a Sight>) -> Self {
        let mut newest = HashMap::new();
        for sight in sights {
            let modified = newest.entry(rotation(&sight.path)).or_insert(i64::MIN);
            *modified = sight.state.modified.max(*modified);
        }
        Self(newest)
    }

    /// When the newest file of this one's rotation was written.
    pub(super) fn newest(&self, path: &Path) -> Option<i64> {
        self.0.get(&rotation(path)).copied()
    }
}

/// What the files of one rotation have in common: the folder, and the name without its numbers,
/// which are a time (`eth0-20261124-0300.pcap`), a counter (`cap.pcap12`, `cap.pcap.1`), or both.
fn rotation(path: &Path) -> (PathBuf, String) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let words: String = name.chars().filter(|c| !c.is_ascii_digit()).collect();
    let words = words.trim_end_matches(['.', '-', '_']).to_owned();
    (path.parent().unwrap_or(path).to_owned(), words)
}

/// The watched files.
pub(super) type Sights = HashMap<FileId, Sight>;

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_secs(5);

    fn state(inode: u64, size: u64, modified_seconds: i64) -> FileState {
        let modified = modified_seconds * 1_000_000_000;
        FileState { id: FileId { device: 1, inode }, size, modified }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn when_a_file_is_finished() {
        let start = Instant::now() + Duration::from_hours(1);
        let later = |seconds| start + Duration::from_secs(seconds);
        let sight = |closed| {
            let mut sight =
                Sight::new("c/a1".into(), "a1".into(), false, state(1, 9, 100), (at(100), start));
            sight.closed = closed;
            sight
        };
        for (what, closed, newest, now, expected) in [
            ("just written", false, Some(100), 0, None),
            ("closed", true, Some(100), 0, Some(Finished::Closed)),
            ("a newer one, but not yet still", false, Some(101), 0, None),
            ("a newer one", false, Some(101), 1, Some(Finished::Superseded)),
            ("it is the newest", false, Some(100), 4, None),
            ("still for the settle time", false, Some(100), 5, Some(Finished::Settled)),
        ] {
            let newest = newest.map(|seconds: i64| seconds * 1_000_000_000);
            assert_eq!(sight(closed).finished(newest, SETTLE, later(now)), expected, "{what}");
        }
        let old = Sight::new("a".into(), "a".into(), false, state(1, 9, 100), (at(200), start));
        assert_eq!(old.finished(None, SETTLE, start), Some(Finished::Settled), "since long ago");
        let future = Sight::new("a".into(), "a".into(), false, state(1, 9, 900), (at(200), start));
        assert_eq!(future.finished(None, SETTLE, start), None, "a clock that is ahead");
    }

    #[test]
    fn the_reader_is_told_of_what_is_new_only() {
        let start = Instant::now();
        let mut sight =
            Sight::new("a".into(), "a".into(), false, state(1, 9, 100), (at(100), start));
        assert!(sight.tell(None));
        assert!(!sight.tell(None), "nothing has changed");
        sight.again("a".into(), "a".into(), state(1, 20, 101), start);
        assert!(sight.tell(None), "it has grown");
        assert!(sight.tell(Some(Finished::Superseded)), "it has a newer sibling, it seems");
        assert!(!sight.tell(Some(Finished::Settled)));
        sight.close();
        assert!(sight.tell(Some(Finished::Closed)), "now it is sure: names are not");
        assert!(!sight.tell(Some(Finished::Superseded)));
        sight.again("a.1".into(), "a.1".into(), state(1, 20, 101), start);
        assert!(!sight.tell(Some(Finished::Closed)), "a new name is no news");
        sight.again("a.1".into(), "a.1".into(), state(1, 30, 102), start);
        assert!(sight.tell(None), "it was opened again");
    }

    #[test]
    fn files_of_one_rotation_are_recognised() {
        let same = |one: &str, other: &str| rotation(Path::new(one)) == rotation(Path::new(other));
        assert!(same("c/cap-20261124-0300.pcap", "c/cap-20261124-0305.pcap"));
        assert!(same("c/cap.pcap", "c/cap.pcap1"), "tcpdump -C");
        assert!(same("c/cap.pcap", "c/cap.pcap.1"), "logrotate");
        assert!(same("c/x_00001_20261124030000.pcapng", "c/x_00002_20261124030500.pcapng"));
        assert!(same("c/dump-1764000000.pcap", "c/dump-1764000060.pcap"), "netsniff-ng");
        assert!(!same("c/cap.pcap", "d/cap.pcap1"), "another folder");
        assert!(!same("c/cap.pcap", "c/cap.pcap.1.gz"));
        assert!(!same("c/lan.pcap", "c/dmz.pcap"));
    }
}
