use std::io;
use std::sync::Arc;

use bytes::Bytes;
use pcap_file::Endianness;
use pcap_file::pcap::{PcapHeader, PcapTsResolution};

use crate::capture::input::Input;
use crate::capture::pcapng_fields::Fields;
use crate::capture::{CaptureError, Report};
use crate::packet::{CapturedPacket, Extras, Interface, LinkType, Timestamp};

const FILE_HEADER_LENGTH: usize = 24;
const RECORD_HEADER_LENGTH: usize = 16;

/// libpcap's `MAXIMUM_SNAPLEN`: no packet of a common link type is longer.
const MAX_CAPTURED_LENGTH: u32 = 262_144;
/// No packet of any link type is longer (Wireshark's and libpcap's limit for D-Bus and `USBPcap`).
const MAX_CAPTURED_LENGTH_OF_ALL: u32 = 128 * 1024 * 1024;
const MAX_CAPTURED_LENGTH_EBHSCR: u32 = 8 * 1024 * 1024;

/// The packet length up to which other tools accept a pcap file of this link type.
pub(super) fn max_captured_length(link_type: LinkType) -> u32 {
    match link_type {
        LinkType::DBUS | LinkType::USBPCAP => MAX_CAPTURED_LENGTH_OF_ALL,
        LinkType::EBHSCR => MAX_CAPTURED_LENGTH_EBHSCR,
        _ => MAX_CAPTURED_LENGTH,
    }
}

/// The records of a classic pcap file.
///
/// pcap-file reads the file header. Its raw packets are not used here: they give the captured
/// length only once the whole record is in memory, too late to refuse an absurd one, and know
/// neither long record headers nor swapped lengths.
pub(super) struct PcapRecords {
    endianness: Endianness,
    fraction_unit: u64,
    link_type: LinkType,
    max_length: u32,
    lengths: Lengths,
    header: RecordHeaderKind,
    extras: Option<Arc<Extras>>,
}

/// In which order a record gives the captured and the original length: it was swapped before
/// version 2.3, and in 2.3 some wrote it one way and some the other (libpcap, sf-pcap.c).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lengths {
    CapturedFirst,
    OriginalFirst,
    SmallerIsCaptured,
}

/// What the record header is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RecordHeaderKind {
    /// 16 bytes, or as found out before.
    Known(usize),
    /// Alexey Kuznetsov's patches of 1999 put interface index, protocol and packet type behind
    /// the lengths. One of them (ss991029) made the header 24 bytes long, one before it
    /// (ss990915) 28, both with the same magic number: only the records can tell.
    Kuznetzov,
}

const KUZNETZOV_HEADER_LENGTHS: [usize; 2] = [24, 28];

/// What a record says of its packet.
struct RecordHeader {
    seconds: u32,
    fraction: u32,
    captured_length: u32,
    original_length: u32,
}

impl PcapRecords {
    /// Whether the first four bytes of a file are a magic number of this format.
    pub(super) fn is_magic(magic: [u8; 4]) -> bool {
        matches!(
            u32::from_be_bytes(magic),
            0xa1b2_c3d4 | 0xa1b2_3c4d | 0xa1b2_cd34 | 0xd4c3_b2a1 | 0x4d3c_b2a1 | 0x34cd_b2a1
        )
    }

