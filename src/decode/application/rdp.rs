//! RDP: the first packet of a connection, and the cookie in it (MS-RDPBCGR, section 2.2.1.1).

use memchr::memmem;

use super::{Found, Ports, text};
use crate::packet::{Application, Exchange};

const RDP: u16 = 3389;
/// TPKT (RFC 1006): version 3, reserved, then the length.
const TPKT: &[u8] = &[3, 0];
/// Codes of X.224: connection request and confirm. The first byte is the header's length.
const REQUEST: u8 = 0xe0;
const CONFIRM: u8 = 0xd0;
const COOKIE: &[u8] = b"Cookie: mstshash=";

pub(super) fn decode(ports: Ports, payload: &[u8]) -> Option<Found> {
    if !payload.starts_with(TPKT) {
        return None;
    }
    let code = *payload.get(5)?;
    let cookie = (code == REQUEST).then(|| memmem::find(payload, COOKIE)).flatten();
    if cookie.is_none() && !ports.any(&[RDP]) {
        return None;
    }
    let operation = match code {
        REQUEST => "connection_request",
        CONFIRM => "connection_confirm",
        _ => return Some(Found::named(&["rdp"])),
    };
    let operations = vec![operation.to_owned()];
    let mut found = Application::from(Exchange { operations, ..Exchange::default() });
    found.user.name = cookie.and_then(|at| {
        let name = &payload[at + COOKIE.len()..];
        text(&name[..memchr::memchr(b'\r', name)?])
    });
    Some(Found::with(&["rdp"], found))
}
