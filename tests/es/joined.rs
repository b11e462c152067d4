//! Several archives read as one: packets and stretches of conversations, with packets in both.

use std::fs;

use serde_json::{Value, json};

use crate::program::Program;
use crate::sandbox::served::Served;
use crate::sandbox::{Run, Sandbox, conversations, many};
use crate::support::{Method, Server, raw};

/// An archive of each layout, and one of packets that has what both have.
struct Archives {
    singles: Program,
    flows: Program,
    all: Sandbox,
}

impl Archives {
    fn new(name: &str) -> Self {
        let singles = Program::new(name).set_up();
        let flows = Program::new(&format!("{name}-flows"));
        let run = flows.admin(&["setup", "--keys-dir", "keys", "--layout", "flows"]);
        assert_eq!(run.code, Some(0), "{run}");
        let archives = Self { singles, flows, all: Sandbox::embedded() };
        archives.all.file("conversations.pcap", &conversations());
        archives.all.file("many.pcap", &many(3_000));
        archives.all.ok(&["ingest", "conversations.pcap", "many.pcap"]);
        // One has the beginning of what the other has whole.
        for (program, packets) in [(&archives.singles, 1_700), (&archives.flows, 3_000)] {
            program.sandbox.file("many.pcap", &many(packets));
            program.ok("publish", &["ingest", "many.pcap"]);
        }
        archives.singles.sandbox.file("conversations.pcap", &conversations());
        archives.singles.ok("publish", &["ingest", "conversations.pcap"]);
        archives
    }

    /// How both are named, whichever stands first.
    fn indices(&self) -> [String; 2] {
        let (one, other) = (self.singles.index(), self.flows.index());
        [format!("{one},{other}"), format!("{other},{one}")]
    }

    /// The keys of both, in the order of [`Self::indices`].
    fn keys(&self, role: &str) -> [String; 2] {
        let key = |program: &Program| {
            program.sandbox.path(&format!("keys/{role}.key")).display().to_string()
        };
        let (one, other) = (key(&self.singles), key(&self.flows));
        [format!("{one},{other}"), format!("{other},{one}")]
    }

    /// Runs with the keys that read both.
    fn run(&self, arguments: &[&str]) -> Run {
        let ([indices, _], [keys, _]) = (self.indices(), self.keys("read"));
        self.run_with(&indices, &keys, arguments)
    }

    fn run_with(&self, indices: &str, keys: &str, arguments: &[&str]) -> Run {
        let access = ["--index", indices, "--api-key-file", keys];
        self.singles.sandbox.run(&[&access[..], arguments].concat())
    }
}

#[test]
fn two_archives_give_what_one_gives_that_has_all() {
    let archives = Archives::new("joined");
    for arguments in [
        &["fetch", "-w", "-"][..],
        &["fetch", "--json=full"],
        &["fetch", "--list"],
        &["fetch", "--count"],
        &["fetch", "--count", "-f", "not udp"],
        &["fetch", "--limit", "2500", "-w", "-"],
        &["fetch", "192.168.99.100", "53", "--list"],
        &["fetch", "10.0.3.7", "-w", "-"],
        &["fetch", "--string", "Mozilla", "-w", "-"],
        &["fetch", "--file", "many.pcap", "-w", "-"],
        &["fetch", "--file", "conversations.pcap", "-w", "-"],
        &["fetch", "203.0.113.99", "--count"],
    ] {
        let expected = archives.all.run(arguments).stdout;
        for (indices, keys) in archives.indices().iter().zip(archives.keys("read")) {
            let run = archives.run_with(indices, &keys, arguments);
            assert_eq!(run.code, Some(0), "{arguments:?}: {run}");
            assert!(run.stdout == expected, "{arguments:?} of {indices} differs");
        }
    }
    for file in ["many.pcap", "conversations.pcap"] {
        let file = archives.all.path(file).display().to_string();
        let run = archives.run(&["verify", &file]);
        assert_eq!(run.code, Some(0), "{run}");
    }
    let run = archives.run(&["status", "--json"]);
    let status: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!((&status["packets"], &status["set_up"]), (&json!(4_900), &json!(true)), "{run}");
    assert_eq!(
        (&status["rights"]["read"], &status["rights"]["append"]),
        (&json!(true), &json!(false))
    );
    let run = archives.run(&["fetch", "192.168.99.100", "--explain"]);
    let explained = String::from_utf8_lossy(&run.stdout).into_owned();
    for index in [archives.singles.index(), archives.flows.index()] {
        assert!(explained.contains(&format!("GET /{index}/_search")), "{run}");
    }
}

