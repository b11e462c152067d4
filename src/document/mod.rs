//! A packet as a document: its stored fields with their values, the same for every store.

mod application;
pub mod fields;
mod json;
pub mod payload;
mod several;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::net::IpAddr;
use std::ops::Range;

use crate::document::fields::FieldId;
use crate::packet::{
    CommunityId, Layers, NetworkLayer, PacketRecord, StoredPacket, Timestamp, Transport,
};
pub use application::related_addresses;

/// One value of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// For [`fields::Kind::Time`] and [`fields::Kind::Date`].
    Time(Timestamp),
    /// For [`fields::Kind::Ip`].
    Ip(IpAddr),
    /// For [`fields::Kind::Keyword`] and [`fields::Kind::Terms`].
    Text(Cow<'a, str>),
    /// For the number kinds.
    Number(i64),
    /// For [`fields::Kind::Boolean`].
    Boolean(bool),
    /// For [`fields::Kind::Binary`].
    Bytes(&'a [u8]),
}

impl Value<'_> {
    /// Which of two numbers, times or addresses comes first; `None` for what has no order.
    /// IPv4 addresses stand among the IPv6 addresses that map them, as in Elasticsearch.
    #[must_use]
    pub fn order(&self, other: &Value<'_>) -> Option<Ordering> {
        let ipv6 = |address: &IpAddr| match address {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => *address,
        };
        match (self, other) {
            (Self::Time(a), Value::Time(b)) => Some(a.cmp(b)),
            (Self::Number(a), Value::Number(b)) => Some(a.cmp(b)),
            (Self::Ip(a), Value::Ip(b)) => Some(ipv6(a).cmp(&ipv6(b))),
            _ => None,
        }
    }
}

/// As people write it; bytes by their number only.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(time) => time.fmt(f),
            Self::Ip(address) => address.fmt(f),
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
            Self::Boolean(boolean) => boolean.fmt(f),
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
        }
    }
}

/// A packet's fields in the order of [`fields::FIELDS`]; a field with several
/// values stands several times in a row. What is absent is absent.
#[derive(Debug, Clone, PartialEq)]
pub struct Document<'a> {
    values: Vec<(FieldId, Value<'a>)>,
}

impl<'a> Document<'a> {
    /// All fields of a packet.
    #[must_use]
    pub fn of(record: &'a PacketRecord) -> Self {
        let mut document = Self { values: Vec::with_capacity(40) };
        document.add_packet(&record.stored);
        document.add_layers(&record.layers);
        document.add_application(&record.layers);
        document.values.sort_by_key(|(field, _)| *field);
        document
    }

    /// All fields of a packet, and the terms that find its text.
    #[must_use]
    pub fn with_payload_terms(record: &'a PacketRecord) -> Self {
        let mut document = Self::of(record);
        let terms = payload::terms(&record.stored.packet.data);
        document.set(FieldId::PacketPayloadTerms, Value::Text(terms.into()));
        document
    }

    /// Gives a field this value and no other.
    pub fn set(&mut self, field: FieldId, value: Value<'a>) {
        let place = self.place(field);
        self.values.splice(place, [(field, value)]);
    }

