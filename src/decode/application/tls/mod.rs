//! TLS (RFC 8446, RFC 5246): records, handshake messages, alerts.

mod certificate;
mod hello;
mod ja3;
mod ja4;

use super::{Cursor, Found, Ports};
use crate::packet::{Application, Message, Tls};

pub(super) use ja4::Carrier;

/// Types of records (RFC 8446, section 5.1; heartbeat: RFC 6520).
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const HEARTBEAT: u8 = 24;
/// A record holds at most 2^14 + 2048 bytes (RFC 5246, section 6.2.3).
const LONGEST_RECORD: u16 = (1 << 14) + 2048;
/// Types of handshake messages (RFC 8446, section 4).
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
/// What only one of the two says, beside its hello (RFC 5246, section 7.3).
const OF_SERVER: [&str; 5] = [
    "server_hello",
    "server_key_exchange",
    "certificate_request",
    "certificate_status",
    "server_hello_done",
];
const OF_CLIENT: [&str; 3] = ["client_hello", "client_key_exchange", "certificate_verify"];
/// Ports of services, and the first of those that clients take (RFC 6335, section 6).
const FIRST_USER_PORT: u16 = 1024;
const FIRST_DYNAMIC_PORT: u16 = 49152;
/// Certificates of a whole chain fit; encrypted bytes taken for a length hardly ever do.
const LONGEST_MESSAGE: usize = 1 << 17;
/// Records of one packet that are looked at.
const MOST_RECORDS: usize = 64;

const CUT: &str = "tls: a handshake message goes on beyond this packet; what stands in it is kept";
const MORE_RECORDS: &str = "tls: records beyond the first 64 of the packet are left out";

pub(super) fn decode(ports: Ports, payload: &[u8]) -> Option<Found> {
    let [content_type, 3, minor, high, low, ..] = *payload else { return None };
    let is_record = (CHANGE_CIPHER_SPEC..=HEARTBEAT).contains(&content_type)
        && minor <= 4
        && (1..=LONGEST_RECORD).contains(&u16::from_be_bytes([high, low]));
    if !is_record {
        return None;
    }
    let mut reading = Reading::over(Carrier::Tcp);
    reading.records(Cursor(payload));
    if reading.is_of_client(ports) {
        reading.tls.client_certificate = reading.tls.certificate.take();
    }
    Some(Found { names: &["tls"], details: reading.into_application() })
}

/// The handshake in the stream of CRYPTO frames of QUIC.
pub(super) fn in_quic(handshake: &[u8], notes: &mut Vec<&'static str>) -> Option<Tls> {
    let mut reading = Reading::over(Carrier::Quic);
    reading.handshake(Cursor(handshake));
    notes.append(&mut reading.notes);
    (!reading.tls.messages.is_empty()).then_some(reading.tls)
}

struct Reading {
    carrier: Carrier,
    tls: Tls,
    notes: Vec<&'static str>,
}

impl Reading {
    fn over(carrier: Carrier) -> Self {
        Self { carrier, tls: Tls::default(), notes: Vec::new() }
    }

    /// Reads records until one is not whole. A handshake message may span several, and a record
    /// may hold several messages.
    fn records(&mut self, mut rest: Cursor<'_>) {
        let mut spanning: Vec<u8> = Vec::new();
        let mut is_encrypted = false;
        for count in 0.. {
            let mut record = rest;
            let (Some(content_type), Some(_version), Some(length)) =
                (record.u8(), record.u16(), record.u16())
            else {
                break;
            };
            if count == MOST_RECORDS {
                self.note(MORE_RECORDS);
                break;
            }
            let fragment = record.take_up_to(length.into());
            rest = record;
            match content_type {
                // What follows a change of the cipher is encrypted; but TLS 1.3 says so before a
                // second hello too (RFC 8446, appendix D.4).
                HANDSHAKE if is_encrypted && !is_hello(fragment) => {
                    self.message("encrypted_handshake");
                }
                HANDSHAKE if spanning.is_empty() && is_whole(fragment) => {
                    self.handshake(Cursor(fragment));
                }
                HANDSHAKE => spanning.extend_from_slice(fragment),
                CHANGE_CIPHER_SPEC => {
                    is_encrypted = true;
                    self.message("change_cipher_spec");
                }
                ALERT => self.alert(fragment),
                HEARTBEAT => self.message("heartbeat"),
                _ => {}
            }
        }
        if !spanning.is_empty() {
            self.handshake(Cursor(&spanning));
        }
    }

