//! `up`: the folder and the page in one process, on the embedded store.

use std::fs;
use std::process::Command;
use std::time::Instant;

use crate::support::served::Served;
use crate::support::{Sandbox, conversations};

#[tokio::test]
async fn what_is_written_to_the_folder_is_on_the_page_within_seconds() {
    let sandbox = Sandbox::embedded();
    fs::create_dir(sandbox.path("captures")).unwrap();
    let served = Served::run(&sandbox, &["up", "captures", "--listen", "127.0.0.1:0"]);
    let status = served.json("/api/v1/status").await;
    assert_eq!(status["set_up"], false, "{status}");
    assert_eq!(served.get("/readyz").await.status(), 200);
    let (empty, body) = served.answer("/api/v1/packets").await;
    assert_eq!(empty, 503, "{body}");
    assert!(body["hint"].as_str().unwrap().contains("ingest"), "{body}");

    sandbox.file("captures/a.pcap", &conversations());
    let began = Instant::now();
    while served.answer("/api/v1/summary").await.1["packets"] != 200 {
        assert!(began.elapsed().as_secs() < 120, "the packets do not come");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let summary = served.json("/api/v1/summary").await;
    assert_eq!(summary["exact"], true, "{summary}");

    // One signal ends both.
    let pid = served.pid().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(served.ended().code(), Some(0));
}
