//! IEEE 802.11 and the headers that drivers put in front of it.

use crate::decode::{Next, Step, behind, cut, stop, u16_at, u32_at};
use crate::packet::{Layers, LinkType, MacAddress};

/// Frame control, first byte: type and subtype.
const TYPE: u8 = 0x0c;
const MANAGEMENT: u8 = 0x00;
const DATA: u8 = 0x08;
const WITH_QOS: u8 = 0x80;
const WITHOUT_DATA: u8 = 0x40;
/// Frame control, second byte.
const TO_DISTRIBUTION: u8 = 0x01;
const FROM_DISTRIBUTION: u8 = 0x02;
const PROTECTED: u8 = 0x40;
const ORDER: u8 = 0x80;

/// Places of the three addresses, of the sequence control and of the fourth address.
const FIRST: usize = 4;
const SECOND: usize = 10;
const THIRD: usize = 16;
const SEQUENCE_CONTROL: usize = 22;
const FOURTH: usize = 24;
const MAC: usize = 6;
/// Header with three addresses.
const HEADER: usize = 24;
const QOS_CONTROL: usize = 2;
const HT_CONTROL: usize = 4;
/// QoS control, first byte: several frames in one.
const AGGREGATED: u8 = 0x80;
/// Destination, source and length in front of each of them.
const SUBFRAME_HEADER: usize = 14;

/// Radiotap: flags come right behind the timer, if there is one.
const RADIOTAP_TIMER: u32 = 1;
const RADIOTAP_FLAGS: u32 = 1 << 1;
const RADIOTAP_MORE: u32 = 1 << 31;
const RADIOTAP_WORDS_AT: usize = 4;
const FLAG_FCS: u8 = 0x10;
const FLAG_PADDED: u8 = 0x20;
const FCS: usize = 4;
/// Version, padding, length and the first word of bits.
const RADIOTAP_HEADER: usize = 8;

/// Prism header: its message code, and its length in all drivers of the time.
const PRISM_CODES: [u32; 2] = [0x44, 0x41];
const AVS_MAGIC: u32 = 0x8021_1000;

/// A frame as it was on the air, without its check sequence.
pub(super) fn frame<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    of_driver(data, false, layers)
}

/// `padded`: some drivers bring the payload to a place that four divides.
fn of_driver<'a>(data: &'a [u8], padded: bool, layers: &mut Layers) -> Step<'a> {
    layers.names.push("wlan");
    let [control, flags, ..] = *data else { return Err(cut("wlan")) };
    if control & TYPE == MANAGEMENT {
        set_addresses(address(data, FIRST), address(data, SECOND), layers);
        return Ok(None);
    }
    if control & TYPE != DATA {
        return Ok(None);
    }
    let distribution = flags & (TO_DISTRIBUTION | FROM_DISTRIBUTION);
    let (destination, source) = match distribution {
        TO_DISTRIBUTION => (THIRD, SECOND),
        FROM_DISTRIBUTION => (FIRST, THIRD),
        0 => (FIRST, SECOND),
        _ => (THIRD, FOURTH),
    };
    set_addresses(address(data, destination), address(data, source), layers);
    let mut header = HEADER;
    if distribution == TO_DISTRIBUTION | FROM_DISTRIBUTION {
        header += MAC;
    }
    let qos_at = header;
    if control & WITH_QOS != 0 {
        header += QOS_CONTROL;
        if flags & ORDER != 0 {
            header += HT_CONTROL;
        }
    }
    if padded {
        header = header.next_multiple_of(4);
    }
    if control & WITHOUT_DATA != 0 {
        return Ok(None);
    }
    let payload = behind("wlan", data, header)?;
    if flags & PROTECTED != 0 {
        layers.names.push("wlan.protected");
        return Ok(None);
    }
    // The low four bits number the fragments; all but the first begin in the middle of something.
    if data[SEQUENCE_CONTROL] & 0x0f != 0 {
        layers.names.push("fragment");
        return Ok(None);
    }
    if control & WITH_QOS != 0 && data[qos_at] & AGGREGATED != 0 {
        return aggregated(payload, layers);
    }
    Ok(Some(Next::Llc(payload)))
}

