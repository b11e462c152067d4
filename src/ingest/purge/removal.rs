//! Taking a file out of its folder, so that nothing else goes with it.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::folders;
use crate::ingest::file_state::FileState;
use crate::ingest::lease;

/// What a file is called between the decision and its end: hidden, and beside where it was.
const HIDDEN: &str = ".purging";
/// Bytes of the name that a hidden name keeps; file systems allow 255, and some comes around it.
const KEPT_OF_NAME: usize = 200;

/// A file that has been taken out of sight and not yet removed.
#[derive(Debug, Clone)]
pub(super) struct HiddenFile {
    path: PathBuf,
    hidden: PathBuf,
}

/// Where a file has been brought to, and how.
#[derive(Debug)]
pub(super) enum Brought {
    /// It is there and nowhere else.
    Renamed(PathBuf),
    /// A copy is there, on another file system.
    Copied(PathBuf),
}

impl Brought {
    pub(super) fn target(&self) -> &Path {
        let (Self::Renamed(target) | Self::Copied(target)) = self;
        target
    }
}

impl HiddenFile {
    /// Gives the file another name in its folder. Names change under a rotation: only after this
    /// is it certain which file is meant. `None` when it is not the file that was `proven`, or
    /// somebody writes it; then it has its name back.
    pub(super) fn hide(path: &Path, proven: FileState) -> io::Result<Option<Self>> {
        let hidden = Self { path: path.to_owned(), hidden: to_hidden_name(path)? };
        let file = File::open(&hidden.hidden);
        let is_meant = file.and_then(|file| {
            Ok(FileState::of(&file.metadata()?) == proven
                && lease::is_being_written(&file) != Some(true))
        });
        match is_meant {
            Ok(true) => Ok(Some(hidden)),
            Ok(false) => hidden.give_back().map(|()| None),
            Err(error) => {
                hidden.give_back()?;
                Err(error)
            }
        }
    }

    /// Gives the file its name back, unless another has it now; then it stays hidden, and is
    /// found there.
    pub(super) fn give_back(&self) -> io::Result<()> {
        if self.path == self.hidden {
            return Ok(());
        }
        // Unlike a rename, a link never replaces what came meanwhile.
        match fs::hard_link(&self.hidden, &self.path) {
            Ok(()) => fs::remove_file(&self.hidden),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(_) if !self.path.try_exists()? => fs::rename(&self.hidden, &self.path),
            Err(error) => Err(error),
        }
    }

    /// Deletes it.
    pub(super) fn delete(&self) -> io::Result<()> {
        fs::remove_file(&self.hidden)
    }

    /// Brings it to `target`; onto another file system, a copy of it. It is safe there when this
    /// returns.
    pub(super) fn bring_to(&self, target: PathBuf) -> io::Result<Brought> {
        match rename(&self.hidden, &target) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                copy(&self.hidden, &target)?;
                Ok(Brought::Copied(target))
            }
            renamed => {
                renamed?;
                target.parent().map_or(Ok(()), folders::sync)?;
                Ok(Brought::Renamed(target))
            }
        }
    }

    /// Removes it from where it was.
    pub(super) fn leave(&self, brought: &Brought) -> io::Result<()> {
        match brought {
            Brought::Renamed(_) => Ok(()),
            Brought::Copied(_) => self.delete(),
        }
    }

    /// It stays where it was, under its name.
    pub(super) fn take_back(&self, brought: &Brought) -> io::Result<()> {
        match brought {
            Brought::Renamed(target) => rename(target, &self.hidden)?,
            Brought::Copied(target) => fs::remove_file(target)?,
        }
        self.give_back()
    }
}

/// The name of a file whose removal was interrupted, as it was before.
pub(super) fn name_before(path: &Path) -> PathBuf {
    let before = path.file_name().and_then(|name| {
        let name = name.as_bytes().strip_prefix(b".")?.strip_suffix(HIDDEN.as_bytes())?;
        Some(path.with_file_name(OsStr::from_bytes(name)))
    });
    before.unwrap_or_else(|| path.to_owned())
}

/// Gives the file a hidden name that no other has, if its name is not one, and returns it. One
/// that was given its name back too late may still be there, with packets that nobody has read.
fn to_hidden_name(path: &Path) -> io::Result<PathBuf> {
    if name_before(path) != path {
        return Ok(path.to_owned());
    }
    let mut number = 0;
    loop {
        let hidden = hidden_name(path, number);
        match rename(path, &hidden) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            renamed => return renamed.map(|()| hidden),
        }
    }
}

fn hidden_name(path: &Path, number: u32) -> PathBuf {
    let name = path.file_name().unwrap_or_default().as_bytes();
    let mut hidden = OsString::from(".");
    hidden.push(OsStr::from_bytes(&name[..name.len().min(KEPT_OF_NAME)]));
    if number > 0 {
        hidden.push(format!(".{number}"));
    }
    hidden.push(HIDDEN);
    path.with_file_name(hidden)
}

