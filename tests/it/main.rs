//! The real binary with the embedded store, as a user would run it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unreachable_pub, reason = "the shared support has no other crate to be reached from")]

mod again;
mod decoding;
mod errors;
mod everything;
mod failing_disk;
mod filters;
mod large;
mod layering;
mod letting_go;
mod output;
mod power_cut;
mod prune;
mod readme;
mod rotation;
mod serve;
mod serve_access;
mod serve_downloads;
mod serve_openapi;
mod service;
mod stack;
mod tunnels;
mod unattended;
mod up;
mod watch;
mod words;

#[path = "../support/mod.rs"]
mod support;
