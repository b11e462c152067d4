use super::super::Found;
use super::*;
use crate::packet::{TlsClient, TlsServer};

fn numbers(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

fn sized_u8(bytes: &[u8]) -> Vec<u8> {
    [&[u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    [kind.to_be_bytes().as_slice(), &sized(data)].concat()
}

/// A record with one handshake message.
fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let message = [&[kind], &length[1..], body].concat();
    [&[22, 3, 1], sized(&message).as_slice()].concat()
}

fn client_hello(version: u16, ciphers: &[u16], extensions: Option<&[Vec<u8>]>) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    body.extend([7; 32]);
    body.extend(sized_u8(&[9; 4]));
    body.extend(sized(&numbers(ciphers)));
    body.extend([1, 0]);
    body.extend(extensions.map(|extensions| sized(&extensions.concat())).unwrap_or_default());
    record(1, &body)
}

fn server_name(name: &str) -> Vec<u8> {
    extension(0, &sized(&[&[0], sized(name.as_bytes()).as_slice()].concat()))
}

fn read(payload: &[u8]) -> (Tls, Vec<&'static str>) {
    from_to(443, 50_000, payload)
}

fn from_to(source: u16, destination: u16, payload: &[u8]) -> (Tls, Vec<&'static str>) {
    let ports = Ports { source, destination };
    let Found { names: ["tls"], details: Some(details) } = decode(ports, payload).unwrap() else {
        panic!("details of TLS")
    };
    let Message::Tls(tls) = details.message else { panic!("TLS") };
    (*tls, details.notes)
}

fn client(payload: &[u8]) -> TlsClient {
    read(payload).0.client.unwrap()
}

/// The examples of JA3's own description.
#[test]
fn published_ja3() {
    let ciphers = [47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4];
    let extensions = [
        server_name("example.com"),
        extension(10, &sized(&numbers(&[23, 24, 25]))),
        extension(11, &sized_u8(&[0])),
    ];
    let hello = client(&client_hello(769, &ciphers, Some(&extensions)));
    assert_eq!(hello.ja3.as_deref(), Some("ada70206e40642a3e4461f35503241d5"));
    assert_eq!(hello.ciphers[0], "TLS_RSA_WITH_AES_128_CBC_SHA");
    let ciphers = [4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99];
    let hello = client(&client_hello(769, &ciphers, None));
    assert_eq!(hello.ja3.as_deref(), Some("de350869b8c85de67a350c8d186f11e6"));
}

/// Chrome's, with the fingerprint that FoxIO publishes for it, and GREASE everywhere.
fn chrome(protocols: &[&[u8]]) -> Vec<u8> {
    let ciphers = [
        0x2a2a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013,
        0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
    ];
    let algorithms = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601];
    let protocols: Vec<u8> = protocols.iter().flat_map(|name| sized_u8(name)).collect();
    let extensions = [
        extension(0x3a3a, &[]),
        server_name("cloudflare-quic.com"),
        extension(0x0017, &[]),
        extension(0xff01, &[0]),
        extension(0x000a, &sized(&numbers(&[0x4a4a, 29, 23, 24]))),
        extension(0x000b, &sized_u8(&[0])),
        extension(0x0023, &[]),
        extension(0x0010, &sized(&protocols)),
        extension(0x0005, &[1, 0, 0, 0, 0]),
        extension(0x000d, &sized(&numbers(&algorithms))),
        extension(0x0012, &[]),
        extension(0x0033, &[]),
        extension(0x002d, &[1, 1]),
        extension(0x002b, &sized_u8(&numbers(&[0x5a5a, 0x0304, 0x0303]))),
        extension(0x001b, &[2, 0, 2]),
        extension(0x4469, &[0, 3, 2, b'h', b'2']),
        extension(0x6a6a, &[0]),
        extension(0x0015, &[0; 20]),
    ];
    client_hello(0x0303, &ciphers, Some(&extensions))
}

