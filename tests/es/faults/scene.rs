//! Who takes part in the fault test, and what is known of every file.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use serde_json::Value;

use super::proxy::Proxy;
use super::{Fault, between};
use crate::program::Program;
use crate::sandbox::disk::SmallDisk;
use crate::sandbox::kept::Kept;
use crate::sandbox::records::{Difference, difference, records};
use crate::sandbox::service::Service;
use crate::sandbox::tools::{Capturing, Traffic};
use crate::sandbox::{oracle, read_all, with_all_of};
use crate::server::OwnServer;

/// Bytes for the ledger and the receipts.
const STATE_BYTES: u64 = 8 << 20;
/// Between two looks at what has gone.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Without one more deleted file for so long, nothing goes on any more. The ingest asks again
/// every quarter of a minute what it could not ask before.
const STUCK: Duration = Duration::from_mins(2);

pub struct Scene {
    // In the order in which they end.
    service: Service,
    tcpdump: Capturing,
    traffic: Traffic,
    kept: Kept,
    disk: SmallDisk,
    proxy: Proxy,
    program: Program,
    server: OwnServer,
    /// Files that this test removed itself, by their number.
    removed: HashSet<u64>,
    /// Files that the ingest deleted and whose packets were all found in the store.
    checked: HashSet<PathBuf>,
    /// How often a check had to wait for the server.
    checked_late: u64,
    /// How often a stop ended before everything was stored.
    not_drained: u64,
    made: BTreeMap<Fault, u64>,
}

impl Scene {
    pub fn start(seed: u64) -> Self {
        let server = OwnServer::start();
        let program = server.program("faults").set_up();
        let proxy = Proxy::start(server.url(), Path::new(&server.ca_certificate()), seed);
        let disk = SmallDisk::mount(program.sandbox.path("state"), STATE_BYTES);
        let folder = program.sandbox.path("captures");
        fs::create_dir(&folder).unwrap();
        let kept = Kept::start(&folder, program.sandbox.path("kept"));
        let traffic = Traffic::on_a_free_port(seed);
        let rotate = ["-G", "1", "-w", "cap-%s.pcap"];
        let tcpdump = Capturing::tcpdump(&folder, &rotate, &traffic);
        let service = start_service(&program, &proxy.url(), &disk);
        Self {
            service,
            tcpdump,
            traffic,
            kept,
            disk,
            proxy,
            program,
            server,
            removed: HashSet::new(),
            checked: HashSet::new(),
            checked_late: 0,
            not_drained: 0,
            made: BTreeMap::new(),
        }
    }

    /// A while without a new fault.
    pub fn work(&mut self, random: &mut StdRng) {
        self.traffic.flow(random.random_range(20..1_500));
        self.pause(between(random, 200, 1_200));
        self.service.assert_running();
    }

    pub fn make(&mut self, fault: Fault, random: &mut StdRng) {
        match fault {
            Fault::KillIngest => {
                self.service.kill();
                self.pause(between(random, 0, 300));
                self.service.restart();
            }
            Fault::StopIngest => {
                self.stop_ingest();
                self.service.restart();
            }
            Fault::KillServer => self.kill_server(random),
            Fault::Disturb(disturbance) => {
                self.proxy.disturb(Some(disturbance));
                self.pause(between(random, 1_000, 2_500));
                self.proxy.disturb(None);
            }
            Fault::Rename => self.rename(random),
            Fault::Compress => self.compress(random),
            Fault::FillDisk => {
                self.disk.fill();
                self.pause(between(random, 1_500, 3_000));
                self.disk.empty();
            }
        }
        *self.made.entry(fault).or_default() += 1;
    }

    /// It drains what it has read, unless a server that has just come back takes longer for that
    /// than a stop may take; that is said, and the next run does it again.
    fn stop_ingest(&mut self) {
        let ended = self.service.terminate();
        if !ended.success() {
            let said = self.service.last_words();
            assert!(said.contains("error: stop within 30s: "), "{ended}: {said}");
            self.not_drained += 1;
        }
    }

