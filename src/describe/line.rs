//! One packet in one line, in the order that tcpdump has taught people to read.

use std::fmt;
use std::net::IpAddr;

use crate::describe::summary::Summary;
use crate::packet::{NetworkKind, NetworkLayer, PacketRecord, TcpFlags, Transport};

/// The name of the service at a port of an IP protocol.
pub type ServiceName = fn(port: u16, protocol: u8) -> Option<&'static str>;

/// Shows a packet: time, source > destination, what it is, length on the wire, what it says.
#[derive(Debug)]
pub struct Line<'a> {
    /// The packet.
    pub record: &'a PacketRecord,
    /// Ports that have a name are shown by it.
    pub services: Option<ServiceName>,
}

/// Shows what a packet is and says, without its time, ends, protocol and length.
#[derive(Debug)]
pub struct Info<'a>(pub &'a PacketRecord);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self.record;
        write!(f, "{} ", record.stored.packet.timestamp)?;
        if let Some(network) = record.layers.innermost() {
            ends(f, network, self.services)?;
            f.write_str(" ")?;
            carried(f, network)?;
        } else {
            let layers = &record.layers;
            if let (Some(source), Some(destination)) = (layers.source_mac, layers.destination_mac) {
                write!(f, "{source} > {destination} ")?;
            }
            link(f, record)?;
        }
        if let Some(application) = record.layers.application {
            write!(f, " {application}")?;
        }
        write!(f, " {}", record.stored.packet.original_length)?;
        summary(f, record)
    }
}

impl fmt::Display for Info<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.layers.innermost() {
            Some(network) => carried(f, network)?,
            None => link(f, self.0)?,
        }
        summary(f, self.0)?;
        match &self.0.layers.stop {
            Some(stop) => write!(f, " [{}: {}]", stop.layer, stop.reason),
            None => Ok(()),
        }
    }
}

fn summary(f: &mut fmt::Formatter<'_>, record: &PacketRecord) -> fmt::Result {
    match &record.layers.details {
        Some(details) => write!(f, "{}", Summary(details)),
        None => Ok(()),
    }
}

fn ends(
    f: &mut fmt::Formatter<'_>,
    network: &NetworkLayer,
    services: Option<ServiceName>,
) -> fmt::Result {
    let (source, destination) = network.transport.and_then(|transport| transport.ports()).unzip();
    let shown = |port: u16| match services.and_then(|name| name(port, network.protocol)) {
        Some(name) => name.to_owned(),
        None => port.to_string(),
    };
    endpoint(f, network.source, source.map(shown))?;
    f.write_str(" > ")?;
    endpoint(f, network.destination, destination.map(shown))
}

fn endpoint(f: &mut fmt::Formatter<'_>, address: IpAddr, port: Option<String>) -> fmt::Result {
    match (address, port) {
        (address, None) => write!(f, "{address}"),
        (IpAddr::V4(address), Some(port)) => write!(f, "{address}:{port}"),
        (IpAddr::V6(address), Some(port)) => write!(f, "[{address}]:{port}"),
    }
}

fn carried(f: &mut fmt::Formatter<'_>, network: &NetworkLayer) -> fmt::Result {
    match (network.kind, network.transport) {
        (NetworkKind::Arp | NetworkKind::Rarp, _) => f.write_str(network.kind.name()),
        (_, Some(transport)) => self::transport(f, transport),
        (_, None) => write!(f, "ip-proto-{}", network.protocol),
    }
}

fn transport(f: &mut fmt::Formatter<'_>, transport: Transport) -> fmt::Result {
    match transport {
        Transport::Tcp { flags, .. } => {
            let names: Vec<&str> = flags.into_iter().flat_map(TcpFlags::names).collect();
            write!(f, "tcp [{}]", names.join(","))
        }
        Transport::Udp { .. } => f.write_str("udp"),
        Transport::Sctp { .. } => f.write_str("sctp"),
        Transport::Dccp { .. } => f.write_str("dccp"),
        Transport::UdpLite { .. } => f.write_str("udplite"),
        Transport::Icmp(icmp) => write!(f, "icmp {}/{}", icmp.message_type, icmp.code),
        Transport::Icmpv6(icmp) => write!(f, "icmp6 {}/{}", icmp.message_type, icmp.code),
    }
}

/// A packet without addresses that anybody knows how to read.
fn link(f: &mut fmt::Formatter<'_>, record: &PacketRecord) -> fmt::Result {
    let layers = &record.layers;
    match (layers.names.last(), layers.ether_type) {
        (Some(&"ethernet" | &"vlan" | &"sll" | &"sll2"), Some(ether_type)) => {
            write!(f, "ethertype 0x{ether_type:04x}")
        }
        (Some(name), _) => f.write_str(name),
        (None, _) => write!(f, "{}", record.stored.packet.link_type),
    }
}
