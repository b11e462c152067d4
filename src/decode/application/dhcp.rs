//! DHCP for IPv4 (RFC 2131), and BOOTP before it.

use std::net::{IpAddr, Ipv4Addr};

use super::{Cursor, Found, Ports, names, text};
use crate::packet::{Application, Dhcp, MacAddress, Message};

const SERVER: u16 = 67;
const CLIENT: u16 = 68;
/// Where the fixed part has what is read, and where it ends (RFC 2131, section 2).
const CLIENT_ADDRESS: usize = 12;
const YOUR_ADDRESS: usize = 16;
const NEXT_SERVER: usize = 20;
const RELAY: usize = 24;
const HARDWARE_ADDRESS: usize = 28;
const FIXED: usize = 236;
const MAGIC: &[u8] = &[99, 130, 83, 99];
const ETHERNET: u8 = 1;
/// Options (RFC 2132; client FQDN: RFC 4702).
const PAD: u8 = 0;
const ROUTERS: u8 = 3;
const NAME_SERVERS: u8 = 6;
const HOST_NAME: u8 = 12;
const DOMAIN: u8 = 15;
const REQUESTED: u8 = 50;
const MESSAGE_TYPE: u8 = 53;
const SERVER_ID: u8 = 54;
const VENDOR_CLASS: u8 = 60;
const FQDN: u8 = 81;
const END: u8 = 255;
/// Flags and two response codes before the name of option 81.
const FQDN_HEADER: usize = 3;
/// The name is in the encoding of DNS.
const FQDN_ENCODED: u8 = 0x04;

/// Routers and name servers that are kept.
const MOST_ADDRESSES: usize = 64;

const MORE_ADDRESSES: &str = "dhcp: routers and name servers beyond the first 64 are left out";
const CUT: &str = "dhcp: the options were cut; those before that are kept";

pub(super) fn decode(ports: Ports, payload: &[u8]) -> Option<Found> {
    let [operation @ 1..=2, hardware, hardware_length, ..] = *payload else { return None };
    let (fixed, rest) = payload.split_at_checked(FIXED)?;
    let options = rest.strip_prefix(MAGIC);
    if !ports.any(&[SERVER, CLIENT]) || hardware_length > 16 {
        return None;
    }
    let mut notes = Vec::new();
    let mut dhcp = Dhcp::default();
    if hardware == ETHERNET && hardware_length == 6 {
        let address = fixed[HARDWARE_ADDRESS..].first_chunk();
        dhcp.client_mac = address.map(|address| MacAddress(*address));
    }
    for at in [YOUR_ADDRESS, CLIENT_ADDRESS] {
        let address = ipv4(&fixed[at..at + 4]);
        dhcp.assigned.extend(address.filter(|address| !address.is_unspecified()));
    }
    dhcp.assigned.dedup();
    for at in [NEXT_SERVER, RELAY] {
        let address = ipv4(&fixed[at..at + 4]);
        dhcp.mentioned.extend(address.filter(|address| !address.is_unspecified()));
    }
    match options {
        Some(options) if self::options(Cursor(options), &mut dhcp).is_none() => notes.push(CUT),
        _ => {}
    }
    if dhcp.mentioned.len() > MOST_ADDRESSES {
        dhcp.mentioned.truncate(MOST_ADDRESSES);
        notes.push(MORE_ADDRESSES);
    }
    if dhcp.message.is_none() {
        dhcp.message = Some(if operation == 1 { "bootrequest" } else { "bootreply" }.to_owned());
    }
    let message = Message::Dhcp(Box::new(dhcp));
    Some(Found::with(&["dhcp"], Application { notes, ..Application::of(message) }))
}

/// `None` when the options do not come to their end.
fn options(mut options: Cursor<'_>, dhcp: &mut Dhcp) -> Option<()> {
    loop {
        let code = match options.u8()? {
            PAD => continue,
            END => return Some(()),
            code => code,
        };
        let value = options.sized_u8()?;
        match code {
            ROUTERS | NAME_SERVERS => dhcp.mentioned.extend(value.chunks(4).filter_map(ipv4)),
            HOST_NAME => dhcp.host_name = text(value),
            DOMAIN => dhcp.domain = text(value),
            REQUESTED => dhcp.requested = ipv4(value),
            MESSAGE_TYPE => dhcp.message = value.first().map(|code| name(*code)),
            SERVER_ID => dhcp.server = ipv4(value),
            VENDOR_CLASS => dhcp.vendor_class = text(value),
            FQDN if dhcp.host_name.is_none() => dhcp.host_name = full_name(value),
            _ => {}
        }
    }
}

fn full_name(value: &[u8]) -> Option<String> {
    let name = value.get(FQDN_HEADER..)?;
    if value[0] & FQDN_ENCODED != 0 { names::dotted(name) } else { text(name) }
}

fn ipv4(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes).ok().map(|octets| Ipv4Addr::from(octets).into())
}

/// RFC 2132, section 9.6, and RFC 4388.
fn name(code: u8) -> String {
    const NAMES: [&str; 13] = [
        "discover",
        "offer",
        "request",
        "decline",
        "ack",
        "nak",
        "release",
        "inform",
        "forcerenew",
        "leasequery",
        "leaseunassigned",
        "leaseunknown",
        "leaseactive",
    ];
    let name = usize::from(code).checked_sub(1).and_then(|code| NAMES.get(code));
    name.map_or_else(|| code.to_string(), |name| (*name).to_owned())
}
