//! Runs that stay until they are told to stop.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Pcap, Run, Sandbox, conversations};

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
