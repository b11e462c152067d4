//! DHCP for IPv6 (RFC 8415).

use std::net::Ipv6Addr;

use super::{Cursor, Found, Ports, names, text};
use crate::packet::{Application, Dhcp, MacAddress, Message};

const CLIENT: u16 = 546;
const SERVER: u16 = 547;
/// Types of messages, from 1 (RFC 8415, section 7.3).
const NAMES: [&str; 13] = [
    "solicit",
    "advertise",
    "request",
    "confirm",
    "renew",
    "rebind",
    "reply",
    "release",
    "decline",
    "reconfigure",
    "information_request",
    "relay_forward",
    "relay_reply",
];
const RELAY_FORWARD: u8 = 12;
/// Options (RFC 8415, section 21; FQDN: RFC 4704).
const CLIENT_ID: u16 = 1;
const NON_TEMPORARY: u16 = 3;
const TEMPORARY: u16 = 4;
const ADDRESS: u16 = 5;
const RELAYED: u16 = 9;
const VENDOR_CLASS: u16 = 16;
const NAME_SERVERS: u16 = 23;
const DOMAINS: u16 = 24;
const FQDN: u16 = 39;
/// Options hold options: a relayed message in a relayed message, and so on.
const DEEPEST: usize = 8;
/// Addresses that are kept of a message.
const MOST_ADDRESSES: usize = 16;

const CUT: &str = "dhcpv6: the options were cut or are damaged; those before that are kept";
const TOO_DEEP: &str = "dhcpv6: more than 8 relays; what they carry is left out";
const MORE_ADDRESSES: &str = "dhcpv6: addresses beyond the first 16 are left out";

pub(super) fn decode(ports: Ports, payload: &[u8]) -> Option<Found> {
    if !ports.any(&[CLIENT, SERVER]) {
        return None;
    }
    let mut reading = Reading::default();
    reading.message(Cursor(payload), 0)?;
    let message = Message::Dhcp(Box::new(reading.dhcp));
    let details = Application { notes: reading.notes, ..Application::of(message) };
    Some(Found::with(&["dhcpv6"], details))
}

#[derive(Debug, Default)]
struct Reading {
    dhcp: Dhcp,
    notes: Vec<&'static str>,
}

impl Reading {
    fn message(&mut self, mut message: Cursor<'_>, depth: usize) -> Option<()> {
        let kind = message.u8()?;
        let name = *NAMES.get(usize::from(kind).checked_sub(1)?)?;
        // A relay's message has a count of hops and two addresses, the others a transaction.
        if kind >= RELAY_FORWARD {
            message.u8()?;
            self.mention(message.take(32)?);
        } else {
            message.take(3)?;
        }
        self.dhcp.message = Some(name.to_owned());
        if self.options(message, depth).is_none() {
            self.note(CUT);
        }
        Some(())
    }

    fn options(&mut self, mut options: Cursor<'_>, depth: usize) -> Option<()> {
        if depth > DEEPEST {
            self.note(TOO_DEEP);
            return Some(());
        }
        while !options.is_empty() {
            let code = options.u16()?;
            let value = options.sized_u16()?;
            match code {
                CLIENT_ID => self.dhcp.client_mac = hardware_address(value),
                NON_TEMPORARY => self.options(Cursor(value.get(12..)?), depth + 1)?,
                TEMPORARY => self.options(Cursor(value.get(4..)?), depth + 1)?,
                ADDRESS => self.address(value)?,
                RELAYED => {
                    // The message inside is what people look for.
                    self.message(Cursor(value), depth + 1);
                }
                VENDOR_CLASS => {
                    self.dhcp.vendor_class = Cursor(value.get(4..)?).sized_u16().and_then(text);
                }
                NAME_SERVERS => self.mention(value),
                DOMAINS => self.dhcp.domain = names::dotted(value),
                FQDN => self.dhcp.host_name = value.get(1..).and_then(names::dotted),
                _ => {}
            }
        }
        Some(())
    }

    fn address(&mut self, value: &[u8]) -> Option<()> {
        let address = Ipv6Addr::from(*value.first_chunk::<16>()?);
        if self.dhcp.assigned.len() == MOST_ADDRESSES {
            self.note(MORE_ADDRESSES);
        } else {
            self.dhcp.assigned.push(address.into());
        }
        Some(())
    }

    /// Addresses behind each other; a relay without one of its own says zeros.
    fn mention(&mut self, addresses: &[u8]) {
        for address in addresses.chunks_exact(16).filter_map(<[u8]>::first_chunk::<16>) {
            let address = Ipv6Addr::from(*address);
            if address.is_unspecified() {
                continue;
            }
            if self.dhcp.mentioned.len() == MOST_ADDRESSES {
                return self.note(MORE_ADDRESSES);
            }
            self.dhcp.mentioned.push(address.into());
        }
    }

    fn note(&mut self, note: &'static str) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// The Ethernet address in a DUID of the types "link-layer address (plus time)" (RFC 8415,
/// section 11).
fn hardware_address(duid: &[u8]) -> Option<MacAddress> {
    let ([0, 1, 0, 1, _, _, _, _, address @ ..] | [0, 3, 0, 1, address @ ..]) = duid else {
        return None;
    };
    address.try_into().ok().map(MacAddress)
}
