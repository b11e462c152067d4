//! ICMP and ICMPv6, and the addresses that their messages speak of.

use std::net::IpAddr;

use crate::decode::extensions::Family;
use crate::decode::{Step, stop};
use crate::packet::{Icmp, Layers, Transport};

/// ICMP errors, which quote the packet that they are about (RFC 792).
const UNREACHABLE: u8 = 3;
const SOURCE_QUENCH: u8 = 4;
const REDIRECT: u8 = 5;
const TIME_EXCEEDED: u8 = 11;
const PARAMETER_PROBLEM: u8 = 12;
/// ICMPv6 messages below this are errors and quote (RFC 4443).
const FIRST_INFORMATION: u8 = 128;
/// Neighbour discovery (RFC 4861): the target, and for a redirect also the destination.
const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
const NEIGHBOUR_REDIRECT: u8 = 137;

/// Behind the two addresses of a redirect come options, of which one quotes the packet; their
/// lengths count units of eight bytes, and a header stands before what is quoted.
const REDIRECT_OPTIONS: usize = 32;
const REDIRECTED: u8 = 4;
const OPTION_UNIT: usize = 8;
const REDIRECTED_HEADER: usize = 8;

/// Where the quoted packet, or the target, begins.
const BODY: usize = 8;
const GATEWAY: usize = 4;

pub(super) fn message<'a>(family: Family, data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    let name = match family {
        Family::Ipv4 => "icmp",
        Family::Ipv6 => "icmpv6",
    };
    layers.names.push(name);
    let [message_type, code, ..] = *data else {
        return Err(stop(name, "cut within its type and code"));
    };
    let icmp = Icmp { message_type, code };
    let body = data.get(BODY..).unwrap_or_default();
    let transport = match family {
        Family::Ipv4 => {
            mention_ipv4(message_type, data, body, layers);
            Transport::Icmp(icmp)
        }
        Family::Ipv6 => {
            mention_ipv6(message_type, body, layers);
            Transport::Icmpv6(icmp)
        }
    };
    if let Some(network) = layers.networks.last_mut() {
        network.transport = Some(transport);
    }
    Ok(None)
}

fn mention_ipv4(message_type: u8, data: &[u8], body: &[u8], layers: &mut Layers) {
    match message_type {
        UNREACHABLE | SOURCE_QUENCH | TIME_EXCEEDED | PARAMETER_PROBLEM => {}
        REDIRECT => layers.mentioned.extend(ipv4_at(data, GATEWAY)),
        _ => return,
    }
    if body.first().is_some_and(|byte| byte >> 4 == 4) {
        layers.mentioned.extend([12, 16].into_iter().filter_map(|at| ipv4_at(body, at)));
    }
}

fn mention_ipv6(message_type: u8, body: &[u8], layers: &mut Layers) {
    let places: &[usize] = match message_type {
        1..FIRST_INFORMATION if body.first().is_some_and(|byte| byte >> 4 == 6) => &[8, 24],
        NEIGHBOUR_SOLICITATION | NEIGHBOUR_ADVERTISEMENT => &[0],
        NEIGHBOUR_REDIRECT => &[0, 16],
        _ => &[],
    };
    layers.mentioned.extend(places.iter().filter_map(|at| ipv6_at(body, *at)));
    if message_type == NEIGHBOUR_REDIRECT
        && let Some(packet) = body.get(REDIRECT_OPTIONS..).and_then(redirected)
    {
        layers.mentioned.extend([8, 24].into_iter().filter_map(|at| ipv6_at(packet, at)));
    }
}

/// The packet that a redirect quotes (RFC 4861, section 4.6.3).
fn redirected(mut options: &[u8]) -> Option<&[u8]> {
    loop {
        let [kind, units, ..] = *options else { return None };
        let (option, rest) = options.split_at_checked(usize::from(units) * OPTION_UNIT)?;
        if kind == REDIRECTED {
            return option.get(REDIRECTED_HEADER..);
        }
        if units == 0 {
            return None;
        }
        options = rest;
    }
}

fn ipv4_at(data: &[u8], at: usize) -> Option<IpAddr> {
    data.get(at..)?.first_chunk::<4>().copied().map(IpAddr::from)
}

fn ipv6_at(data: &[u8], at: usize) -> Option<IpAddr> {
    data.get(at..)?.first_chunk::<16>().copied().map(IpAddr::from)
}
