//! The folder service on a real server: least-privilege keys, and packets that it refuses.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::program::Program;
use crate::sandbox::{Run, conversations};
use crate::support::{Method, Server, raw};

#[test]
fn purge_needs_the_read_key_and_proves_with_it() {
    let program = Program::new("purge").set_up();
    let file = program.sandbox.file("captures/cap.pcap", &conversations());
    let purge = ["ingest", "captures", "--state-dir", "state", "--purge"];
    let run = program.with_key("publish", &purge);
    assert_eq!(run.code, Some(2), "{run}");
    assert!(run.stderr.contains("--read-key-file"), "{run}");
    assert!(file.is_file());

    let read = ["--read-key-file", "keys/read.key"];
    program.ok("publish", &[&purge[..], &read].concat());
    assert!(!file.try_exists().unwrap());
    let receipts = fs::read_to_string(program.sandbox.path("state/receipts.jsonl")).unwrap();
    let receipt: serde_json::Value = serde_json::from_str(receipts.trim()).unwrap();
    assert_eq!(receipt["action"], "deleted");
    for number in ["read", "acknowledged", "counted"] {
        assert_eq!(receipt[number], 200, "{number}");
    }
    assert_eq!(receipt["compared"], 16);
    assert_eq!(program.ok("read", &["fetch", "--count"]), b"200\n");
}

#[tokio::test]
async fn refused_packets_are_dead_letters_and_can_be_ingested_again() {
    let program = Program::new("refused").set_up();
    let file = program.sandbox.file("cap.pcap", &conversations());
    // Somebody made the index beforehand, with a mapping in which no packet fits.
    let server = Server::from_env();
    let index = format!("/{}-2023.11", program.index());
    let mapping = json!({"mappings": {"properties": {"packet": {"properties": {
        "data": {"type": "integer"}
    }}}}});
    let (status, answer) = raw(&server, Method::Put, &index, Some(mapping)).await;
    assert_eq!(status, 200, "{answer}");

    let ingest = |path: &str| {
        let purge = ["--purge", "--read-key-file", "keys/read.key", "--state-dir", "state"];
        program.with_key("publish", &[&["ingest", path], &purge[..]].concat())
    };
    let run = ingest("cap.pcap");
    assert_eq!(run.code, Some(1), "{run}");
    let printed = String::from_utf8_lossy(&run.stdout);
    assert!(printed.contains("200 read, 0 stored, 0 already there, 200 rejected"), "{run}");
    assert!(file.is_file(), "the only other place of these packets");
    let letters = program.sandbox.path("state/dead-letters");
    let names: Vec<String> = fs::read_dir(&letters)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
    let reasons = names.iter().find(|name| name.ends_with(".reasons.jsonl")).unwrap();
    let reasons = fs::read_to_string(letters.join(reasons)).unwrap();
    assert_eq!(reasons.lines().count(), 200);
    assert!(reasons.contains("\"frame\":200") && reasons.contains("\"reason\":\""), "{reasons}");

    // The reason is gone.
    let (status, answer) = raw(&server, Method::Delete, &index, None).await;
    assert_eq!(status, 200, "{answer}");
    let letters = letters.display().to_string();
    program.ok("publish", &["ingest", &letters]);
    let capture = names.iter().find(|name| name.ends_with(".pcapng")).unwrap();
    program.ok("read", &["verify", &format!("state/dead-letters/{capture}")]);
    // They are the packets that they were: the file itself adds none.
    let again = program.ok("publish", &["ingest", "cap.pcap"]);
    let again = String::from_utf8_lossy(&again).into_owned();
    assert!(again.contains("200 read, 0 stored, 200 already there"), "{again}");
    program.ok("read", &["verify", "cap.pcap"]);
    drop(program);
}

#[test]
fn grace_ends_a_run_whose_store_is_away() {
    let program = Program::new("grace").set_up();
    program.sandbox.file("captures/cap.pcap", &conversations());
    // Nobody listens there; a watching ingest waits for its store.
    let arguments = [
        "--store",
        "https://127.0.0.1:9",
        "--api-key-file",
        "keys/publish.key",
        "ingest",
        "--watch",
        "captures",
        "--grace",
        "1s",
    ];
    let mut child = program.sandbox.command(&arguments);
    let child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    thread::sleep(Duration::from_secs(1));
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").arg(&pid).status().unwrap().success());
    let began = Instant::now();
    let run = Run::from(child.wait_with_output().unwrap());
    assert!(began.elapsed() < Duration::from_mins(1), "{run}");
    assert!(run.stderr.contains("will try again"), "{run}");
    // Nothing had been read: there is nothing that was not stored.
    assert!(matches!(run.code, Some(0 | 1)), "{run}");
}
