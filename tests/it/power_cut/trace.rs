//! What a program does to a folder, as strace tells it.

use std::collections::HashMap;
use std::path::Path;

use super::disk::{Disk, Synced};

/// Calls that change files or make changes safe, and those that move a file's position.
pub const CALLS: &str = "openat,open,creat,write,pwrite64,writev,pwritev,pwritev2,ftruncate,\
    truncate,fallocate,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,link,linkat,\
    symlink,symlinkat,fsync,fdatasync,sync_file_range,msync,sync,syncfs,mmap,copy_file_range,\
    sendfile,splice,lseek,read,dup,dup2,dup3,fcntl,chdir,fchdir";

/// Does again what a trace tells.
pub struct Replay {
    disk: Disk,
    /// Files of others that appear during the run: there once the program opens them.
    arrivals: HashMap<String, Vec<u8>>,
    /// The folder's absolute path with a slash at its end.
    root: String,
    /// The position in each open file, by descriptor; those that were duplicated share one.
    positions: HashMap<i64, usize>,
    offsets: Vec<u64>,
    /// Of each thread, the call that has not returned yet.
    unfinished: HashMap<String, (String, Option<Synced>)>,
}

/// Where the power may be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    BeforeSync,
    AfterSync,
}

impl Replay {
    pub fn new(root: &Path, arrivals: HashMap<String, Vec<u8>>) -> Self {
        let disk = Disk::of(root);
        let root = format!("{}/", root.display());
        Self {
            disk,
            arrivals,
            root,
            positions: HashMap::new(),
            offsets: Vec::new(),
            unfinished: HashMap::new(),
        }
    }

    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Whether a file of others has yet to appear.
    pub fn awaits(&self, path: &str) -> bool {
        self.arrivals.contains_key(path)
    }

    /// Does what a line says; `at` sees the disk wherever the power may be cut.
    pub fn line(&mut self, line: &str, mut at: impl FnMut(Event, &Disk)) {
        let (thread, said) = line.split_once(' ').unwrap();
        let said = said.trim_start();
        if said.starts_with("+++") || said.starts_with("---") {
            return;
        }
        let (whole, begun) = if let Some(rest) = said.strip_prefix("<... ") {
            let (_, rest) = rest.split_once(" resumed>").unwrap();
            let (beginning, begun) = self.unfinished.remove(thread).unwrap();
            (beginning + rest, begun)
        } else {
            (said.to_owned(), None)
        };
        let sync = ["fsync(", "fdatasync("].iter().find_map(|name| whole.strip_prefix(name));
        if let Some(beginning) = whole.strip_suffix("<unfinished ...>") {
            let begun = sync.and_then(|arguments| {
                at(Event::BeforeSync, &self.disk);
                Some(self.disk.begin_sync(&self.descriptor(arguments)?.1))
            });
            self.unfinished.insert(thread.to_owned(), (beginning.to_owned(), begun));
            return;
        }
        let Some(call) = Call::parse(&whole) else { return };
        if call.failed() {
            return;
        }
        let Some(arguments) = sync else { return self.other(&call) };
        let Some((_, path)) = self.descriptor(arguments) else { return };
        let begun = begun.unwrap_or_else(|| {
            at(Event::BeforeSync, &self.disk);
            self.disk.begin_sync(&path)
        });
        self.disk.end_sync(begun);
        at(Event::AfterSync, &self.disk);
    }

    fn other(&mut self, call: &Call) {
        let returned = call.number();
        match call.name {
            "openat" | "open" | "creat" => self.open(call),
            "read" => self.advance(call),
            "lseek" => {
                if let Some(offset) = self.offset(call) {
                    *offset = u64::try_from(returned).unwrap();
                }
            }
            "write" | "writev" => self.write(call, None),
            "pwrite64" => {
                let (_, offset) = call.arguments.rsplit_once(", ").unwrap();
                self.write(call, Some(offset.parse().unwrap()));
            }
            "ftruncate" => {
                let (_, length) = call.arguments.rsplit_once(", ").unwrap();
                let length: usize = length.parse().unwrap();
                if let Some((_, path)) = self.descriptor(call.arguments)
                    && let Some(content) = self.disk.content(&path)
                {
                    content.resize(length, 0);
                }
            }
            "mkdir" | "mkdirat" => {
                if let [Some(path)] = &self.paths(call)[..] {
                    self.disk.make_folder(path);
                }
            }
            "unlink" | "unlinkat" | "rmdir" => {
                if let [Some(path)] = &self.paths(call)[..] {
                    self.disk.remove(path);
                }
            }
            "rename" | "renameat" | "renameat2" => match &self.paths(call)[..] {
                [Some(from), Some(to)] => self.disk.rename(from, to),
                [None, None] => {}
                paths => panic!("renamed into or out of the folder: {paths:?}"),
            },
            "link" | "linkat" => match &self.paths(call)[..] {
                [Some(from), Some(to)] => self.disk.link(from, to),
                paths => panic!("linked into or out of the folder: {paths:?}"),
            },
            "dup" | "dup2" | "dup3" => self.duplicate(call),
            "fcntl" if call.arguments.contains("F_DUPFD") => self.duplicate(call),
            "fcntl" => {}
            "mmap" => {
                let writes = ["MAP_SHARED", "PROT_WRITE"];
                let is_file = self.descriptor(call.arguments).is_some();
                let writes = writes.iter().all(|flag| call.arguments.contains(flag));
                assert!(!(writes && is_file), "a file is written by way of memory");
            }
            name => {
                let inside = call.arguments.contains(&hex(&self.root));
                assert!(!inside, "{name} is not known to this test");
            }
        }
    }

