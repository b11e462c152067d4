//! What goes wrong is said in one line with a hint, and by the exit code.

use std::process::Command;

use crate::support::{Run, Sandbox, conversations, through};

/// Runs, and returns the exit code and the error lines.
fn failing(sandbox: &Sandbox, arguments: &[&str]) -> (Option<i32>, String) {
    let run = sandbox.run(arguments);
    assert_ne!(run.code, Some(0), "{arguments:?}: {run}");
    assert!(!run.stderr.contains("panicked"), "{run}");
    (run.code, run.stderr)
}

#[test]
fn a_missing_file_is_reported_and_the_others_are_read() {
    let sandbox = Sandbox::embedded();
    sandbox.file("a.pcap", &conversations());
    let run = sandbox.run(&["ingest", "missing.pcap", "a.pcap"]);
    let printed = String::from_utf8_lossy(&run.stdout);
    assert_eq!(run.code, Some(1));
    assert!(printed.contains("missing.pcap: FAILED: "), "{printed}");
    assert!(printed.contains("200 read, 200 stored"), "{printed}");
}

#[test]
fn a_file_that_is_no_capture_fails_when_it_was_named() {
    let sandbox = Sandbox::embedded();
    sandbox.file("notes.txt", b"no capture\n");
    let run = sandbox.run(&["ingest", "notes.txt"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert_eq!(sandbox.run(&["verify", "notes.txt"]).code, Some(1));
}

#[test]
fn a_store_that_is_not_there_is_said_with_a_hint() {
    let sandbox = Sandbox::embedded();
    let (code, stderr) = failing(&sandbox, &["fetch", "53"]);
    assert_eq!(code, Some(1));
    assert_eq!(stderr.lines().count(), 2, "{stderr}");
    assert!(stderr.starts_with("error: "), "{stderr}");
    assert!(stderr.contains("\nhint: "), "{stderr}");
}

#[test]
fn an_absent_server_is_said_with_a_hint() {
    let sandbox = Sandbox::embedded();
    sandbox.file("a.pcap", &conversations());
    for command in [&["fetch", "53"][..], &["ingest", "a.pcap"], &["status"], &["verify", "a.pcap"]]
    {
        let arguments = [&["--store", "http://127.0.0.1:9"], command].concat();
        let (code, stderr) = failing(&sandbox, &arguments);
        assert_eq!(code, Some(1));
        assert_eq!(stderr.lines().count(), 2, "{stderr}");
        assert!(stderr.contains("127.0.0.1:9"), "{stderr}");
        assert!(stderr.contains("hint: is the server running"), "{stderr}");
    }
}

#[test]
fn wrong_usage_is_exit_code_two() {
    let sandbox = Sandbox::embedded();
    for arguments in [
        &["fetch", "65536"][..],
        &["fetch", "10.0.0.1/8"],
        &["fetch", ""],
        &["fetch", "--since", "yesterday"],
        &["fetch", "--list", "--count"],
        &["fetch", "--list", "-w", "x.pcap"],
        &["ingest"],
        &["--store", "gopher://x", "--username", "elastic", "status"],
        &["--index", "a,b", "fetch", "--count"],
        &["--store", "http://127.0.0.1:9", "--index", "a,a", "status"],
        &["--store", "http://127.0.0.1:9", "--index", "a,b", "ingest", "a.pcap"],
        &["nonsense"],
    ] {
        let (code, stderr) = failing(&sandbox, arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {stderr}");
    }
}

/// Runs with a limit of open files, `SOFT:HARD`.
fn with_open_files(sandbox: &Sandbox, limit: &str, arguments: &[&str]) -> Run {
    let mut limited = Command::new("prlimit");
    limited.arg(format!("--nofile={limit}"));
    through(limited, &sandbox.command(arguments)).output().unwrap().into()
}

#[test]
fn open_files_are_as_many_as_the_system_allows() {
    let sandbox = Sandbox::embedded();
    sandbox.file("a.pcap", &conversations());
    let run = with_open_files(&sandbox, "16:16", &["ingest", "a.pcap"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stderr.contains("Too many open files"), "{run}");
    assert!(run.stderr.contains("LimitNOFILE="), "{run}");
    let run = with_open_files(&sandbox, "16:4096", &["ingest", "a.pcap"]);
    assert_eq!(run.code, Some(0), "the limit is raised: {run}");
}

#[test]
fn prune_asks_before_it_removes() {
    let sandbox = Sandbox::embedded();
    sandbox.file("a.pcap", &conversations());
    sandbox.ok(&["ingest", "a.pcap"]);
    let (code, _) = failing(&sandbox, &["prune", "--all"]);
    assert_eq!(code, Some(2));
    assert_eq!(sandbox.ok(&["fetch", "--count"]), "200\n");
    let printed = sandbox.ok(&["prune", "--all", "--yes"]);
    assert!(printed.starts_with("removed 200 packets, "), "{printed}");
    assert_eq!(sandbox.ok(&["fetch", "--count"]), "0\n");
    let run = sandbox.run(&["verify", "a.pcap"]);
    assert_eq!(run.code, Some(1), "{run}");
    let again = sandbox.ok(&["ingest", "a.pcap"]);
    assert!(again.contains("200 stored"), "{again}");
}
