//! Tantivy's directory of memory-mapped files, with what it lacks.

use std::fs::File;
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tantivy::HasLen;
use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    AntiCallToken, Directory, DirectoryLock, FileHandle, Lock, META_LOCK, MmapDirectory,
    OwnedBytes, TerminatingWrite, WatchCallback, WatchHandle, WritePtr,
};

use crate::store::embedded::error::{index_error, kind_of_io};
use crate::store::{StoreError, StoreResult};

/// The file that names the segments: replacing it is the commit.
pub(super) const META_FILE: &str = "meta.json";

/// Tantivy's [`MmapDirectory`] and three more things:
/// - After the commit file is replaced, the directory is synced. Tantivy syncs it only before,
///   so that after a power failure the old file could be back.
/// - The first error of writing is remembered: tantivy reports most of them as "a thread died".
/// - A store on a read-only disk can be read, though its lock file cannot be opened.
///
/// It also does without a memory map where packets are stored: a fetch of everything, or one merge
/// after the other, would fill the process with pages that the system counts as its memory.
#[derive(Debug, Clone)]
pub(super) struct StoreDirectory {
    inner: MmapDirectory,
    folder: PathBuf,
    faults: Arc<Faults>,
}

/// Extension of the files with the stored packets.
const PACKETS_EXTENSION: &str = "store";

/// A file that is read piece by piece.
#[derive(Debug)]
struct UnmappedFile {
    file: Mutex<File>,
    length: usize,
}

impl UnmappedFile {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        Ok(Self { file: Mutex::new(file), length })
    }
}

impl HasLen for UnmappedFile {
    fn len(&self) -> usize {
        self.length
    }
}

impl FileHandle for UnmappedFile {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        let mut bytes = vec![0; range.len()];
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(range.start as u64))?;
        file.read_exact(&mut bytes)?;
        Ok(OwnedBytes::new(bytes))
    }
}

/// What went wrong while writing.
#[derive(Debug, Default)]
pub(super) struct Faults {
    first: Mutex<Option<io::Error>>,
    /// Bytes that can still be written, for tests of a full disk.
    #[cfg(test)]
    #[cfg(feature = "testing")]
    pub(super) bytes_left: Mutex<Option<usize>>,
}

impl StoreDirectory {
    /// The files in `path`, which must be a directory.
    pub(super) fn open(path: &Path) -> StoreResult<Self> {
        let inner = MmapDirectory::open(path)
            .map_err(|error| index_error(format!("open {}", path.display()), &error.into()))?;
        Ok(Self { inner, folder: path.to_owned(), faults: Arc::default() })
    }

    /// What went wrong while writing, from now on.
    pub(super) fn faults(&self) -> Arc<Faults> {
        self.faults.clone()
    }
}

impl Faults {
    /// The first error of writing, if there was one.
    pub(super) fn first(&self, operation: &str) -> Option<StoreError> {
        let first = self.locked();
        first.as_ref().map(|error| StoreError::new(kind_of_io(error), operation, error))
    }

    fn note<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result
            && error.kind() != io::ErrorKind::Interrupted
        {
            self.locked().get_or_insert_with(|| copy(error));
        }
        result
    }

    fn locked(&self) -> MutexGuard<'_, Option<io::Error>> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    #[cfg(feature = "testing")]
    fn spend(&self, bytes: usize) -> io::Result<()> {
        let mut left = self.bytes_left.lock().unwrap();
        match left.as_mut() {
            Some(left) if *left < bytes => Err(io::ErrorKind::StorageFull.into()),
            Some(left) => {
                *left -= bytes;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// An [`io::Error`] cannot be cloned.
fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

/// A file being written.
struct NotingWriter {
    inner: WritePtr,
    faults: Arc<Faults>,
}

impl Write for NotingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        #[cfg(test)]
        #[cfg(feature = "testing")]
        self.faults.note(self.faults.spend(bytes.len()))?;
        self.faults.note(self.inner.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.faults.note(self.inner.flush())
    }
}

impl TerminatingWrite for NotingWriter {
    fn terminate_ref(&mut self, token: AntiCallToken) -> io::Result<()> {
        self.faults.note(self.inner.terminate_ref(token))
    }
}

impl Directory for StoreDirectory {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        if path.extension().is_none_or(|extension| extension != PACKETS_EXTENSION) {
            return self.inner.get_file_handle(path);
        }
        match UnmappedFile::open(&self.folder.join(path)) {
            Ok(file) => Ok(Arc::new(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(OpenReadError::FileDoesNotExist(path.to_owned()))
            }
            Err(error) => Err(OpenReadError::wrap_io_error(error, path.to_owned())),
        }
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        self.inner.delete(path)
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.inner.exists(path)
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        let inner = self.inner.open_write(path).inspect_err(|error| {
            if let OpenWriteError::IoError { io_error, .. } = error {
                self.faults.locked().get_or_insert_with(|| copy(io_error));
            }
        })?;
        Ok(BufWriter::new(Box::new(NotingWriter { inner, faults: self.faults.clone() })))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        self.inner.atomic_read(path)
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        self.faults.note(self.inner.atomic_write(path, data))?;
        if path == Path::new(META_FILE) {
            self.faults.note(self.inner.sync_directory())?;
        }
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.faults.note(self.inner.sync_directory())
    }

    fn acquire_lock(&self, lock: &Lock) -> Result<DirectoryLock, LockError> {
        match self.inner.acquire_lock(lock) {
            Err(LockError::IoError(error))
                if lock.filepath == META_LOCK.filepath
                    && matches!(
                        error.kind(),
                        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
                    ) =>
            {
                // Who may not write cannot keep a writer from removing files; the reader tries
                // again when one of its files has gone.
                Ok(DirectoryLock::from(Box::new(())))
            }
            result => result,
        }
    }

    fn watch(&self, callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        self.inner.watch(callback)
    }
}
