//! What stands between a frame and its payload: VLAN tags, MPLS labels, provider backbone
//! bridging and MACsec.

use etherparse::SingleVlanHeaderSlice;

use crate::decode::{MOST_LAYERS, internet};
use crate::decode::{Next, Step, behind, cut, enter, ethernet, stop, too_deep, u16_at, u32_at};
use crate::packet::Layers;

/// EtherTypes that announce a VLAN tag: 802.1Q, 802.1ad, and the older ones of QinQ.
pub(super) const VLAN: [u16; 4] = [0x8100, 0x88a8, 0x9100, OLD_VLAN];
pub(super) const OLD_VLAN: u16 = 0x9200;

/// Bytes of an MPLS label stack entry, and its bottom-of-stack bit (RFC 3032).
const LABEL: usize = 4;
const BOTTOM: u32 = 0x100;
/// First four bits behind the last label: a control word of a pseudo-wire, or an associated
/// channel (RFC 4385).
const CONTROL_WORD: u8 = 0;
const ASSOCIATED_CHANNEL: u8 = 1;
const CONTROL_WORD_LENGTH: usize = 4;

/// IEEE 802.1ah: the instance tag without the customer's addresses.
const INSTANCE_TAG: usize = 4;
const ADDRESSES: usize = 12;

/// Cisco's metadata, and its tag of virtual network cards, without the EtherType.
const METADATA: usize = 6;
const VIRTUAL_NIC: usize = 4;

/// IEEE 802.1AE: the tag without and with its channel identifier, and its bits.
const SECURITY_TAG: usize = 6;
const CHANNEL_IDENTIFIER: usize = 8;
const HAS_CHANNEL: u8 = 0x20;
const ENCRYPTED: u8 = 0x08;
const CHANGED: u8 = 0x04;

pub(super) fn vlan<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    let tag = SingleVlanHeaderSlice::from_slice(data).map_err(|error| stop("vlan", error))?;
    layers.names.push("vlan");
    layers.vlan_ids.push(tag.vlan_identifier().value());
    let payload = data.get(tag.slice().len()..).unwrap_or_default();
    ethernet::type_or_length(tag.ether_type().0, payload)
}

/// A label stack. Nothing in it says what it carries, so the payload's first bytes must.
pub(super) fn mpls<'a>(mut data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    layers.names.push("mpls");
    loop {
        let entry = u32_at(data, 0).ok_or_else(|| cut("mpls"))?;
        data = behind("mpls", data, LABEL)?;
        if layers.mpls_labels.len() == MOST_LAYERS {
            return Err(too_deep());
        }
        layers.mpls_labels.push(entry >> 12);
        if entry & BOTTOM != 0 {
            break;
        }
    }
    let Some(first) = data.first().map(|byte| byte >> 4) else { return Ok(None) };
    if internet::is_plausible(data) {
        return Ok(Some(Next::Ip(data)));
    }
    match first {
        CONTROL_WORD if has_ether_type(data, CONTROL_WORD_LENGTH) => {
            layers.names.push("pseudowire");
            Ok(Some(Next::Ethernet(&data[CONTROL_WORD_LENGTH..])))
        }
        ASSOCIATED_CHANNEL => {
            layers.names.push("associated-channel");
            Ok(None)
        }
        _ if has_ether_type(data, 0) => {
            // Its first address may begin as IP does.
            layers.ambiguous |= matches!(first, 4 | 6);
            layers.names.push("pseudowire");
            Ok(Some(Next::Ethernet(data)))
        }
        // Cut or damaged, and yet more likely IP than anything else.
        4 | 6 => Ok(Some(Next::Ip(data))),
        _ => Ok(None),
    }
}

/// Whether an Ethernet frame may start at `at`: what is looked for are types that packets in
/// the middle of something have, so that payload of other kinds is not taken for one.
pub(super) fn has_ether_type(data: &[u8], at: usize) -> bool {
    let Some(number) = u16_at(data, at + ADDRESSES) else { return false };
    let payload = data.get(at + ADDRESSES + 2..).unwrap_or_default();
    match number {
        ethernet::IPV4 => payload.first().is_some_and(|byte| byte >> 4 == 4),
        ethernet::IPV6 => payload.first().is_some_and(|byte| byte >> 4 == 6),
        ethernet::ARP => payload.starts_with(&[0, 1, 8, 0]),
        ethernet::MPLS | ethernet::MPLS_UPSTREAM => payload.len() >= LABEL,
        0x88cc | 0x8863 | 0x8864 | 0x9000 => true,
        0..=1500 => {
            payload.len() >= usize::from(number) && payload.starts_with(&[0x42, 0x42, 0x03])
                || payload.starts_with(&[0xaa, 0xaa, 0x03])
        }
        number => VLAN.contains(&number) && payload.len() >= LABEL,
    }
}

/// A customer's frame inside of a provider's.
pub(super) fn backbone<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    let tag = u32_at(data, 0).ok_or_else(|| cut("pbb"))?;
    enter("pbb", Some(tag & 0x00ff_ffff), layers);
    Ok(Some(Next::Ethernet(behind("pbb", data, INSTANCE_TAG)?)))
}

/// What the numbers of RFC 8300, section 2.2, announce; VXLAN's generic extension has the same.
pub(super) fn next_protocol(number: u8, payload: &[u8]) -> Option<Next<'_>> {
    Some(match number {
        1 | 2 => Next::Ip(payload),
        3 => Next::Ethernet(payload),
        4 => Next::EtherType(ethernet::SERVICE, payload),
        5 => Next::EtherType(ethernet::MPLS, payload),
        _ => return None,
    })
}

/// A network service header: its id is that of the path (RFC 8300).
pub(super) fn service<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    let path = u32_at(data, 4).map(|word| word >> 8);
    enter("nsh", path, layers);
    let [_, words, _, next, ..] = *data else { return Err(cut("nsh")) };
    let payload = behind("nsh", data, usize::from(words & 0x3f) * 4)?;
    Ok(next_protocol(next, payload))
}

/// Cisco's metadata: six bytes in front of the EtherType.
pub(super) fn metadata<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    layers.names.push("cmd");
    let number = u16_at(data, METADATA).ok_or_else(|| cut("cmd"))?;
    ethernet::type_or_length(number, behind("cmd", data, METADATA + 2)?)
}

/// Which virtual network cards a switch takes the frame from and gives it to, then the EtherType.
pub(super) fn virtual_nic<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    layers.names.push("vntag");
    let number = u16_at(data, VIRTUAL_NIC).ok_or_else(|| cut("vntag"))?;
    ethernet::type_or_length(number, behind("vntag", data, VIRTUAL_NIC + 2)?)
}

/// The payload can only be read where it is signed and not encrypted.
pub(super) fn macsec<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    layers.names.push("macsec");
    let control = *data.first().ok_or_else(|| cut("macsec"))?;
    let channel = if control & HAS_CHANNEL == 0 { 0 } else { CHANNEL_IDENTIFIER };
    let payload = behind("macsec", data, SECURITY_TAG + channel)?;
    if control & (ENCRYPTED | CHANGED) != 0 {
        return Ok(None);
    }
    let number = u16_at(payload, 0).ok_or_else(|| cut("macsec"))?;
    ethernet::type_or_length(number, behind("macsec", payload, 2)?)
}
