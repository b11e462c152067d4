//! Frames of IEEE 802.11, alone or behind the header of a radio, and addresses of the link layer.

use crate::packet::MacAddress;
use crate::query::matches::Verdict;
use crate::query::matches::frame::{Cut, Frame};
use crate::query::matches::link::Link;
use crate::query::{Cast, Direction, HostDirection, Llc, Mac, Wlan};

/// The beginning of an AVS header where a Prism header is expected.
const AVS: u32 = 0x8021_1000;
/// Bytes of a Prism header.
const PRISM_LENGTH: usize = 144;
/// Control frames and their kinds without a second address.
const CONTROL: u8 = 0x04;
const CTS: u8 = 0xc0;
const ACK: u8 = 0xd0;

/// A place that no packet reaches.
const BEYOND: usize = usize::MAX / 2;

/// The frame behind the radio's header, whose length is looked up as libpcap does. Where the
/// packet ends before that is known, whatever is looked for behind it is beyond the end.
pub(super) fn frame(link: Link, bytes: &[u8], length: u32) -> Frame<'_> {
    let mut frame = Frame {
        bytes,
        length,
        link,
        header: 0,
        link_type: 0,
        first_type: 0,
        addresses: None,
        payload: 0,
        to_network: 8,
        to_network_without_snap: 3,
        tags: 0,
        labels: 0,
        is_bare: false,
    };
    frame.header = frame.radio_length().unwrap_or(BEYOND);
    frame.payload = frame.behind_wireless_header().unwrap_or(BEYOND);
    frame.link_type = frame.payload;
    frame.first_type = frame.payload;
    frame
}

