//! Captures with packets of every kind that can be decoded, made here so that they always exist.

use super::payloads;
use crate::support::{Pcap, conversations};

/// Link types.
const ETHERNET: u32 = 1;

/// The hosts of the innermost conversation, and their ports: UDP from 40001 to 40002.
pub const INSIDE: [&str; 2] = ["10.1.1.1", "10.2.2.2"];
pub const INSIDE_V6: [&str; 2] = ["2001:db8::11", "2001:db8::22"];
/// The ends of the tunnels.
pub const OUTSIDE: [&str; 2] = ["192.0.2.1", "198.51.100.2"];
const OUTSIDE_V6: [&str; 2] = ["2001:db8:ffff::1", "2001:db8:ffff::2"];

const TCP: u8 = 6;
const UDP: u8 = 17;

/// File names and bytes.
pub fn captures() -> Vec<(String, Vec<u8>)> {
    let mut captures = vec![
        ("conversations.pcap".to_owned(), conversations()),
        ("applications.pcap".to_owned(), pcap(ETHERNET, &payloads::frames())),
    ];
    for (name, frames) in below_ip().into_iter().chain(above_ip()).chain(tunnels()) {
        captures.push((format!("{name}.pcap"), pcap(ETHERNET, &frames)));
    }
    for (name, link_type, frames) in link_types() {
        captures.push((format!("link-{link_type}-{name}.pcap"), pcap(link_type, &frames)));
    }
    captures
}

/// A capture of frames that are a second apart.
pub fn pcap(link_type: u32, frames: &[Vec<u8>]) -> Vec<u8> {
    let seconds = 1_700_000_000..;
    let pcap = Pcap::new(link_type);
    seconds.zip(frames).fold(pcap, |pcap, (second, frame)| pcap.packet(second, 0, frame)).bytes()
}

fn below_ip() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    vec![
        ("vlan", vec![ethernet(0x8100, &tag(7, 0x0800, &inside()))]),
        ("qinq", vec![ethernet(0x88a8, &tag(100, 0x8100, &tag(200, 0x86dd, &inside_v6())))]),
        (
            "qinq-deep",
            vec![ethernet(
                0x88a8,
                &tag(1, 0x8100, &tag(2, 0x8100, &tag(3, 0x8100, &tag(4, 0x0800, &inside())))),
            )],
        ),
        (
            "mpls",
            vec![
                ethernet(0x8847, &label(16, true, &inside())),
                ethernet(0x8847, &label(17, false, &label(18, true, &inside_v6()))),
                ethernet(0x8848, &label(19, true, &inside())),
            ],
        ),
        (
            "pseudowire",
            vec![ethernet(0x8847, &label(20, true, &[&[0; 4], frame().as_slice()].concat()))],
        ),
        ("pbb", vec![ethernet(0x88e7, &[&[0, 0x12, 0x34, 0x56], frame().as_slice()].concat())]),
        (
            "macsec",
            vec![ethernet(
                0x88e5,
                &[&[0, 0, 0, 0, 0, 9, 8, 0], inside().as_slice(), &[0x5a; 16]].concat(),
            )],
        ),
        ("arp", vec![ethernet(0x0806, &arp(1)), ethernet(0x0806, &arp(2))]),
        ("rarp", vec![ethernet(0x8035, &arp(3))]),
        (
            "snap",
            vec![length_frame(&[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], inside().as_slice()].concat())],
        ),
        ("stp", vec![length_frame(&[&[0x42, 0x42, 3], [0; 35].as_slice()].concat())]),
        (
            "cdp",
            vec![length_frame(&[
                0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0, 2, 180, 0, 0, 0, 1, 0, 6, b'r', b'1',
            ])],
        ),
        (
            "lldp",
            vec![ethernet(
                0x88cc,
                &[2, 7, 4, 0, 0, 0x5e, 0, 0x53, 1, 4, 3, 5, b'e', b'0', 6, 2, 0, 120, 0, 0],
            )],
        ),
        (
            "pppoe",
            vec![
                ethernet(0x8863, &[0x11, 0x09, 0, 0, 0, 4, 1, 1, 0, 0]),
                ethernet(0x8864, &pppoe(0x1122, &ppp(0x0021, &inside()))),
                ethernet(0x8864, &pppoe(0x1122, &ppp(0x0057, &inside_v6()))),
                ethernet(0x8864, &pppoe(0x1122, &ppp(0xc021, &[9, 1, 0, 8, 0, 0, 0, 0]))),
            ],
        ),
    ]
}

