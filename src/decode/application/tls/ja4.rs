//! JA4, the fingerprint of a TLS client (FoxIO, "JA4: TLS Client Fingerprinting").
//!
//! `t13d1516h2_8daaf6152771_e5627efa2ab1`: what carries it, version, whether a server is named,
//! numbers of ciphers and extensions, first and last character of the first application protocol;
//! then hashes of the sorted ciphers, and of the sorted extensions with the signature algorithms.
//! GREASE is left out everywhere.

use ring::digest::{SHA256, digest};

use crate::decode::application::hexadecimal;

use super::hello::{ALPN, ClientHello, SERVER_NAME, is_grease};

/// What carries the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decode::application) enum Carrier {
    Tcp,
    Quic,
}

/// Numbers above this are shown as this.
const MOST: usize = 99;
/// Hexadecimal digits of a hash that are kept.
const HASH_LENGTH: usize = 12;

pub(super) fn fingerprint(hello: &ClientHello<'_>, carrier: Carrier) -> String {
    let without_grease = |numbers: &[u16]| -> Vec<u16> {
        numbers.iter().copied().filter(|number| !is_grease(*number)).collect()
    };
    let mut ciphers = without_grease(&hello.ciphers);
    let mut extensions = without_grease(&hello.extensions);
    let carrier = match carrier {
        Carrier::Tcp => 't',
        Carrier::Quic => 'q',
    };
    let newest = without_grease(&hello.versions).into_iter().max().unwrap_or(hello.version);
    let names_server = if extensions.contains(&SERVER_NAME) { 'd' } else { 'i' };
    let start = format!(
        "{carrier}{}{names_server}{:02}{:02}{}",
        version(newest),
        ciphers.len().min(MOST),
        extensions.len().min(MOST),
        protocol(hello.protocols.first().copied().unwrap_or_default()),
    );
    ciphers.sort_unstable();
    extensions.retain(|extension| ![SERVER_NAME, ALPN].contains(extension));
    extensions.sort_unstable();
    let mut rest = list(&extensions);
    let algorithms = without_grease(&hello.signature_algorithms);
    if !rest.is_empty() && !algorithms.is_empty() {
        rest = format!("{rest}_{}", list(&algorithms));
    }
    format!("{start}_{}_{}", hash(&list(&ciphers)), hash(&rest))
}

fn version(version: u16) -> &'static str {
    match version {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        _ => "00",
    }
}

/// First and last character; of a name that is not made of letters and digits at both ends, the
/// first and last hexadecimal digit.
fn protocol(name: &[u8]) -> String {
    let (Some(&first), Some(&last)) = (name.first(), name.last()) else { return "00".to_owned() };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(first), char::from(last)].iter().collect();
    }
    format!("{:x}{:x}", first >> 4, last & 0x0f)
}

fn list(numbers: &[u16]) -> String {
    let numbers: Vec<String> = numbers.iter().map(|number| format!("{number:04x}")).collect();
    numbers.join(",")
}

/// Of nothing, zeros.
fn hash(text: &str) -> String {
    if text.is_empty() {
        return "0".repeat(HASH_LENGTH);
    }
    let digest = digest(&SHA256, text.as_bytes());
    hexadecimal(&digest.as_ref()[..HASH_LENGTH / 2])
}
