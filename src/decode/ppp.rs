//! PPP and the other protocols of serial lines: Cisco's HDLC, Frame Relay, PPPoE.

use crate::decode::{Next, Step, behind, cut, enter, ethernet, stop, u16_at};
use crate::packet::Layers;

/// HDLC-like framing: all stations, unnumbered information (RFC 1662).
const ADDRESS: u8 = 0xff;
const CONTROL: u8 = 0x03;
/// First byte of Cisco's framing: to one station, to all.
const CISCO_ADDRESSES: [u8; 2] = [0x0f, 0x8f];

/// PPP protocol numbers (IANA).
const IPV4: u16 = 0x0021;
const BRIDGING: u16 = 0x0031;
const IPV6: u16 = 0x0057;
const MPLS: u16 = 0x0281;
const MPLS_MULTICAST: u16 = 0x0283;
/// What is only named.
const NAMED: &[(u16, &str)] = &[
    (0x002b, "ipx"),
    (0x003d, "mp"),
    (0x00fd, "comp_data"),
    (0x8021, "ipcp"),
    (0x8031, "bcp"),
    (0x8057, "ipv6cp"),
    (0x80fd, "ccp"),
    (0x8281, "mplscp"),
    (0xc021, "lcp"),
    (0xc023, "pap"),
    (0xc223, "chap"),
];
/// Bridged frames (RFC 3518): flags, kind of the frame, and for Ethernet the frame.
const BRIDGED_ETHERNET: u8 = 1;

/// PPPoE (RFC 2516): version and type, code of the session.
const PPPOE_VERSION: u8 = 0x11;
const PPPOE_SESSION: u8 = 0;

/// Cisco's keep-alive has the number that elsewhere is that of RARP.
const SLARP: u16 = 0x8035;
const CISCO_HEADER: usize = 4;

/// The last byte of a Frame Relay address (ITU-T Q.922), and the longest address.
const ADDRESS_ENDS: u8 = 0x01;
const LONGEST_ADDRESS: usize = 4;
/// Network layer protocol identifiers (ISO/IEC TR 9577; RFC 2427).
const NLPID_IPV4: u8 = 0xcc;
const NLPID_IPV6: u8 = 0x8e;
const NLPID_SNAP: u8 = 0x80;
const NLPID_PADDING: u8 = 0x00;

/// A PPP frame; address and control bytes, and the first byte of the protocol, may be left out.
pub(super) fn frame<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    layers.names.push("ppp");
    let data = data.strip_prefix(&[ADDRESS, CONTROL]).unwrap_or(data);
    let (protocol, payload) = match *data {
        // Only the last byte of a number is odd.
        [low, ..] if low & 1 == 1 => (u16::from(low), &data[1..]),
        [high, low, ..] => (u16::from_be_bytes([high, low]), &data[2..]),
        _ => return Err(cut("ppp")),
    };
    match protocol {
        IPV4 | IPV6 => {
            let version = if protocol == IPV4 { 4 } else { 6 };
            layers.ambiguous |= payload.first().is_some_and(|byte| byte >> 4 != version);
            Ok(Some(Next::Ip(payload)))
        }
        MPLS | MPLS_MULTICAST => Ok(Some(Next::EtherType(ethernet::MPLS, payload))),
        BRIDGING => match payload {
            [_, BRIDGED_ETHERNET, frame @ ..] => Ok(Some(Next::Ethernet(frame))),
            _ => Ok(None),
        },
        _ => {
            ethernet::name_by(NAMED, protocol, layers);
            Ok(None)
        }
    }
}

/// LINKTYPE_PPP and LINKTYPE_PPP_HDLC: the first byte tells PPP from Cisco's framing; neither is a
/// protocol number of PPP that is in use.
pub(super) fn hdlc<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    // Filters look for the protocol behind these two, whether or not they are there.
    layers.ambiguous |= !data.starts_with(&[ADDRESS, CONTROL]);
    match data.first() {
        Some(first) if CISCO_ADDRESSES.contains(first) => cisco(data, layers),
        _ => frame(data, layers),
    }
}

/// LINKTYPE_PPP_PPPD: the address byte is the direction.
pub(super) fn pppd<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    if let [_, CONTROL, frame @ ..] = data {
        return self::frame(frame, layers);
    }
    layers.ambiguous = true;
    frame(data, layers)
}

/// PPPoE, from its own header on.
pub(super) fn over_ethernet<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    let [version, code, _, _, high, low, payload @ ..] = data else {
        layers.names.push("pppoe");
        return Err(cut("pppoe"));
    };
    let session = u16::from_be_bytes([data[2], data[3]]);
    enter("pppoe", Some(session.into()), layers);
    if *version != PPPOE_VERSION {
        return Err(stop("pppoe", format_args!("version and type {version:#04x}")));
    }
    if *code != PPPOE_SESSION {
        // On a link of its own, filters do not look at the code.
        layers.ambiguous = true;
        return Ok(None);
    }
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    Ok(Some(Next::Ppp(payload.get(..length).unwrap_or(payload))))
}

pub(super) fn cisco<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    layers.names.push("chdlc");
    let number = u16_at(data, 2).ok_or_else(|| cut("chdlc"))?;
    let payload = behind("chdlc", data, CISCO_HEADER)?;
    match number {
        SLARP => {
            // The number is RARP's elsewhere.
            layers.ambiguous = true;
            ethernet::name("slarp", layers);
            Ok(None)
        }
        number => Ok(Some(Next::EtherType(number, payload))),
    }
}

/// Frame Relay with the encapsulation of RFC 2427, or with Cisco's, which is an EtherType.
pub(super) fn frame_relay<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    layers.names.push("fr");
    let address = data.iter().take(LONGEST_ADDRESS).position(|byte| byte & ADDRESS_ENDS != 0);
    let Some(address) = address else { return Err(cut("fr")) };
    let data = &data[address + 1..];
    match *data {
        [CONTROL, NLPID_PADDING, NLPID_SNAP, ..] => snap(&data[3..]),
        [CONTROL, NLPID_SNAP, ..] => snap(&data[2..]),
        [CONTROL, NLPID_IPV4 | NLPID_IPV6, ..] => Ok(Some(Next::Ip(&data[2..]))),
        [CONTROL, ..] => Ok(None),
        [high, low, ..] => {
            let number = u16::from_be_bytes([high, low]);
            if number < 0x0600 {
                return Ok(None);
            }
            Ok(Some(Next::EtherType(number, &data[2..])))
        }
        _ => Err(cut("fr")),
    }
}

/// Organisation and type; all but the plain EtherTypes stay undecoded.
fn snap(data: &[u8]) -> Step<'_> {
    match *data {
        [0, 0, 0, high, low, ..] => {
            Ok(Some(Next::EtherType(u16::from_be_bytes([high, low]), &data[5..])))
        }
        [0, 0x80, 0xc2, 0, 1 | 7, ..] => Ok(Some(Next::Ethernet(&data[5..]))),
        [_, _, _, _, _, ..] => Ok(None),
        _ => Err(cut("fr")),
    }
}
