//! Link types: where their headers are, and how they tell what they carry.
//!
//! Source: `gencode.c` of libpcap 1.10, for the meaning of each check.

use crate::packet::{CapturedPacket, LinkType};
use crate::query::Way;
use crate::query::matches::Verdict;
use crate::query::matches::frame::{Cut, Frame};
use crate::query::matches::wireless;

/// What libpcap's filters know of a link type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    Ethernet,
    /// 802.11, with nothing before it.
    Wireless,
    /// 802.11 behind a Prism or AVS header.
    Prism,
    /// 802.11 behind an AVS header.
    Avs,
    /// 802.11 behind a radiotap header.
    Radiotap,
    /// 802.11 behind a PPI header.
    Ppi,
    /// LLC alone, or behind a header of fixed length.
    Llc,
    Cooked,
    Cooked2,
    /// IP behind a header of BSD's own; told by the first bits of that header.
    Slip,
    /// IP, told by its version.
    Raw,
    Ipv4,
    Ipv6,
    /// An address family in the byte order of the host that captured it, which nothing tells.
    Null,
    /// An address family in network order.
    Loop,
    Ppp,
    /// The same where the first byte is the direction.
    Pppd,
    Hdlc,
    Arcnet,
    /// An EtherType in a header of fixed length.
    Typed,
    /// One that libpcap has no filters for but those on bytes and the length.
    Other,
}

pub(super) const IPV4: u32 = 0x0800;
pub(super) const IPV6: u32 = 0x86dd;
pub(super) const ARP: u32 = 0x0806;
pub(super) const RARP: u32 = 0x8035;
pub(super) const MPLS: u32 = 0x8847;
const ATALK: u32 = 0x809b;
const AARP: u32 = 0x80f3;
const IPX: u32 = 0x8137;
/// The largest length of an 802.3 frame; a larger number in its place is an EtherType.
const LONGEST: u32 = 1500;
const SAP_IP: u32 = 0x06;
pub(super) const SAP_ISO: u32 = 0xfe;
const SAP_NETBEUI: u32 = 0xf0;
const SAP_IPX: u32 = 0xe0;
const SAP_STP: u32 = 0x42;
/// Linux's own numbers for frames without an EtherType.
const LINUX_802_3: u32 = 1;
const LINUX_802_2: u32 = 4;
/// Address families for IPv6 in captures of NetBSD and OpenBSD, FreeBSD, and macOS.
const FAMILIES_IPV6: [u32; 3] = [24, 28, 30];
const FAMILY_IPV4: u32 = 2;
/// 802.11 behind PPI; libpcap has no filters for anything else there.
const PPI_WIRELESS: [u8; 4] = [105, 0, 0, 0];
/// Linux's packet type for what the machine itself sent.
const OUTGOING: u16 = 4;

impl Link {
    pub(super) fn of(packet: &CapturedPacket) -> Self {
        match packet.link_type.0 {
            1 | 240 | 241 => Self::Ethernet,
            105 => Self::Wireless,
            119 => Self::Prism,
            163 => Self::Avs,
            127 => Self::Radiotap,
            192 if packet.data.get(4..8) == Some(&PPI_WIRELESS) => Self::Ppi,
            6 | 10 | 100 | 106 | 122 => Self::Llc,
            113 => Self::Cooked,
            276 => Self::Cooked2,
            8 => Self::Slip,
            12 | 101 => Self::Raw,
            228 => Self::Ipv4,
            229 => Self::Ipv6,
            0 | 109 => Self::Null,
            108 => Self::Loop,
            9 | 50 | 51 => Self::Ppp,
            166 => Self::Pppd,
            104 | 112 => Self::Hdlc,
            7 | 129 => Self::Arcnet,
            99 | 138 => Self::Typed,
            _ => Self::Other,
        }
    }

