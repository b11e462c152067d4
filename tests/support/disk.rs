//! A small file system that a test can fill.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::through;

/// Mounted for one process and those that are started in its place; gone with it.
pub struct SmallDisk {
    holder: Child,
    path: PathBuf,
    /// Whether it took a user namespace to be allowed to mount.
    in_user_namespace: bool,
}

const FILLER: &str = "filler";

impl SmallDisk {
    /// A file system of so many bytes at `path`, which is made.
    pub fn mount(path: PathBuf, bytes: u64) -> Self {
        fs::create_dir_all(&path).unwrap();
        let in_user_namespace = fs::metadata("/proc/self").unwrap().uid() != 0;
        let mut command = Command::new("unshare");
        if in_user_namespace {
            command.arg("--map-root-user");
        }
        // The shell becomes a cat that ends when this process does.
        let script = "mount -t tmpfs -o size=$1 tmpfs \"$0\" && echo mounted && exec cat";
        command.args(["--mount", "--propagation", "private", "sh", "-c", script]);
        command.arg(&path).arg(bytes.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(
            line, "mounted\n",
            "the test needs a small file system of its own: run it as root that may mount, or \
             where `unshare --map-root-user --mount` is allowed"
        );
        Self { holder, path, in_user_namespace }
    }

    /// The same command where the file system can be seen. Its paths must be absolute.
    pub fn before(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside.args(["--target", &self.holder.id().to_string(), "--mount"]);
        if self.in_user_namespace {
            inside.args(["--user", "--preserve-credentials"]);
        }
        inside.arg("--");
        through(inside, command)
    }

    /// The path of one of its files, as it can be seen from here.
    pub fn file(&self, name: &str) -> PathBuf {
        let root = format!("/proc/{}/root", self.holder.id());
        Path::new(&root).join(self.path.strip_prefix("/").unwrap()).join(name)
    }

    /// Leaves no room on it.
    pub fn fill(&self) {
        let mut filler = File::create(self.file(FILLER)).unwrap();
        for piece in [vec![0; 1 << 20], vec![0; 4096]] {
            let error = loop {
                if let Err(error) = filler.write_all(&piece) {
                    break error;
                }
            };
            assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
        }
    }

    /// Gives the room back.
    pub fn empty(&self) {
        fs::remove_file(self.file(FILLER)).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        self.holder.wait().unwrap();
    }
}
