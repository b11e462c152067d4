//! Locks between processes: files that the operating system unlocks when their owner ends,
//! however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Held by the one process that writes.
const WRITER: &str = ".pcap-archiver-writer.lock";
/// Held by the process that is next to write, so that a busy writer can see it and let it in.
const NEXT: &str = ".pcap-archiver-next.lock";

/// Names of the lock files.
pub(super) const LOCK_FILES: [&str; 2] = [WRITER, NEXT];

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub(super) struct WriterLock {
    folder: PathBuf,
    _file: File,
}

/// A place in front of the writer lock.
#[derive(Debug, Default)]
pub(super) struct Queue {
    next: Option<File>,
}

impl Queue {
    /// Takes the writer lock if it is this process's turn; `None` when it is not yet.
    pub(super) fn try_lock(&mut self, folder: &Path) -> io::Result<Option<WriterLock>> {
        if self.next.is_none() {
            self.next = try_lock(&folder.join(NEXT))?;
        }
        if self.next.is_none() {
            return Ok(None);
        }
        let Some(file) = try_lock(&folder.join(WRITER))? else { return Ok(None) };
        self.next = None;
        Ok(Some(WriterLock { folder: folder.to_owned(), _file: file }))
    }
}

impl WriterLock {
    /// Whether another process waits for the lock.
    pub(super) fn is_awaited(&self) -> io::Result<bool> {
        Ok(try_lock(&self.folder.join(NEXT))?.is_none())
    }
}

/// When the store in `folder` was made, as the lock file says, which goes with the store: its
/// time, where the file system keeps it, and its number.
pub(super) fn made(folder: &Path) -> io::Result<String> {
    let metadata = open(&folder.join(WRITER))?.metadata()?;
    let time = metadata.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Ok(format!("{}-{}", time.unwrap_or_default().as_nanos(), metadata.ino()))
}

/// Whether this process could write in `folder`.
pub(super) fn may_write(folder: &Path) -> io::Result<bool> {
    match open(&folder.join(WRITER)) {
        Ok(_) => Ok(true),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).open(path)
}

fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let file = open(path)?;
    match file.try_lock() {
        // The store may have been destroyed, and its lock files with it, in between.
        Ok(()) => Ok(path.try_exists()?.then_some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_writes_one_is_next_and_the_others_queue() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let (mut one, mut two, mut three) = (Queue::default(), Queue::default(), Queue::default());
        let writer = one.try_lock(path).unwrap().expect("the first gets it");
        assert!(!writer.is_awaited().unwrap());

        assert!(two.try_lock(path).unwrap().is_none());
        assert!(three.try_lock(path).unwrap().is_none());
        assert!(writer.is_awaited().unwrap());

        drop(writer);
        assert!(one.try_lock(path).unwrap().is_none(), "not before the one who waits");
        assert!(three.try_lock(path).unwrap().is_none());
        let writer = two.try_lock(path).unwrap().expect("was next");
        assert!(!writer.is_awaited().unwrap());
    }
}
