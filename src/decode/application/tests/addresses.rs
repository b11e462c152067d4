use super::*;

#[test]
fn relays_routers_and_name_servers_of_dhcp() {
    let mut offer = vec![2, 1, 6, 0];
    offer.resize(236, 0);
    offer[20..24].copy_from_slice(&[192, 0, 2, 1]);
    offer[24..28].copy_from_slice(&[192, 0, 2, 2]);
    offer.extend([99, 130, 83, 99, 53, 1, 2, 3, 4, 192, 0, 2, 3]);
    offer.extend([6, 8, 192, 0, 2, 4, 192, 0, 2, 5, 255]);
    let expected: Vec<IpAddr> = (1..=5).map(|last| [192, 0, 2, last].into()).collect();
    assert_eq!(dhcp(udp(67, &offer)).mentioned, expected);
    let mut many = offer[..240].to_vec();
    many.extend([&[6, 252][..], &[192; 252]].concat().repeat(2));
    many.push(255);
    let found = details(udp(67, &many));
    assert!(found.notes[0].contains("first 64"));
    assert_eq!(dhcp(udp(67, &many)).mentioned.len(), 64);
}

#[test]
fn addresses_of_dhcp_for_ipv6() {
    let address = |last: u8| [&[0x20, 1, 0x0d, 0xb8][..], &[0; 11], &[last]].concat();
    let mut reply = vec![7, 1, 2, 3, 0, 3, 0, 12 + 28, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    reply.extend([0, 5, 0, 24]);
    reply.extend(address(1));
    reply.extend([0; 8]);
    reply.extend([0, 23, 0, 16]);
    reply.extend(address(2));
    let mut relayed = vec![13, 0];
    relayed.extend([0; 16]);
    relayed.extend(address(3));
    relayed.extend([0, 9, 0, u8::try_from(reply.len()).unwrap()]);
    relayed.extend(reply);
    let found = dhcp(udp(547, &relayed));
    assert_eq!(found.message, some("reply"));
    let texts = |addresses: &[IpAddr]| -> Vec<String> {
        addresses.iter().map(ToString::to_string).collect()
    };
    assert_eq!(texts(&found.assigned), ["2001:db8::1"]);
    assert_eq!(texts(&found.mentioned), ["2001:db8::3", "2001:db8::2"]);
}

#[test]
fn where_ftp_sends_a_file() {
    for (line, address) in [
        (&b"PORT 192,0,2,1,4,31\r\n"[..], Some("192.0.2.1")),
        (b"227 Entering Passive Mode (192,0,2,1,4,31).\r\n", Some("192.0.2.1")),
        (b"EPRT |2|2001:db8::1|5282|\r\n", Some("2001:db8::1")),
        (b"PORT 192,0,2,1\r\n", None),
        (b"PORT 192,0,2,256,4,31\r\n", None),
        (b"220 192,0,2,1,4,31\r\n", None),
        (b"EPRT |\r\n", None),
    ] {
        let found = exchange(tcp(21, line)).0.addresses;
        let expected: Vec<IpAddr> = address.iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(found, expected, "{line:?}");
    }
}
