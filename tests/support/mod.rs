//! What both test programs need: the real binary in a directory of its own, and captures.

#![allow(dead_code, reason = "each test program uses its part of it")]

pub mod answers;
pub mod disk;
pub mod expressions;
pub mod kept;
pub mod records;
pub mod served;
pub mod service;
pub mod tools;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pcap_archiver::capture::CaptureReader;
use pcap_archiver::packet::CapturedPacket;
use pcap_archiver::testing::{tcp_frame, udp_frame};
use tempfile::TempDir;

/// A directory for one test, with the binary to run in it.
pub struct Sandbox {
    directory: TempDir,
    environment: Vec<(String, String)>,
}

/// How a run of the binary ended.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Sandbox {
    /// With an embedded store of its own in `archive/`.
    pub fn embedded() -> Self {
        let directory = TempDir::new().unwrap();
        let store = directory.path().join("archive").display().to_string();
        let environment = vec![("PCAP_ARCHIVER_STORE".to_owned(), store)];
        Self { directory, environment }
    }

    /// With these variables in the environment of every run.
    pub fn with(environment: &[(&str, &str)]) -> Self {
        let environment =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { directory: TempDir::new().unwrap(), environment: environment.collect() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file and returns its path.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        command(self.directory.path(), &self.environment, arguments)
    }

    /// Makes the same command again and again, for as long as the directory is there.
    pub fn recipe(&self, arguments: &[&str]) -> impl Fn() -> Command + 'static {
        let directory = self.directory.path().to_owned();
        let environment = self.environment.clone();
        let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
        move || command(&directory, &environment, &arguments)
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs and expects success; returns what was printed.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let run = self.run(arguments);
        assert_eq!(run.code, Some(0), "{arguments:?}: {run}");
        String::from_utf8(run.stdout).unwrap()
    }

    /// Runs with this standard input.
    pub fn fed(&self, arguments: &[&str], input: &[u8]) -> Run {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap().into()
    }
}

fn command(
    directory: &Path,
    environment: &[(String, String)],
    arguments: &[impl AsRef<std::ffi::OsStr>],
) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pcap-archiver"));
    for (name, _) in std::env::vars() {
        if name.starts_with("PCAP_ARCHIVER_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command
        .args(arguments)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .env("XDG_STATE_HOME", directory.join("state"))
        .current_dir(directory)
        .stdin(Stdio::null());
    command
}

/// The command, started by another program.
pub fn through(mut wrapper: Command, command: &Command) -> Command {
    wrapper.arg(command.get_program());
    with_all_of(wrapper, command)
}

/// With the arguments, the variables and the folder of another command.
pub fn with_all_of(mut this: Command, command: &Command) -> Command {
    this.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => this.env(name, value),
            None => this.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        this.current_dir(folder);
    }
    this
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Self { code: output.status.code(), stdout: output.stdout, stderr }
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stdout = String::from_utf8_lossy(&self.stdout);
        write!(f, "exit code {:?}\n{stdout}\n{}", self.code, self.stderr)
    }
}

/// A classic pcap file with nanoseconds.
pub struct Pcap(Vec<u8>);

impl Pcap {
    pub fn new(link_type: u32) -> Self {
        let mut bytes = 0xa1b2_3c4d_u32.to_le_bytes().to_vec();
        bytes.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(262_144_u32.to_le_bytes());
        bytes.extend(link_type.to_le_bytes());
        Self(bytes)
    }

    pub fn packet(self, seconds: u32, nanoseconds: u32, data: &[u8]) -> Self {
        self.cut_packet(seconds, nanoseconds, data, u32::try_from(data.len()).unwrap())
    }

    /// A packet that had another length on the wire.
    pub fn cut_packet(
        mut self,
        seconds: u32,
        nanoseconds: u32,
        data: &[u8],
        original_length: u32,
    ) -> Self {
        let length = u32::try_from(data.len()).unwrap();
        for number in [seconds, nanoseconds, length, original_length] {
            self.0.extend(number.to_le_bytes());
        }
        self.0.extend(data);
        self
    }

    pub fn bytes(self) -> Vec<u8> {
        self.0
    }
}

