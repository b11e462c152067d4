//! RADIUS (RFC 2865, RFC 2866): code, user name, addresses. Passwords are not read.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Cursor, Found, Ports, text};
use crate::packet::{Application, Exchange};

const PORTS: &[u16] = &[1812, 1813, 1645, 1646, 3799];
/// Code, identifier, length and authenticator.
const HEADER: usize = 20;
/// Attributes (RFC 2865, section 5).
const USER_NAME: u8 = 1;
const NAS_ADDRESS: u8 = 4;
const FRAMED_ADDRESS: u8 = 8;
const NAS_IDENTIFIER: u8 = 32;
/// RFC 3162, RFC 6911.
const NAS_IPV6: u8 = 95;
const FRAMED_IPV6: u8 = 168;
/// Above this are no addresses, but wishes about them (RFC 2865, section 5.8).
const LAST_ADDRESS: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 253);

/// `whole` is the payload's length, of which some may not have been captured.
pub(super) fn decode(ports: Ports, payload: &[u8], whole: usize) -> Option<Found> {
    if !ports.any(PORTS) {
        return None;
    }
    let mut packet = Cursor(payload);
    let name = name(packet.u8()?)?;
    packet.u8()?;
    let length = usize::from(packet.u16()?);
    packet.take(HEADER - 4)?;
    if length > whole {
        return None;
    }
    let mut attributes = Cursor(packet.take_up_to(length.checked_sub(HEADER)?));
    let mut exchange = Exchange { operations: vec![name.to_owned()], ..Exchange::default() };
    let mut user = None;
    let is_captured = payload.len() >= length;
    while !attributes.is_empty() {
        let (kind, value) = match attribute(&mut attributes) {
            Some(attribute) => attribute,
            // Where the packet was cut; elsewhere it is no RADIUS.
            None if !is_captured => break,
            None => return None,
        };
        match kind {
            USER_NAME => user = text(value),
            NAS_ADDRESS | FRAMED_ADDRESS => exchange.addresses.extend(ipv4(value)),
            NAS_IPV6 | FRAMED_IPV6 => exchange.addresses.extend(ipv6(value)),
            NAS_IDENTIFIER => exchange.argument = text(value),
            _ => {}
        }
    }
    let mut found = Application::from(exchange);
    found.user.name = user;
    Some(Found::with(&["radius"], found))
}

/// Kind and value; the length counts its own two bytes.
fn attribute<'a>(attributes: &mut Cursor<'a>) -> Option<(u8, &'a [u8])> {
    let (kind, length) = (attributes.u8()?, attributes.u8()?);
    Some((kind, attributes.take(usize::from(length).checked_sub(2)?)?))
}

fn ipv4(value: &[u8]) -> Option<IpAddr> {
    let address = Ipv4Addr::from(<[u8; 4]>::try_from(value).ok()?);
    (!address.is_unspecified() && address <= LAST_ADDRESS).then_some(address.into())
}

fn ipv6(value: &[u8]) -> Option<IpAddr> {
    <[u8; 16]>::try_from(value).ok().map(|octets| Ipv6Addr::from(octets).into())
}

/// IANA, "RADIUS Packet Type Codes".
fn name(code: u8) -> Option<&'static str> {
    Some(match code {
        1 => "access_request",
        2 => "access_accept",
        3 => "access_reject",
        4 => "accounting_request",
        5 => "accounting_response",
        11 => "access_challenge",
        12 => "status_server",
        40 => "disconnect_request",
        41 => "disconnect_ack",
        42 => "disconnect_nak",
        43 => "coa_request",
        44 => "coa_ack",
        45 => "coa_nak",
        _ => return None,
    })
}
