//! The real binary on a real server, with the keys that `setup` makes.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use pcap_archiver::packet::Fingerprint;

use crate::sandbox::{Run, Sandbox, conversations, many, oracle, outside_captures, peak, read_all};

/// What the archiver may use at most.
const MEMORY_KIB: u64 = 300 << 10;

/// An archive with a name of its own, set up by the binary; removed when dropped.
pub struct Program {
    pub sandbox: Sandbox,
    pub index: String,
    url: String,
}

impl Program {
    /// On the server of the tests.
    pub fn new(name: &str) -> Self {
        let variable = |name: &str| std::env::var(format!("ELASTICSEARCH_{name}")).unwrap();
        Self::on(
            name,
            &variable("URL"),
            &variable("CA_CERT"),
            &variable("USERNAME"),
            &variable("PASSWORD_FILE"),
        )
    }

    pub fn on(name: &str, url: &str, ca: &str, username: &str, password_file: &str) -> Self {
        let index = format!("pcap-test-{name}-{:08x}", rand::random::<u32>());
        let sandbox = Sandbox::with(&[
            ("PCAP_ARCHIVER_STORE", url),
            ("PCAP_ARCHIVER_CA_CERT", ca),
            ("PCAP_ARCHIVER_INDEX", &index),
        ]);
        let program = Self { sandbox, index, url: url.to_owned() };
        let admin = ["--username", username, "--password-file", password_file];
        fs::write(program.sandbox.path("admin"), admin.join("\n")).unwrap();
        program
    }

    /// Prefix of its indices.
    pub fn index(&self) -> &str {
        &self.index
    }

    /// Runs as the administrator.
    pub fn admin(&self, arguments: &[&str]) -> Run {
        let admin = fs::read_to_string(self.sandbox.path("admin")).unwrap();
        let admin: Vec<&str> = admin.lines().collect();
        self.sandbox.run(&[&admin[..], arguments].concat())
    }

    pub fn set_up(self) -> Self {
        self.set_up_with(&[])
    }

    /// With more options of `setup`.
    pub fn set_up_with(self, options: &[&str]) -> Self {
        let run = self.admin(&[&["setup", "--keys-dir", "keys"], options].concat());
        assert_eq!(run.code, Some(0), "{run}");
        self
    }

    /// Runs with one of the keys.
    pub fn with_key(&self, key: &str, arguments: &[&str]) -> Run {
        let key = format!("keys/{key}.key");
        self.sandbox.run(&[&["--api-key-file", key.as_str()], arguments].concat())
    }

    /// Runs with one of the keys and expects success; returns what was printed.
    pub fn ok(&self, key: &str, arguments: &[&str]) -> Vec<u8> {
        let run = self.with_key(key, arguments);
        assert_eq!(run.code, Some(0), "{arguments:?}: {run}");
        run.stdout
    }

