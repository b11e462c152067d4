//! Placeholder.
use crate::store::{Backend, StoreError, StoreErrorKind};
pub const FILE: Backend = Backend {
    scheme: "file",
    open: |_, _| {
        Box::pin(async { Err(StoreError::new(StoreErrorKind::Unsupported, "open", "not built")) })
    },
};
