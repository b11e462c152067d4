//! Packets of every application that is compared.

use pcap_archiver::testing::{tcp_frame, udp_frame};

/// One frame for each message; the server has the protocol's port.
pub fn frames() -> Vec<Vec<u8>> {
    vec![
        to_server(53, &dns(false), Over::Udp),
        to_client(53, &dns(true), Over::Udp),
        to_server(80, REQUEST, Over::Tcp),
        to_client(80, RESPONSE, Over::Tcp),
        to_server(443, &client_hello(), Over::Tcp),
        to_client(443, &server_hello(), Over::Tcp),
        to_client(123, &ntp(), Over::Udp),
        to_server(67, &dhcp(), Over::Udp),
    ]
}

#[derive(Clone, Copy)]
enum Over {
    Tcp,
    Udp,
}

fn to_server(port: u16, payload: &[u8], over: Over) -> Vec<u8> {
    frame(
        &format!("192.0.2.10:{}", client_port(port)),
        &format!("192.0.2.20:{port}"),
        payload,
        over,
    )
}

fn to_client(port: u16, payload: &[u8], over: Over) -> Vec<u8> {
    frame(
        &format!("192.0.2.20:{port}"),
        &format!("192.0.2.10:{}", client_port(port)),
        payload,
        over,
    )
}

/// DHCP clients have a port of their own.
fn client_port(port: u16) -> u16 {
    if port == 67 { 68 } else { 40_000 + port }
}

fn frame(source: &str, destination: &str, payload: &[u8], over: Over) -> Vec<u8> {
    let (source, destination) = (source.parse().unwrap(), destination.parse().unwrap());
    match over {
        Over::Tcp => tcp_frame(source, destination, payload),
        Over::Udp => udp_frame(source, destination, payload),
    }
}

const REQUEST: &[u8] = b"GET /path?query=1 HTTP/1.1\r\nHost: www.example.com\r\n\
    User-Agent: test/1.0\r\nReferer: http://example.com/start\r\n\r\n";
const RESPONSE: &[u8] =
    b"HTTP/1.1 302 Found\r\nLocation: http://www.example.com/else\r\nContent-Length: 0\r\n\r\n";

fn dns(is_answer: bool) -> Vec<u8> {
    let answers = u8::from(is_answer);
    let mut message = vec![0x12, 0x34, 1 | answers << 7, 0, 0, 1, 0, answers, 0, 0, 0, 0];
    message.extend(b"\x03www\x07example\x03com\0\0\x01\0\x01");
    if is_answer {
        message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 30]);
    }
    message
}

fn ntp() -> Vec<u8> {
    [&[0x24, 2, 6, 0xe9][..], &[0; 44]].concat()
}

fn dhcp() -> Vec<u8> {
    let mut message = vec![1, 1, 6, 0, 0, 0, 0, 1];
    message.resize(236, 0);
    message.extend(b"\x63\x82\x53\x63\x35\x01\x01\x0c\x04host\xff");
    message.resize(300, 0);
    message
}

/// A record with one handshake message: version, random, no session, then the rest.
fn hello(kind: u8, rest: &[&[u8]]) -> Vec<u8> {
    let body = [&[3, 3][..], &[7; 32], &[0], &rest.concat()].concat();
    let length = u8::try_from(body.len()).unwrap();
    [&[22, 3, 1, 0, length + 4, kind, 0, 0, length], body.as_slice()].concat()
}

fn client_hello() -> Vec<u8> {
    let name = b"\0\0\0\x14\0\x12\0\0\x0fwww.example.com";
    let groups = b"\0\x0a\0\x06\0\x04\0\x1d\0\x17";
    let formats = b"\0\x0b\0\x02\x01\0";
    let protocols = b"\0\x10\0\x0e\0\x0c\x02h2\x08http/1.1";
    let extensions = [&name[..], groups, formats, protocols].concat();
    let length = u8::try_from(extensions.len()).unwrap();
    hello(1, &[b"\0\x04\xc0\x2b\xc0\x2f", b"\x01\0", &[0, length], &extensions])
}

fn server_hello() -> Vec<u8> {
    hello(2, &[b"\xc0\x2f", b"\0", b"\0\x05\xff\x01\0\x01\0"])
}
