//! What has been read and acknowledged, kept over restarts. Losing it costs time and nothing
//! else: every packet is recognised by its identity.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use crate::ingest::file_state::{FileId, FileState};
use crate::packet::{Digest, Fingerprint, Mark};

/// The ledger's file in the state directory.
const NAME: &str = "ledger.jsonl";
/// Lines that may be out of date before the file is written anew.
const OUTDATED_LINES: usize = 1000;

/// One line: a file, and how much of its capture is in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The store that it was put into.
    pub(super) store: String,
    /// Where the file was; for people. What is not UTF-8 of its name is replaced by U+FFFD.
    pub(super) path: String,
    /// The file as it was when it had been read up to here.
    #[serde(flatten)]
    pub(super) state: FileState,
    /// Fingerprint of the capture; absent when it has no packets.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) capture: Option<String>,
    /// Packets that are acknowledged, from the first on.
    pub(super) frames: u64,
    /// Hash over their identities.
    pub(super) digest: String,
    /// Packets among them that the store refused; they are in the dead letters.
    pub(super) rejected: u64,
    /// Whether a part of the file could not be read.
    pub(super) unreadable: bool,
    /// Whether it had been read to its end.
    pub(super) complete: bool,
    /// Whether lines before this one about the same capture are not so: whatever files they are
    /// of, the store does not hold what they say.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub(super) forgotten: bool,
}

impl Entry {
    /// The place up to which it is acknowledged.
    pub(super) fn mark(&self) -> Option<Mark> {
        Some(Mark { frames: self.frames, digest: Digest::parse(&self.digest)? })
    }

    /// The capture's fingerprint.
    pub(super) fn fingerprint(&self) -> Option<Fingerprint> {
        self.capture.as_deref().and_then(Fingerprint::parse)
    }
}

/// The ledger, shared by the stages. Several processes may share one file: each only adds lines,
/// and only one that is alone writes it anew.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    path: Option<PathBuf>,
    /// The store that this run writes to; entries of other stores do not count.
    store: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Held open, with a shared lock. `None` when it could not be written: the next line tries.
    file: Option<File>,
    files: HashMap<FileId, Entry>,
    /// The longest mark of each capture.
    captures: HashMap<Fingerprint, (Mark, u64)>,
    /// Lines that were added since the file was looked through.
    added: usize,
    /// Whether it has been said that the file cannot be written.
    warned: bool,
}

impl Ledger {
    /// Reads the ledger in `directory`; what is for another store is left out.
    ///
    /// # Errors
    /// When it cannot be opened. A line that cannot be read is left out with a warning.
    pub(super) fn open(directory: &Path, store: &str) -> io::Result<Self> {
        let path = directory.join(NAME);
        let here = |entry: &Entry| entry.store == store;
        let entries = tidy(&path)?;
        let mut ledger = Self { path: Some(path), store: store.to_owned(), ..Self::default() };
        let state = ledger.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        for entry in entries.into_values().filter(here) {
            state.learn(entry);
        }
        if !state.files.is_empty() {
            info!(files = state.files.len(), "going on where the last run ended");
        }
        Ok(ledger)
    }

    /// What is known of a file that has not changed since.
    pub(super) fn file(&self, state: FileState) -> Option<Entry> {
        self.state().files.get(&state.id).filter(|entry| entry.state == state).cloned()
    }

    /// How far a capture is acknowledged, and how many packets of it were refused.
    pub(super) fn capture(&self, capture: Fingerprint) -> Option<(Mark, u64)> {
        self.state().captures.get(&capture).copied()
    }

    /// Remembers `entry`. When it cannot be written, a warning says so, once, and it is
    /// remembered for this run only.
    pub(super) fn record(&self, mut entry: Entry) {
        entry.store.clone_from(&self.store);
        let mut state = self.state();
        if let Some(path) = &self.path {
            let before = state.warned;
            match state.append(path, &entry) {
                Ok(()) => {
                    state.warned = false;
                    state.added += 1;
                    state.tidy_if_due(path);
                    if before {
                        info!(path = %path.display(), "the ledger can be written again");
                    }
                }
                Err(error) => {
                    state.warned = true;
                    if before {
                        state.learn(entry);
                        return;
                    }
                    warn!(path = %path.display(), %error, "the ledger cannot be written: a \
                        restart will read again what is stored already; make room");
                }
            }
        }
        state.learn(entry);
    }

    /// Forgets what is not in the store after all, whatever file it was read from.
    pub(super) fn forget(&self, id: FileId, capture: Option<Fingerprint>) {
        let mut state = self.state();
        let known = state.files.remove(&id);
        state.files.retain(|_, entry| capture.is_none() || entry.fingerprint() != capture);
        if let Some(capture) = capture {
            state.captures.remove(&capture);
        }
        let Some(path) = &self.path else { return };
        let forgotten = Entry {
            store: self.store.clone(),
            path: known.as_ref().map(|entry| entry.path.clone()).unwrap_or_default(),
            state: known.map_or(FileState { id, size: 0, modified: 0 }, |entry| entry.state),
            capture: capture.map(|capture| capture.to_string()),
            frames: 0,
            digest: Digest::default().to_string(),
            rejected: 0,
            unreadable: false,
            complete: false,
            forgotten: true,
        };
        // As above: without this line a restart believes what the store does not hold, and
        // only the proof before a purge finds out.
        if let Err(error) = state.append(path, &forgotten) {
            warn!(path = %path.display(), %error, "the ledger cannot be written");
        }
    }

