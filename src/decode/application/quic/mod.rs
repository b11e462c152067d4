//! QUIC packets with a long header (RFC 9000, section 17.2), and the handshake in the Initial
//! packets of a client, whose keys follow from the packet itself (RFC 9001, section 5.2).
//!
//! A server's Initial packets are protected with a connection id that only the client's first
//! packet has: they are named, not read.

mod keys;

use super::{Cursor, Found, Ports, hexadecimal, tls};
use crate::packet::{Application, Message, Quic};
use keys::is_known;

const LONG_HEADER: u8 = 0x80;
const FIXED_BIT: u8 = 0x40;
/// RFC 9000, section 17.2.
const LONGEST_CONNECTION_ID: usize = 20;
const SHORTEST_CLIENT_ID: usize = 8;
const HTTPS: u16 = 443;
const NEGOTIATION: u32 = 0;
const V1: u32 = 1;
/// RFC 9369.
const V2: u32 = 0x6b33_43cf;
/// `Q044` to `Q050`: Google's, with headers and a handshake of their own.
const GOOGLE: std::ops::RangeInclusive<u32> = 0x5130_3434..=0x5130_3530;
/// Packets of one datagram that are looked at.
const MOST_PACKETS: usize = 16;
/// Frames (RFC 9000, section 19).
const PADDING: u64 = 0x00;
const PING: u64 = 0x01;
const ACK: u64 = 0x02;
const ACK_ECN: u64 = 0x03;
const CRYPTO: u64 = 0x06;
/// A handshake that begins with a hello has not more than this in its first flight.
const LONGEST_HANDSHAKE: usize = 1 << 16;

const CUT: &str = "quic: an Initial packet was cut, and cannot be decrypted";
const NOT_THE_BEGINNING: &str = "quic: the handshake does not begin in this packet";
const GAP: &str = "quic: the handshake has a gap; what stands before it is kept";
const MORE_PACKETS: &str = "quic: packets beyond the first 16 of the datagram are left out";

pub(super) fn decode(ports: Ports, payload: &[u8]) -> Option<Found> {
    let [first, a, b, c, d, ..] = *payload else { return None };
    if first & LONG_HEADER == 0 {
        return None;
    }
    let version = u32::from_be_bytes([a, b, c, d]);
    if version == NEGOTIATION {
        return negotiation(payload).map(|quic| found(quic, Vec::new()));
    }
    if first & FIXED_BIT == 0 {
        return None;
    }
    if GOOGLE.contains(&version) {
        return Some(found(Quic { version, ..Quic::default() }, Vec::new()));
    }
    let mut reading = Reading::default();
    if is_known(version) {
        reading.datagram(version, payload)?;
    } else {
        let quic = unknown(ports, version, payload)?;
        // Its packets are read as those of version 1 are, and believed where the keys fit.
        if reading.datagram(version, payload).is_none() || reading.pieces.is_empty() {
            return Some(found(quic, Vec::new()));
        }
    }
    let handshake = reading.handshake();
    reading.quic.tls = tls::in_quic(&handshake, &mut reading.notes);
    Some(found(reading.quic, reading.notes))
}

fn found(quic: Quic, notes: Vec<&'static str>) -> Found {
    let names: &[&str] = if quic.tls.is_some() { &["quic", "tls"] } else { &["quic"] };
    let message = Message::Quic(Box::new(quic));
    Found::with(names, Application { notes, ..Application::of(message) })
}

/// A version of somebody's own: at the port of HTTP/3, with the long header that all versions
/// share (RFC 8999, section 5.1), and a connection id of a client's length (RFC 9000, section
/// 7.2).
fn unknown(ports: Ports, version: u32, payload: &[u8]) -> Option<Quic> {
    let header = Header::read(&mut Cursor(payload.get(5..)?))?;
    let is_plausible = ports.any(&[HTTPS])
        && header.destination.len().max(header.source.len()) >= SHORTEST_CLIENT_ID;
    is_plausible.then(|| Quic {
        version,
        connection_ids: header.connection_ids(),
        ..Quic::default()
    })
}

/// Version negotiation: a list of versions, of which at least one must be known, since nothing
/// else tells it from other bytes.
fn negotiation(payload: &[u8]) -> Option<Quic> {
    let header = Header::read(&mut Cursor(payload.get(5..)?))?;
    let versions = header.rest.chunks_exact(4);
    let is_list = versions.remainder().is_empty()
        && versions.flat_map(<[u8; 4]>::try_from).map(u32::from_be_bytes).any(is_known);
    is_list.then(|| Quic {
        version: NEGOTIATION,
        packets: vec!["version_negotiation"],
        connection_ids: header.connection_ids(),
        tls: None,
    })
}

/// What every long header has behind the version.
#[derive(Debug)]
struct Header<'a> {
    destination: &'a [u8],
    source: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Header<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
        let destination = cursor.sized_u8()?;
        let source = cursor.sized_u8()?;
        (destination.len() <= LONGEST_CONNECTION_ID && source.len() <= LONGEST_CONNECTION_ID)
            .then_some(Self { destination, source, rest: cursor.0 })
    }

    fn connection_ids(&self) -> Vec<String> {
        let ids = [self.destination, self.source].into_iter().filter(|id| !id.is_empty());
        ids.map(hexadecimal).collect()
    }
}

