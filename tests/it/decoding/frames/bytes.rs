//! Packets in bytes, layer by layer.

/// The hosts of the innermost conversation, and their ports: UDP from 40001 to 40002.
pub const INSIDE: [&str; 2] = ["10.1.1.1", "10.2.2.2"];
pub const INSIDE_V6: [&str; 2] = ["2001:db8::11", "2001:db8::22"];
/// The ends of the tunnels.
pub const OUTSIDE: [&str; 2] = ["192.0.2.1", "198.51.100.2"];
pub const OUTSIDE_V6: [&str; 2] = ["2001:db8:ffff::1", "2001:db8:ffff::2"];

pub const TCP: u8 = 6;
pub const UDP: u8 = 17;

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
pub fn length_frame(payload: &[u8]) -> Vec<u8> {
    ethernet(u16::try_from(payload.len()).unwrap(), payload)
}

pub fn tag(id: u16, ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [id.to_be_bytes().as_slice(), &ether_type.to_be_bytes(), payload].concat()
}

pub fn label(number: u32, last: bool, payload: &[u8]) -> Vec<u8> {
    let entry = number << 12 | u32::from(last) << 8 | 64;
    [entry.to_be_bytes().as_slice(), payload].concat()
}

pub fn arp(operation: u8) -> Vec<u8> {
    let macs = [[0, 0, 0x5e, 0, 0x53, 2], [0; 6]];
    let [source, destination] = INSIDE.map(address);
    [&[0, 1, 8, 0, 6, 4, 0, operation], macs[0].as_slice(), &source, &macs[1], &destination]
        .concat()
}

pub fn ppp(protocol: u16, payload: &[u8]) -> Vec<u8> {
    [protocol.to_be_bytes().as_slice(), payload].concat()
}

pub fn pppoe(session: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap();
    [&[0x11, 0], session.to_be_bytes().as_slice(), &length.to_be_bytes(), payload].concat()
}

pub fn ah(next: u8) -> [u8; 24] {
    let mut header = [0; 24];
    (header[0], header[1], header[6], header[11]) = (next, 4, 0x30, 1);
    header
}

pub fn ipv4(hosts: [&str; 2], protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_with(&[], hosts, 0, protocol, payload)
}

pub fn ipv4_with(
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

pub fn address(text: &str) -> Vec<u8> {
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

pub fn segment(flags: u8, payload: &[u8]) -> Vec<u8> {
    let header = [0x9c, 0x41, 0x9c, 0x42, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, flags, 2, 0, 0, 0, 0, 0];
    [&header, payload].concat()
}

pub fn length(packet: &[u8]) -> u8 {
    u8::try_from(packet.len()).unwrap()
}