    fn open(&mut self, call: &Call) {
        let Some(path) = self.inside(&path_in_brackets(call.returned)) else { return };
        if call.arguments.contains("O_DIRECTORY") {
            return;
        }
        if let Some(content) = self.arrivals.remove(&path) {
            self.disk.arrive(&path, content);
        }
        self.positions.insert(call.number(), self.offsets.len());
        self.offsets.push(0);
        if call.arguments.contains("O_CREAT") || call.name == "creat" {
            self.disk.make_file(&path);
        }
        let Some(content) = self.disk.content(&path) else { return };
        if call.arguments.contains("O_TRUNC") || call.name == "creat" {
            content.clear();
        }
        if call.arguments.contains("O_APPEND") {
            *self.offsets.last_mut().unwrap() = u64::MAX;
        }
    }

    fn advance(&mut self, call: &Call) {
        let count = u64::try_from(call.number()).unwrap();
        if let Some(offset) = self.offset(call)
            && *offset != u64::MAX
        {
            *offset += count;
        }
    }

    fn write(&mut self, call: &Call, position: Option<u64>) {
        let Some((_, path)) = self.descriptor(call.arguments) else { return };
        let written = usize::try_from(call.number()).unwrap();
        let mut data = strings(call.arguments).concat();
        data.truncate(written);
        assert_eq!(data.len(), written, "the trace holds all that was written");
        let position = position.or_else(|| self.offset(call).copied());
        if let Some(content) = self.disk.content(&path) {
            let start = match position.unwrap() {
                u64::MAX => content.len(),
                position => usize::try_from(position).unwrap(),
            };
            let end = start + data.len();
            if content.len() < end {
                content.resize(end, 0);
            }
            content[start..end].copy_from_slice(&data);
        }
        if call.name != "pwrite64" {
            self.advance(call);
        }
    }

    fn duplicate(&mut self, call: &Call) {
        let from: i64 = number_before(call.arguments, '<');
        if let Some(position) = self.positions.get(&from) {
            self.positions.insert(call.number(), *position);
        }
    }

    fn offset(&mut self, call: &Call) -> Option<&mut u64> {
        let (descriptor, _) = self.descriptor(call.arguments)?;
        Some(&mut self.offsets[*self.positions.get(&descriptor)?])
    }

    /// The first descriptor among the arguments and the path below the folder that it is for.
    fn descriptor(&self, arguments: &str) -> Option<(i64, String)> {
        let (before, after) = arguments.split_once('<')?;
        if after.split_once('>')?.1.starts_with("(deleted)") {
            // Has no name any more, and another file may have it.
            return None;
        }
        let number = before.rsplit([' ', '(']).next()?.parse().ok()?;
        Some((number, self.inside(&path_in_brackets(arguments))?))
    }

    /// Each path among the arguments, if it is below the folder.
    fn paths(&self, call: &Call) -> Vec<Option<String>> {
        // The program runs in the folder, and does not leave it.
        let mut folder = self.root.trim_end_matches('/').to_owned();
        let mut paths = Vec::new();
        for argument in call.arguments.split(", ") {
            if let Some(string) = strings(argument).first() {
                let path = String::from_utf8(string.clone()).unwrap();
                let path = if path.starts_with('/') { path } else { format!("{folder}/{path}") };
                paths.push(self.inside(&path));
            } else if argument.contains('<') {
                folder = path_in_brackets(argument);
            }
        }
        paths
    }

    fn inside(&self, path: &str) -> Option<String> {
        if format!("{path}/") == self.root {
            return Some(String::new());
        }
        path.strip_prefix(&self.root).map(str::to_owned)
    }
}

/// What a line of a trace writes to standard output.
pub fn printed(line: &str) -> Option<String> {
    let (_, arguments) = line.split_once(" write(1<")?;
    Some(String::from_utf8_lossy(&strings(arguments).concat()).into_owned())
}

/// `name(arguments) = returned`.
struct Call<'a> {
    name: &'a str,
    arguments: &'a str,
    returned: &'a str,
}

impl<'a> Call<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (name, rest) = line.split_once('(')?;
        let (arguments, returned) = rest.rsplit_once(" = ")?;
        Some(Self { name, arguments: arguments.trim_end().strip_suffix(')')?, returned })
    }

    fn failed(&self) -> bool {
        self.returned.starts_with(['-', '?'])
    }

    fn number(&self) -> i64 {
        let end = self.returned.find(['<', ' ']).unwrap_or(self.returned.len());
        let number = &self.returned[..end];
        match number.strip_prefix("0x") {
            Some(digits) => i64::from_str_radix(digits, 16).unwrap(),
            None => number.parse().unwrap(),
        }
    }
}

fn number_before(text: &str, end: char) -> i64 {
    text.split(end).next().unwrap().parse().unwrap()
}

/// The path that strace shows after a descriptor.
fn path_in_brackets(text: &str) -> String {
    let Some((_, rest)) = text.split_once('<') else { return String::new() };
    let (path, _) = rest.split_once('>').unwrap();
    String::from_utf8_lossy(&unescape(path)).into_owned()
}

/// Everything in quotes.
fn strings(text: &str) -> Vec<Vec<u8>> {
    text.split('"').skip(1).step_by(2).map(unescape).collect()
}

/// `\x2f\x74`, as `strace -xx` has it.
fn unescape(text: &str) -> Vec<u8> {
    let bytes = text.split("\\x").skip(1);
    bytes.map(|digits| u8::from_str_radix(&digits[..2], 16).unwrap()).collect()
}

fn hex(text: &str) -> String {
    let digits: Vec<String> = text.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
    digits.concat()
}
