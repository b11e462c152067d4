use std::borrow::Cow;
use std::io::{self, ErrorKind, Write};

use byteorder_slice::LittleEndian;
use pcap_file::pcap::{PcapHeader, PcapTsResolution, PcapWriteError, RawPcapPacket};
use pcap_file::{DataLink, Endianness};

use crate::capture::pcap::{Network, max_captured_length};
use crate::packet::{CapturedPacket, LinkType};

/// What a classic pcap file says once, for all of its packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PcapFile {
    /// The link type.
    pub link_type: LinkType,
    /// How many bytes of each packet are frame check sequence, where it is known.
    pub fcs_length: Option<u8>,
}

impl PcapFile {
    /// The file that begins with this packet.
    #[must_use]
    pub fn beginning_with(first: &CapturedPacket) -> Self {
        Self { link_type: first.link_type, fcs_length: fcs_length(first) }
    }

    /// The file of no packets.
    pub(super) const EMPTY: Self = Self { link_type: LinkType::ETHERNET, fcs_length: None };
}

/// As far as a pcap file can say it.
fn fcs_length(packet: &CapturedPacket) -> Option<u8> {
    let fcs_length = packet.interface()?.fcs_length;
    Network::new(packet.link_type, fcs_length).fcs_length()
}

/// What a packet has that would be lost in a classic pcap file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NeedsPcapng {
    /// A pcap file has one link type.
    #[error("packets of different link types do not fit into one pcap file")]
    LinkType,
    /// Seconds are 32 bits, without sign.
    #[error("a packet's time is not between 1970 and 2106")]
    Time,
    /// Other tools refuse it.
    #[error("a packet is longer than a pcap file of its link type may hold")]
    Length,
    /// Comments.
    #[error("pcap has no packet comments")]
    Comments,
    /// A pcap file has one length of frame check sequences.
    #[error("packets with frame check sequences of different lengths")]
    FcsLength,
}

impl NeedsPcapng {
    /// Whether pcap cannot hold the packet at all; the other losses are for the user to allow.
    fn is_refused(self) -> bool {
        matches!(self, Self::LinkType | Self::Time | Self::Length)
    }
}

/// Why a packet needs pcapng, when a pcap file that has begun would lose something of it.
///
/// Interface names and flags alone are no reason: most readers of a fetched file want what
/// every tool opens.
#[must_use]
pub fn needs_pcapng(packet: &CapturedPacket, file: PcapFile) -> Option<NeedsPcapng> {
    if packet.link_type != file.link_type {
        Some(NeedsPcapng::LinkType)
    } else if seconds(packet).is_none() {
        Some(NeedsPcapng::Time)
    } else if packet.captured_length() > max_captured_length(file.link_type) {
        Some(NeedsPcapng::Length)
    } else if !packet.comments().is_empty() {
        Some(NeedsPcapng::Comments)
    } else if fcs_length(packet) != file.fcs_length {
        Some(NeedsPcapng::FcsLength)
    } else {
        None
    }
}

fn seconds(packet: &CapturedPacket) -> Option<u32> {
    u32::try_from(packet.timestamp.parts().0).ok()
}

/// Nanoseconds, little endian. The snapshot length is the longest that tcpdump and Wireshark
/// accept for the link type, since it is written before the packets are known.
pub(super) fn write_file_header(file: PcapFile, output: &mut impl Write) -> io::Result<()> {
    let network = Network::new(file.link_type, file.fcs_length);
    let header = PcapHeader {
        version_major: 2,
        version_minor: 4,
        ts_correction: 0,
        ts_accuracy: 0,
        snaplen: max_captured_length(file.link_type),
        datalink: DataLink::from(network.0),
        ts_resolution: PcapTsResolution::NanoSecond,
        endianness: Endianness::Little,
    };
    header.write_to(output).map_err(io_error)?;
    Ok(())
}

/// Refuses a packet that the file cannot hold at all.
pub(super) fn check(packet: &CapturedPacket, file: PcapFile) -> io::Result<()> {
    match needs_pcapng(packet, file) {
        Some(reason) if reason.is_refused() => Err(io::Error::new(ErrorKind::InvalidInput, reason)),
        _ => Ok(()),
    }
}

pub(super) fn write_packet(
    packet: &CapturedPacket,
    file: PcapFile,
    output: &mut impl Write,
) -> io::Result<()> {
    check(packet, file)?;
    let record = RawPcapPacket {
        ts_sec: seconds(packet).unwrap_or_default(),
        ts_frac: packet.timestamp.parts().1,
        incl_len: packet.captured_length(),
        orig_len: packet.original_length,
        data: Cow::Borrowed(&packet.data),
    };
    record.write_to::<_, LittleEndian>(output).map_err(io_error)?;
    Ok(())
}

/// The error below, so that a closed pipe is seen as such.
fn io_error(error: PcapWriteError) -> io::Error {
    match error {
        PcapWriteError::Io(error) | PcapWriteError::FieldWriteFailed(_, error) => error,
        PcapWriteError::Validation(error) => io::Error::new(ErrorKind::InvalidInput, error),
    }
}