/// Renames a file and never replaces another.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A file system that cannot promise it (network mounts): what can be seen must do.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) if to.symlink_metadata().is_ok() => {
            Err(io::ErrorKind::AlreadyExists.into())
        }
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => fs::rename(from, to),
        renamed => Ok(renamed?),
    }
}

/// A complete copy under its final name only, safe on the disk.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut part = to.as_os_str().to_owned();
    part.push(".part");
    fs::copy(from, &part)?;
    let copy = File::options().write(true).open(&part)?;
    copy.set_modified(fs::metadata(from)?.modified()?)?;
    copy.sync_all()?;
    rename(part.as_ref(), to)?;
    to.parent().map_or(Ok(()), folders::sync)
}

/// A name below `folder` that is free: a file that was moved there before is not replaced.
pub(super) fn free_name(folder: &Path, below: &str) -> io::Result<PathBuf> {
    let wanted = folder.join(below);
    if let Some(parent) = wanted.parent() {
        folders::create(parent)?;
    }
    let mut number = 0;
    let mut free = wanted.clone();
    while free.symlink_metadata().is_ok() {
        number += 1;
        let mut name = wanted.as_os_str().to_owned();
        name.push(format!(".{number}"));
        free = PathBuf::from(name);
    }
    Ok(free)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(path: &Path) -> FileState {
        FileState::of(&fs::metadata(path).unwrap())
    }

    #[test]
    fn a_file_that_took_the_name_is_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cap.pcap");
        fs::write(&path, b"old").unwrap();
        let old = state(&path);
        fs::rename(&path, folder.path().join("cap.pcap.1")).unwrap();
        fs::write(&path, b"new").unwrap();
        assert!(HiddenFile::hide(&path, old).unwrap().is_none());
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_file_with_a_writer_is_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cap.pcap");
        let writer = File::create(&path).unwrap();
        assert!(HiddenFile::hide(&path, state(&path)).unwrap().is_none());
        drop(writer);
        HiddenFile::hide(&path, state(&path)).unwrap().unwrap().delete().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_interrupted_removal_is_recognised() {
        let path = Path::new("/captures/.cap.pcap.purging");
        assert_eq!(hidden_name(Path::new("/captures/cap.pcap"), 0), path);
        assert_eq!(to_hidden_name(path).unwrap(), path, "it has one already");
        assert_eq!(name_before(path), Path::new("/captures/cap.pcap"));
        assert_eq!(name_before(Path::new("/captures/a")), Path::new("/captures/a"));
    }

    #[test]
    fn every_name_can_be_hidden_and_no_hidden_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        for name in [&b"cap\xff.pcap"[..], &[b'l'; 255]] {
            let path = folder.path().join(OsStr::from_bytes(name));
            for content in ["one", "two"] {
                fs::write(&path, content).unwrap();
                let hidden = HiddenFile::hide(&path, state(&path)).unwrap().unwrap();
                assert_eq!(fs::read_to_string(&hidden.hidden).unwrap(), content);
                let again = HiddenFile::hide(&hidden.hidden, state(&hidden.hidden)).unwrap();
                assert_eq!(again.unwrap().hidden, hidden.hidden);
            }
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
    }

    #[test]
    fn a_move_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("done");
        for expected in ["cap.pcap", "cap.pcap.1", "cap.pcap.2"] {
            let path = folder.path().join("cap.pcap");
            fs::write(&path, expected).unwrap();
            let hidden = HiddenFile::hide(&path, state(&path)).unwrap().unwrap();
            let free = free_name(&target, "eth0/cap.pcap").unwrap();
            let brought = hidden.bring_to(free).unwrap();
            hidden.leave(&brought).unwrap();
            assert_eq!(fs::read_to_string(target.join("eth0").join(expected)).unwrap(), expected);
        }
    }

    #[test]
    fn what_was_brought_away_can_be_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let (path, target) = (folder.path().join("cap.pcap"), folder.path().join("done.pcap"));
        for copied in [false, true] {
            fs::write(&path, "bytes").unwrap();
            let hidden = HiddenFile::hide(&path, state(&path)).unwrap().unwrap();
            let brought = if copied {
                copy(&hidden.hidden, &target).unwrap();
                Brought::Copied(target.clone())
            } else {
                hidden.bring_to(target.clone()).unwrap()
            };
            assert_eq!(fs::read_to_string(&target).unwrap(), "bytes");
            hidden.take_back(&brought).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "bytes");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_copy_has_bytes_and_time_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&from, b"bytes").unwrap();
        let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1000);
        File::options().write(true).open(&from).unwrap().set_modified(time).unwrap();
        copy(&from, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"bytes");
        assert_eq!(fs::metadata(&to).unwrap().modified().unwrap(), time);
    }
}
