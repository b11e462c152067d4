//! What is compared. A new column is one entry in [`PACKET`], or in that of the applications.

use std::sync::LazyLock;

use super::application;
use super::ours::Ours;
use super::tshark::{Layer, Theirs, addresses};

/// One thing that both find in a packet.
pub struct Column {
    /// Its name in the report: that of the stored field, where it is one.
    pub name: &'static str,
    /// The fields that tshark is asked for, beside those of its layers.
    pub fields: &'static [&'static str],
    /// The values that this program finds.
    pub ours: fn(&Ours) -> Vec<String>,
    /// The same values as tshark finds them, in the same words.
    pub theirs: fn(&Theirs) -> Vec<String>,
    /// Percent of packets that must be equal in all captures, explained or not.
    pub wanted: Option<f64>,
}

/// All of them.
pub static COLUMNS: LazyLock<Vec<&'static Column>> =
    LazyLock::new(|| PACKET.iter().chain(application::COLUMNS).collect());

const PACKET: &[Column] = &[
    Column {
        name: "layers",
        fields: &[],
        ours: |ours| {
            let names = ours.layers().names.iter();
            deduplicated(names.filter_map(|name| known(name, |(_, ours)| ours)))
        },
        theirs: |theirs| {
            let names = theirs.layers().iter().map(|layer| layer.protocol);
            deduplicated(names.filter_map(|name| known(name, |(theirs, _)| theirs)))
        },
        wanted: Some(99.0),
    },
    Column {
        name: "source.mac",
        fields: &[],
        ours: |ours| ours.stored("source.mac"),
        theirs: |theirs| mac(theirs, &["eth.src", "sll.src.eth", "wlan.sa"]),
        wanted: Some(99.9),
    },
    Column {
        name: "destination.mac",
        fields: &[],
        ours: |ours| ours.stored("destination.mac"),
        theirs: |theirs| mac(theirs, &["eth.dst", "wlan.da"]),
        wanted: Some(99.9),
    },
    Column {
        name: "source.ip",
        fields: &[],
        ours: |ours| ours.stored("source.ip"),
        theirs: |theirs| one(theirs.innermost().first().and_then(addresses).map(|ends| ends[0])),
        wanted: Some(99.9),
    },
    Column {
        name: "destination.ip",
        fields: &[],
        ours: |ours| ours.stored("destination.ip"),
        theirs: |theirs| one(theirs.innermost().first().and_then(addresses).map(|ends| ends[1])),
        wanted: Some(99.9),
    },
    Column {
        name: "addresses of all layers",
        fields: &[],
        ours: |ours| {
            let networks = ours.layers().networks.iter();
            networks.flat_map(|n| [n.source.to_string(), n.destination.to_string()]).collect()
        },
        theirs: |theirs| texts(theirs.layers().iter().filter_map(addresses).flatten()),
        wanted: Some(99.9),
    },
    Column {
        name: "addresses in a quoted packet",
        fields: &["icmpv6.nd.ns.target_address", "icmpv6.nd.na.target_address", "icmp.redir_gw"],
        ours: |ours| ours.layers().mentioned.iter().map(ToString::to_string).collect(),
        theirs: |theirs| {
            let mut found = theirs.all("icmp.redir_gw");
            found.extend(theirs.all("icmpv6.nd.ns.target_address"));
            found.extend(theirs.all("icmpv6.nd.na.target_address"));
            found.extend(theirs.quoted().iter().find_map(addresses).into_iter().flatten());
            texts(found)
        },
        wanted: Some(99.0),
    },
    Column {
        name: "network.iana_number",
        fields: &[],
        ours: |ours| ours.stored("network.iana_number"),
        theirs: |theirs| {
            let numbers = theirs.innermost().iter().flat_map(|layer| {
                NEXT_HEADERS.iter().filter_map(|field| layer.get(field)).map(number)
            });
            one(numbers.last())
        },
        wanted: Some(99.9),
    },
    Column {
        name: "source.port in the packet itself",
        fields: &[],
        ours: |ours| own_port(ours, "source.port"),
        theirs: |theirs| {
            one(port(theirs, &["tcp.srcport", "udp.srcport", "sctp.srcport", "dccp.srcport"]))
        },
        wanted: Some(99.9),
    },
    Column {
        name: "destination.port in the packet itself",
        fields: &[],
        ours: |ours| own_port(ours, "destination.port"),
        theirs: |theirs| {
            one(port(theirs, &["tcp.dstport", "udp.dstport", "sctp.dstport", "dccp.dstport"]))
        },
        wanted: Some(99.9),
    },
    Column {
        name: "packet.tcp.flags",
        fields: &[],
        ours: |ours| ours.stored("packet.tcp.flags"),
        theirs: |theirs| {
            const NAMES: [&str; 8] = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"];
            let flags = theirs.inner("tcp.flags").map_or(0, decimal);
            let set = NAMES.iter().enumerate().filter(|(bit, _)| flags >> bit & 1 == 1);
            set.map(|(_, name)| (*name).to_owned()).collect()
        },
        wanted: Some(99.9),
    },
    Column {
        name: "packet.icmp.type and packet.icmp.code",
        fields: &[],
        ours: |ours| [ours.stored("packet.icmp.type"), ours.stored("packet.icmp.code")].concat(),
        theirs: |theirs| {
            let fields = ["icmp.type", "icmp.code", "icmpv6.type", "icmpv6.code"];
            texts(fields.into_iter().filter_map(|field| theirs.inner(field)))
        },
        wanted: Some(99.0),
    },
    Column {
        name: "packet.payload_length",
        fields: &[],
        ours: |ours| ours.stored("packet.payload_length"),
        theirs: |theirs| {
            let of_udp =
                || Some((theirs.inner("udp.length").map(decimal)?.checked_sub(8)?).to_string());
            theirs.inner("tcp.len").map(str::to_owned).or_else(of_udp).into_iter().collect()
        },
        wanted: Some(99.9),
    },
    Column {
        name: "packet.fragment",
        fields: &[],
        ours: |ours| ours.stored("packet.fragment"),
        theirs: |theirs| {
            let is =
                |field| theirs.inner(field).is_some_and(|value| !["0", "False"].contains(&value));
            let fields =
                ["ip.frag_offset", "ip.flags.mf", "ipv6.fraghdr.offset", "ipv6.fraghdr.more"];
            let is_fragment = fields.into_iter().any(is)
                || theirs.innermost().iter().any(|layer| layer.protocol == "ipv6.fraghdr");
            one(is_fragment.then_some("true"))
        },
        wanted: Some(99.0),
    },
    Column {
        name: "VLAN ids of all tags",
        fields: &[],
        ours: |ours| ours.layers().vlan_ids.iter().map(ToString::to_string).collect(),
        theirs: |theirs| layer_values(theirs, &["vlan.id", "ieee8021ad.id"]),
        wanted: Some(99.9),
    },
    Column {
        name: "packet.mpls.label",
        fields: &["mpls.label"],
        ours: |ours| ours.stored("packet.mpls.label"),
        theirs: |theirs| texts(theirs.all("mpls.label")),
        wanted: Some(99.0),
    },
    Column {
        name: "packet.tunnel.id",
        fields: &["gre.key"],
        ours: |ours| {
            let tunnels = ours.layers().tunnels.iter();
            // Elsewhere tshark has no field with the same number.
            let compared = ["pppoe", "pbb", "gre", "erspan", "vxlan", "geneve", "gtp"];
            let ids = tunnels.filter(|tunnel| compared.contains(&tunnel.kind));
            ids.filter_map(|tunnel| tunnel.id).map(|id| id.to_string()).collect()
        },
        theirs: |theirs| {
            let fields = ["pppoe.session_id", "ieee8021ah.isid", "erspan.spanid"];
            let fields = [&fields[..], &["vxlan.vni", "geneve.vni", "gtp.teid"]].concat();
            let mut ids: Vec<String> = theirs.all("gre.key").into_iter().map(number).collect();
            ids.extend(layer_values(theirs, &fields));
            ids
        },
        wanted: Some(98.0),
    },
    Column {
        name: "packet.ipsec.spi",
        fields: &[],
        ours: |ours| ours.stored("packet.ipsec.spi"),
        theirs: |theirs| layer_values(theirs, &["ah.spi", "esp.spi"]),
        wanted: Some(99.0),
    },
    Column {
        name: "network.community_id",
        fields: &["communityid"],
        ours: |ours| ours.stored("network.community_id"),
        theirs: |theirs| texts(theirs.all("communityid")),
        wanted: Some(99.0),
    },
];

