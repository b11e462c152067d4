//! A real cluster of three nodes, of which one dies: while packets are stored, and while they are
//! read.

use std::fs::File;
use std::io::Read as _;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::Program;
use crate::sandbox::records::{difference, records};
use crate::sandbox::{Pcap, say, wait_until};
use crate::server::OwnCluster;

const PACKETS: u32 = 60_000;
const LAYOUTS: [&str; 2] = ["singles", "flows"];
/// What a reader has taken when a node dies: less than is on its way to it.
const READ_BEFORE: usize = 400_000;

#[test]
fn a_cluster_that_loses_a_node_loses_no_packet() {
    let mut cluster = OwnCluster::start();
    let programs = LAYOUTS.map(|layout| {
        let program = cluster.program(&format!("cluster-{layout}"));
        let run = program.admin(&["setup", "--layout", layout, "--keys-dir", "keys"]);
        assert_eq!(run.code, Some(0), "{run}");
        program
    });
    cluster.heal();
    let capture = traffic();
    store_while_a_node_dies(&mut cluster, &programs, &capture);
    for (layout, program) in LAYOUTS.iter().zip(&programs) {
        program.ok("read", &["fetch", "-w", "out.pcap"]);
        let found = std::fs::read(program.sandbox.path("out.pcap")).unwrap();
        assert_same(layout, &capture, &found);
    }
    for (layout, program) in LAYOUTS.iter().zip(&programs) {
        cluster.heal();
        read_while_a_node_dies(&mut cluster, layout, program, &capture);
    }
}

fn store_while_a_node_dies(cluster: &mut OwnCluster, programs: &[Program; 2], capture: &[u8]) {
    let began = Instant::now();
    let [singles, _] = programs;
    let mut ingests = programs.each_ref().map(|program| {
        program.sandbox.file("all.pcap", capture);
        let run = ["--api-key-file", "keys/publish.key", "ingest", "all.pcap"];
        let mut command = program.sandbox.command(&run);
        let log = |name| File::create(program.sandbox.path(name)).unwrap();
        command.stdout(log("ingest.out")).stderr(log("ingest.log")).spawn().unwrap()
    });
    wait_until("the first packets are stored", || {
        programs.iter().all(|program| stored(cluster, program).is_some_and(|stored| stored > 0))
    });
    let victim = primary(cluster, singles);
    let before = stored(cluster, singles).unwrap();
    for ingest in &mut ingests {
        assert!(ingest.try_wait().unwrap().is_none(), "a node is killed in the middle");
    }
    cluster.kill(victim);
    let killed = Instant::now();
    // What the new primary has as soon as it is one, and then more.
    let mut first = None;
    wait_until("the cluster takes packets again", || {
        let now = stored(cluster, singles);
        first = first.or(now);
        now > first || ingests[0].try_wait().unwrap().is_some()
    });
    let interrupted = killed.elapsed();
    for ((layout, program), ingest) in LAYOUTS.iter().zip(programs).zip(&mut ingests) {
        let ended = ingest.wait().unwrap();
        let read = |name| std::fs::read_to_string(program.sandbox.path(name)).unwrap();
        let (printed, log) = (read("ingest.out"), read("ingest.log"));
        assert!(ended.success(), "{layout}: {printed}{log}");
        let total = printed.lines().last().unwrap();
        assert!(total.contains(&format!("total: {PACKETS} read, ")), "{layout}: {printed}");
        assert!(total.contains(" 0 rejected"), "{layout}: {printed}");
        say(&format!("cluster: {layout}: {total}, {} waits", log.matches("try again").count()));
    }
    say(&format!(
        "cluster: 2 × {PACKETS} packets stored in {:.1} s; node {victim} killed after {before} \
         documents of singles, the next {:.1} s later",
        began.elapsed().as_secs_f64(),
        interrupted.as_secs_f64(),
    ));
}