fn above_ip() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let ip = |protocol, payload: &[u8]| ethernet(0x0800, &ipv4(INSIDE, protocol, payload));
    let ip6 = |next, payload: &[u8]| ethernet(0x86dd, &ipv6(INSIDE_V6, next, payload));
    let ports = [0x9c, 0x41, 0x9c, 0x42];
    vec![
        (
            "ip-options",
            vec![ethernet(
                0x0800,
                &ipv4_with(&[0x94, 4, 0, 0], INSIDE, 0, UDP, &datagram(40001, 40002, b"options")),
            )],
        ),
        (
            "ipv6-extensions",
            vec![
                ip6(
                    0,
                    &[
                        &[60, 0, 5, 2, 0, 0, 1, 0, 17, 0, 1, 4, 0, 0, 0, 0],
                        datagram(40001, 40002, b"x").as_slice(),
                    ]
                    .concat(),
                ),
                ip6(43, &[&[6, 0, 0, 0, 0, 0, 0, 0], segment(0x12, b"").as_slice()].concat()),
            ],
        ),
        ("fragments", fragments()),
        (
            "ah",
            vec![
                ip(51, &[&ah(17), datagram(40001, 40002, b"signed").as_slice()].concat()),
                ip(
                    51,
                    &[&ah(4), ipv4(OUTSIDE, UDP, &datagram(1, 2, b"tunnel")).as_slice()].concat(),
                ),
                ip6(51, &[&ah(6), segment(0x10, b"v6").as_slice()].concat()),
            ],
        ),
        (
            "esp",
            vec![ip(50, &[0, 0, 0x10, 1, 0, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9]), ip6(50, &[1; 40])],
        ),
        (
            "esp-in-udp",
            vec![ip(
                UDP,
                &datagram(4500, 4500, &[&[0, 0, 0x20, 1, 0, 0, 0, 1], [7; 32].as_slice()].concat()),
            )],
        ),
        ("tcp", (0..8).map(|bit| ip(TCP, &segment(1 << bit, b"payload"))).collect()),
        (
            "sctp",
            vec![ip(
                132,
                &[&ports, &[0, 0, 0, 7, 0, 0, 0, 0].as_slice()[..], &[11, 0, 0, 4]].concat(),
            )],
        ),
        (
            "dccp",
            vec![ip(
                33,
                &[
                    &ports,
                    [6, 0, 0, 0, 0x05, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3].as_slice(),
                ]
                .concat(),
            )],
        ),
        ("udplite", vec![ip(136, &[&ports, [0, 8, 0, 0, 1, 2, 3, 4].as_slice()].concat())]),
        ("igmp", vec![ip(2, &[0x16, 0, 0, 0, 224, 0, 0, 9])]),
        (
            "ospf",
            vec![ip(
                89,
                &[&[2, 1, 0, 44, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0], [0; 28].as_slice()].concat(),
            )],
        ),
        ("pim", vec![ip(103, &[0x20, 0, 0, 0, 0, 1, 0, 2, 0, 105])]),
        ("vrrp", vec![ip(112, &[0x31, 1, 100, 1, 0, 1, 0, 0, 10, 1, 1, 254])]),
        (
            "icmp",
            vec![
                ip(1, &[8, 0, 0, 0, 0, 1, 0, 1, b'p']),
                ip(1, &[0, 0, 0, 0, 0, 1, 0, 1, b'p']),
                ip(
                    1,
                    &[
                        &[3, 3, 0, 0, 0, 0, 0, 0],
                        ipv4(OUTSIDE, UDP, &datagram(5353, 53, b"")).as_slice(),
                    ]
                    .concat(),
                ),
                ip(
                    1,
                    &[&[11, 0, 0, 0, 0, 0, 0, 0], ipv4(OUTSIDE, TCP, &segment(2, b"")).as_slice()]
                        .concat(),
                ),
                ip(
                    1,
                    &[
                        &[5, 1, 0, 0, 10, 9, 9, 9],
                        ipv4(OUTSIDE, UDP, &datagram(1, 2, b"")).as_slice(),
                    ]
                    .concat(),
                ),
            ],
        ),
        (
            "icmpv6",
            vec![
                ip6(58, &[128, 0, 0, 0, 0, 1, 0, 1]),
                ip6(
                    58,
                    &[
                        &[1, 4, 0, 0, 0, 0, 0, 0],
                        ipv6(OUTSIDE_V6, UDP, &datagram(5353, 53, b"")).as_slice(),
                    ]
                    .concat(),
                ),
                ip6(
                    58,
                    &[&[135, 0, 0, 0, 0, 0, 0, 0], address("2001:db8::77").as_slice()].concat(),
                ),
            ],
        ),
    ]
}

