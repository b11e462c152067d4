//! A server of a test's own, that it may kill.

use std::env;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use pcap_archiver::store::{Access, Credentials, Secret, StoreUrl};

use crate::program::Program;
use crate::support::{Method, Server, raw};

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
        variable(self.directory.path(), "URL")
    }

    pub fn ca_certificate(&self) -> String {
        variable(self.directory.path(), "CA_CERT")
    }

    /// An archive of this name on it.
    pub fn program(&self, name: &str) -> Program {
        program(self.directory.path(), name, &self.url())
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

/// Three nodes that only one test knows, of which it may kill one; gone when dropped.
pub struct OwnCluster {
    directory: TempDir,
    runtime: Runtime,
    /// The node that was killed.
    killed: Option<usize>,
}

impl OwnCluster {
    pub const NODES: usize = 3;

    pub fn start() -> Self {
        let cluster = Self {
            directory: TempDir::new().unwrap(),
            runtime: Runtime::new().unwrap(),
            killed: None,
        };
        let nodes = Self::NODES.to_string();
        control(cluster.directory.path(), &["start", "--heap", "512m", "--nodes", &nodes]);
        cluster
    }

    /// An archive of this name on it.
    pub fn program(&self, name: &str) -> Program {
        program(self.directory.path(), name, &variable(self.directory.path(), "URLS"))
    }

    /// Ends a node as a power cut would. Nodes count from 1.
    pub fn kill(&mut self, node: usize) {
        assert_eq!(self.killed.replace(node), None, "more than one is too many for three");
        control(&self.node(node), &["stop", "--kill"]);
    }

    /// Starts the one that was killed, and waits until it has all that it lost.
    pub fn heal(&mut self) {
        if let Some(node) = self.killed.take() {
            control(&self.node(node), &["start", "--heap", "512m"]);
        }
        let health = format!(
            "_cluster/health?wait_for_status=green&wait_for_nodes={}&timeout=120s",
            Self::NODES
        );
        let (status, answer) = self.ask(&health);
        assert_eq!((status, &answer["timed_out"]), (200, &Value::Bool(false)), "{answer}");
    }

    /// Status and answer of a node that is there.
    pub fn ask(&self, path: &str) -> (u16, Value) {
        let node = (1..=Self::NODES).find(|node| Some(*node) != self.killed).unwrap();
        let directory = self.directory.path();
        let password = fs::read_to_string(variable(directory, "PASSWORD_FILE")).unwrap();
        let access = Access {
            credentials: Credentials::Basic {
                username: variable(directory, "USERNAME"),
                password: Secret::new(password.trim()),
            },
            ca_certificate: Some(variable(directory, "CA_CERT").into()),
            ..Access::default()
        };
        let server = Server { url: StoreUrl::parse(&self.url(node)).unwrap(), access };
        self.runtime.block_on(raw(&server, Method::Get, path, None))
    }

    fn url(&self, node: usize) -> String {
        variable(&self.node(node), "URL")
    }

    fn node(&self, node: usize) -> PathBuf {
        self.directory.path().join(node.to_string())
    }
}

impl Drop for OwnCluster {
    fn drop(&mut self) {
        control(self.directory.path(), &["stop", "--kill"]);
    }
}

fn program(directory: &Path, name: &str, url: &str) -> Program {
    let variable = |name| variable(directory, name);
    Program::on(name, url, &variable("CA_CERT"), &variable("USERNAME"), &variable("PASSWORD_FILE"))
}

fn variable(directory: &Path, name: &str) -> String {
    let env = fs::read_to_string(directory.join("env")).unwrap();
    let prefix = format!("ELASTICSEARCH_{name}=");
    let line = env.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap();
    line.trim_matches(['"', '\'']).to_owned()
}

fn control(directory: &Path, arguments: &[&str]) {
    let script = env::var("PCAP_ARCHIVER_TEST_SERVER").unwrap_or_else(|_| {
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/server/elasticsearch").into()
    });
    let output = Command::new(script)
        .args([&arguments[..1], &[directory.to_str().unwrap()], &arguments[1..]].concat())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
}
