//! IPv4, IPv6, ARP and RARP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::{ArpPacketSlice, Ipv4HeaderSlice, Ipv6HeaderSlice};

use crate::decode::extensions::{self, Chain, Family};
use crate::decode::{Carried, Next, Step, ethernet, stop, u16_at};
use crate::packet::{Fragment, Layers, NetworkKind, NetworkLayer};

/// Bytes of an IPv4 header without options (RFC 791), and of an IPv6 header (RFC 8200).
const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;
/// Places of the source in them; the destination follows it.
const IPV4_SOURCE: usize = 12;
const IPV6_SOURCE: usize = 8;
/// Options of IPv4 (RFC 791, section 3.1): the end and the filler are a byte long; loose and
/// strict route and the record of one hold addresses behind length and pointer.
const OPTION_END: u8 = 0;
const OPTION_FILLER: u8 = 1;
const ROUTES: [u8; 3] = [131, 137, 7];
const ROUTE_HEADER: usize = 3;
/// Place of the sender in a packet of ARP, behind its hardware address (RFC 826).
const ARP_ADDRESSES: usize = 8;

/// IP of the version that its first four bits name.
pub(super) fn ip<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    match data.first().map(|byte| byte >> 4) {
        Some(4) => ipv4(data, layers),
        Some(6) => ipv6(data, layers),
        Some(version) => Err(stop("ip", format_args!("version {version}"))),
        None => Err(stop("ip", "no bytes")),
    }
}

/// Whether these bytes are an IP packet whose length fits them, as one inside of another packet
/// has to be.
pub(super) fn is_plausible(data: &[u8]) -> bool {
    match data.first() {
        Some(0x45..=0x4f) => u16_at(data, 2).is_some_and(|length| {
            data.len() >= IPV4_HEADER && (IPV4_HEADER..=data.len()).contains(&usize::from(length))
        }),
        Some(0x60..=0x6f) => {
            u16_at(data, 4).is_some_and(|length| data.len() >= IPV6_HEADER + usize::from(length))
        }
        _ => false,
    }
}

pub(super) fn ipv4<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    layers.names.push("ipv4");
    let header = match Ipv4HeaderSlice::from_slice(data) {
        Ok(header) => header,
        // Announced as the other version: the packet itself knows better.
        Err(_) if data.first().is_some_and(|byte| byte >> 4 == 6) => {
            layers.ambiguous = true;
            return ipv6(data, layers);
        }
        Err(error) => {
            match ipv4_addresses(data) {
                Some(network) => layers.networks.push(network),
                None => layers.passed.extend(ipv4_at(data, IPV4_SOURCE)),
            }
            return Err(stop("ipv4", error));
        }
    };
    let next_header = header.protocol().0;
    let offset = u32::from(header.fragments_offset().value()) * 8;
    let more = header.more_fragments();
    let fragment = (offset > 0 || more).then(|| Fragment {
        offset,
        more,
        next_header,
        identification: header.identification().into(),
    });
    layers.passed.extend(route(&header.slice()[IPV4_HEADER..]));
    let rest = data.get(header.slice().len()..).unwrap_or_default();
    let length = usize::from(header.total_len()).checked_sub(header.slice().len());
    let network = NetworkLayer {
        kind: NetworkKind::Ipv4,
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        next_header,
        protocol: next_header,
        fragment,
        transport: None,
    };
    carry(network, Family::Ipv4, rest, length, layers)
}

/// The addresses of an IPv4 header that is wrong elsewhere: a packet with a damaged length can
/// still be found by its hosts, as tcpdump finds it.
fn ipv4_addresses(data: &[u8]) -> Option<NetworkLayer> {
    let (header, _) = data.split_first_chunk::<IPV4_HEADER>()?;
    let address = |at: usize| {
        IpAddr::from(Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3]))
    };
    (header[0] >> 4 == 4).then(|| NetworkLayer {
        kind: NetworkKind::Ipv4,
        source: address(12),
        destination: address(16),
        next_header: header[9],
        protocol: header[9],
        fragment: None,
        transport: None,
    })
}