    fn kill_server(&mut self, random: &mut StdRng) {
        self.server.kill();
        thread::sleep(between(random, 0, 2_000));
        if random.random() {
            self.service.kill();
            self.service.restart();
        }
        self.server.again();
    }

    fn rename(&mut self, random: &mut StdRng) {
        let names = self.visible();
        let Some(from) = names.choose(random) else { return };
        // Deleted meanwhile: then there is nothing to rename.
        fs::rename(from, with_ending(from, ".1")).unwrap_or_default();
    }

    /// As gzip does it, but so slowly that the file stands still half-written.
    fn compress(&mut self, random: &mut StdRng) {
        let mut names = self.visible();
        names.retain(|path| path.extension().is_none_or(|extension| extension != "gz"));
        // tcpdump still writes the last one.
        names.sort();
        names.pop();
        let Some(path) = names.choose(random) else { return };
        let Ok(original) = File::open(path) else { return };
        let inode = original.metadata().unwrap().ino();
        let kept = self.program.sandbox.path("kept").join(inode.to_string());
        let compressed = oracle("gzip", &["-c", kept.to_str().unwrap()]);
        let (half, rest) = compressed.split_at(compressed.len() / 2);
        let mut file = File::create_new(with_ending(path, ".gz")).unwrap();
        file.write_all(half).unwrap();
        self.pause(between(random, 200, 1_500));
        file.write_all(rest).unwrap();
        drop(file);
        let is_same = fs::metadata(path).is_ok_and(|found| found.ino() == inode);
        if is_same && fs::remove_file(path).is_ok() {
            self.removed.insert(inode);
        }
    }

    fn names(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.kept.folder()).unwrap();
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect()
    }

    /// What a user would rename or compress.
    fn visible(&self) -> Vec<PathBuf> {
        let mut names = self.names();
        names.retain(|path| !path.file_name().unwrap().as_encoded_bytes().starts_with(b"."));
        names
    }

    fn pause(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.check_what_has_gone();
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Every file that the ingest has deleted has a receipt for all its packets, and they are in
    /// the store already.
    fn check_what_has_gone(&mut self) {
        let gone = self.kept.gone().into_iter();
        let unchecked: Vec<_> = gone.filter(|(path, _)| !self.checked.contains(path)).collect();
        if unchecked.is_empty() {
            return;
        }
        let receipts = self.receipts();
        let mut deleted = Vec::new();
        for (path, names) in &unchecked {
            let inode: u64 = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
            if self.removed.contains(&inode) {
                continue;
            }
            let packets = read_all(path).len() as u64;
            let receipt = receipts.iter().find(|receipt| is_for(receipt, names));
            let receipt = receipt.unwrap_or_else(|| {
                panic!("{names:?} has no receipt:\n{}", self.service.last_words())
            });
            assert_eq!(receipt["read"], packets, "{receipt}");
            assert_eq!(receipt["counted"], packets, "{receipt}");
            deleted.push(path.to_str().unwrap());
        }
        // All of them at once: they must not come quicker than they can be checked.
        if !deleted.is_empty() {
            let run = self.program.with_key("read", &[&["verify"], &deleted[..]].concat());
            if run.stderr.contains("error: ") {
                // A server that has just come back knows no keys for some seconds.
                self.checked_late += 1;
                return;
            }
            assert_eq!(run.code, Some(0), "{unchecked:?} were deleted: {run}");
        }
        self.checked.extend(unchecked.into_iter().map(|(path, _)| path));
    }

    /// What was deleted, a line each. A line that found no room on the disk may be broken.
    fn receipts(&self) -> Vec<Value> {
        let lines = fs::read_to_string(self.disk.file("receipts.jsonl")).unwrap_or_default();
        let receipts = lines.lines().filter_map(|line| serde_json::from_str(line).ok());
        receipts.filter(|receipt: &Value| receipt["action"] == "deleted").collect()
    }

    pub fn so_far(&self) -> String {
        let (sent, deleted) = (self.traffic.sent(), self.checked.len());
        format!("{sent} packets sent, {deleted} files deleted")
    }

    /// Waits until every file is deleted and checked.
    fn drain(&mut self) {
        let (mut left, mut since) = (usize::MAX, Instant::now());
        while left > 0 {
            assert!(
                since.elapsed() < STUCK,
                "{left} files stay or are not checked: {:?}\n{}",
                self.names(),
                self.service.last_words()
            );
            self.pause(LOOK_EVERY);
            self.service.assert_running();
            let unchecked = self.kept.gone().len() - self.checked.len();
            let now_left = self.names().len() + unchecked;
            if now_left < left {
                (left, since) = (now_left, Instant::now());
            }
        }
    }

    /// Lets everything come to rest and compares.
    pub fn finish(mut self) -> Outcome {
        let sent = self.traffic.finish();
        thread::sleep(Duration::from_secs(1));
        let said = self.tcpdump.finish();
        self.drain();
        self.kept.finish();
        let ended = self.service.terminate();
        assert!(ended.success(), "{ended}: {}", self.service.last_words());
        let fetch = ["fetch", "--format", "pcap", "-w", "-"];
        let found = records(&self.program.ok("read", &fetch));
        let expected = self.kept.packets();
        assert!(said.contains("\n0 packets dropped by kernel"), "{said}");
        assert_eq!(expected.len() as u64, sent, "tcpdump saw and kept has everything: {said}");
        Outcome {
            difference: difference(&expected, &found),
            made: self.made.clone(),
            disturbed: format!("{:?}", self.proxy.made()),
            deleted: self.checked.len() - self.removed.len(),
            checked_late: self.checked_late,
            not_drained: self.not_drained,
            receipts: self.receipts().len(),
        }
    }
}

