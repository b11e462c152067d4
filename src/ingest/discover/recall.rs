//! What the reader wants to be told again, and what cannot be read for now.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::ingest::discover::Look;
use crate::ingest::file_state::FileId;

/// Time until the second try with a file that could not be read; it doubles with each.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// How often that time doubles: up to 21 minutes.
const DOUBLINGS: u32 = 8;

/// Shared by those who look, read and let go.
#[derive(Debug, Default)]
pub(in crate::ingest) struct Recall(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Files of which the reader must be told again, from when on, and with what it was told.
    again: HashMap<FileId, (Instant, Option<Look>)>,
    /// Files that are to be read from their beginning, though they are open.
    anew: HashSet<FileId>,
    /// Files that the system would not let it read.
    refused: HashMap<FileId, Refused>,
    /// Folders and other things that cannot be read, by path, and why.
    unreadable: HashMap<String, String>,
}

#[derive(Debug)]
struct Refused {
    path: String,
    reason: String,
    tries: u32,
}

impl Recall {
    /// Tells of this file again when it has been looked at once more.
    pub(in crate::ingest) fn again(&self, look: &Look) {
        self.lock().again.insert(look.state.id, (Instant::now(), Some(look.clone())));
    }

    /// Tells again of this file, which has been read, if it is still there under another name.
    pub(in crate::ingest) fn by_other_name(&self, id: FileId) {
        self.lock().again.entry(id).or_insert((Instant::now(), None));
    }

    /// Tells again of this file, of which not all that was read is in the store.
    pub(in crate::ingest) fn anew(&self, id: FileId) {
        let mut state = self.lock();
        state.anew.insert(id);
        state.again.entry(id).or_insert((Instant::now(), None));
    }

    /// Whether this file is to be read from its beginning; that is asked once.
    pub(in crate::ingest) fn take_anew(&self, id: FileId) -> bool {
        self.lock().anew.remove(&id)
    }

    /// Tells of this file again later: for now it cannot be read. A reason that is new is logged.
    pub(in crate::ingest) fn later(&self, look: &Look, reason: String) {
        let path = look.path.display().to_string();
        let mut state = self.lock();
        let tries = state.refused.get(&look.state.id).map_or(0, |refused| refused.tries);
        if state.refused.get(&look.state.id).is_none_or(|refused| refused.reason != reason) {
            warn!(path, reason, "cannot be read for now, will try again");
        }
        let due = Instant::now() + TRY_AGAIN * (1 << tries.min(DOUBLINGS));
        state.again.insert(look.state.id, (due, Some(look.clone())));
        state.refused.insert(look.state.id, Refused { path, reason, tries: tries + 1 });
    }

    /// This file can be read.
    pub(in crate::ingest) fn readable(&self, id: FileId) {
        if let Some(Refused { path, .. }) = self.lock().refused.remove(&id) {
            info!(path, "can be read now");
        }
    }

    /// Everything that could not be read when it was last tried, by path, and why.
    pub(in crate::ingest) fn failures(&self) -> Vec<(String, String)> {
        let state = self.lock();
        let refused = state.refused.values().map(|file| (file.path.clone(), file.reason.clone()));
        let unreadable = state.unreadable.iter().map(|(path, why)| (path.clone(), why.clone()));
        let mut failures: Vec<_> = refused.chain(unreadable).collect();
        failures.sort();
        failures
    }

    /// Files of which it is time to tell again; of those that are not there any more, all.
    pub(super) fn take(&self, is_there: impl Fn(FileId) -> bool) -> Vec<(FileId, Option<Look>)> {
        let now = Instant::now();
        let due = |id: &FileId, (due, _): &mut (Instant, _)| *due <= now || !is_there(*id);
        let taken = self.lock().again.extract_if(due).collect::<Vec<_>>();
        taken.into_iter().map(|(id, (_, look))| (id, look)).collect()
    }

    /// What a look at the folders has found: the files that are there, and what is unreadable.
    pub(super) fn looked(&self, there: &HashSet<FileId>, unreadable: HashMap<String, String>) {
        let mut state = self.lock();
        for (path, reason) in &unreadable {
            if state.unreadable.get(path) != Some(reason) {
                warn!(path, reason, "cannot be read for now");
            }
        }
        state.unreadable = unreadable;
        state.refused.retain(|id, _| there.contains(id));
        state.anew.retain(|id| there.contains(id));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is made of single insertions: nothing is left half done by a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
