//! Packets that the store refused: whole, in capture files under the state directory, with the
//! reason beside each, to be ingested again when the reason is gone.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Lines, Write as _};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::capture::{CaptureWriter, Format};
use crate::folders;
use crate::packet::{Fingerprint, Origin, Source, StoredPacket, Timestamp};
use crate::verify;

/// The folder in the state directory.
pub(super) const FOLDER: &str = "dead-letters";
/// What stands beside a capture file of refused packets, instead of its extension.
const REASONS: &str = "reasons.jsonl";

/// One line beside the capture file for each packet in it, in order.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    /// Why the store refused the packet.
    reason: String,
    /// Its identity.
    id: String,
    /// Fingerprint of the capture it came from.
    capture: String,
    /// Its frame number there.
    frame: u64,
    /// Name of the capture file.
    file: String,
    /// Its path below the folder that was named.
    path: String,
    /// Who captured it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    sensor: Option<String>,
}

/// Writes what is refused.
#[derive(Debug)]
pub(super) struct DeadLetters {
    folder: PathBuf,
    /// The pair of files of this run, made by its first refused packet.
    files: Option<Letters>,
}

#[derive(Debug)]
struct Letters {
    capture: PathBuf,
    reasons: PathBuf,
    /// Bytes of both that are safe; what a full disk cut off behind them is removed.
    safe: (u64, u64),
}

impl DeadLetters {
    pub(super) fn new(state_directory: &Path) -> Self {
        Self { folder: state_directory.join(FOLDER), files: None }
    }

    /// Writes packets with the reason why each was refused. They are on the disk when this
    /// returns; on an error none of them counts as written.
    pub(super) fn write(&mut self, refused: &[(StoredPacket, String)]) -> io::Result<&Path> {
        if self.files.is_none() {
            self.files = Some(Letters::create(&self.folder)?);
        }
        let Some(files) = &mut self.files else { return Ok(&self.folder) };
        files.add(refused)?;
        Ok(&files.capture)
    }
}

impl Letters {
    fn create(folder: &Path) -> io::Result<Self> {
        folders::create(folder)?;
        let time = Timestamp::now().to_string().replace([':', '.'], "-");
        let capture = folder.join(format!("{time}-{}.pcapng", process::id()));
        let reasons = capture.with_extension(REASONS);
        for path in [&capture, &reasons] {
            OpenOptions::new().write(true).create_new(true).open(path)?.sync_all()?;
        }
        folders::sync(folder)?;
        Ok(Self { capture, reasons, safe: (0, 0) })
    }

    /// Adds a whole pcapng section, since a capture may have any number of them.
    fn add(&mut self, refused: &[(StoredPacket, String)]) -> io::Result<()> {
        let mut section = CaptureWriter::new(Vec::new(), Format::Pcapng);
        let mut lines = Vec::new();
        for (stored, reason) in refused {
            section.write(&stored.packet)?;
            serde_json::to_writer(&mut lines, &line(stored, reason))?;
            lines.push(b'\n');
        }
        let section = section.finish()?;
        // The reasons first: a packet without one could not be told from any other.
        append(&self.reasons, self.safe.1, &lines)?;
        append(&self.capture, self.safe.0, &section)?;
        self.safe.0 += section.len() as u64;
        self.safe.1 += lines.len() as u64;
        Ok(())
    }
}

fn append(path: &Path, safe: u64, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).open(path)?;
    file.set_len(safe)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn line(stored: &StoredPacket, reason: &str) -> Line {
    let Source { file_name, file_path, sensor } = stored.origin.source.as_ref();
    Line {
        reason: reason.to_owned(),
        id: stored.id().to_string(),
        capture: stored.origin.capture.to_string(),
        frame: stored.origin.frame,
        file: file_name.clone(),
        path: file_path.clone(),
        sensor: sensor.clone(),
    }
}

/// Where refused packets came from, read along with their capture file, so that they get the
/// identity that they had.
#[derive(Debug)]
pub(super) struct Origins {
    lines: Lines<BufReader<File>>,
    source: Option<Arc<Source>>,
}

/// Where the packets of a capture file came from, if it is one of refused packets.
///
/// # Errors
/// When what stands beside it cannot be opened.
pub fn origins_beside(capture: &Path) -> io::Result<Option<verify::Origins>> {
    let next = |mut origins: Origins| Box::new(move || origins.next()) as verify::Origins;
    Ok(Origins::beside(capture)?.map(next))
}

