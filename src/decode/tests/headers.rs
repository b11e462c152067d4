//! Headers that are cut, damaged or longer than usual.

use std::net::IpAddr;

use super::*;

fn captured(link_type: LinkType, data: &[u8], original_length: usize) -> Layers {
    decode(&CapturedPacket {
        timestamp: Timestamp::default(),
        link_type,
        original_length: u32::try_from(original_length).unwrap(),
        data: Bytes::copy_from_slice(data),
        extras: None,
    })
}

#[test]
fn a_route_in_an_ipv4_header_is_noted() {
    for (kind, expected) in [(131, 2), (137, 2), (7, 2), (68, 0)] {
        let route = [1, kind, 15, 4, 192, 0, 2, 5, 192, 0, 2, 6, 0, 0, 0, 0];
        let mut packet = ipv4(17, 0, &[&route[..], &UDP].concat());
        packet[0] = 0x49;
        let layers = layers(LinkType::RAW, &packet);
        assert_eq!(layers.names[..], ["ipv4", "udp"]);
        let passed: Vec<IpAddr> = [[192, 0, 2, 5], [192, 0, 2, 6]].map(IpAddr::from).into();
        assert_eq!(layers.passed, passed[..expected], "option {kind}");
    }
    // Options that go on beyond the header end there.
    let mut packet = ipv4(17, 0, &[&[131, 40, 4, 192][..], &UDP].concat());
    packet[0] = 0x46;
    assert!(layers(LinkType::RAW, &packet).passed.is_empty());
}

#[test]
fn a_sender_is_kept_where_the_packet_ends_behind_it() {
    let arp = [0, 1, 8, 0, 6, 4, 0, 1, 0, 0, 0x5e, 0, 0x53, 2, 192, 0, 2, 1, 0, 0];
    let arp = ethernet(&[&[0x08, 0x06], &arp]);
    for (link_type, packet, at, sender) in [
        (LinkType::RAW, ipv4(17, 0, &UDP), 16, "192.0.2.1"),
        (LinkType::RAW, ipv6(17, &UDP), 24, "2001:db8::1"),
        (LinkType::ETHERNET, arp, 14 + 18, "192.0.2.1"),
    ] {
        let sender: IpAddr = sender.parse().unwrap();
        for (length, expected) in [(at, &[sender][..]), (at - 1, &[])] {
            let layers = layers(link_type, &packet[..length]);
            assert_eq!(layers.addresses(), expected, "{length} bytes");
            assert!(layers.networks.is_empty() && layers.stop.is_some());
        }
    }
}

#[test]
fn what_stands_behind_a_datagram_is_not_of_it() {
    let query = [&[0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], b"\x01a\x01b\0\0\x01\0\x01"];
    let query = query.concat();
    let with_length = |length: u16, payload: &[u8]| {
        let header = [50_000, 5300, length, 0].map(u16::to_be_bytes).concat();
        layers(LinkType::RAW, &ipv4(17, 0, &[&header, payload].concat()))
    };
    let own = u16::try_from(8 + query.len()).unwrap();
    let followed = [query.as_slice(), b"trailer"].concat();
    assert_eq!(with_length(own, &followed).application, Some("dns"));
    assert_eq!(with_length(own + 7, &followed).application, None, "not to the last byte");
    for damaged in [0, 7] {
        assert_eq!(with_length(damaged, &query).application, Some("dns"), "{damaged}");
    }
}

/// A data frame behind a header of radiotap that says that a check sequence follows.
fn radiotap(length: u8) -> Vec<u8> {
    let mut frame = vec![0, 0, length, 0, 2, 0, 0, 0, 0x10, 0x08, 0x01, 0, 0];
    frame.extend([2; 18]);
    frame.extend([0, 0, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0]);
    frame.extend(ipv4(17, 0, &UDP));
    frame
}

#[test]
fn a_check_sequence_that_was_not_captured_is_not_cut_off() {
    let frame = radiotap(9);
    let whole = [frame.as_slice(), &[1, 2, 3, 4]].concat();
    for missing in 0..=6 {
        let data = &whole[..whole.len() - missing];
        let layers = captured(LinkType::IEEE802_11_RADIOTAP, data, whole.len());
        let lost = missing.saturating_sub(4);
        assert_eq!(layers.stop.is_some(), lost > 0, "{missing} missing: {layers:?}");
        assert_eq!(layers.payload_length, (lost <= 2).then_some(0), "{missing} missing");
        assert_eq!(layers.networks.len(), 1);
    }
}

#[test]
fn a_header_of_radiotap_has_eight_bytes_at_least() {
    for length in 0..8 {
        let layers = layers(LinkType::IEEE802_11_RADIOTAP, &radiotap(length));
        assert_eq!(layers.stop.unwrap().layer, "radiotap");
    }
}
