//! Everything that goes in comes out, as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use pcap_archiver::capture::CaptureReader;
use pcap_archiver::packet::{CapturedPacket, Fingerprint, PacketId};

use crate::support::{Pcap, Sandbox, conversations, many, oracle, outside_captures, read_all};

/// Own captures of every kind in a folder, and those of the world outside.
fn corpus(sandbox: &Sandbox) -> Vec<PathBuf> {
    let mut cut = conversations();
    cut.truncate(cut.len() - 7);
    let mut files = vec![
        sandbox.file("captures/a/conversations.pcap", &conversations()),
        sandbox.file("captures/a/cut.pcap", &cut),
        sandbox.file("captures/b/many.pcap", &many(3_000)),
        sandbox.file("captures/b/empty.pcap", &Pcap::new(1).bytes()),
        sandbox.file(
            "captures/raw.cap",
            &Pcap::new(101).packet(u32::MAX, 1, &[0x45]).packet(0, 0, &[]).bytes(),
        ),
        sandbox.file("captures/unknown.cap", &Pcap::new(9_999).packet(1, 2, &[3; 70_000]).bytes()),
    ];
    for capture in outside_captures() {
        let is_capture = CaptureReader::open(&capture).is_ok();
        if is_capture && !capture.to_string_lossy().contains("big-100k") {
            let copy = sandbox.path("captures").join(capture.file_name().unwrap());
            fs::copy(&capture, &copy).unwrap();
            files.push(copy);
        }
    }
    sandbox.file("captures/notes.txt", b"this is no capture, and that is no error\n");
    files
}

/// The packets of all files by their identity, each once, and how many were read.
fn expected(files: &[PathBuf]) -> (BTreeMap<PacketId, Vec<CapturedPacket>>, usize) {
    let mut expected: BTreeMap<PacketId, Vec<CapturedPacket>> = BTreeMap::new();
    let mut read = 0;
    for file in files {
        let packets = read_all(file);
        read += packets.len();
        let Some(capture) = packets.first().map(Fingerprint::of) else { continue };
        for (packet, frame) in packets.into_iter().zip(1..) {
            expected.entry(PacketId::of(capture, frame, &packet)).or_default().push(packet);
        }
    }
    (expected, read)
}

/// Everything that pcapng keeps of a packet, as one comparable text.
fn text(packet: &CapturedPacket) -> String {
    // pcapng must name an interface even for packets that came without one.
    let name = packet.interface().and_then(|interface| interface.name.as_ref());
    let description = packet.interface().and_then(|interface| interface.description.as_ref());
    format!(
        "{} {:?} {} {:?} {:?} {:?} {name:?} {description:?}",
        packet.timestamp,
        packet.link_type,
        packet.original_length,
        packet.data,
        packet.comments(),
        packet.flags(),
    )
}

#[test]
fn a_folder_goes_in_and_every_packet_comes_out() {
    let sandbox = Sandbox::embedded();
    let files = corpus(&sandbox);
    let printed = sandbox.ok(&["ingest", "captures"]);
    assert!(printed.contains("notes.txt: skipped: "), "{printed}");
    assert!(printed.contains("cut.pcap: 199 read, "), "{printed}");
    assert!(printed.contains("  not readable: "), "{printed}");

    for file in &files {
        let file = file.to_str().unwrap();
        let run = sandbox.run(&["verify", file]);
        let receipt = String::from_utf8_lossy(&run.stdout);
        assert!(receipt.contains(", 0 missing"), "{run}");
        // Nobody knows what was in a part that cannot be read.
        let is_whole = !receipt.contains("  not readable: offset ");
        assert_eq!(receipt.contains(": complete: "), is_whole, "{run}");
        assert_eq!(run.code, Some(i32::from(!is_whole)), "{run}");
        assert!(!is_whole || !file.ends_with("cut.pcap"), "{run}");
    }

    sandbox.ok(&["fetch", "-w", "all.pcapng"]);
    let found = read_all(&sandbox.path("all.pcapng"));
    assert!(found.is_sorted_by_key(|packet| packet.timestamp.indexed()), "in time order");
    let (expected, read) = expected(&files);
    let there = read - expected.len();
    let total = format!("total: {read} read, {} stored, {there} already there", expected.len());
    assert!(printed.contains(&total), "{total} is not in {printed}");

    assert_eq!(found.len(), expected.len());
    // Two files may hold the same capture; then either copy may have been the first.
    let allowed: BTreeSet<String> = expected.values().flatten().map(text).collect();
    let mut found: Vec<String> = found.iter().map(text).collect();
    for packet in &found {
        assert!(allowed.contains(packet), "nothing is invented: {packet}");
    }
    found.sort();
    let mut once: Vec<String> =
        expected.values().filter(|p| p.len() == 1).map(|p| text(&p[0])).collect();
    once.sort();
    let missing = once.iter().filter(|packet| found.binary_search(packet).is_err()).count();
    assert_eq!(missing, 0, "nothing is lost");
}

#[test]
fn a_file_comes_back_in_its_own_order_and_byte_for_byte() {
    let sandbox = Sandbox::embedded();
    let original = sandbox.file("conversations.pcap", &conversations());
    sandbox.file("other.pcap", &many(100));
    sandbox.ok(&["ingest", "conversations.pcap", "other.pcap"]);
    sandbox.ok(&["fetch", "--file", "conversations.pcap", "-w", "copy.pcap"]);
    let (original, copy) =
        (fs::read(original).unwrap(), fs::read(sandbox.path("copy.pcap")).unwrap());
    assert!(original[24..] == copy[24..], "records differ");
}

/// Wireshark reads what fetch writes, and sees the same packets.
#[test]
fn wireshark_reads_both_formats() {
    let sandbox = Sandbox::embedded();
    sandbox.file("conversations.pcap", &conversations());
    sandbox.ok(&["ingest", "conversations.pcap"]);
    let fields = ["-e", "frame.time_epoch", "-e", "frame.len", "-e", "ip.src", "-e", "udp.port"];
    let read = |name: &str| {
        let path = sandbox.path(name).display().to_string();
        let printed =
            oracle("tshark", &[&["-r", path.as_str(), "-T", "fields"], &fields[..]].concat());
        String::from_utf8(printed).unwrap()
    };
    sandbox.ok(&["fetch", "--file", "conversations.pcap", "-w", "out.pcap"]);
    sandbox.ok(&["fetch", "--file", "conversations.pcap", "-w", "out.pcapng"]);
    let expected = read("conversations.pcap");
    assert_eq!(expected.lines().count(), 200);
    assert!(read("out.pcap") == expected);
    assert!(read("out.pcapng") == expected);
}

#[test]
fn a_stream_goes_in() {
    let sandbox = Sandbox::embedded();
    let run = sandbox.fed(&["ingest", "-"], &conversations());
    assert_eq!(run.code, Some(0), "{run}");
    sandbox.file("conversations.pcap", &conversations());
    sandbox.ok(&["verify", "conversations.pcap"]);
    assert_eq!(sandbox.ok(&["fetch", "--count"]), "200\n");
}
