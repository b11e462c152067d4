use std::io;
use std::sync::Arc;

use byteorder_slice::{BigEndian, LittleEndian};
use bytes::Bytes;
use pcap_file::Endianness;
use pcap_file::pcapng::blocks::{
    ENHANCED_PACKET_BLOCK, INTERFACE_DESCRIPTION_BLOCK, PACKET_BLOCK, SECTION_HEADER_BLOCK,
    SIMPLE_PACKET_BLOCK,
};
use pcap_file::pcapng::{RawBlock, RawBlockParseError};

use crate::capture::input::Input;
use crate::capture::pcapng_fields::{Fields, Options};
use crate::capture::pcapng_interface::SectionInterface;
use crate::capture::{CaptureError, Report};
use crate::packet::{CapturedPacket, Extras, Timestamp};

/// Type, length, body of no bytes, length.
const EMPTY_BLOCK_LENGTH: usize = 12;
/// The largest packet of any link type (128 MiB) with room for its options.
const MAX_BLOCK_LENGTH: usize = 129 * 1024 * 1024;
/// The byte-order magic as it stands in a little-endian section.
const LITTLE_ENDIAN_MAGIC: [u8; 4] = [0x4d, 0x3c, 0x2b, 0x1a];

// Option codes of packet blocks (draft-ietf-opsawg-pcapng, sections 3.5, 4.3 and A).
pub(super) const OPT_COMMENT: u16 = 1;
pub(super) const EPB_FLAGS: u16 = 2;

/// The blocks of a pcapng file.
///
/// pcap-file finds the blocks; their bodies are read here, field by field, since its own block
/// types give up a whole block for one value they do not like (see the module).
pub(super) struct PcapngBlocks {
    endianness: Endianness,
    /// Those of the section at hand, by their number; `None` where the block was malformed.
    interfaces: Vec<Option<SectionInterface>>,
    last_time: Timestamp,
}

/// What stands at the front of the input.
enum Front {
    /// A block of this length, all of it at hand.
    Block(usize),
    /// The regular end of the input.
    End,
    /// The input ends within a block.
    Cut(String),
    /// Something that is no block, so that the next one cannot be found either.
    Broken(String),
}

/// A packet as its block gives it, before its interface has been looked up.
struct PacketFields<'a> {
    interface: usize,
    /// In units of the interface's clock; a simple packet block has none.
    time: Option<u64>,
    /// What the block says; a simple packet block leaves it to the snapshot length.
    captured_length: Option<u32>,
    original_length: u32,
    /// The data and what follows it.
    rest: Fields<'a>,
}

impl PcapngBlocks {
    /// Whether the first four bytes of a file are those of this format.
    pub(super) fn is_magic(magic: [u8; 4]) -> bool {
        u32::from_be_bytes(magic) == SECTION_HEADER_BLOCK
    }

    /// Reads the first section header.
    pub(super) fn begin(input: &mut Input) -> Result<Self, CaptureError> {
        let mut blocks = Self {
            endianness: Endianness::Little,
            interfaces: Vec::new(),
            last_time: Timestamp::default(),
        };
        let length = match blocks.front(input)? {
            Front::Block(length) => length,
            Front::End | Front::Cut(_) => {
                return Err(CaptureError::Incomplete { bytes: input.at_hand().len() });
            }
            Front::Broken(what) => return Err(CaptureError::Unsupported { what }),
        };
        blocks
            .begin_section(&input.at_hand()[..length])
            .map_err(|what| CaptureError::Unsupported { what })?;
        input.consume(length);
        Ok(blocks)
    }

    /// The next packet, which will have the number `frame`; `None` at the end, with the reason
    /// in the report if it is not the regular one.
    pub(super) fn next(
        &mut self,
        frame: u64,
        input: &mut Input,
        report: &mut Report,
    ) -> io::Result<Option<CapturedPacket>> {
        loop {
            let length = match self.front(input)? {
                Front::Block(length) => length,
                Front::End => return Ok(None),
                Front::Cut(reason) | Front::Broken(reason) => {
                    report.end_unread(input.offset(), input.remaining(), reason);
                    return Ok(None);
                }
            };
            let block = &input.at_hand()[..length];
            match self.read_block(block, input.offset(), frame, report) {
                Ok(None) => input.consume(length),
                Ok(Some(packet)) => {
                    input.consume(length);
                    return Ok(Some(packet));
                }
                Err(reason) => {
                    report.end_unread(input.offset(), input.remaining(), reason);
                    return Ok(None);
                }
            }
        }
    }