#[derive(Debug, Default)]
struct Reading {
    quic: Quic,
    /// Pieces of the handshake: offset and bytes.
    pieces: Vec<(usize, Vec<u8>)>,
    notes: Vec<&'static str>,
}

impl Reading {
    /// Reads one packet after the other; `None` when the first is none.
    fn datagram(&mut self, version: u32, datagram: &[u8]) -> Option<()> {
        self.quic.version = version;
        let mut rest = self.packet(version, datagram)?;
        let mut count = 1;
        // Behind the last long header stands a packet with a short one, or padding.
        while rest.first().is_some_and(|first| first & 0xc0 == 0xc0) {
            if count == MOST_PACKETS {
                self.note(MORE_PACKETS);
                break;
            }
            let Some(behind) = self.packet(version, rest) else { break };
            rest = behind;
            count += 1;
        }
        Some(())
    }

    /// Reads the packet at the front and returns what stands behind it.
    fn packet<'a>(&mut self, version: u32, data: &'a [u8]) -> Option<&'a [u8]> {
        let mut cursor = Cursor(data);
        let first = cursor.u8()?;
        if cursor.u32()? != version {
            return None;
        }
        let header = Header::read(&mut cursor)?;
        let kind = kind(version, first);
        if self.quic.packets.is_empty() {
            self.quic.connection_ids = header.connection_ids();
        }
        if !self.quic.packets.contains(&kind) {
            self.quic.packets.push(kind);
        }
        let mut cursor = Cursor(header.rest);
        if kind == "retry" {
            return Some(&[]);
        }
        if kind == "initial" {
            let length = usize::try_from(variable(&mut cursor)?).ok()?;
            cursor.take(length)?;
        }
        let length = usize::try_from(variable(&mut cursor)?).ok()?;
        let number_at = data.len() - cursor.0.len();
        let Some(protected) = cursor.take(length) else {
            if kind == "initial" {
                self.note(CUT);
            }
            return Some(&[]);
        };
        if kind == "initial" {
            let whole = &data[..number_at + protected.len()];
            if let Some(frames) = keys::open(version, header.destination, whole, number_at) {
                self.frames(Cursor(&frames));
            }
        }
        Some(cursor.0)
    }

    /// Takes the pieces of the handshake out of the frames of an Initial packet.
    fn frames(&mut self, mut frames: Cursor<'_>) -> Option<()> {
        while !frames.is_empty() {
            match variable(&mut frames)? {
                PADDING | PING => {}
                kind @ (ACK | ACK_ECN) => acknowledgement(&mut frames, kind == ACK_ECN)?,
                CRYPTO => {
                    let offset = usize::try_from(variable(&mut frames)?).ok()?;
                    let length = usize::try_from(variable(&mut frames)?).ok()?;
                    self.pieces.push((offset, frames.take(length)?.to_vec()));
                }
                _ => return None,
            }
        }
        Some(())
    }

    /// The handshake from its beginning to the first gap.
    fn handshake(&mut self) -> Vec<u8> {
        self.pieces.sort_unstable();
        let mut handshake = Vec::new();
        for (offset, piece) in &self.pieces {
            let Some(known) = handshake.len().checked_sub(*offset) else {
                let note = if handshake.is_empty() { NOT_THE_BEGINNING } else { GAP };
                self.notes.push(note);
                break;
            };
            handshake.extend_from_slice(piece.get(known..).unwrap_or_default());
            if handshake.len() > LONGEST_HANDSHAKE {
                break;
            }
        }
        handshake
    }

    fn note(&mut self, note: &'static str) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// An acknowledgement is of no interest, but its length is not told.
fn acknowledgement(frames: &mut Cursor<'_>, has_counts: bool) -> Option<()> {
    let _largest = variable(frames)?;
    let _delay = variable(frames)?;
    let ranges = variable(frames)?;
    let _first_range = variable(frames)?;
    let counts = if has_counts { 3 } else { 0 };
    // Each takes at least a byte, so a false number ends with the packet.
    for _ in 0..ranges.saturating_mul(2).saturating_add(counts) {
        variable(frames)?;
    }
    Some(())
}

fn kind(version: u32, first: u8) -> &'static str {
    // Version 2 turned the numbers by one (RFC 9369, section 3.2).
    let kind = first >> 4 & 0x03;
    match if version == V2 { kind.wrapping_sub(1) & 0x03 } else { kind } {
        0 => "initial",
        1 => "0-rtt",
        2 => "handshake",
        _ => "retry",
    }
}

/// A number of variable length (RFC 9000, section 16).
fn variable(cursor: &mut Cursor<'_>) -> Option<u64> {
    let first = *cursor.0.first()?;
    let bytes = cursor.take(1 << (first >> 6))?;
    let number = bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    Some(number & (u64::MAX >> (66 - 8 * bytes.len() as u64)))
}
