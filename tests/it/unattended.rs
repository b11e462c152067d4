//! What happens to a folder in months: odd names, rights that come late, folders that go and come
//! back, limits that are reached.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::support::{
    Pcap, Run, Sandbox, conversations, many, oracle, signal, through, wait_until,
};
use crate::watch::{start, wait_for_packets};

/// A folder named relatively, as a user does, with quick looks.
const WATCH: [&str; 7] =
    ["ingest", "--watch", "captures", "--poll", "50ms", "--state-dir", "state"];
const SETTLES: [&str; 2] = ["--settle", "300ms"];
/// So that only the kernel's word makes a file complete.
const NEVER_SETTLES: [&str; 2] = ["--settle", "1h"];

fn stop(child: Child) -> Run {
    signal(&child, "-TERM");
    Run::from(child.wait_with_output().unwrap())
}

/// The command, started by another program.
fn start_through(wrapper: &[&str], command: &Command) -> Child {
    let mut first = Command::new(wrapper[0]);
    first.args(&wrapper[1..]);
    let mut prepared = through(first, command);
    prepared.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    prepared.spawn().unwrap()
}

fn is_complete(sandbox: &Sandbox, name: &str) -> bool {
    let ledger = fs::read_to_string(sandbox.path("state/ledger.jsonl")).unwrap_or_default();
    ledger.lines().any(|line| line.contains(name) && line.contains("\"complete\":true"))
}

/// Opens the file for writing and closes it, as its writer does at the end.
fn close(path: &Path) {
    drop(OpenOptions::new().append(true).open(path).unwrap());
}

#[test]
fn a_file_is_complete_when_it_is_closed_also_in_a_folder_that_was_made_anew() {
    let sandbox = Sandbox::embedded();
    let first = sandbox.file("captures/first.pcap", &conversations());
    let child = start(&sandbox, &[&WATCH[..], &NEVER_SETTLES].concat());
    wait_until("it is complete", || {
        close(&first);
        is_complete(&sandbox, "first.pcap")
    });
    fs::remove_dir_all(sandbox.path("captures")).unwrap();
    let second = sandbox.file("captures/deep/second.pcap", &many(7));
    wait_until("it is complete too", || {
        close(&second);
        is_complete(&sandbox, "second.pcap")
    });
    // Another folder takes the place of one that goes on elsewhere.
    fs::rename(sandbox.path("captures"), sandbox.path("old")).unwrap();
    let third = sandbox.file("captures/third.pcap", &many(9));
    wait_until("it is complete as well", || {
        close(&third);
        is_complete(&sandbox, "third.pcap")
    });
    let run = stop(child);
    assert_eq!(run.code, Some(0), "{run}");
}

#[test]
fn files_go_whatever_they_are_called() {
    let sandbox = Sandbox::embedded();
    let folder = sandbox.path("captures");
    fs::create_dir(&folder).unwrap();
    let long = "l".repeat(255);
    let names =
        [b"with space", &b"with\nline"[..], b"\x1b[31mred", b"not\xffutf8", long.as_bytes()];
    for (number, name) in (1..).zip(names) {
        let pcap = Pcap::new(1).packet(number, 1, b"one").packet(number, 2, b"two").bytes();
        fs::write(folder.join(OsStr::from_bytes(name)), pcap).unwrap();
    }
    // The link comes first, and the file must go all the same; then the link leads nowhere.
    fs::write(folder.join("file"), Pcap::new(1).packet(9, 9, b"one").bytes()).unwrap();
    symlink("file", folder.join("a link to it")).unwrap();
    // One file with two names.
    fs::write(folder.join("name"), Pcap::new(1).packet(9, 8, b"one").bytes()).unwrap();
    fs::hard_link(folder.join("name"), folder.join("second name")).unwrap();
    let child = start(&sandbox, &[&WATCH[..], &SETTLES, &["--purge"]].concat());
    wait_until("everything but the link is gone", || fs::read_dir(&folder).unwrap().count() == 1);
    let run = stop(child);
    assert_eq!(run.code, Some(0), "{run}");
    let printed = String::from_utf8_lossy(&run.stdout);
    assert!(printed.contains("a link to it: skipped: a link that leads nowhere"), "{run}");
    assert!(printed.contains("captures/with\\u{a}line: 2 read"), "{run}");
    let receipts = sandbox.ok(&["verify", "--receipts", "--state-dir", "state"]);
    assert_eq!(
        receipts.lines().filter(|line| line.contains("  deleted  ")).count(),
        8,
        "{receipts}"
    );
    for text in [&printed, &*run.stderr, &receipts] {
        assert!(!text.contains('\x1b') && !text.contains("with\nline"), "{text}");
    }
    assert_eq!(sandbox.ok(&["fetch", "--count"]), "12\n");
}

