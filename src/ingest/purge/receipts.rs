//! The receipts file: one line for each decision about a file, written and synced before the
//! file goes.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::folders;

/// The file of receipts in the state directory.
const NAME: &str = "receipts.jsonl";

/// What was decided about a capture file, and on what evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurgeReceipt {
    /// When, RFC 3339 in UTC.
    pub time: String,
    /// The file; what is not UTF-8 of its name is replaced by U+FFFD.
    pub path: String,
    /// What was done.
    pub action: Action,
    /// Where it went, when it was moved.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub moved_to: Option<String>,
    /// Why.
    pub reason: String,
    /// The store that holds its packets.
    pub store: String,
    /// Fingerprint of the capture; absent when it has no packets.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub capture: Option<String>,
    /// Bytes of the file.
    pub size: u64,
    /// Packets read from it.
    pub read: u64,
    /// Packets that the store had acknowledged.
    pub acknowledged: u64,
    /// Packets that the store counted when asked again.
    pub counted: u64,
    /// Packets that were fetched again and were equal byte for byte.
    pub compared: u64,
    /// Hash over the identities of all packets, in order.
    pub digest: String,
}

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It was deleted.
    Deleted,
    /// It was moved to the folder that was named.
    Moved,
    /// It would have been deleted or moved, in a dry run.
    WouldGo,
    /// It was kept.
    Kept,
}

impl Action {
    /// As people read it.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Moved => "moved",
            Self::WouldGo => "would go",
            Self::Kept => "kept",
        }
    }
}

/// Adds a receipt; it has reached the disk when this returns.
pub(super) fn add(directory: &Path, receipt: &PurgeReceipt) -> io::Result<()> {
    let path = directory.join(NAME);
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let mut line = end_of_last_line(&mut file)?;
    serde_json::to_writer(&mut line, receipt)?;
    line.push(b'\n');
    file.write_all(&line)?;
    file.sync_data()?;
    // Every time, since a run that was killed may have made the file and not come here.
    folders::sync(directory)
}

/// What a full disk has cut off of the last line.
fn end_of_last_line(file: &mut File) -> io::Result<Vec<u8>> {
    let mut last = [b'\n'];
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    Ok(if last == [b'\n'] { Vec::new() } else { vec![b'\n'] })
}

/// The receipts in a state directory, oldest first, each line that is none with the reason.
///
/// # Errors
/// When the file cannot be read; that there is none yet is no error.
pub fn receipts(
    directory: &Path,
) -> io::Result<impl Iterator<Item = io::Result<PurgeReceipt>> + use<>> {
    let file = match File::open(directory.join(NAME)) {
        Ok(file) => Some(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let lines = file.into_iter().flat_map(|file| BufReader::new(file).split(b'\n'));
    Ok(lines.filter(|line| !line.as_ref().is_ok_and(Vec::is_empty)).map(|line| {
        serde_json::from_slice(&line?)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipts_come_back_in_order_whatever_was_cut_between() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(receipts(directory.path()).unwrap().count(), 0);
        let receipt = |read| PurgeReceipt {
            time: "2026-11-24T03:00:00Z".into(),
            path: "/captures/a.pcap".into(),
            action: Action::Deleted,
            moved_to: None,
            reason: "proven".into(),
            store: "s".into(),
            capture: None,
            size: 24,
            read,
            acknowledged: read,
            counted: read,
            compared: 0,
            digest: String::new(),
        };
        add(directory.path(), &receipt(1)).unwrap();
        let mut file = OpenOptions::new().append(true).open(directory.path().join(NAME)).unwrap();
        file.write_all(b"{\"time\":\"2026").unwrap();
        add(directory.path(), &receipt(2)).unwrap();
        let read: Vec<Option<u64>> = receipts(directory.path())
            .unwrap()
            .map(|receipt| receipt.ok().map(|receipt| receipt.read))
            .collect();
        assert_eq!(read, [Some(1), None, Some(2)]);
    }
}
