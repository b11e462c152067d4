//! The Elasticsearch store on a real server: `tests/server/elasticsearch start DIR`, load
//! `DIR/env`, then `cargo test --features es-tests --test es`. Without a server they fail.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "tests fail by panicking")]
#![allow(unreachable_pub, reason = "the shared support has no other crate to be reached from")]

mod cluster;
mod differential;
mod errors;
mod faults;
mod filters;
mod joined;
mod nodes;
mod outage;
mod pages;
mod program;
mod prune;
#[path = "../support/mod.rs"]
mod sandbox;
mod serve;
mod server;
mod service;
mod setup;
mod support;
mod writing;

use pcap_archiver::store::Layout;
use pcap_archiver::testing::conformance;

#[tokio::test]
async fn the_store_conforms() {
    for layout in [Layout::Singles, Layout::Flows] {
        let archives = support::Archives::of(layout);
        conformance(&archives).await;
        archives.destroy().await;
    }
}