    /// Brings the next block into memory, which may take some reading.
    fn front(&self, input: &mut Input) -> io::Result<Front> {
        let mut wanted = EMPTY_BLOCK_LENGTH;
        while wanted <= MAX_BLOCK_LENGTH {
            let bytes = input.at_least(wanted)?;
            if bytes.len() < wanted {
                return Ok(end(input));
            }
            let block = match self.endianness {
                Endianness::Big => RawBlock::from_slice::<BigEndian>(bytes),
                Endianness::Little => RawBlock::from_slice::<LittleEndian>(bytes),
            };
            match block {
                Ok((_, block)) => return Ok(Front::Block(block.initial_len as usize)),
                // Counted from behind the type and the first length.
                Err(RawBlockParseError::IncompleteBuffer(lacking, _)) => wanted = lacking + 8,
                Err(RawBlockParseError::InvalidFormat(error)) => {
                    return Ok(Front::Broken(format!("damaged block: {error}")));
                }
            }
        }
        Ok(Front::Broken(format!("damaged block: a length of {wanted} bytes")))
    }

    /// The packet of a block if it has one; an error ends the capture.
    fn read_block(
        &mut self,
        block: &[u8],
        offset: u64,
        frame: u64,
        report: &mut Report,
    ) -> Result<Option<CapturedPacket>, String> {
        let mut fields = Fields::new(block, self.endianness);
        let (block_type, body) = (fields.u32(), self.body(block));
        let packet = match block_type {
            Some(SECTION_HEADER_BLOCK) => {
                self.begin_section(block)?;
                return Ok(None);
            }
            Some(INTERFACE_DESCRIPTION_BLOCK) => {
                self.add_interface(body, |reason| report.note(offset, None, reason));
                return Ok(None);
            }
            Some(ENHANCED_PACKET_BLOCK) => enhanced_packet(body),
            Some(SIMPLE_PACKET_BLOCK) => simple_packet(body),
            Some(PACKET_BLOCK) => obsolete_packet(body),
            // Statistics, names, secrets, custom blocks: nothing in them is a packet.
            _ => return Ok(None),
        };
        let packet = packet.ok_or_else(|| "its body is too short".to_owned()).and_then(|fields| {
            self.packet(fields, |reason| report.note(offset, Some(frame), reason))
        });
        match packet {
            Ok(packet) => Ok(Some(packet)),
            Err(reason) => {
                report.note(offset, None, format!("packet block skipped: {reason}"));
                Ok(None)
            }
        }
    }

    /// The body of a block that was found to be whole.
    fn body<'a>(&self, block: &'a [u8]) -> Fields<'a> {
        let body = block.get(8..block.len() - 4).unwrap_or_default();
        Fields::new(body, self.endianness)
    }

    /// Interface numbers start anew in each section, and so may the byte order.
    fn begin_section(&mut self, block: &[u8]) -> Result<(), String> {
        let mut body = self.body(block);
        let magic = body.take(4).ok_or("section header without byte-order magic")?;
        self.endianness =
            if magic == LITTLE_ENDIAN_MAGIC { Endianness::Little } else { Endianness::Big };
        let mut body = Fields::new(body.rest(), self.endianness);
        let version = body.u16().zip(body.u16()).ok_or("section header without a version")?;
        self.interfaces.clear();
        match version {
            // 1.2 is what some programs call 1.0, and readers are to take it as such.
            (1, 0 | 2) => Ok(()),
            (major, minor) => Err(format!("pcapng version {major}.{minor}")),
        }
    }

    fn add_interface(&mut self, body: Fields<'_>, mut note: impl FnMut(String)) {
        let id = u32::try_from(self.interfaces.len()).unwrap_or(u32::MAX);
        let interface = SectionInterface::read(id, body, |reason| {
            note(format!("interface {id}: {reason}"));
        });
        if interface.is_none() {
            note(format!("interface {id}: its block is too short"));
        }
        self.interfaces.push(interface);
    }

    /// The packet with its interface, or why there is none.
    fn packet(
        &mut self,
        mut fields: PacketFields<'_>,
        mut note: impl FnMut(String),
    ) -> Result<CapturedPacket, String> {
        let interface = self
            .interfaces
            .get_mut(fields.interface)
            .and_then(Option::as_mut)
            .ok_or_else(|| format!("there is no interface {}", fields.interface))?;
        let captured_length =
            fields.captured_length.unwrap_or_else(|| match interface.interface.snap_length {
                0 => fields.original_length,
                snap_length => snap_length.min(fields.original_length),
            });
        let data = fields
            .rest
            .take_padded(captured_length as usize)
            .ok_or_else(|| format!("{captured_length} captured bytes do not fit into it"))?;
        let mut extras = Extras {
            interface: Some(Arc::clone(&interface.interface)),
            time_inherited: fields.time.is_none(),
            ..Extras::default()
        };
        // A simple packet block has no options: what is left is at most padding.
        if fields.time.is_some() {
            read_options(Options::new(fields.rest), &mut extras, &mut note);
        }
        self.last_time = fields.time.map_or(self.last_time, |units| interface.clock.time(units));
        Ok(CapturedPacket {
            timestamp: self.last_time,
            link_type: interface.link_type,
            original_length: fields.original_length,
            data: Bytes::copy_from_slice(data),
            extras: Some(interface.share(extras)),
        })
    }
}

