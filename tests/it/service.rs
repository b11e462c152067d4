//! The folder service: it follows, remembers, proves, and lets go.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Pcap, Run, Sandbox, conversations, many, read_all};
use crate::watch::{PATIENCE, signal, start, wait_for_packets};

/// Quick looks and short waits, so that a test does not take long.
const QUICK: [&str; 6] = ["--settle", "300ms", "--poll", "50ms", "--state-dir", "state"];

pub fn watch<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["ingest", "--watch", "captures"], &QUICK[..], more].concat()
}

/// Stops a service and returns how it ended.
pub fn stop(child: Child) -> Run {
    signal(&child, "-TERM");
    Run::from(child.wait_with_output().unwrap())
}

pub fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited for: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn append(path: &Path, bytes: &[u8]) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

/// Actions and reasons in the receipts, by file name.
pub fn receipts(sandbox: &Sandbox) -> Vec<(String, String, String)> {
    let text = fs::read_to_string(sandbox.path("state/receipts.jsonl")).unwrap_or_default();
    let field = |line: &serde_json::Value, name: &str| line[name].as_str().unwrap().to_owned();
    text.lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let path = PathBuf::from(field(&line, "path"));
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, field(&line, "action"), field(&line, "reason"))
        })
        .collect()
}

#[test]
fn a_growing_file_can_be_searched_while_its_writer_has_it_open() {
    for more in [&[][..], &["--no-inotify"]] {
        let sandbox = Sandbox::embedded();
        let all = conversations();
        // Header and the first packet, and the beginning of the second.
        let path = sandbox.file("captures/cap.pcap", &all[..150]);
        let writer = OpenOptions::new().append(true).open(&path).unwrap();
        let child = start(&sandbox, &watch(more));
        let records = |count: usize| {
            let whole = read_all(&sandbox.file("whole.pcap", &all));
            24 + whole[..count].iter().map(|packet| 16 + packet.data.len()).sum::<usize>()
        };
        for count in [20, 21, 150] {
            let (from, to) = (fs::metadata(&path).unwrap().len(), records(count) + 7);
            append(&path, &all[usize::try_from(from).unwrap()..to]);
            wait_for_packets(&sandbox, &count.to_string());
        }
        let from = usize::try_from(fs::metadata(&path).unwrap().len()).unwrap();
        append(&path, &all[from..]);
        drop(writer);
        wait_for_packets(&sandbox, "200");
        let run = stop(child);
        assert_eq!(run.code, Some(0), "{run}");
        let printed = String::from_utf8_lossy(&run.stdout);
        assert!(printed.contains("200 read, 200 stored"), "{run}");
        assert!(!printed.contains("not readable"), "half a packet is waited for: {run}");
    }
}

#[test]
fn a_restart_goes_on_where_the_last_run_ended() {
    let sandbox = Sandbox::embedded();
    let all = conversations();
    sandbox.file("captures/old.pcap", &many(500));
    let path = sandbox.file("captures/cap.pcap", &all[..5000]);
    let child = start(&sandbox, &watch(&[]));
    wait_until("both files are complete", || {
        let ledger = fs::read_to_string(sandbox.path("state/ledger.jsonl")).unwrap_or_default();
        ledger.matches("\"complete\":true").count() >= 2
    });
    stop(child);
    append(&path, &all[5000..]);
    fs::rename(&path, sandbox.path("captures/cap.pcap.1")).unwrap();
    let child = start(&sandbox, &watch(&[]));
    wait_for_packets(&sandbox, "700");
    let run = stop(child);
    let printed = String::from_utf8_lossy(&run.stdout);
    // Of the old file nothing is said, and of the grown one only what is new goes to the store.
    assert!(!printed.contains("old.pcap"), "{run}");
    assert!(printed.contains("cap.pcap.1: 200 read"), "{run}");

    // A lost ledger is work done again, and nothing doubled.
    fs::remove_file(sandbox.path("state/ledger.jsonl")).unwrap();
    let child = start(&sandbox, &watch(&[]));
    thread::sleep(Duration::from_millis(1500));
    let run = stop(child);
    let printed = String::from_utf8_lossy(&run.stdout);
    assert!(printed.contains("500 read, 0 stored, 500 already there"), "{run}");
    assert_eq!(sandbox.ok(&["fetch", "--count"]), "700\n");
}

#[test]
fn a_ledger_of_another_store_is_not_believed() {
    let sandbox = Sandbox::embedded();
    sandbox.file("captures/cap.pcap", &conversations());
    let ingest = ["ingest", "captures", "--state-dir", "state"];
    sandbox.ok(&ingest);
    let again = sandbox.ok(&ingest);
    assert!(again.contains("200 packets, stored by an earlier run"), "{again}");
    fs::remove_dir_all(sandbox.path("archive")).unwrap();
    sandbox.ok(&ingest);
    assert_eq!(sandbox.ok(&["fetch", "--count"]), "200\n");
}

