//! A server that is too busy, killed, and started again loses nothing.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use crate::program::assert_same_records;
use crate::sandbox::many;
use crate::server::OwnServer;

/// Smaller than three bulk requests of the ingest, so that the server answers 429 to some.
const INDEXING_PRESSURE: &str = "indexing_pressure.memory.limit: 6mb\n";

#[test]
fn a_busy_and_killed_server_loses_nothing() {
    let server = OwnServer::start_with(INDEXING_PRESSURE);
    let program = server.program("outage").set_up();
    let file = program.sandbox.file("many.pcap", &many(150_000));
    let log = program.sandbox.path("ingest.log");
    let mut ingest = program
        .sandbox
        .command(&["--api-key-file", "keys/publish.key", "ingest", "many.pcap"])
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_secs(2));
    assert!(ingest.try_wait().unwrap().is_none(), "the server is killed in the middle");
    server.kill();
    thread::sleep(Duration::from_secs(2));
    server.again();
    let ended = ingest.wait().unwrap();
    let log = read(&log);
    assert!(ended.success(), "{log}");
    assert!(log.contains("will try again"), "there were failures: {log}");
    assert!(log.contains("rejected execution"), "it was too busy: {log}");

    program.ok("read", &["fetch", "-w", "out.pcap"]);
    assert_same_records(&file, &program.sandbox.path("out.pcap"));
    program.ok("read", &["verify", "many.pcap"]);
    drop(program);
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}