/// How the input ends: regularly between two blocks, else within one.
fn end(input: &Input) -> Front {
    let rest = input.at_hand().len();
    match input.damage() {
        Some(damage) => Front::Cut(damage.to_owned()),
        None if rest == 0 => Front::End,
        None => Front::Cut(format!("cut short: the last block has only {rest} bytes")),
    }
}

fn enhanced_packet(mut body: Fields<'_>) -> Option<PacketFields<'_>> {
    Some(PacketFields {
        interface: body.u32()? as usize,
        time: Some(body.timestamp()?),
        captured_length: Some(body.u32()?),
        original_length: body.u32()?,
        rest: body,
    })
}

fn simple_packet(mut body: Fields<'_>) -> Option<PacketFields<'_>> {
    let original_length = body.u32()?;
    let (interface, time, captured_length) = (0, None, None);
    Some(PacketFields { interface, time, captured_length, original_length, rest: body })
}

/// Block type 2, which the enhanced packet block replaced: the interface number is shorter, and
/// a count of dropped packets follows it.
fn obsolete_packet(mut body: Fields<'_>) -> Option<PacketFields<'_>> {
    let interface = usize::from(body.u16()?);
    body.u16()?;
    Some(PacketFields {
        interface,
        time: Some(body.timestamp()?),
        captured_length: Some(body.u32()?),
        original_length: body.u32()?,
        rest: body,
    })
}

/// Comments and flags; a packet with broken options is still a packet.
fn read_options(mut options: Options<'_>, extras: &mut Extras, note: &mut impl FnMut(String)) {
    loop {
        match options.next() {
            Ok(Some((OPT_COMMENT, value))) => {
                let (comment, is_valid) = value.text();
                extras.comments.push(comment);
                if !is_valid {
                    note("a comment is not UTF-8; replaced in part".to_owned());
                }
            }
            Ok(Some((EPB_FLAGS, mut value))) => match value.u32() {
                Some(flags) => extras.flags = Some(flags),
                None => note("flags of less than 4 bytes".to_owned()),
            },
            Ok(Some(_)) => {}
            Ok(None) => return,
            Err(reason) => return note(reason.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::test_bytes::{
        BIG, BOTH, ByteOrder, LITTLE, block, enhanced_packet, interface, options, padded, read,
        section, section_of_version, simple_packet,
    };
    use crate::capture::{CaptureReader, UnreadTail};
    use crate::packet::{Interface, LinkType};

    fn nanoseconds(packets: &[CapturedPacket]) -> Vec<i128> {
        packets.iter().map(|packet| packet.timestamp.nanoseconds()).collect()
    }

    fn small(order: ByteOrder) -> Vec<u8> {
        enhanced_packet(order, 0, 1, 3, b"abc", &[])
    }

    #[test]
    fn a_capture_byte_by_byte() {
        let bytes = b"\x0a\x0d\x0d\x0a\0\0\0\x1c\x1a\x2b\x3c\x4d\0\x01\0\0\
            \xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\x1c\
            \0\0\0\x01\0\0\0\x14\0\x71\0\0\0\0\x01\0\0\0\0\x14\
            \0\0\0\x06\0\0\0\x24\0\0\0\0\0\x03\x5d\x01\x3b\x37\xe0\x05\
            \0\0\0\x02\0\0\0\x3cab\0\0\0\0\0\x24";
        let (packets, report) = read(bytes);
        assert!(report.is_clean(), "{report:?}");
        let interface =
            Interface { id: 0, snap_length: 256, name: None, description: None, fcs_length: None };
        let extras = Extras { interface: Some(Arc::new(interface)), ..Extras::default() };
        let expected = CapturedPacket {
            timestamp: Timestamp::from_nanoseconds(946_684_800_000_005_000),
            link_type: LinkType::LINUX_SLL,
            original_length: 60,
            data: Bytes::from_static(b"ab"),
            extras: Some(Arc::new(extras)),
        };
        assert_eq!(packets, [expected]);
    }

    #[test]
    fn everything_an_interface_and_a_packet_say() {
        for order in BOTH {
            let offset = order.i64(-1);
            let flags = order.u32(0x8000_0001);
            let list: &[(u16, &[u8])] = &[
                (2, b"eth0"),
                (3, b"the tap\0"),
                (10, &[1, 2, 3, 4]),
                (9, &[9]),
                (13, &[4]),
                (14, &offset),
                (0, b""),
            ];
            let packet_list: &[(u16, &[u8])] =
                &[(1, b"one"), (2, &flags), (3, b"hash"), (1, b""), (1, "zwölf".as_bytes())];
            let (packets, report) = read(
                &[
                    section(order),
                    interface(order, 276, 512, list),
                    enhanced_packet(order, 0, 1 << 32 | 5, 2, b"abc", packet_list),
                ]
                .concat(),
            );
            assert!(report.is_clean(), "{report:?}");
            let packet = &packets[0];
            assert_eq!(packet.timestamp.nanoseconds(), (1 << 32) + 5 - 1_000_000_000);
            assert_eq!((packet.link_type, packet.original_length), (LinkType::LINUX_SLL2, 2));
            assert_eq!(packet.data, &b"abc"[..]);
            assert_eq!(packet.comments(), ["one", "", "zwölf"]);
            assert_eq!(packet.flags(), Some(0x8000_0001));
            let interface = Interface {
                id: 0,
                snap_length: 512,
                name: Some("eth0".to_owned()),
                description: Some("the tap".to_owned()),
                fcs_length: Some(4),
            };
            assert_eq!(**packet.interface().unwrap(), interface);
        }
    }

    #[test]
    fn simple_packets_have_the_snapshot_length_and_the_time_before() {
        for order in BOTH {
            let (packets, report) = read(
                &[
                    section(order),
                    interface(order, 1, 4, &[]),
                    simple_packet(order, 60, b"abcd"),
                    enhanced_packet(order, 0, 7, 60, b"abcdefgh", &[]),
                    simple_packet(order, 3, b"xyz"),
                    section(order),
                    interface(order, 1, 0, &[]),
                    simple_packet(order, 5, b"vwxyz"),
                ]
                .concat(),
            );
            assert!(report.is_clean(), "{report:?}");
            assert_eq!(nanoseconds(&packets), [0, 7_000, 7_000, 7_000]);
            let inherited: Vec<_> = packets.iter().map(CapturedPacket::time_inherited).collect();
            assert_eq!(inherited, [true, false, true, true]);
            let data: Vec<_> = packets.iter().map(|packet| &packet.data[..]).collect();
            assert_eq!(data, [&b"abcd"[..], b"abcdefgh", b"xyz", b"vwxyz"]);
            assert_eq!(packets[0].original_length, 60);
        }
    }

    #[test]
    fn obsolete_packet_blocks_are_packets() {
        for order in BOTH {
            let mut body = [order.u16(1), order.u16(77)].concat();
            body.extend(order.words(&[1, 2, 3, 60]));
            body.extend(padded(b"abc"));
            body.extend(options(order, &[(2, &order.u32(1)), (1, b"old")]));
            let file = [
                section(order),
                interface(order, 1, 0, &[]),
                interface(order, 101, 0, &[(9, &[9])]),
                block(order, 2, &body),
            ];
            let (packets, report) = read(&file.concat());
            assert!(report.is_clean(), "{report:?}");
            assert_eq!(nanoseconds(&packets), [(1 << 32) + 2]);
            assert_eq!(packets[0].link_type, LinkType::RAW);
            assert_eq!(
                (packets[0].flags(), packets[0].comments()),
                (Some(1), &["old".to_owned()][..])
            );
            assert_eq!(packets[0].interface().unwrap().id, 1);
        }
    }

    #[test]
    fn sections_of_both_byte_orders_number_their_interfaces_anew() {
        let part = |order, link_type, name: &[u8]| {
            [section(order), interface(order, link_type, 0, &[(2, name)]), small(order)].concat()
        };
        let file = [part(LITTLE, 1, b"a"), part(BIG, 101, b"b"), part(LITTLE, 113, b"c")];
        let (packets, report) = read(&file.concat());
        assert!(report.is_clean(), "{report:?}");
        let seen: Vec<_> = packets
            .iter()
            .map(|packet| {
                let interface = packet.interface().unwrap();
                (packet.link_type.0, interface.id, interface.name.as_deref().unwrap())
            })
            .collect();
        assert_eq!(seen, [(1, 0, "a"), (101, 0, "b"), (113, 0, "c")]);
    }

    #[test]
    fn other_blocks_are_skipped() {
        for order in BOTH {
            let mut file = [section(order), interface(order, 1, 0, &[])].concat();
            for block_type in [4, 5, 9, 10, 0x0bad, 0x4000_0bad, 0x8000_0001] {
                file.extend(block(order, block_type, b"whatever"));
                file.extend(block(order, block_type, b""));
            }
            file.extend(small(order));
            let (packets, report) = read(&file);
            assert!(report.is_clean(), "{report:?}");
            assert_eq!(packets.len(), 1);
        }
    }

    #[test]
    fn malformed_packet_blocks_are_skipped_with_a_note() {
        for order in BOTH {
            let head = [section(order), interface(order, 1, 0, &[])].concat();
            let too_long = block(order, 6, &order.words(&[0, 0, 0, 5, 5, 0]));
            for (malformed, reason) in [
                (enhanced_packet(order, 1, 0, 3, b"abc", &[]), "there is no interface 1"),
                (too_long, "5 captured bytes do not fit into it"),
                (block(order, 6, &[0; 16]), "its body is too short"),
                (block(order, 6, &[]), "its body is too short"),
                (block(order, 2, &[0; 16]), "its body is too short"),
                (block(order, 3, &[]), "its body is too short"),
                (simple_packet(order, 60, b"abcd"), "60 captured bytes do not fit into it"),
            ] {
                let file = [&head[..], &small(order), &malformed, &small(order)].concat();
                let (packets, report) = read(&file);
                assert_eq!(packets.len(), 2);
                assert_eq!((report.notes.len(), report.unread), (1, None));
                let offset = (head.len() + small(order).len()) as u64;
                assert_eq!((report.notes[0].offset, report.notes[0].frame), (offset, None));
                assert_eq!(report.notes[0].reason, format!("packet block skipped: {reason}"));
            }
        }
    }

    #[test]
    fn a_packet_without_any_interface_is_skipped() {
        for packet in [small(LITTLE), simple_packet(LITTLE, 1, b"a")] {
            let (packets, report) = read(&[section(LITTLE), packet].concat());
            assert!(packets.is_empty());
            assert_eq!(report.notes[0].reason, "packet block skipped: there is no interface 0");
        }
    }

    #[test]
    fn a_packet_with_bad_options_is_kept_with_a_note() {
        for order in BOTH {
            let head = [section(order), interface(order, 1, 0, &[])].concat();
            let good: (u16, &[u8]) = (1, b"good");
            let reaching_beyond = {
                let mut body = order.words(&[0, 0, 0, 0, 0]);
                body.extend(options(order, &[good]));
                body.extend([order.u16(1), order.u16(5)].concat());
                block(order, 6, &body)
            };
            let not_utf8 = enhanced_packet(order, 0, 0, 0, b"", &[(1, b"\xff"), good]);
            let short_flags = enhanced_packet(order, 0, 0, 0, b"", &[(2, b"\x01"), good]);
            for (packet, comments, reason) in [
                (reaching_beyond, &["good"][..], "an option reaches beyond the end of its block"),
                (not_utf8, &["\u{fffd}", "good"], "a comment is not UTF-8; replaced in part"),
                (short_flags, &["good"], "flags of less than 4 bytes"),
            ] {
                let (packets, report) = read(&[&head[..], &packet].concat());
                assert_eq!(packets[0].comments(), comments);
                assert_eq!((report.notes[0].frame, report.notes.len()), (Some(1), 1));
                assert_eq!(report.notes[0].reason, reason);
            }
        }
    }

    #[test]
    fn a_malformed_interface_keeps_its_number() {
        for order in BOTH {
            let (packets, report) = read(
                &[
                    section(order),
                    block(order, 1, b"abcd"),
                    interface(order, 1, 0, &[(9, b""), (2, b"eth\xff")]),
                    small(order),
                    enhanced_packet(order, 1, 1, 3, b"abc", &[]),
                ]
                .concat(),
            );
            assert_eq!(packets.len(), 1);
            assert_eq!(packets[0].interface().unwrap().name.as_deref(), Some("eth\u{fffd}"));
            assert_eq!(nanoseconds(&packets), [1_000]);
            let reasons: Vec<_> = report.notes.iter().map(|note| note.reason.as_str()).collect();
            let expected = [
                "interface 0: its block is too short",
                "interface 1: if_tsresol is empty",
                "interface 1: a name or description of an interface is not UTF-8; replaced in part",
                "packet block skipped: there is no interface 0",
            ];
            assert_eq!(reasons, expected);
        }
    }

    #[test]
    fn broken_block_structure_ends_the_capture() {
        for order in BOTH {
            let head = [section(order), interface(order, 1, 0, &[]), small(order)].concat();
            let mut other_end = small(order);
            *other_end.last_mut().unwrap() ^= 1;
            for broken in [
                order.words(&[6, 13, 0]),
                order.words(&[6, 8, 0]),
                order.words(&[6, 0xffff_fff0, 0]),
                other_end,
                [order.words(&[0x0a0d_0d0a, 28]), vec![0; 20]].concat(),
                section_of_version(order, (2, 0)),
                block(order, 0x0a0d_0d0a, &order.words(&[0x1a2b_3c4d])),
            ] {
                let file = [&head[..], &broken, &small(order)].concat();
                let (packets, report) = read(&file);
                assert_eq!(packets.len(), 1, "{report:?}");
                assert_eq!(report.notes.len(), 1);
                assert_eq!(report.unread.unwrap().offset, head.len() as u64, "{report:?}");
            }
        }
    }

    #[test]
    fn a_block_cut_short_is_the_unread_tail() {
        let head = [section(LITTLE), interface(LITTLE, 1, 0, &[])].concat();
        let packet = small(LITTLE);
        for length in 1..packet.len() {
            let (packets, report) = read(&[&head[..], &packet, &packet[..length]].concat());
            assert_eq!(packets.len(), 1);
            let offset = (head.len() + packet.len()) as u64;
            assert_eq!(report.unread, Some(UnreadTail { offset, bytes: Some(length as u64) }));
        }
    }

    #[test]
    fn the_first_section_must_be_of_a_known_version() {
        let file = section_of_version(LITTLE, (2, 0));
        let error = CaptureReader::new(io::Cursor::new(file)).unwrap_err();
        assert_eq!(error.to_string(), "unsupported capture file: pcapng version 2.0");
    }

    #[test]
    fn packets_of_which_the_same_is_said_share_it() {
        let inbound: &[(u16, &[u8])] = &[(2, &1_u32.to_le_bytes())];
        let outbound: &[(u16, &[u8])] = &[(2, &2_u32.to_le_bytes())];
        let mut file = [section(LITTLE), interface(LITTLE, 1, 0, &[])].concat();
        for list in [inbound, outbound, &[], inbound, outbound, &[]] {
            file.extend(enhanced_packet(LITTLE, 0, 0, 0, b"", list));
        }
        let (packets, _) = read(&file);
        for number in 0..3 {
            let [first, second] =
                [number, number + 3].map(|number| packets[number].extras.as_ref().unwrap());
            assert!(Arc::ptr_eq(first, second));
        }
    }
}