    /// The frame with its headers found.
    pub(super) fn frame(self, link_type: LinkType, bytes: &[u8], length: u32) -> Frame<'_> {
        let header = match link_type.0 {
            240 => 4,
            241 => 12,
            _ => 0,
        };
        let (to_type, to_payload, to_network, without_snap) = match (self, link_type.0) {
            (Self::Ethernet, _) => (12, 14, 0, 3),
            (Self::Llc, 6) => (14, 14, 8, 3),
            (Self::Llc, 10) => (13, 13, 8, 3),
            (Self::Llc, 122) => (16, 16, 8, 3),
            (Self::Llc, _) => (0, 0, 8, 3),
            (Self::Cooked, _) => (14, 16, 0, 0),
            (Self::Cooked2, _) => (0, 20, 0, 0),
            (Self::Null, 109) => (0, 12, 0, 0),
            (Self::Null | Self::Loop, _) => (0, 4, 0, 0),
            (Self::Slip, _) => (0, 16, 0, 0),
            (Self::Typed, 99) => (6, 44, 0, 0),
            (Self::Typed, _) => (16, 18, 0, 0),
            (Self::Ppp, 51) => (6, 8, 0, 0),
            (Self::Ppp | Self::Pppd | Self::Hdlc, _) => (2, 4, 0, 0),
            (Self::Arcnet, 7) => (2, 6, 0, 0),
            (Self::Arcnet, _) => (4, 8, 0, 0),
            (Self::Raw | Self::Ipv4 | Self::Ipv6 | Self::Other, _) => (0, 0, 0, 0),
            (Self::Wireless | Self::Prism | Self::Avs | Self::Radiotap | Self::Ppi, _) => {
                return wireless::frame(self, bytes, length);
            }
        };
        Frame {
            bytes,
            length,
            link: self,
            header,
            link_type: header + to_type,
            first_type: header + to_type,
            payload: header + to_payload,
            to_network,
            to_network_without_snap: without_snap,
            addresses: match (self, link_type.0) {
                (Self::Ethernet, _) => Some((6, 0)),
                (Self::Llc, 6) => Some((8, 2)),
                (Self::Llc, 10) => Some((7, 1)),
                (Self::Llc, 122) => Some((10, 2)),
                _ => None,
            },
            tags: 0,
            labels: 0,
            is_bare: false,
        }
    }

    pub(super) fn is_wireless(self) -> bool {
        matches!(self, Self::Wireless | Self::Prism | Self::Avs | Self::Radiotap | Self::Ppi)
    }
}

