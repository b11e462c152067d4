//! What the kernel says about the watched folders. Polling finds everything as well, only later;
//! that a writer closed a file, the kernel alone knows.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio::time::timeout;
use tracing::warn;

/// Collects what has happened since the last look.
#[derive(Default)]
pub(super) struct Notices {
    shared: Arc<Shared>,
    /// Kept alive: it is the watch. `None` where the kernel cannot watch.
    watcher: Option<RecommendedWatcher>,
}

#[derive(Default)]
struct Shared {
    closed: Mutex<HashSet<PathBuf>>,
    wake: Notify,
}

impl Notices {
    /// Watches these folders and files. What cannot be watched is only polled.
    pub(super) fn of(places: &[&Path]) -> Self {
        let shared = Arc::<Shared>::default();
        let told = shared.clone();
        let watcher = notify::recommended_watcher(move |event| told.take(event));
        let mut notices = Self { shared, watcher: None };
        match watcher {
            Ok(mut watcher) => {
                for place in places {
                    match watcher.watch(place, RecursiveMode::Recursive) {
                        Ok(()) => {}
                        // It may come, and is found by polling then.
                        Err(error) if matches!(error.kind, ErrorKind::PathNotFound) => {}
                        Err(error) => only_polled(&place.display().to_string(), &error),
                    }
                }
                notices.watcher = Some(watcher);
            }
            Err(error) => only_polled("all folders", &error),
        }
        notices
    }

    /// Waits for something to happen, no longer than `longest`.
    pub(super) async fn wait(&self, longest: Duration) {
        // Either is a reason to look.
        timeout(longest, self.shared.wake.notified()).await.ok();
    }

    /// Files that were closed by a writer since the last call.
    pub(super) fn take_closed(&self) -> HashSet<PathBuf> {
        std::mem::take(&mut *self.shared.closed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shared {
    fn take(&self, event: notify::Result<Event>) {
        match event.map(|event| (event.kind, event.paths)) {
            Ok((EventKind::Access(AccessKind::Close(AccessMode::Write)), paths)) => {
                let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
                closed.extend(paths);
            }
            // Growth is looked for at each poll; to wake for every write would be busy work.
            Ok((
                EventKind::Access(_) | EventKind::Modify(notify::event::ModifyKind::Data(_)),
                _,
            )) => {
                return;
            }
            Ok(_) => {}
            // Events were lost: polling finds what they were about.
            Err(error) => warn!(%error, "the kernel's word on the folders is incomplete"),
        }
        self.wake.notify_one();
    }
}

fn only_polled(place: &str, error: &notify::Error) {
    warn!(place, %error, "cannot be watched, will be polled");
}
