//! IPv4, IPv6, ARP and RARP.

use std::net::{IpAddr, Ipv4Addr};

use etherparse::{ArpPacketSlice, Ipv6HeaderSlice, LaxIpv4Slice};

use crate::decode::{Outcome, extensions, stop, transport};
use crate::packet::{Fragment, Layers, NetworkKind, NetworkLayer};

const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const RARP: u16 = 0x8035;
const IPV6: u16 = 0x86dd;
/// Bytes of an IPv4 header without options (RFC 791).
const IPV4_HEADER: usize = 20;

pub(super) fn by_ether_type(number: u16, payload: &[u8], layers: &mut Layers) -> Outcome {
    match number {
        IPV4 => ipv4(payload, layers),
        IPV6 => ipv6(payload, layers),
        ARP => address_resolution(NetworkKind::Arp, payload, layers),
        RARP => address_resolution(NetworkKind::Rarp, payload, layers),
        _ => Ok(()),
    }
}

/// IP of the version that its first four bits name.
pub(super) fn raw(data: &[u8], layers: &mut Layers) -> Outcome {
    match data.first().map(|byte| byte >> 4) {
        Some(4) => ipv4(data, layers),
        Some(6) => ipv6(data, layers),
        Some(version) => Err(stop("ip", format!("version {version}"))),
        None => Err(stop("ip", "no bytes")),
    }
}

pub(super) fn ipv4(data: &[u8], layers: &mut Layers) -> Outcome {
    layers.names.push("ipv4");
    let (slice, stopped) = match LaxIpv4Slice::from_slice(data) {
        Ok(read) => read,
        Err(error) => {
            layers.networks.extend(ipv4_addresses(data));
            return Err(stop("ipv4", error));
        }
    };
    let header = slice.header();
    let offset = u32::from(header.fragments_offset().value()) * 8;
    let next_header = header.protocol().0;
    let fragment = (offset > 0 || header.more_fragments()).then(|| Fragment {
        offset,
        more: header.more_fragments(),
        next_header,
    });
    let payload = slice.payload();
    layers.networks.push(NetworkLayer {
        kind: NetworkKind::Ipv4,
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        next_header,
        protocol: payload.ip_number.0,
        fragment,
        transport: None,
    });
    if let Some(error) = stopped {
        return Err(stop("ah", error));
    }
    carried(payload.ip_number.0, payload.payload, fragment, layers)
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

pub(super) fn ipv6(data: &[u8], layers: &mut Layers) -> Outcome {
    layers.names.push("ipv6");
    let header = Ipv6HeaderSlice::from_slice(data).map_err(|error| stop("ipv6", error))?;
    let rest = data.get(header.slice().len()..).unwrap_or_default();
    let next_header = header.next_header().0;
    let mut chain = extensions::walk(next_header, bounded(rest, header.payload_length()));
    layers.names.append(&mut chain.names);
    layers.networks.push(NetworkLayer {
        kind: NetworkKind::Ipv6,
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        next_header,
        protocol: chain.protocol,
        fragment: chain.fragment,
        transport: None,
    });
    match chain.stop {
        Some(stop) => Err(stop),
        None => carried(chain.protocol, chain.payload, chain.fragment, layers),
    }
}

/// Without what a link layer adds to short packets. A length of 0 is that of a jumbogram, or of
/// a packet that the network card had still to cut up: all that was captured.
fn bounded(rest: &[u8], payload_length: u16) -> &[u8] {
    match payload_length {
        0 => rest,
        length => rest.get(..usize::from(length)).unwrap_or(rest),
    }
}

/// What the IP layer carries; a later fragment begins in the middle of something.
fn carried(
    protocol: u8,
    payload: &[u8],
    fragment: Option<Fragment>,
    layers: &mut Layers,
) -> Outcome {
    if fragment.is_some_and(|fragment| fragment.offset > 0) {
        layers.names.push("fragment");
        return Ok(());
    }
    transport::decode(protocol, payload, layers)
}

/// ARP and RARP for IPv4; of other protocols only the name is kept.
fn address_resolution(kind: NetworkKind, data: &[u8], layers: &mut Layers) -> Outcome {
    layers.names.push(kind.name());
    let packet = ArpPacketSlice::from_slice(data).map_err(|error| stop(kind.name(), error))?;
    let address = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
    let addresses =
        (address(packet.sender_protocol_addr()), address(packet.target_protocol_addr()));
    if let ((Some(source), Some(destination)), IPV4) = (addresses, packet.proto_addr_type().0) {
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
    Ok(())
}
