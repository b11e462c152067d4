//! tcpdump's language, and what goes beyond it.

mod beyond;
mod differential;
mod generated;
mod mistakes;
mod plans;
mod stores;
