//! Runs that stay until they are told to stop.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Pcap, Run, Sandbox, conversations, many};

/// More than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(1);

pub fn start(sandbox: &Sandbox, arguments: &[&str]) -> Child {
    let mut command = sandbox.command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

pub fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
}

pub fn wait_for_packets(sandbox: &Sandbox, count: &str) {
    let began = Instant::now();
    loop {
        let run = sandbox.run(&["fetch", "--count"]);
        if run.stdout == format!("{count}\n").into_bytes() {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{count} packets are waited for: {run}");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn files_that_appear_are_read_once_they_stand_still() {
    let sandbox = Sandbox::embedded();
    sandbox.file("captures/first.pcap", &conversations());
    let watch = ["ingest", "--watch", "captures", "--settle", "300ms", "--poll", "50ms"];
    let child = start(&sandbox, &watch);
    wait_for_packets(&sandbox, "200");
    sandbox.file("captures/deep/second.cap", &Pcap::new(101).packet(1, 2, &[3]).bytes());
    wait_for_packets(&sandbox, "201");
    signal(&child, "-TERM");
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(0), "{run}");
    let printed = String::from_utf8_lossy(&run.stdout);
    assert!(printed.contains("total: 201 read, 201 stored"), "{run}");
}

#[test]
fn a_stream_is_stored_while_it_goes_on_and_can_be_left() {
    let sandbox = Sandbox::embedded();
    let mut child = start(&sandbox, &["ingest", "-"]);
    child.stdin.as_mut().unwrap().write_all(&conversations()).unwrap();
    // The stream is still open, and nothing more comes.
    wait_for_packets(&sandbox, "200");
    let stdin = child.stdin.take();
    signal(&child, "-INT");
    let run = Run::from(child.wait_with_output().unwrap());
    drop(stdin);
    assert_eq!(run.code, Some(130), "{run}");
    let printed = String::from_utf8_lossy(&run.stdout);
    assert!(printed.contains("-: interrupted") && printed.contains("200 stored"), "{run}");
}

/// Who stops tcpdump stops the ingest behind it at the same moment, and tcpdump then writes what it
/// had kept back.
#[test]
fn what_a_stream_still_holds_is_stored() {
    let sandbox = Sandbox::embedded();
    let mut child = start(&sandbox, &["ingest", "-"]);
    let capture = conversations();
    let (first, rest) = capture.split_at(capture.len() / 2);
    child.stdin.as_mut().unwrap().write_all(first).unwrap();
    let began = Instant::now();
    while sandbox.run(&["fetch", "--count"]).stdout.len() < 2 {
        assert!(began.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(100));
    }
    signal(&child, "-INT");
    child.stdin.take().unwrap().write_all(rest).unwrap();
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(130), "{run}");
    assert_eq!(sandbox.run(&["fetch", "--count"]).stdout, b"200\n");
}

#[test]
fn a_second_signal_ends_at_once_and_a_restart_completes() {
    let sandbox = Sandbox::embedded();
    sandbox.file("captures/many.pcap", &many(20_000));
    let slow = ["ingest", "captures", "--max-rate", "2000", "--grace", "1h"];
    let mut child = start(&sandbox, &slow);
    thread::sleep(Duration::from_millis(500));
    signal(&child, "-TERM");
    thread::sleep(Duration::from_millis(100));
    if child.try_wait().unwrap().is_none() {
        signal(&child, "-TERM");
    }
    let run = Run::from(child.wait_with_output().unwrap());
    assert_ne!(run.code, Some(0), "{run}");
    sandbox.ok(&["ingest", "captures"]);
    assert_eq!(sandbox.run(&["fetch", "--count"]).stdout, b"20000\n");
}

#[test]
fn a_pattern_may_begin_in_the_working_directory() {
    let sandbox = Sandbox::embedded();
    sandbox.file("a.pcap", &conversations());
    sandbox.file("eth0/b.pcap", &Pcap::new(101).packet(1, 2, &[3]).bytes());
    assert!(sandbox.ok(&["ingest", "*.pcap"]).contains("total: 200 read"));
    assert!(sandbox.ok(&["ingest", "./eth?/*"]).contains("total: 1 read"));
}