/// The addresses that a packet has passed, or has still to pass; places that nobody has filled yet
/// are zeros.
fn route(mut options: &[u8]) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    loop {
        let (kind, length) = match *options {
            [OPTION_END, ..] | [] => return addresses,
            [OPTION_FILLER, ..] => (OPTION_FILLER, 1),
            [kind, length, ..] if length > 1 => (kind, usize::from(length)),
            _ => return addresses,
        };
        let Some((option, rest)) = options.split_at_checked(length) else { return addresses };
        if ROUTES.contains(&kind) {
            let places = option.get(ROUTE_HEADER..).unwrap_or_default().chunks_exact(4);
            addresses.extend(places.filter_map(|place| ipv4_at(place, 0)));
            addresses.retain(|address| !address.is_unspecified());
        }
        options = rest;
    }
}

fn ipv4_at(data: &[u8], at: usize) -> Option<IpAddr> {
    data.get(at..)?.first_chunk::<4>().map(|octets| Ipv4Addr::from(*octets).into())
}

pub(super) fn ipv6<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    layers.names.push("ipv6");
    let header = match Ipv6HeaderSlice::from_slice(data) {
        Ok(header) => header,
        Err(error) => {
            // Cut behind the source: it can still be found by that.
            let source = data.get(IPV6_SOURCE..).and_then(<[u8]>::first_chunk::<16>);
            let source = source.filter(|_| data[0] >> 4 == 6);
            layers.passed.extend(source.map(|octets| IpAddr::from(Ipv6Addr::from(*octets))));
            return Err(stop("ipv6", error));
        }
    };
    let rest = data.get(header.slice().len()..).unwrap_or_default();
    let next_header = header.next_header().0;
    let network = NetworkLayer {
        kind: NetworkKind::Ipv6,
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        next_header,
        protocol: next_header,
        fragment: None,
        transport: None,
    };
    let length = Some(usize::from(header.payload_length())).filter(|length| *length > 0);
    carry(network, Family::Ipv6, rest, length, layers)
}

/// Goes through the extension headers to what the packet carries.
///
/// `length` leaves out what a link layer adds to short packets. There is none in a jumbogram, and
/// in a packet that the network card had still to cut up: then it is all that was captured.
fn carry<'a>(
    mut network: NetworkLayer,
    family: Family,
    rest: &'a [u8],
    length: Option<usize>,
    layers: &mut Layers,
) -> Step<'a> {
    let length = length.unwrap_or(rest.len());
    let bounded = rest.get(..length).unwrap_or(rest);
    let Chain { fragment, protocol, payload, stop } =
        extensions::walk(family, network.next_header, bounded, layers);
    network.protocol = protocol;
    network.fragment = network.fragment.or(fragment);
    let fragment = network.fragment;
    layers.networks.push(network);
    layers.payload_length = None;
    if let Some(stop) = stop {
        return Err(stop);
    }
    // A later fragment begins in the middle of something.
    if fragment.is_some_and(|fragment| fragment.offset > 0) {
        layers.names.push("fragment");
        return Ok(None);
    }
    let headers = bounded.len() - payload.len();
    Ok(Some(Next::Carried(Carried { protocol, data: payload, length: length - headers, family })))
}

/// The sender in a packet of ARP that was cut behind it.
fn sender(data: &[u8]) -> Option<IpAddr> {
    let [_, _, high, low, hardware, 4, ..] = *data else { return None };
    let is_ipv4 = u16::from_be_bytes([high, low]) == ethernet::IPV4;
    ipv4_at(data, ARP_ADDRESSES + usize::from(hardware)).filter(|_| is_ipv4)
}

/// ARP and RARP for IPv4; of other protocols only the name is kept.
pub(super) fn address_resolution<'a>(
    kind: NetworkKind,
    data: &'a [u8],
    layers: &mut Layers,
) -> Step<'a> {
    layers.names.push(kind.name());
    let packet = match ArpPacketSlice::from_slice(data) {
        Ok(packet) => packet,
        Err(error) => {
            layers.passed.extend(sender(data));
            return Err(stop(kind.name(), error));
        }
    };
    // Filters look for the addresses where those of Ethernet and IPv4 stand.
    layers.ambiguous |= (packet.hw_addr_size(), packet.proto_addr_size()) != (6, 4)
        || packet.proto_addr_type().0 != ethernet::IPV4;
    let address = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
    let addresses =
        (address(packet.sender_protocol_addr()), address(packet.target_protocol_addr()));
    let (Some(source), Some(destination)) = addresses else { return Ok(None) };
    if packet.proto_addr_type().0 == ethernet::IPV4 {
        layers.networks.push(NetworkLayer {
            kind,
            source,
            destination,
            next_header: 0,
            protocol: 0,
            fragment: None,
            transport: None,
        });
    }
    Ok(None)
}
