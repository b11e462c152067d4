//! The Elasticsearch store on a real server: `tests/server/elasticsearch start DIR`, load
//! `DIR/env`, then `cargo test --features es-tests --test es`. Without a server they fail.

mod errors;
mod pages;
mod setup;
mod support;
mod writing;

use pcap_archiver::testing::conformance;

#[tokio::test]
async fn the_store_conforms() {
    let archives = support::Archives::default();
    conformance(&archives).await;
    archives.destroy().await;
}
