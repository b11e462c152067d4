//! Retention on a real server: whole partitions, the oldest first, with the prune key alone.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::program::Program;
use crate::sandbox::{Run, of_ages};
use crate::support::{Method, Server, raw};

/// Longer than the ten seconds for which the server keeps sizes that have become wrong.
const PATIENCE: Duration = Duration::from_mins(1);
/// Ages in days of the packets, ten of each.
const AGES: [i64; 7] = [400, 150, 60, 40, 10, 1, 0];

/// An archive that was set up so many days ago, with packets before and since.
struct Aged {
    program: Program,
    server: Server,
}

impl Aged {
    async fn new(name: &str) -> Self {
        let aged = Self { program: Program::new(name).set_up(), server: Server::from_env() };
        aged.set_up_earlier(100).await;
        let ten_of_each: Vec<i64> = AGES.iter().flat_map(|age| [*age; 10]).collect();
        aged.program.sandbox.file("a.pcap", &of_ages(&ten_of_each, 1, 20_000));
        aged.ingest("70 stored");
        aged
    }

    /// Changes what setup wrote down, before there are packets.
    async fn set_up_earlier(&self, days: i64) {
        let index = &self.program.index;
        let hours = jiff::SignedDuration::from_hours(days * 24);
        let set_up = json!(format!("{:.0}", jiff::Timestamp::now() - hours));
        let path = format!("/_index_template/{index}");
        let mut template = self.ask(Method::Get, &path, None).await;
        let mut template = template["index_templates"][0]["index_template"].take();
        template["_meta"]["set_up"] = set_up.clone();
        let mut meta = template["_meta"].clone();
        self.ask(Method::Put, &path, Some(template)).await;
        meta["set_up"] = set_up;
        let path = format!("/{index}-setup/_mapping");
        self.ask(Method::Put, &path, Some(json!({ "_meta": meta }))).await;
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let (status, answer) = raw(&self.server, method, path, body).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    fn ingest(&self, expected: &str) {
        let printed = self.program.ok("publish", &["ingest", "a.pcap"]);
        let printed = String::from_utf8_lossy(&printed).into_owned();
        assert!(printed.contains(expected), "{printed}");
    }

    fn count(&self) -> String {
        String::from_utf8_lossy(&self.program.ok("read", &["fetch", "--count"])).trim().to_owned()
    }

    fn prune(&self, arguments: &[&str]) -> Run {
        self.program.with_key("prune", &[&["prune"], arguments].concat())
    }

    /// Names of the partitions, oldest first.
    fn partitions(&self) -> [String; 7] {
        AGES.map(|age| {
            let time = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(age * 24);
            let format = if age > 100 { "%Y.%m" } else { "%Y.%m.%d" };
            format!("{}-{}", self.program.index, time.strftime(format))
        })
    }

    /// Bytes of each partition, once the server tells them as they are.
    async fn sizes(&self) -> Vec<u64> {
        let path = format!("/{}-*/_stats/store", self.program.index);
        let began = Instant::now();
        loop {
            let answer = self.ask(Method::Get, &path, None).await;
            let size = |name: &String| {
                answer["indices"][name]["total"]["store"]["size_in_bytes"].as_u64().unwrap_or(0)
            };
            let sizes: Vec<u64> = self.partitions().iter().map(size).collect();
            if sizes.iter().all(|bytes| *bytes > 200_000) {
                return sizes;
            }
            assert!(began.elapsed() < PATIENCE, "{answer}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

fn lines(run: &Run) -> Vec<String> {
    String::from_utf8_lossy(&run.stdout).lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn partitions_go_when_all_of_them_is_too_old() {
    let aged = Aged::new("old").await;
    let names = aged.partitions();
    for (key, arguments) in [
        ("read", &["prune", "--older-than", "30d"][..]),
        ("read", &["prune", "--older-than", "30d", "--dry-run"]),
        ("publish", &["prune", "--keep-size", "1"]),
    ] {
        let run = aged.program.with_key(key, arguments);
        assert_eq!(run.code, Some(1), "{key} {arguments:?}: {run}");
        assert!(run.stderr.contains("hint: the key has no right"), "{key} {arguments:?}: {run}");
    }

    let dry = aged.prune(&["--older-than", "30d", "--dry-run"]);
    assert_eq!(dry.code, Some(0), "{dry}");
    let rows = lines(&dry);
    assert_eq!(rows.len(), 9, "{dry}");
    for (number, row) in rows[1..8].iter().enumerate() {
        assert!(row.starts_with(&format!("{}  ", names[number])), "{dry}");
        assert_eq!(row.contains("  goes: captured before "), number < 4, "{dry}");
    }
    assert!(rows[7].ends_with("stays: packets captured now may belong to it"), "{dry}");
    assert!(rows[8].starts_with("would remove 40 packets, "), "{dry}");
    assert_eq!(aged.count(), "70");

    // Whole days only: the day that holds the limit stays until all of it is older.
    let run = aged.prune(&["--older-than", "10d"]);
    assert_eq!(run.code, Some(0), "{run}");
    let expected: Vec<String> = names[..4].iter().map(|name| format!("removed {name}")).collect();
    let printed = lines(&run);
    assert_eq!(printed[..4], expected, "{run}");
    assert!(printed[4].starts_with("removed 40 packets, "), "{run}");
    assert!(printed[4].ends_with(", 4 partitions"), "{run}");
    assert_eq!(aged.count(), "30");

    aged.ingest("70 read, 40 stored, 30 already there");
    assert_eq!(aged.count(), "70");
}

#[tokio::test]
async fn the_oldest_partitions_go_until_the_rest_fits() {
    let aged = Aged::new("size").await;
    let total: u64 = aged.sizes().await.iter().sum();
    let run = aged.prune(&["--keep-size", &total.to_string()]);
    assert_eq!((run.code, lines(&run)), (Some(0), vec!["removed 0 packets, 0 B".to_owned()]));
    let run = aged.prune(&["--keep-size", &(total - 1).to_string()]);
    let printed = lines(&run);
    assert_eq!(printed[0], format!("removed {}", aged.partitions()[0]), "{run}");
    assert_eq!((run.code, printed.len()), (Some(0), 2), "{run}");
    assert_eq!(aged.count(), "60");

    // Today's stays whatever the limit, and whoever wanted it to go is told.
    let run = aged.prune(&["--keep-size", "1KB", "--older-than", "1s"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stderr.contains("warning: "), "{run}");
    assert_eq!(aged.count(), "10");
    let run = aged.prune(&["--all", "--yes"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(aged.count(), "0");
}

#[tokio::test]
async fn a_resident_prune_says_what_it_removes() {
    let aged = Aged::new("stay").await;
    let arguments = ["--api-key-file", "keys/prune.key", "prune", "--older-than", "30d"];
    let mut command = aged.program.sandbox.command(&arguments);
    let mut child = command.args(["--every", "200ms"]).stderr(Stdio::piped()).spawn().unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let reader = thread::spawn(|| stderr.lines().map(Result::unwrap).collect::<Vec<String>>());
    let began = Instant::now();
    while aged.count() != "30" {
        assert!(began.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(100));
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let ended = child.wait().unwrap();
    let log = reader.join().unwrap();
    assert_eq!(ended.code(), Some(0), "{log:?}");
    for name in &aged.partitions()[..4] {
        let removed = log.iter().filter(|line| line.contains(name.as_str())).count();
        assert_eq!(removed, 1, "{name}: {log:?}");
    }
    let rounds: Vec<&String> = log.iter().filter(|line| line.contains("pruned")).collect();
    assert!(rounds[0].contains("packets=40") && rounds[0].contains("partitions=4"), "{log:?}");
}
