//! MQTT 3.1, 3.1.1 and 5: packets, topics, who connects. Passwords are not read.

use super::{Cursor, Found, Ports, text};
use crate::packet::{Application, Exchange, User};

const MQTT: u16 = 1883;
/// Types of packets, in the upper half of the first byte (MQTT 5, section 2.1.2).
const NAMES: [&str; 15] = [
    "connect",
    "connack",
    "publish",
    "puback",
    "pubrec",
    "pubrel",
    "pubcomp",
    "subscribe",
    "suback",
    "unsubscribe",
    "unsuback",
    "pingreq",
    "pingresp",
    "disconnect",
    "auth",
];
const CONNECT: u8 = 1;
const CONNACK: u8 = 2;
const PUBLISH: u8 = 3;
const SUBSCRIBE: u8 = 8;
const UNSUBSCRIBE: u8 = 10;
/// Flags of CONNECT.
const HAS_USER: u8 = 0x80;
const HAS_WILL: u8 = 0x04;
/// Versions, as they are numbered on the wire.
const V3_1: u8 = 3;
const V3_1_1: u8 = 4;
const V5: u8 = 5;
/// Packets of one segment that are named.
const MOST_PACKETS: usize = 32;
const MORE_PACKETS: &str = "mqtt: packets beyond the first 32 of the segment are left out";

pub(super) fn decode(ports: Ports, payload: &[u8]) -> Option<Found> {
    let is_connect = payload.first() == Some(&(CONNECT << 4))
        && payload.get(2..12).is_some_and(|start| {
            memchr::memmem::find(start, b"\0\x04MQTT").is_some()
                || memchr::memmem::find(start, b"\0\x06MQIsdp").is_some()
        });
    if !is_connect && !ports.any(&[MQTT]) {
        return None;
    }
    let mut found = Application::default();
    let mut exchange = Exchange::default();
    let mut rest = Cursor(payload);
    packet(&mut rest, &mut exchange, &mut found.user)?;
    for count in 1.. {
        if count == MOST_PACKETS && !rest.is_empty() {
            found.notes.push(MORE_PACKETS);
            break;
        }
        if packet(&mut rest, &mut exchange, &mut found.user).is_none() {
            break;
        }
    }
    found.message = Application::from(exchange).message;
    Some(Found::with(&["mqtt"], found))
}

fn packet(rest: &mut Cursor<'_>, exchange: &mut Exchange, user: &mut User) -> Option<()> {
    let first = rest.u8()?;
    let (kind, flags) = (first >> 4, first & 0x0f);
    let name = *NAMES.get(usize::from(kind).checked_sub(1)?)?;
    if !flags_fit(kind, flags) {
        return None;
    }
    let length = remaining_length(rest)?;
    let mut body = Cursor(rest.take_up_to(length));
    if !exchange.operations.iter().any(|known| known == name) {
        exchange.operations.push(name.to_owned());
    }
    let topic = match kind {
        CONNECT => return connect(body, exchange, user),
        CONNACK => {
            exchange.status = body.0.get(1).map(u8::to_string);
            None
        }
        PUBLISH => body.sized_u16(),
        // Without the properties of version 5, which cannot be told here.
        SUBSCRIBE | UNSUBSCRIBE => body.u16().and_then(|_| body.sized_u16()),
        _ => None,
    };
    if exchange.argument.is_none() {
        exchange.argument = topic.and_then(text);
    }
    Some(())
}

/// The lower half of the first byte is fixed, but for PUBLISH (MQTT 5, section 2.1.3).
fn flags_fit(kind: u8, flags: u8) -> bool {
    match kind {
        PUBLISH => flags & 0x06 != 0x06,
        6 | SUBSCRIBE | UNSUBSCRIBE => flags == 2,
        _ => flags == 0,
    }
}

/// Seven bits in each of four bytes at most (MQTT 5, section 1.5.5).
fn remaining_length(rest: &mut Cursor<'_>) -> Option<usize> {
    let mut length = 0;
    for shift in [0, 7, 14, 21] {
        let byte = rest.u8()?;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(length);
        }
    }
    None
}

fn connect(mut body: Cursor<'_>, exchange: &mut Exchange, user: &mut User) -> Option<()> {
    body.sized_u16()?;
    let version = body.u8()?;
    exchange.version = Some(match version {
        V3_1 => "3.1".to_owned(),
        V3_1_1 => "3.1.1".to_owned(),
        V5 => "5".to_owned(),
        other => other.to_string(),
    });
    let flags = body.u8()?;
    let _keep_alive = body.u16()?;
    skip_properties(version, &mut body)?;
    exchange.session = text(body.sized_u16()?);
    if flags & HAS_WILL != 0 {
        skip_properties(version, &mut body)?;
        let (_topic, _message) = (body.sized_u16()?, body.sized_u16()?);
    }
    if flags & HAS_USER != 0 {
        user.name = text(body.sized_u16()?);
    }
    Some(())
}

/// Only version 5 has them.
fn skip_properties(version: u8, body: &mut Cursor<'_>) -> Option<()> {
    if version == V5 {
        let length = remaining_length(body)?;
        body.take(length)?;
    }
    Some(())
}