    fn key(&self, name: &str) -> Vec<u8> {
        fs::read(self.sandbox.path("keys").join(format!("{name}.key"))).unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let run = self.admin(&["setup", "--destroy", "--yes"]);
        let told = run.code == Some(0) || std::thread::panicking();
        assert!(told, "destroy {}: {run}", self.index);
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn what_goes_in_with_one_key_comes_out_with_the_other() {
    let program = Program::new("inout").set_up();
    let embedded = Sandbox::embedded();
    let mut names = vec!["conversations.pcap".to_owned()];
    for sandbox in [&program.sandbox, &embedded] {
        sandbox.file("captures/conversations.pcap", &conversations());
    }
    // Of captures that hold the same packets, which file's name is kept is chance.
    let mut seen = BTreeSet::new();
    for capture in outside_captures() {
        let name = capture.file_name().unwrap().to_string_lossy().into_owned();
        let is_small = fs::metadata(&capture).unwrap().len() < 300_000;
        if !is_small || pcap_archiver::capture::sniff(&capture).is_err() {
            continue;
        }
        if read_all(&capture).first().is_none_or(|first| seen.insert(Fingerprint::of(first))) {
            for sandbox in [&program.sandbox, &embedded] {
                sandbox.file(&format!("captures/{name}"), &fs::read(&capture).unwrap());
            }
            names.push(name);
        }
    }
    let ingested = text(program.ok("publish", &["ingest", "captures"]));
    let expected = embedded.ok(&["ingest", "captures"]);
    assert_eq!(ingested.lines().last(), expected.lines().last(), "the same totals");
    let again = text(program.ok("publish", &["ingest", "captures"]));
    assert!(again.contains(" 0 stored"), "{again}");

    for arguments in [
        &["fetch", "--format", "pcapng", "-w", "-"][..],
        &["fetch", "192.168.99.100", "53", "-w", "-"],
        &["fetch", "--json=full"],
        &["fetch", "--list", "tcp", "--or", "80 443"],
        &["fetch", "--file", "conversations.pcap", "-w", "-"],
        &["fetch", "--count", "--string", "HTTP/1.1"],
        &["fetch", "-w", "-", "203.0.113.99"],
    ] {
        let (found, expected) = (program.ok("read", arguments), embedded.run(arguments).stdout);
        assert!(found == expected, "{arguments:?} differs from the embedded store");
    }
    for name in &names {
        let run = program.with_key("read", &["verify", &format!("captures/{name}")]);
        let receipt = String::from_utf8_lossy(&run.stdout);
        assert!(receipt.contains(", 0 missing"), "{run}");
        // Nobody knows what was in a part that cannot be read.
        let is_whole = !receipt.contains("  not readable: offset ");
        assert_eq!(run.code, Some(i32::from(!is_whole)), "{run}");
    }
    let status = text(program.ok("read", &["status", "--json"]));
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["rights"]["read"], true);
    assert_eq!(status["rights"]["append"], false);
}

#[test]
fn setup_again_keeps_the_keys_and_rotation_replaces_them() {
    let program = Program::new("keys").set_up();
    for name in ["publish", "read", "prune"] {
        let metadata = fs::metadata(program.sandbox.path(&format!("keys/{name}.key"))).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}.key");
    }
    let keys = || ["publish", "read", "prune"].map(|name| program.key(name));
    let first = keys();
    let again = program.admin(&["setup", "--keys-dir", "keys"]);
    assert_eq!(again.code, Some(0), "{again}");
    assert_eq!(keys(), first, "setup again changes nothing");

    fs::create_dir(program.sandbox.path("old")).unwrap();
    for name in ["publish", "read", "prune"] {
        let (from, to) = (format!("keys/{name}.key"), format!("old/{name}.key"));
        fs::copy(program.sandbox.path(&from), program.sandbox.path(&to)).unwrap();
    }
    let rotated = program.admin(&["setup", "--keys-dir", "keys", "--rotate-keys"]);
    assert_eq!(rotated.code, Some(0), "{rotated}");
    assert!(keys().iter().zip(&first).all(|(new, old)| new != old), "all keys are new");
    let old = program.sandbox.run(&["--api-key-file", "old/read.key", "fetch", "--count"]);
    assert_eq!(old.code, Some(1), "an old key is no longer valid: {old}");
    program.ok("read", &["fetch", "--count"]);

    for secret in first.iter().chain(&keys()) {
        let secret = String::from_utf8_lossy(secret).trim().to_owned();
        assert!(!again.to_string().contains(&secret) && !rotated.to_string().contains(&secret));
    }
}