impl Frame<'_> {
    fn radio_length(&self) -> Result<usize, Cut> {
        Ok(match self.link {
            Link::Prism if self.word(0)? & 0xffff_f000 != AVS => PRISM_LENGTH,
            Link::Prism | Link::Avs => usize::try_from(self.word(4)?).map_err(|_| Cut)?,
            Link::Radiotap | Link::Ppi => usize::from(u16::from_le_bytes(self.array(2)?)),
            _ => 0,
        })
    }

    fn behind_wireless_header(&self) -> Result<usize, Cut> {
        let behind = self.header + 24;
        if !self.is_data()? {
            return Ok(behind);
        }
        let has_quality = self.byte(self.header)? & 0x80 != 0;
        let behind = if has_quality { behind + 2 } else { behind };
        let is_padded = self.link == Link::Radiotap && self.is_padded()?;
        Ok(if is_padded { behind.next_multiple_of(4) } else { behind })
    }

    /// Whether the radio says that the header was padded to a multiple of four bytes.
    fn is_padded(&self) -> Result<bool, Cut> {
        let present = u32::from_le_bytes(self.array(4)?);
        let (time, flags, more) = (1, 2, 0x8000_0000);
        if present & flags == 0 || present & more != 0 {
            return Ok(false);
        }
        let at = if present & time != 0 { 16 } else { 8 };
        Ok(self.byte(at)? & 0x20 != 0)
    }

    /// Whether the frame carries data.
    pub(super) fn is_data(&self) -> Verdict {
        let control = self.byte(self.header)?;
        Ok(control & 0x04 == 0 && control & 0x08 != 0)
    }

    pub(super) fn is_wlan(&self, wlan: Wlan) -> Verdict {
        if !self.link.is_wireless() || self.link == Link::Ppi {
            return Ok(false);
        }
        Ok(match wlan {
            Wlan::Kind { value, mask } => self.byte(self.header)? & mask == value,
            Wlan::Direction(direction) => self.byte(self.header + 1)? & 0x03 == direction,
        })
    }

    pub(super) fn has_mac(&self, mac: Mac) -> Verdict {
        let address = mac.address;
        if self.link.is_wireless() {
            return match mac.direction {
                HostDirection::Ends(direction) => self.ends(
                    direction,
                    |frame| frame.is_wireless_source(address),
                    |frame| frame.is_wireless_destination(address),
                ),
                HostDirection::Field(1) => self.has_address(4, address),
                HostDirection::Field(2) => {
                    Ok(self.has_second_address()? && self.has_address(10, address)?)
                }
                HostDirection::Field(3) => Ok(self.byte(self.header)? & Wlan::TYPE != CONTROL
                    && self.has_address(16, address)?),
                HostDirection::Field(_) => {
                    Ok(self.byte(self.header + 1)? & 0x03 == 0x03
                        && self.has_address(24, address)?)
                }
                HostDirection::Receiver => {
                    Ok(self.byte(self.header)? & 0x08 != 0 && self.has_address(4, address)?)
                }
                HostDirection::Transmitter => Ok(self.byte(self.header)? & 0x08 != 0
                    && self.has_second_address()?
                    && self.has_address(10, address)?),
            };
        }
        let (Some((source, destination)), HostDirection::Ends(direction)) =
            (self.addresses, mac.direction)
        else {
            return Ok(false);
        };
        self.ends(
            direction,
            |frame| frame.has_address(source, address),
            |frame| frame.has_address(destination, address),
        )
    }

    /// Looks at the ends as the direction says, the source first.
    pub(super) fn ends(
        &self,
        direction: Direction,
        source: impl FnOnce(&Self) -> Verdict,
        destination: impl FnOnce(&Self) -> Verdict,
    ) -> Verdict {
        Ok(match direction {
            Direction::Either => source(self)? || destination(self)?,
            Direction::Source => source(self)?,
            Direction::Destination => destination(self)?,
            Direction::Both => source(self)? && destination(self)?,
        })
    }

    fn has_address(&self, at: usize, address: MacAddress) -> Verdict {
        Ok(self.array(self.header + at)? == address.0)
    }

    fn has_second_address(&self) -> Verdict {
        let control = self.byte(self.header)?;
        let kind = control & Wlan::SUBTYPE;
        Ok(control & Wlan::TYPE != CONTROL || (kind != CTS && kind != ACK))
    }

    /// The place of the source address depends on whether the frame comes from an access point.
    fn is_wireless_source(&self, address: MacAddress) -> Verdict {
        let control = self.byte(self.header)?;
        if control & 0x04 != 0 {
            return Ok(false);
        }
        if control & 0x08 == 0 {
            return self.has_address(10, address);
        }
        match self.byte(self.header + 1)? & 0x03 {
            0 | 1 => self.has_address(10, address),
            2 => self.has_address(16, address),
            _ => self.has_address(24, address),
        }
    }

    fn is_wireless_destination(&self, address: MacAddress) -> Verdict {
        match self.wireless_destination()? {
            Some(at) => self.has_address(at, address),
            None => Ok(false),
        }
    }

    fn wireless_destination(&self) -> Result<Option<usize>, Cut> {
        let control = self.byte(self.header)?;
        if control & 0x04 != 0 {
            return Ok(None);
        }
        let to_access_point = control & 0x08 != 0 && self.byte(self.header + 1)? & 0x01 != 0;
        Ok(Some(if to_access_point { 16 } else { 4 }))
    }

    /// `broadcast` and `multicast` of the link layer.
    pub(super) fn is_link_cast(&self, cast: Cast) -> Verdict {
        let destination = match (self.link, self.addresses) {
            // One byte is the address, and zero means everybody.
            (Link::Arcnet, _) => return Ok(self.byte(self.header + 1)? == 0),
            (_, Some((_, destination))) if !self.is_bare => destination,
            _ if self.link.is_wireless() => match self.wireless_destination()? {
                Some(destination) => destination,
                None => return Ok(false),
            },
            _ => return Ok(false),
        };
        match cast {
            Cast::Broadcast => self.has_address(destination, MacAddress([0xff; 6])),
            _ => Ok(self.byte(self.header + destination)? & 1 != 0),
        }
    }

    pub(super) fn is_llc(&self, llc: Llc) -> Verdict {
        let has_llc = match self.link {
            Link::Ethernet => {
                u32::from(self.half(self.link_type)?) <= 1500 && self.half(self.payload)? != 0xffff
            }
            Link::Llc => true,
            link if link.is_wireless() => self.is_data()?,
            _ => false,
        };
        if !has_llc || llc == Llc::Any {
            return Ok(has_llc);
        }
        let control = self.byte(self.payload + 2)?;
        Ok(match llc {
            Llc::Any => true,
            Llc::Information => control & 0x01 == 0,
            Llc::Supervisory => control & 0x03 == 0x01,
            Llc::Unnumbered => control & 0x03 == 0x03,
            Llc::SupervisoryKind(kind) => control & 0x0f == kind,
            Llc::UnnumberedKind(kind) => control & 0xef == kind,
        })
    }
}