    /// The fields and values.
    #[must_use]
    pub fn values(&self) -> &[(FieldId, Value<'a>)] {
        &self.values
    }

    /// Leaves a field out.
    pub fn remove(&mut self, field: FieldId) {
        let place = self.place(field);
        self.values.drain(place);
    }

    /// Where the values of a field stand, or would.
    fn place(&self, field: FieldId) -> Range<usize> {
        let start = self.values.partition_point(|(id, _)| *id < field);
        let count = self.values[start..].partition_point(|(id, _)| *id == field);
        start..start + count
    }

    fn add(&mut self, field: FieldId, value: Value<'a>) {
        self.values.push((field, value));
    }

    fn add_text(&mut self, field: FieldId, text: impl Into<Cow<'a, str>>) {
        self.add(field, Value::Text(text.into()));
    }

    fn add_number(&mut self, field: FieldId, number: impl Into<i64>) {
        self.add(field, Value::Number(number.into()));
    }

    fn add_packet(&mut self, stored: &'a StoredPacket) {
        let packet = &stored.packet;
        let indexed = Timestamp::from_nanoseconds(packet.timestamp.indexed().into());
        self.add(FieldId::Timestamp, Value::Time(indexed));
        if !packet.timestamp.is_indexable() {
            self.add_text(FieldId::PacketTime, packet.timestamp.nanoseconds().to_string());
        }
        self.add_number(FieldId::EventSequence, sequence(stored.origin.frame));
        self.add_text(FieldId::PacketCapture, stored.origin.capture.to_string());
        self.add_text(FieldId::FileName, &stored.origin.source.file_name);
        self.add_text(FieldId::FilePath, &stored.origin.source.file_path);
        if let Some(sensor) = &stored.origin.source.sensor {
            self.add_text(FieldId::ObserverName, sensor);
        }
        self.add(FieldId::PacketData, Value::Bytes(&packet.data));
        self.add_number(FieldId::PacketCapturedLength, packet.captured_length());
        self.add_number(FieldId::PacketLength, packet.original_length);
        self.add_number(FieldId::NetworkBytes, packet.original_length);
        self.add_number(FieldId::PacketLinkType, packet.link_type.0);
        match packet.link_type.name() {
            Some(name) => self.add_text(FieldId::PacketLinkTypeName, name),
            None => self.add_text(FieldId::PacketLinkTypeName, packet.link_type.to_string()),
        }
        self.add_extras(stored);
    }

    fn add_extras(&mut self, stored: &'a StoredPacket) {
        for comment in stored.packet.comments() {
            self.add_text(FieldId::PacketComment, comment);
        }
        if let Some(flags) = stored.packet.flags() {
            self.add_number(FieldId::PacketFlags, flags);
        }
        if stored.packet.time_inherited() {
            self.add(FieldId::PacketTimeInherited, Value::Boolean(true));
        }
        let Some(interface) = stored.packet.interface() else { return };
        self.add_text(FieldId::ObserverInterfaceId, interface.id.to_string());
        self.add_number(FieldId::PacketInterfaceSnapLength, interface.snap_length);
        if let Some(name) = &interface.name {
            self.add_text(FieldId::ObserverInterfaceName, name);
        }
        if let Some(description) = &interface.description {
            self.add_text(FieldId::PacketInterfaceDescription, description);
        }
        if let Some(fcs_length) = interface.fcs_length {
            self.add_number(FieldId::PacketInterfaceFcsLength, fcs_length);
        }
    }

    fn add_layers(&mut self, layers: &'a Layers) {
        if let Some(mac) = layers.source_mac {
            self.add_text(FieldId::SourceMac, mac.to_string());
        }
        if let Some(mac) = layers.destination_mac {
            self.add_text(FieldId::DestinationMac, mac.to_string());
        }
        if let Some(ether_type) = layers.ether_type {
            self.add_number(FieldId::PacketEtherType, ether_type);
        }
        if let [outer, inner @ ..] = layers.vlan_ids_of_one_frame() {
            self.add_text(FieldId::NetworkVlanId, outer.to_string());
            if let Some(inner) = inner.last() {
                self.add_text(FieldId::NetworkInnerVlanId, inner.to_string());
            }
        }
        for name in &layers.names {
            self.add_text(FieldId::PacketLayers, *name);
        }
        for protocol in ip_protocols(layers) {
            self.add_number(FieldId::PacketIpProtocols, protocol);
        }
        for address in related_addresses(layers) {
            self.add(FieldId::RelatedIp, Value::Ip(address));
        }
        for label in &layers.mpls_labels {
            self.add_number(FieldId::PacketMplsLabel, *label);
        }
        for index in &layers.security_indexes {
            self.add_number(FieldId::PacketIpsecSpi, *index);
        }
        self.add_tunnels(layers);
        if let Some(application) = layers.application {
            self.add_text(FieldId::NetworkProtocol, application);
        }
        if let Some(stop) = &layers.stop {
            self.add_text(FieldId::PacketDecodeError, format!("{}: {}", stop.layer, stop.reason));
        }
        if is_unread(layers) {
            self.add(FieldId::PacketUnread, Value::Boolean(true));
        }
        if let Some(id) = CommunityId::of(layers) {
            self.add_text(FieldId::NetworkCommunityId, id.to_string());
        }
        if let Some(length) = layers.payload_length {
            self.add_number(FieldId::PacketPayloadLength, length);
        }
        if let Some(network) = layers.innermost() {
            self.add_network(network);
        }
        if let Some(ports) = layers.fragment_ports {
            self.add_ports(ports);
            self.add(FieldId::PacketFragmentPorts, Value::Boolean(true));
        }
    }

    fn add_tunnels(&mut self, layers: &'a Layers) {
        for tunnel in &layers.tunnels {
            self.add_text(FieldId::PacketTunnelType, tunnel.kind);
            if let Some(id) = tunnel.id {
                self.add_text(FieldId::PacketTunnelId, id.to_string());
            }
        }
        for network in layers.outer() {
            self.add(FieldId::PacketOuterSourceIp, Value::Ip(network.source));
            self.add(FieldId::PacketOuterDestinationIp, Value::Ip(network.destination));
            if let Some((source, destination)) = network.transport.and_then(|t| t.ports()) {
                self.add_number(FieldId::PacketOuterSourcePort, source);
                self.add_number(FieldId::PacketOuterDestinationPort, destination);
            }
        }
    }

    fn add_ports(&mut self, (source, destination): (u16, u16)) {
        self.add_number(FieldId::SourcePort, source);
        self.add_number(FieldId::DestinationPort, destination);
    }

    fn add_network(&mut self, network: &'a NetworkLayer) {
        self.add(FieldId::SourceIp, Value::Ip(network.source));
        self.add(FieldId::DestinationIp, Value::Ip(network.destination));
        self.add_text(FieldId::NetworkType, network.kind.name());
        if network.fragment.is_some() {
            self.add(FieldId::PacketFragment, Value::Boolean(true));
        }
        if network.kind.is_ip() {
            self.add_text(FieldId::NetworkIanaNumber, network.protocol.to_string());
            if let Some(name) = transport_name(network.protocol) {
                self.add_text(FieldId::NetworkTransport, name);
            }
        }
        let Some(transport) = &network.transport else { return };
        if let Some(ports) = transport.ports() {
            self.add_ports(ports);
        }
        match transport {
            Transport::Tcp { flags: Some(flags), .. } => {
                for name in flags.names() {
                    self.add_text(FieldId::PacketTcpFlags, name);
                }
            }
            Transport::Icmp(icmp) | Transport::Icmpv6(icmp) => {
                self.add_number(FieldId::PacketIcmpType, icmp.message_type);
                self.add_number(FieldId::PacketIcmpCode, icmp.code);
            }
            _ => {}
        }
    }
}

/// A frame number as it is stored; no capture has 2^63 frames.
#[must_use]
pub fn sequence(frame: u64) -> i64 {
    i64::try_from(frame).unwrap_or(i64::MAX)
}

/// Whether a tcpdump filter, which looks at the bytes, may see addresses, ports or protocols that
/// decoding did not: it could not read on, knows no such link, took a frame of 802.11 for empty or
/// encrypted, or knew better than what the headers announce.
fn is_unread(layers: &Layers) -> bool {
    let has = |name: &str| layers.names.contains(&name);
    layers.stop.is_some()
        || layers.names.is_empty()
        || has("wlan") && layers.networks.is_empty()
        || layers.ambiguous
}

/// Every protocol number an IP header in the packet names, each once.
fn ip_protocols(layers: &Layers) -> Vec<u8> {
    let mut protocols: Vec<u8> = layers
        .networks
        .iter()
        .filter(|network| network.kind.is_ip())
        .flat_map(|network| {
            let fragment = network.fragment.map(|fragment| fragment.next_header);
            [network.next_header, network.protocol].into_iter().chain(fragment)
        })
        .collect();
    protocols.sort_unstable();
    protocols.dedup();
    protocols
}

/// IANA keyword of a transport protocol, in lower case (ECS `network.transport`).
///
/// Source: IANA "Assigned Internet Protocol Numbers".
#[must_use]
pub fn transport_name(protocol: u8) -> Option<&'static str> {
    Some(match protocol {
        1 => "icmp",
        2 => "igmp",
        4 => "ipv4",
        6 => "tcp",
        17 => "udp",
        33 => "dccp",
        41 => "ipv6",
        47 => "gre",
        50 => "esp",
        51 => "ah",
        58 => "ipv6-icmp",
        88 => "eigrp",
        89 => "ospf",
        103 => "pim",
        112 => "vrrp",
        115 => "l2tp",
        132 => "sctp",
        136 => "udplite",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