fn start_service(program: &Program, url: &str, disk: &SmallDisk) -> Service {
    let path = |name: &str| program.sandbox.path(name).display().to_string();
    let (publish, read) = (path("keys/publish.key"), path("keys/read.key"));
    let (captures, state) = (path("captures"), path("state"));
    let plain = program.sandbox.command(&[
        "--store",
        url,
        "--api-key-file",
        &publish,
        "ingest",
        "--watch",
        &captures,
        "--state-dir",
        &state,
        "--purge",
        "--read-key-file",
        &read,
        "--settle",
        "300ms",
        "--poll",
        "50ms",
    ]);
    let inside = disk.before(&plain);
    let command = move || with_all_of(Command::new(inside.get_program()), &inside);
    Service::start(program.sandbox.path("ingest.log"), command)
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn is_for(receipt: &Value, names: &[String]) -> bool {
    let path = Path::new(receipt["path"].as_str().unwrap_or_default());
    names.iter().any(|name| path.file_name().is_some_and(|found| found == name.as_str()))
}

/// What is printed, and compared.
pub struct Outcome {
    difference: Difference,
    made: BTreeMap<Fault, u64>,
    disturbed: String,
    deleted: usize,
    checked_late: u64,
    not_drained: u64,
    receipts: usize,
}

impl Outcome {
    pub fn assert_nothing_lost(&self) {
        assert!(self.difference.expected > 0 && self.deleted > 0, "{self}");
        assert!(self.difference.is_none(), "{self}");
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: Vec<String> =
            self.made.iter().map(|(fault, count)| format!("{fault:?} {count}")).collect();
        write!(
            f,
            "{}; requests disturbed: {}; {} files deleted, {} receipts, {} checks waited for the \
             server, {} stops were cut short; {}",
            faults.join(", "),
            self.disturbed,
            self.deleted,
            self.receipts,
            self.checked_late,
            self.not_drained,
            self.difference
        )
    }
}