#[test]
fn each_error_is_one_line_and_a_hint() {
    let program = Program::new("errors").set_up();
    program.sandbox.file("a.pcap", &conversations());
    program.sandbox.file("wrong.key", b"d3Jvbmc6a2V5");
    program.sandbox.file("nonsense.key", b"this is no key");
    let other_ca = oracle(
        "openssl",
        &["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other", "-keyout", "-"],
    );
    program.sandbox.file("other.crt", &other_ca);
    let url = program.url.clone();
    let plain = url.replace("https://", "http://");
    let fetch = ["--api-key-file", "keys/read.key", "fetch", "--count"];
    for (arguments, what, hint) in [
        (&["--ca-cert", "other.crt"][..], "certificate", "--ca-cert"),
        (&["--api-key-file", "wrong.key"], "", "--api-key-file"),
        (&["--store", "https://127.0.0.1:9"], "127.0.0.1:9", "is the server running"),
        (&["--store", &plain], "", "http or https"),
    ] {
        let mut all = arguments.to_vec();
        all.extend(if arguments[0] == "--api-key-file" { &fetch[2..] } else { &fetch[..] });
        let run = program.sandbox.run(&all);
        assert_eq!(run.code, Some(1), "{arguments:?}: {run}");
        let lines: Vec<&str> = run.stderr.lines().collect();
        assert_eq!(lines.len(), 2, "{arguments:?}: {run}");
        assert!(lines[0].starts_with("error: ") && lines[0].contains(what), "{what}: {run}");
        assert!(lines[1].starts_with("hint: ") && lines[1].contains(hint), "{hint}: {run}");
    }
    let run = program.admin(&["--index", "pcap-nobody", "fetch", "--count"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stderr.contains("pcap-nobody") && run.stderr.contains("setup`"), "{run}");
    let run = program.sandbox.run(&[&["--api-key-file", "nonsense.key"], &fetch[2..]].concat());
    assert_eq!(run.code, Some(1), "{run}");
    program.ok("publish", &["ingest", "a.pcap"]);
    for (key, arguments) in [
        ("publish", &["fetch", "--count"][..]),
        ("read", &["ingest", "a.pcap"]),
        ("prune", &["fetch", "--count"]),
        ("read", &["prune", "--all", "--yes"]),
    ] {
        let run = program.with_key(key, arguments);
        assert_eq!(run.code, Some(1), "{key} {arguments:?}: {run}");
        assert!(run.stderr.contains("hint: the key has no right"), "{key} {arguments:?}: {run}");
    }
    assert_eq!(text(program.ok("read", &["fetch", "--count"])), "200\n");
}

#[test]
fn a_hundred_thousand_packets_go_in_and_out_in_bounded_memory() {
    let program = Program::new("large").set_up();
    let file = program.sandbox.file("many.pcap", &many(100_000));
    let command = |key: &str, arguments: &[&str]| {
        let key = format!("keys/{key}.key");
        program.sandbox.command(&[&["--api-key-file", key.as_str()], arguments].concat())
    };
    let null = || fs::File::create("/dev/null").unwrap();
    let ingest = peak(command("publish", &["ingest", "many.pcap"]).stdout(null()).spawn().unwrap());
    assert!(ingest < MEMORY_KIB, "ingest took {ingest} KiB");
    let out = fs::File::create(program.sandbox.path("out.pcap")).unwrap();
    let fetch = peak(command("read", &["fetch", "-w", "-"]).stdout(out).spawn().unwrap());
    assert!(fetch < MEMORY_KIB, "fetch took {fetch} KiB");
    assert_same_records(&file, &program.sandbox.path("out.pcap"));

    let removed = text(program.ok("prune", &["prune", "--all", "--yes"]));
    assert!(removed.contains("removed "), "{removed}");
    assert_eq!(text(program.ok("read", &["fetch", "--count"])), "0\n");
}

pub fn assert_same_records(original: &Path, copy: &Path) {
    let (original, copy) = (fs::read(original).unwrap(), fs::read(copy).unwrap());
    assert!(original[24..] == copy[24..], "the same packets in the same order");
}

#[test]
fn two_ingesters_at_once_store_each_packet_once() {
    let program = Program::new("two").set_up();
    program.sandbox.file("many.pcap", &many(5_000));
    let start = || {
        program
            .sandbox
            .command(&["--api-key-file", "keys/publish.key", "ingest", "many.pcap"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    };
    let runs = [start(), start()].map(|child| Run::from(child.wait_with_output().unwrap()));
    let stored: u64 = runs
        .iter()
        .map(|run| {
            let printed = String::from_utf8_lossy(&run.stdout).into_owned();
            let words: Vec<&str> = printed.lines().last().unwrap().split_whitespace().collect();
            assert_eq!((run.code, words[2]), (Some(0), "read,"), "{run}");
            words[3].parse::<u64>().unwrap()
        })
        .sum();
    assert_eq!(stored, 5_000, "what one stores the other finds there");
    assert_eq!(text(program.ok("read", &["fetch", "--count"])), "5000\n");
}