#[tokio::test]
async fn whoever_may_read_both_needs_one_key_or_account() {
    let archives = Archives::new("joined-key");
    let (one, other) = (archives.singles.index(), archives.flows.index());
    let [indices, _] = archives.indices();
    let run = archives.singles.admin(&["--index", &indices, "fetch", "--count"]);
    assert_eq!(run.stdout, b"3200\n", "{run}");

    let names = [one, other].map(|index| [index.to_owned(), format!("{index}-*")]).concat();
    let read = json!({ "names": names, "privileges": ["read", "view_index_metadata"] });
    let key = json!({ "name": one, "role_descriptors": { "read": { "indices": [read] } } });
    let elasticsearch = Server::from_env();
    let (status, key) = raw(&elasticsearch, Method::Post, "_security/api_key", Some(key)).await;
    assert_eq!(status, 200, "{key}");
    let both = archives.singles.sandbox.path("both.key").display().to_string();
    fs::write(&both, key["encoded"].as_str().unwrap()).unwrap();
    let run = archives.run_with(&indices, &both, &["fetch", "--count"]);
    assert_eq!(run.stdout, b"3200\n", "{run}");

    let served =
        Served::start(&archives.singles.sandbox, &["--index", &indices, "--api-key-file", &both]);
    let answer = served.get("/api/v1/summary?q=udp").await;
    let summary: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(summary["packets"], json!(3_080), "{summary}");
    drop(served);
    let gone = json!({ "ids": [key["id"]] });
    raw(&elasticsearch, Method::Delete, "_security/api_key", Some(gone)).await;
}

#[test]
fn what_is_missing_is_named_and_what_writes_needs_one_archive() {
    let archives = Archives::new("joined-errors");
    let ([indices, _], [keys, swapped]) = (archives.indices(), archives.keys("read"));
    let missing = format!("{},pcap-nobody", archives.singles.index());
    for arguments in [&["fetch", "--count"][..], &["status"], &["verify", "many.pcap"]] {
        let run = archives.singles.admin(&[&["--index", missing.as_str()], arguments].concat());
        assert_eq!(run.code, Some(1), "{run}");
        let lines: Vec<&str> = run.stderr.lines().collect();
        assert!(lines[0].starts_with("error: ") && lines[0].contains("pcap-nobody"), "{run}");
        assert!(lines[1].starts_with("hint: ") && lines.len() == 2, "{run}");
    }
    let run = archives.run_with(&indices, &swapped, &["fetch", "--count"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stderr.contains("hint: the key has no right"), "{run}");
    for arguments in [
        &["setup"][..],
        &["setup", "--destroy", "--yes"],
        &["ingest", "many.pcap"],
        &["prune", "--all", "--yes"],
        &["up", "."],
    ] {
        let run = archives.run_with(&indices, &keys, arguments);
        assert_eq!(run.code, Some(2), "{arguments:?}: {run}");
        assert!(run.stderr.contains("needs one archive"), "{arguments:?}: {run}");
    }
    let run = archives.run_with(&format!("{indices},third"), &keys, &["fetch", "--count"]);
    assert_eq!(run.code, Some(2), "{run}");
    assert!(run.stderr.contains("2 keys"), "{run}");
    let run = archives.run(&["fetch", "--count"]);
    assert_eq!(run.stdout, b"3200\n", "{run}");
}
