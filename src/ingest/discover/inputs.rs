//! What the user named: files, folders with everything in them, patterns.

use std::fs::Metadata;
use std::io;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use walkdir::WalkDir;

/// A file that an input stands for, or a reason why there is none.
#[derive(Debug)]
pub(super) enum Sighted {
    File {
        path: PathBuf,
        /// Its path below the folder that was named, or its own name.
        below: String,
        /// Whether the user named this very file, and not a folder around it.
        named: bool,
        /// Whether this name is a symbolic link to it.
        is_link: bool,
        metadata: Metadata,
    },
    Nothing {
        path: String,
        reason: String,
        why: Nothing,
    },
}

/// What it means that there is no file to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nothing {
    /// There should be one.
    Unreadable,
    /// There is none, and no packets are missed: a socket, a link in a circle.
    Passed,
    /// No file matches a pattern, so far.
    NoMatch,
    /// There was one a moment ago.
    Gone,
}

impl Sighted {
    fn nothing(path: &Path, reason: &str, why: Nothing) -> Self {
        Self::Nothing { path: path.display().to_string(), reason: reason.to_owned(), why }
    }

    /// Whether it was found by a symbolic link.
    pub(super) fn is_link(&self) -> bool {
        matches!(self, Self::File { is_link: true, .. })
    }
}

/// A place to look for files in.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The file, or the folder to walk through.
    pub(super) root: PathBuf,
    /// Which files below it are meant; all when absent.
    pattern: Option<GlobMatcher>,
}

impl Place {
    /// The place that `path` names: itself when it exists, else what it matches as a pattern
    /// (`*`, `?`, `[…]`, `{…}`, `**` for any number of folders).
    pub(super) fn new(path: &Path) -> Self {
        let is_pattern = path.to_string_lossy().contains(['*', '?', '[', '{']);
        if !is_pattern || path.symlink_metadata().is_ok() {
            return Self { root: path.to_owned(), pattern: None };
        }
        let plain = plain(path);
        let glob = GlobBuilder::new(&plain.to_string_lossy()).literal_separator(true).build();
        match glob {
            Ok(glob) => Self { root: fixed_part(&plain), pattern: Some(glob.compile_matcher()) },
            // No pattern after all, but a file that is not there; that will be said of it.
            Err(_) => Self { root: path.to_owned(), pattern: None },
        }
    }

    /// Everything there, sorted by path, without what lies in one of the `excluded` folders.
    pub(super) fn look(&self, excluded: &[PathBuf]) -> Vec<Sighted> {
        let entries = WalkDir::new(&self.root)
            .follow_links(true)
            .sort_by_file_name()
            .into_iter()
            .filter_entry(|entry| {
                let is_excluded = entry.file_type().is_dir()
                    && entry.depth() > 0
                    && entry.path().canonicalize().is_ok_and(|path| excluded.contains(&path));
                !is_excluded
            });
        let mut sighted: Vec<Sighted> = entries.filter_map(|entry| self.sighted(entry)).collect();
        if let (Some(pattern), true) = (&self.pattern, sighted.is_empty()) {
            let path = Path::new(pattern.glob().glob());
            sighted.push(Sighted::nothing(path, "nothing matches this pattern", Nothing::NoMatch));
        }
        sighted
    }

    /// Whether it is of the form that was named.
    fn is_meant(&self, path: &Path) -> bool {
        self.pattern.as_ref().is_none_or(|glob| glob.is_match(plain(path)))
    }

    fn sighted(&self, entry: walkdir::Result<walkdir::DirEntry>) -> Option<Sighted> {
        match entry {
            Ok(entry) if entry.file_type().is_dir() => None,
            Ok(entry) if !self.is_meant(entry.path()) => None,
            Ok(entry) => Some(match entry.metadata() {
                // To open a pipe that nobody writes would never end; who names one means it.
                Ok(metadata) if !metadata.is_file() && entry.depth() > 0 => {
                    Sighted::nothing(entry.path(), "neither a file nor a folder", Nothing::Passed)
                }
                Ok(metadata) => Sighted::File {
                    below: below(&self.root, entry.path()),
                    named: entry.depth() == 0,
                    is_link: entry.path_is_symlink(),
                    path: entry.into_path(),
                    metadata,
                },
                Err(error) => nothing(&self.root, &error),
            }),
            Err(error) => Some(nothing(&self.root, &error)),
        }
    }
}

