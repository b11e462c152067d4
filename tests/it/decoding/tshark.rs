//! What tshark finds, each packet for itself: nothing is reassembled.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::columns::Column;
use crate::support::oracle;

/// Preferences and protocols: packet by packet, and the one post-dissector that is compared.
const OPTIONS: &[&str] = &[
    "-n",
    "-o",
    "ip.defragment:FALSE",
    "-o",
    "ipv6.defragment:FALSE",
    "-o",
    "tcp.desegment_tcp_streams:FALSE",
    "-o",
    "tcp.analyze_sequence_numbers:FALSE",
    "-o",
    "tls.desegment_ssl_records:FALSE",
    "-o",
    "tls.desegment_ssl_application_data:FALSE",
    "-o",
    "http.desegment_headers:FALSE",
    "-o",
    "http.desegment_body:FALSE",
    "-o",
    "wlan.defragment:FALSE",
    "-o",
    "sctp.reassembly:FALSE",
    "--enable-protocol",
    "communityid",
];
/// Between the values of a field that a packet has several times.
const BETWEEN: char = '\u{1f}';

/// The output of one run.
pub struct Tshark {
    fields: Vec<&'static str>,
    output: String,
}

impl Tshark {
    /// Runs tshark for all fields that the columns need.
    pub fn of(path: &Path, columns: &[Column]) -> Self {
        let mut fields: BTreeSet<&str> =
            columns.iter().flat_map(|column| column.fields).copied().collect();
        fields.extend(["frame.protocols", "frame.encap_type"]);
        let fields: Vec<&'static str> = fields.into_iter().collect();
        let path = path.display().to_string();
        let aggregator = format!("aggregator={BETWEEN}");
        let mut arguments = OPTIONS.to_vec();
        arguments.extend(["-r", &path, "-T", "fields", "-E", "occurrence=a", "-E", &aggregator]);
        arguments.extend(fields.iter().flat_map(|field| ["-e", field]));
        let output = String::from_utf8_lossy(&oracle_of_a_cut_capture(&arguments)).into_owned();
        Self { fields, output }
    }

    /// The packets. tshark also shows custom blocks of pcapng, which have no link type.
    pub fn rows(&self) -> Vec<Theirs<'_>> {
        let row = |line| Theirs { fields: &self.fields, values: str::split(line, '\t').collect() };
        let rows = self.output.lines().map(row);
        rows.filter(|row: &Theirs| !row.all("frame.encap_type").is_empty()).collect()
    }
}

/// tshark ends with an error after the last packet of a capture that was cut; `sh` hides that,
/// and the number of packets is compared.
fn oracle_of_a_cut_capture(arguments: &[&str]) -> Vec<u8> {
    let script = ["-c", "tshark \"$@\" 2>/dev/null || test $? -eq 2", "sh"];
    oracle("sh", &[&script, arguments].concat())
}

/// A packet's fields.
pub struct Theirs<'a> {
    fields: &'a [&'static str],
    values: Vec<&'a str>,
}

impl<'a> Theirs<'a> {
    /// All values of a field, in the order of the packet.
    pub fn all(&self, field: &str) -> Vec<&'a str> {
        let at = self.fields.iter().position(|name| *name == field);
        let at = at.unwrap_or_else(|| panic!("no column names the field {field}"));
        match self.values.get(at) {
            None | Some(&"") => Vec::new(),
            Some(values) => values.split(BETWEEN).collect(),
        }
    }

    /// Names of the protocols, outermost first, between colons.
    pub fn protocols(&self) -> &'a str {
        self.all("frame.protocols").first().copied().unwrap_or_default()
    }

    pub fn has(&self, protocol: &str) -> bool {
        self.protocols().split(':').any(|name| name == protocol)
    }

    /// The layers with addresses or ports, in the order of the packet. tshark gives the values of
    /// a field in that order, and the protocols too: this puts them together.
    pub fn walk(&self) -> Walk {
        let mut walk = Walk::default();
        let mut taken: HashMap<&str, usize> = HashMap::new();
        for protocol in self.protocols().split(':') {
            let mut next = |field: &'static str| {
                let number = taken.entry(field).or_default();
                let value = self.all(field).get(*number).map(|value| (*value).to_owned());
                *number += 1;
                value
            };
            let (source, destination) = match protocol {
                "icmp" | "icmpv6" => {
                    walk.in_quotation = true;
                    continue;
                }
                "ip" => (next("ip.src"), next("ip.dst")),
                "ipv6" => (next("ipv6.src"), next("ipv6.dst")),
                "arp" => (next("arp.src.proto_ipv4"), next("arp.dst.proto_ipv4")),
                "tcp" => (next("tcp.srcport"), next("tcp.dstport")),
                "udp" | "udplite" => (next("udp.srcport"), next("udp.dstport")),
                "sctp" => (next("sctp.srcport"), next("sctp.dstport")),
                "dccp" => (next("dccp.srcport"), next("dccp.dstport")),
                _ => continue,
            };
            let (Some(source), Some(destination)) = (source, destination) else { continue };
            walk.add(protocol, source, destination);
        }
        walk
    }
}

/// Fields that [`Theirs::walk`] needs.
pub const WALKED: &[&str] = &[
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
    "arp.src.proto_ipv4",
    "arp.dst.proto_ipv4",
    "tcp.srcport",
    "tcp.dstport",
    "udp.srcport",
    "udp.dstport",
    "sctp.srcport",
    "sctp.dstport",
    "dccp.srcport",
    "dccp.dstport",
];

/// Network layers of a packet, and those of the packet that an ICMP error quotes.
#[derive(Default)]
pub struct Walk {
    pub networks: Vec<Network>,
    pub quoted: Vec<Network>,
    in_quotation: bool,
}

/// Addresses, and the ports that follow them before the next addresses.
pub struct Network {
    pub source: String,
    pub destination: String,
    pub ports: Option<(String, String)>,
}

impl Walk {
    pub fn innermost(&self) -> Option<&Network> {
        self.networks.last()
    }

    fn add(&mut self, protocol: &str, source: String, destination: String) {
        let networks = if self.in_quotation { &mut self.quoted } else { &mut self.networks };
        if ["ip", "ipv6", "arp"].contains(&protocol) {
            networks.push(Network { source, destination, ports: None });
        } else if let Some(network) = networks.last_mut() {
            network.ports.get_or_insert((source, destination));
        }
    }
}
