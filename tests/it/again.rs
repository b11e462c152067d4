//! Reading something again stores nothing again.

use std::fs;
use std::process::Stdio;
use std::thread;

use crate::support::{Sandbox, conversations, many, oracle};

#[test]
fn the_same_file_again_renamed_or_compressed_stores_nothing() {
    let sandbox = Sandbox::embedded();
    sandbox.file("a.pcap", &conversations());
    sandbox.ok(&["ingest", "a.pcap"]);
    let again = sandbox.ok(&["ingest", "a.pcap"]);
    assert!(again.contains("200 read, 0 stored, 200 already there, 0 rejected"), "{again}");

    fs::rename(sandbox.path("a.pcap"), sandbox.path("b.pcap")).unwrap();
    let path = sandbox.path("b.pcap").display().to_string();
    for (program, ending) in
        [("gzip", "gz"), ("zstd", "zst"), ("lz4", "lz4"), ("xz", "xz"), ("bzip2", "bz2")]
    {
        // Chosen by content: the name says nothing.
        let name = format!("{ending}.txt");
        let compressed = oracle(program, &["-c", &path]);
        assert!(compressed.len() < 20_000, "{program} compresses");
        sandbox.file(&name, &compressed);
        let again = sandbox.ok(&["ingest", &name]);
        assert!(again.contains("200 read, 0 stored, 200 already there"), "{program}: {again}");
    }
    assert_eq!(sandbox.ok(&["fetch", "--count"]), "200\n");
}

#[test]
fn a_capture_that_has_grown_adds_only_its_new_packets() {
    let sandbox = Sandbox::embedded();
    let whole = many(5_000);
    sandbox.file("growing.pcap", &whole[..whole.len() / 2]);
    sandbox.ok(&["ingest", "growing.pcap"]);
    sandbox.file("growing.pcap", &whole);
    let again = sandbox.ok(&["ingest", "growing.pcap"]);
    assert!(again.contains("5000 read, "), "{again}");
    assert_eq!(sandbox.ok(&["fetch", "--count"]), "5000\n");
    sandbox.ok(&["verify", "growing.pcap"]);
}

#[test]
fn the_same_capture_as_pcapng_is_the_same_capture() {
    let sandbox = Sandbox::embedded();
    sandbox.file("a.pcap", &conversations());
    sandbox.ok(&["ingest", "a.pcap"]);
    sandbox.ok(&["fetch", "--file", "a.pcap", "-w", "a.pcapng"]);
    let again = sandbox.ok(&["ingest", "a.pcapng"]);
    assert!(again.contains("200 read, 0 stored, 200 already there"), "{again}");
}

#[test]
fn two_ingesters_at_once_store_each_packet_once() {
    let sandbox = Sandbox::embedded();
    for number in 0..4 {
        sandbox.file(&format!("captures/{number}.pcap"), &many(5_000 + number));
    }
    let start = || {
        sandbox
            .command(&["ingest", "captures"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let children = [start(), start()];
    let waiting = children.map(|child| thread::spawn(|| child.wait_with_output().unwrap()));
    for output in waiting.map(|thread| thread.join().unwrap()) {
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
    }
    // The four begin alike, so they are one capture that has grown.
    assert_eq!(sandbox.ok(&["fetch", "--count"]), "5003\n");
    for number in 0..4 {
        sandbox.ok(&["verify", &format!("captures/{number}.pcap")]);
    }
}