#[test]
fn published_ja4() {
    let payload = chrome(&[b"h2", b"http/1.1"]);
    let (tls, notes) = read(&payload);
    assert_eq!(tls.version, Some(0x0304));
    assert_eq!(tls.messages, ["client_hello"]);
    let hello = tls.client.unwrap();
    assert_eq!(hello.ja4.as_deref(), Some("t13d1516h2_8daaf6152771_e5627efa2ab1"));
    assert_eq!(hello.server_name.as_deref(), Some("cloudflare-quic.com"));
    assert_eq!(hello.alpn, ["h2", "http/1.1"]);
    assert_eq!(hello.ciphers.len(), 15, "without GREASE");
    assert!(notes.is_empty());
}

/// The hello of Chrome over QUIC, and the fingerprint that FoxIO publishes for it.
#[test]
fn published_ja4_over_quic() {
    let algorithms = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601, 0x0201];
    let extensions = [
        extension(0x0010, &sized(&sized_u8(b"h3"))),
        server_name("cloudflare-quic.com"),
        extension(0x002d, &[1, 1]),
        extension(0x001b, &[2, 0, 2]),
        extension(0x000a, &sized(&numbers(&[29, 23, 24]))),
        extension(0x0033, &[]),
        extension(0x002b, &sized_u8(&numbers(&[0x0304]))),
        extension(0x0039, &[]),
        extension(0x4469, &[0, 3, 2, b'h', b'3']),
        extension(0x000d, &sized(&numbers(&algorithms))),
    ];
    let hello = client_hello(0x0303, &[0x1301, 0x1302, 0x1303], Some(&extensions));
    let mut notes = Vec::new();
    let tls = in_quic(&hello[5..], &mut notes).unwrap();
    let ja4 = tls.client.unwrap().ja4.unwrap();
    assert_eq!(ja4, "q13d0310h3_55b375c5d22e_cd85d2d88918");
    assert!(notes.is_empty());
}

#[test]
fn first_protocol_in_ja4() {
    for (protocol, expected) in
        [(&b"h"[..], "hh"), (b"http/1.1", "h1"), (&[0xab], "ab"), (&[0x30, 0xab], "3b")]
    {
        let ja4 = client(&chrome(&[protocol])).ja4.unwrap();
        assert_eq!(&ja4[..10], format!("t13d1516{expected}"));
    }
    let bare = client(&client_hello(0x0301, &[], None)).ja4.unwrap();
    assert_eq!(bare, "t10i000000_000000000000_000000000000");
}

#[test]
fn a_hello_may_be_cut_anywhere() {
    let whole = chrome(&[b"h2"]);
    for length in 9..whole.len() {
        let (tls, notes) = read(&whole[..length]);
        let hello = tls.client.unwrap();
        assert_eq!((hello.ja3, hello.ja4), (None, None), "{length}");
        let full = hello.server_name.is_none_or(|name| name == "cloudflare-quic.com");
        assert!(full, "half a name is another name");
        assert_eq!(notes, [CUT]);
    }
    let name_ends = 9 + 2 + 32 + 5 + 2 + 32 + 2 + 2 + 4 + 4 + 5 + 19;
    let found = |length: usize| client(&whole[..length]).server_name.is_some();
    assert!(!found(name_ends - 1) && found(name_ends));
}

#[test]
fn a_hello_in_two_records_is_one() {
    let whole = chrome(&[b"h2"]);
    let (first, second) = whole[5..].split_at(100);
    let records: Vec<u8> = [first, second]
        .iter()
        .flat_map(|part| [&[22, 3, 1], sized(part).as_slice()].concat())
        .collect();
    assert_eq!(client(&records), client(&whole));
}

