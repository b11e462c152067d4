//! A packet archive: capture files in, packets out.
//!
//! The direction of use is `cli → {ingest, fetch} → store → query → packet`; see
//! ARCHITECTURE.md for the whole picture.

pub mod capture;
pub mod decode;
pub mod packet;
pub mod query;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
