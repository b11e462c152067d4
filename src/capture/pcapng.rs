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