impl Frame<'_> {
    /// Whether the link layer carries this: an EtherType, or up to 1500 a service access point.
    pub(super) fn carries_type(&self, wanted: u32) -> Verdict {
        if self.labels > 0 {
            return self.is_behind_labels(wanted);
        }
        match self.link {
            Link::Ethernet => self.is_ether_type(wanted),
            Link::Wireless | Link::Prism | Link::Avs | Link::Radiotap | Link::Ppi => {
                Ok(self.is_data()? && self.is_llc_type(wanted)?)
            }
            Link::Llc => self.is_llc_type(wanted),
            Link::Cooked => self.is_cooked_type(wanted),
            Link::Cooked2 | Link::Typed => Ok(self.link_type()? == wanted),
            Link::Raw | Link::Slip => match wanted {
                IPV4 => Ok(self.byte(0)? & 0xf0 == 0x40),
                IPV6 => Ok(self.byte(0)? & 0xf0 == 0x60),
                _ => Ok(false),
            },
            Link::Other => Ok(false),
            Link::Ipv4 => Ok(wanted == IPV4),
            Link::Ipv6 => Ok(wanted == IPV6),
            Link::Null | Link::Loop => self.is_family(wanted),
            Link::Ppp | Link::Pppd => Ok(self.link_type()? == ppp_type(wanted)),
            Link::Hdlc => {
                let wanted = if wanted == SAP_ISO { SAP_ISO << 8 | SAP_ISO } else { wanted };
                Ok(self.link_type()? == wanted)
            }
            Link::Arcnet => {
                let types: &[u8] = match wanted {
                    IPV4 => &[212, 240],
                    ARP => &[213, 241],
                    RARP => &[214],
                    IPV6 => &[196],
                    ATALK => &[221],
                    _ => return Ok(false),
                };
                Ok(types.contains(&self.byte(self.link_type)?))
            }
        }
    }

    /// The field that tells what is carried.
    pub(super) fn link_type(&self) -> Result<u32, Cut> {
        self.half(self.link_type).map(u32::from)
    }

    fn is_ether_type(&self, wanted: u32) -> Verdict {
        let found = self.link_type()?;
        let is_802_3 = found <= LONGEST;
        Ok(match wanted {
            SAP_ISO | SAP_IP | SAP_NETBEUI => is_802_3 && self.has_both_saps(wanted)?,
            SAP_IPX => found == IPX || (is_802_3 && self.is_ipx()?),
            ATALK => found == wanted || (is_802_3 && self.is_snap(0x08_0007, wanted)?),
            AARP => found == wanted || (is_802_3 && self.is_snap(0, wanted)?),
            0..=LONGEST => is_802_3 && u32::from(self.byte(self.link_type + 2)?) == wanted,
            _ => found == wanted || self.has_tag(wanted)?,
        })
    }

    fn is_cooked_type(&self, wanted: u32) -> Verdict {
        let found = self.link_type()?;
        let has_llc = found == LINUX_802_2;
        Ok(match wanted {
            SAP_ISO | SAP_IP | SAP_NETBEUI => has_llc && self.has_both_saps(wanted)?,
            SAP_IPX => {
                found == IPX
                    || found == LINUX_802_3
                    || (has_llc
                        && (u32::from(self.byte(self.payload)?) == SAP_IPX
                            || self.is_snap(0, IPX)?))
            }
            ATALK => found == wanted || (has_llc && self.is_snap(0x08_0007, wanted)?),
            AARP => found == wanted || (has_llc && self.is_snap(0, wanted)?),
            0..=LONGEST => has_llc && u32::from(self.byte(self.payload)?) == wanted,
            _ => found == wanted || self.has_tag(wanted)?,
        })
    }

    fn is_llc_type(&self, wanted: u32) -> Verdict {
        Ok(match wanted {
            SAP_ISO | SAP_IP | SAP_NETBEUI => self.has_both_saps(wanted)?,
            ATALK => self.is_snap(0x08_0007, wanted)?,
            0..=LONGEST => u32::from(self.byte(self.payload)?) == wanted,
            _ => u32::from(self.half(self.payload + 6)?) == wanted,
        })
    }

    fn has_both_saps(&self, wanted: u32) -> Verdict {
        Ok(u32::from(self.half(self.payload)?) == wanted << 8 | wanted)
    }

    /// With its own service access point, without LLC at all, or in SNAP.
    fn is_ipx(&self) -> Verdict {
        Ok(u32::from(self.byte(self.payload)?) == SAP_IPX
            || self.half(self.payload)? == 0xffff
            || self.is_snap(0, IPX)?)
    }

    fn is_snap(&self, organization: u32, ether_type: u32) -> Verdict {
        // The last bytes are looked at first, as libpcap does.
        if self.word(self.payload + 4)? != (organization & 0xffff) << 16 | ether_type {
            return Ok(false);
        }
        Ok(self.word(self.payload)? == 0xaaaa_0300 | organization >> 16)
    }

    fn is_family(&self, wanted: u32) -> Verdict {
        let families: &[u32] = match wanted {
            IPV4 => &[FAMILY_IPV4],
            IPV6 => &FAMILIES_IPV6,
            _ => return Ok(false),
        };
        let family = self.word(self.header)?;
        let swapped = family.swap_bytes();
        Ok(families.contains(&family) || (self.link == Link::Null && families.contains(&swapped)))
    }

    /// Whether the packet is of the network layer itself: IP, ARP or RARP.
    pub(super) fn is_network(&self) -> Verdict {
        for wanted in [IPV4, IPV6, ARP, RARP] {
            if self.carries_type(wanted)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Where the link layer's header tells who sent it.
    pub(super) fn goes(&self, way: Way) -> Verdict {
        let outgoing = match self.link {
            Link::Cooked => self.half(0)? == OUTGOING,
            Link::Cooked2 => u16::from(self.byte(10)?) == OUTGOING,
            Link::Slip => self.byte(0)? != 0,
            Link::Pppd => match self.byte(0)? {
                0 => false,
                1 => true,
                _ => return Ok(false),
            },
            _ => return Ok(false),
        };
        Ok(outgoing == (way == Way::Outbound))
    }

    /// Linux tells the number of the interface.
    pub(super) fn is_of_interface(&self, index: u32) -> Verdict {
        Ok(self.link == Link::Cooked2 && self.word(4)? == index)
    }
}

/// PPP's number for an EtherType or a service access point.
fn ppp_type(wanted: u32) -> u32 {
    match wanted {
        IPV4 => 0x0021,
        IPV6 => 0x0057,
        0x6003 => 0x0027,
        ATALK => 0x0029,
        0x0600 => 0x0025,
        SAP_ISO => 0x0023,
        SAP_STP => 0x0031,
        SAP_IPX => 0x002b,
        // Its own number, which is not below 1536.
        MPLS => 0x0281,
        other => other,
    }
}
