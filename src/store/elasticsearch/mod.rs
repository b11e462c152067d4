//! Placeholder.
use crate::store::{Backend, StoreError, StoreErrorKind};
pub const HTTP: Backend = Backend {
    scheme: "http",
    open: |_, _| {
        Box::pin(async { Err(StoreError::new(StoreErrorKind::Unsupported, "open", "not built")) })
    },
};
pub const HTTPS: Backend = Backend {
    scheme: "https",
    open: |_, _| {
        Box::pin(async { Err(StoreError::new(StoreErrorKind::Unsupported, "open", "not built")) })
    },
};
