//! Which files to read: what was named, what is in folders, what appears, grows and is finished
//! while watching.

mod inputs;
mod notices;
mod recall;
mod sight;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use crate::ingest::file_state::{FileId, FileState, Finished};
use crate::ingest::ledger::Ledger;
use crate::ingest::{Input, Progress, Watch};
use inputs::{Nothing, Place, Sighted};
use notices::Notices;
pub(super) use recall::Recall;
use sight::{Rotations, Sight, Sights};

/// Time between two looks however much happens, so that a busy folder is not looked at all the
/// time.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// A large tree is looked at this much less of the time than it takes.
const PAUSE_PER_LOOK: u32 = 10;

/// Whether capture files that lie in `folder` itself are read as one of the inputs.
pub(super) fn reads_from(inputs: &[Input], folder: &Path) -> bool {
    let Ok(folder) = folder.canonicalize() else { return false };
    let roots = inputs.iter().filter_map(|input| match input {
        Input::Path(path) => Place::new(path).root.canonicalize().ok(),
        Input::Stream => None,
    });
    roots.into_iter().any(|root| root == folder || root.is_file() && root.parent() == Some(&folder))
}

/// Something to read, or something that cannot be.
#[derive(Debug)]
pub(super) enum Found {
    /// Standard input.
    Stream,
    /// A file that is new, has grown, or is finished.
    File(Look),
    /// A file whose name has gone.
    Gone(FileId),
    /// A file that nobody has read, and that is not there any more under any name.
    Vanished {
        /// Where it was.
        path: String,
        /// How large it was.
        bytes: u64,
    },
    /// There should be something to read, and there is not.
    Unreadable {
        /// What was looked at.
        path: String,
        /// Why it cannot be read.
        reason: String,
    },
    /// Something in a folder that is no file, and hides none.
    Passed {
        /// What was looked at.
        path: String,
        /// What it is.
        reason: String,
    },
}

/// A file as it was found.
#[derive(Debug, Clone)]
pub(super) struct Look {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Its path below the folder that was named, or its own name.
    pub(super) below: String,
    /// Whether the user named this very file, and not a folder around it.
    pub(super) named: bool,
    /// What it was like.
    pub(super) state: FileState,
    /// Whether it is a file that stays where it is, and not a pipe or a device.
    pub(super) is_regular: bool,
    /// Why it is taken to be complete; `None` while it grows.
    pub(super) finished: Option<Finished>,
}

impl Look {
    /// Whether there will be another look at the file.
    pub(super) fn is_watched(&self) -> bool {
        self.finished != Some(Finished::AsItStands)
    }
}

pub(super) struct Discover {
    pub(super) watch: Option<Watch>,
    pub(super) progress: Arc<Progress>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) recall: Arc<Recall>,
    /// Folders of the archive itself, which are never read.
    pub(super) excluded: Vec<PathBuf>,
}

impl Discover {
    /// Sends what there is to read; with `watch`, until it is stopped.
    pub(super) async fn run(
        mut self,
        inputs: Vec<Input>,
        found: mpsc::Sender<Found>,
        stop: CancellationToken,
    ) {
        let existing = self.excluded.iter().filter_map(|path| path.canonicalize().ok());
        self.excluded = existing.collect();
        let sending = async {
            match self.watch {
                None => self.list(inputs, &found).await,
                Some(watch) => self.watch(inputs, watch, &found).await,
            }
        };
        // A closed receiver means that the run is over; both ends are quiet.
        tokio::select! {
            _ = sending => {}
            () = stop.cancelled() => {}
        }
    }

    /// Everything that is there now, each once.
    async fn list(&self, inputs: Vec<Input>, found: &mpsc::Sender<Found>) -> Option<()> {
        let mut all = Vec::new();
        for input in inputs {
            match input {
                Input::Stream => all.push(Found::Stream),
                Input::Path(path) => {
                    all.extend(
                        self.look_at(&Place::new(&path)).await.into_iter().map(as_it_stands),
                    );
                }
            }
        }
        // All sizes first: progress needs a total.
        for item in &all {
            if let Found::File(look) = item {
                self.progress.add_found(look.state.size);
            }
        }
        self.send(all, found).await
    }

