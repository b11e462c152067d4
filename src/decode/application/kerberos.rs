//! Kerberos 5 (RFC 4120): kind of message, client, realm and service, where they are plain.

use super::{Cursor, Found, Ports, ber, text};
use crate::packet::{Application, Exchange};

const KERBEROS: u16 = 88;
/// Tags of the messages (RFC 4120, section 5.10), and their names.
const MESSAGES: &[(u8, &str)] = &[
    (0x6a, "as_req"),
    (0x6b, "as_rep"),
    (0x6c, "tgs_req"),
    (0x6d, "tgs_rep"),
    (0x6e, "ap_req"),
    (0x6f, "ap_rep"),
    (0x7e, "krb_error"),
];
const AS_REQ: u8 = 0x6a;
const TGS_REQ: u8 = 0x6c;
const AS_REP: u8 = 0x6b;
const TGS_REP: u8 = 0x6d;
const ERROR: u8 = 0x7e;

pub(super) fn over_tcp(ports: Ports, payload: &[u8]) -> Option<Found> {
    // A message begins with its length.
    decode(ports, payload.get(4..)?)
}

pub(super) fn over_udp(ports: Ports, payload: &[u8]) -> Option<Found> {
    decode(ports, payload)
}

fn decode(ports: Ports, payload: &[u8]) -> Option<Found> {
    let tag = *payload.first()?;
    let (_, name) = MESSAGES.iter().find(|(known, _)| *known == tag)?;
    if !ports.any(&[KERBEROS]) {
        return None;
    }
    let mut message = ber::expect(&mut Cursor(payload), tag)?;
    let members = ber::expect(&mut message, ber::SEQUENCE)?;
    let operations = vec![(*name).to_owned()];
    let mut found =
        Application::from(Exchange { operations: operations.clone(), ..Exchange::default() });
    let mut exchange = Exchange { operations, ..Exchange::default() };
    let context = |number: u8| 0xa0 | number;
    match tag {
        AS_REQ | TGS_REQ => {
            // The body of the request: options, client, realm, service.
            if let Some(body) = body(members, context(4)) {
                found.user.name = member_name(body, context(1));
                found.user.domain = member_text(body, context(2));
                exchange.service = member_name(body, context(3));
            }
        }
        AS_REP | TGS_REP => {
            found.user.domain = member_text(members, context(3));
            found.user.name = member_name(members, context(4));
        }
        ERROR => {
            let code = ber::member(members, context(6));
            let code = code.and_then(|mut code| ber::integer(&mut code, ber::INTEGER));
            exchange.status = code.map(|code| code.to_string());
            found.user.domain = member_text(members, context(9));
            exchange.service = member_name(members, context(10));
        }
        _ => {}
    }
    found.message = Application::from(exchange).message;
    Some(Found::with(&["kerberos"], found))
}

/// The request's body, also when it goes on beyond the packet.
fn body(mut members: Cursor<'_>, tag: u8) -> Option<Cursor<'_>> {
    while let Some(mut element) = ber::next(&mut members) {
        if element.tag == tag {
            return ber::expect(&mut element.content, ber::SEQUENCE);
        }
    }
    None
}

fn member_text(members: Cursor<'_>, tag: u8) -> Option<String> {
    let mut member = ber::member(members, tag)?;
    text(ber::next(&mut member)?.content.0)
}

/// A principal's name: a type, then its parts, which are written with `/` between them.
fn member_name(members: Cursor<'_>, tag: u8) -> Option<String> {
    let mut member = ber::member(members, tag)?;
    let mut name = ber::member(ber::expect(&mut member, ber::SEQUENCE)?, 0xa1)?;
    let mut parts = ber::expect(&mut name, ber::SEQUENCE)?;
    let mut text = String::new();
    while let Some(part) = ber::next(&mut parts) {
        if !text.is_empty() {
            text.push('/');
        }
        text.push_str(&String::from_utf8_lossy(part.content.0));
    }
    (!text.is_empty()).then_some(text)
}
