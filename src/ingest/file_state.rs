use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

use serde::{Deserialize, Serialize};

/// Which file it is, whatever it is called: a file that was renamed is the same, and a new one
/// under an old name is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct FileId {
    pub(super) device: u64,
    pub(super) inode: u64,
}

/// What tells that a file has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileState {
    #[serde(flatten)]
    pub(super) id: FileId,
    /// Bytes.
    pub(super) size: u64,
    /// When it was last written, in nanoseconds since the epoch.
    pub(super) modified: i64,
}

impl FileState {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let seconds = metadata.mtime().saturating_mul(1_000_000_000);
        Self {
            id: FileId { device: metadata.dev(), inode: metadata.ino() },
            size: metadata.len(),
            modified: seconds.saturating_add(metadata.mtime_nsec()),
        }
    }
}

/// Why a file is taken to be complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Finished {
    /// Nobody watches it: it is read as it stands.
    AsItStands,
    /// Its writer closed it.
    Closed,
    /// The rotation went on: a newer file of the same kind exists. Names are no proof: files that
    /// are written side by side may look like that too.
    Superseded,
    /// It has not changed for the settle time; its writer may only be waiting.
    Settled,
    /// Its name is gone; what was opened before can still be read.
    Gone,
}

impl Finished {
    /// Whether nothing more can be expected, and the reader may let go of it.
    pub(super) fn is_sure(self) -> bool {
        !matches!(self, Self::Settled | Self::Superseded)
    }
}
