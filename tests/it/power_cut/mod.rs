//! The power is cut at every sync of a run, and what was not made safe is gone.
//!
//! A killed process leaves what it has written in the system's memory; a power cut does not. So a
//! run is recorded (strace), and for each moment before and after a sync the folder is made anew
//! as a disk may have it then. From there the next run must complete: every packet is in the store
//! once; what was deleted was in the store already, with a receipt, and what was reported was, too.

mod disk;
mod trace;

use std::collections::HashSet;
use std::env;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::records::{Record, difference, records};
use crate::support::{Pcap, Run, Sandbox, say, through, wait_until};
use disk::{SURVIVORS, Survivors, Tree};
use trace::{CALLS, Event, Replay, printed};

/// Set it to anything to try every moment; else as many as fit into the time.
const EVERYTHING: &str = "PCAP_ARCHIVER_POWER_CUT_EVERYTHING";
/// For each of the scenes.
const TIME: Duration = Duration::from_secs(20);

/// Deletes what is stored.
const INGEST: [&str; 5] = ["ingest", "captures", "--state-dir", "state", "--purge"];

/// A small capture; each number gives other packets.
fn capture(number: u32) -> Vec<u8> {
    let mut pcap = Pcap::new(101);
    for packet in 0..20 + number {
        let data = [&[0x45; 40][..], &number.to_be_bytes(), &packet.to_be_bytes()].concat();
        pcap = pcap.packet(1_700_000_000 + number, packet, &data);
    }
    pcap.bytes()
}

/// More than any scene has.
const CAPTURES: u32 = 14;

fn name(number: u32) -> String {
    format!("captures/{number}.pcap")
}

/// What is in the folder after a power cut, and how it came to be.
struct Moment {
    tree: Tree,
    /// The captures that have been there.
    captures: Vec<u32>,
    /// Those that the program has reported as stored.
    reported: Vec<u32>,
    syncs: usize,
    event: Event,
    survivors: Survivors,
}

#[test]
fn a_first_run_survives_a_power_cut_at_every_sync() {
    let mut scene = Scene::new();
    for number in 0..3 {
        scene.put(number);
    }
    let moments = scene.record(&INGEST, 0..3, 0..0, |_, _| {});
    scene.assert_survives(&moments);
}

#[test]
fn a_run_on_a_full_store_survives_a_power_cut_at_every_sync() {
    let mut scene = Scene::new();
    for number in 0..12 {
        scene.put(number);
        scene.sandbox.ok(&INGEST);
    }
    for number in 12..14 {
        scene.put(number);
    }
    let moments = scene.record(&INGEST, 0..14, 0..0, |_, _| {});
    scene.assert_survives(&moments);
}

/// Files come while the ingest runs, and segments are merged meanwhile.
#[test]
fn a_run_that_stays_survives_a_power_cut_at_every_sync() {
    let mut scene = Scene::new();
    let watch = [&INGEST[..], &["--watch", "--settle", "100ms", "--poll", "50ms"]].concat();
    let moments = scene.record(&watch, 0..0, 0..4, |scene, process| {
        for number in 0..4 {
            let path = scene.put(number);
            wait_until("the capture is stored and deleted", || !path.try_exists().unwrap());
        }
        assert!(Command::new("kill").args(["-TERM", process]).status().unwrap().success());
    });
    scene.assert_survives(&moments);
}

/// A store, captures and a state directory, made anew at the same place again and again.
struct Scene {
    sandbox: Sandbox,
    /// Second names of files that are the same after a power cut, and not others like them: the
    /// ingest recognises files by their number.
    kept: TempDir,
}

/// By this file a store is recognised.
const LOCK: &str = "archive/.pcap-archiver-writer.lock";

impl Scene {
    fn new() -> Self {
        let sandbox = Sandbox::embedded();
        fs::create_dir(sandbox.path("captures")).unwrap();
        Self { sandbox, kept: TempDir::new().unwrap() }
    }

