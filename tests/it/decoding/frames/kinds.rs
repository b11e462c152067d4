//! Packets on Ethernet.

use super::bytes::{
    INSIDE, INSIDE_V6, OUTSIDE, OUTSIDE_V6, TCP, UDP, address, ah, arp, datagram, ethernet, frame,
    inside, inside_v6, ipv4, ipv4_with, ipv6, label, length_frame, ppp, pppoe, segment, tag,
};

/// What stands between the link and IP.
pub fn below_ip() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    vec![
        ("vlan", vec![ethernet(0x8100, &tag(7, 0x0800, &inside()))]),
        ("vntag", vec![ethernet(0x8926, &[&[0, 1, 0, 2, 8, 0], inside().as_slice()].concat())]),
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

/// IP and what it carries.
#[expect(clippy::too_many_lines, reason = "a list")]
pub fn above_ip() -> Vec<(&'static str, Vec<Vec<u8>>)> {
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
                ip6(135, &[59, 0, 0, 0, 0, 0, 0, 0]),
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
            vec![ip(132, &[&ports, [0, 0, 0, 7, 0, 0, 0, 0].as_slice(), &[11, 0, 0, 4]].concat())],
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
