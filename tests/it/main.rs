//! The real binary with the embedded store, as a user would run it.

mod again;
mod errors;
mod everything;
mod large;
mod layering;
mod output;
mod words;

#[path = "../support/mod.rs"]
mod support;
