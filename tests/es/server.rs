//! A server of a test's own, that it may kill.

use std::env;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::program::Program;

/// A server that only one test knows; gone when dropped.
pub struct OwnServer {
    directory: TempDir,
}

impl OwnServer {
    pub fn start() -> Self {
        let server = Self { directory: TempDir::new().unwrap() };
        server.control(&["start", "--heap", "512m"]);
        server
    }

    /// With these lines in its configuration.
    pub fn start_with(settings: &str) -> Self {
        let server = Self::start();
        server.control(&["stop"]);
        let path = server.directory.path().join("config/elasticsearch.yml");
        let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(settings.as_bytes()).unwrap();
        server.again();
        server
    }

    /// Ends it as a power cut would.
    pub fn kill(&self) {
        self.control(&["stop", "--kill"]);
    }

    /// Starts it after [`Self::kill`].
    pub fn again(&self) {
        self.control(&["start", "--heap", "512m"]);
    }

    pub fn url(&self) -> String {
        self.variable("URL")
    }

    pub fn ca_certificate(&self) -> String {
        self.variable("CA_CERT")
    }

    /// An archive of this name on it.
    pub fn program(&self, name: &str) -> Program {
        let (username, password_file) = (self.variable("USERNAME"), self.variable("PASSWORD_FILE"));
        Program::on(name, &self.url(), &self.ca_certificate(), &username, &password_file)
    }

    fn variable(&self, name: &str) -> String {
        let env = fs::read_to_string(self.directory.path().join("env")).unwrap();
        let prefix = format!("ELASTICSEARCH_{name}=");
        let line = env.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap();
        line.trim_matches(['"', '\'']).to_owned()
    }

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
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        self.kill();
    }
}
