use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, ErrorKind, Write};
use std::sync::Arc;

use byteorder_slice::LittleEndian;
use pcap_file::pcapng::blocks::{
    ENHANCED_PACKET_BLOCK, INTERFACE_DESCRIPTION_BLOCK, SECTION_HEADER_BLOCK,
};
use pcap_file::pcapng::{PcapNgWriteError, RawBlock};

use crate::capture::pcapng::{EPB_FLAGS, OPT_COMMENT};
use crate::capture::pcapng_interface::{
    Clock, IF_DESCRIPTION, IF_FCSLEN, IF_NAME, IF_TSOFFSET, IF_TSRESOL,
};
use crate::packet::{CapturedPacket, Interface, LinkType};

const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const UNKNOWN_SECTION_LENGTH: i64 = -1;

/// One little-endian section. Interfaces are numbered in the order of their first packets: they
/// keep their numbers when their packets come in that order, as from most captures, and get new
/// ones when packets of several captures are mixed.
#[derive(Debug, Default)]
pub(super) struct PcapngEncoder {
    begun: bool,
    interfaces: HashMap<InterfaceKey, u32>,
    /// The interface of the packet before, which is nearly always that of the next one.
    last: Option<(InterfaceKey, u32)>,
    body: Vec<u8>,
}

/// What an interface description block says. Times that do not fit into the nanoseconds of an
/// interface get one more block for the same interface, with another clock.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct InterfaceKey {
    link_type: LinkType,
    interface: Option<Arc<Interface>>,
    clock: Clock,
}

impl PcapngEncoder {
    /// Makes a file of no packets complete: tools expect at least one interface.
    pub(super) fn finish(&mut self, output: &mut impl Write) -> io::Result<()> {
        self.begin(output)?;
        if self.interfaces.is_empty() {
            let clock = Clock::NANOSECONDS;
            let any = InterfaceKey { link_type: LinkType::ETHERNET, interface: None, clock };
            self.write_interface(any, output)?;
        }
        Ok(())
    }

    pub(super) fn write(
        &mut self,
        packet: &CapturedPacket,
        output: &mut impl Write,
    ) -> io::Result<()> {
        self.begin(output)?;
        let (clock, units) = Clock::for_writing(packet.timestamp).ok_or_else(|| {
            let reason = format!("pcapng cannot hold the time {}", packet.timestamp);
            io::Error::new(ErrorKind::InvalidInput, reason)
        })?;
        let interface = self.interface(packet, clock, output)?;
        self.body.clear();
        self.body.extend_from_slice(&interface.to_le_bytes());
        // The higher half stands first, also in little endian.
        self.body.extend_from_slice(&units.rotate_left(32).to_le_bytes());
        self.body.extend_from_slice(&packet.captured_length().to_le_bytes());
        self.body.extend_from_slice(&packet.original_length.to_le_bytes());
        self.push_padded(&packet.data);
        let without_options = self.body.len();
        for comment in packet.comments() {
            for part in parts_of_text(comment) {
                self.push_option(OPT_COMMENT, part.as_bytes());
            }
        }
        if let Some(flags) = packet.flags() {
            self.push_option(EPB_FLAGS, &flags.to_le_bytes());
        }
        if self.body.len() > without_options {
            self.push_end_of_options();
        }
        self.write_block(ENHANCED_PACKET_BLOCK, output)
    }

    fn begin(&mut self, output: &mut impl Write) -> io::Result<()> {
        if self.begun {
            return Ok(());
        }
        self.begun = true;
        self.body.clear();
        self.body.extend_from_slice(&BYTE_ORDER_MAGIC.to_le_bytes());
        self.body.extend_from_slice(&1_u16.to_le_bytes());
        self.body.extend_from_slice(&0_u16.to_le_bytes());
        self.body.extend_from_slice(&UNKNOWN_SECTION_LENGTH.to_le_bytes());
        self.write_block(SECTION_HEADER_BLOCK, output)
    }

