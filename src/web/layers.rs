//! A packet as a tree: its layers, their bytes, and what was read from them.

use std::fmt::Display;

use schemars::JsonSchema;
use serde::Serialize;

use crate::decode::{self, Part};
use crate::document::Document;
use crate::packet::{Layers, NetworkLayer, PacketRecord, TcpFlags, Transport};

/// A layer and the bytes that it stands in.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Layer {
    /// As in `packet.layers`; `data` for bytes that nobody knows how to read.
    name: String,
    summary: String,
    /// First byte among the captured ones.
    start: usize,
    length: usize,
    fields: Vec<LayerField>,
}

/// A stored field that comes from a layer.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct LayerField {
    name: &'static str,
    value: String,
}

/// Beginnings of the fields that applications fill.
const OF_APPLICATIONS: [&str; 26] = [
    "dns.",
    "email.",
    "http.",
    "network.forwarded_ip",
    "network.protocol",
    "packet.argument",
    "packet.decode_note",
    "packet.dhcp.",
    "packet.http.",
    "packet.kerberos.",
    "packet.ntp.",
    "packet.operation",
    "packet.protocol_version",
    "packet.quic.",
    "packet.session",
    "packet.sip.",
    "packet.software",
    "packet.status",
    "packet.tls.",
    "packet.user_workstation",
    "related.hosts",
    "related.user",
    "tls.",
    "url.",
    "user.",
    "user_agent.",
];

pub(super) fn of(record: &PacketRecord) -> Vec<Layer> {
    let (layers, parts) = decode::outline(&record.stored.packet);
    let document = Document::of(record);
    let mut network = None;
    let mut is_first = true;
    let mut shown = Vec::with_capacity(parts.len());
    for part in parts {
        let mut fields = Fields::default();
        if std::mem::take(&mut is_first) {
            fields.of_link(&layers);
        }
        if part.names.iter().any(|name| name.starts_with("vlan")) {
            fields.add_all("network.vlan.id", &layers.vlan_ids);
        }
        if let Some(layer) = part.network.and_then(|position| layers.networks.get(position)) {
            fields.of_network(layer);
            network = Some(layer);
        } else if let Some(layer) = network.filter(|_| is_transport(&part)) {
            fields.of_transport(layer);
        }
        if part.is_payload {
            fields.of_application(&document);
        }
        shown.push(layer(&part, fields));
    }
    if let (Some(stop), Some(last)) = (&layers.stop, shown.last_mut()) {
        let reason = format!("{}: {}", stop.layer, stop.reason);
        last.fields.push(LayerField { name: "packet.decode_error", value: reason });
    }
    shown
}

fn layer(part: &Part, Fields(fields): Fields) -> Layer {
    let name = if part.names.is_empty() { "data".to_owned() } else { part.names.join(" ") };
    let length = part.bytes.len();
    let summary = match fields.as_slice() {
        [] => format!("{length} bytes"),
        fields => {
            let values: Vec<&str> = fields.iter().map(|field| field.value.as_str()).collect();
            values.join(" ")
        }
    };
    Layer { name, summary, start: part.bytes.start, length, fields }
}

fn is_transport(part: &Part) -> bool {
    const TRANSPORTS: [&str; 7] = ["tcp", "udp", "udplite", "sctp", "dccp", "icmp", "icmpv6"];
    part.names.iter().any(|name| TRANSPORTS.contains(name))
}

#[derive(Default)]
struct Fields(Vec<LayerField>);

impl Fields {
    fn add(&mut self, name: &'static str, value: impl Display) {
        self.0.push(LayerField { name, value: value.to_string() });
    }

    fn add_all<T: Display>(&mut self, name: &'static str, values: impl IntoIterator<Item = T>) {
        for value in values {
            self.add(name, value);
        }
    }

    fn of_link(&mut self, layers: &Layers) {
        self.add_all("source.mac", layers.source_mac);
        self.add_all("destination.mac", layers.destination_mac);
        self.add_all("packet.ether_type", layers.ether_type.map(|number| format!("{number:#06x}")));
    }

    fn of_network(&mut self, network: &NetworkLayer) {
        self.add("source.ip", network.source);
        self.add("destination.ip", network.destination);
        if network.kind.is_ip() {
            self.add("network.iana_number", network.protocol);
        }
        if let Some(fragment) = network.fragment {
            let more = if fragment.more { ", more follow" } else { ", the last" };
            self.add("packet.fragment", format_args!("from byte {}{more}", fragment.offset));
        }
    }

    fn of_transport(&mut self, network: &NetworkLayer) {
        let Some(transport) = network.transport else { return };
        if let Some((source, destination)) = transport.ports() {
            self.add("source.port", source);
            self.add("destination.port", destination);
        }
        match transport {
            Transport::Tcp { flags, .. } => {
                self.add_all("packet.tcp.flags", flags.into_iter().flat_map(TcpFlags::names));
            }
            Transport::Icmp(icmp) | Transport::Icmpv6(icmp) => {
                self.add("packet.icmp.type", icmp.message_type);
                self.add("packet.icmp.code", icmp.code);
            }
            _ => {}
        }
    }

    fn of_application(&mut self, document: &Document<'_>) {
        for (id, value) in document.values() {
            let name = id.field().name;
            if OF_APPLICATIONS.iter().any(|beginning| name.starts_with(beginning)) {
                self.add(name, value);
            }
        }
    }
}
