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
    /// [`CaptureError::Io`] when the file or the stream fails: nothing was lost, and the call
    /// may be repeated. Damage is no error, see [`Self::report`].
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
    let head = input.at_least(MAGIC_LENGTH)?;
    match head.first_chunk() {
        Some(magic) if PcapRecords::is_magic(*magic) => {
            PcapRecords::begin(input, report).map(Records::Pcap)
        }
        Some(magic) if PcapngBlocks::is_magic(*magic) => {
            PcapngBlocks::begin(input).map(Records::Pcapng)
        }
        None if may_become_a_capture(head) => Err(CaptureError::Incomplete { bytes: head.len() }),
        _ => Err(CaptureError::NotACapture { looks_like: looks_like(head) }),
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