    /// Keeps in memory only what is about these files.
    pub(super) fn retain(&self, there: &HashSet<FileId>) {
        let mut state = self.state();
        let state = &mut *state;
        state.files.retain(|id, _| there.contains(id));
        // A file that is being compressed has no name for a moment; what was read of it must be
        // recognised afterwards.
        if state.captures.len() > 4 * there.len() + 4096 {
            let named: HashSet<Fingerprint> =
                state.files.values().filter_map(Entry::fingerprint).collect();
            state.captures.retain(|capture, _| named.contains(capture));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is one insertion or removal: nothing is left half done by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A run goes on for months; its ledger must not.
    fn tidy_if_due(&mut self, path: &Path) {
        if self.added <= self.files.len() + OUTDATED_LINES {
            return;
        }
        self.added = 0;
        // Its shared lock would keep even this process out.
        self.file = None;
        if let Err(error) = tidy(path) {
            warn!(path = %path.display(), %error, "the ledger cannot be looked through");
        }
    }

    fn learn(&mut self, entry: Entry) {
        if let (Some(capture), Some(mark)) = (entry.fingerprint(), entry.mark())
            && mark.frames > 0
        {
            let known = self.captures.entry(capture).or_insert((mark, entry.rejected));
            if known.0.frames <= mark.frames {
                *known = (mark, entry.rejected);
            }
        }
        self.files.insert(entry.state.id, entry);
    }

    /// One write call for each line, so that lines of several processes do not mix.
    fn append(&mut self, path: &Path, entry: &Entry) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        let file = if let Some(file) = &mut self.file {
            file
        } else {
            let file = open(path)?;
            file.lock_shared()?;
            // What a full disk cut off ends here, and the new line stands alone.
            line.insert(0, b'\n');
            self.file.insert(file)
        };
        let written = file.write_all(&line);
        if written.is_err() {
            self.file = None;
        }
        written
    }
}

/// Reads the ledger, and writes it anew when much of it is out of date and no other process has it
/// open. Returns the last entry of each file.
fn tidy(path: &Path) -> io::Result<HashMap<FileId, Entry>> {
    let alone = lock(path)?;
    let (entries, lines) = read(path)?;
    if alone.is_some() && lines > OUTDATED_LINES {
        let there = |entry: &&Entry| Path::new(&entry.path).symlink_metadata().is_ok();
        let there: Vec<&Entry> = entries.values().filter(there).collect();
        if lines > there.len() + OUTDATED_LINES
            && let Err(error) = write_anew(path, &there)
        {
            // It can be read all the same, and added to.
            warn!(path = %path.display(), %error, "the ledger cannot be written anew");
        }
    }
    // The lock goes only now.
    drop(alone);
    Ok(entries)
}

/// Takes the exclusive lock if no other process has the ledger open.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

/// Leaves out the lines that later lines replaced, and files that are gone.
fn write_anew(path: &Path, entries: &[&Entry]) -> io::Result<()> {
    let mut text = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut text, entry)?;
        text.push(b'\n');
    }
    let new = path.with_extension("new");
    fs::write(&new, text)?;
    fs::rename(&new, path)
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).read(true).append(true).open(path)
}