    /// A new capture.
    fn put(&mut self, number: u32) -> PathBuf {
        // Appears at once and whole, as it does in the recording.
        let kept = self.kept_capture(number);
        fs::write(&kept, capture(number)).unwrap();
        let path = self.sandbox.path(&name(number));
        fs::hard_link(kept, &path).unwrap();
        path
    }

    fn kept_capture(&self, number: u32) -> PathBuf {
        self.kept.path().join(number.to_string())
    }

    fn kept_lock(&self) -> PathBuf {
        self.kept.path().join("lock")
    }

    /// Runs under strace; `meanwhile` gets the process's id. Returns every different folder that a
    /// power cut may leave. The captures `there` were there from the beginning.
    fn record(
        &mut self,
        arguments: &[&str],
        there: Range<u32>,
        arriving: Range<u32>,
        meanwhile: impl FnOnce(&mut Self, &str),
    ) -> Vec<Moment> {
        // Not in the folder that is recorded.
        let elsewhere = tempfile::tempdir().unwrap();
        let log = elsewhere.path().join("trace");
        let root = self.sandbox.path("").canonicalize().unwrap();
        let arrivals = arriving.clone().map(|number| (name(number), capture(number)));
        let mut replay = Replay::new(&root, arrivals.collect());
        let plain = self.sandbox.command(arguments);
        let mut strace = Command::new("strace");
        strace.args(["-f", "-y", "-xx", "-s", "100000000", "-e", &format!("trace={CALLS}"), "-o"]);
        strace.arg(&log);
        let mut strace = through(strace, &plain);
        strace.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = strace
            .spawn()
            .unwrap_or_else(|error| panic!("strace is needed for this test: {error}"));
        let mut thread = String::new();
        wait_until("the trace begins", || {
            let text = fs::read(&log).unwrap_or_default();
            let first = text.split(|byte| *byte == b' ').next().unwrap();
            thread = String::from_utf8(first.to_vec()).unwrap();
            text.len() > first.len()
        });
        meanwhile(self, &thread);
        let run = Run::from(child.wait_with_output().unwrap());
        assert_eq!(run.code, Some(0), "strace must be allowed to trace: {run}");

        fs::hard_link(self.sandbox.path(LOCK), self.kept_lock()).unwrap();

        let (mut moments, mut seen, mut syncs) = (Vec::new(), HashSet::new(), 0);
        let (mut captures, mut reported): (Vec<u32>, _) = (there.collect(), Vec::new());
        for line in fs::read_to_string(&log).unwrap().lines() {
            replay.line(line, |event, disk| {
                syncs += usize::from(event == Event::AfterSync);
                for survivors in SURVIVORS {
                    let tree = disk.after_power_cut(survivors);
                    if seen.insert((tree.clone(), reported.clone())) {
                        let (captures, reported) = (captures.clone(), reported.clone());
                        let moment = Moment { tree, captures, reported, syncs, event, survivors };
                        moments.push(moment);
                    }
                }
            });
            let text = printed(line).unwrap_or_default();
            let is_reported = |number: &u32| text.contains(&format!("{}: ", name(*number)));
            reported.extend(captures.iter().filter(|number| is_reported(number)));
            let arrived = arriving.clone().filter(|number| !replay.awaits(&name(*number)));
            captures
                .extend(arrived.filter(|number| !captures.contains(number)).collect::<Vec<_>>());
        }
        for survivors in SURVIVORS {
            let tree = replay.disk().after_power_cut(survivors);
            let (captures, reported) = (captures.clone(), reported.clone());
            let event = Event::AfterSync;
            moments.push(Moment { tree, captures, reported, syncs, event, survivors });
        }
        assert!(!reported.is_empty(), "the run reports what it has stored");
        assert!(syncs > 10, "the run makes sure of what it writes");
        moments
    }

    /// Of all moments as many as there is time for, spread over the run.
    fn assert_survives(&self, moments: &[Moment]) {
        let began = Instant::now();
        let everything = env::var_os(EVERYTHING).is_some();
        // Odd steps, so that the kinds of survivors take turns.
        let step = (moments.len() / 7) | 1;
        let mut tried = 0;
        for first in 0..step {
            for moment in moments.iter().skip(first).step_by(step) {
                if everything || tried == 0 || began.elapsed() < TIME {
                    self.assert_survived(moment);
                    tried += 1;
                }
            }
        }
        say(&format!("power cuts: {tried} of {} tried", moments.len()));
    }

