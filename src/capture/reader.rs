use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::capture::compression::Decompressed;
use crate::capture::input::Input;
use crate::capture::looks_like::looks_like;
use crate::capture::pcap::PcapRecords;
use crate::capture::pcapng::PcapngBlocks;
use crate::capture::{CaptureError, Format, Report};
use crate::packet::CapturedPacket;

/// Reads the packets of a capture, one by one, from a file or from a stream.
///
/// Every packet that can be read is delivered, as it stands, up to the first place behind which
/// nothing can be found any more. A packet of a live stream is delivered as soon as the last of
/// its bytes has arrived.
pub struct CaptureReader {
    input: Input,
    records: Records,
    report: Report,
    frames: u64,
    ended: bool,
}

enum Records {
    Pcap(PcapRecords),
    Pcapng(PcapngBlocks),
}

/// Whether a file that begins like this is a plain capture, of which packets can be read while
/// it is still being written; a compressed one must be complete.
#[must_use]
pub fn can_grow(head: &[u8]) -> bool {
    head.first_chunk()
        .is_some_and(|magic| PcapRecords::is_magic(*magic) || PcapngBlocks::is_magic(*magic))
}

/// What a file is, judging by its first bytes behind any compression.
///
/// # Errors
/// As [`CaptureReader::open`]: [`CaptureError::NotACapture`] for other files, and
/// [`CaptureError::Incomplete`] for those that are empty or still too short to tell.
pub fn sniff(path: &Path) -> Result<Format, CaptureError> {
    Ok(CaptureReader::open(path)?.format())
}

impl CaptureReader {
    /// Opens a capture file and reads its file header.
    ///
    /// # Errors
    /// See [`CaptureError`]; a capture without packets is none.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let length = metadata.is_file().then_some(metadata.len());
        Self::begin(Decompressed::new(file)?, length)
    }

    /// Begins to read a capture from a stream; waits until its file header has arrived.
    ///
    /// # Errors
    /// See [`CaptureError`].
    pub fn new(stream: impl Read + Send + 'static) -> Result<Self, CaptureError> {
        Self::begin(Decompressed::new(stream)?, None)
    }

    fn begin(source: Decompressed, length: Option<u64>) -> Result<Self, CaptureError> {
        let length = length.filter(|_| source.compression().is_none());
        let mut input = Input::new(source, length);
        let mut report = Report::default();
        let records = recognise(&mut input, &mut report).map_err(|error| damaged(error, &input))?;
        Ok(Self { input, records, report, frames: 0, ended: false })
    }

    /// The capture's format.
    #[must_use]
    pub fn format(&self) -> Format {
        match self.records {
            Records::Pcap(_) => Format::Pcap,
            Records::Pcapng(_) => Format::Pcapng,
        }
    }

    /// The next packet with its frame number, from 1; `None` at the end and ever after.
    ///
    /// # Errors
    /// [`CaptureError::Io`] when the file or the stream fails, or gives no more for now: nothing
    /// was lost, and the call may be repeated. Damage is no error, see [`Self::report`].
    pub fn next_packet(&mut self) -> Result<Option<(u64, CapturedPacket)>, CaptureError> {
        if self.ended {
            return Ok(None);
        }
        let frame = self.frames + 1;
        let packet = match &mut self.records {
            Records::Pcap(records) => records.next(&mut self.input, &mut self.report)?,
            Records::Pcapng(blocks) => blocks.next(frame, &mut self.input, &mut self.report)?,
        };
        let Some(packet) = packet else {
            self.ended = true;
            return Ok(None);
        };
        self.frames = frame;
        Ok(Some((frame, packet)))
    }

    /// Says whether somebody still writes the file: then zeros where a packet should begin are not
    /// written yet, and the read fails with `WouldBlock`.
    pub fn set_grows(&mut self, grows: bool) {
        self.input.set_grows(grows);
    }

    /// Forgets what was read ahead of [`Self::offset`], to be called when a plain file will give
    /// the same bytes once more: its writer may have changed them.
    pub fn forget_ahead(&mut self) {
        self.input.forget();
    }

    /// What could not be read so far.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// How many packets have been delivered.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// How many bytes of the uncompressed capture have been read.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.input.offset()
    }
}

/// The packets, until the end or the first error.
impl Iterator for CaptureReader {
    type Item = Result<(u64, CapturedPacket), CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_packet().inspect_err(|_| self.ended = true).transpose()
    }
}

