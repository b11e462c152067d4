//! Packets in packets.

use super::bytes::{
    OUTSIDE, OUTSIDE_V6, UDP, arp, datagram, ethernet, frame, inside, inside_v6, ipv4, ipv6, label,
    length, ppp, tag,
};

/// Everything that wraps [`inside`](super::bytes::inside), each under its name.
#[expect(clippy::too_many_lines, reason = "a list")]
pub fn tunnels() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let ip = |protocol, payload: &[u8]| ethernet(0x0800, &ipv4(OUTSIDE, protocol, payload));
    let ip6 = |next, payload: &[u8]| ethernet(0x86dd, &ipv6(OUTSIDE_V6, next, payload));
    let gre = |header: &[u8], payload: &[u8]| ip(47, &[header, payload].concat());
    let udp = |port, header: &[u8], payload: &[u8]| {
        ip(UDP, &datagram(50_000 + port % 1_000, port, &[header, payload].concat()))
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
                // With Cisco's metadata, in front of which the EtherType stands here.
                gre(&[0x20, 0, 0x89, 0x09, 0, 0, 0, 44, 8, 0, 1, 1, 0, 1, 0, 7], &inside()),
            ],
        ),
        ("gre-in-udp", vec![udp(4754, &[0, 0, 8, 0], &inside())]),
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
        (
            "pim-register",
            vec![
                ip(103, &[&[0x21, 0, 0, 0, 0, 0, 0, 0], inside().as_slice()].concat()),
                ip(103, &[&[0x21, 0, 0, 0, 0x40, 0, 0, 0], inside().as_slice()].concat()),
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
                udp(1701, &[0, 3, 0, 0, 0, 0, 0, 78], &frame()),
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
