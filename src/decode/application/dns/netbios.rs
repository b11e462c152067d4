//! Where the name service of NetBIOS (RFC 1002, section 4.2) differs from DNS.

use std::net::{IpAddr, Ipv4Addr};

use domain::base::iana::Rtype;
use domain::base::{ParsedRecord, UnknownRecordData};

use super::record::joined;
use crate::decode::application::Cursor;
use crate::packet::DnsRecord;

pub(super) const NAME_SERVICE: u16 = 137;
/// `NB`: a name's addresses.
const ADDRESS: Rtype = Rtype::from_int(0x0020);
/// `NBSTAT`: the state of a node.
const STATUS: Rtype = Rtype::from_int(0x0021);
/// In the state of a node: the name with its purpose, then flags, of which one says that a group
/// has the name.
const RAW_NAME: usize = 16;
const GROUP: u16 = 0x8000;
const WORKSTATION: u8 = 0x00;
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
    let name = padded(name);
    let dot = if scope.is_empty() { "" } else { "." };
    Some(format!("{}{dot}{scope}", shown(&name, *purpose)))
}

/// Reads the value of a record; `None` when it is not as it says. Types that are none of NetBIOS's
/// own have numbers that mean something else in DNS, so they stay unread.
pub(super) fn value(record: &ParsedRecord<'_, [u8]>, found: &mut DnsRecord) -> Option<()> {
    let kind = record.rtype();
    let record = record.to_record::<UnknownRecordData<&[u8]>>().ok().flatten()?;
    let data = *record.data().data();
    match kind {
        ADDRESS => addresses(data, found),
        STATUS => return names(Cursor(data), found),
        // Where else to ask (RFC 1002, section 4.2.15).
        Rtype::A => found.addresses.extend(data.first_chunk::<4>().map(|a| IpAddr::from(*a))),
        _ => return Some(()),
    }
    found.data = joined(&found.addresses);
    Some(())
}

/// Of a group of hosts several. Two bytes of flags stand in front of each.
fn addresses(data: &[u8], found: &mut DnsRecord) {
    let addresses = data.chunks_exact(6).map(|e| Ipv4Addr::new(e[2], e[3], e[4], e[5]));
    found.addresses.extend(addresses.map(IpAddr::from));
}

/// The names of a node, counted (section 4.2.18). Its own is the one that no group has, for the
/// purpose of a workstation.
fn names(mut data: Cursor<'_>, found: &mut DnsRecord) -> Option<()> {
    for _ in 0..data.u8()? {
        let (name, flags) = (data.array::<RAW_NAME>()?, data.u16()?);
        let (purpose, name) = name.split_last()?;
        let name = padded(name);
        if *purpose == WORKSTATION && flags & GROUP == 0 && found.target.is_none() {
            found.target = Some(name.clone());
        }
        if !found.data.is_empty() {
            found.data.push(' ');
        }
        found.data.push_str(&shown(&name, *purpose));
    }
    Some(())
}

/// A name with its purpose.
fn shown(name: &str, purpose: u8) -> String {
    format!("{name}<{purpose:02x}>")
}

/// Fifteen bytes, filled up with spaces or zeros.
fn padded(name: &[u8]) -> String {
    String::from_utf8_lossy(name).trim_end_matches([' ', '\0']).to_owned()
}
