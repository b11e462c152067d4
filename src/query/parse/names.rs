//! Names that stand for numbers, and words that are no names.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::query::{Protocol, Transport};

/// A selection of IANA's "Service Name and Transport Protocol Port Number Registry" with the
/// aliases in use: port, name, protocols.
static SERVICES: &str = include_str!("services.tsv");

#[derive(Debug, Clone, Copy)]
struct Service {
    name: &'static str,
    port: u16,
    /// The protocol, if there is only one.
    only: Option<Transport>,
    has: [bool; 3],
}

static BY_NAME: LazyLock<HashMap<&str, Service>> =
    LazyLock::new(|| services().map(|service| (service.name, service)).collect());

/// The first name that the table has for a port is the one that is shown.
static BY_PORT: LazyLock<HashMap<(u16, Transport), &str>> = LazyLock::new(|| {
    let mut names = HashMap::new();
    for service in services() {
        for (transport, has) in Transport::ALL.into_iter().zip(service.has) {
            if has {
                names.entry((service.port, transport)).or_insert(service.name);
            }
        }
    }
    names
});

fn services() -> impl Iterator<Item = Service> {
    SERVICES.lines().filter_map(|line| {
        let mut columns = line.split('\t');
        let (port, name) = (columns.next()?.parse().ok()?, columns.next()?);
        let protocols: Vec<&str> = columns.next()?.split(' ').collect();
        let has = ["tcp", "udp", "sctp"].map(|protocol| protocols.contains(&protocol));
        let mut all = Transport::ALL.into_iter().zip(has).filter(|(_, has)| *has);
        let only = all.next().filter(|_| all.next().is_none()).map(|(transport, _)| transport);
        Some(Service { name, port, only, has })
    })
}

/// The port of a service, and its protocol if it has only one.
pub(super) fn service(name: &str) -> Option<(u16, Option<Transport>)> {
    BY_NAME.get(name).map(|service| (service.port, service.only))
}

/// The name of the service at a port.
#[must_use]
pub fn service_name(port: u16, transport: Transport) -> Option<&'static str> {
    BY_PORT.get(&(port, transport)).copied()
}

/// Whether a word is one of the language, and so no name of a host or service.
pub(super) fn is_keyword(word: &str) -> bool {
    WORDS.contains(&word)
        || Protocol::of_word(word).is_some()
        || PF.contains(&word)
        || ATM.contains(&word)
        || SS7.contains(&word)
        || constant(word).is_some()
}

/// The number of a constant: a place in a header, a TCP flag, an ICMP type.
pub(super) fn constant(word: &str) -> Option<u32> {
    find(CONSTANTS, word)
}

/// The number of what IP carries.
pub(super) fn ip_protocol(name: &str) -> Option<u32> {
    find(IP_PROTOCOLS, name)
}

/// EtherTypes, and below 1536 service access points of LLC.
pub(super) fn ether_type(name: &str) -> Option<u32> {
    find(ETHER_TYPES, name)
}

/// The first byte of what OSI's network layer carries.
pub(super) fn iso_protocol(name: &str) -> Option<u32> {
    find(&[("clnp", 0x81), ("esis", 0x82), ("isis", 0x83)], name)
}

