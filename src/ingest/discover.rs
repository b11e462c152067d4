//! Which files to read: what was named, what is in folders, what appears while watching.

use std::collections::HashMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use walkdir::WalkDir;

use crate::ingest::{Input, Progress, Watch};

/// Something to read, or something that cannot be.
#[derive(Debug)]
pub(super) enum Found {
    /// Standard input.
    Stream,
    /// A file.
    File {
        /// Where it is.
        path: PathBuf,
        /// Its path below the folder that was named, or its own name.
        below: String,
        /// Whether the user named this very file, and not a folder around it.
        named: bool,
    },
    /// There should be something to read, and there is not.
    Unreadable {
        /// What was looked at.
        path: String,
        /// Why it cannot be read.
        reason: String,
    },
}

pub(super) struct Discover {
    pub(super) watch: Option<Watch>,
    pub(super) progress: Arc<Progress>,
}

impl Discover {
    /// Sends what there is to read; with `watch`, until it is stopped.
    pub(super) async fn run(
        self,
        inputs: Vec<Input>,
        found: mpsc::Sender<Found>,
        stop: CancellationToken,
    ) {
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

    async fn list(&self, inputs: Vec<Input>, found: &mpsc::Sender<Found>) -> Option<()> {
        let mut all = Vec::new();
        for input in inputs {
            all.extend(look_at(input).await);
        }
        // All sizes first: progress needs a total.
        for (_, metadata) in &all {
            self.progress.add_found(metadata.as_ref().map_or(0, Metadata::len));
        }
        for (item, _) in all {
            found.send(item).await.ok()?;
        }
        Some(())
    }

    async fn watch(
        &self,
        inputs: Vec<Input>,
        watch: Watch,
        found: &mpsc::Sender<Found>,
    ) -> Option<()> {
        let mut seen = HashMap::new();
        loop {
            for input in &inputs {
                for (item, metadata) in look_at(input.clone()).await {
                    if is_due(&item, metadata.as_ref(), &mut seen, watch) {
                        self.progress.add_found(metadata.as_ref().map_or(0, Metadata::len));
                        found.send(item).await.ok()?;
                    }
                }
            }
            tokio::time::sleep(watch.poll).await;
        }
    }
}

/// A file's size and time of change when it was last looked at, and since when they stand still.
#[derive(Debug)]
struct Sight {
    state: (u64, Option<SystemTime>),
    since: Instant,
    sent: bool,
}

/// Whether a file has stood still long enough, and has not been sent in this state before.
fn is_due(
    item: &Found,
    metadata: Option<&Metadata>,
    seen: &mut HashMap<String, Sight>,
    watch: Watch,
) -> bool {
    let (key, state) = match item {
        Found::Stream => return false,
        Found::File { path, .. } => {
            let size = metadata.map_or(0, Metadata::len);
            let changed = metadata.and_then(|metadata| metadata.modified().ok());
            (path.to_string_lossy().into_owned(), (size, changed))
        }
        Found::Unreadable { path, .. } => (path.clone(), (0, None)),
    };
    let now = Instant::now();
    let sight = seen.entry(key).or_insert_with(|| Sight { state, since: now, sent: false });
    if sight.state != state {
        *sight = Sight { state, since: now, sent: false };
    }
    let due = !sight.sent && now.duration_since(sight.since) >= watch.settle;
    sight.sent |= due;
    due
}

/// Everything that an input stands for, sorted by path, with what is known of each file.
async fn look_at(input: Input) -> Vec<(Found, Option<Metadata>)> {
    let path = match input {
        Input::Stream => return vec![(Found::Stream, None)],
        Input::Path(path) => path,
    };
    let name = path.display().to_string();
    tokio::task::spawn_blocking(move || walk(&path)).await.unwrap_or_else(|error| {
        vec![(Found::Unreadable { path: name, reason: error.to_string() }, None)]
    })
}

fn walk(root: &Path) -> Vec<(Found, Option<Metadata>)> {
    let entries = WalkDir::new(root).follow_links(true).sort_by_file_name();
    let mut found = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) if entry.file_type().is_dir() => {}
            Ok(entry) => {
                let below = below(root, entry.path());
                let named = entry.depth() == 0;
                let metadata = entry.metadata().ok();
                found.push((Found::File { path: entry.into_path(), below, named }, metadata));
            }
            Err(error) => {
                let path = error.path().unwrap_or(root).display().to_string();
                let reason = error
                    .io_error()
                    .map_or_else(|| "the folder contains itself".to_owned(), ToString::to_string);
                found.push((Found::Unreadable { path, reason }, None));
            }
        }
    }
    found
}

/// The path below `root`; of a file that was named itself, its base name.
fn below(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    let below =
        if below.as_os_str().is_empty() { path.file_name().map_or(path, Path::new) } else { below };
    below.to_string_lossy().into_owned()
}
