//! SIP (RFC 3261): who calls whom.

use super::http::{Lines, digest_user, name_and_value};
use super::{Found, text, url};
use crate::packet::{Application, Exchange, User};

const VERSION: &[u8] = b"SIP/2.0";
/// Methods (IANA, "Session Initiation Protocol (SIP) Parameters").
const METHODS: [&[u8]; 14] = [
    b"ACK",
    b"BYE",
    b"CANCEL",
    b"INFO",
    b"INVITE",
    b"MESSAGE",
    b"NOTIFY",
    b"OPTIONS",
    b"PRACK",
    b"PUBLISH",
    b"REFER",
    b"REGISTER",
    b"SUBSCRIBE",
    b"UPDATE",
];
const LONGEST_METHOD: usize = 9;
/// Lines of a head that are read.
const MOST_LINES: usize = 128;
const MORE_LINES: &str = "sip: header lines beyond the first 128 are left out";

pub(super) fn decode(payload: &[u8]) -> Option<Found> {
    let mut lines = Lines(payload);
    let mut exchange = if payload.starts_with(VERSION) {
        answer(lines.next()?)
    } else {
        payload.first().filter(|first| first.is_ascii_uppercase())?;
        let end = payload.iter().take(LONGEST_METHOD + 1).position(|byte| *byte == b' ')?;
        let method = &payload[..end];
        METHODS.contains(&method).then_some(())?;
        let target = lines.next()?[end + 1..].strip_suffix(VERSION)?;
        Exchange {
            operations: text(method).into_iter().collect(),
            argument: text(target).map(|target| url::without_password(target, true)),
            ..Exchange::default()
        }
    };
    exchange.version = Some("2.0".to_owned());
    let mut found = Application::default();
    for (count, line) in lines.take_while(|line| !line.is_empty()).enumerate() {
        if count == MOST_LINES {
            found.notes.push(MORE_LINES);
            break;
        }
        if let Some((name, value)) = name_and_value(line) {
            field(name.trim_ascii_end(), value, &mut exchange, &mut found.user);
        }
    }
    found.message = Application::from(exchange).message;
    Some(Found::with(&["sip"], found))
}

/// `SIP/2.0 200 OK`
fn answer(line: &[u8]) -> Exchange {
    let mut words = line.splitn(3, |byte| *byte == b' ').skip(1);
    Exchange {
        status: words.next().and_then(text),
        argument: words.next().and_then(text),
        ..Exchange::default()
    }
}

/// Names have short forms (RFC 3261, section 20).
fn field(name: &[u8], value: &[u8], exchange: &mut Exchange, user: &mut User) {
    let named = |long: &str, short: &str| {
        name.eq_ignore_ascii_case(long.as_bytes()) || name.eq_ignore_ascii_case(short.as_bytes())
    };
    if named("From", "f") {
        exchange.from = address(value);
    } else if named("To", "t") {
        exchange.to = address(value).into_iter().collect();
    } else if named("Call-ID", "i") {
        exchange.session = text(value);
    } else if named("User-Agent", "User-Agent") {
        exchange.user_agent = text(value);
    } else if named("Server", "Server") {
        exchange.software = text(value);
    } else if named("CSeq", "CSeq") && exchange.operations.is_empty() {
        // An answer names the method that it answers.
        exchange.operations.extend(value.rsplit(|byte| *byte == b' ').next().and_then(text));
    } else if named("Authorization", "Proxy-Authorization") {
        user.name = digest_user(value);
    }
}

/// The URI in `"Alice" <sip:alice@example.com>;tag=1`.
fn address(value: &[u8]) -> Option<String> {
    let uri = match memchr::memchr(b'<', value) {
        Some(start) => {
            let rest = &value[start + 1..];
            &rest[..memchr::memchr(b'>', rest).unwrap_or(rest.len())]
        }
        None => &value[..memchr::memchr(b';', value).unwrap_or(value.len())],
    };
    text(uri).map(|uri| url::without_password(uri, true))
}
