//! The disk under the embedded store has no room for a while.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use crate::support::disk::SmallDisk;
use crate::support::{Pcap, Run, Sandbox, many, signal, wait_until};

const DISK_BYTES: u64 = 48 << 20;
const PIECES: u32 = 200;
const PACKETS_OF_A_PIECE: u32 = 20;

/// The packets come in small pieces, so that some are always appended and not yet safe.
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
    let mut service = run(&watch);
    let service = service.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let service = service.spawn().unwrap();

    let records = many(PIECES * PACKETS_OF_A_PIECE).split_off(24);
    let mut writer = OpenOptions::new().append(true).open(file).unwrap();
    let pieces = records.chunks(records.len().div_ceil(PIECES as usize));
    for (number, piece) in pieces.enumerate() {
        match number {
            60 => disk.fill(),
            160 => disk.empty(),
            _ => {}
        }
        writer.write_all(piece).unwrap();
        thread::sleep(Duration::from_millis(30));
    }
    drop(writer);
    let all = format!("{}\n", PIECES * PACKETS_OF_A_PIECE).into_bytes();
    wait_until("all packets are stored", || {
        run(&["fetch", "--count"]).output().unwrap().stdout == all
    });
    signal(&service, "-TERM");
    let ended = Run::from(service.wait_with_output().unwrap());
    assert_eq!(ended.code, Some(0), "{ended}");
    for text in ["the disk fails, will try again", "have to be stored again", "make room"] {
        assert!(ended.stderr.contains(text), "{text}: {ended}");
    }
    let capture = format!("{captures}/cap.pcap");
    let verified = Run::from(run(&["verify", &capture]).output().unwrap());
    assert_eq!(verified.code, Some(0), "{verified}");
}
