//! Capture programs rotate their files on the loopback interface, and the ingest that watches
//! takes every packet once, while they still write.
//!
//! What must be in the store is what a second tcpdump, which writes one file and never rotates,
//! has seen of the same traffic.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::kept::Kept;
use crate::support::records::{Difference, Record, difference, records, records_of};
use crate::support::service::Service;
use crate::support::tools::{Capturing, Traffic};
use crate::support::{Sandbox, conversations, oracle, wait_until};

/// While a program still writes, its packets must be found as soon.
const SOON: Duration = Duration::from_secs(15);
/// Datagrams a second.
const RATE: u64 = 400;
/// How long a program captures: several rotations.
const CAPTURING: Duration = Duration::from_secs(5);

/// One capture program, an ingest that watches its folder, and traffic for both.
struct Scene {
    sandbox: Sandbox,
    folder: PathBuf,
    traffic: Traffic,
    reference: Capturing,
    service: Service,
    /// Whether files are deleted once they are stored.
    purges: bool,
}

impl Scene {
    /// With these options of the ingest beside those that all have.
    fn with(options: &[&str]) -> Self {
        let sandbox = Sandbox::embedded();
        let folder = sandbox.path("captures");
        fs::create_dir(&folder).unwrap();
        let traffic = Traffic::on_a_free_port(1);
        let elsewhere = sandbox.path("reference");
        fs::create_dir(&elsewhere).unwrap();
        let reference = Capturing::tcpdump(&elsewhere, &["-w", "all.pcap"], &traffic);
        let watch = ["ingest", "--watch", "captures", "--state-dir", "state", "--settle", "1s"];
        let command = sandbox.recipe(&[&watch, options].concat());
        let service = Service::start(sandbox.path("ingest.log"), command);
        let purges = options.contains(&"--purge");
        Self { sandbox, folder, traffic, reference, service, purges }
    }

    fn tcpdump(&self, arguments: &[&str]) -> Capturing {
        Capturing::tcpdump(&self.folder, arguments, &self.traffic)
    }

    fn stored(&self) -> usize {
        let run = self.sandbox.run(&["fetch", "--count"]);
        String::from_utf8_lossy(&run.stdout).trim().parse().unwrap_or(0)
    }

    /// Lets traffic flow, while packets are found before the program ends; a busy machine may take
    /// longer to send as much.
    fn flow(&self, program: &Capturing, rate: u64) {
        self.traffic.flow(rate);
        let began = Instant::now();
        wait_until("packets are found while the program writes", || self.stored() > 0);
        assert!(began.elapsed() < SOON, "found after {:?}", began.elapsed());
        thread::sleep(CAPTURING.saturating_sub(began.elapsed()));
        let most = rate * CAPTURING.as_secs();
        wait_until("enough is sent", || self.traffic.sent() >= most * 9 / 10);
        self.traffic.flow(0);
        // What is on its way reaches both programs.
        thread::sleep(Duration::from_millis(1_500));
        assert!(!program.messages().contains("error"), "{}", program.messages());
    }

    /// Every packet of the traffic is in the store once.
    fn assert_complete(mut self) {
        let sent = self.traffic.finish();
        let said = self.reference.finish();
        assert!(said.contains("\n0 packets dropped by kernel"), "{said}");
        let expected = records_of(&self.sandbox.path("reference/all.pcap"));
        assert_eq!(expected.len() as u64, sent, "the reference saw everything");
        self.assert_stored(&expected);
    }

    /// These packets are in the store once, and no others.
    fn assert_stored(mut self, expected: &[Record]) {
        let began = Instant::now();
        while self.stored() < expected.len() && began.elapsed() < Duration::from_mins(1) {
            thread::sleep(Duration::from_millis(200));
        }
        if self.purges {
            wait_until("every file is deleted", || self.names().is_empty());
        }
        self.service.terminate();
        let found = self.sandbox.run(&["fetch", "-w", "-", "--format", "pcap"]);
        assert_eq!(found.code, Some(0), "{found}");
        let difference: Difference = difference(expected, &records(&found.stdout));
        assert!(difference.is_none(), "{difference}\n{}", self.service.last_words());
    }

