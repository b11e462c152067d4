//! Packets on other links than Ethernet.

use super::bytes::{arp, frame, inside, inside_v6, label, length, ppp, pppoe, tag};

/// Name, number and packets of each link type but Ethernet.
#[expect(clippy::too_many_lines, reason = "a list")]
pub fn link_types() -> Vec<(&'static str, u32, Vec<Vec<u8>>)> {
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
        (
            "ppp",
            9,
            vec![
                ppp(0x0021, &inside()),
                behind(&[0xff, 3], ppp(0x0057, &inside_v6())),
                behind(&[0x0f, 0, 8, 0], inside()),
            ],
        ),
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
                // Of a loopback interface.
                behind(&[0, 0, 3, 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0], inside()),
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
