//! Tunnels over UDP: VXLAN (RFC 7348), its generic extension, Geneve (RFC 8926), GTP-U (3GPP TS
//! 29.281), Teredo (RFC 4380), MPLS (RFC 7510).

use crate::decode::{Next, Step, enter, internet, tags, u16_at, u32_at};
use crate::packet::Layers;

/// Header of VXLAN and of Geneve without options; the last byte is reserved in both.
const HEADER: usize = 8;
const ETHERNET: usize = 14;
/// First byte of VXLAN: a network identifier is there; the next protocol is there.
const HAS_NETWORK: u8 = 0x08;
const HAS_PROTOCOL: u8 = 0x04;
/// Flags that nobody has given a meaning: not those of group policies and of the extension.
const VXLAN_UNUSED: u8 = 0x31;
/// Bits of Geneve's second byte.
const GENEVE_RESERVED: u8 = 0x3f;
const BRIDGED_ETHERNET: u16 = 0x6558;
const FIRST_ETHER_TYPE: u16 = 0x0600;

/// GTP-U's first byte: version 1, not GTP'; and whether the four optional bytes are there.
const GTP_VERSION: u8 = 0xf0;
const GTP_USER_VERSION: u8 = 0x30;
const GTP_EXTENSION: u8 = 0x04;
const GTP_OPTIONAL: u8 = 0x07;
/// Message type of a packet of a user.
const GTP_PACKET: u8 = 255;
/// Place of the next extension's type in the optional bytes.
const GTP_NEXT: usize = 11;
const GTP_LONG_HEADER: usize = 12;

/// Teredo's indicators in front of the packet, and their lengths.
const TEREDO_AUTHENTICATION: u16 = 1;
const TEREDO_ORIGIN: u16 = 0;
const TEREDO_ORIGIN_LENGTH: usize = 8;
/// Without the client's identifier and the authentication value.
const TEREDO_AUTHENTICATION_LENGTH: usize = 13;
const IPV6_HEADER: u32 = 40;

pub(super) fn vxlan<'a>(data: &'a [u8], layers: &mut Layers) -> Option<Step<'a>> {
    let (header, frame) = data.split_first_chunk::<HEADER>()?;
    let by_the_book = header[0] & VXLAN_UNUSED == 0 && header[7] == 0 && frame.len() >= ETHERNET;
    // Some senders set all flags; then the frame has to look like one.
    let plausible = by_the_book || tags::has_ether_type(frame, 0);
    (header[0] & HAS_NETWORK != 0 && plausible).then(|| {
        enter("vxlan", Some(network(*header)), layers);
        Ok(Some(Next::Ethernet(frame)))
    })
}

/// What the extension carries is told by a number of its own.
pub(super) fn vxlan_gpe<'a>(data: &'a [u8], layers: &mut Layers) -> Option<Step<'a>> {
    let (header, payload) = data.split_first_chunk::<HEADER>()?;
    // Some senders forget the flag; then the packet has to look like one.
    let plausible = header[0] & HAS_PROTOCOL != 0 || internet::is_plausible(payload);
    if header[0] & HAS_NETWORK == 0 || header[7] != 0 || !plausible {
        return None;
    }
    let next = tags::next_protocol(header[3], payload)?;
    enter("vxlan-gpe", Some(network(*header)), layers);
    Some(Ok(Some(next)))
}

/// The three bytes in front of the last.
fn network(header: [u8; HEADER]) -> u32 {
    u32::from_be_bytes([0, header[4], header[5], header[6]])
}

pub(super) fn geneve<'a>(data: &'a [u8], layers: &mut Layers) -> Option<Step<'a>> {
    let (header, _) = data.split_first_chunk::<HEADER>()?;
    let options = usize::from(header[0] & 0x3f) * 4;
    let protocol = u16::from_be_bytes([header[2], header[3]]);
    let plausible = header[0] >> 6 == 0
        && header[1] & GENEVE_RESERVED == 0
        && header[7] == 0
        && protocol >= FIRST_ETHER_TYPE;
    let payload = data.get(HEADER + options..).filter(|_| plausible)?;
    enter("geneve", Some(network(*header)), layers);
    Some(Ok(Some(match protocol {
        BRIDGED_ETHERNET => Next::Ethernet(payload),
        number => Next::EtherType(number, payload),
    })))
}

pub(super) fn gtp<'a>(data: &'a [u8], layers: &mut Layers) -> Option<Step<'a>> {
    let (header, _) = data.split_first_chunk::<8>()?;
    let length = u32::from(u16::from_be_bytes([header[2], header[3]]));
    let fits = layers.payload_length.is_some_and(|whole| length + 8 <= whole);
    if header[0] & GTP_VERSION != GTP_USER_VERSION || !fits {
        return None;
    }
    let endpoint = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
    if header[1] != GTP_PACKET {
        layers.names.push("gtp");
        return Some(Ok(None));
    }
    enter("gtp", Some(endpoint), layers);
    let payload = behind_gtp_header(header[0], data).unwrap_or_default();
    // Users may also send Ethernet or nothing that has a name: only IP says so itself.
    let is_ip = payload.first().is_some_and(|byte| matches!(byte >> 4, 4 | 6));
    Some(Ok(is_ip.then_some(Next::Ip(payload))))
}

/// Optional bytes and extension headers: each says how long it is, in words of four bytes, and
/// ends with the type of the next.
fn behind_gtp_header(flags: u8, data: &[u8]) -> Option<&[u8]> {
    if flags & GTP_OPTIONAL == 0 {
        return data.get(8..);
    }
    let mut at = GTP_LONG_HEADER;
    let mut next = if flags & GTP_EXTENSION == 0 { 0 } else { *data.get(GTP_NEXT)? };
    while next != 0 {
        let length = usize::from(*data.get(at)?) * 4;
        if length == 0 {
            return None;
        }
        at += length;
        next = *data.get(at - 1)?;
    }
    data.get(at..)
}

pub(super) fn teredo<'a>(data: &'a [u8], layers: &mut Layers) -> Option<Step<'a>> {
    let mut packet = data;
    if u16_at(packet, 0)? == TEREDO_AUTHENTICATION {
        let variable = usize::from(*packet.get(2)?) + usize::from(*packet.get(3)?);
        packet = packet.get(TEREDO_AUTHENTICATION_LENGTH + variable..)?;
    }
    if u16_at(packet, 0)? == TEREDO_ORIGIN {
        packet = packet.get(TEREDO_ORIGIN_LENGTH..)?;
    }
    let length = u32::from(u16_at(packet, 4)?);
    let fits = layers.payload_length.is_some_and(|whole| IPV6_HEADER + length <= whole);
    (packet[0] >> 4 == 6 && fits).then(|| {
        enter("teredo", None, layers);
        Ok(Some(Next::Ip(packet)))
    })
}

/// A label stack tells nothing about itself: what it carries must be IP whose length fits.
pub(super) fn mpls<'a>(data: &'a [u8], layers: &mut Layers) -> Option<Step<'a>> {
    let entry = u32_at(data, 0)?;
    let is_last = entry & 0x100 != 0;
    (is_last && internet::is_plausible(&data[4..])).then(|| {
        enter("mpls-in-udp", None, layers);
        tags::mpls(data, layers)
    })
}
