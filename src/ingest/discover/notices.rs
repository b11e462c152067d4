//! What the kernel says about the watched folders. Polling finds everything as well, only later;
//! that a writer closed a file, the kernel alone knows.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{self, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio::time::timeout;
use tracing::warn;

use crate::ingest::file_state::{FileId, FileState};

/// Collects what has happened since the last look.
#[derive(Default)]
pub(super) struct Notices {
    shared: Arc<Shared>,
    /// Kept alive: it is the watch. `None` where the kernel cannot watch.
    watcher: Option<RecommendedWatcher>,
    /// Folders and files as they were when the kernel was asked to watch them.
    watched: HashMap<PathBuf, FileId>,
}

#[derive(Default)]
struct Shared {
    told: Mutex<Told>,
    wake: Notify,
}

#[derive(Default)]
struct Told {
    /// Watched places: as the kernel's words begin, and as they were named.
    roots: Vec<(PathBuf, PathBuf)>,
    /// Files that were closed by a writer, as the walk through the folders calls them, and what
    /// they were like then: another file may have the name by the time of the next look.
    closed: HashMap<PathBuf, FileState>,
    /// Places that were removed or renamed: what has the name now is not watched.
    lost: HashSet<PathBuf>,
}

impl Notices {
    /// Nothing is watched yet. Where the kernel cannot watch, that is said once.
    pub(super) fn start() -> Self {
        let shared = Arc::<Shared>::default();
        let told = shared.clone();
        let watcher = notify::recommended_watcher(move |event| told.take(event));
        let watcher = watcher.map_err(|error| only_polled("all folders", &error)).ok();
        Self { shared, watcher, watched: HashMap::new() }
    }

    /// Watches these folders and files, also those that were made anew since the last time. What
    /// cannot be watched is only polled.
    pub(super) fn watch<'a>(&mut self, places: impl Iterator<Item = &'a Path>) {
        let Some(watcher) = &mut self.watcher else { return };
        let lost = std::mem::take(&mut self.shared.told().lost);
        for place in places {
            let (Ok(metadata), Ok(absolute)) = (fs::metadata(place), path::absolute(place)) else {
                // It may come, and is found by polling then.
                self.watched.remove(place);
                continue;
            };
            let id = FileState::of(&metadata).id;
            if self.watched.get(place) == Some(&id) && !lost.contains(&absolute) {
                continue;
            }
            // What had this name is watched no longer; mostly the kernel has noticed that itself.
            watcher.unwatch(&absolute).unwrap_or_default();
            self.shared.told().add_root(&absolute, place);
            match watcher.watch(&absolute, RecursiveMode::Recursive) {
                Ok(()) => {}
                Err(error) if matches!(error.kind, ErrorKind::PathNotFound) => continue,
                Err(error) => only_polled(&place.display().to_string(), &error),
            }
            self.watched.insert(place.to_owned(), id);
        }
    }

    /// Waits for something to happen, no longer than `longest`.
    pub(super) async fn wait(&self, longest: Duration) {
        // Either is a reason to look.
        timeout(longest, self.shared.wake.notified()).await.ok();
    }

    /// Files that were closed by a writer since the last call, as they were then.
    pub(super) fn take_closed(&self) -> HashMap<PathBuf, FileState> {
        std::mem::take(&mut self.shared.told().closed)
    }
}

impl Shared {
    fn told(&self) -> MutexGuard<'_, Told> {
        // Each change is one insertion: nothing is left half done by a panic.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, event: notify::Result<Event>) {
        match event.map(|event| (event.kind, event.paths)) {
            Ok((EventKind::Access(AccessKind::Close(AccessMode::Write)), paths)) => {
                // What has gone already is nobody's to read.
                let as_they_are = paths.into_iter().filter_map(|path| {
                    let state = FileState::of(&fs::metadata(&path).ok()?);
                    Some((path, state))
                });
                let closed: Vec<_> = as_they_are.collect();
                self.told().close(&closed);
            }
            // Growth is looked for at each poll; to wake for every write would be busy work.
            Ok((EventKind::Access(_) | EventKind::Modify(ModifyKind::Data(_)), _)) => return,
            Ok((EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)), paths)) => {
                self.told().lose(paths);
            }
            Ok(_) => {}
            Err(error) if matches!(error.kind, ErrorKind::MaxFilesWatch) => {
                only_polled("a new folder", &error);
            }
            // Events were lost: polling finds what they were about.
            Err(error) => warn!(%error, "the kernel's word on the folders is incomplete"),
        }
        self.wake.notify_one();
    }
}

impl Told {
    fn add_root(&mut self, absolute: &Path, place: &Path) {
        if !self.roots.iter().any(|(_, known)| known == place) {
            self.roots.push((absolute.to_owned(), place.to_owned()));
        }
    }

    fn close(&mut self, closed: &[(PathBuf, FileState)]) {
        for (path, state) in closed {
            let names = self.roots.iter().filter_map(|(absolute, place)| {
                let below = path.strip_prefix(absolute).ok()?;
                Some(if below.as_os_str().is_empty() { place.clone() } else { place.join(below) })
            });
            self.closed.extend(names.map(|name| (name, *state)));
        }
    }

    fn lose(&mut self, paths: Vec<PathBuf>) {
        let roots = &self.roots;
        let lost = paths.into_iter().filter(|path| roots.iter().any(|(root, _)| root == path));
        self.lost.extend(lost);
    }
}

fn only_polled(place: &str, error: &notify::Error) {
    let hint = match error.kind {
        ErrorKind::MaxFilesWatch => "raise the system's limit fs.inotify.max_user_watches",
        _ => "files are found all the same, only later",
    };
    warn!(place, %error, hint, "cannot be watched, will be polled");
}