    /// Reads the file header.
    pub(super) fn begin(input: &mut Input, report: &mut Report) -> Result<Self, CaptureError> {
        let bytes = input.at_least(FILE_HEADER_LENGTH)?;
        let Some(bytes) = bytes.first_chunk::<FILE_HEADER_LENGTH>() else {
            return Err(CaptureError::Incomplete { bytes: bytes.len() });
        };
        let (bytes, is_kuznetzov) = with_standard_magic(*bytes);
        let (_, header) = PcapHeader::from_slice(&bytes)
            .map_err(|error| CaptureError::Unsupported { what: error.to_string() })?;
        let lengths = length_order(&header)?;
        let network = Network(u32::from(header.datalink));
        if network.reserved() != 0 {
            report.note(20, None, format!("reserved bits in the link type {:#010x}", network.0));
        }
        input.consume(FILE_HEADER_LENGTH);
        Ok(Self {
            endianness: header.endianness,
            fraction_unit: match header.ts_resolution {
                PcapTsResolution::MicroSecond => 1_000,
                PcapTsResolution::NanoSecond => 1,
            },
            link_type: network.link_type(),
            max_length: max_length(network.link_type(), header.snaplen),
            lengths,
            header: if is_kuznetzov {
                RecordHeaderKind::Kuznetzov
            } else {
                RecordHeaderKind::Known(RECORD_HEADER_LENGTH)
            },
            extras: network.fcs_length().map(|length| fcs_extras(length, header.snaplen)),
        })
    }

    /// The next packet; `None` at the end, with the reason in the report if it is not the
    /// regular one.
    pub(super) fn next(
        &mut self,
        input: &mut Input,
        report: &mut Report,
    ) -> io::Result<Option<CapturedPacket>> {
        let Some(record) = self.record_header(input.at_least(RECORD_HEADER_LENGTH)?) else {
            end(input, report);
            return Ok(None);
        };
        if record.captured_length > self.max_length {
            let reason = format!(
                "damaged record: a captured length of {} bytes, more than {}",
                record.captured_length, self.max_length
            );
            report.end_unread(input.offset(), input.remaining(), reason);
            return Ok(None);
        }
        let header_length = self.header_length(input, &record)?;
        let length = header_length + record.captured_length as usize;
        let Some(data) = input.at_least(length)?.get(header_length..length) else {
            end(input, report);
            return Ok(None);
        };
        let packet = CapturedPacket {
            timestamp: self.timestamp(&record),
            link_type: self.link_type,
            original_length: record.original_length,
            data: Bytes::copy_from_slice(data),
            extras: self.extras.clone(),
        };
        input.consume(length);
        Ok(Some(packet))
    }

    fn timestamp(&self, record: &RecordHeader) -> Timestamp {
        let fraction = u64::from(record.fraction) * self.fraction_unit;
        Timestamp::from_parts(i64::from(record.seconds), fraction)
    }

    fn record_header(&self, bytes: &[u8]) -> Option<RecordHeader> {
        let mut fields = Fields::new(bytes, self.endianness);
        let (seconds, fraction) = (fields.u32()?, fields.u32()?);
        let (first, second) = (fields.u32()?, fields.u32()?);
        let swapped = match self.lengths {
            Lengths::CapturedFirst => false,
            Lengths::OriginalFirst => true,
            Lengths::SmallerIsCaptured => first > second,
        };
        let (captured_length, original_length) =
            if swapped { (second, first) } else { (first, second) };
        Some(RecordHeader { seconds, fraction, captured_length, original_length })
    }

    fn header_length(&mut self, input: &mut Input, first: &RecordHeader) -> io::Result<usize> {
        let length = match self.header {
            RecordHeaderKind::Known(length) => length,
            RecordHeaderKind::Kuznetzov => self.recognise_header_length(input, first)?,
        };
        self.header = RecordHeaderKind::Known(length);
        Ok(length)
    }

    /// Tries both lengths on the first record, as Wireshark does: the right one is where the
    /// record behind it makes sense. libpcap knows the shorter one only, which wins a draw.
    fn recognise_header_length(
        &self,
        input: &mut Input,
        first: &RecordHeader,
    ) -> io::Result<usize> {
        let [usual, longer] = KUZNETZOV_HEADER_LENGTHS;
        let captured_length = first.captured_length as usize;
        let bytes = input.at_least(longer + captured_length + RECORD_HEADER_LENGTH)?;
        let plausible = |header_length: usize| {
            let next = bytes.get(header_length + captured_length..)?;
            if next.is_empty() {
                return Some(());
            }
            let next = self.record_header(next)?;
            let makes_sense = next.captured_length <= self.max_length
                && next.captured_length <= next.original_length
                && u64::from(next.fraction) * self.fraction_unit < 1_000_000_000;
            makes_sense.then_some(())
        };
        let is_longer = plausible(usual).is_none() && plausible(longer).is_some();
        Ok(if is_longer { longer } else { usual })
    }
}

