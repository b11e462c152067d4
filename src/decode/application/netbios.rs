//! Where the name service of NetBIOS (RFC 1002, section 4.2) differs from DNS.

use std::net::{IpAddr, Ipv4Addr};

use domain::base::iana::Rtype;
use domain::base::{ParsedRecord, UnknownRecordData};

pub(super) const NAME_SERVICE: u16 = 137;
/// `NB`: a name's addresses.
pub(super) const ADDRESS: Rtype = Rtype::from_int(0x0020);
/// `NBSTAT`: the state of a node.
const STATUS: Rtype = Rtype::from_int(0x0021);
/// A name is 16 bytes, each written as two letters from `A`.
const ENCODED_NAME: usize = 32;

/// Names of the operations.
pub(super) fn operation(code: u8) -> String {
    match code {
        0 => "QUERY".to_owned(),
        5 => "REGISTRATION".to_owned(),
        6 => "RELEASE".to_owned(),
        7 => "WACK".to_owned(),
        8 | 9 => "REFRESH".to_owned(),
        15 => "MULTIHOMED_REGISTRATION".to_owned(),
        other => format!("OPCODE{other}"),
    }
}

pub(super) fn kind(kind: Rtype) -> Option<&'static str> {
    match kind {
        ADDRESS => Some("NB"),
        STATUS => Some("NBSTAT"),
        _ => None,
    }
}

/// `WORKSTATION<00>`, with the scope behind it where there is one; `None` when it is not encoded
/// so.
pub(super) fn name(dotted: &str) -> Option<String> {
    let (encoded, scope) = dotted.split_once('.').unwrap_or((dotted, ""));
    let letters = encoded.as_bytes();
    if letters.len() != ENCODED_NAME || !letters.iter().all(|c| (b'A'..=b'P').contains(c)) {
        return None;
    }
    let bytes: Vec<u8> =
        letters.chunks_exact(2).map(|pair| (pair[0] - b'A') << 4 | (pair[1] - b'A')).collect();
    let (purpose, name) = bytes.split_last()?;
    let name = String::from_utf8_lossy(name);
    let name = name.trim_end_matches([' ', '\0']);
    let dot = if scope.is_empty() { "" } else { "." };
    Some(format!("{name}<{purpose:02x}>{dot}{scope}"))
}

/// The addresses of an `NB` record: of a group of hosts several. Two bytes of flags stand in front
/// of each.
pub(super) fn addresses(record: &ParsedRecord<'_, [u8]>) -> Vec<IpAddr> {
    let Ok(Some(record)) = record.to_record::<UnknownRecordData<&[u8]>>() else {
        return Vec::new();
    };
    let entries = record.data().data().chunks_exact(6);
    entries.map(|entry| Ipv4Addr::new(entry[2], entry[3], entry[4], entry[5]).into()).collect()
}