    fn assert_survived(&self, moment: &Moment) {
        let Moment { tree, captures, reported, syncs, event, survivors } = moment;
        let sandbox = &self.sandbox;
        self.restore(tree);
        let told = format!("{event:?} {syncs}, left {survivors:?}: {:?}", sizes(tree));

        let gone = captures.iter().filter(|number| !is_there(tree, **number));
        let gone: Vec<u32> = gone.copied().collect();
        let safe: Vec<u32> = gone.iter().chain(reported).copied().collect();
        let stored = if safe.is_empty() { Vec::new() } else { fetch_all(sandbox, &told) };
        for number in &safe {
            let missing = difference(&records(&capture(*number)), &stored).lost;
            assert!(missing.is_empty(), "{} must be stored: {told}", name(*number));
        }
        for number in &gone {
            assert_receipt(sandbox, *number, &told);
        }

        let run = sandbox.run(&INGEST);
        assert_eq!(run.code, Some(0), "{told}: {run}");
        let expected: Vec<Record> =
            captures.iter().flat_map(|number| records(&capture(*number))).collect();
        let found = if expected.is_empty() { Vec::new() } else { fetch_all(sandbox, &told) };
        let difference = difference(&expected, &found);
        assert!(difference.is_none(), "{difference}: {told}");
        for number in captures {
            assert!(
                !sandbox.path(&name(*number)).try_exists().unwrap(),
                "{number} is deleted: {told}: {run}"
            );
            assert_receipt(sandbox, *number, &told);
        }
    }

    /// Makes the folder what it was at a power cut.
    fn restore(&self, tree: &Tree) {
        for entry in fs::read_dir(self.sandbox.path("")).unwrap() {
            fs::remove_dir_all(entry.unwrap().path()).unwrap();
        }
        for (path, content) in tree {
            let to = self.sandbox.path(path);
            let Some(content) = content else {
                fs::create_dir(to).unwrap();
                continue;
            };
            let same = |number: &u32| path.contains(&format!("{number}.pcap"));
            match (0..CAPTURES).rev().find(same) {
                Some(number) => {
                    assert!(*content == capture(number), "{path} is never written");
                    fs::hard_link(self.kept_capture(number), to).unwrap();
                }
                None if path == LOCK => fs::hard_link(self.kept_lock(), to).unwrap(),
                None => fs::write(to, content).unwrap(),
            }
        }
    }
}

/// Whether a capture is in its folder, perhaps under the name that it has before it is deleted.
fn is_there(tree: &Tree, number: u32) -> bool {
    let hidden = format!("captures/.{number}.pcap.purging");
    tree.contains_key(&name(number)) || tree.contains_key(&hidden)
}

fn fetch_all(sandbox: &Sandbox, told: &str) -> Vec<Record> {
    let run = sandbox.run(&["fetch", "--format", "pcap", "-w", "-"]);
    assert_eq!(run.code, Some(0), "{told}: {run}");
    records(&run.stdout)
}

fn assert_receipt(sandbox: &Sandbox, number: u32, told: &str) {
    let receipts = fs::read_to_string(sandbox.path("state/receipts.jsonl")).unwrap_or_default();
    let is_for = |line: &str| {
        let Ok(receipt) = serde_json::from_str::<serde_json::Value>(line) else { return false };
        let path = receipt["path"].as_str().unwrap_or_default();
        receipt["action"] == "deleted" && Path::new(path).ends_with(format!("{number}.pcap"))
    };
    let found = receipts.lines().any(is_for);
    assert!(found, "{} has no receipt: {told}\n{receipts}", name(number));
}

/// Names and lengths, for messages.
fn sizes(tree: &Tree) -> Vec<(&str, Option<usize>)> {
    tree.iter().map(|(path, content)| (path.as_str(), content.as_ref().map(Vec::len))).collect()
}