/// Of each family a datagram of three fragments, and later ones whose first was not captured.
fn fragments() -> Vec<Vec<u8>> {
    let whole = datagram(40001, 40002, &[b'x'; 40]);
    let v4 = |word: u16, data: &[u8]| ethernet(0x0800, &ipv4_with(&[], INSIDE, word, UDP, data));
    let v6 = |word: u16, id: u8, data: &[u8]| {
        let word = word.to_be_bytes();
        let header = [UDP, 0, word[0], word[1], 0, 0, 0, id];
        ethernet(0x86dd, &ipv6(INSIDE_V6, 44, &[&header, data].concat()))
    };
    vec![
        v4(0x2000, &whole[..16]),
        v4(0x2002, &whole[16..32]),
        v4(0x0004, &whole[32..]),
        v6(0x0001, 1, &whole[..16]),
        v6(0x0011, 1, &whole[16..32]),
        v6(0x0020, 1, &whole[32..]),
        v6(0x0020, 2, &whole[32..]),
    ]
}

/// Everything that wraps [`inside`], each under its name.
pub fn tunnels() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let ip = |protocol, payload: &[u8]| ethernet(0x0800, &ipv4(OUTSIDE, protocol, payload));
    let ip6 = |next, payload: &[u8]| ethernet(0x86dd, &ipv6(OUTSIDE_V6, next, payload));
    let gre = |header: &[u8], payload: &[u8]| ip(47, &[header, payload].concat());
    let udp = |port, header: &[u8], payload: &[u8]| {
        ip(UDP, &datagram(50_000, port, &[header, payload].concat()))
    };
    vec![
        (
            "gre",
            vec![
                gre(&[0, 0, 8, 0], &inside()),
                gre(&[0x20, 0, 0x86, 0xdd, 0, 0, 0, 42], &inside_v6()),
                gre(&[0xb0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 43, 0, 0, 0, 1], &inside()),
                gre(&[0, 0, 0x88, 0x47], &label(99, true, &inside())),
                ip6(47, &[&[0, 0, 8, 0], inside().as_slice()].concat()),
            ],
        ),
        ("gre-ethernet", vec![gre(&[0, 0, 0x65, 0x58], &frame())]),
        ("nvgre", vec![gre(&[0x20, 0, 0x65, 0x58, 0x01, 0x23, 0x45, 0x01], &frame())]),
        (
            "pptp",
            vec![
                gre(&[0x30, 1, 0x88, 0x0b, 0, 40, 0, 17, 0, 0, 0, 5], &ppp(0x0021, &inside())),
                gre(&[0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 17, 0, 0, 0, 5], &[]),
            ],
        ),
        (
            "erspan",
            vec![
                gre(&[0, 0, 0x88, 0xbe], &frame()),
                gre(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0x00, 0x0c, 0, 0, 0, 0], &frame()),
                gre(
                    &[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 0, 0x00, 0x0d, 0, 0, 0, 0, 0, 0, 0, 0],
                    &frame(),
                ),
            ],
        ),
        (
            "vxlan",
            vec![
                udp(4789, &[8, 0, 0, 0, 0, 0x12, 0x34, 0], &frame()),
                udp(8472, &[8, 0, 0, 0, 0, 0x12, 0x35, 0], &frame()),
                udp(
                    4789,
                    &[8, 0, 0, 0, 0, 0x12, 0x34, 0],
                    &ethernet(0x8100, &tag(5, 0x0806, &arp(1))),
                ),
            ],
        ),
        ("vxlan-gpe", vec![udp(4790, &[0x0c, 0, 0, 1, 0, 0, 7, 0], &inside())]),
        (
            "geneve",
            vec![
                udp(6081, &[0, 0, 0x65, 0x58, 0, 0, 9, 0], &frame()),
                udp(6081, &[2, 0, 8, 0, 0, 0, 9, 0, 1, 2, 0, 1, 0, 0, 0, 0], &inside()),
            ],
        ),
        (
            "gtp",
            vec![
                udp(2152, &[0x30, 255, 0, length(&inside()), 0, 0, 1, 1], &inside()),
                udp(
                    2152,
                    &[
                        0x34,
                        255,
                        0,
                        8 + length(&inside_v6()),
                        0,
                        0,
                        1,
                        2,
                        0,
                        0,
                        0,
                        0x85,
                        1,
                        0,
                        9,
                        0,
                    ],
                    &inside_v6(),
                ),
                udp(2152, &[0x32, 1, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0], &[]),
            ],
        ),
        ("ipip", vec![ip(4, &inside())]),
        ("6in4", vec![ip(41, &inside_v6())]),
        ("4in6", vec![ip6(4, &inside())]),
        ("6in6", vec![ip6(41, &inside_v6())]),
        (
            "teredo",
            vec![
                udp(3544, &[], &inside_v6()),
                udp(3544, &[0, 0, 0x63, 0xbf, 0x3f, 0xff, 0xfd, 0xd2], &inside_v6()),
                udp(3544, &[0, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0], &inside_v6()),
            ],
        ),
        (
            "l2tp",
            vec![
                udp(1701, &[0x00, 2, 0, 5, 0, 6], &ppp(0x0021, &inside())),
                udp(
                    1701,
                    &[0x40, 2, 0, 10 + length(&inside()), 0, 5, 0, 6],
                    &ppp(0x0021, &inside()),
                ),
                udp(1701, &[0xc8, 2, 0, 12, 0, 5, 0, 0, 0, 1, 0, 1], &[]),
                ip(115, &[&[0, 0, 0, 77], frame().as_slice()].concat()),
            ],
        ),
        ("etherip", vec![ip(97, &[&[0x30, 0], frame().as_slice()].concat())]),
        ("mpls-in-udp", vec![udp(6635, &[], &label(55, true, &inside()))]),
        (
            "nested",
            vec![gre(
                &[0, 0, 0x65, 0x58],
                &ethernet(
                    0x8100,
                    &tag(8, 0x0800, &ipv4(["172.16.0.1", "172.16.0.2"], 41, &inside_v6())),
                ),
            )],
        ),
    ]
}