#[test]
fn a_pipe_in_a_folder_does_not_stop_anything() {
    let sandbox = Sandbox::embedded();
    sandbox.file("captures/cap.pcap", &conversations());
    oracle("mkfifo", &[sandbox.path("captures/a pipe").to_str().unwrap()]);
    let _listener = UnixListener::bind(sandbox.path("captures/a socket")).unwrap();
    let mut child = start(&sandbox, &["ingest", "captures"]);
    wait_until("it ends", || child.try_wait().unwrap().is_some());
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(0), "{run}");
    let printed = String::from_utf8_lossy(&run.stdout);
    assert_eq!(printed.matches("skipped: neither a file nor a folder").count(), 2, "{run}");
    assert_eq!(sandbox.ok(&["fetch", "--count"]), "200\n");
}

#[test]
fn what_could_not_be_read_is_read_when_it_can_be() {
    let sandbox = Sandbox::embedded();
    let path = sandbox.file("captures/cap.pcap", &conversations());
    let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    mode(0);
    // Root may read everything, unless it gives that up.
    let bounded = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"];
    let wrapper = if File::open(&path).is_ok() { &bounded[..] } else { &["env"] };
    let arguments = [&WATCH[..], &["later/*.pcap"], &SETTLES].concat();
    let watch = || start_through(wrapper, &sandbox.command(&arguments));
    let run = {
        let child = watch();
        wait_until("it has been tried", || {
            sandbox.path("state/ledger.jsonl").try_exists().unwrap()
        });
        thread::sleep(std::time::Duration::from_secs(1));
        stop(child)
    };
    assert_eq!(run.code, Some(1), "it could not be read until the end: {run}");
    assert!(run.stderr.contains("will try again"), "{run}");

    let child = watch();
    thread::sleep(std::time::Duration::from_secs(1));
    mode(0o600);
    sandbox.file("later/than.pcap", &many(3));
    wait_for_packets(&sandbox, "203");
    let run = stop(child);
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(run.stderr.matches("Permission denied").count(), 1, "said once: {run}");
    assert!(run.stderr.contains("can be read now"), "{run}");
}

#[test]
fn few_open_files_are_enough_for_many_captures() {
    let sandbox = Sandbox::embedded();
    for number in 0..150 {
        let pcap = Pcap::new(1).packet(number, 1, b"one").packet(number, 2, b"two").bytes();
        sandbox.file(&format!("captures/{}.pcap", "i".repeat(1 + number as usize)), &pcap);
    }
    let watch = sandbox.command(&[&WATCH[..], &SETTLES].concat());
    let child = start_through(&["prlimit", "--nofile=64:64"], &watch);
    wait_for_packets(&sandbox, "300");
    let run = stop(child);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(!run.stderr.contains("Too many open files"), "{run}");
}

#[test]
fn a_stop_does_not_wait_for_a_store_that_does_not_answer() {
    let sandbox = Sandbox::embedded();
    sandbox.file("captures/cap.pcap", &conversations());
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut child = start(&sandbox, &[&["--store", &url][..], &WATCH, &["--grace", "1s"]].concat());
    let connection = silent.accept().unwrap();
    signal(&child, "-TERM");
    wait_until("it ends", || child.try_wait().unwrap().is_some());
    let run = Run::from(child.wait_with_output().unwrap());
    drop(connection);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stderr.contains("stopping"), "{run}");
}

/// A proxy shows its own page while the server behind it is away.
#[test]
fn an_answer_that_is_no_servers_is_waited_out_while_watching() {
    let sandbox = Sandbox::embedded();
    sandbox.file("captures/cap.pcap", &conversations());
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let answered = Arc::<AtomicU64>::default();
    let counter = answered.clone();
    thread::spawn(move || {
        for (number, connection) in (0..).zip(proxy.incoming()) {
            let mut connection = connection.unwrap();
            // An answer before the question would be another error.
            if connection.read(&mut [0; 4096]).is_err() {
                continue;
            }
            // Something that is no JSON, and JSON that is something else.
            let body = ["<html>Please wait</html>", "{\"status\":\"waiting\"}", "[1]"][number % 3];
            let head = format!("Content-Length: {}\r\nConnection: close", body.len());
            // The client may have gone already.
            write!(connection, "HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}").ok();
            connection.shutdown(Shutdown::Write).ok();
            std::io::copy(&mut connection, &mut std::io::sink()).ok();
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    let run = sandbox.run(&["--store", &url, "ingest", "captures"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stderr.contains("is no Elasticsearch, perhaps a proxy"), "{run}");
    let before = answered.load(Ordering::Relaxed);
    let child = start(&sandbox, &[&["--store", &url][..], &WATCH].concat());
    wait_until("it asks again and again", || answered.load(Ordering::Relaxed) > before + 8);
    let run = stop(child);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stderr.contains("is no Elasticsearch, perhaps a proxy"), "{run}");
}

/// The kernel sends it when a writer opens a file that is just being asked about.
#[test]
fn a_writer_that_comes_in_between_does_not_end_the_service() {
    let sandbox = Sandbox::embedded();
    sandbox.file("captures/cap.pcap", &conversations());
    let child = start(&sandbox, &[&WATCH[..], &SETTLES].concat());
    wait_for_packets(&sandbox, "200");
    signal(&child, "-IO");
    sandbox.file("captures/next.pcap", &many(5));
    wait_for_packets(&sandbox, "205");
    assert_eq!(stop(child).code, Some(0));
}
