//! What is spoken above the transport, from the payload of one packet.
//!
//! The first bytes decide; a port only where many protocols look alike, and never alone. A
//! payload that is of no protocol costs some comparisons and no memory. Numbers of values are
//! bounded, and what is left out is said in [`Application::notes`].

mod ber;
mod cursor;
mod dhcp;
mod dhcpv6;
mod dns;
mod http;
mod kerberos;
mod ldap;
mod mqtt;
mod names;
mod ntlm;
mod ntp;
mod quic;
mod radius;
mod rdp;
mod sip;
mod smb;
mod snmp;
mod ssh;
mod telnet;
mod text_commands;
mod tls;
mod url;

use crate::decode::Ports;
use crate::packet::{Application, Layers};
use cursor::{Cursor, hexadecimal, text, text_utf16};

/// The protocols inside a payload, outermost first, and what was found.
struct Found {
    names: &'static [&'static str],
    details: Option<Application>,
}

impl Found {
    /// A protocol of which nothing but its name is kept.
    fn named(names: &'static [&'static str]) -> Self {
        Self { names, details: None }
    }

    fn with(names: &'static [&'static str], details: impl Into<Application>) -> Self {
        Self { names, details: Some(details.into()) }
    }
}

/// Reads what a TCP segment carries.
pub(super) fn over_tcp(ports: Ports, payload: &[u8], layers: &mut Layers) {
    let found = tls::decode(ports, payload)
        .or_else(|| sip::decode(payload))
        .or_else(|| http::over_tcp(payload))
        .or_else(|| ssh::decode(payload))
        .or_else(|| smb::decode(payload))
        .or_else(|| dns::over_tcp(ports, payload))
        .or_else(|| text_commands::decode(ports, payload))
        .or_else(|| rdp::decode(ports, payload))
        .or_else(|| ldap::decode(ports, payload))
        .or_else(|| kerberos::over_tcp(ports, payload))
        .or_else(|| mqtt::decode(ports, payload))
        .or_else(|| telnet::decode(ports, payload))
        .or_else(|| dns::anywhere_over_tcp(payload));
    keep(found, layers);
}

/// Reads what a UDP datagram carries.
pub(super) fn over_udp(ports: Ports, payload: &[u8], layers: &mut Layers) {
    let found = dns::over_udp(ports, payload)
        .or_else(|| quic::decode(ports, payload))
        .or_else(|| dhcp::decode(ports, payload))
        .or_else(|| dhcpv6::decode(ports, payload))
        .or_else(|| ntp::decode(ports, payload))
        .or_else(|| http::over_udp(ports, payload))
        .or_else(|| sip::decode(payload))
        .or_else(|| snmp::decode(ports, payload))
        .or_else(|| ldap::decode(ports, payload))
        .or_else(|| kerberos::over_udp(ports, payload))
        .or_else(|| radius::decode(ports, payload, whole(payload, layers)))
        .or_else(|| dns::anywhere(payload));
    keep(found, layers);
}

/// The payload's length by the headers; what was captured of it may be less.
fn whole(payload: &[u8], layers: &Layers) -> usize {
    let told = layers.payload_length.and_then(|length| usize::try_from(length).ok());
    told.map_or(payload.len(), |told| told.max(payload.len()))
}

fn keep(found: Option<Found>, layers: &mut Layers) {
    let Some(Found { names, details }) = found else { return };
    layers.application = names.first().copied();
    layers.names.extend_from_slice(names);
    layers.details = details.map(Box::new);
}

#[cfg(test)]
mod tests;