#[test]
fn server_hello_and_alert() {
    let extensions = [
        extension(0x002b, &[3, 4]),
        extension(0x0010, &sized(&sized_u8(b"h2"))),
        extension(0x0033, &[]),
    ];
    let mut body = vec![3, 3];
    body.extend([5; 32]);
    body.extend([0, 0x13, 0x01, 0]);
    body.extend(sized(&extensions.concat()));
    let (tls, _) = read(&[record(2, &body), vec![21, 3, 3, 0, 2, 2, 40]].concat());
    assert_eq!(tls.version, Some(0x0304));
    assert_eq!(tls.messages, ["server_hello", "alert"]);
    assert_eq!(tls.alert.as_deref(), Some("fatal handshake_failure"));
    let TlsServer { cipher, alpn, ja3s } = tls.server.unwrap();
    assert_eq!(cipher.as_deref(), Some("TLS_AES_128_GCM_SHA256"));
    assert_eq!(alpn.as_deref(), Some("h2"));
    assert_eq!(ja3s, Some(format!("{:x}", md5::compute("771,4865,43-16-51"))));
}

#[test]
fn encrypted_messages_are_not_read() {
    let finished = [22, 3, 3, 0, 8, 0x9f, 1, 2, 3, 4, 5, 6, 7];
    let after_change = [&[20, 3, 3, 0, 1, 1][..], &finished].concat();
    assert_eq!(read(&after_change).0.messages, ["change_cipher_spec", "encrypted_handshake"]);
    let again = [&[20, 3, 3, 0, 1, 1][..], &chrome(&[b"h2"])].concat();
    assert_eq!(client(&again).server_name.as_deref(), Some("cloudflare-quic.com"));
    let ports = Ports { source: 443, destination: 50_000 };
    let data = decode(ports, &[23, 3, 3, 0, 2, 9, 9]).unwrap();
    assert!(data.details.is_none(), "application data says nothing");
}

/// Self-signed, made with openssl for this test: CN=archive.example, valid to 9999.
fn certificate_message() -> Vec<u8> {
    let der = include_bytes!("certificate.der");
    let length = u32::try_from(der.len()).unwrap();
    let entry = [&length.to_be_bytes()[1..], der].concat();
    let list = [&u32::try_from(entry.len()).unwrap().to_be_bytes()[1..], &entry].concat();
    record(11, &list)
}

#[test]
fn a_certificate_is_of_its_sender() {
    let alone = certificate_message();
    let with = |kind: u8| [alone.clone(), record(kind, &[0; 4])].concat();
    let (key_exchange, verify, done) = (with(16), with(15), with(14));
    for (source, destination, payload, is_clients) in [
        (8443, 8444, &key_exchange, true),
        (8443, 8444, &verify, true),
        (50_000, 443, &done, false),
        (50_000, 443, &alone, true),
        (50_000, 8443, &alone, true),
        (1500, 443, &alone, true),
        (443, 50_000, &alone, false),
        (8443, 8444, &alone, false),
    ] {
        let tls = from_to(source, destination, payload).0;
        assert_eq!(tls.client_certificate.is_some(), is_clients, "{source} to {destination}");
        assert_eq!(tls.certificate.is_some(), !is_clients, "{source} to {destination}");
    }
}

#[test]
fn the_first_hello_of_a_packet_is_the_one() {
    let second = client_hello(0x0301, &[5], None);
    let (tls, _) = read(&[chrome(&[b"h2"]), second].concat());
    assert_eq!(tls.client, Some(client(&chrome(&[b"h2"]))));
    assert_eq!(tls.version, Some(0x0304));
}

#[test]
fn a_certificate_is_read() {
    let payload = certificate_message();
    let certificate = read(&payload).0.certificate.unwrap();
    assert_eq!(certificate.subject, "CN=archive.example");
    assert_eq!(certificate.issuer, "CN=archive.example");
    assert_eq!(certificate.alternative_names, ["archive.example", "192.0.2.1", "2001:db8::1"]);
    assert_eq!(certificate.not_before.to_string(), "2026-01-01T00:00:00.000000000Z");
    assert_eq!(certificate.not_after.parts().0, 253_402_300_799);
    assert_eq!(certificate.sha256.len(), 64);
    assert_eq!(read(&payload[..payload.len() - 1]).0.certificate, None);
}
