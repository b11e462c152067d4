use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::packet::{Dhcp, Dns, Exchange, Http, MacAddress, Message, User};

const CLIENT: u16 = 50_000;

fn tcp(port: u16, payload: &[u8]) -> Layers {
    let mut layers = Layers::default();
    over_tcp(Ports { source: CLIENT, destination: port }, payload, &mut layers);
    layers
}

fn udp(port: u16, payload: &[u8]) -> Layers {
    let mut layers = Layers::default();
    over_udp(Ports { source: port, destination: port }, payload, &mut layers);
    layers
}

fn details(layers: Layers) -> Application {
    *layers.details.expect("something was found")
}

fn dns(layers: Layers) -> Dns {
    let Message::Dns(dns) = details(layers).message else { panic!("DNS") };
    *dns
}

fn http(payload: &[u8]) -> Http {
    let Message::Http(http) = details(tcp(80, payload)).message else { panic!("HTTP") };
    *http
}

fn dhcp(layers: Layers) -> Dhcp {
    let Message::Dhcp(dhcp) = details(layers).message else { panic!("DHCP") };
    *dhcp
}

fn exchange(layers: Layers) -> (Exchange, User) {
    let details = details(layers);
    let Message::Exchange(exchange) = details.message else { panic!("few words") };
    (*exchange, details.user)
}

#[expect(clippy::unnecessary_wraps, reason = "what is compared is an option")]
fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// Labels with their lengths, and the root.
fn name(dotted: &str) -> Vec<u8> {
    let labels = dotted.split('.').filter(|label| !label.is_empty());
    let mut name: Vec<u8> =
        labels.flat_map(|l| [&[u8::try_from(l.len()).unwrap()], l.as_bytes()].concat()).collect();
    name.push(0);
    name
}

/// An answer with a CNAME and two addresses, whose names are compressed.
fn answer() -> Vec<u8> {
    let mut message = vec![0xab, 0xcd, 0x81, 0x80, 0, 1, 0, 3, 0, 0, 0, 1];
    message.extend(name("WwW.example.com"));
    message.extend([0, 1, 0, 1]);
    message.extend([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 6, 3, b'c', b'd', b'n', 0xc0, 16]);
    message.extend([0xc0, 45, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 192, 0, 2, 7]);
    message.extend([0xc0, 45, 0, 28, 0, 1, 0, 0, 0, 30, 0, 16]);
    message.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
    message.extend([0, 0, 41, 16, 0, 0, 0, 0x80, 0, 0, 0]);
    message
}

#[test]
fn question_and_answers() {
    let layers = udp(53, &answer());
    assert_eq!(layers.application, Some("dns"));
    let dns = dns(layers);
    assert_eq!((dns.id, dns.is_answer, dns.operation.as_str()), (0xabcd, true, "QUERY"));
    assert_eq!(dns.response_code.as_deref(), Some("NOERROR"));
    assert_eq!(dns.flags, ["RD", "RA", "DO"]);
    assert_eq!(dns.questions[0].name, "WwW.example.com", "as it was spelled");
    assert_eq!((dns.questions[0].kind.as_str(), dns.questions[0].class.as_str()), ("A", "IN"));
    let data: Vec<&str> = dns.answers.iter().map(|record| record.data.as_str()).collect();
    assert_eq!(data, ["cdn.example.com", "192.0.2.7", "2001:db8::7"]);
    let names: Vec<&str> = dns.answers.iter().map(|record| record.name.as_str()).collect();
    assert_eq!(names, ["WwW.example.com", "cdn.example.com", "cdn.example.com"]);
    assert_eq!((dns.answers[0].ttl, dns.answers[2].kind.as_str()), (60, "AAAA"));
}

#[test]
fn dns_over_tcp_and_at_other_ports() {
    let message = answer();
    let length = u16::try_from(message.len()).unwrap().to_be_bytes();
    let framed = [&length[..], &message].concat();
    for layers in [tcp(53, &framed), tcp(5300, &framed), udp(5300, &message)] {
        assert_eq!(layers.application, Some("dns"));
        assert_eq!(dns(layers).answers.len(), 3);
    }
    assert_eq!(udp(5300, &message[..message.len() - 1]).application, None, "not to the last byte");
    assert_eq!(udp(53, b"question-x").application, None);
    assert_eq!(udp(53, &[7; 300]).application, None);
    assert_eq!(udp(53, &[0; 300]).application, None);
}

