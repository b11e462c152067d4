//! A cluster of three nodes: several ingesters at once, and nodes that are killed in the middle.

use std::fs;
use std::io::Read as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use pcap_archiver::testing::udp_frame;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::program::Program;
use crate::sandbox::records::{Record, difference, records};
use crate::sandbox::{Pcap, Run, say, wait_until};
use crate::server::OwnCluster;
use crate::support::{Method, raw};

const NODES: [usize; 3] = [1, 2, 3];
/// All packets of these tests are of November 2023, which has one index.
const PARTITION: &str = "2023.11";
/// Packets that make the partition, so that its shards are known before one of their nodes dies.
const BEFORE: u32 = 1_000;
const PACKETS: u32 = 80_000;
/// Slow enough that a node dies long after the first packets are seen and long before the last.
const PER_SECOND: &str = "8000";
/// Bytes that are taken from a fetch before a node dies: the store is not asked for much more.
const TAKEN: usize = 2 << 20;

/// Which node dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    /// The one with a primary shard of what is written, which the program does not talk to.
    Primary,
    /// The elected master, which the program talks to.
    Master,
}

#[test]
fn a_cluster_that_loses_a_node_loses_no_packet() {
    let cluster = Cluster::start();
    several_ingesters_store_each_packet_once(&cluster);
    let singles = Scene::set_up(&cluster, "singles", "1");
    let killed = singles.ingest_while_a_node_dies(Victim::Primary);
    singles.compare("without the node");
    cluster.again(killed);
    singles.compare("with all nodes again");
    let killed = singles.fetch_while_a_node_dies();
    cluster.again(killed);

    // A primary shard for each node, so that whichever is the master has one.
    let flows = Scene::set_up(&cluster, "flows", "3");
    let killed = flows.ingest_while_a_node_dies(Victim::Master);
    flows.compare("without the node");
    cluster.again(killed);
    flows.fetch_while_a_node_dies();
    flows.compare("without the node");
}

