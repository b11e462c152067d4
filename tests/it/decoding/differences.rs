//! Where tshark and this program may differ, and why. A difference that is not listed fails.

use std::sync::LazyLock;

use pcap_archiver::packet::NetworkKind;

use super::{Pair, application_differences};

/// A kind of packet in which some columns differ.
pub struct Difference {
    /// Names of columns.
    pub columns: &'static [&'static str],
    /// Which packets: as narrow as the reason.
    pub applies: fn(&Pair) -> bool,
    /// For the report.
    pub reason: &'static str,
}

/// Everything that is read above a layer that only one of the two looks into.
const ABOVE: &[&str] = &[
    "layers",
    "source.mac",
    "destination.mac",
    "source.ip",
    "destination.ip",
    "addresses of all layers",
    "addresses in a quoted packet",
    "network.iana_number",
    "source.port in the packet itself",
    "destination.port in the packet itself",
    "packet.tcp.flags",
    "packet.icmp.type and packet.icmp.code",
    "packet.payload_length",
    "packet.fragment",
    "VLAN ids of all tags",
    "packet.tunnel.id",
    "packet.ipsec.spi",
    "network.community_id",
];
const COMMUNITY_ID: &[&str] = &["network.community_id"];
const PAYLOAD_LENGTH: &[&str] = &["packet.payload_length"];
/// Link types that are not decoded, as tshark names their first protocol.
const UNDECODED: &[&str] = &["arcnet", "atm", "fddi", "juniper", "tr", "wpan"];

/// All of them.
pub static DIFFERENCES: LazyLock<Vec<&'static Difference>> =
    LazyLock::new(|| PACKET.iter().chain(application_differences::DIFFERENCES).collect());