fn read_while_a_node_dies(
    cluster: &mut OwnCluster,
    layout: &str,
    program: &Program,
    capture: &[u8],
) {
    let began = Instant::now();
    let mut fetch = program
        .sandbox
        .command(&["--api-key-file", "keys/read.key", "fetch", "--format", "pcap", "-w", "-"])
        .env("RUST_LOG", "pcap_archiver=debug")
        .stdout(Stdio::piped())
        .stderr(File::create(program.sandbox.path("fetch.log")).unwrap())
        .spawn()
        .unwrap();
    let mut found = read(&mut fetch, READ_BEFORE);
    let mut victim = None;
    wait_until("a node holds the snapshot", || {
        victim = reading(cluster, program);
        victim.is_some()
    });
    // What was asked for before is on its way to the reader.
    thread::sleep(Duration::from_secs(2));
    assert!(fetch.try_wait().unwrap().is_none(), "a node is killed in the middle");
    let victim = victim.unwrap();
    cluster.kill(victim);
    let killed = Instant::now();
    found.extend(read(&mut fetch, usize::MAX));
    let ended = fetch.wait().unwrap();
    let log = std::fs::read_to_string(program.sandbox.path("fetch.log")).unwrap();
    say(&format!(
        "cluster: {layout}: node {victim} killed after {READ_BEFORE} bytes of a fetch: {ended}, {} \
         of {PACKETS} packets, {:.1} s, {:.1} s of them after that",
        records(&found).len(),
        began.elapsed().as_secs_f64(),
        killed.elapsed().as_secs_f64(),
    ));
    assert!(log.contains("a snapshot is lost"), "{log}");
    assert!(ended.success(), "{log}");
    assert_same(layout, capture, &found);
}

fn read(child: &mut Child, bytes: usize) -> Vec<u8> {
    let mut read = Vec::new();
    let output = child.stdout.as_mut().unwrap();
    output.take(bytes.try_into().unwrap()).read_to_end(&mut read).unwrap();
    read
}

fn assert_same(layout: &str, expected: &[u8], found: &[u8]) {
    let (expected_records, found_records) = (records(expected), records(found));
    let difference = difference(&expected_records, &found_records);
    let (lost, doubled) = (difference.lost.len(), difference.doubled.len());
    assert_eq!((lost, doubled), (0, 0), "{layout}: lost and doubled");
    assert!(expected[24..] == found[24..], "{layout}: the same packets in the same order");
}

/// The archive's one index of packets.
fn index(program: &Program) -> String {
    format!("{}-2023.11", program.index())
}

/// Documents that were written to its primary shard, of an index that is there.
fn stored(cluster: &OwnCluster, program: &Program) -> Option<u64> {
    let (_, stats) = cluster.ask(&format!("{}/_stats/indexing", index(program)));
    stats["_all"]["primaries"]["indexing"]["index_total"].as_u64()
}

/// The node with its primary shard.
fn primary(cluster: &OwnCluster, program: &Program) -> usize {
    let (_, shards) = cluster.ask(&format!("_cat/shards/{}?format=json", index(program)));
    let shards = shards.as_array().unwrap();
    let primary = shards.iter().find(|shard| shard["prirep"] == "p").unwrap();
    number(&primary["node"])
}

/// The node with the shard that is being read.
fn reading(cluster: &OwnCluster, program: &Program) -> Option<usize> {
    let (_, stats) = cluster.ask("_nodes/stats/indices/search?level=shards");
    let index = index(program);
    let nodes = stats["nodes"].as_object().unwrap().values();
    let is_read = |node: &&Value| {
        let shard = &node["indices"]["shards"][&index][0]["0"];
        shard["search"]["open_contexts"].as_u64().is_some_and(|open| open > 0)
    };
    Some(number(&nodes.clone().find(is_read)?["name"]))
}

/// `node-2`
fn number(name: &Value) -> usize {
    name.as_str().unwrap().strip_prefix("node-").unwrap().parse().unwrap()
}

/// Packets of some conversations a millisecond apart, whose bytes do not compress away.
fn traffic() -> Vec<u8> {
    let mut pcap = Pcap::new(1);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for number in 0..PACKETS {
        let noise = (0..200 + number % 1000).map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[0]
        });
        let noise: Vec<u8> = noise.collect();
        let client = format!("10.0.0.{}:{}", number % 40, 1024 + number % 40);
        let frame = pcap_archiver::testing::udp_frame(
            client.parse().unwrap(),
            "192.0.2.53:4000".parse().unwrap(),
            &noise,
        );
        pcap = pcap.packet(1_700_000_000 + number / 1000, number % 1000 * 1_000_000, &frame);
    }
    pcap.bytes()
}
