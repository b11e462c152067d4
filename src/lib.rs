//! A packet archive: capture files in, packets out.
//!
//! The direction of use is
//! `cli → {ingest, fetch, web, verify} → store → query → document → packet`; see
//! ARCHITECTURE.md for the whole picture.

pub mod capture;
pub mod cli;
pub mod decode;
pub mod describe;
pub mod document;
pub mod explain;
pub mod fetch;
mod folders;
pub mod ingest;
pub mod logging;
pub mod packet;
pub mod query;
pub mod shutdown;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
pub mod time;
pub mod verify;
pub mod web;
