//! What IP carries: TCP, UDP, SCTP, DCCP, UDP-Lite, ICMP, and other packets.
//!
//! Read by hand and not with etherparse: of a packet that was cut in the middle of its transport
//! header the ports are still there, and a slice of a whole header is not.

use crate::decode::extensions::Family;
use crate::decode::{Carried, Next, Ports, Step, cut, enter, icmp, stop, tags, tunnels};
use crate::decode::{u16_at, u32_at};
use crate::packet::{Layers, TcpFlags, Transport};

/// IANA protocol numbers.
const ICMP: u8 = 1;
const IPV4: u8 = 4;
const TCP: u8 = 6;
const UDP: u8 = 17;
const DCCP: u8 = 33;
const IPV6: u8 = 41;
const GRE: u8 = 47;
const ESP: u8 = 50;
const ICMPV6: u8 = 58;
/// KA9Q's number for what has number 4 now.
const IPIP: u8 = 94;
const ETHERIP: u8 = 97;
const PIM: u8 = 103;
const L2TP: u8 = 115;
const SCTP: u8 = 132;
const UDP_LITE: u8 = 136;
const MPLS: u8 = 137;
const ETHERNET: u8 = 143;
/// What is only named.
const NAMED: &[(u8, &str)] = &[
    (2, "igmp"),
    (8, "egp"),
    (9, "igrp"),
    (46, "rsvp"),
    (88, "eigrp"),
    (89, "ospf"),
    (108, "ipcomp"),
    (112, "vrrp"),
    (113, "pgm"),
    (124, "isis"),
    // An extension header by its form, but nothing follows it (RFC 6275, section 6.1.1).
    (135, "ipv6.mobility"),
    (139, "hip"),
];

/// Offset of the control bits, and the smallest header (RFC 9293, section 3.1).
const TCP_FLAGS_AT: usize = 13;
const TCP_HEADER: usize = 20;
/// RFC 768.
const UDP_HEADER: usize = 8;
const UDP_LENGTH_AT: usize = 4;
/// RFC 3378: a version in four bits, the rest zero.
const ETHERIP_HEADER: [u8; 2] = [0x30, 0];

/// Reads what the innermost IP layer carries.
pub(super) fn decode<'a>(carried: Carried<'a>, layers: &mut Layers) -> Step<'a> {
    let Carried { protocol, data, family, .. } = carried;
    match protocol {
        TCP => tcp(carried, layers),
        UDP => udp(carried, layers),
        UDP_LITE => {
            let (source, destination) = ports("udplite", data, layers)?;
            set(layers, Transport::UdpLite { source, destination });
            Ok(None)
        }
        SCTP => {
            let (source, destination) = ports("sctp", data, layers)?;
            set(layers, Transport::Sctp { source, destination });
            Ok(None)
        }
        DCCP => {
            let (source, destination) = ports("dccp", data, layers)?;
            set(layers, Transport::Dccp { source, destination });
            Ok(None)
        }
        ICMP if family == Family::Ipv4 => icmp::message(family, data, layers),
        ICMPV6 if family == Family::Ipv6 => icmp::message(family, data, layers),
        IPV4 | IPIP | IPV6 => {
            enter(ip_in_ip(family, protocol), None, layers);
            Ok(Some(Next::Ip(data)))
        }
        GRE => tunnels::gre(data, layers),
        ESP => security_payload(data, layers),
        ETHERIP => match data.strip_prefix(&ETHERIP_HEADER) {
            Some(frame) => {
                enter("etherip", None, layers);
                Ok(Some(Next::Ethernet(frame)))
            }
            None => Err(stop("etherip", "no header of version 3")),
        },
        PIM => Ok(tunnels::pim(data, layers)),
        L2TP => tunnels::l2tp_over_ip(data, layers),
        MPLS => {
            enter("mpls-in-ip", None, layers);
            tags::mpls(data, layers)
        }
        ETHERNET => {
            enter("ethernet-in-ip", None, layers);
            Ok(Some(Next::Ethernet(data)))
        }
        _ => {
            let named = NAMED.iter().find(|(number, _)| *number == protocol);
            layers.names.extend(named.map(|(_, name)| *name));
            Ok(None)
        }
    }
}

fn ip_in_ip(family: Family, protocol: u8) -> &'static str {
    match (family, protocol) {
        (Family::Ipv4, IPV6) => "6in4",
        (Family::Ipv4, _) => "4in4",
        (Family::Ipv6, IPV6) => "6in6",
        (Family::Ipv6, _) => "4in6",
    }
}

/// ESP: everything behind the index is encrypted.
pub(super) fn security_payload<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    layers.names.push("esp");
    let index = u32_at(data, 0).ok_or_else(|| cut("esp"))?;
    layers.security_indexes.push(index);
    Ok(None)
}

fn tcp<'a>(carried: Carried<'a>, layers: &mut Layers) -> Step<'a> {
    let data = carried.data;
    let (source, destination) = ports("tcp", data, layers)?;
    let flags = data.get(TCP_FLAGS_AT).copied().map(TcpFlags);
    set(layers, Transport::Tcp { source, destination, flags });
    let data_offset = data.get(TCP_FLAGS_AT - 1).ok_or_else(|| cut("tcp"))?;
    let header = usize::from(data_offset >> 4) * 4;
    if header < TCP_HEADER {
        return Err(stop("tcp", format_args!("data offset of {header} bytes")));
    }
    set_payload_length(carried.length.checked_sub(header), layers);
    let payload = data.get(header..).ok_or_else(|| cut("tcp"))?;
    let ports = Ports { source, destination };
    Ok((!payload.is_empty()).then_some(Next::Segment(ports, payload)))
}

fn udp<'a>(carried: Carried<'a>, layers: &mut Layers) -> Step<'a> {
    let data = carried.data;
    let (source, destination) = ports("udp", data, layers)?;
    set(layers, Transport::Udp { source, destination });
    let length = u16_at(data, UDP_LENGTH_AT).ok_or_else(|| cut("udp"))?;
    // Zero in a jumbogram, and in a datagram that the network card had still to cut up.
    let length = if length == 0 { carried.length } else { usize::from(length) };
    set_payload_length(length.checked_sub(UDP_HEADER), layers);
    let payload = data.get(UDP_HEADER..).ok_or_else(|| cut("udp"))?;
    // What stands behind the datagram is not of it; a length below that of the header is damaged.
    let payload = length.checked_sub(UDP_HEADER).and_then(|n| payload.get(..n)).unwrap_or(payload);
    if let Some(next) = tunnels::over_udp(source, destination, payload, layers) {
        return next;
    }
    let ports = Ports { source, destination };
    Ok((!payload.is_empty()).then_some(Next::Datagram(ports, payload)))
}

/// The two ports that TCP, UDP, SCTP, DCCP and UDP-Lite begin with.
fn ports(
    name: &'static str,
    data: &[u8],
    layers: &mut Layers,
) -> Result<(u16, u16), crate::packet::Stop> {
    layers.names.push(name);
    let [a, b, c, d, ..] = *data else { return Err(stop(name, "cut within its ports")) };
    Ok((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

fn set(layers: &mut Layers, transport: Transport) {
    if let Some(network) = layers.networks.last_mut() {
        network.transport = Some(transport);
    }
}

fn set_payload_length(length: Option<usize>, layers: &mut Layers) {
    layers.payload_length = length.and_then(|length| u32::try_from(length).ok());
}