/// The last entry of each file, and how many lines there were.
fn read(path: &Path) -> io::Result<(HashMap<FileId, Entry>, usize)> {
    let mut entries: HashMap<FileId, Entry> = HashMap::new();
    let mut lines = 0;
    for line in BufReader::new(File::open(path)?).split(b'\n') {
        let line = line?;
        if line.is_empty() {
            continue;
        }
        lines += 1;
        match serde_json::from_slice::<Entry>(&line) {
            Ok(mut entry) => {
                if std::mem::take(&mut entry.forgotten) {
                    let is_of_it = |other: &Entry| {
                        (&other.store, &other.capture) == (&entry.store, &entry.capture)
                    };
                    entries.retain(|_, other| entry.capture.is_none() || !is_of_it(other));
                }
                entries.insert(entry.state.id, entry);
            }
            Err(error) => {
                warn!(path = %path.display(), line = lines, %error, "a line of the ledger cannot be read");
            }
        }
    }
    Ok((entries, lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(inode: u64, size: u64) -> FileState {
        FileState { id: FileId { device: 1, inode }, size, modified: 5 }
    }

    fn entry(inode: u64, frames: u64) -> Entry {
        Entry {
            store: String::new(),
            path: "/captures/a.pcap".into(),
            state: state(inode, 100 + frames),
            capture: Some(Fingerprint([7; 16]).to_string()),
            frames,
            digest: Digest([frames.to_le_bytes()[0]; 16]).to_string(),
            rejected: 0,
            unreadable: false,
            complete: true,
            forgotten: false,
        }
    }

    #[test]
    fn what_was_recorded_is_known_after_a_restart_and_for_this_store_only() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(directory.path(), "one").unwrap();
        ledger.record(entry(3, 10));
        ledger.record(entry(3, 20));
        drop(ledger);
        let ledger = Ledger::open(directory.path(), "one").unwrap();
        assert_eq!(ledger.file(state(3, 120)).unwrap().frames, 20);
        assert_eq!(ledger.file(state(3, 121)), None, "it has changed");
        let (mark, _) = ledger.capture(Fingerprint([7; 16])).unwrap();
        assert_eq!(mark, Mark { frames: 20, digest: Digest([20; 16]) });
        drop(ledger);
        let other = Ledger::open(directory.path(), "two").unwrap();
        assert_eq!(other.file(state(3, 120)), None);
        assert_eq!(other.capture(Fingerprint([7; 16])), None);
    }

    #[test]
    fn a_line_that_was_cut_costs_this_line_only() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(directory.path(), "s").unwrap();
        ledger.record(entry(1, 10));
        let path = directory.path().join(NAME);
        let mut text = fs::read(&path).unwrap();
        text.extend_from_slice(b"{\"store\":\"s\",\"pa");
        fs::write(&path, text).unwrap();
        drop(ledger);
        let ledger = Ledger::open(directory.path(), "s").unwrap();
        ledger.record(entry(2, 5));
        drop(ledger);
        let ledger = Ledger::open(directory.path(), "s").unwrap();
        assert!(ledger.file(state(1, 110)).is_some() && ledger.file(state(2, 105)).is_some());
    }

    #[test]
    fn forgotten_is_forgotten_after_a_restart_too() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(directory.path(), "s").unwrap();
        // A copy of the file says the same.
        ledger.record(entry(1, 10));
        ledger.record(entry(2, 10));
        ledger.forget(FileId { device: 1, inode: 1 }, Some(Fingerprint([7; 16])));
        assert_eq!(ledger.file(state(2, 110)), None);
        drop(ledger);
        let ledger = Ledger::open(directory.path(), "s").unwrap();
        assert_eq!(ledger.capture(Fingerprint([7; 16])), None);
        assert_eq!(ledger.file(state(2, 110)), None);
        assert!(ledger.file(state(1, 110)).is_none_or(|entry| !entry.complete));
        // What is stored afterwards counts again.
        ledger.record(entry(2, 10));
        drop(ledger);
        let ledger = Ledger::open(directory.path(), "s").unwrap();
        assert_eq!(ledger.capture(Fingerprint([7; 16])).unwrap().0.frames, 10);
    }

    #[test]
    fn a_long_run_does_not_make_it_long() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(NAME);
        let ledger = Ledger::open(directory.path(), "s").unwrap();
        let growing = directory.path().join("growing.pcap");
        fs::write(&growing, b"").unwrap();
        let growing = growing.to_str().unwrap();
        for frames in 0..3 * OUTDATED_LINES as u64 {
            ledger.record(Entry { path: growing.to_owned(), ..entry(1, frames) });
            // Files that come and go.
            ledger.record(entry(2 + frames, 1));
            ledger.retain(&HashSet::from([FileId { device: 1, inode: 1 }]));
        }
        let lines = fs::read_to_string(path).unwrap().lines().count();
        assert!(lines < 3 * OUTDATED_LINES, "{lines}");
        drop(ledger);
        let ledger = Ledger::open(directory.path(), "s").unwrap();
        assert!(ledger.file(state(1, 100 + 3 * OUTDATED_LINES as u64 - 1)).is_some());
    }

    #[test]
    fn it_is_written_anew_by_one_that_is_alone_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(NAME);
        let lines = || fs::read_to_string(&path).unwrap().lines().count();
        let first = Ledger::open(directory.path(), "s").unwrap();
        let here = directory.path().join("here.pcap");
        fs::write(&here, b"").unwrap();
        // Each adds too little to look through the file itself.
        let second = Ledger::open(directory.path(), "s").unwrap();
        for frames in 0..OUTDATED_LINES as u64 {
            let path = here.to_str().unwrap().to_owned();
            let ledger = if frames % 2 == 0 { &first } else { &second };
            ledger.record(Entry { path, ..entry(1, frames) });
        }
        let last = OUTDATED_LINES as u64 + 1;
        for ledger in [&first, &second] {
            let path = here.to_str().unwrap().to_owned();
            ledger.record(Entry { path, ..entry(1, last) });
        }
        let between = Ledger::open(directory.path(), "s").unwrap();
        assert!(lines() > OUTDATED_LINES, "other processes have it open");
        assert!(between.file(state(1, 100 + last)).is_some());
        drop((first, second, between));
        let third = Ledger::open(directory.path(), "s").unwrap();
        assert_eq!(lines(), 1);
        assert!(third.file(state(1, 100 + last)).is_some());
    }
}