const PACKET: &[Difference] = &[
    Difference {
        columns: COMMUNITY_ID,
        applies: is_later_fragment,
        reason: "a later fragment has the id of its first or none; tshark hashes without ports, \
                 which is the id of another conversation",
    },
    Difference {
        columns: COMMUNITY_ID,
        applies: |pair| {
            let is_ipv6 = kind(pair) == Some(NetworkKind::Ipv6);
            is_ipv6 && pair.theirs.all("communityid").is_empty()
        },
        reason: "tshark has no id for IPv6 without ports; the specification has",
    },
    Difference {
        columns: COMMUNITY_ID,
        applies: |pair| kind(pair) == Some(NetworkKind::Arp),
        reason: "ARP in a tunnel has no id; tshark takes that of the tunnel",
    },
    Difference {
        columns: COMMUNITY_ID,
        applies: |pair| pair.theirs.has("udplite"),
        reason: "tshark takes UDP-Lite for UDP",
    },
    Difference {
        columns: COMMUNITY_ID,
        applies: |pair| pair.theirs.has("ah:esp"),
        reason: "what is carried is ESP; tshark takes AH, which is a header in front of it",
    },
    Difference {
        columns: COMMUNITY_ID,
        applies: |pair| pair.theirs.protocols().ends_with("teredo:ipv6"),
        reason: "an empty IPv6 packet in a tunnel; tshark takes the ports of the tunnel",
    },
    Difference {
        columns: COMMUNITY_ID,
        applies: |pair| pair.theirs.has("icmp:ip:icmp"),
        reason: "tshark takes the quoted ICMP message for the message",
    },
    Difference {
        columns: PAYLOAD_LENGTH,
        applies: |pair| pair.ours.layers().networks.iter().any(|n| n.fragment.is_some()),
        reason: "the first fragment tells the length of all; tshark counts what the fragment has, \
                 or nothing",
    },
    Difference {
        columns: PAYLOAD_LENGTH,
        applies: |pair| {
            let length = pair.theirs.inner("tcp.len").and_then(|length| length.parse().ok());
            length.is_some_and(|theirs: u32| pair.ours.layers().payload_length > Some(theirs))
        },
        reason: "the IP header tells of more bytes than the frame had; tshark counts those of the \
                 frame",
    },
    Difference {
        columns: &["packet.payload_length", "network.community_id"],
        applies: |pair| pair.theirs.inner("udp.length") == Some("0"),
        reason: "a UDP length of zero is that of a datagram that the network card has still to cut \
                 up; tshark calls it bogus and stops",
    },
    Difference {
        columns: &["layers"],
        applies: |pair| pair.theirs.has("ieee8021ah"),
        reason: "the customer's addresses in PBB are an Ethernet header; tshark shows them as part \
                 of PBB",
    },
    Difference {
        columns: &["packet.tunnel.id"],
        applies: |pair| pair.ours.layers().tunnels.iter().any(|tunnel| tunnel.kind == "nvgre"),
        reason: "NVGRE's key is a subnet and a flow id; tshark shows both as one number",
    },
    Difference {
        columns: &["layers", "packet.tunnel.id", "packet.payload_length"],
        applies: |pair| {
            let tunnels = &pair.ours.layers().tunnels;
            pair.theirs.has("gtp") && tunnels.iter().all(|tunnel| tunnel.kind != "gtp")
        },
        reason: "GTP's control plane is not decoded, and its echoes are no tunnel",
    },
    Difference {
        columns: PAYLOAD_LENGTH,
        applies: |pair| pair.theirs.protocols().ends_with(":gtp"),
        reason: "a packet of a user that is not IP: the length of the GTP packet is not its own",
    },
    Difference {
        columns: ABOVE,
        applies: |pair| pair.theirs.has("gtpprime"),
        reason: "version 0 of GTP is not decoded",
    },
    Difference {
        columns: ABOVE,
        applies: |pair| pair.theirs.has("capwap.data"),
        reason: "CAPWAP is not decoded",
    },
    Difference {
        columns: ABOVE,
        applies: |pair| pair.theirs.has("ipcomp"),
        reason: "what IPComp compressed is not decompressed",
    },
    Difference {
        columns: &["layers", "destination.mac"],
        applies: |pair| pair.theirs.has("eth:eth"),
        reason: "Cisco's ISL is not decoded",
    },
    Difference {
        columns: ABOVE,
        applies: |pair| {
            let first = pair.theirs.protocols().split(':').next().unwrap_or_default();
            UNDECODED.contains(&first)
        },
        reason: "link types that are not decoded: ARCNET, ATM, FDDI, Juniper's, token ring, 802.15.4",
    },
    Difference {
        columns: ABOVE,
        applies: |pair| pair.theirs.protocols().ends_with(":l2tp:data"),
        reason: "L2TPv3 does not say what it carries: Ethernet is recognised, tshark must be told",
    },
    Difference {
        columns: &["layers"],
        applies: |pair| pair.theirs.protocols().starts_with("ppp:chdlc"),
        reason: "tshark names the link type PPP and then finds Cisco's HDLC",
    },
    Difference {
        columns: &["layers"],
        applies: |pair| pair.theirs.protocols() == "eth" && pair.ours.layers().stop.is_some(),
        reason: "a frame that is shorter than an Ethernet header is not called Ethernet",
    },
    Difference {
        columns: ABOVE,
        applies: |pair| pair.capture.contains("bug-6875-01-fuzz"),
        reason: "tshark takes the damaged file for a variant of pcap with longer record headers",
    },
];

fn kind(pair: &Pair) -> Option<NetworkKind> {
    pair.ours.layers().innermost().map(|network| network.kind)
}

fn is_later_fragment(pair: &Pair) -> bool {
    let fragment = pair.ours.layers().innermost().and_then(|network| network.fragment);
    fragment.is_some_and(|fragment| fragment.offset > 0)
}

/// Captures of which tshark reads another number of packets. The packets that both read are
/// compared.
pub const COUNTS: &[(&str, &str)] = &[
    ("brcm-tag-stp", "tshark 4.0 does not know the link type"),
    ("dsa-high-vid", "tshark 4.0 does not know the link type"),
    ("sidx.pcap", "tshark 4.0 does not know the link type"),
    ("link-166-pppd", "tshark 4.0 does not know the link type"),
    ("link-205-chdlc-with-direction", "tshark 4.0 does not know the link type"),
    ("link-206-frame-relay-with-direction", "tshark 4.0 does not know the link type"),
    ("link-219-mpls", "tshark 4.0 does not know the link type"),
    ("bug-6875-01-fuzz", "the second record says 16 MB, which tshark cuts and then calls damaged"),
    ("timestamps_issue", "tshark 4.0 ends at a Bluetooth packet without its pseudo-header"),
];
