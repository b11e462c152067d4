//! LDAP (RFC 4511): the operation, the name it is about, who binds. Passwords are not read.

use super::{Cursor, Found, Ports, ber, ntlm, text};
use crate::packet::{Application, Exchange, User};

const PORTS: &[u16] = &[389, 3268];
/// Tags of the operations (RFC 4511, section 4).
const BIND_REQUEST: u8 = 0x60;
const SEARCH_REQUEST: u8 = 0x63;
const SEARCH_ENTRY: u8 = 0x64;
const ADD_REQUEST: u8 = 0x68;
const MODIFY_REQUEST: u8 = 0x66;
const DELETE_REQUEST: u8 = 0x4a;
const RENAME_REQUEST: u8 = 0x6c;
const COMPARE_REQUEST: u8 = 0x6e;
const EXTENDED_REQUEST: u8 = 0x77;
/// The name of an extended request (`[0]`).
const REQUEST_NAME: u8 = 0x80;
/// Messages of one packet that are named.
const MOST_MESSAGES: usize = 16;
const MORE_MESSAGES: &str = "ldap: messages beyond the first 16 of the packet are left out";

pub(super) fn decode(ports: Ports, payload: &[u8]) -> Option<Found> {
    if payload.first() != Some(&ber::SEQUENCE) || !ports.any(PORTS) {
        return None;
    }
    let mut found = Application::default();
    let mut exchange = Exchange::default();
    let mut rest = Cursor(payload);
    message(&mut rest, &mut exchange, &mut found.user)?;
    for count in 1.. {
        if count == MOST_MESSAGES && !rest.is_empty() {
            found.notes.push(MORE_MESSAGES);
            break;
        }
        if message(&mut rest, &mut exchange, &mut found.user).is_none() {
            break;
        }
    }
    // The credentials of a server's answer stand behind its result.
    if exchange.operations.iter().any(|name| name == "bind_response") {
        found.challenger = ntlm::read(payload).1;
    }
    found.message = Application::from(exchange).message;
    Some(Found::with(&["ldap"], found))
}

fn message(rest: &mut Cursor<'_>, exchange: &mut Exchange, user: &mut User) -> Option<()> {
    let mut message = ber::expect(rest, ber::SEQUENCE)?;
    ber::integer(&mut message, ber::INTEGER)?;
    let operation = ber::next(&mut message)?;
    let name = name(operation.tag)?;
    if !exchange.operations.iter().any(|known| known == name) {
        exchange.operations.push(name.to_owned());
    }
    let mut content = operation.content;
    match operation.tag {
        BIND_REQUEST => {
            ber::integer(&mut content, ber::INTEGER)?;
            let account = ber::text(&mut content, ber::OCTETS);
            exchange.argument = exchange.argument.take().or_else(|| account.clone());
            *user =
                ntlm::read(content.0).0.unwrap_or_else(|| User { name: account, ..user.clone() });
        }
        SEARCH_REQUEST | SEARCH_ENTRY | ADD_REQUEST | MODIFY_REQUEST | RENAME_REQUEST
        | COMPARE_REQUEST => {
            let name = ber::text(&mut content, ber::OCTETS);
            exchange.argument = exchange.argument.take().or(name);
        }
        DELETE_REQUEST => exchange.argument = exchange.argument.take().or_else(|| text(content.0)),
        EXTENDED_REQUEST => {
            let name = ber::text(&mut content, REQUEST_NAME);
            exchange.argument = exchange.argument.take().or(name);
        }
        _ => {
            // A result begins with its code.
            let code = ber::integer(&mut content, ber::ENUMERATED);
            exchange.status = exchange.status.take().or(code.map(|code| code.to_string()));
        }
    }
    Some(())
}

fn name(tag: u8) -> Option<&'static str> {
    Some(match tag {
        BIND_REQUEST => "bind_request",
        0x61 => "bind_response",
        0x42 => "unbind_request",
        SEARCH_REQUEST => "search_request",
        SEARCH_ENTRY => "search_result_entry",
        0x65 => "search_result_done",
        MODIFY_REQUEST => "modify_request",
        0x67 => "modify_response",
        ADD_REQUEST => "add_request",
        0x69 => "add_response",
        DELETE_REQUEST => "delete_request",
        0x6b => "delete_response",
        RENAME_REQUEST => "modify_dn_request",
        0x6d => "modify_dn_response",
        COMPARE_REQUEST => "compare_request",
        0x6f => "compare_response",
        0x50 => "abandon_request",
        0x73 => "search_result_reference",
        EXTENDED_REQUEST => "extended_request",
        0x78 => "extended_response",
        0x79 => "intermediate_response",
        _ => return None,
    })
}
