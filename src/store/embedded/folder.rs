//! The directory of a store: what is in it, and which files in it are the store's own.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tantivy::directory::error::OpenReadError;
use tantivy::schema::Schema;
use tantivy::store::{Compressor, ZstdCompressor};
use tantivy::{Index, IndexSettings, ReloadPolicy, Searcher, TantivyError};

use crate::folders;
use crate::store::embedded::directory::{META_FILE, StoreDirectory};
use crate::store::embedded::error::{index_error, io_error};
use crate::store::embedded::lock::LOCK_FILES;
use crate::store::embedded::schema::{MadeAs, RECORD, STRETCH};
use crate::store::{Layout, StoreError, StoreErrorKind, StoreResult};

/// Bytes of packets that are compressed together, before compression. Larger blocks are smaller
/// on disk, and slower when a few packets are taken from each.
const BLOCK_SIZE: usize = 32 * 1024;
/// Above this, zstd costs more time than it saves space on packets.
const COMPRESSION_LEVEL: i32 = 1;
/// Tries to open a store whose files are being replaced; needed only where its lock file cannot
/// be opened.
const OPEN_TRIES: u32 = 5;

/// A directory that is, or can become, a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Folder {
    path: PathBuf,
}

/// Bytes of a store's files.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    /// Of each segment, by its id; also of those that no commit names yet, or any more.
    pub(super) segments: HashMap<String, u64>,
    /// Of all else.
    pub(super) others: u64,
}