impl Origins {
    /// The origins that stand beside a capture file, if it is one of refused packets.
    pub(super) fn beside(capture: &Path) -> io::Result<Option<Self>> {
        match File::open(capture.with_extension(REASONS)) {
            Ok(file) => Ok(Some(Self { lines: BufReader::new(file).lines(), source: None })),
            Err(error)
                // The longer name of the reasons does not fit: they cannot be there.
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::InvalidFilename
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The origin of the next packet.
    pub(super) fn next(&mut self) -> io::Result<Origin> {
        let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
        let line = self
            .lines
            .next()
            .ok_or_else(|| invalid("there are more packets than reasons beside them".into()))??;
        let line: Line = serde_json::from_str(&line)?;
        let capture = Fingerprint::parse(&line.capture)
            .ok_or_else(|| invalid(format!("{:?} is no fingerprint", line.capture)))?;
        let source = Source { file_name: line.file, file_path: line.path, sensor: line.sensor };
        let source = match &self.source {
            Some(known) if **known == source => known.clone(),
            _ => self.source.insert(Arc::new(source)).clone(),
        };
        Ok(Origin { capture, frame: line.frame, source })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use std::fs;

    use super::*;
    use crate::capture::CaptureReader;
    use crate::decode;
    use crate::packet::{CapturedPacket, Layers, LinkType, PacketRecord};
    use crate::store::PacketStore as _;
    use crate::store::memory::MemoryStore;

    fn stored(frame: u64) -> StoredPacket {
        let packet = CapturedPacket {
            timestamp: Timestamp::from_nanoseconds(i128::from(frame)),
            link_type: LinkType::ETHERNET,
            original_length: 3,
            data: Bytes::from_static(b"abc"),
            extras: None,
        };
        let source = Source {
            file_name: "a.pcap".into(),
            file_path: "eth0/a.pcap".into(),
            sensor: Some("tap".into()),
        };
        let capture = Fingerprint([9; 16]);
        StoredPacket::new(packet, Origin { capture, frame, source: Arc::new(source) })
    }

    #[test]
    fn refused_packets_come_back_with_their_identity() {
        let state = tempfile::tempdir().unwrap();
        let mut letters = DeadLetters::new(state.path());
        letters.write(&[(stored(3), "too large".into()), (stored(7), "why".into())]).unwrap();
        let path = letters.write(&[(stored(8), "again".into())]).unwrap().to_owned();
        let mut origins = Origins::beside(&path).unwrap().unwrap();
        let mut reader = CaptureReader::open(&path).unwrap();
        for frame in [3, 7, 8] {
            let (_, packet) = reader.next_packet().unwrap().unwrap();
            let origin = origins.next().unwrap();
            let again = StoredPacket::new(packet, origin);
            assert_eq!(again.id(), stored(frame).id());
            assert_eq!(again.origin, stored(frame).origin);
        }
        assert!(reader.next_packet().unwrap().is_none());
        assert!(origins.next().is_err());
        let reasons = fs::read_to_string(path.with_extension(REASONS)).unwrap();
        assert!(reasons.lines().next().unwrap().contains("too large"));
    }

    #[tokio::test]
    async fn refused_packets_are_verified_under_their_identity() {
        let state = tempfile::tempdir().unwrap();
        let mut letters = DeadLetters::new(state.path());
        let refused = [7, 3, 8].map(|frame| (stored(frame), "why".to_owned()));
        let path = letters.write(&refused).unwrap().to_owned();
        let store = MemoryStore::default();
        let verified = async || {
            let origins = origins_beside(&path).unwrap();
            verify::verify(&store, &path, origins).await.unwrap()
        };
        let records = [7, 8].map(|frame| PacketRecord {
            stored: stored(frame),
            layers: decode::decode(&stored(frame).packet),
        });
        store.append(Arc::new(records.into())).await.unwrap();
        let receipt = verified().await;
        assert_eq!((receipt.read, receipt.found, receipt.missing), (3, 2, 1));
        assert_eq!(receipt.missing_frames, [2], "as the file counts");
        let last = PacketRecord { stored: stored(3), layers: Layers::default() };
        store.append(Arc::new(vec![last])).await.unwrap();
        assert!(verified().await.is_complete());
    }

    #[test]
    fn what_a_full_disk_cut_off_is_written_again() {
        let state = tempfile::tempdir().unwrap();
        let mut letters = DeadLetters::new(state.path());
        let path = letters.write(&[(stored(1), "r".into())]).unwrap().to_owned();
        for part in [path.clone(), path.with_extension(REASONS)] {
            let mut file = OpenOptions::new().append(true).open(part).unwrap();
            file.write_all(b"half a line").unwrap();
        }
        letters.write(&[(stored(2), "r".into())]).unwrap();
        assert_eq!(CaptureReader::open(&path).unwrap().count(), 2);
        assert!(CaptureReader::open(&path).unwrap().all(|packet| packet.is_ok()));
        let mut origins = Origins::beside(&path).unwrap().unwrap();
        assert_eq!((origins.next().unwrap().frame, origins.next().unwrap().frame), (1, 2));
    }

    #[test]
    fn other_captures_have_no_origins_beside_them() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.pcap".to_owned(), format!("{}.pcap", "l".repeat(245))] {
            assert!(Origins::beside(&folder.path().join(name)).unwrap().is_none());
        }
    }
}