/// Fields with the number of what follows, in the order in which headers can stand.
const NEXT_HEADERS: &[&str] = &[
    "ip.proto",
    "ipv6.nxt",
    "ipv6.hopopts.nxt",
    "ipv6.routing.nxt",
    "ipv6.fraghdr.nxt",
    "ipv6.dstopts.nxt",
    "ah.next_header",
];

/// Names of layers: tshark's, and this program's.
const NAMES: &[(&str, &str)] = &[
    ("ah", "ah"),
    ("arp", "arp"),
    ("arp", "rarp"),
    ("cdp", "cdp"),
    ("chdlc", "chdlc"),
    ("dccp", "dccp"),
    ("eigrp", "eigrp"),
    ("erspan", "erspan"),
    ("esp", "esp"),
    ("eth", "ethernet"),
    ("fr", "fr"),
    ("geneve", "geneve"),
    ("gre", "gre"),
    ("gre", "nvgre"),
    ("gre", "pptp"),
    ("gtp", "gtp"),
    ("icmp", "icmp"),
    ("icmpv6", "icmpv6"),
    ("ieee8021ad", "vlan"),
    ("ieee8021ah", "pbb"),
    ("igmp", "igmp"),
    ("ip", "ipv4"),
    ("ipoib", "ipoib"),
    ("ipv6", "ipv6"),
    ("ipv6.dstopts", "ipv6.dstopts"),
    ("ipv6.fraghdr", "ipv6.fragment"),
    ("ipv6.hopopts", "ipv6.hopopts"),
    ("ipv6.routing", "ipv6.routing"),
    ("l2tp", "l2tp"),
    ("llc", "llc"),
    ("lldp", "lldp"),
    ("macsec", "macsec"),
    ("mpls", "mpls"),
    ("nflog", "nflog"),
    ("null", "null"),
    ("ospf", "ospf"),
    ("pim", "pim"),
    ("ppi", "ppi"),
    ("ppp", "ppp"),
    ("pppoes", "pppoe"),
    ("prism", "prism"),
    ("radiotap", "radiotap"),
    ("sctp", "sctp"),
    ("sll", "sll"),
    ("sll", "sll2"),
    ("stp", "stp"),
    ("tcp", "tcp"),
    ("teredo", "teredo"),
    ("udp", "udp"),
    ("udplite", "udplite"),
    ("vlan", "vlan"),
    ("vrrp", "vrrp"),
    ("vxlan", "vxlan"),
    ("wlan", "wlan"),
];

