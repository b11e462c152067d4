//! Downloads: memory, budgets, clients that are slow or go away.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use reqwest::header::RETRY_AFTER;
use serde_json::Value;

use crate::support::served::Served;
use crate::support::{Pcap, Sandbox, many, oracle, wait_until};

/// More than sockets and buffers between server and client hold.
const PACKETS: u32 = 120_000;

fn filled() -> Sandbox {
    let sandbox = Sandbox::embedded();
    sandbox.file("many.pcap", &many(PACKETS));
    sandbox.ok(&["ingest", "many.pcap"]);
    sandbox
}

/// Lines of the audit file about downloads that are over; each has begun before.
fn audit(sandbox: &Sandbox) -> Vec<Value> {
    let text = fs::read_to_string(sandbox.path("audit")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (begun, over): (Vec<_>, Vec<_>) =
        lines.into_iter().partition(|line| line["event"] == "download begins");
    assert!(begun.len() >= over.len());
    over
}

/// The largest amount of memory that a process has had, in bytes.
fn peak_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

// The client's connection is closed by a task of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_ends_its_download() {
    let sandbox = filled();
    let served = Served::start(&sandbox, &["--audit-file", "audit"]);
    let mut response = served.get("/api/v1/pcap").await;
    let whole = response.headers()["x-pcap-archiver-bytes"].to_str().unwrap().to_owned();
    let whole: u64 = whole.parse().unwrap();
    response.chunk().await.unwrap().unwrap();
    drop(response);
    // The line is written when the stream of packets is dropped.
    wait_until("the download ends", || !audit(&sandbox).is_empty());
    let line = &audit(&sandbox)[0];
    assert_eq!(line["outcome"], "the client went away", "{line}");
    assert!(line["bytes"].as_u64().unwrap() < whole, "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_writes_down_what_it_cuts_off() {
    let sandbox = filled();
    let served = Served::start(&sandbox, &["--audit-file", "audit"]);
    let mut response = served.get("/api/v1/pcap").await;
    response.chunk().await.unwrap().unwrap();
    oracle("kill", &["-TERM", &served.pid().to_string()]);
    served.ended();
    assert!(response.bytes().await.is_err());
    let lines = audit(&sandbox);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["outcome"], "the server stopped", "{}", lines[0]);
}

/// What is behind the budget cannot be reached by frame, and that ends the pages.
#[tokio::test]
async fn pages_by_frame_end_with_the_budget() {
    let sandbox = filled();
    let served = Served::start(&sandbox, &["--max-packets", "20"]);
    let (mut cursor, mut found, mut pages) = (String::new(), 0, 0);
    loop {
        let path = format!("/api/v1/packets?order=frame&limit=10&cursor={cursor}");
        let page = served.json(&path).await;
        found += page["packets"].as_array().unwrap().len();
        pages += 1;
        assert!(pages < 10, "{page}");
        let Some(next) = page["next"].as_str() else {
            assert_eq!(page["stopped"]["reason"], "packets", "{page}");
            break;
        };
        next.clone_into(&mut cursor);
    }
    assert_eq!(found, 20);
}

#[tokio::test]
async fn fifty_slow_clients_starve_nobody_and_fill_no_memory() {
    let sandbox = filled();
    // All come from one address, which may have half.
    let served = Served::start(&sandbox, &["--max-downloads", "128"]);
    let mut slow = Vec::new();
    for _ in 0..50 {
        let response = served.get("/api/v1/pcap").await;
        assert_eq!(response.status(), 200);
        slow.push(response);
    }
    for response in &mut slow {
        response.chunk().await.unwrap().unwrap();
    }
    let page = served.json("/api/v1/packets?limit=3").await;
    assert_eq!(page["packets"].as_array().unwrap().len(), 3);
    let summary = served.json("/api/v1/summary").await;
    assert_eq!(summary["packets"], PACKETS);
    let whole = served.bytes("/api/v1/pcap").await;
    assert_eq!(whole.len() as u64, fs::metadata(sandbox.path("many.pcap")).unwrap().len());
    let memory = peak_memory(served.pid());
    assert!(memory < 700 << 20, "{memory} bytes of memory for {} clients", slow.len());
}

// The client's connection is closed by a task of its own.
#[tokio::test(flavor = "multi_thread")]
async fn one_address_does_not_take_all_downloads() {
    let sandbox = filled();
    let served = Served::start(&sandbox, &["--max-downloads", "2", "--audit-file", "audit"]);
    let mut first = served.get("/api/v1/pcap").await;
    first.chunk().await.unwrap().unwrap();
    let refused = served.get("/api/v1/pcap").await;
    assert_eq!(refused.status(), 429);
    assert!(refused.headers()[RETRY_AFTER].to_str().unwrap().parse::<u64>().unwrap() > 0);
    let body = refused.text().await.unwrap();
    assert!(body.contains("1 of yours"), "{body}");
    drop(first);
    wait_until("the download ends", || !audit(&sandbox).is_empty());
    assert_eq!(served.get("/api/v1/pcap").await.status(), 200);
}