impl fmt::Debug for CaptureReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaptureReader")
            .field("format", &self.format())
            .field("frames", &self.frames)
            .field("offset", &self.offset())
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}

fn recognise(input: &mut Input, report: &mut Report) -> Result<Records, CaptureError> {
    const MAGIC_LENGTH: usize = 4;
    const ENOUGH_TO_GUESS: usize = 64;
    let head = input.at_least(MAGIC_LENGTH)?;
    match head.first_chunk() {
        Some(magic) if PcapRecords::is_magic(*magic) => {
            PcapRecords::begin(input, report).map(Records::Pcap)
        }
        Some(magic) if PcapngBlocks::is_magic(*magic) => {
            PcapngBlocks::begin(input).map(Records::Pcapng)
        }
        None if may_become_a_capture(head) => Err(CaptureError::Incomplete { bytes: head.len() }),
        _ => {
            let head = input.at_least(ENOUGH_TO_GUESS)?;
            Err(CaptureError::NotACapture { looks_like: looks_like(head) })
        }
    }
}

/// Whether less than a magic number is the beginning of one.
fn may_become_a_capture(head: &[u8]) -> bool {
    const MAGICS: [&[u8]; 12] = [
        b"\xa1\xb2\xc3\xd4",
        b"\xa1\xb2\x3c\x4d",
        b"\xa1\xb2\xcd\x34",
        b"\xd4\xc3\xb2\xa1",
        b"\x4d\x3c\xb2\xa1",
        b"\x34\xcd\xb2\xa1",
        b"\x0a\x0d\x0d\x0a",
        b"\x1f\x8b",
        b"\x28\xb5\x2f\xfd",
        b"\x04\x22\x4d\x18",
        b"\xfd7zX",
        b"BZh",
    ];
    MAGICS.iter().any(|magic| magic.starts_with(head))
}