    /// What the program has left, unless the ingest has deleted it.
    fn assert_names(&self, what: &str, are_so: impl Fn(&[String]) -> bool) {
        let names = self.names();
        assert!(self.purges || are_so(&names), "{what}: {names:?}");
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// Files are deleted behind the program, and found without the kernel's help.
const PURGING: &[&str] = &["--purge", "--no-inotify", "--poll", "200ms"];

/// Each rotation twice: as it comes, and while files are deleted.
macro_rules! rotations {
    ($($name:ident)*) => { $(
        mod $name {
            #[test]
            fn is_watched() {
                super::$name(super::Scene::with(&[]));
            }

            #[test]
            fn is_purged() {
                super::$name(super::Scene::with(super::PURGING));
            }
        }
    )* };
}

rotations! {
    tcpdump_by_time
    tcpdump_compressing_what_it_has_written
    tcpdump_in_a_ring_of_names
    dumpcap_in_a_ring_by_size
    dumpcap_in_a_ring_by_time
    netsniff_ng_by_interval
    netsniff_ng_into_space_that_it_reserves
    logrotate_renames_and_compresses
}

fn tcpdump_by_time(scene: Scene) {
    let mut tcpdump = scene.tcpdump(&["-G", "1", "-w", "cap-%s.pcap"]);
    scene.flow(&tcpdump, RATE);
    tcpdump.finish();
    scene.assert_names("it rotated", |names| names.len() >= 3);
    scene.assert_complete();
}

fn tcpdump_compressing_what_it_has_written(scene: Scene) {
    let mut tcpdump = scene.tcpdump(&["-G", "1", "-w", "cap-%s.pcap", "-z", "gzip"]);
    scene.flow(&tcpdump, RATE);
    tcpdump.finish();
    scene.assert_names("it compressed", |names| {
        names.iter().filter(|name| name.contains(".gz")).count() >= 3
    });
    scene.assert_complete();
}

/// The names come again, and with them other packets; each is of a megabyte at least.
fn tcpdump_in_a_ring_of_names(scene: Scene) {
    let mut tcpdump = scene.tcpdump(&["-C", "1", "-W", "3", "-w", "ring.pcap"]);
    scene.flow(&tcpdump, 1_500);
    tcpdump.finish();
    assert!(scene.traffic.sent() > 6_000, "the ring went round");
    scene.assert_names("in the ring", |names| names == ["ring.pcap0", "ring.pcap1", "ring.pcap2"]);
    scene.assert_complete();
}

fn dumpcap_in_a_ring_by_size(scene: Scene) {
    dumpcap(scene, &["-b", "filesize:500", "-b", "files:4"], 1_000);
}

fn dumpcap_in_a_ring_by_time(scene: Scene) {
    dumpcap(scene, &["-b", "duration:1", "-b", "files:4"], RATE);
}

fn dumpcap(scene: Scene, ring: &[&str], rate: u64) {
    let filter = scene.traffic.filter();
    let arguments = [&["-i", "lo", "-q", "-f", &filter, "-w", "ring.pcapng"], ring].concat();
    let mut dumpcap = Capturing::start(&scene.folder, "dumpcap", &arguments, "File: ");
    scene.flow(&dumpcap, rate);
    dumpcap.finish();
    scene.assert_names("files were removed", |names| names.len() == 4);
    scene.assert_complete();
}

/// On a busy machine it loses packets when it rotates, and does not say so: what must be in the store
/// is what it has written.
fn netsniff_ng_by_interval(mut scene: Scene) {
    let filter = scene.traffic.filter();
    let arguments = [
        "--in",
        "lo",
        "--out",
        ".",
        "--interval",
        "1sec",
        "--prefix",
        "sniffed-",
        "--silent",
        "--magic",
        "0xa1b23c4d",
        &filter,
    ];
    let mut kept = Kept::start(&scene.folder, scene.sandbox.path("kept"));
    let mut netsniff = Capturing::start(&scene.folder, "netsniff-ng", &arguments, "Running!");
    scene.flow(&netsniff, RATE);
    netsniff.finish();
    kept.finish();
    let written = kept.packets();
    let (sent, count) = (scene.traffic.finish(), written.len() as u64);
    assert!(count > sent / 2 && count <= sent, "{count} of {sent}");
    scene.assert_names("it rotated", |names| names.len() >= 3);
    scene.assert_stored(&written);
}

/// The file is as large as it may become from its beginning on, and its end is zeros.
fn netsniff_ng_into_space_that_it_reserves(mut scene: Scene) {
    let filter = scene.traffic.filter();
    let file = ["--in", "lo", "--out", "mapped.pcap", "--mmap", "--silent"];
    let arguments = [&file[..], &["--magic", "0xa1b23c4d", &filter]].concat();
    let mut kept = Kept::start(&scene.folder, scene.sandbox.path("kept"));
    let mut netsniff = Capturing::start(&scene.folder, "netsniff-ng", &arguments, "Running!");
    scene.flow(&netsniff, RATE);
    let size = fs::metadata(scene.folder.join("mapped.pcap")).unwrap().len();
    assert!(size > 1 << 24, "it reserves space: {size}");
    // What is found by now are packets that were sent, and nothing else.
    let sent = scene.traffic.finish();
    let found = scene.stored() as u64;
    assert!(found <= sent, "{found} of {sent}");
    netsniff.finish();
    kept.finish();
    scene.assert_stored(&kept.packets());
}

/// tcpdump cannot open its file again: so, as the manual of logrotate has it for such programs,
/// each turn ends one tcpdump and starts the next.
fn logrotate_renames_and_compresses(scene: Scene) {
    let mut configuration = fs::File::create(scene.sandbox.path("logrotate.conf")).unwrap();
    let pattern = scene.folder.join("cap.pcap");
    writeln!(
        configuration,
        "{} {{\n rotate 100\n compress\n delaycompress\n missingok\n su root root\n}}",
        pattern.display()
    )
    .unwrap();
    let mut tcpdump = scene.tcpdump(&["-w", "cap.pcap"]);
    scene.flow(&tcpdump, RATE);
    for _ in 0..4 {
        scene.traffic.flow(RATE);
        thread::sleep(Duration::from_millis(900));
        scene.traffic.flow(0);
        thread::sleep(Duration::from_millis(600));
        let (state, configuration) =
            (scene.sandbox.path("logrotate.state"), scene.sandbox.path("logrotate.conf"));
        oracle(
            "logrotate",
            &["-f", "-s", state.to_str().unwrap(), configuration.to_str().unwrap()],
        );
        // It still writes to the renamed file.
        scene.traffic.flow(RATE);
        thread::sleep(Duration::from_millis(300));
        scene.traffic.flow(0);
        thread::sleep(Duration::from_millis(600));
        tcpdump.finish();
        tcpdump = scene.tcpdump(&["-w", "cap.pcap"]);
    }
    scene.traffic.flow(RATE);
    thread::sleep(Duration::from_millis(500));
    scene.traffic.flow(0);
    thread::sleep(Duration::from_millis(600));
    tcpdump.finish();
    scene.assert_names("rotated", |names| {
        names == ["cap.pcap", "cap.pcap.1", "cap.pcap.2.gz", "cap.pcap.3.gz", "cap.pcap.4.gz"]
    });
    scene.assert_complete();
}

/// Logrotate may rename a file at any time, also between its last packet and its deletion.
#[test]
fn a_file_that_is_renamed_while_it_waits_is_deleted_all_the_same() {
    let sandbox = Sandbox::embedded();
    let path = sandbox.file("captures/cap.pcap", &conversations());
    let watch = ["ingest", "--watch", "captures", "--state-dir", "state", "--settle", "300ms"];
    let purge = ["--purge", "--purge-after", "4s"];
    let mut service =
        Service::start(sandbox.path("ingest.log"), sandbox.recipe(&[&watch[..], &purge].concat()));
    wait_until("the file is stored", || sandbox.run(&["fetch", "--count"]).stdout == b"200\n");
    let renamed = sandbox.path("captures/cap.pcap.1");
    fs::rename(path, &renamed).unwrap();
    wait_until("the file is deleted", || !renamed.try_exists().unwrap());
    service.terminate();
}