/// Ends at the end of the input: regularly between two records, else within one.
fn end(input: &Input, report: &mut Report) {
    let rest = input.at_hand().len();
    let reason = match input.damage() {
        Some(damage) => damage.to_owned(),
        None if rest == 0 => return,
        None => format!("cut short: the last record has only {rest} bytes"),
    };
    report.end_unread(input.offset(), input.remaining(), reason);
}

/// pcap-file does not know Kuznetzov's magic number; the file header behind it is the usual one.
fn with_standard_magic(mut header: [u8; FILE_HEADER_LENGTH]) -> ([u8; FILE_HEADER_LENGTH], bool) {
    let is_kuznetzov = match header[..4] {
        [0xa1, 0xb2, 0xcd, 0x34] => {
            header[2..4].copy_from_slice(&[0xc3, 0xd4]);
            true
        }
        [0x34, 0xcd, 0xb2, 0xa1] => {
            header[..2].copy_from_slice(&[0xd4, 0xc3]);
            true
        }
        _ => false,
    };
    (header, is_kuznetzov)
}

/// The versions libpcap reads: 2.0 to 2.4, and 543.0, which is what DG/UX calls the latter.
fn length_order(header: &PcapHeader) -> Result<Lengths, CaptureError> {
    match (header.version_major, header.version_minor) {
        (2, 0..=2) => Ok(Lengths::OriginalFirst),
        (2, 3) => Ok(Lengths::SmallerIsCaptured),
        (2, 4) | (543, 0) => Ok(Lengths::CapturedFirst),
        (major, minor) => {
            Err(CaptureError::Unsupported { what: format!("pcap version {major}.{minor}") })
        }
    }
}

/// libpcap's limit: what the link type allows, or the snapshot length if that is larger. A
/// snapshot length outside of `i32` is no information.
fn max_length(link_type: LinkType, snap_length: u32) -> u32 {
    let snap_length = if i32::try_from(snap_length).is_ok() { snap_length } else { 0 };
    max_captured_length(link_type).max(snap_length).min(MAX_CAPTURED_LENGTH_OF_ALL)
}

fn fcs_extras(fcs_length: u8, snap_length: u32) -> Arc<Extras> {
    let fcs_length = Some(fcs_length);
    let interface = Interface { id: 0, snap_length, name: None, description: None, fcs_length };
    Arc::new(Extras { interface: Some(Arc::new(interface)), ..Extras::default() })
}

/// The last field of the file header: link type, and how much of each packet is frame check
/// sequence (draft-ietf-opsawg-pcap, section 4).
pub(super) struct Network(pub(super) u32);

impl Network {
    const FCS_PRESENT: u32 = 0x0400_0000;

    /// The field for a link type; a frame check sequence of an odd number of bytes, or of more
    /// than 30, cannot be told in it.
    pub(super) fn new(link_type: LinkType, fcs_length: Option<u8>) -> Self {
        let fcs = match fcs_length {
            Some(length) if length.is_multiple_of(2) && length <= 30 => {
                Self::FCS_PRESENT | u32::from(length / 2) << 28
            }
            _ => 0,
        };
        Self(fcs | u32::from(link_type.0))
    }

    fn link_type(&self) -> LinkType {
        LinkType((self.0 & 0xffff) as u16)
    }

    /// In bytes; the field counts 16-bit words.
    pub(super) fn fcs_length(&self) -> Option<u8> {
        let words = (self.0 >> 28) as u8;
        (self.0 & Self::FCS_PRESENT != 0).then_some(words * 2)
    }

    fn reserved(&self) -> u32 {
        self.0 & 0x0bff_0000
    }
}
