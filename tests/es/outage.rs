//! A server that is too busy, killed, and started again loses nothing.

use std::env;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::program::{Program, assert_same_records};
use crate::sandbox::many;

/// Smaller than three bulk requests of the ingest, so that the server answers 429 to some.
const INDEXING_PRESSURE: &str = "indexing_pressure.memory.limit: 6mb\n";

/// A server of this test's own, that it may kill.
struct Server {
    directory: TempDir,
}

impl Server {
    fn control(&self, arguments: &[&str]) {
        let script = env::var("PCAP_ARCHIVER_TEST_SERVER").unwrap_or_else(|_| {
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/server/elasticsearch").into()
        });
        let directory = self.directory.path().to_str().unwrap();
        let output = Command::new(script)
            .args([&arguments[..1], &[directory], &arguments[1..]].concat())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {stderr}");
    }

    fn start() -> Self {
        let server = Self { directory: TempDir::new().unwrap() };
        server.control(&["start", "--heap", "512m"]);
        server.control(&["stop"]);
        let settings = server.directory.path().join("config/elasticsearch.yml");
        let mut settings = fs::OpenOptions::new().append(true).open(settings).unwrap();
        settings.write_all(INDEXING_PRESSURE.as_bytes()).unwrap();
        server.control(&["start"]);
        server
    }

    fn variable(&self, name: &str) -> String {
        let env = fs::read_to_string(self.directory.path().join("env")).unwrap();
        let prefix = format!("ELASTICSEARCH_{name}=");
        let line = env.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap();
        line.trim_matches(['"', '\'']).to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.control(&["stop", "--kill"]);
    }
}

#[test]
fn a_busy_and_killed_server_loses_nothing() {
    let server = Server::start();
    let program = Program::on(
        "outage",
        &server.variable("URL"),
        &server.variable("CA_CERT"),
        &server.variable("USERNAME"),
        &server.variable("PASSWORD_FILE"),
    )
    .set_up();
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
    server.control(&["stop", "--kill"]);
    thread::sleep(Duration::from_secs(2));
    server.control(&["start"]);
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
