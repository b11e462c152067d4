//! The file of users while the server runs.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Users, UsersError};

/// A file of users that may change. Each request asks for its users, so it is read again only when
/// it is another one than before.
#[derive(Debug)]
pub struct UsersFile {
    path: PathBuf,
    known: Mutex<(Version, Arc<Users>)>,
}

/// What changes with every change of the file, also with one of its mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    device: u64,
    inode: u64,
    length: u64,
    changed: (i64, i64),
}

impl UsersFile {
    /// Reads it for the first time.
    ///
    /// # Errors
    /// As [`Users::read`].
    pub fn open(path: PathBuf) -> Result<Self, UsersError> {
        let known = Mutex::new(read(&path)?);
        Ok(Self { path, known })
    }

    /// The users that are in it now.
    ///
    /// # Errors
    /// As [`Users::read`].
    pub(super) fn users(&self) -> Result<Arc<Users>, UsersError> {
        // Nothing is left half done by a panic: the change is one assignment.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if version(&self.path)? != known.0 {
            *known = read(&self.path)?;
        }
        Ok(known.1.clone())
    }
}

/// The version is taken first: what is written meanwhile has another one, and is read next time.
fn read(path: &PathBuf) -> Result<(Version, Arc<Users>), UsersError> {
    Ok((version(path)?, Arc::new(Users::read(path)?)))
}

fn version(path: &PathBuf) -> Result<Version, UsersError> {
    let file = fs::metadata(path).map_err(|error| UsersError::Io(path.clone(), error))?;
    Ok(Version {
        device: file.dev(),
        inode: file.ino(),
        length: file.len(),
        changed: (file.ctime(), file.ctime_nsec()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Secret;

    #[test]
    fn changes_are_seen_and_nothing_else_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        let mut users = Users::default();
        users.add("anna", &Secret::new("correct horse")).unwrap();
        users.write(&path).unwrap();
        let file = UsersFile::open(path.clone()).unwrap();
        let first = file.users().unwrap();
        assert_eq!(*first, users);
        assert!(Arc::ptr_eq(&first, &file.users().unwrap()), "it was not read again");
        users.remove("anna").unwrap();
        users.write(&path).unwrap();
        assert_eq!(*file.users().unwrap(), users);
        fs::remove_file(&path).unwrap();
        assert!(file.users().is_err(), "nobody is let in by a file that is gone");
    }
}