/// The first of several frames in one: it has the addresses of its own ends.
fn aggregated<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    layers.names.push("amsdu");
    // Filters take the addresses of the frame around it.
    layers.ambiguous = true;
    let payload = behind("amsdu", data, SUBFRAME_HEADER)?;
    layers.destination_mac = address(data, 0);
    layers.source_mac = address(data, MAC);
    let length = u16_at(data, 2 * MAC).map_or(0, usize::from);
    Ok(Some(Next::Llc(payload.get(..length).unwrap_or(payload))))
}

fn set_addresses(destination: Option<MacAddress>, source: Option<MacAddress>, layers: &mut Layers) {
    if layers.destination_mac.is_none() && layers.source_mac.is_none() {
        layers.destination_mac = destination;
        layers.source_mac = source;
    }
}

fn address(data: &[u8], at: usize) -> Option<MacAddress> {
    data.get(at..)?.first_chunk().copied().map(MacAddress)
}

/// Radiotap (<https://www.radiotap.org>): little-endian, with a bit for each field that is there.
/// `missing` bytes of the frame were not captured; its check sequence is the first of them.
pub(super) fn radiotap<'a>(data: &'a [u8], missing: usize, layers: &mut Layers) -> Step<'a> {
    layers.names.push("radiotap");
    let [version, _, low, high, ..] = *data else { return Err(cut("radiotap")) };
    if version != 0 {
        return Err(stop("radiotap", format_args!("version {version}")));
    }
    let length = usize::from(u16::from_le_bytes([low, high]));
    if length < RADIOTAP_HEADER {
        return Err(stop("radiotap", format_args!("header of {length} bytes")));
    }
    let header = data.get(..length).ok_or_else(|| cut("radiotap"))?;
    let flags = radiotap_flags(header).unwrap_or(0);
    let mut frame = &data[length..];
    if flags & FLAG_FCS != 0 {
        let captured = FCS.saturating_sub(missing);
        frame = frame.get(..frame.len().saturating_sub(captured)).unwrap_or_default();
    }
    of_driver(frame, flags & FLAG_PADDED != 0, layers)
}

fn radiotap_flags(header: &[u8]) -> Option<u8> {
    let word = |at: usize| header.get(at..)?.first_chunk().copied().map(u32::from_le_bytes);
    let first = word(RADIOTAP_WORDS_AT)?;
    if first & RADIOTAP_FLAGS == 0 {
        return None;
    }
    let mut at = RADIOTAP_WORDS_AT;
    while word(at)? & RADIOTAP_MORE != 0 {
        at += 4;
    }
    at += 4;
    if first & RADIOTAP_TIMER != 0 {
        at = at.next_multiple_of(8) + 8;
    }
    header.get(at).copied()
}

/// A Prism header in the byte order of its host, or an AVS header under Prism's number.
pub(super) fn prism<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    let code = u32_at(data, 0).ok_or_else(|| cut("prism"))?;
    if code & 0xffff_f000 == AVS_MAGIC {
        return avs(data, layers);
    }
    layers.names.push("prism");
    let length = u32_at(data, 4).ok_or_else(|| cut("prism"))?;
    let length = match code {
        _ if PRISM_CODES.contains(&code) => length,
        _ if PRISM_CODES.contains(&code.swap_bytes()) => length.swap_bytes(),
        _ => return Err(stop("prism", format_args!("message code {code:#x}"))),
    };
    behind_header("prism", data, length)
}

/// AVS: big-endian, version and length first.
pub(super) fn avs<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    layers.names.push("avs");
    let length = u32_at(data, 4).ok_or_else(|| cut("avs"))?;
    behind_header("avs", data, length)
}

fn behind_header<'a>(layer: &'static str, data: &'a [u8], length: u32) -> Step<'a> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    Ok(Some(Next::Link(LinkType::IEEE802_11, behind(layer, data, length)?)))
}