#[test]
fn a_file_that_only_begins_like_a_stored_one_is_read_whole() {
    let sandbox = Sandbox::embedded();
    let one = |data: &[u8]| Pcap::new(1).packet(1, 1, b"first").packet(2, 2, data).bytes();
    for (name, data) in [("a.pcap", b"second"), ("b.pcap", b"other!")] {
        sandbox.file(&format!("captures/{name}"), &one(data));
        sandbox.ok(&["ingest", "captures", "--state-dir", "state"]);
    }
    assert_eq!(sandbox.ok(&["fetch", "--count"]), "3\n");
}

#[test]
fn a_ring_that_overwrites_its_file_begins_a_new_capture() {
    let sandbox = Sandbox::embedded();
    let path = sandbox.file("captures/ring0.pcap", &many(300));
    let child = start(&sandbox, &watch(&[]));
    wait_for_packets(&sandbox, "300");
    // As tcpdump -W does: the same file, from its beginning, soon longer than it was.
    let mut file = File::create(&path).unwrap();
    file.write_all(&conversations()).unwrap();
    drop(file);
    wait_for_packets(&sandbox, "500");
    let run = stop(child);
    assert_eq!(run.code, Some(0), "{run}");
}

#[test]
fn purge_deletes_what_is_proven_and_keeps_the_rest() {
    let sandbox = Sandbox::embedded();
    sandbox.file("captures/whole.pcap", &conversations());
    sandbox.file("captures/empty.pcap", &Pcap::new(1).bytes());
    let cut = many(50);
    sandbox.file("captures/cut.pcap", &cut[..cut.len() - 3]);
    sandbox.file("captures/notes.txt", b"no capture\n");
    let other = Pcap::new(1).packet(1, 2, b"one").packet(3, 4, b"two").bytes();
    let elsewhere = sandbox.file("elsewhere.pcap", &other);
    std::os::unix::fs::symlink(&elsewhere, sandbox.path("captures/link.pcap")).unwrap();
    let run = sandbox.run(&["ingest", "captures", "--purge", "--state-dir", "state"]);
    assert_eq!(run.code, Some(0), "{run}");

    let mut left: Vec<String> = fs::read_dir(sandbox.path("captures"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["cut.pcap", "link.pcap", "notes.txt"]);
    assert!(elsewhere.is_file());
    let mut decided = receipts(&sandbox);
    decided.sort();
    let decided: Vec<(&str, &str)> =
        decided.iter().map(|(name, action, _)| (name.as_str(), action.as_str())).collect();
    assert_eq!(
        decided,
        [
            ("cut.pcap", "kept"),
            ("empty.pcap", "deleted"),
            ("link.pcap", "kept"),
            ("whole.pcap", "deleted")
        ]
    );
    let table = sandbox.ok(&["verify", "--receipts", "--state-dir", "state"]);
    assert!(table.contains("a part of it could not be read"), "{table}");
    let whole = table.lines().find(|line| line.contains("whole.pcap")).unwrap();
    assert!(whole.contains("deleted") && whole.matches(" 200 ").count() == 3, "{table}");
    assert_eq!(sandbox.ok(&["fetch", "--count"]), "251\n");
}

#[test]
fn a_dry_run_keeps_everything_and_a_move_keeps_the_bytes() {
    let sandbox = Sandbox::embedded();
    let bytes = conversations();
    let path = sandbox.file("captures/eth0/cap.pcap", &bytes);
    let ingest = |more: &[&str]| {
        let run = sandbox
            .run(&[&["ingest", "captures", "--purge", "--state-dir", "state"], more].concat());
        assert_eq!(run.code, Some(0), "{run}");
    };
    ingest(&["--dry-run"]);
    assert!(path.is_file());
    assert_eq!(receipts(&sandbox)[0].1, "would_go");
    ingest(&["--purge-after", "1h"]);
    assert!(path.is_file(), "it is younger");
    ingest(&["--purge-to", "done"]);
    assert!(!path.try_exists().unwrap());
    assert_eq!(fs::read(sandbox.path("done/eth0/cap.pcap")).unwrap(), bytes);
    assert_eq!(receipts(&sandbox).last().unwrap().1, "moved");
}

#[test]
fn a_file_whose_packets_are_not_in_the_store_any_more_stays() {
    let sandbox = Sandbox::embedded();
    let path = sandbox.file("captures/cap.pcap", &conversations());
    sandbox.ok(&["ingest", "captures", "--state-dir", "state"]);
    sandbox.ok(&["prune", "--all", "--yes"]);
    // The ledger still says that it is stored; the proof finds that it is not.
    let purge = ["ingest", "captures", "--state-dir", "state", "--purge"];
    sandbox.ok(&purge);
    assert!(path.is_file());
    assert_eq!(receipts(&sandbox)[0].1, "kept");
    // It has been forgotten, so that the next run stores it, and then it may go.
    sandbox.ok(&purge);
    assert_eq!(sandbox.ok(&["fetch", "--count"]), "200\n");
    assert!(!path.try_exists().unwrap());
}

#[test]
fn a_file_that_is_open_for_writing_is_not_purged_however_still_it_is() {
    let sandbox = Sandbox::embedded();
    let path = sandbox.file("captures/cap.pcap", &conversations());
    let writer = OpenOptions::new().append(true).open(&path).unwrap();
    let child = start(&sandbox, &watch(&["--purge"]));
    wait_for_packets(&sandbox, "200");
    thread::sleep(Duration::from_secs(4));
    assert!(path.is_file());
    assert_eq!(receipts(&sandbox), []);
    drop(writer);
    wait_until("it goes once it is closed", || !path.try_exists().unwrap());
    stop(child);
    assert_eq!(receipts(&sandbox).len(), 1);
}

#[test]
fn without_a_receipt_nothing_goes_and_with_room_it_goes_on() {
    let sandbox = Sandbox::embedded();
    let path = sandbox.file("captures/cap.pcap", &conversations());
    fs::create_dir_all(sandbox.path("state")).unwrap();
    // A device that is always full.
    let receipts = sandbox.path("state/receipts.jsonl");
    std::os::unix::fs::symlink("/dev/full", &receipts).unwrap();
    let purge = ["ingest", "captures", "--state-dir", "state", "--purge"];
    let run = sandbox.run(&purge);
    assert!(path.is_file(), "{run}");
    assert!(run.stderr.contains("No space left on device"), "{run}");
    assert_eq!(sandbox.ok(&["fetch", "--count"]), "200\n");
    fs::remove_file(receipts).unwrap();
    sandbox.ok(&purge);
    assert!(!path.try_exists().unwrap());
}

#[test]
fn two_services_on_one_folder_do_not_disturb_each_other() {
    let sandbox = Sandbox::embedded();
    let children = [start(&sandbox, &watch(&["--purge"])), start(&sandbox, &watch(&["--purge"]))];
    for number in 0..8_u32 {
        let pcap = Pcap::new(1).packet(number, 1, b"one").packet(number, 2, b"two").bytes();
        sandbox.file(&format!("captures/cap{number}.pcap"), &pcap);
        thread::sleep(Duration::from_millis(200));
    }
    wait_for_packets(&sandbox, "16");
    wait_until("all files are gone", || {
        fs::read_dir(sandbox.path("captures")).unwrap().count() == 0
    });
    for child in children {
        let run = stop(child);
        assert_eq!(run.code, Some(0), "{run}");
        assert!(!run.stderr.contains("ERROR"), "{run}");
    }
    assert_eq!(sandbox.ok(&["fetch", "--count"]), "16\n");
}

#[test]
fn the_rate_is_limited() {
    let sandbox = Sandbox::embedded();
    sandbox.file("captures/cap.pcap", &many(12_000));
    let began = Instant::now();
    sandbox.ok(&["ingest", "captures", "--max-rate", "4000"]);
    // Whoever keeps the rate cannot be quicker: the last batch is not paid for in advance.
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
}

#[test]
fn patterns_choose_files_and_new_ones_too() {
    let sandbox = Sandbox::embedded();
    sandbox.file("captures/eth0/a.pcap", &conversations());
    sandbox.file("captures/eth0/a.log", &many(7));
    let arguments =
        [&["ingest", "--watch", "captures/*/*.pcap"], &QUICK[..], &["--report-every", "200ms"]];
    let child = start(&sandbox, &arguments.concat());
    wait_for_packets(&sandbox, "200");
    sandbox.file("captures/eth1/b.pcap", &many(5));
    wait_for_packets(&sandbox, "205");
    let run = stop(child);
    assert!(run.stderr.contains("packets_per_second"), "{run}");
    let run = sandbox.run(&["ingest", "captures/*.nothing"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(String::from_utf8_lossy(&run.stdout).contains("nothing matches"), "{run}");
}

#[test]
fn up_stays_with_a_folder() {
    let sandbox = Sandbox::embedded();
    sandbox.file("captures/cap.pcap", &conversations());
    let child = start(&sandbox, &[&["up", "captures", "--purge"], &QUICK[..]].concat());
    wait_for_packets(&sandbox, "200");
    wait_until("the file goes", || !sandbox.path("captures/cap.pcap").try_exists().unwrap());
    assert_eq!(stop(child).code, Some(0));
}

#[test]
fn the_store_in_the_folder_is_not_read() {
    let sandbox = Sandbox::embedded();
    sandbox.file("cap.pcap", &conversations());
    let stdout = sandbox.ok(&["ingest", ".", "--state-dir", "state"]);
    let again = sandbox.ok(&["ingest", ".", "--state-dir", "state"]);
    assert!(!stdout.contains("skipped:") && !again.contains("skipped:"), "{stdout}{again}");
}

#[test]
fn wrong_purge_usage_is_said() {
    let sandbox = Sandbox::embedded();
    for arguments in [
        &["ingest", "x", "--purge-to", "y"][..],
        &["ingest", "x", "--purge-after", "1h"],
        &["ingest", "x", "--dry-run"],
        &["ingest", "--watch", "-"],
        &["ingest", "x", "--max-rate", "0"],
    ] {
        assert_eq!(sandbox.run(arguments).code, Some(2), "{arguments:?}");
    }
}
