//! Folders that are still there after a power cut.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Makes a folder and those above it that are missing. When this returns, their names are on the
/// disk; a sync of what is in a folder alone does not keep the folder's own name.
///
/// # Errors
/// When one cannot be made or synced.
pub(crate) fn create(path: &Path) -> io::Result<()> {
    let path = std::path::absolute(path)?;
    let missing: Vec<&Path> = path.ancestors().take_while(|folder| !folder.is_dir()).collect();
    fs::create_dir_all(&path)?;
    // Also the folder that was there: a run that was killed may have made it and not synced it.
    let made = missing.into_iter().rev().chain([path.as_path()]);
    for parent in made.filter_map(Path::parent) {
        sync(parent)?;
    }
    Ok(())
}

/// Makes the names in a folder survive a power cut.
///
/// # Errors
/// When it cannot be opened or synced.
pub(crate) fn sync(path: &Path) -> io::Result<()> {
    match File::open(path) {
        // What is in a folder may be ours without a right to list the folder itself; then its
        // owner made its names safe.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        opened => opened?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_missing_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("one/two/three");
        create(&deep).unwrap();
        create(&deep).unwrap();
        assert!(deep.is_dir());
        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        assert!(create(&file).is_err());
    }
}