fn link_types() -> Vec<(&'static str, u32, Vec<Vec<u8>>)> {
    let both = || vec![inside(), inside_v6()];
    let behind = |header: &[u8], payload: Vec<u8>| [header, payload.as_slice()].concat();
    let wlan = |control: &[u8], rest: &[u8]| {
        let addresses = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 3]].concat();
        let snap = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0];
        [control, &[0, 0], &addresses, &[0x10, 0], rest, &snap, &inside()].concat()
    };
    let data = wlan(&[0x08, 0x01], &[]);
    let mut with_fcs = behind(&[0, 0, 9, 0, 2, 0, 0, 0, 0x10], data.clone());
    with_fcs.extend([1, 2, 3, 4]);
    let cooked = [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 9, 0, 0];
    let pktap = {
        let mut header = vec![0; 108];
        header[0] = 108;
        header[4] = 1;
        header[8] = 1;
        header
    };
    let mut prism = vec![0; 144];
    (prism[0], prism[4]) = (0x44, 144);
    let mut avs = vec![0; 64];
    avs[..8].copy_from_slice(&[0x80, 0x21, 0x10, 0x01, 0, 0, 0, 64]);
    vec![
        (
            "null",
            0,
            vec![
                behind(&[2, 0, 0, 0], inside()),
                behind(&[0, 0, 0, 2], inside()),
                behind(&[30, 0, 0, 0], inside_v6()),
                behind(&[0, 0, 0, 24], inside_v6()),
            ],
        ),
        ("ppp", 9, vec![ppp(0x0021, &inside()), behind(&[0xff, 3], ppp(0x0057, &inside_v6()))]),
        ("raw-bsd", 12, both()),
        ("raw-openbsd", 14, both()),
        (
            "ppp-hdlc",
            50,
            vec![behind(&[0xff, 3], ppp(0x0021, &inside())), behind(&[0x0f, 0, 8, 0], inside())],
        ),
        ("ppp-ether", 51, vec![pppoe(3, &ppp(0x0021, &inside()))]),
        ("raw", 101, both()),
        (
            "chdlc",
            104,
            vec![behind(&[0x0f, 0, 8, 0], inside()), behind(&[0x0f, 0, 0x86, 0xdd], inside_v6())],
        ),
        (
            "wlan",
            105,
            vec![
                data.clone(),
                wlan(&[0x08, 0x02], &[]),
                wlan(&[0x08, 0x00], &[]),
                wlan(&[0x08, 0x03], &[2, 0, 0, 0, 0, 4]),
                wlan(&[0x88, 0x01], &[0, 0]),
                wlan(&[0x08, 0x41], &[]),
                wlan(&[0x48, 0x01], &[]),
            ],
        ),
        (
            "frame-relay",
            107,
            vec![
                behind(&[0x18, 0x41, 3, 0xcc], inside()),
                behind(&[0x18, 0x41, 3, 0, 0x80, 0, 0, 0, 8, 6], arp(1)),
            ],
        ),
        ("loop", 108, vec![behind(&[0, 0, 0, 2], inside()), behind(&[0, 0, 0, 24], inside_v6())]),
        (
            "sll",
            113,
            vec![
                behind(&cooked, behind(&[8, 0], inside())),
                behind(&cooked, behind(&[0x81, 0], tag(6, 0x86dd, &inside_v6()))),
            ],
        ),
        ("prism", 119, vec![behind(&prism, data.clone())]),
        (
            "radiotap",
            127,
            vec![
                behind(&[0, 0, 8, 0, 0, 0, 0, 0], data.clone()),
                with_fcs,
                behind(&[0, 0, 17, 0, 3, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x00], data.clone()),
            ],
        ),
        ("avs", 163, vec![behind(&avs, data.clone())]),
        ("pppd", 166, vec![behind(&[0, 3], ppp(0x0021, &inside()))]),
        ("ppi", 192, vec![behind(&[0, 0, 8, 0, 1, 0, 0, 0], frame())]),
        ("ppp-with-direction", 204, vec![behind(&[1, 0xff, 3], ppp(0x0021, &inside()))]),
        ("chdlc-with-direction", 205, vec![behind(&[1, 0x0f, 0, 8, 0], inside())]),
        ("frame-relay-with-direction", 206, vec![behind(&[1, 0x18, 0x41, 3, 0xcc], inside())]),
        ("mpls", 219, vec![label(16, true, &inside())]),
        ("ipv4", 228, vec![inside()]),
        ("ipv6", 229, vec![inside_v6()]),
        (
            "nflog",
            239,
            vec![behind(
                &[2, 0, 0, 1, 8, 0, 1, 0, 8, 0, 3, 0, 4 + length(&inside()), 0, 9, 0],
                inside(),
            )],
        ),
        ("ipoib", 242, vec![behind(&[0; 40], behind(&[8, 0, 0, 0], inside()))]),
        ("pktap", 258, vec![behind(&pktap, frame())]),
        (
            "sll2",
            276,
            vec![behind(&[8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 9, 0, 0], inside())],
        ),
    ]
}

