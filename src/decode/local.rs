//! What a system puts in front of packets of its own interfaces: loopback, cooked captures,
//! netfilter logs, Apple's packet taps, IP over InfiniBand.

use crate::decode::{Next, Step, behind, cut, ethernet, internet, stop, u16_at};
use crate::packet::{Layers, LinkType, MacAddress};

/// Address families: that of IPv4 is the same everywhere, that of IPv6 nowhere.
const AF_INET: u32 = 2;
/// Linux, `NetBSD` and OpenBSD, FreeBSD, Darwin.
const AF_INET6: [u32; 4] = [10, 24, 28, 30];

/// Length of an address that is one of Ethernet, 802.11 or loopback.
const MAC_LENGTH: u16 = 6;
/// Hardware types of Linux.
const ARPHRD_IEEE80211_RADIOTAP: u16 = 803;
const ARPHRD_NETLINK: u16 = 824;
/// Linux's protocol numbers below the EtherTypes: frames with an 802.2 header.
const ETH_P_802_2: u16 = 0x0004;

/// Netfilter's attributes: the packet itself.
const NFULA_PAYLOAD: u16 = 9;
/// Family, version, resource id.
const NFLOG_HEADER: usize = 4;
const TLV_HEADER: usize = 4;

/// Apple's header up to and with the link type.
const PKTAP_START: usize = 12;
/// The shortest header that was ever written.
const PKTAP_SHORTEST: u32 = 108;
/// The record holds a packet.
const PKTAP_PACKET: u32 = 1;

/// The shortest header of LINKTYPE_PPI.
const PPI_HEADER: usize = 8;

/// Global routing header, and the four bytes of RFC 4391 behind it.
const INFINIBAND_ROUTING: usize = 40;

/// LINKTYPE_NULL and LINKTYPE_LOOP: an address family in either byte order.
pub(super) fn loopback<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    let (family, payload) = data.split_first_chunk::<4>().ok_or_else(|| cut("null"))?;
    layers.names.push("null");
    // No family needs more than two bytes, so only one of the two orders is possible.
    let family = match u32::from_be_bytes(*family) {
        swapped @ 0x1_0000.. => swapped.swap_bytes(),
        family => family,
    };
    match family {
        AF_INET => internet::ipv4(payload, layers),
        family if AF_INET6.contains(&family) => internet::ipv6(payload, layers),
        _ => Ok(None),
    }
}

/// LINKTYPE_LINUX_SLL: 16 bytes, the EtherType last.
pub(super) fn cooked<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    let Some((header, payload)) = data.split_first_chunk::<16>() else {
        return Err(stop("sll", "shorter than its header of 16 bytes"));
    };
    layers.names.push("sll");
    let device_type = u16::from_be_bytes([header[2], header[3]]);
    if u16::from_be_bytes([header[4], header[5]]) == MAC_LENGTH {
        layers.source_mac = mac(&header[6..12]);
    }
    let number = u16::from_be_bytes([header[14], header[15]]);
    Ok(cooked_payload(device_type, number, payload))
}

/// LINKTYPE_LINUX_SLL2: 20 bytes, the EtherType first.
pub(super) fn cooked_2<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    let Some((header, payload)) = data.split_first_chunk::<20>() else {
        return Err(stop("sll2", "shorter than its header of 20 bytes"));
    };
    layers.names.push("sll2");
    let device_type = u16::from_be_bytes([header[8], header[9]]);
    if u16::from(header[11]) == MAC_LENGTH {
        layers.source_mac = mac(&header[12..18]);
    }
    let number = u16::from_be_bytes([header[0], header[1]]);
    Ok(cooked_payload(device_type, number, payload))
}

