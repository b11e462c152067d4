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
    "-d",
    "udp.port==8472,vxlan",
    "--enable-protocol",
    "communityid",
];
/// Between the values of a field that a packet has several times.
const BETWEEN: char = '\u{1f}';

/// The output of one run.
pub struct Tshark {
    fields: Vec<&'static str>,
    /// The places of the fields of [`LAYERS`].
    places: HashMap<&'static str, Vec<(&'static str, usize)>>,
    output: String,
}

impl Tshark {
    /// Runs tshark for all fields that the columns need.
    pub fn of(path: &Path, columns: &[&Column]) -> Self {
        let mut fields: BTreeSet<&str> =
            columns.iter().flat_map(|column| column.fields).copied().collect();
        fields.extend(["frame.protocols", "frame.encap_type"]);
        fields.extend(LAYERS.iter().flat_map(|(_, fields)| *fields));
        let fields: Vec<&'static str> = fields.into_iter().collect();
        let path = path.display().to_string();
        let aggregator = format!("aggregator={BETWEEN}");
        let mut arguments = OPTIONS.to_vec();
        arguments.extend(["-r", &path, "-T", "fields", "-E", "occurrence=a", "-E", &aggregator]);
        arguments.extend(fields.iter().flat_map(|field| ["-e", field]));
        let output = String::from_utf8_lossy(&oracle_of_a_cut_capture(&arguments)).into_owned();
        let place =
            |field: &&'static str| (*field, fields.iter().position(|name| name == field).unwrap());
        let places =
            LAYERS.iter().map(|(name, fields)| (*name, fields.iter().map(place).collect()));
        let places = places.collect();
        Self { fields, places, output }
    }

    /// The packets. tshark also shows custom blocks of pcapng, which have no link type.
    pub fn rows(&self) -> Vec<Theirs<'_>> {
        let rows = self.output.lines().map(|line| Theirs::new(self, line));
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
    layers: Vec<Layer<'a>>,
}

/// One protocol of a packet, and its fields of [`LAYERS`].
pub struct Layer<'a> {
    pub protocol: &'a str,
    fields: Vec<(&'static str, &'a str)>,
}

impl<'a> Layer<'a> {
    pub fn get(&self, field: &str) -> Option<&'a str> {
        self.fields.iter().find(|(name, _)| *name == field).map(|(_, value)| *value)
    }
}

impl<'a> Theirs<'a> {
    fn new(tshark: &'a Tshark, line: &'a str) -> Self {
        let values = line.split('\t').collect();
        let mut theirs = Self { fields: &tshark.fields, values, layers: Vec::new() };
        theirs.layers = theirs.read_layers(tshark);
        theirs
    }

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

    /// Whether protocols stand in the packet in this order, each right behind the other.
    pub fn has(&self, protocols: &str) -> bool {
        format!(":{}:", self.protocols()).contains(&format!(":{protocols}:"))
    }

    /// tshark gives the values of a field in the order of the packet, and the protocols too: this
    /// puts them together.
    fn read_layers(&self, tshark: &Tshark) -> Vec<Layer<'a>> {
        let mut seen: Vec<&str> = Vec::new();
        let mut layers = Vec::new();
        for protocol in self.protocols().split(':') {
            let number = seen.iter().filter(|name| **name == protocol).count();
            seen.push(protocol);
            let places = tshark.places.get(protocol).map_or(&[][..], Vec::as_slice);
            let fields = places.iter().filter_map(|(field, place)| {
                let value = self.values.get(*place)?.split(BETWEEN).nth(number)?;
                (!value.is_empty()).then_some((*field, value))
            });
            layers.push(Layer { protocol, fields: fields.collect() });
        }
        layers
    }

    /// The layers of the packet itself: those behind an ICMP message are of another packet.
    pub fn layers(&self) -> &[Layer<'a>] {
        match self.icmp_at() {
            Some(at) => &self.layers[..=at],
            None => &self.layers,
        }
    }

    /// The layers of the packet that an ICMP message quotes.
    pub fn quoted(&self) -> &[Layer<'a>] {
        self.icmp_at().map_or(&[], |at| &self.layers[at + 1..])
    }

    fn icmp_at(&self) -> Option<usize> {
        self.layers.iter().position(|layer| ["icmp", "icmpv6"].contains(&layer.protocol))
    }

    /// The innermost layers: from the last one with addresses on.
    pub fn innermost(&self) -> &[Layer<'a>] {
        let layers = self.layers();
        let at = layers.iter().rposition(|layer| addresses(layer).is_some());
        at.map_or(&[], |at| &layers[at..])
    }

    /// A field of the innermost layers.
    pub fn inner(&self, field: &str) -> Option<&'a str> {
        self.innermost().iter().find_map(|layer| layer.get(field))
    }
}

/// Source and destination of a network layer.
pub fn addresses<'a>(layer: &Layer<'a>) -> Option<[&'a str; 2]> {
    [["ip.src", "ip.dst"], ["ipv6.src", "ipv6.dst"], ["arp.src.proto_ipv4", "arp.dst.proto_ipv4"]]
        .into_iter()
        .find_map(|[source, destination]| Some([layer.get(source)?, layer.get(destination)?]))
}

/// Protocols whose fields are told apart by layer.
const LAYERS: &[(&str, &[&str])] = &[
    ("ah", &["ah.next_header", "ah.spi"]),
    ("arp", &["arp.src.proto_ipv4", "arp.dst.proto_ipv4"]),
    ("dccp", &["dccp.srcport", "dccp.dstport"]),
    ("erspan", &["erspan.spanid"]),
    ("esp", &["esp.spi"]),
    ("eth", &["eth.src", "eth.dst"]),
    ("geneve", &["geneve.vni"]),
    ("gre", &["gre.proto"]),
    ("gtp", &["gtp.teid"]),
    ("icmp", &["icmp.type", "icmp.code"]),
    ("icmpv6", &["icmpv6.type", "icmpv6.code"]),
    ("ieee8021ad", &["ieee8021ad.id"]),
    ("ieee8021ah", &["ieee8021ah.isid"]),
    ("ip", &["ip.src", "ip.dst", "ip.proto", "ip.frag_offset", "ip.flags.mf"]),
    ("ipv6", &["ipv6.src", "ipv6.dst", "ipv6.nxt"]),
    ("ipv6.dstopts", &["ipv6.dstopts.nxt"]),
    ("ipv6.fraghdr", &["ipv6.fraghdr.nxt", "ipv6.fraghdr.offset", "ipv6.fraghdr.more"]),
    ("ipv6.hopopts", &["ipv6.hopopts.nxt"]),
    ("ipv6.routing", &["ipv6.routing.nxt"]),
    ("pppoes", &["pppoe.session_id"]),
    ("sctp", &["sctp.srcport", "sctp.dstport"]),
    ("sll", &["sll.src.eth"]),
    ("tcp", &["tcp.srcport", "tcp.dstport", "tcp.flags", "tcp.len"]),
    ("udp", &["udp.srcport", "udp.dstport", "udp.length"]),
    ("udplite", &["udp.srcport", "udp.dstport"]),
    ("vlan", &["vlan.id"]),
    ("vxlan", &["vxlan.vni"]),
    ("wlan", &["wlan.sa", "wlan.da"]),
];