/// Each through another node; one folder is read by two of them.
fn several_ingesters_store_each_packet_once(cluster: &Cluster) {
    let program = cluster.own.program("several", &NODES).set_up();
    let mut expected = Vec::new();
    for (number, name) in (0..).zip(["left/1", "left/2", "both/1", "both/2", "right/1", "other/1"])
    {
        let capture = capture(number * 100_000, 5_000);
        expected.extend(records(&capture));
        program.sandbox.file(&format!("{name}.pcap"), &capture);
    }
    let began = Instant::now();
    let start = |sensor: &str, node: usize, folders: &[&str]| {
        let url = cluster.own.url(&[node]);
        let options = ["--store", &url, "--api-key-file", "keys/publish.key", "ingest"];
        // Each is a machine of its own, which knows nothing of the others.
        let own = ["--sensor", sensor, "--state-dir", sensor, "--max-rate", "4000"];
        let mut command = program.sandbox.command(&[&options[..], &own, folders].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children = [
        start("left", 1, &["left", "both"]),
        start("right", 2, &["both", "right"]),
        start("other", 3, &["other"]),
    ];
    let totals = children.map(|child| Totals::of(&child.wait_with_output().unwrap().into()));
    let seconds = began.elapsed().as_secs_f64();
    let sum = |of: fn(&Totals) -> u64| totals.iter().map(of).sum::<u64>();
    let (read, stored, there) =
        (sum(|totals| totals.read), sum(|totals| totals.stored), sum(|totals| totals.there));
    assert_eq!((read, stored, there), (40_000, 30_000, 10_000), "{totals:?}");
    assert_found(&expected, &program.ok("read", &FETCH_ALL), "three ingesters");
    let of_sensor = |sensor: &str| {
        let condition = format!("observer.name:{sensor}");
        let found = program.ok("read", &["fetch", "--count", "--filter", &condition]);
        String::from_utf8(found).unwrap().trim().parse::<u64>().unwrap()
    };
    assert_eq!(of_sensor("other"), 5_000);
    // Of what both read, each has stored a part.
    let (left, right) = (of_sensor("left"), of_sensor("right"));
    assert_eq!((left, right), (totals[0].stored, totals[1].stored));
    say(&format!(
        "cluster, three ingesters through three nodes: {read} packets read in {seconds:.1} s, \
         {stored} stored, {there} there already ({left} by the one, {right} by the other, of \
         which 10000 were read by both)"
    ));
}

struct Cluster {
    own: OwnCluster,
    runtime: Runtime,
}

impl Cluster {
    fn start() -> Self {
        let own = OwnCluster::start(NODES.len());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let cluster = Self { own, runtime };
        cluster.wait_until_whole();
        cluster
    }

    /// Starts a node that was killed, and waits for all copies of all shards.
    fn again(&self, node: usize) {
        let began = Instant::now();
        self.own.again(node);
        let started = began.elapsed();
        self.wait_until_whole();
        say(&format!(
            "cluster: the node was started in {:.1} s, and had its shards after {:.1} s",
            started.as_secs_f64(),
            began.elapsed().as_secs_f64()
        ));
    }

    /// What a node that lives answers, if it is no error.
    fn ask(&self, node: usize, path: &str) -> Option<Value> {
        let server = self.own.server(node);
        let (status, answer) = self.runtime.block_on(raw(&server, Method::Get, path, None));
        (status == 200).then_some(answer)
    }

    fn wait_until_whole(&self) {
        wait_until("every shard is on two of three nodes", || {
            self.ask(1, "/_cluster/health").is_some_and(|health| {
                health["status"] == "green"
                    && health["number_of_nodes"] == NODES.len()
                    && health["relocating_shards"] == 0
            })
        });
    }

    fn master(&self) -> usize {
        let masters = self.ask(1, "/_cat/master?format=json").unwrap();
        number_of(&masters[0]["node"])
    }

    /// Nodes that have a primary shard of an index.
    fn primaries(&self, index: &str) -> Vec<usize> {
        let shards = self.ask(1, &format!("/_cat/shards/{index}?format=json")).unwrap();
        let shards = shards.as_array().unwrap().iter();
        let primaries = shards.filter(|shard| shard["prirep"] == "p");
        primaries.map(|shard| number_of(&shard["node"])).collect()
    }

    /// Nodes that keep a part of somebody's snapshot.
    fn with_snapshots(&self) -> Vec<usize> {
        let stats = self.ask(1, "/_nodes/stats/indices/search").unwrap();
        let nodes = stats["nodes"].as_object().unwrap().values();
        let with_snapshots = nodes.filter(|node| node["indices"]["search"]["open_contexts"] != 0);
        with_snapshots.map(|node| number_of(&node["name"])).collect()
    }

    /// Documents that can be found, if every shard can be asked.
    fn documents(&self, node: usize, index: &str) -> Option<u64> {
        let answer = self.ask(node, &format!("/{index}/_count"))?;
        (answer["_shards"]["failed"] == 0).then(|| answer["count"].as_u64().unwrap())
    }
}

/// Of the name that the script gives a node.
fn number_of(name: &Value) -> usize {
    name.as_str().unwrap().strip_prefix("node-").unwrap().parse().unwrap()
}

/// Beginning with this node.
fn beginning_with(first: usize) -> Vec<usize> {
    let others = NODES.into_iter().filter(|node| *node != first);
    std::iter::once(first).chain(others).collect()
}

/// Beginning with another node than this one.
fn beginning_beside(victim: usize) -> Vec<usize> {
    beginning_with(NODES.into_iter().find(|node| *node != victim).unwrap())
}

const FETCH_ALL: [&str; 5] = ["fetch", "--format", "pcap", "-w", "-"];

/// One archive and what has to be in it.
struct Scene<'a> {
    cluster: &'a Cluster,
    program: Program,
    layout: &'a str,
    index: String,
    expected: Vec<Record>,
}

impl<'a> Scene<'a> {
    fn set_up(cluster: &'a Cluster, layout: &'a str, shards: &str) -> Self {
        let program = cluster.own.program(layout, &NODES);
        let program = program.set_up_with(&["--layout", layout, "--shards", shards]);
        let index = format!("{}-{PARTITION}", program.index());
        let (before, many) = (capture(0, BEFORE), capture(BEFORE, PACKETS));
        program.sandbox.file("before.pcap", &before);
        program.sandbox.file("many.pcap", &many);
        program.ok("publish", &["ingest", "before.pcap"]);
        cluster.wait_until_whole();
        let expected = [records(&before), records(&many)].concat();
        Self { cluster, program, layout, index, expected }
    }

    /// Returns the node that was killed.
    fn ingest_while_a_node_dies(&self, victim: Victim) -> usize {
        let cluster = self.cluster;
        let primaries = cluster.primaries(&self.index);
        let (killed, order) = match victim {
            Victim::Primary => (primaries[0], beginning_beside(primaries[0])),
            Victim::Master => (cluster.master(), beginning_with(cluster.master())),
        };
        let alive = beginning_beside(killed)[0];
        let documents = || cluster.documents(alive, &self.index);
        let before = documents().unwrap();

        let began = Instant::now();
        let log = self.program.sandbox.path("ingest.log");
        let arguments = ["ingest", "--max-rate", PER_SECOND, "many.pcap"];
        let mut ingest = self.start("publish", &order, &arguments, &log);
        wait_until("the first packets can be found", || {
            documents().is_some_and(|documents| documents > before)
        });
        let until_killed = began.elapsed();
        let died = Instant::now();
        cluster.own.kill(killed);
        assert!(ingest.try_wait().unwrap().is_none(), "the node is killed in the middle");
        let mut at_first = None;
        wait_until("every packet that was stored can be found again", || {
            at_first = documents();
            at_first.is_some()
        });
        let until_answered = died.elapsed();
        wait_until("packets are stored again", || {
            documents() > at_first || ingest.try_wait().unwrap().is_some()
        });
        let until_stored = died.elapsed();
        let run = Run::from(ingest.wait_with_output().unwrap());
        let seconds = began.elapsed().as_secs_f64();
        let log = fs::read_to_string(log).unwrap();
        assert_eq!(run.code, Some(0), "{run}\n{log}");
        let totals = Totals::of(&run);
        assert_eq!(totals.read, u64::from(PACKETS), "{run}");
        assert_eq!(totals.stored + totals.there, u64::from(PACKETS), "{run}\n{log}");
        say(&format!(
            "cluster, {}, {victim:?} killed {:.1} s after the begin of an ingest (of {} primary \
             shards on it; the program talks to {}): {PACKETS} packets in {seconds:.1} s at \
             {PER_SECOND}/s, the cluster answered after {:.1} s, more packets could be found \
             after {:.1} s, {} there already, {} tries again, {} turns to another node",
            self.layout,
            until_killed.as_secs_f64(),
            primaries.iter().filter(|node| **node == killed).count(),
            if order[0] == killed { "it" } else { "another" },
            until_answered.as_secs_f64(),
            until_stored.as_secs_f64(),
            totals.there,
            log.matches("will try again").count(),
            log.matches("trying the next one").count(),
        ));
        killed
    }

    /// Returns the node that was killed: one that has a part of the snapshot that is read.
    fn fetch_while_a_node_dies(&self) -> usize {
        let cluster = self.cluster;
        let log = self.program.sandbox.path("fetch.log");
        let first = if self.layout == "singles" { 1 } else { cluster.master() };
        let order = beginning_with(first);
        let began = Instant::now();
        let mut fetch = self.start("read", &order, &FETCH_ALL, &log);
        let mut out = fetch.stdout.take().unwrap();
        let mut found = vec![0; TAKEN];
        out.read_exact(&mut found).unwrap();
        let with_snapshots = cluster.with_snapshots();
        // The one that is talked to, too, if that is possible.
        let killed = if with_snapshots.contains(&first) { first } else { with_snapshots[0] };
        let died = Instant::now();
        cluster.own.kill(killed);
        assert!(fetch.try_wait().unwrap().is_none(), "the node is killed in the middle");
        let mut longest_pause = Duration::ZERO;
        let mut piece = vec![0; 1 << 20];
        loop {
            let waited = Instant::now();
            let read = out.read(&mut piece).unwrap();
            longest_pause = longest_pause.max(waited.elapsed());
            if read == 0 {
                break;
            }
            found.extend(&piece[..read]);
        }
        let code = fetch.wait().unwrap().code();
        let (seconds, after) = (began.elapsed().as_secs_f64(), died.elapsed().as_secs_f64());
        let log = fs::read_to_string(log).unwrap();
        assert!(log.contains("a snapshot is lost"), "it was still needed: {log}");
        let found = records(&found);
        let outcome = if code == Some(0) {
            let difference = difference(&self.expected, &found);
            assert!(found == self.expected, "{}: {difference}\n{log}", self.layout);
            "went on in another snapshot".to_owned()
        } else {
            assert_eq!(code, Some(1), "{log}");
            assert!(self.expected.starts_with(&found), "{}: not the first packets", self.layout);
            let errors: Vec<&str> =
                log.lines().filter(|line| line.starts_with("error: ")).collect();
            assert!(
                errors.len() == 1 && errors[0].contains("not all packets were given"),
                "{}: {log}",
                self.layout
            );
            format!("ended: {}", errors[0])
        };
        say(&format!(
            "cluster, {}, a node with a part of the snapshot killed in the middle of a fetch (the \
             program talks to {}): {} of {} packets in {seconds:.1} s, {after:.1} s of it after \
             the kill, longest pause {:.1} s; it {outcome}",
            self.layout,
            if killed == first { "it" } else { "another" },
            found.len(),
            self.expected.len(),
            longest_pause.as_secs_f64(),
        ));
        killed
    }

    fn start(
        &self,
        key: &str,
        order: &[usize],
        arguments: &[&str],
        log: &std::path::Path,
    ) -> Child {
        let (key, url) = (format!("keys/{key}.key"), self.cluster.own.url(order));
        let options = ["-v", "--store", &url, "--api-key-file", &key];
        let mut command = self.program.sandbox.command(&[&options[..], arguments].concat());
        command.stdout(Stdio::piped()).stderr(fs::File::create(log).unwrap()).spawn().unwrap()
    }

    fn compare(&self, when: &str) {
        let began = Instant::now();
        assert_found(&self.expected, &self.program.ok("read", &FETCH_ALL), when);
        say(&format!(
            "cluster, {}, {when}: {} packets fetched in {:.1} s are those of the captures",
            self.layout,
            self.expected.len(),
            began.elapsed().as_secs_f64()
        ));
    }
}

/// Every packet once and in its order.
fn assert_found(expected: &[Record], capture: &[u8], when: &str) {
    let found = records(capture);
    assert!(found == expected, "{when}: {}", difference(expected, &found));
}

/// What an ingest counted.
#[derive(Debug)]
struct Totals {
    read: u64,
    stored: u64,
    there: u64,
}

impl Totals {
    fn of(run: &Run) -> Self {
        assert_eq!(run.code, Some(0), "{run}");
        let printed = String::from_utf8_lossy(&run.stdout);
        let words: Vec<&str> = printed.lines().last().unwrap().split_whitespace().collect();
        let number = |place: usize, name: &str| {
            assert!(words[place + 1].starts_with(name), "{run}");
            words[place].parse::<u64>().unwrap()
        };
        Self { read: number(1, "read"), stored: number(3, "stored"), there: number(5, "already") }
    }
}

/// Packets in time order, each of its own time over all captures of different numbers. Forty
/// conversations, and payloads that do not compress: both layouts take several pages.
fn capture(first: u32, packets: u32) -> Vec<u8> {
    let mut pcap = Pcap::new(1);
    let mut state = u64::from(first) << 1 | 1;
    for number in first..first + packets {
        let length = 200 + number % 600;
        let payload = (0..length).map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[0]
        });
        let payload: Vec<u8> = payload.collect();
        let client = format!("10.0.0.{}:{}", number % 40, 20_000 + number % 40);
        let frame =
            udp_frame(client.parse().unwrap(), "192.0.2.53:4433".parse().unwrap(), &payload);
        pcap = pcap.packet(1_700_000_000 + number / 1_000, number % 1_000 * 1_000_000, &frame);
    }
    pcap.bytes()
}