/// The EtherType means one only where the device has EtherTypes.
fn cooked_payload(device_type: u16, number: u16, payload: &[u8]) -> Option<Next<'_>> {
    match (device_type, number) {
        (ARPHRD_NETLINK, _) => None,
        (ARPHRD_IEEE80211_RADIOTAP, _) => Some(Next::Link(LinkType::IEEE802_11_RADIOTAP, payload)),
        (_, ETH_P_802_2) => Some(Next::Llc(payload)),
        (_, 0..0x0600) => None,
        (_, number) => Some(Next::EtherType(number, payload)),
    }
}

/// LINKTYPE_NFLOG: attributes, whose numbers are in the byte order of the host that wrote them.
/// Hosts with the other order than nearly all are told by lengths that cannot be.
pub(super) fn netfilter_log<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    layers.names.push("nflog");
    let family = u32::from(*data.first().ok_or_else(|| cut("nflog"))?);
    let mut rest = behind("nflog", data, NFLOG_HEADER)?;
    while let Some((header, _)) = rest.split_first_chunk::<TLV_HEADER>() {
        let [a, b, c, d] = *header;
        let (mut length, mut kind) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
        let [low, high] = kind.to_le_bytes();
        if low == 0 && high != 0 {
            (length, kind) = (length.swap_bytes(), kind.swap_bytes());
        }
        let length = usize::from(length);
        if length < TLV_HEADER {
            return Err(stop("nflog", format_args!("attribute of {length} bytes")));
        }
        if kind == NFULA_PAYLOAD {
            let payload = &rest[TLV_HEADER..length.min(rest.len())];
            return match family {
                AF_INET => internet::ipv4(payload, layers),
                family if AF_INET6.contains(&family) => internet::ipv6(payload, layers),
                _ => Ok(None),
            };
        }
        rest = rest.get(length.next_multiple_of(TLV_HEADER)..).unwrap_or_default();
    }
    Ok(None)
}

/// Whether a frame of a private link type is Apple's.
pub(super) fn is_pktap(data: &[u8]) -> bool {
    pktap_start(data).is_some_and(|(length, kind, _)| {
        (PKTAP_SHORTEST..=1024).contains(&length) && kind == PKTAP_PACKET
    })
}

/// LINKTYPE_PKTAP: a header that tells its length and the link type of what follows.
pub(super) fn pktap<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    layers.names.push("pktap");
    let (length, kind, link_type) = pktap_start(data).ok_or_else(|| cut("pktap"))?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let payload = behind("pktap", data, length.max(PKTAP_START))?;
    match u16::try_from(link_type) {
        Ok(number) if kind == PKTAP_PACKET => Ok(Some(Next::Link(LinkType(number), payload))),
        _ => Ok(None),
    }
}

/// Length, kind and link type; little-endian on all systems that are in use.
fn pktap_start(data: &[u8]) -> Option<(u32, u32, u32)> {
    let number = |at: usize| data.get(at..)?.first_chunk().copied().map(u32::from_le_bytes);
    Some((number(0)?, number(4)?, number(8)?))
}

/// LINKTYPE_PPI: a header that tells its length and the link type of what follows.
pub(super) fn per_packet_information<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    layers.names.push("ppi");
    let [_, _, low, high, a, b, c, d, ..] = *data else { return Err(cut("ppi")) };
    let length = usize::from(u16::from_le_bytes([low, high]));
    let payload = behind("ppi", data, length.max(PPI_HEADER))?;
    let link_type = u16::try_from(u32::from_le_bytes([a, b, c, d]));
    Ok(link_type.ok().map(|number| Next::Link(LinkType(number), payload)))
}

/// LINKTYPE_IPOIB.
pub(super) fn infiniband<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    layers.names.push("ipoib");
    let number = u16_at(data, INFINIBAND_ROUTING).ok_or_else(|| cut("ipoib"))?;
    let payload = behind("ipoib", data, INFINIBAND_ROUTING + 4)?;
    ethernet::type_or_length(number, payload)
}

fn mac(bytes: &[u8]) -> Option<MacAddress> {
    bytes.try_into().ok().map(MacAddress)
}
