//! RADIUS (RFC 2865, RFC 2866): code and user name. Passwords are not read.

use super::{Cursor, Found, Ports, text};
use crate::packet::{Application, Exchange};

const PORTS: &[u16] = &[1812, 1813, 1645, 1646, 3799];
/// Code, identifier, length and authenticator.
const HEADER: usize = 20;
/// Attributes (RFC 2865, section 5).
const USER_NAME: u8 = 1;
const NAS_IDENTIFIER: u8 = 32;

pub(super) fn decode(ports: Ports, payload: &[u8]) -> Option<Found> {
    if !ports.any(PORTS) {
        return None;
    }
    let mut packet = Cursor(payload);
    let name = name(packet.u8()?)?;
    packet.u8()?;
    let length = usize::from(packet.u16()?);
    packet.take(HEADER - 4)?;
    let mut attributes = Cursor(packet.take_up_to(length.checked_sub(HEADER)?));
    let mut exchange = Exchange { operations: vec![name.to_owned()], ..Exchange::default() };
    let mut user = None;
    // An attribute's length counts its own two bytes.
    while let (Some(kind), Some(length)) = (attributes.u8(), attributes.u8()) {
        let Some(value) = usize::from(length).checked_sub(2).and_then(|n| attributes.take(n))
        else {
            break;
        };
        match kind {
            USER_NAME => user = text(value),
            NAS_IDENTIFIER => exchange.argument = text(value),
            _ => {}
        }
    }
    let mut found = Application::from(exchange);
    found.user.name = user;
    Some(Found::with(&["radius"], found))
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
