mod headers;
mod identifiers;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::packet::{
    Fragment, Icmp, LinkType, NetworkKind, NetworkLayer, TcpFlags, Timestamp, Transport,
};

const MACS: [u8; 12] = [0, 0, 0x5e, 0, 0x53, 1, 0, 0, 0x5e, 0, 0x53, 2];
const UDP: [u8; 8] = [0x86, 0xfb, 0, 53, 0, 8, 0, 0];

fn layers(link_type: LinkType, data: &[u8]) -> Layers {
    decode(&CapturedPacket {
        timestamp: Timestamp::default(),
        link_type,
        original_length: 0,
        data: Bytes::copy_from_slice(data),
        extras: None,
    })
}

fn ethernet(parts: &[&[u8]]) -> Vec<u8> {
    [&MACS, parts.concat().as_slice()].concat()
}

/// 192.0.2.1 to 192.0.2.2, with this protocol, fragment word and payload.
fn ipv4(protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let fragment = fragment.to_be_bytes();
    let mut header = vec![0x45, 0, length[0], length[1], 0, 1, fragment[0], fragment[1]];
    header.extend([64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
    [header.as_slice(), payload].concat()
}

fn ipv6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let mut header = vec![0x60, 0, 0, 0, length[0], length[1], next_header, 64];
    header.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    header.extend([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16]);
    [header.as_slice(), payload].concat()
}

#[test]
fn tags_are_counted_and_looked_behind() {
    let frame = ethernet(&[
        &[0x88, 0xa8, 0x00, 0x64, 0x81, 0x00, 0xe0, 0xc8, 0x08, 0x00],
        &ipv4(17, 0, &UDP),
    ]);
    let layers = layers(LinkType::ETHERNET, &frame);
    assert_eq!(layers.names[..], ["ethernet", "vlan", "vlan", "ipv4", "udp"]);
    assert_eq!(layers.vlan_ids, [100, 200]);
    assert_eq!(layers.ether_type, Some(0x0800));
    assert_eq!(layers.source_mac.unwrap().to_string(), "00-00-5E-00-53-02");
    let transport = layers.innermost().unwrap().transport;
    assert_eq!(transport, Some(Transport::Udp { source: 34555, destination: 53 }));
    assert_eq!(layers.stop, None);
}

#[test]
fn addresses_of_arp_are_network_addresses() {
    let arp = [
        [0, 1, 8, 0, 6, 4, 0, 1].as_slice(),
        &[0, 0, 0x5e, 0, 0x53, 2, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 192, 0, 2, 99],
    ]
    .concat();
    let layers = layers(LinkType::ETHERNET, &ethernet(&[&[0x08, 0x06], &arp, &[0; 18]]));
    let network = layers.innermost().unwrap();
    assert_eq!(network.kind, NetworkKind::Arp);
    assert_eq!(network.source.to_string(), "192.0.2.1");
    assert_eq!(network.destination.to_string(), "192.0.2.99");
    assert_eq!(layers.names[..], ["ethernet", "arp"]);
}

#[test]
fn a_message_behind_an_extension_header_is_found() {
    let hop_by_hop = [58, 0, 5, 2, 0, 0, 1, 0];
    let report = [143, 0, 0, 0, 0, 0, 0, 0];
    let layers = layers(LinkType::RAW, &ipv6(0, &[hop_by_hop, report].concat()));
    let network = layers.innermost().unwrap();
    assert_eq!((network.next_header, network.protocol), (0, 58));
    let message = Icmp { message_type: 143, code: 0 };
    assert_eq!(network.transport, Some(Transport::Icmpv6(message)));
    assert_eq!(layers.names[..], ["ipv6", "ipv6.hopopts", "icmpv6"]);
}

#[test]
fn only_the_first_fragment_has_ports() {
    let first = layers(LinkType::IPV4, &ipv4(17, 0x2000, &UDP));
    let fragment = Fragment { offset: 0, more: true, next_header: 17, identification: 1 };
    assert_eq!(first.innermost().unwrap().fragment, Some(fragment));
    assert!(first.innermost().unwrap().transport.is_some());
    let later = layers(LinkType::IPV4, &ipv4(17, 0x0002, &UDP));
    let fragment = Fragment { offset: 16, more: false, next_header: 17, identification: 1 };
    assert_eq!(later.innermost().unwrap().fragment, Some(fragment));
    assert_eq!(later.innermost().unwrap().transport, None);
    assert_eq!(later.names[..], ["ipv4", "fragment"]);
}

#[test]
fn cooked_captures_are_looked_behind() {
    let sll = [
        [0, 0, 0, 1, 0, 6].as_slice(),
        &[0, 0, 0x5e, 0, 0x53, 2, 0, 0],
        &[0x08, 0x00],
        &ipv4(6, 0, &[0, 80, 0, 81]),
    ]
    .concat();
    let sll2 = [
        [0x86, 0xdd, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6].as_slice(),
        &[0, 0, 0x5e, 0, 0x53, 2, 0, 0],
        &ipv6(17, &UDP),
    ]
    .concat();
    for (link_type, data, name) in
        [(LinkType::LINUX_SLL, sll, "ipv4"), (LinkType::LINUX_SLL2, sll2, "ipv6")]
    {
        let layers = layers(link_type, &data);
        assert_eq!(layers.innermost().unwrap().kind.name(), name);
        assert_eq!(layers.source_mac.unwrap().to_string(), "00-00-5E-00-53-02");
    }
}

#[test]
fn a_packet_that_is_cut_keeps_what_it_has() {
    let segment = [0, 80, 0x1f, 0x90, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x12];
    let cut = |length: usize| layers(LinkType::RAW, &ipv4(6, 0, &segment)[..20 + length]);
    let (source, destination) = (80, 8080);
    let tcp = |flags| Some(Transport::Tcp { source, destination, flags });
    assert_eq!(cut(14).innermost().unwrap().transport, tcp(Some(TcpFlags(0x12))));
    assert_eq!(cut(4).innermost().unwrap().transport, tcp(None));
    assert_eq!(cut(4).stop.unwrap().layer, "tcp");
    let without_ports = cut(3);
    assert_eq!(without_ports.innermost().unwrap().source.to_string(), "192.0.2.1");
    assert_eq!(without_ports.stop.unwrap().layer, "tcp");
    let without_length = layers(LinkType::RAW, &[&[0x4f][..], &ipv4(6, 0, &[])[1..]].concat());
    assert_eq!(without_length.innermost().unwrap().destination.to_string(), "192.0.2.2");
    assert_eq!(without_length.stop.unwrap().layer, "ipv4");
}

#[test]
fn applications_are_told_by_their_payload() {
    let tcp = |payload: &[u8]| {
        let header = [0, 80, 0x1f, 0x90, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 0, 0, 0, 0, 0, 0];
        layers(LinkType::RAW, &ipv4(6, 0, &[&header, payload].concat())).application
    };
    assert_eq!(tcp(b"GET / HTTP/1.1\r\n"), Some("http"));
    assert_eq!(tcp(b"HTTP/1.0 200 OK\r\n"), Some("http"));
    assert_eq!(tcp(&[22, 3, 1, 2, 0, 1]), Some("tls"));
    assert_eq!(tcp(b"SSH-2.0-OpenSSH_9.2\r\n"), Some("ssh"));
    assert_eq!(tcp(b"GETTING nothing"), None);
    assert_eq!(tcp(&[22, 3, 1, 0xff, 0xff, 1]), None);
}

/// UDP from 50000 to this port.
fn datagram(port: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap();
    let header = [50_000, port, length, 0].map(u16::to_be_bytes).concat();
    ipv4(17, 0, &[&header, payload].concat())
}

/// A port alone makes no tunnel.
#[test]
fn ordinary_datagrams_on_the_ports_of_tunnels_stay_what_they_are() {
    let text = b"an ordinary datagram, long enough for any header of any tunnel there is";
    let zeros = [0; 64];
    let query = [&[0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 7][..], &[b'x'; 40]].concat();
    for port in [1701, 2152, 3544, 4789, 4790, 6081, 6635, 8472] {
        for payload in [&text[..], &zeros, &query, &[0xff; 64], &text[..3], &[]] {
            let layers = layers(LinkType::RAW, &datagram(port, payload));
            assert_eq!(layers.names[..], ["ipv4", "udp"], "{port}: {payload:?}");
            assert_eq!(layers.tunnels, []);
            let transport = layers.innermost().unwrap().transport.unwrap();
            assert_eq!(transport, Transport::Udp { source: 50_000, destination: port });
            assert_eq!(layers.stop, None);
        }
    }
}

#[test]
fn a_tunnel_has_outer_and_inner_ends() {
    let inner = ethernet(&[&[0x08, 0x00], &ipv4(6, 0, &[0, 80, 0, 81])]);
    let packet = datagram(4789, &[&[8, 0, 0, 0, 0, 1, 2, 0], inner.as_slice()].concat());
    let layers = layers(LinkType::RAW, &packet);
    assert_eq!(layers.names[..], ["ipv4", "udp", "vxlan", "ethernet", "ipv4", "tcp"]);
    assert_eq!(layers.tunnels, [Tunnel { kind: "vxlan", id: Some(TunnelId::One(0x0102)) }]);
    assert_eq!(layers.outer().len(), 1);
    let ports = |network: &NetworkLayer| network.transport.unwrap().ports().unwrap();
    assert_eq!(ports(&layers.outer()[0]), (50_000, 4789));
    assert_eq!(ports(layers.innermost().unwrap()), (80, 81));
    assert_eq!(layers.payload_length, None, "the inner segment was cut");
}

/// Each packet is made of nothing but headers of one kind.
#[test]
fn endless_nesting_is_left_and_said() {
    let tags = [0x81, 0x00, 0, 1].repeat(4000);
    let labels = [0, 0, 0x10, 0x40].repeat(4000);
    let mut packets = Vec::new();
    for _ in 0..100 {
        packets = ipv4(4, 0, &packets);
    }
    for (link_type, data) in [
        (LinkType::ETHERNET, ethernet(&[&tags])),
        (LinkType::MPLS, labels),
        (LinkType::RAW, packets),
        (LinkType::RAW, ipv6(60, &[60, 0, 1, 4, 0, 0, 0, 0].repeat(4000))),
    ] {
        let layers = layers(link_type, &data);
        assert_eq!(layers.stop.as_ref().unwrap().layer, "nesting", "{layers:?}");
        assert!(layers.names.len() <= 2 * MOST_LAYERS + 2);
    }
}

#[test]
fn an_icmp_error_mentions_what_it_quotes() {
    let quoted = &ipv4(17, 0, &UDP)[..28];
    let error = [&[3, 3, 0, 0, 0, 0, 0, 0], quoted].concat();
    let mut packet = ipv4(1, 0, &error);
    packet[12..16].copy_from_slice(&[198, 51, 100, 7]);
    let layers = layers(LinkType::RAW, &packet);
    assert_eq!(layers.names[..], ["ipv4", "icmp"]);
    assert_eq!(layers.networks.len(), 1);
    assert_eq!(layers.mentioned.len(), 2);
    assert_eq!(layers.addresses().len(), 3);
}

#[test]
fn a_redirect_mentions_whom_it_is_about_and_what_it_quotes() {
    let address = |last: u8| [&[0x20, 1, 0x0d, 0xb8][..], &[0; 11], &[last]].concat();
    let mut quoted = ipv6(17, &UDP);
    quoted[8..24].copy_from_slice(&address(8));
    quoted[24..40].copy_from_slice(&address(9));
    let link_address = [2, 1, 0, 0, 0x5e, 0, 0x53, 1];
    let units = u8::try_from(1 + quoted.len().div_ceil(8)).unwrap();
    let mut option = [&[4, units, 0, 0, 0, 0, 0, 0], quoted.as_slice()].concat();
    option.resize(usize::from(units) * 8, 0);
    let head = [137, 0, 0, 0, 0, 0, 0, 0];
    let redirect = [&head[..], &address(6), &address(7), link_address.as_slice(), &option].concat();
    let layers = layers(LinkType::RAW, &ipv6(58, &redirect));
    let mentioned: Vec<String> = layers.mentioned.iter().map(ToString::to_string).collect();
    assert_eq!(mentioned, ["2001:db8::6", "2001:db8::7", "2001:db8::8", "2001:db8::9"]);
}

#[test]
fn a_frame_in_a_frame_of_several_is_the_first() {
    let snap = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0];
    let packet = [&snap, ipv4(17, 0, &UDP).as_slice()].concat();
    let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
    let subframe = [&MACS, length.as_slice(), &packet].concat();
    let header = [&[0x88, 0x01, 0, 0][..], &[7; 18], &[0, 0], &[0x80, 0]].concat();
    let layers = layers(LinkType::IEEE802_11, &[header, subframe.clone(), subframe].concat());
    assert_eq!(layers.names[..], ["wlan", "amsdu", "llc", "snap", "ipv4", "udp"]);
    assert_eq!(layers.source_mac.unwrap().to_string(), "00-00-5E-00-53-02");
}

