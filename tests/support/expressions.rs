//! Expressions of tcpdump's language, and packets to ask with them.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use pcap_archiver::capture::CaptureReader;
use pcap_archiver::decode::decode;
use pcap_archiver::packet::{
    CapturedPacket, Fingerprint, LinkType, Origin, PacketRecord, Source, StoredPacket, Timestamp,
};
use pcap_archiver::query::{Query, matches, parse};

use super::{Pcap, outside_captures};

/// Packets taken from the beginning of each capture, at most.
const FROM_EACH: usize = 250;

/// Packets of one link type, and the same as a file that tcpdump reads.
pub struct Corpus {
    pub link_type: u16,
    pub records: Vec<PacketRecord>,
}

impl Corpus {
    /// A pcap file with these packets.
    pub fn write(&self, path: &Path) {
        let mut pcap = Pcap::new(self.link_type.into());
        for record in &self.records {
            let packet = &record.stored.packet;
            pcap = pcap.cut_packet(
                u32::try_from(record.stored.origin.frame).unwrap(),
                0,
                &packet.data,
                packet.original_length,
            );
        }
        fs::write(path, pcap.bytes()).unwrap();
    }
}

/// The first packets of the captures of the world and of the given ones, by link type. The time of
/// a packet is its number in its corpus.
pub fn corpora(made: &[(String, Vec<u8>)], folder: &Path) -> Vec<Corpus> {
    let mut paths = outside_captures();
    for (name, bytes) in made {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        paths.push(path);
    }
    let mut packets: Vec<CapturedPacket> = Vec::new();
    for path in paths {
        let Ok(mut reader) = CaptureReader::open(&path) else { continue };
        let mut taken = 0;
        while let (true, Ok(Some((_, packet)))) = (taken < FROM_EACH, reader.next_packet()) {
            taken += 1;
            if can_be_asked(&packet) {
                packets.push(packet);
            }
        }
    }
    packets.sort_by_key(|packet| packet.link_type);
    packets.chunk_by(|a, b| a.link_type == b.link_type).map(corpus).collect()
}

/// libpcap looks at the byte order of the file for the loopback link type of BSD, which no packet
/// tells; of captures of Juniper it knows no more than that they are of Juniper; and it looks for
/// the network header of Frame Relay at its first byte.
fn can_be_asked(packet: &CapturedPacket) -> bool {
    let is_of_other_order = packet.link_type == LinkType::NULL && packet.data.starts_with(&[0, 0]);
    let is_frame_relay = packet.link_type == LinkType::FRELAY;
    let is_of_juniper =
        matches!(packet.link_type.0, 130..=138 | 178..=184 | 194 | 200 | 232..=234 | 238);
    // Behind PPI it selects nothing but 802.11, whatever the expression.
    let is_wired =
        packet.link_type == LinkType::PPI && packet.data.get(4..8) != Some(&[105, 0, 0, 0]);
    !is_of_other_order && !is_frame_relay && !is_of_juniper && !is_wired
}

/// The packets under one capture of their own.
pub fn corpus(packets: &[CapturedPacket]) -> Corpus {
    let source = Source {
        file_name: "corpus.pcap".to_owned(),
        file_path: "corpus.pcap".to_owned(),
        sensor: None,
    };
    let source = Arc::new(source);
    let capture = Fingerprint::of(&packets[0]);
    let records = packets.iter().zip(1..).map(|(packet, frame)| {
        let timestamp = Timestamp::from_parts(i64::try_from(frame).unwrap(), 0);
        let packet = CapturedPacket { timestamp, extras: None, ..packet.clone() };
        let layers = decode(&packet);
        let origin = Origin { capture, frame, source: source.clone() };
        PacketRecord { stored: StoredPacket::new(packet, origin), layers }
    });
    Corpus { link_type: packets[0].link_type.0, records: records.collect() }
}

/// Whether a packet is a plain one: no tag, no label, no tunnel, and no network layer that is
/// found although libpcap does not look there (SNAP on Ethernet, PPP with a compressed header), so
/// that the wished differences do not count.
pub fn is_plain(record: &PacketRecord) -> bool {
    let layers = &record.layers;
    let is_seen = layers.networks.is_empty() || selects("ip or ip6 or arp or rarp", record);
    !is_tagged(record) && layers.tunnels.is_empty() && layers.networks.len() < 2 && is_seen
}

fn selects(expression: &str, record: &PacketRecord) -> bool {
    matches(&Query { filter: parse(expression).unwrap(), ..Query::all() }, record)
}

