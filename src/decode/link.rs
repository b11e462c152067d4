//! Link layers: from the link type to an EtherType.

use etherparse::{Ethernet2HeaderSlice, SingleVlanHeaderSlice};

use crate::decode::{Outcome, internet, stop};
use crate::packet::{Layers, LinkType, MacAddress};

/// EtherTypes that announce a VLAN tag: 802.1Q, 802.1ad, and the older QinQ.
const VLAN: [u16; 3] = [0x8100, 0x88a8, 0x9100];
/// Below this an EtherType is a length, and an 802.2 header follows (IEEE 802.3, 3.2.6).
const FIRST_ETHER_TYPE: u16 = 0x0600;
/// ARPHRD_ETHER of Linux.
const ARPHRD_ETHER: u16 = 1;

/// Reads the link layer that `link_type` names, and everything above.
pub(super) fn decode(link_type: LinkType, data: &[u8], layers: &mut Layers) -> Outcome {
    match link_type {
        LinkType::ETHERNET => ethernet(data, layers),
        LinkType::RAW | LinkType::RAW_BSD | LinkType::RAW_OPENBSD => internet::raw(data, layers),
        LinkType::IPV4 => internet::ipv4(data, layers),
        LinkType::IPV6 => internet::ipv6(data, layers),
        LinkType::LINUX_SLL => linux_cooked(data, layers),
        LinkType::LINUX_SLL2 => linux_cooked_2(data, layers),
        // Stored as it is; its name stands in the document.
        _ => Ok(()),
    }
}

fn ethernet(data: &[u8], layers: &mut Layers) -> Outcome {
    let header = Ethernet2HeaderSlice::from_slice(data).map_err(|error| stop("ethernet", error))?;
    layers.names.push("ethernet");
    layers.destination_mac = Some(MacAddress(header.destination()));
    layers.source_mac = Some(MacAddress(header.source()));
    let payload = data.get(header.slice().len()..).unwrap_or_default();
    ether_type(header.ether_type().0, payload, layers)
}

/// Reads VLAN tags until something else comes, then that.
fn ether_type(mut number: u16, mut payload: &[u8], layers: &mut Layers) -> Outcome {
    while VLAN.contains(&number) {
        let tag =
            SingleVlanHeaderSlice::from_slice(payload).map_err(|error| stop("vlan", error))?;
        layers.names.push("vlan");
        layers.vlan_ids.push(tag.vlan_identifier().value());
        number = tag.ether_type().0;
        payload = payload.get(tag.slice().len()..).unwrap_or_default();
    }
    if number < FIRST_ETHER_TYPE {
        layers.names.push("llc");
        return Ok(());
    }
    layers.ether_type = Some(number);
    internet::by_ether_type(number, payload, layers)
}

/// LINKTYPE_LINUX_SLL: 16 bytes, the EtherType last.
fn linux_cooked(data: &[u8], layers: &mut Layers) -> Outcome {
    let Some((header, payload)) = data.split_first_chunk::<16>() else {
        return Err(stop("sll", "shorter than its header of 16 bytes"));
    };
    layers.names.push("sll");
    let device_type = u16::from_be_bytes([header[2], header[3]]);
    let address_length = u16::from_be_bytes([header[4], header[5]]);
    if device_type == ARPHRD_ETHER && address_length == 6 {
        layers.source_mac = mac(&header[6..12]);
    }
    ether_type(u16::from_be_bytes([header[14], header[15]]), payload, layers)
}

/// LINKTYPE_LINUX_SLL2: 20 bytes, the EtherType first.
fn linux_cooked_2(data: &[u8], layers: &mut Layers) -> Outcome {
    let Some((header, payload)) = data.split_first_chunk::<20>() else {
        return Err(stop("sll2", "shorter than its header of 20 bytes"));
    };
    layers.names.push("sll2");
    let device_type = u16::from_be_bytes([header[8], header[9]]);
    if device_type == ARPHRD_ETHER && header[11] == 6 {
        layers.source_mac = mac(&header[12..18]);
    }
    ether_type(u16::from_be_bytes([header[0], header[1]]), payload, layers)
}

fn mac(bytes: &[u8]) -> Option<MacAddress> {
    bytes.try_into().ok().map(MacAddress)
}
