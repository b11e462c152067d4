//! The disk under the embedded store has no room for a while.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use crate::support::disk::SmallDisk;
use crate::support::{Pcap, Run, Sandbox, many, signal, wait_until};

const DISK_BYTES: u64 = 48 << 20;
const PIECES: usize = 1_000;
const PACKETS: u32 = 10_000;
/// Between two pieces.
const PAUSE: Duration = Duration::from_millis(30);
/// Pieces that come while the disk is full: for longer than a busy ingest waits with a flush.
const FULL_PIECES: usize = 230;

/// The packets come in small pieces, so that mostly some are appended and not yet safe when there is no
/// room any more; the disk is filled again until that is so.
#[test]
fn a_watching_ingest_waits_for_room_and_reads_again_what_was_not_safe() {
    let sandbox = Sandbox::embedded();
    let disk = SmallDisk::mount(sandbox.path("small"), DISK_BYTES);
    let [store, captures, state] = ["small/archive", "captures", "state"]
        .map(|name| sandbox.path(name).into_os_string().into_string().unwrap());
    let run = |arguments: &[&str]| {
        let arguments = [&["--store", &store], arguments].concat();
        disk.before(&sandbox.command(&arguments))
    };
    let file = sandbox.file("captures/cap.pcap", &Pcap::new(1).bytes());
    let watch = ["ingest", "--watch", &captures, "--state-dir", &state, "--poll", "20ms"];
    let log = sandbox.path("log");
    let mut service = run(&watch);
    let service = service.stdin(Stdio::null()).stdout(Stdio::null());
    let mut service = service.stderr(File::create(&log).unwrap()).spawn().unwrap();
    let has_failed = || fs::read_to_string(&log).unwrap().contains("the disk fails");

    let records = many(PACKETS).split_off(24);
    let mut writer = OpenOptions::new().append(true).open(file).unwrap();
    let mut is_full = false;
    for (number, piece) in records.chunks(records.len().div_ceil(PIECES)).enumerate() {
        if !is_full && number % FULL_PIECES == 0 && number > 0 && !has_failed() {
            disk.fill();
            is_full = true;
        } else if is_full && number % FULL_PIECES == FULL_PIECES - 1 {
            disk.empty();
            is_full = false;
        }
        writer.write_all(piece).unwrap();
        if is_full || !has_failed() {
            thread::sleep(PAUSE);
        }
    }
    drop(writer);
    let all = format!("{PACKETS}\n").into_bytes();
    wait_until("all packets are stored", || {
        run(&["fetch", "--count"]).output().unwrap().stdout == all
    });
    signal(&service, "-TERM");
    let ended = service.wait().unwrap();
    let said = fs::read_to_string(&log).unwrap();
    assert!(ended.success(), "{ended}: {said}");
    for text in ["the disk fails, will try again", "have to be stored again", "make room"] {
        assert!(said.contains(text), "{text}: {said}");
    }
    let capture = format!("{captures}/cap.pcap");
    let verified = Run::from(run(&["verify", &capture]).output().unwrap());
    assert_eq!(verified.code, Some(0), "{verified}");
}
