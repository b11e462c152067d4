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

/// What zeros at the end of a file are.
const NEVER_WRITTEN: &str =
    "zeros instead of packets: space that its writer reserved and never used";

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
    zeros: Zeros,
}

/// Record headers of nothing but zeros that were read one after the other. What follows tells
/// whether they are empty packets, or space that a writer reserved and never used, as netsniff-ng
/// does with `--mmap`.
#[derive(Debug, Default)]
struct Zeros {
    offset: u64,
    headers: u64,
    /// Whether they are packets, to be delivered one by one.
    are_packets: bool,
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
            zeros: Zeros::default(),
        })
    }

    /// The next packet; `None` at the end, with the reason in the report if it is not the
    /// regular one.
    pub(super) fn next(
        &mut self,
        input: &mut Input,
        report: &mut Report,
    ) -> io::Result<Option<CapturedPacket>> {
        if self.zeros.headers > 0 || self.is_at_zeros(input)? {
            return self.pass_zeros(input, report);
        }
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
        let packet = self.packet(&record, Bytes::copy_from_slice(data));
        // Its last bytes may be zeros only because they have not been written yet.
        if input.grows() && is_before_zeros(input, length)? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        input.consume(length);
        Ok(Some(packet))
    }

    fn packet(&self, record: &RecordHeader, data: Bytes) -> CapturedPacket {
        CapturedPacket {
            timestamp: self.timestamp(record),
            link_type: self.link_type,
            original_length: record.original_length,
            data,
            extras: self.extras.clone(),
        }
    }

    fn is_at_zeros(&self, input: &mut Input) -> io::Result<bool> {
        Ok(self.header == RecordHeaderKind::Known(RECORD_HEADER_LENGTH)
            && are_zeros(input.at_least(RECORD_HEADER_LENGTH)?))
    }

    /// Counts zeros until something else comes, which makes packets of them, or the end. One
    /// header alone at the end is a packet: nobody reserves so little.
    fn pass_zeros(
        &mut self,
        input: &mut Input,
        report: &mut Report,
    ) -> io::Result<Option<CapturedPacket>> {
        if input.grows() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        while !self.zeros.are_packets && self.is_at_zeros(input)? {
            if self.zeros.headers == 0 {
                self.zeros.offset = input.offset();
            }
            self.zeros.headers += 1;
            input.consume(RECORD_HEADER_LENGTH);
        }
        let rest = input.at_hand();
        let is_end = rest.len() < RECORD_HEADER_LENGTH && rest.iter().all(|byte| *byte == 0);
        if !self.zeros.are_packets && is_end && (self.zeros.headers > 1 || !rest.is_empty()) {
            let end = input.offset() + rest.len() as u64;
            let bytes = input.damage().is_none().then_some(end - self.zeros.offset);
            let reason = input.damage().unwrap_or(NEVER_WRITTEN).to_owned();
            report.end_unread(self.zeros.offset, bytes, reason);
            return Ok(None);
        }
        self.zeros.headers -= 1;
        self.zeros.are_packets = self.zeros.headers > 0;
        let nothing =
            RecordHeader { seconds: 0, fraction: 0, captured_length: 0, original_length: 0 };
        Ok(Some(self.packet(&nothing, Bytes::new())))
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

/// Whether a whole record header is there, and nothing but zeros.
fn are_zeros(bytes: &[u8]) -> bool {
    bytes.first_chunk() == Some(&[0; RECORD_HEADER_LENGTH])
}

/// Whether zeros stand where the record behind these bytes should begin.
fn is_before_zeros(input: &mut Input, length: usize) -> io::Result<bool> {
    match input.at_least(length + RECORD_HEADER_LENGTH) {
        Ok(bytes) => Ok(bytes.get(length..).is_some_and(are_zeros)),
        // It ends with the file, as usual.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::UnreadTail;
    use crate::capture::test_bytes::{BOTH, LITTLE, pcap_header, read, record};

    const MICROSECONDS: u32 = 0xa1b2_c3d4;
    const NANOSECONDS: u32 = 0xa1b2_3c4d;
    const KUZNETZOV: u32 = 0xa1b2_cd34;

    fn packet(nanoseconds: i128, original_length: u32, data: &'static [u8]) -> CapturedPacket {
        CapturedPacket {
            timestamp: Timestamp::from_nanoseconds(nanoseconds),
            link_type: LinkType::ETHERNET,
            original_length,
            data: Bytes::from_static(data),
            extras: None,
        }
    }

    #[test]
    fn a_capture_byte_by_byte() {
        let bytes = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x71\0\0\0\
            \x80\x43\x6d\x38\x05\0\0\0\x02\0\0\0\x3c\0\0\0ab";
        let (packets, report) = read(bytes);
        assert!(report.is_clean());
        let expected = packet(946_684_800_000_005_000, 60, b"ab");
        assert_eq!(packets, [CapturedPacket { link_type: LinkType::LINUX_SLL, ..expected }]);
    }

    #[test]
    fn both_resolutions_in_both_byte_orders() {
        for order in BOTH {
            for (magic, nanoseconds) in [(MICROSECONDS, 7_000), (NANOSECONDS, 7)] {
                let header = pcap_header(order, magic, (2, 4), 65_535, 1);
                let (packets, report) =
                    read(&[header, record(order, [u32::MAX, 7, 2, 60], b"ab")].concat());
                assert!(report.is_clean());
                let time = i128::from(u32::MAX) * 1_000_000_000 + nanoseconds;
                assert_eq!(packets, [packet(time, 60, b"ab")]);
            }
        }
    }

    #[test]
    fn odd_values_are_kept() {
        let file = [
            pcap_header(LITTLE, MICROSECONDS, (2, 4), 1, 1),
            // The fraction is a second and more, and the captured length above the snapshot
            // length and the original length.
            record(LITTLE, [1, 8_000_001, 3, 2], b"abc"),
            record(LITTLE, [0, 0, 0, 0], b""),
        ];
        let (packets, report) = read(&file.concat());
        assert!(report.is_clean());
        assert_eq!(packets, [packet(9_000_001_000, 2, b"abc"), packet(0, 0, b"")]);
    }

    #[test]
    fn a_frame_check_sequence_length_is_an_interface() {
        for order in BOTH {
            let (packets, report) = read(
                &[
                    pcap_header(order, MICROSECONDS, (2, 4), 96, 0x2400_0001),
                    record(order, [0, 0, 1, 1], b"a"),
                    record(order, [0, 0, 1, 1], b"b"),
                ]
                .concat(),
            );
            assert!(report.is_clean());
            assert_eq!(packets[0].link_type, LinkType::ETHERNET);
            let interface = packets[0].interface().unwrap();
            assert_eq!((interface.fcs_length, interface.snap_length), (Some(4), 96));
            let [first, second] = [0, 1].map(|i: usize| packets[i].extras.as_ref().unwrap());
            assert!(Arc::ptr_eq(first, second));
        }
    }

    #[test]
    fn reserved_bits_of_the_link_type_are_noted() {
        let header = pcap_header(LITTLE, MICROSECONDS, (2, 4), 96, 0x0001_0065);
        let (packets, report) = read(&[header, record(LITTLE, [0, 0, 0, 0], b"")].concat());
        assert_eq!(packets[0].link_type, LinkType::RAW);
        assert_eq!(report.notes[0].reason, "reserved bits in the link type 0x00010065");
    }

    #[test]
    fn longer_record_headers_of_both_kinds() {
        for order in BOTH {
            for length in KUZNETZOV_HEADER_LENGTHS {
                let rest_of_header = vec![0xee; length - 16];
                let one = |number: u32, data: &[u8]| {
                    let lengths = u32::try_from(data.len()).unwrap();
                    let data = [&rest_of_header, data].concat();
                    record(order, [number, 5, lengths, lengths], &data)
                };
                let header = pcap_header(order, KUZNETZOV, (2, 4), 2_048, 1);
                let (packets, report) =
                    read(&[header, one(1, b"abcdef"), one(2, b""), one(3, b"g")].concat());
                assert!(report.is_clean(), "{report:?}");
                let expected = [
                    packet(1_000_005_000, 6, b"abcdef"),
                    packet(2_000_005_000, 0, b""),
                    packet(3_000_005_000, 1, b"g"),
                ];
                assert_eq!(packets, expected, "{length}");
            }
        }
    }

    #[test]
    fn old_versions_have_the_lengths_swapped() {
        for (minor, first, second) in [(2, 60, 2), (3, 60, 2), (3, 2, 60), (4, 2, 60)] {
            let header = pcap_header(LITTLE, MICROSECONDS, (2, minor), 96, 1);
            let (packets, _) =
                read(&[header, record(LITTLE, [0, 0, first, second], b"ab")].concat());
            assert_eq!(packets, [packet(0, 60, b"ab")]);
        }
    }

    #[test]
    fn versions_that_libpcap_does_not_read_are_unsupported() {
        for version in [(1, 2), (2, 5), (3, 0)] {
            let header = pcap_header(LITTLE, MICROSECONDS, version, 96, 1);
            let error = crate::capture::CaptureReader::new(io::Cursor::new(header)).unwrap_err();
            assert!(matches!(error, CaptureError::Unsupported { .. }), "{error:?}");
        }
    }

    #[test]
    fn a_record_cut_short_is_the_unread_tail() {
        let whole = record(LITTLE, [0, 0, 3, 3], b"abc");
        for length in 1..whole.len() {
            let header = pcap_header(LITTLE, MICROSECONDS, (2, 4), 96, 1);
            let (packets, report) = read(&[&header, &whole, &whole[..length]].concat());
            assert_eq!(packets.len(), 1);
            let unread = UnreadTail { offset: 43, bytes: Some(length as u64) };
            assert_eq!(report.unread, Some(unread));
            assert_eq!(report.notes[0].offset, 43);
        }
    }

    #[test]
    fn zeros_at_the_end_are_no_packets_and_zeros_before_packets_are() {
        let start = [
            pcap_header(LITTLE, MICROSECONDS, (2, 4), 96, 1),
            record(LITTLE, [1, 0, 3, 3], b"abc"),
        ];
        let start = start.concat();
        for length in [17, 31, 32, 100_000] {
            let (packets, report) = read(&[start.clone(), vec![0; length]].concat());
            assert_eq!(packets.len(), 1, "{length}");
            let unread = UnreadTail { offset: 43, bytes: Some(length as u64) };
            assert_eq!(report.unread, Some(unread));
            assert!(report.notes[0].reason.starts_with("zeros"), "{report:?}");
        }
        let (packets, report) = read(&[start.clone(), vec![0; 16]].concat());
        assert_eq!((packets.len(), report.is_clean()), (2, true), "nobody reserves so little");
        let end = record(LITTLE, [2, 0, 1, 1], b"d");
        let (packets, report) = read(&[start, vec![0; 48], end].concat());
        assert!(report.is_clean(), "{report:?}");
        let lengths: Vec<_> = packets.iter().map(|packet| packet.data.len()).collect();
        assert_eq!(lengths, [3, 0, 0, 0, 1]);
    }

    #[test]
    fn an_absurd_length_ends_the_capture() {
        for (network, snap_length, limit) in [
            (1, 65_535, 262_144),
            (1, 300_000, 300_000),
            (1, u32::MAX, 262_144),
            (231, 0, 128 << 20),
            (249, 0, 128 << 20),
            (279, 0, 8 << 20),
            (1, i32::MAX as u32, 128 << 20),
        ] {
            let header = pcap_header(LITTLE, MICROSECONDS, (2, 4), snap_length, network);
            let file = |length| [header.clone(), record(LITTLE, [0, 0, length, 0], &[])].concat();
            let (_, report) = read(&file(limit));
            assert!(report.notes[0].reason.starts_with("cut short"), "{report:?}");
            let (_, report) = read(&file(limit + 1));
            assert!(report.notes[0].reason.starts_with("damaged record"), "{report:?}");
        }
    }

    #[test]
    fn huge_packets_are_read() {
        let data = vec![7; 20 << 20];
        let length = u32::try_from(data.len()).unwrap();
        let header = pcap_header(LITTLE, MICROSECONDS, (2, 4), 0, 249);
        let big = record(LITTLE, [0, 0, length, length], &data);
        let small = record(LITTLE, [1, 0, 1, 1], b"a");
        let (packets, report) = read(&[header, small.clone(), big, small].concat());
        assert!(report.is_clean());
        let lengths: Vec<_> = packets.iter().map(|packet| packet.data.len()).collect();
        assert_eq!(lengths, [1, 20 << 20, 1]);
    }

    #[test]
    fn pcap_file_keeps_every_network_field() {
        for network in (0..=u32::from(u16::MAX)).chain([0x2400_0001, u32::MAX]) {
            assert_eq!(u32::from(pcap_file::DataLink::from(network)), network);
        }
    }
}