/// A file header that decompression could not bring to light is not merely incomplete.
fn damaged(error: CaptureError, input: &Input) -> CaptureError {
    match (&error, input.compression(), input.damage()) {
        (CaptureError::Incomplete { .. }, Some(compression), Some(reason)) => {
            CaptureError::Damaged { compression, reason: reason.to_owned() }
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::capture::test_bytes::{
        LITTLE, enhanced_packet, interface, pcap_header, record, section,
    };

    fn open_bytes(bytes: &[u8]) -> Result<CaptureReader, CaptureError> {
        CaptureReader::new(io::Cursor::new(bytes.to_vec()))
    }

    fn small_pcap() -> Vec<u8> {
        let header = pcap_header(LITTLE, 0xa1b2_c3d4, (2, 4), 65_535, 1);
        [header, record(LITTLE, [1, 2, 3, 3], b"abc")].concat()
    }

    #[test]
    fn a_capture_without_packets_is_a_capture() {
        for bytes in [&small_pcap()[..24], &section(LITTLE)] {
            let mut reader = open_bytes(bytes).unwrap();
            assert!(reader.next_packet().unwrap().is_none());
            assert!(reader.report().is_clean());
            assert_eq!(reader.offset(), bytes.len() as u64);
        }
    }

    #[test]
    fn every_shorter_file_is_not_yet_a_capture() {
        for whole in [&small_pcap()[..24], &section(LITTLE)] {
            for length in 0..whole.len() {
                let error = open_bytes(&whole[..length]).unwrap_err();
                assert!(
                    matches!(error, CaptureError::Incomplete { bytes } if bytes == length),
                    "{length}: {error:?}"
                );
            }
        }
    }

    #[test]
    fn other_files_are_told_apart_also_behind_compression() {
        for (bytes, expected) in [
            (&b"# Captures\n"[..], "text"),
            (b"no\n", "text"),
            (b"snoop\0\0\0\0\0\0\x02\0\0\0\x04", "a snoop capture"),
            (b"\x41\x63\x9e\x51\xb8\x17\xc3\x41\x02\x04\0\x46", "binary data of an unknown kind"),
        ] {
            for bytes in [bytes.to_vec(), zstd::encode_all(bytes, 1).unwrap()] {
                match open_bytes(&bytes) {
                    Err(CaptureError::NotACapture { looks_like }) => {
                        assert_eq!(looks_like, expected);
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    #[test]
    fn a_file_is_opened_by_its_content_not_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("README.md");
        std::fs::write(&path, zstd::encode_all(&small_pcap()[..], 1).unwrap()).unwrap();
        assert_eq!(sniff(&path).unwrap(), Format::Pcap);
        let error = sniff(&folder.path().join("absent.pcap")).unwrap_err();
        assert!(matches!(error, CaptureError::Io(e) if e.kind() == io::ErrorKind::NotFound));
    }

    #[test]
    fn the_length_of_a_damaged_tail_is_known_in_a_plain_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("damaged");
        let damage = record(LITTLE, [1, 2, u32::MAX, 3], &vec![0; 300_000]);
        std::fs::write(&path, [small_pcap(), damage].concat()).unwrap();
        let mut reader = CaptureReader::open(&path).unwrap();
        assert_eq!(reader.by_ref().count(), 1);
        let unread = reader.report().unread.unwrap();
        assert_eq!((unread.offset, unread.bytes), (43, Some(300_016)));
    }

    #[test]
    fn packets_before_a_cut_in_compressed_data_are_delivered() {
        let many = (0..50_000).map(|number| record(LITTLE, [number, 2, 3, 3], b"abc"));
        let capture: Vec<u8> =
            std::iter::once(small_pcap()[..24].to_vec()).chain(many).flatten().collect();
        let mut compressed = zstd::encode_all(&capture[..], 1).unwrap();
        compressed.truncate(compressed.len() - 5);
        let mut reader = open_bytes(&compressed).unwrap();
        let frames = reader.by_ref().map(Result::unwrap).count();
        assert!(frames > 10_000, "{frames}");
        let report = reader.report();
        assert!(report.notes[0].reason.starts_with("the zstd data is damaged"), "{report:?}");
        assert_eq!(report.unread.unwrap().offset, 24 + frames as u64 * 19);
        assert_eq!(report.unread.unwrap().bytes, None);
    }

    #[test]
    fn compressed_data_that_breaks_in_the_file_header_is_an_error() {
        let compressed = zstd::encode_all(&small_pcap()[..], 1).unwrap();
        let error = open_bytes(&compressed[..8]).unwrap_err();
        assert!(matches!(error, CaptureError::Damaged { compression: "zstd", .. }), "{error:?}");
    }

    /// Fails once in the middle, as a network mount may.
    struct Hiccup(Vec<io::Result<Vec<u8>>>);

    impl Read for Hiccup {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.first_mut() {
                Some(Ok(bytes)) if !bytes.is_empty() => {
                    let length = bytes.len().min(buffer.len());
                    buffer[..length].copy_from_slice(&bytes[..length]);
                    bytes.drain(..length);
                    Ok(length)
                }
                Some(_) => match self.0.remove(0) {
                    Ok(_) => self.read(buffer),
                    Err(error) => Err(error),
                },
                None => Ok(0),
            }
        }
    }

    #[test]
    fn a_failing_source_is_an_error_that_loses_nothing() {
        let bytes = small_pcap();
        let parts = vec![
            Ok(bytes[..30].to_vec()),
            Err(io::ErrorKind::Interrupted.into()),
            Err(io::Error::other("stale handle")),
            Ok(bytes[30..].to_vec()),
        ];
        let mut reader = CaptureReader::new(Hiccup(parts)).unwrap();
        assert!(matches!(reader.next_packet(), Err(CaptureError::Io(_))));
        assert_eq!(reader.next_packet().unwrap().unwrap().1.data, &b"abc"[..]);
        assert!(reader.next_packet().unwrap().is_none());
        assert!(reader.report().is_clean());
    }

    #[test]
    fn a_live_packet_is_delivered_while_the_stream_stays_open() {
        let pcapng = [section(LITTLE), interface(LITTLE, 1, 0, &[])].concat();
        let pcapng_packet = enhanced_packet(LITTLE, 0, 5, 3, b"abc", &[]);
        for (head, packet) in
            [(small_pcap()[..24].to_vec(), small_pcap()[24..].to_vec()), (pcapng, pcapng_packet)]
        {
            let (reading_end, mut writing_end) = io::pipe().unwrap();
            let (frames, delivered) = mpsc::channel();
            let thread = thread::spawn(move || {
                let mut reader = CaptureReader::new(reading_end).unwrap();
                while let Some((frame, _)) = reader.next_packet().unwrap() {
                    frames.send(frame).unwrap();
                }
            });
            writing_end.write_all(&head).unwrap();
            for expected in 1..=3 {
                writing_end.write_all(&packet).unwrap();
                // Much longer than it takes; a reader that fills its buffer would wait forever.
                assert_eq!(delivered.recv_timeout(Duration::from_secs(20)), Ok(expected));
            }
            drop(writing_end);
            thread.join().unwrap();
        }
    }
}
