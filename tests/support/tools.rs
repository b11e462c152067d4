//! Programs that capture on the loopback interface, and the traffic that they capture.

use std::fs::{self, File};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::{signal, wait_until};

/// UDP datagrams to a port of their own on the loopback interface.
pub struct Traffic {
    port: u16,
    /// Keeps the port, so that nobody answers with ICMP errors. Nobody reads it.
    _receiver: UdpSocket,
    per_second: Arc<AtomicU64>,
    sent: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Payload bytes of a datagram, at most.
const LONGEST_PAYLOAD: usize = 1_400;

impl Traffic {
    /// Takes a port; nothing is sent yet.
    pub fn on_a_free_port(seed: u64) -> Self {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = receiver.local_addr().unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.connect(address).unwrap();
        let (per_second, sent) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let stop = Arc::<AtomicBool>::default();
        let thread = thread::spawn({
            let (per_second, sent, stop) = (per_second.clone(), sent.clone(), stop.clone());
            move || send(&sender, seed, &per_second, &sent, &stop)
        });
        let thread = Some(thread);
        Self { port: address.port(), _receiver: receiver, per_second, sent, stop, thread }
    }

    /// What capture programs are to see: this traffic alone.
    pub fn filter(&self) -> String {
        format!("udp and dst port {}", self.port)
    }

    /// Sends so many datagrams a second from now on.
    pub fn flow(&self, per_second: u64) {
        self.per_second.store(per_second, Ordering::Relaxed);
    }

    /// Datagrams sent so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Sends nothing more and returns how many were sent.
    pub fn finish(&mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        self.sent()
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn send(
    socket: &UdpSocket,
    seed: u64,
    per_second: &AtomicU64,
    sent: &AtomicU64,
    stop: &AtomicBool,
) {
    const TICKS: u64 = 50;
    let mut random = StdRng::seed_from_u64(seed);
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..per_second.load(Ordering::Relaxed).div_ceil(TICKS) {
            let mut payload = vec![random.random(); random.random_range(0..LONGEST_PAYLOAD)];
            // Every eighth is as the one before it may have been: packets may be equal.
            if !random.random_ratio(1, 8) {
                payload.extend(sent.load(Ordering::Relaxed).to_be_bytes());
            }
            socket.send(&payload).unwrap();
            sent.fetch_add(1, Ordering::Relaxed);
        }
        thread::sleep(Duration::from_millis(1_000 / TICKS));
    }
}

/// A capture program at work.
pub struct Capturing {
    child: Child,
    program: String,
    log: PathBuf,
}

impl Capturing {
    /// Starts the program in `folder` and waits until its messages contain `ready`.
    pub fn start(folder: &Path, program: &str, arguments: &[&str], ready: &str) -> Self {
        let log = folder.with_extension(format!("{program}-{:08x}.log", rand::random::<u32>()));
        let messages = File::create(&log).unwrap();
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(messages.try_clone().unwrap())
            .stderr(messages)
            .spawn()
            .unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
        wait_until(&format!("{program} captures"), || {
            let messages = fs::read_to_string(&log).unwrap();
            if let Some(ended) = child.try_wait().unwrap() {
                panic!(
                    "{program} {arguments:?} ended with {ended}: {messages}\nCapturing on the \
                     loopback interface needs root, or the capabilities cap_net_raw and \
                     cap_net_admin on {program}"
                );
            }
            messages.contains(ready)
        });
        Self { child, program: program.to_owned(), log }
    }

    /// tcpdump with nanoseconds on this traffic. It writes each packet when it comes; otherwise
    /// those of the last second before its end are not written at all. The short snapshots leave
    /// room for many packets in its buffer.
    pub fn tcpdump(folder: &Path, arguments: &[&str], traffic: &Traffic) -> Self {
        let options =
            "-i lo -n -U --immediate-mode -s 2048 -B 16384 -Z root --time-stamp-precision=nano";
        let mut all: Vec<&str> = options.split(' ').collect();
        all.extend(arguments);
        let filter = traffic.filter();
        all.push(&filter);
        Self::start(folder, "tcpdump", &all, "listening on")
    }

    /// What the program has said so far.
    pub fn messages(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    pub fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Ends it as a user does, and returns its last words.
    pub fn finish(&mut self) -> String {
        self.signal("-INT");
        let ended = self.child.wait().unwrap();
        let messages = self.messages();
        assert!(ended.success(), "{}: {ended}: {messages}", self.program);
        messages
    }
}

impl Drop for Capturing {
    fn drop(&mut self) {
        // Has ended already, unless the test failed.
        self.child.kill().unwrap_or_default();
    }
}
