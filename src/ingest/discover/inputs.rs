//! What the user named: files, folders with everything in them, patterns.

use std::fs::Metadata;
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
        metadata: Metadata,
    },
    Unreadable {
        path: String,
        reason: String,
        /// Whether there simply is no such file any more.
        absent: bool,
    },
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
        let glob = GlobBuilder::new(&path.to_string_lossy()).literal_separator(true).build();
        match glob {
            Ok(glob) => Self { root: fixed_part(path), pattern: Some(glob.compile_matcher()) },
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
            let path = pattern.glob().to_string();
            let reason = "nothing matches this pattern".to_owned();
            sighted.push(Sighted::Unreadable { path, reason, absent: false });
        }
        sighted
    }

    fn sighted(&self, entry: walkdir::Result<walkdir::DirEntry>) -> Option<Sighted> {
        match entry {
            Ok(entry) if entry.file_type().is_dir() => None,
            Ok(entry) if self.pattern.as_ref().is_some_and(|glob| !glob.is_match(entry.path())) => {
                None
            }
            Ok(entry) => Some(match entry.metadata() {
                Ok(metadata) => Sighted::File {
                    below: below(&self.root, entry.path()),
                    named: entry.depth() == 0,
                    path: entry.into_path(),
                    metadata,
                },
                Err(error) => unreadable(&self.root, &error),
            }),
            Err(error) => Some(unreadable(&self.root, &error)),
        }
    }
}

fn unreadable(root: &Path, error: &walkdir::Error) -> Sighted {
    let path = error.path().unwrap_or(root);
    let reason = error
        .io_error()
        .map_or_else(|| "the folder contains itself".to_owned(), ToString::to_string);
    let absent = error.depth() > 0
        && error.io_error().is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound)
        // A link that leads nowhere is there.
        && path.symlink_metadata().is_err();
    Sighted::Unreadable { path: path.display().to_string(), reason, absent }
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
                Sighted::Unreadable { reason, .. } => format!("! {reason}"),
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
        assert_eq!(names(&root.join("*.cap"), &[]), ["! nothing matches this pattern"]);
        let excluded = [root.join("eth0").canonicalize().unwrap()];
        assert_eq!(names(root, &excluded), ["[x]", "a.pcap", "b.pcap.gz", "note.txt"]);
        assert_eq!(names(&root.join("absent"), &[]).len(), 1);
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