/// tshark's name of a layer that both have a name for.
fn known(
    name: &str,
    side: fn(&(&'static str, &'static str)) -> &'static str,
) -> Option<&'static str> {
    let found = NAMES.iter().find(|names| side(names) == name)?.0;
    // The tag of a provider's bridge is a tag.
    Some(if found == "ieee8021ad" { "vlan" } else { found })
}

/// tshark names some layers once for each of their parts.
fn deduplicated(names: impl Iterator<Item = &'static str>) -> Vec<String> {
    const IN_PARTS: [&str; 3] = ["igmp", "vlan", "mpls"];
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    names.dedup_by(|a, b| a == b && IN_PARTS.contains(&a.as_str()));
    names
}

fn mac(theirs: &Theirs, fields: &[&str]) -> Vec<String> {
    let first = theirs.layers().iter().find_map(|layer| fields.iter().find_map(|f| layer.get(f)));
    one(first.map(|mac| mac.replace(':', "-").to_uppercase()))
}

/// Not that of the first fragment: tshark tells it only when it reassembles.
fn own_port(ours: &Ours, field: &str) -> Vec<String> {
    if ours.layers().fragment_ports.is_some() { Vec::new() } else { ours.stored(field) }
}

fn port<'a>(theirs: &Theirs<'a>, fields: &[&str]) -> Option<&'a str> {
    fields.iter().find_map(|field| theirs.inner(field))
}

/// Values of these fields in the order of the layers, as decimal numbers.
fn layer_values(theirs: &Theirs, fields: &[&str]) -> Vec<String> {
    let of_layer = |layer: &Layer| fields.iter().find_map(|field| layer.get(field)).map(number);
    theirs.layers().iter().filter_map(of_layer).collect()
}

/// tshark writes some numbers as hexadecimal.
fn number(text: &str) -> String {
    decimal(text).to_string()
}

fn decimal(text: &str) -> u64 {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).unwrap(),
        None => text.parse().unwrap(),
    }
}

fn one(value: Option<impl Into<String>>) -> Vec<String> {
    value.map(Into::into).into_iter().collect()
}

fn texts<'a>(values: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    values.into_iter().map(str::to_owned).collect()
}