/// The packet in the tunnels.
pub fn inside() -> Vec<u8> {
    ipv4(INSIDE, UDP, &datagram(40001, 40002, b"inside"))
}

pub fn inside_v6() -> Vec<u8> {
    ipv6(INSIDE_V6, UDP, &datagram(40001, 40002, b"inside"))
}

/// [`inside`] on Ethernet.
pub fn frame() -> Vec<u8> {
    ethernet(0x0800, &inside())
}

pub fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let macs = [0, 0, 0x5e, 0, 0x53, 1, 0, 0, 0x5e, 0, 0x53, 2];
    [&macs, ether_type.to_be_bytes().as_slice(), payload].concat()
}

/// An IEEE 802.3 frame.
fn length_frame(payload: &[u8]) -> Vec<u8> {
    ethernet(u16::try_from(payload.len()).unwrap(), payload)
}

fn tag(id: u16, ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [id.to_be_bytes().as_slice(), &ether_type.to_be_bytes(), payload].concat()
}

fn label(number: u32, last: bool, payload: &[u8]) -> Vec<u8> {
    let entry = number << 12 | u32::from(last) << 8 | 64;
    [entry.to_be_bytes().as_slice(), payload].concat()
}

fn arp(operation: u8) -> Vec<u8> {
    let macs = [[0, 0, 0x5e, 0, 0x53, 2], [0; 6]];
    let [source, destination] = INSIDE.map(address);
    [&[0, 1, 8, 0, 6, 4, 0, operation], macs[0].as_slice(), &source, &macs[1], &destination]
        .concat()
}