#[test]
fn a_cut_message_keeps_what_it_has() {
    let message = answer();
    for length in 12..message.len() {
        let found = details(udp(53, &message[..length]));
        assert!(found.notes.iter().any(|note| note.contains("cut")), "{length}");
    }
    assert_eq!(dns(udp(53, &message[..60])).answers.len(), 1);
}

#[test]
fn pointers_that_go_round_end() {
    let mut message = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    message.extend([0xc0, 12, 0, 1, 0, 1]);
    assert_eq!(udp(53, &message).application, None);
    // A chain of pointers, each to the one before, from every record.
    let mut message = vec![0, 1, 0x81, 0x80, 0, 1, 0xff, 0xff, 0, 0, 0, 0];
    message.extend([1, b'a', 0, 0, 1, 0, 1]);
    while message.len() < 60_000 {
        let back = u16::try_from(message.len().min(0x3fff) - 12).unwrap();
        message.extend((0xc000 | back).to_be_bytes());
        message.extend([0, 1, 0, 1, 0, 0, 0, 0, 0, 0]);
    }
    let started = std::time::Instant::now();
    let _ = udp(53, &message);
    assert!(started.elapsed().as_secs() < 2);
}

#[test]
fn long_answers_are_capped_and_that_is_said() {
    let mut message = vec![0, 1, 0x81, 0x80, 0, 1, 0, 100, 0, 0, 0, 0];
    message.extend(name("a.example"));
    message.extend([0, 1, 0, 1]);
    for last in 0..100 {
        message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 192, 0, 2, last]);
    }
    let found = details(udp(53, &message));
    assert!(found.notes.iter().any(|note| note.contains("first 64")));
    assert_eq!(dns(udp(53, &message)).answers.len(), 64);
}