/// Its end would be that of the connection, which a break looks like.
#[tokio::test]
async fn a_download_needs_http_1_1() {
    let sandbox = filled();
    let served = Served::start(&sandbox, &[]);
    for (version, status) in [("1.0", "505"), ("1.1", "200")] {
        let mut connection = TcpStream::connect(served.url.trim_start_matches("http://")).unwrap();
        let path = "/api/v1/pcap?until=2023-11-14T22:13:21Z";
        let request =
            format!("GET {path} HTTP/{version}\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).unwrap();
        let line = String::from_utf8_lossy(&answer[..13.min(answer.len())]).into_owned();
        assert!(line.contains(status), "HTTP/{version}: {line}");
    }
}

/// Buffers and caches are filled by half of it; a download that is held in memory is not.
#[tokio::test]
async fn memory_is_bounded_whatever_the_size_of_a_download() {
    let sandbox = Sandbox::embedded();
    let mut pcap = Pcap::new(1);
    for number in 0..60_000_u32 {
        let mut frame = vec![0; 1_400];
        frame[..4].copy_from_slice(&number.to_le_bytes());
        pcap = pcap.packet(1_700_000_000 + number / 1_000, 0, &frame);
    }
    sandbox.file("long.pcap", &pcap.bytes());
    sandbox.ok(&["ingest", "long.pcap"]);
    let served = Served::start(&sandbox, &[]);
    let half = served.bytes("/api/v1/pcap?until=2023-11-14T22:13:50Z").await.len();
    let before = peak_memory(served.pid());
    let bytes = served.bytes("/api/v1/pcap").await.len();
    let more = peak_memory(served.pid()) - before;
    assert!(half > 40 << 20 && bytes > 80 << 20, "{half} and {bytes}");
    assert!(more < bytes as u64 / 4, "{more} bytes of memory more for {bytes} bytes of packets");
}

#[tokio::test]
async fn budgets_are_told() {
    let sandbox = filled();
    let arguments = ["--max-packets", "1000", "--max-download-packets", "5000"];
    let served = Served::start(&sandbox, &arguments);
    let status = served.json("/api/v1/status").await;
    assert_eq!(status["budgets"]["query"]["packets"], 1000);

    // Text is looked for by reading, and is in the last packet only.
    let page = served.json("/api/v1/packets?words=nowhere-to-be-found").await;
    assert_eq!(page["stopped"]["reason"], "packets", "{page}");
    assert_eq!(page["stopped"]["examined"], 1000);
    assert!(page["next"].is_string(), "the search can go on: {page}");
    let path = format!(
        "/api/v1/packets?words=nowhere-to-be-found&cursor={}",
        page["next"].as_str().unwrap()
    );
    let further = served.json(&path).await;
    assert_ne!(further["next"], page["next"]);

    let summary = served.json("/api/v1/summary?words=nowhere-to-be-found").await;
    assert_eq!((&summary["exact"], &summary["packets"]), (&false.into(), &0.into()));
    assert_eq!(summary["stopped"]["reason"], "packets");

    let (refused, body) = served.answer("/api/v1/pcap").await;
    assert_eq!(refused, 413, "{body}");
    assert!(body["error"].as_str().unwrap().contains("5000"), "{body}");
}

#[tokio::test]
async fn budgets_of_bytes_and_of_time_are_told() {
    let sandbox = filled();
    let search = "/api/v1/packets?words=nowhere-to-be-found";
    let served = Served::start(&sandbox, &["--max-bytes", "100kB"]);
    assert_eq!(served.json("/api/v1/status").await["budgets"]["query"]["bytes"], 100_000);
    let stopped = served.json(search).await["stopped"].clone();
    assert_eq!(stopped["reason"], "bytes", "{stopped}");
    // Each packet has between 142 and 541 bytes.
    let examined = stopped["examined"].as_u64().unwrap();
    assert!((100_000 / 541..=100_000 / 142).contains(&examined), "{stopped}");
    let summary = served.json("/api/v1/summary?words=nowhere-to-be-found").await;
    assert_eq!((&summary["exact"], &summary["stopped"]), (&false.into(), &stopped));

    let served = Served::start(&sandbox, &["--max-time", "1ms"]);
    assert_eq!(served.json("/api/v1/status").await["budgets"]["query"]["seconds"], 0.001);
    let stopped = served.json(search).await["stopped"].clone();
    assert_eq!(stopped["reason"], "time", "{stopped}");
    assert!(stopped["examined"].as_u64().unwrap() < u64::from(PACKETS), "{stopped}");
    // What is counted as a whole has no answer before its end.
    let (status, body) = served.answer("/api/v1/summary").await;
    assert_eq!(status, 504, "{body}");
    assert!(body["error"].as_str().unwrap().starts_with("stopped after 0.001 seconds"), "{body}");
}

#[tokio::test]
async fn what_breaks_off_does_not_look_whole() {
    let sandbox = filled();
    let arguments = ["--max-download-packets", "5000", "--audit-file", "audit"];
    let served = Served::start(&sandbox, &arguments);
    // How many there are is not known beforehand: text is looked for by reading.
    let response = served.get("/api/v1/pcap?words=%02%02%02%02").await;
    assert_eq!(response.status(), 200);
    assert!(response.headers().get("x-pcap-archiver-packets").is_none());
    let read = response.bytes().await;
    assert!(read.is_err(), "{} bytes passed for the whole", read.unwrap().len());
    wait_until("the download ends", || !audit(&sandbox).is_empty());
    let line = &audit(&sandbox)[0];
    assert!(line["outcome"].as_str().unwrap().starts_with("stopped after 5000 packets"), "{line}");
}

#[tokio::test]
async fn a_pcap_file_of_two_link_types_is_not_begun() {
    let sandbox = Sandbox::embedded();
    sandbox.file("a.pcap", &Pcap::new(1).packet(1, 1, &[0; 60]).bytes());
    sandbox.file("b.pcap", &Pcap::new(101).packet(2, 1, &[0x45; 20]).bytes());
    sandbox.ok(&["ingest", "a.pcap", "b.pcap"]);
    let served = Served::start(&sandbox, &[]);
    let (status, body) = served.answer("/api/v1/pcap").await;
    assert_eq!(status, 409, "{body}");
    assert!(body["hint"].as_str().unwrap().contains("pcapng"), "{body}");
    assert_eq!(served.get("/api/v1/pcapng").await.status(), 200);
}
