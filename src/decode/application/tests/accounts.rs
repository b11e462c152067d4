use super::*;
use crate::packet::Challenger;

/// Third message: domain `DOM`, user `Alice`, workstation `PC`, in UTF-16.
pub(super) fn ntlm_message() -> Vec<u8> {
    let mut message = b"NTLMSSP\0\x03\0\0\0".to_vec();
    message.extend([0; 16]);
    for (length, offset) in [(6, 64), (10, 70), (4, 80)] {
        message.extend([length, 0, length, 0, offset, 0, 0, 0]);
    }
    message.extend([0; 8]);
    message.extend([1, 0, 0, 0]);
    message.extend("DOMAlicePC".bytes().flat_map(|byte| [byte, 0]));
    message
}

fn alice() -> User {
    User { name: some("Alice"), domain: some("DOM"), workstation: some("PC") }
}

#[test]
fn who_logs_on_with_ntlm() {
    let token = base64_simd::STANDARD.encode_to_string(ntlm_message());
    let request = format!("GET / HTTP/1.1\r\nAuthorization: NTLM {token}\r\n\r\n");
    assert_eq!(details(tcp(80, request.as_bytes())).user, alice());
    let mut setup = vec![0, 0, 0, 200, 0xfe];
    setup.extend(b"SMB");
    setup.extend([64, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    setup.resize(4 + 64 + 24, 0);
    setup.extend(ntlm_message());
    let (found, user) = exchange(tcp(445, &setup));
    assert_eq!((found.operations, found.version), (vec!["session_setup".to_owned()], some("2")));
    assert_eq!(user, alice());
}

#[test]
fn directory_and_tickets() {
    let bind = b"\x30\x20\x02\x01\x01\x60\x1b\x02\x01\x03\x04\x0ecn=bob,dc=test\x80\x06secret";
    let (found, user) = exchange(tcp(389, bind));
    assert_eq!(found.operations, ["bind_request"]);
    assert_eq!(user.name, some("cn=bob,dc=test"));
    assert!(!format!("{found:?}").contains("secret"));
    let principal = |tag: u8, name: &[u8]| {
        let length = u8::try_from(name.len()).unwrap();
        let mut bytes = vec![tag, length + 13, 0x30, length + 11, 0xa0, 3, 2, 1, 1];
        bytes.extend([0xa1, length + 4, 0x30, length + 2, 0x1b, length]);
        [bytes.as_slice(), name].concat()
    };
    let mut body = principal(0xa1, b"bob");
    body.extend([0xa2, 6, 0x1b, 4, b'T', b'E', b'S', b'T']);
    body.extend(principal(0xa3, b"krbtgt"));
    let length = u8::try_from(body.len()).unwrap();
    let mut request = vec![0x6a, length + 16, 0x30, length + 14, 0xa1, 3, 2, 1, 5];
    request.extend([0xa2, 3, 2, 1, 10, 0xa4, length + 2, 0x30, length]);
    request.extend(body);
    let (found, user) = exchange(udp(88, &request));
    assert_eq!(found.operations, ["as_req"]);
    assert_eq!(found.service, some("krbtgt"));
    assert_eq!((user.name, user.domain), (some("bob"), some("TEST")));
    let framed = [&[0, 0, 0, length + 18], request.as_slice()].concat();
    assert_eq!(tcp(88, &framed).application, Some("kerberos"));
}

/// Second message, for the domain `DOM`, from `SRV`.
fn ntlm_challenge() -> Vec<u8> {
    let wide = |text: &str| -> Vec<u8> { text.bytes().flat_map(|byte| [byte, 0]).collect() };
    let pair = |kind: u8, text: &str| {
        let text = wide(text);
        [&[kind, 0, u8::try_from(text.len()).unwrap(), 0], text.as_slice()].concat()
    };
    let pairs = [
        pair(2, "DOM"),
        pair(1, "SRV"),
        pair(4, "dom.example"),
        pair(3, "srv.dom.example"),
        vec![7, 0, 2, 0, 1, 1],
        vec![0; 4],
    ];
    let pairs = pairs.concat();
    let length = u8::try_from(pairs.len()).unwrap();
    let mut message = b"NTLMSSP\0\x02\0\0\0".to_vec();
    message.extend([6, 0, 6, 0, 56, 0, 0, 0, 1, 0, 0, 0]);
    message.extend([9; 8]);
    message.extend([0; 8]);
    message.extend([length, 0, length, 0, 62, 0, 0, 0]);
    message.extend([0; 8]);
    message.extend(wide("DOM"));
    message.extend(pairs);
    message
}

fn server() -> Challenger {
    Challenger {
        target: some("DOM"),
        netbios_computer: some("SRV"),
        netbios_domain: some("DOM"),
        dns_computer: some("srv.dom.example"),
        dns_domain: some("dom.example"),
    }
}

#[test]
fn who_asks_with_ntlm() {
    let token = base64_simd::STANDARD.encode_to_string(ntlm_challenge());
    let answer = format!("HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM {token}\r\n\r\n");
    assert_eq!(details(tcp(80, answer.as_bytes())).challenger, Some(Box::new(server())));
    // Every message of the packet is looked at.
    let messages = [ntlm_challenge(), ntlm_message()].concat();
    let found = details(tcp(445, &smb_2(1, 0, 1, &messages)));
    assert_eq!((found.challenger, found.user), (Some(Box::new(server())), alice()));
    let credentials = ntlm_challenge();
    let length = u8::try_from(credentials.len()).unwrap();
    let mut bind = vec![0x30, 0x81, length + 16, 2, 1, 1, 0x61, 0x81, length + 10];
    bind.extend([0x0a, 1, 14, 4, 0, 4, 0, 0x87, 0x81, length]);
    bind.extend(credentials);
    let found = details(tcp(389, &bind));
    assert_eq!(found.challenger, Some(Box::new(server())));
    for length in 0..ntlm_challenge().len() {
        let cut = details(tcp(445, &smb_2(1, 0, 1, &ntlm_challenge()[..length])));
        let name = cut.challenger.and_then(|challenger| challenger.dns_computer);
        assert!(name.is_none_or(|name| name == "srv.dom.example"), "{length}");
    }
}

/// An element of ASN.1, shorter than 128 bytes.
fn element(tag: u8, members: &[&[u8]]) -> Vec<u8> {
    let content = members.concat();
    [&[tag, u8::try_from(content.len()).unwrap()], content.as_slice()].concat()
}

#[test]
fn tickets_and_errors() {
    let principal = |name: &[u8]| {
        let kind = element(0xa0, &[&[2, 1, 1]]);
        let names = element(0xa1, &[&element(0x30, &[&element(0x1b, &[name])])]);
        element(0x30, &[&kind, &names])
    };
    let realm = element(0x1b, &[b"TEST"]);
    let version = element(0xa0, &[&[2, 1, 5]]);
    let answer = |tag| {
        let members =
            [version.clone(), element(0xa3, &[&realm]), element(0xa4, &[&principal(b"bob")])];
        element(tag, &[&element(0x30, &[&members.concat()])])
    };
    for (tag, operation) in [(0x6b, "as_rep"), (0x6d, "tgs_rep")] {
        let (found, user) = exchange(udp(88, &answer(tag)));
        assert_eq!(found.operations, [operation]);
        assert_eq!((user.name, user.domain), (some("bob"), some("TEST")));
    }
    let body = [element(0xa2, &[&realm]), element(0xa3, &[&principal(b"http")])].concat();
    let request = element(0x6c, &[&element(0x30, &[&element(0xa4, &[&element(0x30, &[&body])])])]);
    let (found, user) = exchange(udp(88, &request));
    assert_eq!((found.operations, found.service), (vec!["tgs_req".to_owned()], some("http")));
    assert_eq!((user.name, user.domain), (None, some("TEST")));
    let members = [
        element(0xa6, &[&[2, 1, 25]]),
        element(0xa9, &[&realm]),
        element(0xaa, &[&principal(b"krbtgt")]),
    ];
    let error = element(0x7e, &[&element(0x30, &[&members.concat()])]);
    let (found, user) = exchange(udp(88, &error));
    assert_eq!((found.operations, found.status), (vec!["krb_error".to_owned()], some("25")));
    assert_eq!((found.service, user.domain), (some("krbtgt"), some("TEST")));
}

#[test]
fn who_asks_for_access() {
    let mut radius = vec![1, 9, 0, 37];
    radius.extend([0; 16]);
    radius.extend([1, 5, b'b', b'o', b'b', 4, 6, 192, 0, 2, 8, 8, 6, 255, 255, 255, 254]);
    let (found, user) = exchange(udp(1812, &radius));
    assert_eq!((found.operations, user.name), (vec!["access_request".to_owned()], some("bob")));
    assert_eq!(found.addresses, [[192, 0, 2, 8]].map(IpAddr::from), "a wish is no address");
    assert_eq!(udp(1812, &radius[..36]).application, None, "longer than the datagram");
    let mut odd = radius.clone();
    odd[26] = 1;
    assert_eq!(udp(1812, &odd).application, None, "an attribute without its own header");
    // Of a packet that was cut what stands before is read.
    let mut layers = Layers { payload_length: Some(37), ..Layers::default() };
    over_udp(Ports { source: 1812, destination: 1812 }, &radius[..36], &mut layers);
    assert_eq!(exchange(layers).1.name, some("bob"));
}
