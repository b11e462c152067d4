use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::packet::{Fragment, Icmp, LinkType, NetworkKind, TcpFlags, Timestamp, Transport};

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
    assert_eq!(layers.names, ["ethernet", "vlan", "vlan", "ipv4", "udp"]);
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
    assert_eq!(layers.names, ["ethernet", "arp"]);
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
    assert_eq!(layers.names, ["ipv6", "ipv6.hopopts", "icmpv6"]);
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
    assert_eq!(later.names, ["ipv4", "fragment"]);
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

proptest! {
    /// Any bytes under any link type, and headers with any bytes behind them.
    #[test]
    fn decoding_is_total(
        link_type in prop::sample::select(vec![0, 1, 12, 14, 101, 113, 228, 229, 276, 9999]),
        start in prop::sample::select(vec![
            Vec::new(),
            ethernet(&[&[0x81, 0, 0, 1, 0x08, 0]]),
            ethernet(&[&[0x86, 0xdd]]),
            ethernet(&[&[0x08, 0x06, 0, 1, 8, 0]]),
            ipv4(6, 0, &[]),
            ipv6(0, &[]),
            ipv6(44, &[]),
            ipv6(51, &[]),
        ]),
        rest in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        let data = [start, rest].concat();
        let layers = layers(LinkType(link_type), &data);
        prop_assert!(layers.names.len() <= data.len() + 1);
    }
}