    fn handshake(&mut self, mut rest: Cursor<'_>) {
        while let (Some(kind), Some(length)) = (rest.u8(), rest.u24()) {
            let Ok(length) = usize::try_from(length) else { return };
            let body = rest.take_up_to(length);
            let is_whole = body.len() == length;
            let Some(name) = name(kind).filter(|_| length <= LONGEST_MESSAGE) else {
                // Encrypted, or not from its beginning: nothing after it can be trusted.
                self.message("encrypted_handshake");
                return;
            };
            self.message(name);
            match kind {
                // A packet has one of each; the fingerprints of more would cost and say nothing.
                CLIENT_HELLO if self.tls.client.is_none() => {
                    hello::client(body, is_whole, self.carrier, &mut self.tls);
                }
                SERVER_HELLO if self.tls.server.is_none() => {
                    hello::server(body, is_whole, &mut self.tls);
                }
                CERTIFICATE if self.tls.certificate.is_none() => {
                    self.tls.certificate = certificate::first(body);
                }
                _ => {}
            }
            if !is_whole {
                self.note(CUT);
            }
        }
    }

    /// Whether the client sends the packet: by what it says, or else by the ports.
    fn is_of_client(&self, Ports { source, destination }: Ports) -> bool {
        let says = |names: &[&str]| self.tls.messages.iter().any(|name| names.contains(name));
        let by_ports = destination < FIRST_USER_PORT && source >= FIRST_USER_PORT
            || destination < FIRST_DYNAMIC_PORT && source >= FIRST_DYNAMIC_PORT;
        !says(&OF_SERVER) && (says(&OF_CLIENT) || by_ports)
    }

    fn alert(&mut self, fragment: &[u8]) {
        match *fragment {
            [level @ 1..=2, description] => {
                let level = if level == 1 { "warning" } else { "fatal" };
                let description = alert(description);
                self.tls.alert = Some(format!("{level} {description}"));
                self.message("alert");
            }
            _ => self.message("encrypted_alert"),
        }
    }

    fn message(&mut self, name: &'static str) {
        if !self.tls.messages.contains(&name) {
            self.tls.messages.push(name);
        }
    }

    fn note(&mut self, note: &'static str) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Records of application data alone say nothing.
    fn into_application(self) -> Option<Application> {
        if self.tls.messages.is_empty() {
            return None;
        }
        let message = Message::Tls(Box::new(self.tls));
        Some(Application { notes: self.notes, ..Application::of(message) })
    }
}

/// Whether the last message that begins in the fragment also ends in it.
fn is_whole(fragment: &[u8]) -> bool {
    let mut rest = Cursor(fragment);
    while !rest.is_empty() {
        let length = rest.u8().and_then(|_| rest.u24()).map(usize::try_from);
        let Some(Ok(length)) = length else { return false };
        if rest.take(length).is_none() {
            return false;
        }
    }
    true
}

/// Whether the fragment is one hello and nothing else.
fn is_hello(fragment: &[u8]) -> bool {
    let mut rest = Cursor(fragment);
    matches!(rest.u8(), Some(CLIENT_HELLO | SERVER_HELLO))
        && rest.u24().map(usize::try_from) == Some(Ok(rest.0.len()))
}

/// Names of handshake messages (IANA, "TLS HandshakeType").
fn name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0 => "hello_request",
        CLIENT_HELLO => "client_hello",
        SERVER_HELLO => "server_hello",
        3 => "hello_verify_request",
        4 => "new_session_ticket",
        5 => "end_of_early_data",
        6 => "hello_retry_request",
        8 => "encrypted_extensions",
        CERTIFICATE => "certificate",
        12 => "server_key_exchange",
        13 => "certificate_request",
        14 => "server_hello_done",
        15 => "certificate_verify",
        16 => "client_key_exchange",
        20 => "finished",
        21 => "certificate_url",
        22 => "certificate_status",
        23 => "supplemental_data",
        24 => "key_update",
        25 => "compressed_certificate",
        _ => return None,
    })
}

/// Names of alerts (IANA, "TLS Alerts").
fn alert(description: u8) -> String {
    let name = match description {
        0 => "close_notify",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        22 => "record_overflow",
        40 => "handshake_failure",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        90 => "user_canceled",
        100 => "no_renegotiation",
        109 => "missing_extension",
        110 => "unsupported_extension",
        112 => "unrecognized_name",
        113 => "bad_certificate_status_response",
        115 => "unknown_psk_identity",
        116 => "certificate_required",
        120 => "no_application_protocol",
        121 => "ech_required",
        other => return other.to_string(),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests;