#[test]
fn apples_header_is_recognised_under_the_private_number_too() {
    let mut header = vec![0; 108];
    (header[0], header[4], header[8]) = (108, 1, 101);
    let packet = [header, ipv4(17, 0, &UDP)].concat();
    for link_type in [LinkType::PKTAP, LinkType::USER2] {
        assert_eq!(layers(link_type, &packet).names[..], ["pktap", "ipv4", "udp"]);
    }
    assert!(layers(LinkType::USER2, &ipv4(17, 0, &UDP)).names.is_empty());
}

proptest! {
    /// Any bytes under any link type, and headers with any bytes behind them.
    #[test]
    fn decoding_is_total(
        link_type in prop::sample::select(vec![
            0, 1, 9, 12, 14, 50, 51, 101, 104, 105, 107, 108, 113, 119, 127, 149, 163, 166, 192,
            204, 205, 206, 219, 228, 229, 239, 242, 258, 276, 9999,
        ]),
        start in prop::sample::select(vec![
            Vec::new(),
            ethernet(&[&[0x81, 0, 0, 1, 0x08, 0]]),
            ethernet(&[&[0x86, 0xdd]]),
            ethernet(&[&[0x08, 0x06, 0, 1, 8, 0]]),
            ipv4(6, 0, &[]),
            ipv6(0, &[]),
            ipv6(44, &[]),
            ipv6(51, &[]),
            ipv4(47, 0, &[]),
            ipv4(41, 0, &[]),
            datagram(4789, &[8, 0, 0, 0, 0, 0, 1, 0]),
            datagram(2152, &[0x34, 255]),
        ]),
        rest in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        let data = [start, rest].concat();
        let layers = layers(LinkType(link_type), &data);
        prop_assert!(layers.stop.is_none_or(|stop| stop.reason != FAILED));
        prop_assert!(layers.names.len() <= 2 * data.len() + 1);
    }
}