/// Whether a packet has VLAN tags, MPLS labels or the like, on which a plain expression means more
/// than in tcpdump.
pub fn is_tagged(record: &PacketRecord) -> bool {
    let names = ["vlan", "mpls", "pppoe", "macsec", "pbb"];
    !record.layers.vlan_ids.is_empty()
        || !record.layers.mpls_labels.is_empty()
        || record.layers.names.iter().any(|name| names.contains(name))
}

/// What each means is what tcpdump means, on plain packets.
pub const EXPRESSIONS: &[&str] = &[
    "",
    // Hosts and networks.
    "host 192.168.1.103",
    "src host 192.168.1.103",
    "dst host 192.168.1.103",
    "src or dst host 192.168.0.21",
    "src and dst host 127.0.0.1",
    "src 10.0.0.1",
    "dst 10.0.0.1 or 192.168.0.20",
    "ip host 10.0.0.1",
    "arp host 192.168.1.1",
    "rarp host 192.168.1.1",
    "host 10.0",
    "host 10",
    "net 10",
    "net 10.0.0",
    "net 192.168",
    "net 192.168.0.0/16",
    "net 192.168.1.96/27",
    "src net 192.168.0.0 mask 255.255.255.0",
    "dst net 10.0.0.0 mask 255.0.0.0",
    "net 192.0.0.1 mask 255.0.0.255",
    "net 0.0.0.0/0",
    "net 0",
    "ip net 10.0.0.0/8",
    "arp net 192.168.0.0/16",
    "host ::1",
    "ip6 host fe80::211:25ff:fe82:95b5",
    "src host 2001:16d8:ffce:10:aca8:353c:291d:a9b3",
    "dst net ff02::/16",
    "net fe80::/10",
    "net 2001:db8::/32 or net 2400::/12",
    "net ::/0",
    "src and dst net 127.0.0.0/8",
    "host 192.168.99.100 and (8.8.8.8 or 173.194.191.104)",
    "not host 10.0.0.1",
    "not (host 10.0.0.1 or host 192.168.1.103)",
    "host 192.168.1.103 and not 203.205.151.162",
    // Ports.
    "port 53",
    "port 80",
    "src port 443",
    "dst port 53 or 80",
    "port domain",
    "port http or https",
    "tcp port 80",
    "udp port 53",
    "sctp port 80",
    "tcp src port 80",
    "tcp dst port 443",
    "udp dst port 67",
    "port bootps",
    "port ftp-data",
    "src and dst port 5060",
    "src or dst port 123",
    "portrange 1-1023",
    "src portrange 1024-65535",
    "tcp dst portrange 80-443",
    "udp portrange 5000-6000",
    "portrange 443-80",
    "portrange 80",
    "not port 80",
    "port not 80",
    "port (80 or 443)",
    "tcp port (80 or not 443)",
    "tcp port 80 and 443",
    "udp port 0x35",
    "port 065",
    "host 192.168.99.100 and port 53 and not udp",
    // Protocols.
    "ip",
    "ip6",
    "arp",
    "rarp",
    "tcp",
    "udp",
    "sctp",
    "icmp",
    "icmp6",
    "igmp",
    "igrp",
    "pim",
    "vrrp",
    "carp",
    "ah",
    "esp",
    "atalk",
    "aarp",
    "decnet",
    "lat",
    "sca",
    "moprc",
    "mopdl",
    "iso",
    "clnp",
    "esis",
    "isis",
    "l1",
    "l2",
    "iih",
    "lsp",
    "snp",
    "csnp",
    "psnp",
    "stp",
    "ipx",
    "netbeui",
    "not ip",
    "ip or arp and not udp",
    "tcp or udp or icmp",
    "!tcp && !udp",
    "ip proto 6",
    "ip proto \\udp",
    "ip6 proto 58",
    "ip6 proto 44",
    "proto 17",
    "proto \\tcp or \\udp",
    "proto 132",
    "ether proto 0x0800",
    "ether proto \\arp",
    "ether proto \\ip6 or \\ip",
    "ether proto 0x88cc",
    "ether proto 0x86dd and not icmp6",
    "ether proto 0x42",
    "ether proto \\stp",
    "ether proto \\ipx",
    "ether proto 300",
    "iso proto 0x83",
    "iso proto \\isis",
    "isis proto 18",
    "ip protochain 6",
    "ip6 protochain 6",
    "protochain 6",
    "protochain \\udp",
    "ip protochain 17 and not port 53",
    "ip6 protochain 58",
    "ip protochain 50",
    // The link layer.
    "ether host 00:00:5e:00:53:02",
    "ether src 00:00:5e:00:53:01",
    "ether dst host ff:ff:ff:ff:ff:ff",
    "ether src or dst host 00:00:5e:00:53:01",
    "ether broadcast",
    "broadcast",
    "multicast",
    "ether multicast and not broadcast",
    "ip broadcast",
    "ip multicast",
    "ip6 multicast",
    "not multicast and not broadcast",
    "link[0] & 1 = 0",
    "llc",
    "llc u",
    "llc s or llc i",
    "llc ui",
    "llc rr",
    "wlan type mgt",
    "type mgt subtype beacon",
    "type ctl",
    "type data and not type data subtype null",
    "subtype probe-req",
    "subtype ack",
    "type 8 subtype 0x80",
    "dir nods",
    "dir tods or dir fromds",
    "wlan addr1 ff:ff:ff:ff:ff:ff",
    "wlan addr2 00:0d:93:82:36:3a",
    "wlan ra ff:ff:ff:ff:ff:ff",
    "wlan host ff:ff:ff:ff:ff:ff",
    "wlan dst ff:ff:ff:ff:ff:ff and not subtype beacon",
    "radio[0] = 0",
    "inbound",
    "outbound",
    "not outbound and udp",
    "ifindex 1",
    "ifindex 2 or ifindex 3",
    // Lengths and bytes.
    "less 64",
    "greater 1000",
    "len > 100 and len <= 200",
    "length = 60",
    "len != 60",
    "60 < len",
    "ip[0] & 0xf > 5",
    "ip[8] < 64",
    "ip[2:2] > 576",
    "ip[6:2] & 0x1fff != 0",
    "ip[6:2] & 0x2000 != 0",
    "ip[9] = 17",
    "ip[12:4] = 0x0a000001",
    "ip[-2] = 8",
    "ip6[6] = 58",
    "ip6[4:2] > 100",
    "arp[6:2] = 1",
    "arp[7] = 2",
    "ether[0] & 1 = 0 and ip[16] >= 224",
    "ether[12:2] = 0x0800",
    "ether[12:2] <= 1500",
    "ether[6:4] = 0x00005e00",
    "link[100] = 0",
    "byte 0 = 255",
    "byte 1 > 3",
    "tcp[tcpflags] & tcp-syn != 0",
    "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
    "tcp[tcpflags] & (tcp-rst|tcp-ack) == (tcp-rst|tcp-ack)",
    "tcp[13] = 2",
    "tcp[tcpflags] == tcp-ack|tcp-push",
    "tcp[0:2] = 80",
    "tcp[2:2] >= 1024",
    "tcp[12] >> 4 > 5",
    "tcp[14:2] = 0",
    "udp[4:2] > 100",
    "udp[0:2] = udp[2:2]",
    "sctp[12] = 0",
    "icmp[icmptype] = icmp-echo",
    "icmp[icmptype] != icmp-echo and icmp[icmptype] != icmp-echoreply",
    "icmp[icmptype] = icmp-unreach and icmp[icmpcode] = 3",
    "icmp6[icmp6type] = icmp6-neighborsolicit",
    "icmp6[icmp6type] != icmp6-echo",
    "igmp[0] = 0x16",
    "tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)",
    "tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x47455420",
    "udp[8:2] & 0x8000 = 0 and udp port 53",
    "ip[2:2] * 2 > 1000",
    "ip[2:2] / 2 = 30",
    "ip[2:2] % 8 = 4",
    "ip[8] ^ 64 = 0",
    "ip[8] | 1 = 65",
    "ip[8] << 1 = 128",
    "len - ip[2:2] = 14",
    "1 + 2 * 3 = 7 and tcp",
    "7 - 2 - 1 = 4 and udp",
    "len % 2 + 1 = 1",
    "7 + len % 2 = 8",
    "2 * 3 % 4 = len - 60",
    "1 | 2 ^ 3 = 1 and ip",
    "0 - len < 0xffffff00",
    "ip[0] / (ip[1] + 0) > 0",
    "ip[20] = ip[21]",
    "5 = ip[8]",
    "(len) > 60",
    "((60)) = len",
    "(ip[8] & 1) = 1",
    "-len = 0xffffffc4 or tcp",
    "0 - 1 = 0xffffffff and arp",
    "4 + tcp[0] > 4",
    "ip[ip[8] & 3] = 0",
    "ether[len - 1] = 0",
    "ether[len - 60] = 0x45",
    // Together.
    "tcp and host 10.0.0.1 or udp and host 192.168.1.103",
    "tcp and (host 10.0.0.1 or udp) and host 192.168.1.103",
    "not tcp and not udp and ip",
    "not not tcp",
    "!(tcp or udp)",
    "host 10.0.0.1 && !port 80 || icmp",
    "(tcp port 80 or tcp port 443) and not (src net 10.0.0.0/8 and dst net 10.0.0.0/8)",
    "ip and not (tcp or (udp and not port 53))",
    "tcp[tcpflags] & tcp-syn != 0 and not src and dst net 192.168.0.0/16",
    "pppoed",
];