    /// The number of the packet's interface, which is described first if it is new.
    fn interface(
        &mut self,
        packet: &CapturedPacket,
        clock: Clock,
        output: &mut impl Write,
    ) -> io::Result<u32> {
        if let Some((key, number)) = &self.last
            && key.link_type == packet.link_type
            && key.clock == clock
            && key.interface.as_ref() == packet.interface()
        {
            return Ok(*number);
        }
        let interface = packet.interface().cloned();
        let key = InterfaceKey { link_type: packet.link_type, interface, clock };
        let number = match self.interfaces.get(&key) {
            Some(number) => *number,
            None => self.write_interface(key.clone(), output)?,
        };
        self.last = Some((key, number));
        Ok(number)
    }

    fn write_interface(&mut self, key: InterfaceKey, output: &mut impl Write) -> io::Result<u32> {
        let number = u32::try_from(self.interfaces.len()).map_err(io::Error::other)?;
        let snap_length = key.interface.as_ref().map_or(0, |interface| interface.snap_length);
        self.body.clear();
        self.body.extend_from_slice(&key.link_type.0.to_le_bytes());
        self.body.extend_from_slice(&0_u16.to_le_bytes());
        self.body.extend_from_slice(&snap_length.to_le_bytes());
        if let Some(interface) = &key.interface {
            self.push_text(IF_NAME, interface.name.as_deref());
            self.push_text(IF_DESCRIPTION, interface.description.as_deref());
            if let Some(length) = interface.fcs_length {
                self.push_option(IF_FCSLEN, &[length]);
            }
        }
        self.push_option(IF_TSRESOL, &[key.clock.resolution]);
        if key.clock.offset != 0 {
            self.push_option(IF_TSOFFSET, &key.clock.offset.to_le_bytes());
        }
        self.push_end_of_options();
        self.write_block(INTERFACE_DESCRIPTION_BLOCK, output)?;
        self.interfaces.insert(key, number);
        Ok(number)
    }

    /// A name is one option: a longer one than an option can hold (only replaced invalid UTF-8
    /// can make one) keeps its beginning.
    fn push_text(&mut self, code: u16, text: Option<&str>) {
        if let Some(text) = text {
            let beginning = parts_of_text(text).next().unwrap_or_default();
            self.push_option(code, beginning.as_bytes());
        }
    }

    /// `value` has at most 65,535 bytes.
    #[expect(clippy::cast_possible_truncation, reason = "all texts come in parts that fit")]
    fn push_option(&mut self, code: u16, value: &[u8]) {
        self.body.extend_from_slice(&code.to_le_bytes());
        self.body.extend_from_slice(&(value.len() as u16).to_le_bytes());
        self.push_padded(value);
    }

    fn push_end_of_options(&mut self) {
        self.body.extend_from_slice(&[0; 4]);
    }

    fn push_padded(&mut self, bytes: &[u8]) {
        self.body.extend_from_slice(bytes);
        self.body.resize(self.body.len().next_multiple_of(4), 0);
    }

    /// Writes the body as a block.
    fn write_block(&mut self, block_type: u32, output: &mut impl Write) -> io::Result<()> {
        const AROUND_THE_BODY: usize = 12;
        let length = u32::try_from(self.body.len() + AROUND_THE_BODY)
            .map_err(|error| io::Error::new(ErrorKind::InvalidInput, error))?;
        let block = RawBlock {
            type_: block_type,
            initial_len: length,
            body: Cow::Borrowed(&self.body),
            trailer_len: length,
        };
        block.write_to::<LittleEndian, _>(output).map_err(io_error)?;
        Ok(())
    }
}

/// Text in parts that fit into an option; a text that fits, also an empty one, is one part.
fn parts_of_text(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (part, after) = text.split_at(text.floor_char_boundary(usize::from(u16::MAX)));
        rest = (!after.is_empty()).then_some(after);
        Some(part)
    })
}

/// The error below, so that a closed pipe is seen as such.
fn io_error(error: PcapNgWriteError) -> io::Error {
    match error {
        PcapNgWriteError::Io(error) => error,
        error => io::Error::new(ErrorKind::InvalidInput, error),
    }
}