    async fn watch(
        &self,
        inputs: Vec<Input>,
        watch: Watch,
        found: &mpsc::Sender<Found>,
    ) -> Option<()> {
        let paths: Vec<PathBuf> = inputs
            .into_iter()
            .filter_map(|input| match input {
                Input::Path(path) => Some(path),
                Input::Stream => None,
            })
            .collect();
        let mut notices = if watch.notified { Notices::start() } else { Notices::default() };
        let mut seen = Seen::default();
        loop {
            let looking = Instant::now();
            // A path that did not exist may have been taken for a pattern, or the reverse.
            let places: Vec<Place> = paths.iter().map(|path| Place::new(path)).collect();
            notices.watch(places.iter().map(|place| place.root.as_path()));
            let closed = notices.take_closed();
            let mut sighted = Vec::new();
            for place in &places {
                sighted.extend(self.look_at(place).await);
            }
            let mut news = self.compare(sighted, &closed, &mut seen);
            news.extend(self.recalled(&mut seen.files));
            news.extend(tell(&mut seen.files, watch.settle));
            // Only the look: the reader takes its files as it can, perhaps for hours.
            let pause = watch.poll.max(looking.elapsed() * PAUSE_PER_LOOK);
            self.send(news, found).await?;
            tokio::time::sleep(SHORTEST_PAUSE.min(watch.poll)).await;
            notices.wait(pause).await;
        }
    }

    async fn send(&self, news: Vec<Found>, found: &mpsc::Sender<Found>) -> Option<()> {
        self.progress.add_waiting(news.len());
        for item in news {
            found.send(item).await.ok()?;
        }
        Some(())
    }

    /// What is new in what was seen.
    fn compare(
        &self,
        mut sighted: Vec<Sighted>,
        closed: &HashMap<PathBuf, FileState>,
        seen: &mut Seen,
    ) -> Vec<Found> {
        let now = (SystemTime::now(), Instant::now());
        let mut news = Vec::new();
        let mut there = HashSet::new();
        let mut unreadable = HashMap::new();
        let mut passed = HashSet::new();
        // Of two names of a file, the one that is no link to the other.
        sighted.sort_by_key(Sighted::is_link);
        for item in sighted {
            match item {
                Sighted::Nothing { path, reason, why } => match why {
                    Nothing::Gone => debug!(path, "gone between two looks"),
                    Nothing::NoMatch => {
                        if !seen.passed.contains(&path) {
                            info!(path, "nothing matches this pattern so far");
                        }
                        passed.insert(path);
                    }
                    Nothing::Unreadable => {
                        unreadable.insert(path, reason);
                    }
                    Nothing::Passed => {
                        if !seen.passed.contains(&path) {
                            news.push(Found::Passed { path: path.clone(), reason });
                        }
                        passed.insert(path);
                    }
                },
                Sighted::File { path, metadata, .. } if !metadata.is_file() => {
                    let reason = "a pipe or device cannot be watched: leave --watch out".to_owned();
                    unreadable.insert(path.display().to_string(), reason);
                }
                Sighted::File { path, below, named, metadata, .. } => {
                    let state = FileState::of(&metadata);
                    // A second name of the same file.
                    if !there.insert(state.id) {
                        continue;
                    }
                    // Else it was another file, or it has been written again since.
                    let is_closed = closed.get(&path) == Some(&state);
                    let sight = match seen.files.entry(state.id) {
                        Entry::Occupied(entry) => {
                            let sight = entry.into_mut();
                            sight.again(path, below, state, now.1);
                            sight
                        }
                        Entry::Vacant(entry) => {
                            entry.insert(Sight::new(path, below, named, state, now))
                        }
                    };
                    if is_closed {
                        sight.close();
                    }
                }
            }
        }
        seen.passed = passed;
        news.extend(forget_absent(&mut seen.files, &there));
        if unreadable.is_empty() {
            // What cannot be looked at may come back, with all its files.
            self.ledger.retain(&there);
        }
        self.recall.looked(&there, unreadable);
        news
    }

