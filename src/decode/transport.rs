//! TCP, UDP, SCTP, ICMP and ICMPv6.
//!
//! Read by hand and not with etherparse: of a packet that was cut in the middle of its transport
//! header the ports are still there, and a slice of a whole header is not.

use crate::decode::{Outcome, application, stop};
use crate::packet::{Icmp, Layers, TcpFlags, Transport};

/// IANA protocol numbers.
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const SCTP: u8 = 132;

/// Offset of the control bits, and the smallest header (RFC 9293, section 3.1).
const TCP_FLAGS_AT: usize = 13;
const TCP_HEADER: usize = 20;
/// RFC 768.
const UDP_HEADER: usize = 8;

/// Reads what the innermost IP layer carries.
pub(super) fn decode(protocol: u8, data: &[u8], layers: &mut Layers) -> Outcome {
    match protocol {
        TCP => tcp(data, layers),
        UDP => udp(data, layers),
        SCTP => {
            let (source, destination) = ports("sctp", data, layers)?;
            set(layers, Transport::Sctp { source, destination });
            Ok(())
        }
        ICMP => icmp("icmp", data, layers, Transport::Icmp),
        ICMPV6 => icmp("icmpv6", data, layers, Transport::Icmpv6),
        _ => Ok(()),
    }
}

fn tcp(data: &[u8], layers: &mut Layers) -> Outcome {
    let (source, destination) = ports("tcp", data, layers)?;
    let flags = data.get(TCP_FLAGS_AT).copied().map(TcpFlags);
    set(layers, Transport::Tcp { source, destination, flags });
    let Some(data_offset) = data.get(TCP_FLAGS_AT - 1) else {
        return Err(stop("tcp", "cut within its header"));
    };
    let header = usize::from(data_offset >> 4) * 4;
    if header < TCP_HEADER {
        return Err(stop("tcp", format!("data offset of {header} bytes")));
    }
    let Some(payload) = data.get(header..) else {
        return Err(stop("tcp", "cut within its header"));
    };
    application::over_tcp(source, destination, payload, layers);
    Ok(())
}

fn udp(data: &[u8], layers: &mut Layers) -> Outcome {
    let (source, destination) = ports("udp", data, layers)?;
    set(layers, Transport::Udp { source, destination });
    let Some(payload) = data.get(UDP_HEADER..) else {
        return Err(stop("udp", "cut within its header"));
    };
    application::over_udp(source, destination, payload, layers);
    Ok(())
}

fn icmp(
    name: &'static str,
    data: &[u8],
    layers: &mut Layers,
    transport: fn(Icmp) -> Transport,
) -> Outcome {
    layers.names.push(name);
    let [message_type, code, ..] = *data else {
        return Err(stop(name, "cut within its type and code"));
    };
    set(layers, transport(Icmp { message_type, code }));
    Ok(())
}

/// The two ports that TCP, UDP and SCTP begin with.
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