fn ppp(protocol: u16, payload: &[u8]) -> Vec<u8> {
    [protocol.to_be_bytes().as_slice(), payload].concat()
}

fn pppoe(session: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap();
    [&[0x11, 0], session.to_be_bytes().as_slice(), &length.to_be_bytes(), payload].concat()
}

fn ah(next: u8) -> [u8; 24] {
    let mut header = [0; 24];
    (header[0], header[1], header[6], header[11]) = (next, 4, 0x30, 1);
    header
}

pub fn ipv4(hosts: [&str; 2], protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_with(&[], hosts, 0, protocol, payload)
}

fn ipv4_with(
    options: &[u8],
    hosts: [&str; 2],
    fragment: u16,
    protocol: u8,
    payload: &[u8],
) -> Vec<u8> {
    let words = u8::try_from(5 + options.len() / 4).unwrap();
    let length = u16::try_from(usize::from(words) * 4 + payload.len()).unwrap().to_be_bytes();
    let fragment = fragment.to_be_bytes();
    let mut header = vec![0x40 | words, 0, length[0], length[1], 0, 1, fragment[0], fragment[1]];
    header.extend([64, protocol, 0, 0]);
    let [source, destination] = hosts.map(address);
    [header.as_slice(), &source, &destination, options, payload].concat()
}

pub fn ipv6(hosts: [&str; 2], next_header: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let header = [0x60, 0, 0, 0, length[0], length[1], next_header, 64];
    let [source, destination] = hosts.map(address);
    [&header, source.as_slice(), &destination, payload].concat()
}

fn address(text: &str) -> Vec<u8> {
    match text.parse().unwrap() {
        std::net::IpAddr::V4(address) => address.octets().to_vec(),
        std::net::IpAddr::V6(address) => address.octets().to_vec(),
    }
}

pub fn datagram(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap();
    let numbers = [source, destination, length, 0].map(u16::to_be_bytes).concat();
    [numbers.as_slice(), payload].concat()
}

fn segment(flags: u8, payload: &[u8]) -> Vec<u8> {
    let header = [0x9c, 0x41, 0x9c, 0x42, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, flags, 2, 0, 0, 0, 0, 0];
    [&header, payload].concat()
}

fn length(packet: &[u8]) -> u8 {
    u8::try_from(packet.len()).unwrap()
}