    /// Files of which the reader wants to be told again; those that it could not read and that
    /// are not there any more have never been read.
    fn recalled(&self, sights: &mut Sights) -> Vec<Found> {
        let mut vanished = Vec::new();
        for (id, look) in self.recall.take(|id| sights.contains_key(&id)) {
            match (sights.get_mut(&id), look) {
                (Some(sight), _) => sight.untell(),
                (None, Some(look)) => vanished.push(Found::Vanished {
                    path: look.path.display().to_string(),
                    bytes: look.state.size,
                }),
                (None, None) => {}
            }
        }
        vanished
    }

    async fn look_at(&self, place: &Place) -> Vec<Sighted> {
        let (place, excluded) = (place.clone(), self.excluded.clone());
        let name = place.root.display().to_string();
        spawn_blocking(move || place.look(&excluded)).await.unwrap_or_else(|error| {
            let (reason, why) = (error.to_string(), Nothing::Unreadable);
            vec![Sighted::Nothing { path: name, reason, why }]
        })
    }
}

/// What is known from look to look.
#[derive(Default)]
struct Seen {
    files: Sights,
    /// What is no file, and has been told of.
    passed: HashSet<String>,
}

/// What the reader must know, by path.
fn tell(sights: &mut Sights, settle: Duration) -> Vec<Found> {
    let now = Instant::now();
    let rotations = Rotations::of(sights.values());
    let mut looks: Vec<Look> = Vec::new();
    for sight in sights.values_mut() {
        let finished = sight.finished(rotations.newest(&sight.path), settle, now);
        if sight.tell(finished) {
            looks.push(Look {
                path: sight.path.clone(),
                below: sight.below.clone(),
                named: sight.named,
                state: sight.state,
                is_regular: true,
                finished,
            });
        }
    }
    // The oldest first: packets come as they were captured.
    looks.sort_by(|a, b| (a.state.modified, &a.path).cmp(&(b.state.modified, &b.path)));
    looks.into_iter().map(Found::File).collect()
}

/// Files whose name has gone since the last look.
fn forget_absent(sights: &mut Sights, there: &HashSet<FileId>) -> Vec<Found> {
    sights.extract_if(|id, _| !there.contains(id)).map(|(id, _)| Found::Gone(id)).collect()
}

fn as_it_stands(sighted: Sighted) -> Found {
    match sighted {
        Sighted::File { path, below, named, metadata, .. } => Found::File(Look {
            path,
            below,
            named,
            state: FileState::of(&metadata),
            is_regular: metadata.is_file(),
            finished: Some(Finished::AsItStands),
        }),
        Sighted::Nothing { path, reason, why: Nothing::Passed } => Found::Passed { path, reason },
        Sighted::Nothing { path, reason, .. } => Found::Unreadable { path, reason },
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;

    /// How the file at `path` is finished, when it was closed as it was in `state`.
    fn finished(path: &Path, state: FileState) -> Option<Finished> {
        let discover = Discover {
            watch: None,
            progress: Arc::default(),
            ledger: Arc::default(),
            recall: Arc::default(),
            excluded: Vec::new(),
        };
        let mut seen = Seen::default();
        let closed = HashMap::from([(path.to_owned(), state)]);
        discover.compare(Place::new(path).look(&[]), &closed, &mut seen);
        match &tell(&mut seen.files, Duration::MAX)[..] {
            [Found::File(look)] => look.finished,
            found => panic!("one file: {found:?}"),
        }
    }

    #[test]
    fn a_close_is_of_the_file_that_had_the_name_then() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cap.pcap");
        let state = || FileState::of(&fs::metadata(&path).unwrap());
        let mut writer = fs::File::create(&path).unwrap();
        writer.write_all(b"all of it").unwrap();
        let closed = state();
        assert_eq!(finished(&path, closed), Some(Finished::Closed));
        // Both exist for a while, so that they cannot have the same number.
        let next = folder.path().join("next");
        fs::write(&next, b"all of it").unwrap();
        fs::rename(&next, &path).unwrap();
        assert_eq!(finished(&path, closed), None, "another file");
        let closed = state();
        fs::write(&path, b"written anew").unwrap();
        assert_eq!(finished(&path, closed), None, "written since");
    }
}
