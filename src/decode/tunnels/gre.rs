//! Generic routing encapsulation (RFC 1701, 2784, 2890), PPTP's (RFC 2637), NVGRE (RFC 7637) and
//! ERSPAN.

use crate::decode::{Next, Step, behind, cut, enter, stop, u16_at, u32_at};
use crate::packet::{Layers, LinkType};

/// Bits of the first two bytes.
const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
const ACKNOWLEDGEMENT: u16 = 0x0080;
const VERSION: u16 = 0x0007;
/// Must be zero (RFC 2784, section 2.1).
const RESERVED: u16 = 0x4fff;

/// Protocol types that are no EtherTypes, or mean something else here.
const BRIDGED_ETHERNET: u16 = 0x6558;
const PPP: u16 = 0x880b;
const WCCP: u16 = 0x883e;
const ERSPAN: u16 = 0x88be;
const ERSPAN_3: u16 = 0x22eb;
/// Cisco's metadata; elsewhere the EtherType stands behind it.
const METADATA: u16 = 0x8909;
const METADATA_LENGTH: usize = 8;
/// Aruba's tunnels of 802.11 frames, one number for each kind of traffic.
const ARUBA: std::ops::RangeInclusive<u16> = 0x8200..=0x83ff;
const FIRST_ETHER_TYPE: u16 = 0x0600;

/// RFC 7637, section 3.2: smaller ones are reserved, so a small key is an ordinary one.
const FIRST_VIRTUAL_SUBNET: u32 = 0x1000;
/// Headers of ERSPAN II and III, and the latter's platform subheader.
const ERSPAN_HEADER: usize = 8;
const ERSPAN_3_HEADER: usize = 12;
const ERSPAN_SUBHEADER: usize = 8;
const SESSION: u16 = 0x03ff;

pub(in crate::decode) fn gre<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    let (Some(flags), Some(protocol)) = (u16_at(data, 0), u16_at(data, 2)) else {
        layers.names.push("gre");
        return Err(cut("gre"));
    };
    match flags & VERSION {
        0 => version_0(flags, protocol, data, layers),
        1 if protocol == PPP => pptp(flags, data, layers),
        version => {
            layers.names.push("gre");
            Err(stop("gre", format_args!("version {version} with protocol {protocol:#06x}")))
        }
    }
}

/// RFC 8086.
pub(super) fn over_udp<'a>(data: &'a [u8], layers: &mut Layers) -> Option<Step<'a>> {
    let is_plausible = u16_at(data, 0)? & RESERVED == 0 && u16_at(data, 2)? >= FIRST_ETHER_TYPE;
    is_plausible.then(|| gre(data, layers))
}

fn version_0<'a>(flags: u16, protocol: u16, data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    let mut at = 4;
    if flags & (CHECKSUM | ROUTING) != 0 {
        at += 4;
    }
    let mut key = None;
    if flags & KEY != 0 {
        key = Some(u32_at(data, at).ok_or_else(|| cut("gre"))?);
        at += 4;
    }
    if flags & SEQUENCE != 0 {
        at += 4;
    }
    enter_gre(flags, protocol, key, layers);
    if flags & ROUTING != 0 {
        at = behind_routing(data, at).ok_or_else(|| cut("gre"))?;
    }
    let payload = behind("gre", data, at)?;
    match protocol {
        BRIDGED_ETHERNET => Ok(Some(Next::Ethernet(payload))),
        PPP => Ok(Some(Next::Ppp(payload))),
        // The second version of WCCP has four bytes of its own in front of the packet.
        WCCP if payload.first().is_some_and(|byte| byte >> 4 != 4) => {
            Ok(payload.get(4..).map(Next::Ip))
        }
        WCCP => Ok(Some(Next::Ip(payload))),
        ERSPAN if flags & SEQUENCE == 0 => {
            enter("erspan", None, layers);
            Ok(Some(Next::Ethernet(payload)))
        }
        ERSPAN => erspan(payload, layers),
        ERSPAN_3 => erspan_3(payload, layers),
        METADATA => behind_metadata(payload, layers),
        _ if ARUBA.contains(&protocol) => Ok(Some(Next::Link(LinkType::IEEE802_11, payload))),
        number if number >= FIRST_ETHER_TYPE => Ok(Some(Next::EtherType(number, payload))),
        _ => Ok(None),
    }
}

/// NVGRE is told from an Ethernet frame in GRE with a key by its flags, and by a subnet that is
/// large enough.
fn enter_gre(flags: u16, protocol: u16, key: Option<u32>, layers: &mut Layers) {
    let subnet = key.map(|key| key >> 8).filter(|subnet| *subnet >= FIRST_VIRTUAL_SUBNET);
    if protocol == BRIDGED_ETHERNET && flags == KEY && subnet.is_some() {
        enter("nvgre", subnet, layers);
    } else {
        enter("gre", key, layers);
    }
}

/// Source route entries (RFC 1701): family, offset, length; the last one has neither.
fn behind_routing(data: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let family = u16_at(data, at)?;
        let length = usize::from(*data.get(at + 3)?);
        at += 4 + length;
        if family == 0 && length == 0 {
            return Some(at);
        }
    }
}

/// The EtherType, then the metadata, then the packet.
fn behind_metadata<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    layers.names.push("cmd");
    let number = u16_at(data, 0).ok_or_else(|| cut("cmd"))?;
    Ok(Some(Next::EtherType(number, behind("cmd", data, METADATA_LENGTH)?)))
}

/// Version 1: the key is the length of the payload and the call.
fn pptp<'a>(flags: u16, data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    enter("pptp", u16_at(data, 6).map(u32::from), layers);
    let mut at = 8;
    if flags & SEQUENCE != 0 {
        at += 4;
    }
    if flags & ACKNOWLEDGEMENT != 0 {
        at += 4;
    }
    let payload = behind("pptp", data, at)?;
    // Without a sequence number it is an acknowledgement and nothing else.
    Ok((flags & SEQUENCE != 0 && !payload.is_empty()).then_some(Next::Ppp(payload)))
}

fn erspan<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    let session = u16_at(data, 2).map(|word| (word & SESSION).into());
    enter("erspan", session, layers);
    Ok(Some(Next::Ethernet(behind("erspan", data, ERSPAN_HEADER)?)))
}

fn erspan_3<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    let session = u16_at(data, 2).map(|word| (word & SESSION).into());
    enter("erspan", session, layers);
    let word = u16_at(data, 10).ok_or_else(|| cut("erspan"))?;
    let subheader = if word & 1 == 1 { ERSPAN_SUBHEADER } else { 0 };
    let frame = behind("erspan", data, ERSPAN_3_HEADER + subheader)?;
    match word >> 10 & 0x1f {
        0 => Ok(Some(Next::Ethernet(frame))),
        2 => Ok(Some(Next::Ip(frame))),
        _ => Ok(None),
    }
}
