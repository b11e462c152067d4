//! Capture files and streams ↔ [`CapturedPacket`](crate::packet::CapturedPacket).
//!
//! [`CaptureReader`] reads classic pcap and pcapng, compressed or not, from files and from
//! pipes, and gives back every packet that can be read, whatever is wrong with its values;
//! what could not be read is in its [`Report`]. [`CaptureWriter`] writes either format.
//!
//! This is the only folder that knows pcap-file and the decompression crates. Of pcap-file it
//! uses what takes captures as they are: the file header of pcap and the block structure of
//! pcapng when reading, and its raw packets and raw blocks when writing. Its readers and typed
//! blocks (3.0.0-rc1 and 3.0.0-rc.3 were compared) do not fit an archive:
//!
//! - they refuse what real captures hold: a captured length above the original length or the
//!   snapshot length, a fraction of a second or more, times before 1970, text that is not UTF-8;
//!   and with one bad option the whole block is gone;
//! - their buffer has a fixed size (8 MB), below the largest packets of some link types, and an
//!   error does not say where in the file it happened;
//! - up to rc1 the time of obsolete packet blocks is read with its words swapped in little-endian
//!   files, `if_tsoffset` is ignored, and option lists without an end marker are refused.
//!
//! 3.0.0-rc.3 is the version that says how many bytes a block lacks, which a stream needs.

mod compression;
mod input;
mod looks_like;
mod pcap;
mod pcap_writer;
mod pcapng;
mod pcapng_fields;
mod pcapng_interface;
mod pcapng_writer;
mod reader;
mod report;
#[cfg(test)]
mod round_trip_tests;
#[cfg(test)]
mod test_bytes;
mod writer;

use std::{fmt, io};

pub use pcap_writer::{NeedsPcapng, PcapFile, needs_pcapng};
pub use reader::{CaptureReader, can_grow, sniff};
pub use report::{Note, Report, UnreadTail};
pub use writer::CaptureWriter;

/// The two formats of capture files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// libpcap's classic format, draft-ietf-opsawg-pcap.
    Pcap,
    /// draft-ietf-opsawg-pcapng.
    Pcapng,
}

/// The format's name, which is also its usual file name extension.
impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pcap => "pcap",
            Self::Pcapng => "pcapng",
        })
    }
}

/// Why a capture cannot be read. Damage behind the file header is no error: it ends the capture
/// or skips a block, and is told in the [`Report`].
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// Something else than a capture: leave it alone.
    #[error("not a capture file: it looks like {looks_like}")]
    NotACapture {
        /// What the first bytes are.
        looks_like: &'static str,
    },
    /// The file header has not been written yet, or was cut off: try again when it has grown.
    #[error("{}", incomplete(*bytes))]
    Incomplete {
        /// How many bytes there are, behind decompression.
        bytes: usize,
    },
    /// A capture of a kind that this version cannot read.
    #[error("unsupported capture file: {what}")]
    Unsupported {
        /// What is not supported.
        what: String,
    },
    /// A compressed file of which not even the capture's file header can be decompressed: it is
    /// damaged, or has not been written yet.
    #[error("unreadable {compression} file: {reason}")]
    Damaged {
        /// Name of the compression.
        compression: &'static str,
        /// The decoder's reason.
        reason: String,
    },
    /// The file or stream cannot be opened or read.
    #[error("cannot be read")]
    Io(#[from] io::Error),
}

fn incomplete(bytes: usize) -> String {
    match bytes {
        0 => "empty, not yet a capture file".to_owned(),
        _ => format!("ends within the file header, after {bytes} bytes: not yet a capture file"),
    }
}
