//! A packet as a document: its stored fields with their values, the same for every store.

mod application;
pub mod fields;
pub mod payload;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::document::fields::{Field, FieldId};
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
        document.values.sort_by_key(|(id, _)| *id);
        document
    }

    /// All fields of a packet, and the terms that find its text.
    #[must_use]
    pub fn with_payload_terms(record: &'a PacketRecord) -> Self {
        let mut document = Self::of(record);
        let place = document.values.partition_point(|(id, _)| *id < FieldId::PacketPayloadTerms);
        let terms = payload::terms(&record.stored.packet.data);
        document.values.insert(place, (FieldId::PacketPayloadTerms, Value::Text(terms.into())));
        document
    }

    /// The fields and values.
    #[must_use]
    pub fn values(&self) -> &[(FieldId, Value<'a>)] {
        &self.values
    }

    /// Leaves a field out.
    pub fn remove(&mut self, field: FieldId) {
        self.values.retain(|(id, _)| *id != field);
    }

    /// Appends the document as one JSON object of nested objects, as ECS writes it.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let mut open: Vec<&str> = Vec::new();
        let mut first = true;
        out.push(b'{');
        for values in self.values.chunk_by(|a, b| a.0 == b.0) {
            let field = values[0].0.field();
            let name = enter(out, &mut open, &mut first, field);
            write_string(out, name);
            out.push(b':');
            write_values(out, field, values);
            first = false;
        }
        out.extend(open.iter().map(|_| b'}'));
        out.push(b'}');
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
/// encrypted, or read IP in another version than what stood before it announced.
fn is_unread(layers: &Layers) -> bool {
    let has = |name: &str| layers.names.contains(&name);
    layers.stop.is_some()
        || layers.names.is_empty()
        || has("wlan") && layers.networks.is_empty()
        || has("ipv4") && has("ipv6") && layers.tunnels.is_empty()
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

/// Closes and opens objects until the field's own object is open; returns its last name part.
fn enter<'n>(
    out: &mut Vec<u8>,
    open: &mut Vec<&'n str>,
    first: &mut bool,
    field: &'static Field,
) -> &'n str {
    let (parents, name) = field.name.rsplit_once('.').unwrap_or(("", field.name));
    let parents: Vec<&'static str> =
        if parents.is_empty() { Vec::new() } else { parents.split('.').collect() };
    let shared = open.iter().zip(&parents).take_while(|(a, b)| a == b).count();
    for _ in open.drain(shared..) {
        out.push(b'}');
    }
    for parent in parents.into_iter().skip(shared) {
        if !*first {
            out.push(b',');
        }
        write_string(out, parent);
        out.extend(b":{");
        open.push(parent);
        *first = true;
    }
    if !*first {
        out.push(b',');
    }
    name
}

fn write_values(out: &mut Vec<u8>, field: &Field, values: &[(FieldId, Value<'_>)]) {
    if !field.many {
        return write_value(out, &values[0].1);
    }
    out.push(b'[');
    for (position, (_, value)) in values.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write_value(out, value);
    }
    out.push(b']');
}

fn write_value(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Time(time) => write_string(out, &time.to_string()),
        Value::Ip(address) => write_string(out, &address.to_string()),
        Value::Text(text) => write_string(out, text),
        Value::Number(number) => {
            out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes());
        }
        Value::Boolean(boolean) => out.extend_from_slice(if *boolean { b"true" } else { b"false" }),
        Value::Bytes(bytes) => write_base64(out, bytes),
    }
}

fn write_string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text)
        .unwrap_or_else(|_| unreachable!("a string is always JSON, and memory takes it"));
}

fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    BASE64_STANDARD
        .encode_slice(bytes, &mut out[start..])
        .unwrap_or_else(|_| unreachable!("the slice has the encoded length"));
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::packet::{CapturedPacket, Fingerprint, LinkType, Origin, Source, TcpFlags};

    fn document(layers: Layers) -> serde_json::Value {
        let packet = CapturedPacket {
            timestamp: Timestamp::default(),
            link_type: LinkType::ETHERNET,
            original_length: 60,
            data: Bytes::new(),
            extras: None,
        };
        let source = Source { file_name: "a".into(), file_path: "a".into(), sensor: None };
        let origin = Origin { capture: Fingerprint([0; 16]), frame: 7, source: Arc::new(source) };
        let record = PacketRecord { stored: StoredPacket::new(packet, origin), layers };
        let mut json = Vec::new();
        Document::of(&record).write_json(&mut json);
        serde_json::from_slice(&json).unwrap()
    }

    #[test]
    fn what_is_around_the_innermost_packet_is_outer() {
        let network = |last: u8, ports: (u16, u16)| NetworkLayer {
            kind: crate::packet::NetworkKind::Ipv4,
            source: [192, 0, 2, last].into(),
            destination: [198, 51, 100, last].into(),
            next_header: 17,
            protocol: 17,
            fragment: None,
            transport: Some(Transport::Udp { source: ports.0, destination: ports.1 }),
        };
        let tunnel = |kind| crate::packet::Tunnel { kind, id: None };
        let json = document(Layers {
            names: vec!["ethernet", "vlan", "ipv4", "udp", "vxlan", "ethernet", "vlan", "vlan"],
            vlan_ids: vec![5, 6, 7],
            networks: vec![network(1, (50_000, 4789)), network(2, (1, 2)), network(3, (53, 54))],
            tunnels: vec![tunnel("vxlan"), tunnel("geneve")],
            passed: vec![[203, 0, 113, 1].into()],
            ..Layers::default()
        });
        assert_eq!(
            json["packet"]["outer"],
            serde_json::json!({
                "destination": { "ip": ["198.51.100.1", "198.51.100.2"], "port": [4789, 2] },
                "source": { "ip": ["192.0.2.1", "192.0.2.2"], "port": [50_000, 1] },
            })
        );
        assert_eq!(
            (json["source"]["ip"].as_str(), &json["source"]["port"]),
            (Some("192.0.2.3"), &serde_json::json!(53))
        );
        assert_eq!(json["network"]["vlan"]["id"], "5");
        assert_eq!(json["network"]["inner"], serde_json::Value::Null, "tags of another frame");
        let related = json["related"]["ip"].as_array().unwrap();
        assert!(related.len() == 7 && related.contains(&"203.0.113.1".into()));
    }

    #[test]
    fn fields_nest_and_lists_stay_lists() {
        let packet = CapturedPacket {
            timestamp: Timestamp::from_nanoseconds(1_700_000_000_000_000_001),
            link_type: LinkType::ETHERNET,
            original_length: 60,
            data: Bytes::from_static(b"ab"),
            extras: None,
        };
        let source = Source { file_name: "a \"b\"".into(), file_path: "x/a".into(), sensor: None };
        let origin = Origin { capture: Fingerprint([0; 16]), frame: 7, source: Arc::new(source) };
        let network = NetworkLayer {
            kind: crate::packet::NetworkKind::Ipv4,
            source: "192.0.2.1".parse().unwrap(),
            destination: "192.0.2.2".parse().unwrap(),
            next_header: 6,
            protocol: 6,
            fragment: None,
            transport: Some(Transport::Tcp {
                source: 1,
                destination: 2,
                flags: Some(TcpFlags(0x12)),
            }),
        };
        let layers =
            Layers { names: vec!["ethernet"], networks: vec![network], ..Layers::default() };
        let record = PacketRecord { stored: StoredPacket::new(packet, origin), layers };
        let mut json = Vec::new();
        Document::of(&record).write_json(&mut json);
        let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(value["@timestamp"], "2023-11-14T22:13:20.000000001Z");
        assert_eq!(value["event"]["sequence"], 7);
        assert_eq!(value["file"]["name"], "a \"b\"");
        assert_eq!(value["packet"]["data"], "YWI=");
        assert_eq!(value["packet"]["tcp"]["flags"], serde_json::json!(["syn", "ack"]));
        assert_eq!(value["packet"]["layers"], serde_json::json!(["ethernet"]));
        assert_eq!(value["related"]["ip"], serde_json::json!(["192.0.2.1", "192.0.2.2"]));
        assert_eq!(value["source"]["port"], 1);
        assert!(value.get("observer").is_none(), "absent is absent");
    }
}
