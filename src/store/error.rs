//! Store errors, by what the caller can do about them.

use std::fmt;

/// Result of a store operation.
pub type StoreResult<T> = Result<T, StoreError>;

/// What the caller can do about a [`StoreError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// Nobody answers at the address: check it, or try again later.
    Unreachable,
    /// The server's certificate was not accepted: give the right `--ca-cert`.
    UntrustedCertificate,
    /// The key or password is wrong or no longer valid.
    Unauthorized,
    /// The key is valid, but has no right to do this.
    Forbidden,
    /// The store has not been made ready: run `setup`.
    NotSetUp,
    /// Something stands where the archive should be, such as an index with its name.
    Conflict,
    /// No room: disk, shard limit or read-only block. Make room, or wait.
    Full,
    /// Busy or overloaded: try again later.
    Busy,
    /// Another process has the store open for writing.
    Locked,
    /// The configuration is wrong, such as a malformed URL or key file.
    InvalidConfiguration,
    /// The stored data is damaged, or of a version that this program does not know.
    Corrupt,
    /// An input or output error of the local disk.
    Io,
    /// What was appended and not yet flushed is gone: append it again.
    Lost,
    /// The store cannot do this.
    Unsupported,
    /// Anything else.
    Other,
}

/// An error of a store.
#[derive(Debug)]
pub struct StoreError {
    /// What the caller can do.
    pub kind: StoreErrorKind,
    /// What was being done, as "verb object", such as `open https://localhost:9200`.
    pub operation: String,
    /// Why it failed, in one line.
    pub reason: String,
}

impl StoreError {
    /// An error of `kind` while doing `operation`.
    pub fn new(
        kind: StoreErrorKind,
        operation: impl Into<String>,
        reason: impl fmt::Display,
    ) -> Self {
        Self { kind, operation: operation.into(), reason: one_line(&reason.to_string()) }
    }

    /// Whether the same call may succeed later without anybody's help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.kind,
            StoreErrorKind::Unreachable | StoreErrorKind::Busy | StoreErrorKind::Full
        )
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.reason)
    }
}

impl std::error::Error for StoreError {}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
