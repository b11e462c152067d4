//! `--purge` while watching: what goes, where to, and what stays.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};

use crate::service::{receipts, stop, wait_until, watch};
use crate::support::{Sandbox, conversations};
use crate::watch::{start, wait_for_packets};

#[test]
fn what_is_missing_in_the_store_is_read_again_at_once_and_goes_then() {
    let sandbox = Sandbox::embedded();
    let path = sandbox.file("captures/cap.pcap", &conversations());
    sandbox.ok(&["ingest", "captures", "--state-dir", "state"]);
    sandbox.ok(&["prune", "--all", "--yes"]);
    // The ledger says that it is stored; the proof finds that it is not.
    let child = start(&sandbox, &watch(&["--purge"]));
    wait_until("it goes", || !path.try_exists().unwrap());
    let run = stop(child);
    assert_eq!(run.code, Some(0), "{run}");
    let actions: Vec<String> =
        receipts(&sandbox).into_iter().map(|(_, action, _)| action).collect();
    assert_eq!(actions, ["kept", "deleted"], "{run}");
    assert_eq!(sandbox.ok(&["fetch", "--count"]), "200\n");
}

#[test]
fn a_dry_run_that_stays_says_once_what_would_go() {
    let sandbox = Sandbox::embedded();
    let path = sandbox.file("captures/cap.pcap", &conversations());
    let child = start(&sandbox, &watch(&["--purge", "--dry-run"]));
    wait_until("it is decided", || !receipts(&sandbox).is_empty());
    sandbox.file("captures/other.pcap", &conversations()[..1000]);
    wait_until("the next is decided", || receipts(&sandbox).len() > 1);
    stop(child);
    assert!(path.is_file());
    let decided: Vec<(String, String)> =
        receipts(&sandbox).into_iter().map(|(name, action, _)| (name, action)).collect();
    assert_eq!(decided[0], ("cap.pcap".into(), "would_go".into()));
    assert_eq!(decided.len(), 2, "{decided:?}");
}

#[test]
fn files_move_onto_another_file_system_while_the_service_goes_on() {
    let sandbox = Sandbox::embedded();
    let target = tempfile::tempdir_in("/dev/shm").unwrap();
    let device = |path: &std::path::Path| fs::metadata(path).unwrap().dev();
    let bytes = conversations();
    let path = sandbox.file("captures/eth0/cap.pcap", &bytes);
    assert_ne!(device(target.path()), device(&path), "/dev/shm is a file system of its own");
    let to = target.path().to_str().unwrap();
    let child = start(&sandbox, &watch(&["--purge", "--purge-to", to]));
    wait_until("it goes", || !path.try_exists().unwrap());
    wait_until("it is told", || !receipts(&sandbox).is_empty());
    let run = stop(child);
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(fs::read(target.path().join("eth0/cap.pcap")).unwrap(), bytes);
    assert_eq!(receipts(&sandbox)[0].1, "moved");
    assert_eq!(fs::read_dir(sandbox.path("captures/eth0")).unwrap().count(), 0);
}

#[test]
fn what_lies_behind_a_linked_folder_is_read_and_stays() {
    let sandbox = Sandbox::embedded();
    let path = sandbox.file("elsewhere/cap.pcap", &conversations());
    fs::create_dir(sandbox.path("captures")).unwrap();
    symlink("../elsewhere", sandbox.path("captures/linked")).unwrap();
    let child = start(&sandbox, &watch(&["--purge"]));
    wait_for_packets(&sandbox, "200");
    wait_until("it is decided", || !receipts(&sandbox).is_empty());
    stop(child);
    assert!(path.is_file());
    assert_eq!(receipts(&sandbox)[0].1, "kept");
}

#[test]
fn files_cannot_be_moved_to_where_they_are_read() {
    let sandbox = Sandbox::embedded();
    sandbox.file("captures/cap.pcap", &conversations());
    for paths in ["captures", "captures/*.pcap", "captures/cap.pcap"] {
        let run = sandbox.run(&["ingest", paths, "--purge", "--purge-to", "captures"]);
        assert_eq!(run.code, Some(2), "{paths}: {run}");
        assert!(run.stderr.contains("--purge-to names a folder that is read"), "{run}");
    }
}
