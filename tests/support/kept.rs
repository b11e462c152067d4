//! What capture programs write stays known, whoever deletes it: every new file of a folder gets a
//! second name elsewhere.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::records::{Record, records};

/// A rotation is hundreds of times longer.
const LOOK_EVERY: Duration = Duration::from_millis(3);

/// Hard links to every file that was ever in a folder (without its subfolders).
pub struct Kept {
    folder: PathBuf,
    links: PathBuf,
    names: Arc<Mutex<HashMap<u64, Vec<String>>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Kept {
    /// Keeps what appears in `folder` from now on, in `kept`, which is made.
    pub fn start(folder: &Path, kept: PathBuf) -> Self {
        fs::create_dir_all(&kept).unwrap();
        let (names, stop) = (Arc::<Mutex<HashMap<_, _>>>::default(), Arc::<AtomicBool>::default());
        let mut keeper = Keeper {
            folder: folder.to_owned(),
            links: kept.clone(),
            names: names.clone(),
            linked: HashSet::new(),
        };
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                keeper.look();
                thread::sleep(LOOK_EVERY);
            }
            keeper.look();
        });
        Self { folder: folder.to_owned(), links: kept, names, stop, thread: Some(thread) }
    }

    /// Files that have no name any more but the kept one: its path, and the names they had.
    pub fn gone(&self) -> Vec<(PathBuf, Vec<String>)> {
        let names = self.names.lock().unwrap();
        let mut gone = Vec::new();
        for path in self.files() {
            let metadata = fs::metadata(&path).unwrap();
            if metadata.nlink() == 1 {
                gone.push((path, names[&metadata.ino()].clone()));
            }
        }
        gone
    }

    /// Every packet of every kept pcap file. Compressed ones are copies of others.
    pub fn packets(&self) -> Vec<Record> {
        let mut packets = Vec::new();
        for path in self.files() {
            let bytes = fs::read(path).unwrap();
            if !bytes.starts_with(&[0x1f, 0x8b]) {
                packets.extend(records(&bytes));
            }
        }
        packets
    }

    /// The kept names.
    pub fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.links).unwrap();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| !path.ends_with(LINKING));
        files.sort();
        files
    }

    /// The folder that is looked at.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Looks once more and ends.
    pub fn finish(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

struct Keeper {
    folder: PathBuf,
    links: PathBuf,
    names: Arc<Mutex<HashMap<u64, Vec<String>>>>,
    linked: HashSet<u64>,
}

/// A link whose file is not known yet.
const LINKING: &str = "linking";

impl Keeper {
    fn look(&mut self) {
        for entry in fs::read_dir(&self.folder).unwrap() {
            let entry = entry.unwrap();
            // Gone again, or another file by now: the next look sees.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_file() && self.keep(&entry.path(), metadata.ino()).is_ok() {
                let name = entry.file_name().into_string().unwrap();
                let mut names = self.names.lock().unwrap();
                let names = names.entry(metadata.ino()).or_default();
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
    }

    fn keep(&mut self, path: &Path, inode: u64) -> io::Result<()> {
        if self.linked.contains(&inode) {
            return Ok(());
        }
        // Two steps, since the name may be another file's when it is linked.
        let linking = self.links.join(LINKING);
        fs::hard_link(path, &linking)?;
        let linked = fs::metadata(&linking)?.ino();
        self.names.lock().unwrap().entry(linked).or_default();
        fs::rename(&linking, self.links.join(linked.to_string()))?;
        if linking.try_exists()? {
            // Both names were one file already, and such a rename does nothing.
            fs::remove_file(&linking)?;
        }
        self.linked.insert(linked);
        if linked == inode { Ok(()) } else { Err(io::Error::other("another file by now")) }
    }
}
