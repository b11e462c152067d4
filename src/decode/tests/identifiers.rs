//! Numbers and names of tags, tunnels and protocols without anything above them.

use super::*;

fn one(id: u32) -> TunnelId {
    TunnelId::One(id)
}

#[test]
fn tags_of_a_frame_in_a_tunnel_are_its_own() {
    let tagged = |id: u8, payload: &[u8]| ethernet(&[&[0x81, 0, 0, id, 8, 0], payload]);
    let vxlan = |frame: &[u8]| datagram(4789, &[&[8, 0, 0, 0, 0, 0, 1, 0], frame].concat());
    let inner = tagged(7, &ipv4(17, 0, &UDP));
    let both = layers(LinkType::ETHERNET, &tagged(5, &vxlan(&inner)));
    assert_eq!((both.vlan_ids.as_slice(), both.vlan_ids_of_one_frame()), (&[5, 7][..], &[5][..]));
    let untagged = layers(LinkType::RAW, &vxlan(&inner));
    assert_eq!(untagged.vlan_ids_of_one_frame(), [7]);
    let double = ethernet(&[&[0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 8, 0], &vxlan(&inner)]);
    let double = layers(LinkType::ETHERNET, &double);
    assert_eq!((double.vlan_ids.len(), double.vlan_ids_of_one_frame()), (3, &[1, 2][..]));
    // Directly behind GRE, without an Ethernet header.
    let gre = ipv4(47, 0, &[&[0, 0, 0x81, 0, 0, 9, 8, 0], ipv4(17, 0, &UDP).as_slice()].concat());
    let gre = layers(LinkType::ETHERNET, &tagged(5, &gre));
    assert_eq!((gre.vlan_ids.as_slice(), gre.vlan_ids_of_one_frame()), (&[5, 9][..], &[5][..]));
    assert!(layers(LinkType::RAW, &ipv4(17, 0, &UDP)).vlan_ids_of_one_frame().is_empty());
}

#[test]
fn tunnels_have_numbers() {
    let inner = ipv4(17, 0, &UDP);
    let frame = ethernet(&[&[8, 0], &inner]);
    let ppp = [&[0, 0x21], inner.as_slice()].concat();
    let udp = |port, header: &[u8], payload: &[u8]| datagram(port, &[header, payload].concat());
    let gre = |header: &[u8], payload: &[u8]| ipv4(47, 0, &[header, payload].concat());
    for (packet, kind, expected) in [
        (udp(1701, &[0, 2, 0, 5, 0, 6], &ppp), "l2tp", TunnelId::Session(5, 6)),
        (udp(1701, &[0, 3, 0, 0, 0, 0, 0, 78], &frame), "l2tp", one(78)),
        (ipv4(115, 0, &[&[0, 0, 0, 77], frame.as_slice()].concat()), "l2tp", one(77)),
        (gre(&[0x30, 1, 0x88, 0x0b, 0, 40, 0, 17, 0, 0, 0, 5], &ppp), "pptp", one(17)),
        (gre(&[0x20, 0, 0x65, 0x58, 1, 0x23, 0x45, 1], &frame), "nvgre", one(0x0001_2345)),
        (udp(4790, &[0x0c, 0, 0, 1, 0, 0, 7, 0], &inner), "vxlan-gpe", one(7)),
    ] {
        let layers = layers(LinkType::RAW, &packet);
        assert_eq!(layers.tunnels, [Tunnel { kind, id: Some(expected) }]);
        assert_eq!(layers.networks.len(), 2, "{kind}");
    }
}

#[test]
fn what_is_only_named_is_what_is_spoken() {
    let snap = |number: u16| {
        let [high, low] = number.to_be_bytes();
        ethernet(&[&[0, 8, 0xaa, 0xaa, 3, 0, 0, 0x0c, high, low]])
    };
    for (frame, protocol) in [
        (ethernet(&[&[0x88, 0xcc, 2, 7, 4]]), "lldp"),
        (ethernet(&[&[0x88, 0xf7, 0, 2]]), "ptp"),
        (ethernet(&[&[0x88, 0x8e, 1, 0]]), "eapol"),
        (ethernet(&[&[0, 3, 0x42, 0x42, 3]]), "stp"),
        (snap(0x2000), "cdp"),
        (snap(0x0111), "udld"),
        (snap(0x010b), "stp"),
    ] {
        let layers = layers(LinkType::ETHERNET, &frame);
        assert_eq!(layers.application, Some(protocol));
        assert_eq!(layers.names.last(), Some(&protocol));
    }
}