/// Why there is nothing where the walk met an error.
fn nothing(root: &Path, error: &walkdir::Error) -> Sighted {
    let path = error.path().unwrap_or(root);
    let Some(cause) = error.io_error() else {
        return Sighted::nothing(path, "a link to a folder that contains it", Nothing::Passed);
    };
    if error.depth() == 0 || cause.kind() != io::ErrorKind::NotFound {
        return Sighted::nothing(path, &cause.to_string(), Nothing::Unreadable);
    }
    if path.symlink_metadata().is_ok() {
        return Sighted::nothing(path, "a link that leads nowhere", Nothing::Passed);
    }
    Sighted::nothing(path, &cause.to_string(), Nothing::Gone)
}

/// The path without what says nothing: `./` and doubled slashes.
fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

/// The folders at the beginning of a pattern that hold no wildcard.
fn fixed_part(pattern: &Path) -> PathBuf {
    let is_fixed = |part: &Component<'_>| {
        !part.as_os_str().to_string_lossy().contains(['*', '?', '[', '{', '\\'])
    };
    let fixed: PathBuf = pattern.components().take_while(is_fixed).collect();
    if fixed.as_os_str().is_empty() { PathBuf::from(".") } else { fixed }
}

/// The path below `root`; of a file that was named itself, its base name.
fn below(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    let below =
        if below.as_os_str().is_empty() { path.file_name().map_or(path, Path::new) } else { below };
    below.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names(place: &Path, excluded: &[PathBuf]) -> Vec<String> {
        let sighted = Place::new(place).look(excluded);
        sighted
            .into_iter()
            .map(|sighted| match sighted {
                Sighted::File { below, .. } => below,
                Sighted::Nothing { reason, why, .. } => format!("{why:?}: {reason}"),
            })
            .collect()
    }

    #[test]
    fn folders_files_and_patterns() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["a.pcap", "b.pcap.gz", "note.txt", "eth0/c.pcap", "eth0/deep/d.pcap", "[x]"] {
            fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            fs::write(root.join(name), b"").unwrap();
        }
        let all = ["[x]", "a.pcap", "b.pcap.gz", "eth0/c.pcap", "eth0/deep/d.pcap", "note.txt"];
        assert_eq!(names(root, &[]), all);
        assert_eq!(names(&root.join("a.pcap"), &[]), ["a.pcap"]);
        assert_eq!(names(&root.join("[x]"), &[]), ["[x]"], "a name that looks like a pattern");
        assert_eq!(names(&root.join("*.pcap*"), &[]), ["a.pcap", "b.pcap.gz"]);
        assert_eq!(
            names(&root.join("**/*.pcap"), &[]),
            ["a.pcap", "eth0/c.pcap", "eth0/deep/d.pcap"]
        );
        assert_eq!(names(&root.join("eth?/*"), &[]), ["eth0/c.pcap"]);
        for written in ["/./*.pcap", "//*.pcap", "/eth0/../*.pcap"] {
            let pattern = PathBuf::from(format!("{}{written}", root.display()));
            assert_eq!(names(&pattern, &[]), ["a.pcap"], "{written}");
        }
        assert_eq!(names(&root.join("*.cap"), &[]), ["NoMatch: nothing matches this pattern"]);
        let excluded = [root.join("eth0").canonicalize().unwrap()];
        assert_eq!(names(root, &excluded), ["[x]", "a.pcap", "b.pcap.gz", "note.txt"]);
        assert_eq!(names(&root.join("absent"), &[]).len(), 1);
    }

    #[test]
    fn what_is_no_file_and_hides_none_is_passed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::os::unix::fs::symlink("nowhere", root.join("a")).unwrap();
        std::os::unix::fs::symlink(".", root.join("b")).unwrap();
        std::os::unix::net::UnixListener::bind(root.join("c")).unwrap();
        assert_eq!(
            names(root, &[]),
            [
                "Passed: a link that leads nowhere",
                "Passed: a link to a folder that contains it",
                "Passed: neither a file nor a folder"
            ]
        );
        assert!(names(&root.join("a"), &[])[0].starts_with("Unreadable: "), "it was named");
    }

    #[test]
    fn the_walk_begins_where_the_pattern_does() {
        for (pattern, fixed) in
            [("/a/b/*.pcap", "/a/b"), ("*.pcap", "."), ("/a/**/c", "/a"), ("x/{a,b}/c", "x")]
        {
            assert_eq!(fixed_part(Path::new(pattern)), Path::new(fixed), "{pattern}");
        }
    }
}