/// Of the outermost packet alone, so that tunnels are no difference either.
pub const OUTERMOST: &[&str] = &[
    "ip",
    "ip6",
    "arp",
    "tcp",
    "udp",
    "icmp",
    "icmp6",
    "ip proto 47",
    "ip proto 4",
    "ip proto 41 or 4",
    "ip6 proto 44",
    "proto 17",
    "protochain 6",
    "ether proto 0x0800",
    "ether host 00:00:5e:00:53:01",
    "ether multicast",
    "ip multicast",
    "ip6 multicast",
    "len > 100",
    "ip[9] = 47",
    "udp[2:2] = 4789",
    "udp[4:2] > 100",
    "tcp[tcpflags] & tcp-syn != 0",
    "icmp[icmptype] = icmp-unreach",
    "not tcp and not udp",
    "geneve",
    "geneve 1 or geneve",
    "geneve and ip",
    "geneve and tcp",
    "geneve and udp[2:2] = 53",
    "geneve and ether host 00:00:5e:00:53:01",
];

/// What tcpdump does not know.
pub const BEYOND: &[&str] = &[
    "outer host 10.1.1.1",
    "outer net 10.0.0.0/8",
    "outer port 53",
    "outer tcp port 80",
    "any tcp",
    "any udp",
    "any ip6",
    "any arp",
    "any proto 1",
    "any ip proto 17",
    "host 10.1.1.1",
    "host 10.2.2.2 and port 40002",
    "src host 10.1.1.1",
    "net 2001:db8::/32",
    "ip6 host 2001:db8::11",
    "vlan",
    "vlan 100",
    "vlan and vlan",
    "vlan and host 10.1.1.1",
    "mpls",
    "mpls and mpls",
    "pppoes",
    "pppoes and ip",
    "network.protocol:dns",
    "not network.protocol:*",
    "network.transport:tcp and destination.port:80",
    "destination.port>1024",
    "destination.port>=80 and destination.port<=443",
    "source.port:[50 to 60]",
    "source.ip:10.0.0.0/8",
    "source.ip:::1",
    "source.ip :::/0",
    r"url.path:\:x*",
    "source.ip:192.168.1.103",
    "destination.ip>=192.168.0.0",
    "related.ip:[10.0.0.0 to 10.255.255.255]",
    "dns.question.name:*",
    "dns.question.name:*.com",
    "dns.question.name:www.*",
    "dns.question.name:*o*e*",
    "dns.resolved_ip:*",
    "dns.response_code:NXDOMAIN",
    "http.request.method:GET",
    "http.response.status_code>=400",
    "url.path:/*",
    "url.original:*.html*",
    "tls.client.server_name:*",
    "tls.client.server_name:*.com or tls.client.server_name:*.net",
    "user_agent.original:Mozilla*",
    "packet.length>1000",
    "packet.layers:vlan",
    "packet.tcp.flags:syn and not packet.tcp.flags:ack",
    "packet.link_type:1",
    "packet.link_type_name:LINUX_SLL*",
    "packet.fragment:true",
    "packet.icmp.type:8",
    "packet.tunnel.type:vxlan",
    "packet.decode_error:*",
    "network.vlan.id:\"100\"",
    "event.sequence:[10 to 20]",
    "@timestamp>1970-01-01T00:01:00Z and @timestamp<=1970-01-01T00:02:00Z",
    "file.name:corpus*",
    "file:corpus.pcap",
    "file:other.pcap",
    "\"GET \"",
    "\"get \"i",
    "\"HTTP/1.1\" and tcp",
    "\"Mozilla\" or \"question\"i",
    "not \"HTTP\"",
    "/GET \\/[a-z]+/",
    "/user-agent: [^\\r]*firefox/i",
    "hex:0d0a0d0a",
    "hex:45000034",
    "all",
    "none",
    "not all or tcp",
    "tcp and network.protocol:http and not \"POST\"",
];