fn find(names: &[(&str, u32)], name: &str) -> Option<u32> {
    names.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

/// Words that are neither protocols nor constants.
const WORDS: &[&str] = &[
    "src",
    "dst",
    "host",
    "net",
    "mask",
    "port",
    "portrange",
    "proto",
    "protochain",
    "gateway",
    "type",
    "subtype",
    "direction",
    "dir",
    "address1",
    "addr1",
    "address2",
    "addr2",
    "address3",
    "addr3",
    "address4",
    "addr4",
    "ra",
    "ta",
    "less",
    "greater",
    "byte",
    "broadcast",
    "multicast",
    "and",
    "or",
    "not",
    "len",
    "length",
    "inbound",
    "outbound",
    "ifindex",
    "vlan",
    "mpls",
    "pppoes",
    "geneve",
    "llc",
    "outer",
    "any",
    "all",
    "none",
];

/// Words about logs of the packet filter of BSD.
pub(super) const PF: &[&str] = &[
    "on",
    "ifname",
    "rset",
    "ruleset",
    "rnr",
    "rulenum",
    "srnr",
    "subrulenum",
    "reason",
    "action",
];

/// Words about ATM captures of SunOS.
pub(super) const ATM: &[&str] = &[
    "lane",
    "metac",
    "bcc",
    "oam",
    "oamf4",
    "oamf4ec",
    "oamf4sc",
    "sc",
    "ilmic",
    "vpi",
    "vci",
    "connectmsg",
    "metaconnect",
];

/// Words about captures of SS7 links.
pub(super) const SS7: &[&str] = &[
    "fisu", "lssu", "lsu", "msu", "hfisu", "hlssu", "hmsu", "sio", "opc", "dpc", "sls", "hsio",
    "hopc", "hdpc", "hsls",
];

/// Source: pcap-filter(7), IANA's registries of ICMP and ICMPv6 parameters.
const CONSTANTS: &[(&str, u32)] = &[
    ("icmptype", 0),
    ("icmpcode", 1),
    ("icmp-echoreply", 0),
    ("icmp-unreach", 3),
    ("icmp-sourcequench", 4),
    ("icmp-redirect", 5),
    ("icmp-echo", 8),
    ("icmp-routeradvert", 9),
    ("icmp-routersolicit", 10),
    ("icmp-timxceed", 11),
    ("icmp-paramprob", 12),
    ("icmp-tstamp", 13),
    ("icmp-tstampreply", 14),
    ("icmp-ireq", 15),
    ("icmp-ireqreply", 16),
    ("icmp-maskreq", 17),
    ("icmp-maskreply", 18),
    ("icmp6type", 0),
    ("icmp6code", 1),
    ("icmp6-destinationunreach", 1),
    ("icmp6-packettoobig", 2),
    ("icmp6-timeexceeded", 3),
    ("icmp6-parameterproblem", 4),
    ("icmp6-echo", 128),
    ("icmp6-echoreply", 129),
    ("icmp6-multicastlistenerquery", 130),
    ("icmp6-multicastlistenerreportv1", 131),
    ("icmp6-multicastlistenerdone", 132),
    ("icmp6-routersolicit", 133),
    ("icmp6-routeradvert", 134),
    ("icmp6-neighborsolicit", 135),
    ("icmp6-neighboradvert", 136),
    ("icmp6-redirect", 137),
    ("icmp6-routerrenum", 138),
    ("icmp6-nodeinformationquery", 139),
    ("icmp6-nodeinformationresponse", 140),
    ("icmp6-ineighbordiscoverysolicit", 141),
    ("icmp6-ineighbordiscoveryadvert", 142),
    ("icmp6-multicastlistenerreportv2", 143),
    ("icmp6-homeagentdiscoveryrequest", 144),
    ("icmp6-homeagentdiscoveryreply", 145),
    ("icmp6-mobileprefixsolicit", 146),
    ("icmp6-mobileprefixadvert", 147),
    ("icmp6-certpathsolicit", 148),
    ("icmp6-certpathadvert", 149),
    ("icmp6-multicastrouteradvert", 151),
    ("icmp6-multicastroutersolicit", 152),
    ("icmp6-multicastrouterterm", 153),
    ("tcpflags", 13),
    ("tcp-fin", 0x01),
    ("tcp-syn", 0x02),
    ("tcp-rst", 0x04),
    ("tcp-push", 0x08),
    ("tcp-ack", 0x10),
    ("tcp-urg", 0x20),
    ("tcp-ece", 0x40),
    ("tcp-cwr", 0x80),
];

const ETHER_TYPES: &[(&str, u32)] = &[
    ("aarp", 0x80f3),
    ("arp", 0x0806),
    ("atalk", 0x809b),
    ("decnet", 0x6003),
    ("ip", 0x0800),
    ("ip6", 0x86dd),
    ("lat", 0x6004),
    ("loopback", 0x9000),
    ("mopdl", 0x6001),
    ("moprc", 0x6002),
    ("rarp", 0x8035),
    ("sca", 0x6007),
    ("iso", 0xfe),
    ("stp", 0x42),
    ("ipx", 0xe0),
    ("netbeui", 0xf0),
];

/// Source: IANA "Assigned Internet Protocol Numbers", with the names in use.
const IP_PROTOCOLS: &[(&str, u32)] = &[
    ("ip", 0),
    ("IP", 0),
    ("hopopt", 0),
    ("HOPOPT", 0),
    ("icmp", 1),
    ("ICMP", 1),
    ("igmp", 2),
    ("IGMP", 2),
    ("ggp", 3),
    ("GGP", 3),
    ("ipencap", 4),
    ("IP-ENCAP", 4),
    ("st", 5),
    ("ST", 5),
    ("tcp", 6),
    ("TCP", 6),
    ("egp", 8),
    ("EGP", 8),
    ("igp", 9),
    ("IGP", 9),
    ("pup", 12),
    ("PUP", 12),
    ("udp", 17),
    ("UDP", 17),
    ("hmp", 20),
    ("HMP", 20),
    ("xns-idp", 22),
    ("XNS-IDP", 22),
    ("rdp", 27),
    ("RDP", 27),
    ("iso-tp4", 29),
    ("ISO-TP4", 29),
    ("dccp", 33),
    ("DCCP", 33),
    ("xtp", 36),
    ("XTP", 36),
    ("ddp", 37),
    ("DDP", 37),
    ("idpr-cmtp", 38),
    ("IDPR-CMTP", 38),
    ("ipv6", 41),
    ("IPv6", 41),
    ("ipv6-route", 43),
    ("IPv6-Route", 43),
    ("ipv6-frag", 44),
    ("IPv6-Frag", 44),
    ("idrp", 45),
    ("IDRP", 45),
    ("rsvp", 46),
    ("RSVP", 46),
    ("gre", 47),
    ("GRE", 47),
    ("esp", 50),
    ("IPSEC-ESP", 50),
    ("ah", 51),
    ("IPSEC-AH", 51),
    ("skip", 57),
    ("SKIP", 57),
    ("ipv6-icmp", 58),
    ("IPv6-ICMP", 58),
    ("ipv6-nonxt", 59),
    ("IPv6-NoNxt", 59),
    ("ipv6-opts", 60),
    ("IPv6-Opts", 60),
    ("rspf", 73),
    ("RSPF", 73),
    ("CPHB", 73),
    ("vmtp", 81),
    ("VMTP", 81),
    ("eigrp", 88),
    ("EIGRP", 88),
    ("ospf", 89),
    ("OSPFIGP", 89),
    ("ax.25", 93),
    ("AX.25", 93),
    ("ipip", 94),
    ("IPIP", 94),
    ("etherip", 97),
    ("ETHERIP", 97),
    ("encap", 98),
    ("ENCAP", 98),
    ("pim", 103),
    ("PIM", 103),
    ("ipcomp", 108),
    ("IPCOMP", 108),
    ("vrrp", 112),
    ("VRRP", 112),
    ("l2tp", 115),
    ("L2TP", 115),
    ("isis", 124),
    ("ISIS", 124),
    ("sctp", 132),
    ("SCTP", 132),
    ("fc", 133),
    ("FC", 133),
    ("mobility-header", 135),
    ("Mobility-Header", 135),
    ("udplite", 136),
    ("UDPLite", 136),
    ("mpls-in-ip", 137),
    ("MPLS-in-IP", 137),
    ("manet", 138),
    ("hip", 139),
    ("HIP", 139),
    ("shim6", 140),
    ("Shim6", 140),
    ("wesp", 141),
    ("WESP", 141),
    ("rohc", 142),
    ("ROHC", 142),
    ("ethernet", 143),
    ("Ethernet", 143),
];
