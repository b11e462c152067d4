//! SNMP (RFC 3416): version, kind of request, the first object. The community is a password.

use super::{Cursor, Found, Ports, ber};
use crate::packet::Exchange;

const PORTS: &[u16] = &[161, 162];
const V3: i64 = 3;
/// Tags of the PDUs (RFC 3416, section 3; the fifth: RFC 1157).
const FIRST_PDU: u8 = 0xa0;
const OLD_TRAP: u8 = 0xa4;
const PDUS: [&str; 9] = [
    "get_request",
    "get_next_request",
    "response",
    "set_request",
    "trap",
    "get_bulk_request",
    "inform_request",
    "trap",
    "report",
];

pub(super) fn decode(ports: Ports, payload: &[u8]) -> Option<Found> {
    if payload.first() != Some(&ber::SEQUENCE) || !ports.any(PORTS) {
        return None;
    }
    let mut message = ber::expect(&mut Cursor(payload), ber::SEQUENCE)?;
    let version = ber::integer(&mut message, ber::INTEGER)?;
    let name = match version {
        0 => "1",
        1 => "2c",
        V3 => "3",
        _ => return None,
    };
    let mut exchange = Exchange { version: Some(name.to_owned()), ..Exchange::default() };
    if version == V3 {
        ber::expect(&mut message, ber::SEQUENCE)?;
        // The user name is in the security parameters; the PDU is mostly encrypted.
        let security = ber::expect(&mut message, ber::OCTETS);
        if let Some(mut scoped) = ber::expect(&mut message, ber::SEQUENCE) {
            let _context = (ber::next(&mut scoped), ber::next(&mut scoped));
            pdu(scoped, &mut exchange);
        }
        let mut found = crate::packet::Application::from(exchange);
        found.user.name = security.and_then(user);
        return Some(Found::with(&["snmp"], found));
    }
    let _community = ber::expect(&mut message, ber::OCTETS)?;
    pdu(message, &mut exchange);
    Some(Found::with(&["snmp"], exchange))
}

fn pdu(mut message: Cursor<'_>, exchange: &mut Exchange) -> Option<()> {
    let mut pdu = ber::next(&mut message)?;
    let name = PDUS.get(usize::from(pdu.tag.checked_sub(FIRST_PDU)?))?;
    exchange.operations.push((*name).to_owned());
    if pdu.tag == OLD_TRAP {
        // Its first member is the enterprise that defines the trap.
        exchange.argument = ber::object_id(ber::expect(&mut pdu.content, ber::OBJECT_ID)?.0);
        return Some(());
    }
    for _ in 0..3 {
        ber::integer(&mut pdu.content, ber::INTEGER)?;
    }
    let mut bindings = ber::expect(&mut pdu.content, ber::SEQUENCE)?;
    let mut binding = ber::expect(&mut bindings, ber::SEQUENCE)?;
    exchange.argument = ber::object_id(ber::expect(&mut binding, ber::OBJECT_ID)?.0);
    Some(())
}

/// The fourth member of the user-based security model's parameters (RFC 3414, section 2.4).
fn user(mut parameters: Cursor<'_>) -> Option<String> {
    let mut parameters = ber::expect(&mut parameters, ber::SEQUENCE)?;
    for _ in 0..3 {
        ber::next(&mut parameters)?;
    }
    super::text(ber::expect(&mut parameters, ber::OCTETS)?.0)
}
