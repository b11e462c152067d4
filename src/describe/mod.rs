//! A packet in words for people: on a terminal and on a page.

pub mod escape;
mod line;
mod summary;

pub use escape::{harmless_json, is_harmful};
pub use line::{Info, Line, ServiceName};