#[test]
fn multicast_names_are_text() {
    let mut message = vec![0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    message.extend(name("_ipp._tcp.local"));
    message.extend([0, 12, 0x80, 1, 0, 0, 0, 120, 0]);
    let target = name("Büro._ipp._tcp.local");
    message.push(u8::try_from(target.len()).unwrap());
    message.extend(target);
    let layers = udp(5353, &message);
    assert_eq!(layers.application, Some("mdns"));
    let answer = dns(layers).answers.remove(0);
    assert_eq!((answer.class.as_str(), answer.data.as_str()), ("IN", "Büro._ipp._tcp.local"));
}

#[test]
fn netbios_names() {
    // `WORKGROUP` padded with spaces, purpose 0x1e.
    let mut message = vec![0x12, 0x34, 0x28, 0x10, 0, 1, 0, 0, 0, 0, 0, 1, 32];
    message.extend(b"FHEPFCELEHFCEPFFFACACACACACACABO");
    message.extend([0, 0, 0x20, 0, 1]);
    message.extend([0xc0, 12, 0, 0x20, 0, 1, 0, 0, 0, 0, 0, 12, 0x80, 0, 192, 0, 2, 9]);
    message.extend([0x80, 0, 192, 0, 2, 10]);
    let layers = udp(137, &message);
    assert_eq!(layers.application, Some("nbns"));
    let dns = dns(layers);
    assert_eq!(dns.operation, "REGISTRATION");
    assert_eq!(
        (dns.questions[0].name.as_str(), dns.questions[0].kind.as_str()),
        ("WORKGROUP<1e>", "NB")
    );
    let found = &dns.mentioned[0];
    assert_eq!(found.addresses, [[192, 0, 2, 9], [192, 0, 2, 10]].map(IpAddr::from));
    assert_eq!(found.data, "192.0.2.9 192.0.2.10");
}

#[test]
fn hints_of_a_service_are_addresses() {
    let mut message = vec![0, 1, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
    message.extend(name("example.com"));
    message.extend([0, 65, 0, 1, 0xc0, 12, 0, 65, 0, 1, 0, 0, 0, 60, 0, 35]);
    // Priority, the name itself, addresses of both kinds.
    message.extend([0, 1, 0, 0, 4, 0, 8, 192, 0, 2, 1, 192, 0, 2, 2]);
    message.extend([0, 6, 0, 16, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
    let found = &dns(udp(53, &message)).answers[0];
    assert_eq!(found.kind, "HTTPS");
    let texts: Vec<String> = found.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["192.0.2.1", "192.0.2.2", "2001:db8::7"]);
}

#[test]
fn http_request() {
    let request = b"POST /login?next=/ HTTP/1.1\r\nHost: Www.example.com:8080\r\n\
        User-Agent: curl/8.5\r\nReferer: http://example.com/\r\nAccept: */*\r\n\
        Accept-Language: de\r\nCookie: sid=secret; theme=dark\r\nX-Forwarded-For: 203.0.113.5, \
        198.51.100.9:4711\r\nForwarded: for=\"[2001:db8::17]:47\";proto=http\r\n\
        Authorization: Basic YWxpY2U6c2VjcmV0\r\nContent-Type: text/plain; charset=utf-8\r\n\
        Content-Length: 5\r\nX-Forwarded-Host: shop.example.com:8443\r\n\
        X-Forwarded-Proto: https\r\n\r\nhello";
    let found = http(request);
    assert_eq!(found.forwarded_host.as_deref(), Some("shop.example.com:8443"));
    assert_eq!(found.forwarded_proto.as_deref(), Some("https"));
    assert_eq!(found.method.as_deref(), Some("POST"));
    assert_eq!(found.target.as_deref(), Some("/login?next=/"));
    assert_eq!(found.version.as_deref(), Some("1.1"));
    assert_eq!(found.host.as_deref(), Some("Www.example.com:8080"));
    assert_eq!(found.user_agent.as_deref(), Some("curl/8.5"));
    assert_eq!(found.mime_type.as_deref(), Some("text/plain"));
    assert_eq!(found.body_length, Some(5));
    assert_eq!(found.cookies, ["sid", "theme"]);
    let addresses: Vec<String> =
        found.forwarded_addresses.iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["203.0.113.5", "198.51.100.9", "2001:db8::17"]);
    let details = details(tcp(80, request));
    assert_eq!(details.user.name, some("alice"));
    assert!(details.notes.is_empty());
    assert!(!format!("{details:?}").contains("secret"), "neither password nor cookie");
}

#[test]
fn http_response() {
    let found = http(
        b"HTTP/1.0 302 Found Elsewhere\r\nServer: nginx\r\nLocation: /there\r\n\
        X-Powered-By: PHP/8.3\r\nVia: 1.1 outer\r\nVia: 1.1 inner (squid)\r\n\
        Set-Cookie: token=abc; Path=/; HttpOnly\r\n\r\n",
    );
    assert_eq!((found.status, found.version.as_deref()), (Some(302), Some("1.0")));
    assert_eq!(
        (found.server.as_deref(), found.location.as_deref()),
        (Some("nginx"), Some("/there"))
    );
    assert_eq!(found.cookies, ["token"]);
    assert_eq!(found.phrase.as_deref(), Some("Found Elsewhere"));
    assert_eq!(found.powered_by.as_deref(), Some("PHP/8.3"));
    assert_eq!(found.via, ["1.1 outer", "1.1 inner (squid)"]);
}

#[test]
fn http_heads_may_be_cut_or_odd() {
    let head = b"GET /a HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: Mozilla/5.0 (X11)\r\n\r\n";
    for length in 5..head.len() {
        let found = details(tcp(80, &head[..length]));
        assert!(found.notes.iter().any(|note| note.contains("beyond this packet")), "{length}");
        let found = http(&head[..length]);
        assert!(found.host.is_none_or(|host| host == "www.example.com"));
    }
    assert_eq!(http(&head[..60]).user_agent.as_deref(), Some("Mozilla/"));
    assert_eq!(
        http(b"GET /\xff\x1b[2J HTTP/1.1\r\n\r\n").target.as_deref(),
        Some("/\u{fffd}\u{1b}[2J")
    );
    assert_eq!(
        http(b"FROB * HTTP/1.1\r\nbroken line\r\nHost: a\r\n\r\n").host.as_deref(),
        Some("a")
    );
    assert_eq!(http(b"GET /old\r\n").target.as_deref(), Some("/old"));
    for other in [&b"GET out of here\r\n"[..], b"POST request received\r\n", b"HELLO WORLD", b"G"] {
        assert_eq!(tcp(80, other).application, None);
    }
    let many =
        [&b"GET / HTTP/1.1\r\n"[..], &b"A: b\r\n".repeat(200), b"Host: late\r\n\r\n"].concat();
    let found = details(tcp(80, &many));
    assert!(found.notes.iter().any(|note| note.contains("first 128")));
    let layers = udp(1900, b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n\r\n");
    assert_eq!(layers.application, Some("ssdp"));
}

/// Third message: domain `DOM`, user `Alice`, workstation `PC`, in UTF-16.
fn ntlm_message() -> Vec<u8> {
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
    use base64::Engine as _;
    let token = base64::prelude::BASE64_STANDARD.encode(ntlm_message());
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
fn smb_paths() {
    let mut tree = vec![0, 0, 0, 90, 0xfe];
    tree.extend(b"SMB");
    tree.extend([64, 0, 0, 0, 0, 0, 0, 0, 3, 0]);
    tree.resize(4 + 64, 0);
    let path: Vec<u8> = r"\\srv\C$".bytes().flat_map(|byte| [byte, 0]).collect();
    tree.extend([9, 0, 0, 0, 72, 0, 16, 0]);
    tree.extend(&path);
    assert_eq!(exchange(tcp(445, &tree)).0.argument, some(r"\\srv\C$"));
    let mut create = vec![0, 0, 0, 90, 0xff];
    create.extend(b"SMB\xa2\0\0\0\0\x18\x07\x80");
    create.resize(4 + 32, 0);
    create.push(24);
    create.resize(4 + 32 + 1 + 48, 0);
    create.extend([9, 0, 0]);
    create.extend("a.txt".bytes().flat_map(|byte| [byte, 0]));
    create.extend([0, 0]);
    let (found, _) = exchange(tcp(445, &create));
    assert_eq!(
        (found.operations, found.argument),
        (vec!["nt_create_andx".to_owned()], some("a.txt"))
    );
    assert_eq!(tcp(445, b"\0\0\0\x04\xfeSMX").application, None);
}

#[test]
fn dhcp_of_both_kinds() {
    let mut request = vec![1, 1, 6, 0];
    request.resize(236, 0);
    request[16..20].copy_from_slice(&[192, 0, 2, 50]);
    request[28..34].copy_from_slice(&[0, 0, 0x5e, 0, 0x53, 9]);
    request.extend([99, 130, 83, 99, 53, 1, 3, 12, 3, b'p', b'c', b'1', 50, 4, 192, 0, 2, 51]);
    request.extend([60, 4, b'M', b'S', b'F', b'T', 255]);
    let found = dhcp(udp(68, &request));
    assert_eq!((found.message, found.host_name), (some("request"), some("pc1")));
    assert_eq!(found.client_mac, Some(MacAddress([0, 0, 0x5e, 0, 0x53, 9])));
    assert_eq!(found.assigned, [std::net::IpAddr::from([192, 0, 2, 50])]);
    assert_eq!(found.requested, Some([192, 0, 2, 51].into()));
    assert_eq!(found.vendor_class, some("MSFT"));
    assert_eq!(details(udp(68, &request[..250])).notes.len(), 1);

    let mut relayed = vec![12, 0];
    relayed.extend([0; 32]);
    let mut solicit = vec![1, 1, 2, 3];
    solicit.extend([0, 1, 0, 10, 0, 3, 0, 1, 0, 0, 0x5e, 0, 0x53, 9]);
    solicit.extend([0, 39, 0, 9, 0]);
    solicit.extend(&name("pc2.lan")[..8]);
    relayed.extend([0, 9, 0, u8::try_from(solicit.len()).unwrap()]);
    relayed.extend(solicit);
    let found = dhcp(udp(547, &relayed));
    assert_eq!((found.message, found.host_name), (some("solicit"), some("pc2.lan")));
    assert_eq!(found.client_mac, Some(MacAddress([0, 0, 0x5e, 0, 0x53, 9])));
}

#[test]
fn mail_and_files() {
    let (found, _) = exchange(tcp(
        25,
        b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nRCPT TO:<c@example.org>\r\nDATA\r\n",
    ));
    assert_eq!(found.operations, ["MAIL", "RCPT", "RCPT", "DATA"]);
    assert_eq!(found.from, some("a@example.com"));
    assert_eq!(found.to, ["b@example.org", "c@example.org"]);
    let (found, _) = exchange(tcp(21, b"220-Welcome\r\n220 ready\r\n"));
    assert_eq!((found.status, found.argument), (some("220"), some("Welcome")));
    let (found, _) = exchange(tcp(21, b"retr file.txt\r\n"));
    assert_eq!((found.operations, found.argument), (vec!["RETR".to_owned()], some("file.txt")));
    let (found, _) = exchange(tcp(143, b"* OK IMAP4rev1 ready\r\n"));
    assert_eq!((found.status, found.argument), (some("OK"), some("IMAP4rev1 ready")));
    assert_eq!(tcp(25, b"Subject: AUTH is a word\r\n").application, None);
    assert_eq!(tcp(2121, b"RETR file.txt\r\n").application, None, "at its port only");
}

#[test]
fn no_password_is_kept() {
    for (port, line, user) in [
        (21, &b"USER bob\r\nPASS secret\r\n"[..], Some("bob")),
        (21, b"PASS secret\r\n", None),
        (21, b"ACCT secret\r\n", None),
        (110, b"USER bob\r\n", Some("bob")),
        (110, b"PASS secret\r\n", None),
        (110, b"APOP bob secret\r\n", Some("bob")),
        (143, b"a1 LOGIN bob secret\r\n", Some("bob")),
        (143, b"a1 LOGIN \"bob\" \"secret\"\r\n", Some("bob")),
        (143, b"a1 AUTHENTICATE PLAIN secret\r\n", None),
        (25, b"AUTH PLAIN secret\r\n", None),
        (25, b"AUTH LOGIN secret\r\n", None),
    ] {
        let found = details(tcp(port, line));
        assert!(!format!("{found:?}").contains("secret"), "{line:?}");
        assert_eq!(found.user.name.as_deref(), user, "{line:?}");
    }
    let snmp =
        b"\x30\x29\x02\x01\x01\x04\x06secret\xa0\x1c\x02\x04\x00\x00\x00\x01\x02\x01\x00\x02\
        \x01\x00\x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x01\x00\x05\x00";
    let found = details(udp(161, snmp));
    assert!(!format!("{found:?}").contains("secret"));
    let (found, _) = exchange(udp(161, snmp));
    assert_eq!((found.version, found.operations), (some("2c"), vec!["get_request".to_owned()]));
    assert_eq!(found.argument, some("1.3.6.1.2.1.1.1.0"));
}

#[test]
fn ssh_banner_and_ntp() {
    let (found, _) = exchange(tcp(2222, b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"));
    assert_eq!((found.version, found.software), (some("2.0"), some("OpenSSH_9.2p1 Debian-2")));
    let mut ntp = [0; 48];
    ntp[..2].copy_from_slice(&[0x24, 2]);
    let (found, _) = exchange(udp(123, &ntp));
    assert_eq!((found.version, found.stratum), (some("4"), Some(2)));
    assert_eq!(found.operations, ["server"]);
    assert_eq!(udp(124, &ntp).application, None);
}

#[test]
fn calls() {
    let invite =
        b"INVITE sip:bob@example.org SIP/2.0\r\nf: \"Alice\" <sip:alice@example.com>;tag=1\r\n\
        To: sip:bob@example.org;x=y\r\nCall-ID: 77@host\r\nUser-Agent: phone\r\n\r\n";
    let (found, _) = exchange(udp(5060, invite));
    assert_eq!(
        (found.operations, found.argument),
        (vec!["INVITE".to_owned()], some("sip:bob@example.org"))
    );
    assert_eq!(found.from, some("sip:alice@example.com"));
    assert_eq!(
        (found.to, found.session),
        (vec!["sip:bob@example.org".to_owned()], some("77@host"))
    );
    let (found, _) = exchange(tcp(5060, b"SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n\r\n"));
    assert_eq!((found.status, found.operations), (some("200"), vec!["INVITE".to_owned()]));
    assert_eq!(tcp(80, b"OPTIONS * HTTP/1.1\r\n\r\n").application, Some("http"));
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

#[test]
fn others() {
    let mut radius = vec![1, 9, 0, 25];
    radius.extend([0; 16]);
    radius.extend([1, 5, b'b', b'o', b'b']);
    let (found, user) = exchange(udp(1812, &radius));
    assert_eq!((found.operations, user.name), (vec!["access_request".to_owned()], some("bob")));

    let rdp = b"\x03\0\0\x2a\x25\xe0\0\0\0\0\0Cookie: mstshash=bob\r\n\x01\0\x08\0\x03\0\0\0";
    assert_eq!(exchange(tcp(3390, rdp)).1.name, some("bob"));

    let mqtt = b"\x10\x1c\0\x04MQTT\x04\xc2\0\x3c\0\x03dev\0\x03bob\0\x06secret";
    assert!(!format!("{:?}", details(tcp(9999, mqtt))).contains("secret"));
    let (found, user) = exchange(tcp(9999, mqtt));
    assert_eq!((found.version, found.session), (some("3.1.1"), some("dev")));
    assert_eq!(user.name, some("bob"));
    let (found, _) = exchange(tcp(1883, b"\x30\x0c\0\x05a/b/cpayload"));
    assert_eq!((found.operations, found.argument), (vec!["publish".to_owned()], some("a/b/c")));

    assert_eq!(tcp(23, &[255, 253, 1]).application, Some("telnet"));
    assert_eq!(tcp(23, b"login: ").application, None);
}

/// Beginnings of every protocol, for mutation.
fn beginnings() -> Vec<Vec<u8>> {
    vec![
        answer(),
        [&[0, 120][..], &answer()].concat(),
        b"GET /a HTTP/1.1\r\nHost: a\r\nCookie: b=c\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n".to_vec(),
        vec![22, 3, 1, 0, 60, 1, 0, 0, 56, 3, 3],
        b"\xc0\0\0\0\x01\x08\x83\x94\xc8\xf0\x3e\x51\x57\x08\0\0\x40\x40".to_vec(),
        b"\x30\x29\x02\x01\x01\x04\x06public\xa0\x1c\x02\x04".to_vec(),
        b"\x30\x20\x02\x01\x01\x60\x1b\x02\x01\x03\x04\x0ecn=bob".to_vec(),
        b"\x6a\x30\x30\x2e\xa1\x03\x02\x01\x05\xa4\x20\x30\x1e".to_vec(),
        [&[0, 0, 0, 90, 0xfe][..], b"SMB", &[64, 0, 0, 0, 0, 0, 0, 0, 1, 0], &ntlm_message()]
            .concat(),
        [&[0, 0, 0, 90, 0xff][..], b"SMB\x75", &[0; 40]].concat(),
        [&[1, 1, 6, 0][..], &[0; 232], &[99, 130, 83, 99, 53, 1, 1]].concat(),
        vec![12, 0],
        b"\x10\x1c\0\x04MQTT\x05\xc2\0\x3c\0".to_vec(),
        b"\x03\0\0\x2a\x25\xe0\0\0\0\0\0Cookie: mstshash=".to_vec(),
        b"INVITE sip:b SIP/2.0\r\nTo: <".to_vec(),
        b"a1 LOGIN \"".to_vec(),
        ntlm_message(),
        Vec::new(),
    ]
}

const PORTS: &[u16] = &[
    21, 23, 25, 53, 67, 80, 88, 110, 123, 137, 143, 161, 389, 443, 445, 547, 1812, 1883, 1900,
    3389, 5060, 5353, 5355, 50_000,
];

proptest! {
    /// Any bytes behind any beginning, some of them changed, at every port that means something.
    #[test]
    fn every_decoder_is_total(
        start in prop::sample::select(beginnings()),
        rest in prop::collection::vec(any::<u8>(), 0..300),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        port in prop::sample::select(PORTS),
    ) {
        let mut payload = [start, rest].concat();
        if !payload.is_empty() {
            for (at, byte) in changes {
                let at = at.index(payload.len());
                payload[at] = byte;
            }
        }
        for layers in [tcp(port, &payload), udp(port, &payload)] {
            prop_assert_eq!(layers.application, layers.names.first().copied());
            let size = format!("{:?}", layers.details).len();
            prop_assert!(size < 4096 + 64 * payload.len(), "{} bytes of {}", size, payload.len());
        }
    }
}