/// DNS, HTTP, TLS-like and IPv6 conversations of several hosts.
pub fn conversations() -> Vec<u8> {
    let (client, other) = ("192.168.99.100", "192.168.99.101");
    let mut pcap = Pcap::new(1);
    for number in 0..200_u32 {
        let port = 34_555 + number % 7;
        let host = if number % 3 == 0 { other } else { client };
        let at = |text: String| text.parse().unwrap();
        let frame = match number % 5 {
            0 => udp_frame(at(format!("{host}:{port}")), at("8.8.8.8:53".into()), b"question-x"),
            1 => udp_frame(at("8.8.8.8:53".into()), at(format!("{host}:{port}")), b"answer----x"),
            2 => tcp_frame(
                at(format!("{host}:{port}")),
                at("173.194.191.104:80".into()),
                b"GET / HTTP/1.1\r\nUser-Agent: Mozilla/5.0\r\n\r\n",
            ),
            3 => {
                tcp_frame(at("[2001:db8::5]:443".into()), at(format!("[2001:db8::9]:{port}")), b"")
            }
            _ => tcp_frame(at("8.8.8.8:443".into()), at(format!("{host}:{port}")), b"\x16\x03"),
        };
        pcap = pcap.packet(1_700_000_000 + number / 4, 999_999_999 - number, &frame);
    }
    pcap.bytes()
}

/// A capture of many packets in time order, about 300 bytes each.
pub fn many(packets: u32) -> Vec<u8> {
    let mut pcap = Pcap::new(1);
    for number in 0..packets {
        let payload = vec![number.to_le_bytes()[0]; 100 + (number % 400) as usize];
        let client = format!("10.0.{}.{}:{}", number % 16, number % 251, 1024 + number % 5000);
        let frame = udp_frame(client.parse().unwrap(), "192.0.2.53:53".parse().unwrap(), &payload);
        pcap = pcap.packet(1_700_000_000 + number / 1000, number % 1000 * 1_000_000, &frame);
    }
    pcap.bytes()
}

/// One packet at each of these ages in days, the oldest first; bytes that do not compress away.
pub fn of_ages(ages: &[i64], seed: u64, bytes: usize) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut pcap = Pcap::new(147);
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for (number, age) in (0..).zip(ages) {
        let noise = (0..bytes).map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[0]
        });
        let noise: Vec<u8> = noise.collect();
        let seconds = i64::try_from(now).unwrap() - age * 86_400;
        pcap = pcap.packet(seconds.try_into().unwrap(), number, &noise);
    }
    pcap.bytes()
}

/// Every packet of a capture.
pub fn read_all(path: &Path) -> Vec<CapturedPacket> {
    let mut reader = CaptureReader::open(path).unwrap();
    let mut packets = Vec::new();
    while let Some((_, packet)) = reader.next_packet().unwrap() {
        packets.push(packet);
    }
    packets
}

/// Captures of the world outside, where the machine has them: `PCAP_ARCHIVER_CAPTURES`, or a
/// folder `shared/captures` beside the checkout. They add to what the tests make themselves.
pub fn outside_captures() -> Vec<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/captures");
    let folder = std::env::var_os("PCAP_ARCHIVER_CAPTURES").map_or(beside, PathBuf::from);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// What a program of Debian prints; the program must be there.
pub fn oracle(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// Packets that tcpdump selects, as the bytes of the records of a pcap file with nanoseconds.
pub fn tcpdump(file: &Path, expression: &str) -> Vec<u8> {
    let file = file.display().to_string();
    let mut arguments = vec!["-r", &file, "-w", "-", "--time-stamp-precision=nano"];
    arguments.extend(expression.split_whitespace());
    oracle("tcpdump", &arguments).split_off(24)
}

/// Says something past the test program, which shows what tests print only when they fail.
pub fn say(line: &str) {
    std::io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// More than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// Waits until it is so; fails when that takes too long.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Sends a signal, such as `-TERM`.
pub fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
}

/// Waits for a child and returns the most memory it had resident, in KiB.
pub fn peak(mut child: Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        let lines = fs::read_to_string(&status).unwrap_or_default();
        let high = lines.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let high = high.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(high.unwrap_or(0));
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        thread::sleep(Duration::from_millis(5));
    };
    assert!(ended.success());
    assert!(peak > 0, "the memory could be read");
    peak
}
