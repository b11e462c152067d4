//! A hundred thousand packets in bounded memory.

use std::fs;
use std::process::Stdio;

use crate::support::{Sandbox, many, oracle, peak};

/// What the archiver may use at most.
const MEMORY_KIB: u64 = 300 << 10;

#[test]
fn a_hundred_thousand_packets_go_in_and_out_in_bounded_memory() {
    let sandbox = Sandbox::embedded();
    sandbox.file("many.pcap", &many(100_000));
    let ingest =
        peak(sandbox.command(&["ingest", "many.pcap"]).stdout(Stdio::null()).spawn().unwrap());
    assert!(ingest < MEMORY_KIB, "ingest took {ingest} KiB");

    let out = fs::File::create(sandbox.path("out.pcap")).unwrap();
    let fetch = peak(sandbox.command(&["fetch", "-w", "-"]).stdout(out).spawn().unwrap());
    assert!(fetch < MEMORY_KIB, "fetch took {fetch} KiB");

    let (original, copy) =
        (fs::read(sandbox.path("many.pcap")).unwrap(), fs::read(sandbox.path("out.pcap")).unwrap());
    assert!(original[24..] == copy[24..], "the same packets in the same order");
    let out = sandbox.path("out.pcap").display().to_string();
    oracle("tcpdump", &["-r", &out, "-w", "/dev/null"]);
}