/// What is in the directory of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contents {
    /// There is no directory.
    Missing,
    /// No store and nothing else.
    Empty,
    /// A store.
    Store,
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What is in the directory.
    ///
    /// # Errors
    /// When it is a file, cannot be read, or holds other things and no store.
    pub(super) fn contents(&self) -> StoreResult<Contents> {
        let failed = |error: &io::Error| io_error(self.operation("look into"), error);
        match fs::metadata(&self.path) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => {
                return Err(StoreError::new(
                    StoreErrorKind::InvalidConfiguration,
                    self.operation("open store"),
                    "it is a file, and a store is a directory",
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Contents::Missing),
            Err(error) => return Err(failed(&error)),
        }
        if self.path.join(META_FILE).try_exists().map_err(|error| failed(&error))? {
            return Ok(Contents::Store);
        }
        for name in self.names()? {
            // A disk of its own has one at its top.
            if !is_own(&name) && name != "lost+found" {
                return Err(StoreError::new(
                    StoreErrorKind::Conflict,
                    self.operation("open store"),
                    format!("there is no store in it, but other files, such as {name}"),
                ));
            }
        }
        Ok(Contents::Empty)
    }

    /// Fails unless there is a store in the directory.
    pub(super) fn must_be_store(&self) -> StoreResult<()> {
        match self.contents()? {
            Contents::Store => Ok(()),
            Contents::Missing | Contents::Empty => Err(StoreError::new(
                StoreErrorKind::NotSetUp,
                self.operation("open store"),
                "there is no store yet",
            )),
        }
    }

    /// Makes the directory.
    pub(super) fn create(&self) -> StoreResult<()> {
        folders::create(&self.path).map_err(|error| io_error(self.operation("make"), &error))
    }

    /// Opens the index, or makes one of this kind. The caller holds the writer lock.
    pub(super) fn open_or_create(
        &self,
        directory: StoreDirectory,
        kind: MadeAs,
    ) -> StoreResult<Index> {
        match self.contents()? {
            Contents::Store => self.open(directory),
            Contents::Missing | Contents::Empty => {
                let settings = IndexSettings {
                    docstore_compression: match kind.documents {
                        Layout::Singles => Compressor::Zstd(ZstdCompressor {
                            compression_level: Some(COMPRESSION_LEVEL),
                        }),
                        // Stretches are compressed each by itself.
                        Layout::Flows => Compressor::None,
                    },
                    docstore_blocksize: BLOCK_SIZE,
                    // It would get a copy of every block, while all cores have work anyway.
                    docstore_compress_dedicated_thread: false,
                    ..IndexSettings::default()
                };
                Index::create(directory, kind.schema().clone(), settings)
                    .map_err(|error| index_error(self.operation("make store"), &error))
            }
        }
    }

    fn open(&self, directory: StoreDirectory) -> StoreResult<Index> {
        let operation = self.operation("open store");
        let index = Index::open(directory).map_err(|error| index_error(&operation, &error))?;
        self.check_schema(&index.schema())?;
        Ok(index)
    }

    fn check_schema(&self, schema: &Schema) -> StoreResult<()> {
        if MadeAs::of(schema).is_some() {
            return Ok(());
        }
        let (kind, reason) = if [RECORD, STRETCH].iter().any(|name| schema.get_field(name).is_ok())
        {
            let reason = "another version of this program made it, with other fields";
            (StoreErrorKind::Corrupt, reason)
        } else {
            (StoreErrorKind::Conflict, "there is an index of another program in it")
        };
        Err(StoreError::new(kind, self.operation("open store"), reason))
    }

    /// The store as it is now; it does not change under the reader.
    pub(super) fn snapshot(&self) -> StoreResult<Searcher> {
        self.snapshot_of(&self.index()?)
    }

    /// The store's index, of which nothing but the list of its segments has been read.
    pub(super) fn index(&self) -> StoreResult<Index> {
        self.must_be_store()?;
        self.open(StoreDirectory::open(&self.path)?)
    }

    /// As [`Self::snapshot`], through an index that is open already.
    pub(super) fn snapshot_of(&self, index: &Index) -> StoreResult<Searcher> {
        let mut tries = 1;
        loop {
            // Documents are read without tantivy's own cache of blocks.
            let builder = index.reader_builder().reload_policy(ReloadPolicy::Manual);
            match builder.doc_store_cache_num_blocks(0).try_into() {
                Ok(reader) => return Ok(reader.searcher()),
                Err(TantivyError::OpenReadError(OpenReadError::FileDoesNotExist(_)))
                    if tries < OPEN_TRIES =>
                {
                    tries += 1;
                }
                Err(error) => return Err(index_error(self.operation("read store"), &error)),
            }
        }
    }

    /// Removes what a killed process left behind: temporary files, and files of segments that
    /// no commit names. The caller holds the writer lock.
    pub(super) fn remove_leftovers(&self, index: &Index) -> StoreResult<()> {
        let operation = self.operation("clean up");
        let segments =
            index.searchable_segment_metas().map_err(|error| index_error(&operation, &error))?;
        let in_use: HashSet<String> =
            segments.iter().map(|segment| segment.id().uuid_string()).collect();
        for name in self.names()? {
            let left_over = is_temporary(&name)
                || segment_of_file(&name).is_some_and(|segment| !in_use.contains(segment));
            if left_over {
                tracing::debug!(file = name, "removing a file that no commit names");
                remove_file(&self.path.join(&name))
                    .map_err(|error| io_error(&operation, &error))?;
            }
        }
        Ok(())
    }

    /// Removes the store's own files, and the directory if nothing else is in it. The caller
    /// holds the writer lock.
    pub(super) fn remove_store(&self) -> StoreResult<()> {
        let failed = |error: &io::Error| io_error(self.operation("remove store"), error);
        // Without its commit file it is no store any more, whatever happens next.
        remove_file(&self.path.join(META_FILE)).map_err(|error| failed(&error))?;
        for name in self.names()? {
            if is_own(&name) {
                remove_file(&self.path.join(&name)).map_err(|error| failed(&error))?;
            }
        }
        match fs::remove_dir(&self.path) {
            Err(error)
                if !matches!(
                    error.kind(),
                    // Of others, or a mount point or the like.
                    io::ErrorKind::DirectoryNotEmpty
                        | io::ErrorKind::ResourceBusy
                        | io::ErrorKind::PermissionDenied
                        | io::ErrorKind::InvalidInput
                ) =>
            {
                Err(failed(&error))
            }
            _ => Ok(()),
        }
    }

    /// Bytes of the store's own files.
    pub(super) fn bytes(&self) -> StoreResult<u64> {
        let sizes = self.sizes()?;
        Ok(sizes.segments.values().sum::<u64>() + sizes.others)
    }

    /// Bytes of the store's own files, by what they belong to.
    pub(super) fn sizes(&self) -> StoreResult<Sizes> {
        let mut sizes = Sizes::default();
        for name in self.names()?.into_iter().filter(|name| is_own(name)) {
            match fs::metadata(self.path.join(&name)) {
                Ok(found) => match segment_of_file(&name) {
                    Some(segment) => {
                        *sizes.segments.entry(segment.to_owned()).or_default() += found.len();
                    }
                    None => sizes.others += found.len(),
                },
                // A merge has just removed it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(io_error(self.operation("look into"), &error)),
            }
        }
        Ok(sizes)
    }

    /// Names of all that is in the directory; those that are no Unicode in an approximate form,
    /// which is nobody's own.
    fn names(&self) -> StoreResult<Vec<String>> {
        fs::read_dir(&self.path)
            .and_then(|entries| {
                entries
                    .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
                    .collect::<io::Result<_>>()
            })
            .map_err(|error| io_error(self.operation("look into"), &error))
    }

    /// "verb directory", for errors.
    pub(super) fn operation(&self, verb: &str) -> String {
        format!("{verb} {}", self.path.display())
    }
}

fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether the store makes files of this name.
fn is_own(name: &str) -> bool {
    name == META_FILE
        || name == ".managed.json"
        || name == ".tantivy-writer.lock"
        || name == ".tantivy-meta.lock"
        || LOCK_FILES.contains(&name)
        || is_temporary(name)
        || segment_of_file(name).is_some()
}

/// Tantivy replaces a file by way of a temporary one: `.tmp` and six letters or digits.
fn is_temporary(name: &str) -> bool {
    name.strip_prefix(".tmp").is_some_and(|rest| {
        rest.len() == 6 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// The segment that a file belongs to: its name is the segment's id in 32 hexadecimal digits, a
/// dot, and what is in it.
fn segment_of_file(name: &str) -> Option<&str> {
    let (id, _) = name.split_once('.')?;
    (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_files_are_told_from_others() {
        for own in [
            "meta.json",
            ".managed.json",
            ".tmpAb3dEf",
            "0123456789abcdef0123456789abcdef.store",
            "0123456789abcdef0123456789abcdef.17.del",
            ".pcap-archiver-writer.lock",
        ] {
            assert!(is_own(own), "{own}");
        }
        for other in ["a.pcap", ".tmp", ".tmpfile.txt", "0123456789abcdef.store", "meta.json.bak"] {
            assert!(!is_own(other), "{other}");
        }
    }

    #[test]
    fn a_directory_of_others_is_refused_and_a_file_too() {
        let directory = tempfile::tempdir().unwrap();
        let folder = Folder::new(directory.path().to_owned());
        assert_eq!(folder.contents().unwrap(), Contents::Empty);
        fs::create_dir(directory.path().join("lost+found")).unwrap();
        assert_eq!(folder.contents().unwrap(), Contents::Empty);
        let capture = directory.path().join("a.pcap");
        fs::write(&capture, b"").unwrap();
        assert_eq!(folder.contents().unwrap_err().kind, StoreErrorKind::Conflict);
        let kind = Folder::new(capture).contents().unwrap_err().kind;
        assert_eq!(kind, StoreErrorKind::InvalidConfiguration);
        let missing = Folder::new(directory.path().join("missing"));
        assert_eq!(missing.contents().unwrap(), Contents::Missing);
    }

    #[test]
    fn indexes_of_others_and_of_other_versions_are_told_apart() {
        let kind = |field: &str| {
            let directory = tempfile::tempdir().unwrap();
            let mut builder = Schema::builder();
            builder.add_bytes_field(field, tantivy::schema::STORED);
            Index::create_in_dir(directory.path(), builder.build()).unwrap();
            Folder::new(directory.path().to_owned()).snapshot().unwrap_err().kind
        };
        assert_eq!(kind(RECORD), StoreErrorKind::Corrupt);
        assert_eq!(kind("body"), StoreErrorKind::Conflict);
    }
}
