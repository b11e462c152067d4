//! Users with passwords, in a file of lines `NAME:HASH`, where the hash is Argon2id's PHC string.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};

use crate::folders;
use crate::store::Secret;

/// Only its owner may read the file.
const MODE: u32 = 0o600;
/// As NIST SP 800-63B wants it.
const SHORTEST_PASSWORD: usize = 8;
/// Hashing longer ones would be a way to keep the server busy.
const LONGEST_PASSWORD: usize = 1024;
/// Of a password that nobody knows: an unknown user takes as long as a wrong password.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5bm8$\
     WF0R0n1i4cbpXbvGpkFTGJgXaIeJQbxVpSUHIKBNZ14";

/// Why users cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// The file cannot be read or written.
    #[error("{}", .0.display())]
    Io(PathBuf, #[source] io::Error),
    /// Others may read or change the file.
    #[error("{}: others than its owner may use it: mode {mode:04o} instead of 0600", path.display())]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A line is none of a user.
    #[error("{}: line {number} is no user", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        number: usize,
    },
    /// The name cannot be one.
    #[error("user name {0:?}: only letters, digits and . _ @ - are allowed, 64 at most")]
    Name(String),
    /// The password cannot be one.
    #[error(
        "a password has {SHORTEST_PASSWORD} bytes or more, and not more than {LONGEST_PASSWORD}"
    )]
    Password,
    /// There is one of this name.
    #[error("user {0}: there is one of this name")]
    Exists(String),
    /// There is none of this name.
    #[error("user {0}: there is none of this name")]
    Missing(String),
    /// The password cannot be hashed.
    #[error("hash password: {0}")]
    Hash(String),
}

/// The users of a file, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Users {
    hashes: BTreeMap<String, String>,
}

impl Users {
    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read, others may read it, or it is no file of users.
    pub fn read(path: &Path) -> Result<Self, UsersError> {
        let io_error = |error| UsersError::Io(path.to_owned(), error);
        let mode = fs::metadata(path).map_err(io_error)?.permissions().mode() & 0o777;
        if mode & !MODE != 0 {
            return Err(UsersError::Mode { path: path.to_owned(), mode });
        }
        let text = fs::read_to_string(path).map_err(io_error)?;
        let mut hashes = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let user = line
                .split_once(':')
                .filter(|(name, hash)| is_name(name) && PasswordHash::new(hash).is_ok());
            let (name, hash) =
                user.ok_or_else(|| UsersError::Line { path: path.to_owned(), number })?;
            hashes.insert(name.to_owned(), hash.to_owned());
        }
        Ok(Self { hashes })
    }

    /// Reads the file, or begins with nobody where there is none.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_or_new(path: &Path) -> Result<Self, UsersError> {
        match Self::read(path) {
            Err(UsersError::Io(_, error)) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Self::default())
            }
            read => read,
        }
    }

    /// Writes the file as a whole: a reader finds the old users or the new ones.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), UsersError> {
        self.replace(path).map_err(|error| UsersError::Io(path.to_owned(), error))
    }

    fn replace(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        folders::create(folder)?;
        let mut file = tempfile::Builder::new()
            .prefix(".users-")
            .permissions(Permissions::from_mode(MODE))
            .tempfile_in(folder)?;
        for (name, hash) in &self.hashes {
            writeln!(file, "{name}:{hash}")?;
        }
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        folders::sync(folder)
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.hashes.keys().map(String::as_str)
    }

    /// Adds a user.
    ///
    /// # Errors
    /// When there is one of this name, or name or password cannot be one.
    pub fn add(&mut self, name: &str, password: &Secret) -> Result<(), UsersError> {
        if !is_name(name) {
            return Err(UsersError::Name(name.to_owned()));
        }
        if self.hashes.contains_key(name) {
            return Err(UsersError::Exists(name.to_owned()));
        }
        let password = password.expose().as_bytes();
        if !(SHORTEST_PASSWORD..=LONGEST_PASSWORD).contains(&password.len()) {
            return Err(UsersError::Password);
        }
        let hash: PasswordHash = Argon2::default()
            .hash_password(password)
            .map_err(|error| UsersError::Hash(error.to_string()))?;
        self.hashes.insert(name.to_owned(), hash.to_string());
        Ok(())
    }

    /// What a user's password is checked against: another one after every change, since it has a
    /// salt.
    #[must_use]
    pub(super) fn hash(&self, name: &str) -> Option<&str> {
        self.hashes.get(name).map(String::as_str)
    }

    /// Removes a user.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn remove(&mut self, name: &str) -> Result<(), UsersError> {
        let removed = self.hashes.remove(name);
        removed.map(drop).ok_or_else(|| UsersError::Missing(name.to_owned()))
    }

    /// Whether this is the user's password. Takes some ten milliseconds and 19 MB, also for users
    /// that do not exist.
    #[must_use]
    pub fn verify(&self, name: &str, password: &Secret) -> bool {
        let password = password.expose().as_bytes();
        let known = self.hashes.get(name);
        let hash = PasswordHash::new(known.map_or(NOBODY, String::as_str));
        let is_right = hash.is_ok_and(|hash| {
            password.len() <= LONGEST_PASSWORD
                && Argon2::default().verify_password(password, &hash).is_ok()
        });
        is_right && known.is_some()
    }
}

/// Names stand in logs, in lines of the file, and in people's heads.
fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._@-".contains(c))
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::os::unix::fs::OpenOptionsExt as _;

    use super::*;

    #[test]
    fn users_are_kept_and_their_passwords_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/users");
        let (right, wrong) = (Secret::new("correct horse"), Secret::new("wrong horse"));
        let mut users = Users::read_or_new(&path).unwrap();
        users.add("anna", &right).unwrap();
        users.write(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("anna:$argon2id$") && !text.contains("horse"), "{text}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);

        let mut users = Users::read(&path).unwrap();
        assert!(users.verify("anna", &right));
        assert!(!users.verify("anna", &wrong) && !users.verify("berta", &right));
        assert!(matches!(users.add("anna", &right), Err(UsersError::Exists(_))));
        users.remove("anna").unwrap();
        assert!(matches!(users.remove("anna"), Err(UsersError::Missing(_))));
    }

    #[test]
    fn what_could_be_no_user_is_refused() {
        let mut users = Users::default();
        for name in ["", "a:b", "a b", "a\nb", &"a".repeat(65)] {
            let added = users.add(name, &Secret::new("correct horse"));
            assert!(matches!(added, Err(UsersError::Name(_))), "{name}");
        }
        assert!(matches!(users.add("a", &Secret::new("short")), Err(UsersError::Password)));
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        OpenOptions::new().create(true).write(true).truncate(true).mode(0o640).open(&path).unwrap();
        assert!(matches!(Users::read(&path), Err(UsersError::Mode { mode: 0o640, .. })));
        fs::set_permissions(&path, Permissions::from_mode(MODE)).unwrap();
        fs::write(&path, "anna:plain text\n").unwrap();
        assert!(matches!(Users::read(&path), Err(UsersError::Line { number: 1, .. })));
    }

    /// Else an unknown name would be told by the time that the answer takes.
    #[test]
    fn nobody_has_a_hash() {
        assert!(PasswordHash::new(NOBODY).is_ok());
    }
}
