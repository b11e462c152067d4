//! Servers of a test's own, that it may kill.

use std::env;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::program::Program;
use crate::support::Server;

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
        variable(self.directory.path(), name)
    }

    fn control(&self, arguments: &[&str]) {
        control(self.directory.path(), arguments);
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A cluster that only one test knows; gone when dropped. Its nodes are numbered from 1 on.
pub struct OwnCluster {
    directory: TempDir,
}

/// Three of them share the machine with the test.
const HEAP_OF_A_NODE: [&str; 2] = ["--heap", "600m"];

impl OwnCluster {
    pub fn start(nodes: usize) -> Self {
        let cluster = Self { directory: TempDir::new().unwrap() };
        let nodes = nodes.to_string();
        cluster.control(&[&["start", "--nodes", &nodes], &HEAP_OF_A_NODE[..]].concat());
        cluster
    }

    /// Ends a node as a power cut would.
    pub fn kill(&self, node: usize) {
        control(&self.node(node), &["stop", "--kill"]);
    }

    /// Starts a node after [`Self::kill`].
    pub fn again(&self, node: usize) {
        control(&self.node(node), &[&["start"], &HEAP_OF_A_NODE[..]].concat());
    }

    /// One node, for requests past the program.
    pub fn server(&self, node: usize) -> Server {
        let variable = |name: &str| variable(&self.node(node), name);
        Server::with(
            &variable("URL"),
            &variable("CA_CERT"),
            &variable("USERNAME"),
            &variable("PASSWORD_FILE"),
        )
    }

    /// These nodes as a store, in the order in which they are asked.
    pub fn url(&self, nodes: &[usize]) -> String {
        let urls = nodes.iter().map(|node| variable(&self.node(*node), "URL"));
        urls.collect::<Vec<_>>().join(",")
    }

    /// An archive of this name on it.
    pub fn program(&self, name: &str, nodes: &[usize]) -> Program {
        let variable = |name: &str| variable(self.directory.path(), name);
        let (username, password_file) = (variable("USERNAME"), variable("PASSWORD_FILE"));
        Program::on(name, &self.url(nodes), &variable("CA_CERT"), &username, &password_file)
    }

    fn node(&self, node: usize) -> PathBuf {
        self.directory.path().join(node.to_string())
    }

    fn control(&self, arguments: &[&str]) {
        control(self.directory.path(), arguments);
    }
}

impl Drop for OwnCluster {
    fn drop(&mut self) {
        self.control(&["stop", "--kill"]);
    }
}

/// What the script says of a server in this directory.
fn variable(directory: &Path, name: &str) -> String {
    let env = fs::read_to_string(directory.join("env")).unwrap();
    let prefix = format!("ELASTICSEARCH_{name}=");
    let line = env.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap();
    line.trim_matches(['"', '\'']).to_owned()
}

/// Runs the script with a command, this directory, and the command's options.
fn control(directory: &Path, arguments: &[&str]) {
    let script = env::var("PCAP_ARCHIVER_TEST_SERVER").unwrap_or_else(|_| {
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/server/elasticsearch").into()
    });
    let directory = directory.to_str().unwrap();
    let output = Command::new(script)
        .args([&arguments[..1], &[directory], &arguments[1..]].concat())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
}
