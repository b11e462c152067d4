//! Errors of the disk and of tantivy, as [`StoreError`]s.

use std::io;

use tantivy::TantivyError;
use tantivy::directory::error::{LockError, OpenDirectoryError, OpenReadError, OpenWriteError};

use crate::store::{StoreError, StoreErrorKind};

/// What the caller can do about an error of the disk.
pub(super) fn kind_of_io(error: &io::Error) -> StoreErrorKind {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreErrorKind::Full,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            StoreErrorKind::Forbidden
        }
        _ => StoreErrorKind::Io,
    }
}

/// What the system's error says when a process has too many files open (EMFILE). Errors
/// of temporary files have its number in their text only.
const TOO_MANY_FILES: &str = "(os error 24)";

/// An error of the disk while doing `operation`.
pub(super) fn io_error(operation: impl Into<String>, error: &io::Error) -> StoreError {
    let mut reason = error.to_string();
    if reason.contains(TOO_MANY_FILES) {
        // The program has raised its own limit as far as it may.
        reason += "; allow this program more of them (ulimit -Hn, LimitNOFILE=)";
    }
    StoreError::new(kind_of_io(error), operation, reason)
}

/// An error of tantivy while doing `operation`.
pub(super) fn index_error(operation: impl Into<String>, error: &TantivyError) -> StoreError {
    match disk_error(error) {
        Some(cause) => io_error(operation, cause),
        None => StoreError::new(kind_of_index(error), operation, error),
    }
}

fn kind_of_index(error: &TantivyError) -> StoreErrorKind {
    match error {
        TantivyError::DataCorruption(_)
        | TantivyError::IncompatibleIndex(_)
        | TantivyError::DeserializeError(_)
        | TantivyError::OpenReadError(_) => StoreErrorKind::Corrupt,
        TantivyError::LockFailure(..) => StoreErrorKind::Locked,
        _ => StoreErrorKind::Other,
    }
}

/// The error of the disk behind one of tantivy's.
fn disk_error(error: &TantivyError) -> Option<&io::Error> {
    match error {
        TantivyError::IoError(cause)
        | TantivyError::OpenReadError(OpenReadError::IoError { io_error: cause, .. })
        | TantivyError::OpenWriteError(OpenWriteError::IoError { io_error: cause, .. })
        | TantivyError::OpenDirectoryError(OpenDirectoryError::IoError {
            io_error: cause, ..
        })
        | TantivyError::LockFailure(LockError::IoError(cause), _) => Some(cause),
        _ => None,
    }
}
