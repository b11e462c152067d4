mod accounts;
mod addresses;
mod names;

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

#[test]
fn http_request() {
    let request = b"POST /login?next=/ HTTP/1.1\r\nHost: Www.example.com:8080\r\n\
        User-Agent: curl/8.5\r\nReferer: http://example.com/\r\nAccept: */*\r\n\
        Accept-Language: de\r\nCookie: sid=secret; secret; theme=dark; =secret\r\nX-Forwarded-For: 203.0.113.5, \
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
fn a_password_in_a_url_is_not_kept() {
    let request = b"GET http://bob:secret@host/ HTTP/1.1\r\nReferer: http://bob:secret@a/\r\n\
        Location: ftp://bob:secr";
    let found = http(request);
    assert_eq!(found.target.as_deref(), Some("http://bob:***@host/"));
    assert_eq!(found.referrer.as_deref(), Some("http://bob:***@a/"));
    assert_eq!(found.location.as_deref(), Some("ftp://bob:***"));
    let found = http(b"CONNECT bob:secret@host:443 HTTP/1.1\r\n\r\n");
    assert_eq!(found.target.as_deref(), Some("bob:***@host:443"));
    let register = b"REGISTER sip:bob:secret@example.org SIP/2.0\r\nTo: <sip:bob:secret@a>\r\n\r\n";
    assert!(!format!("{:?}", details(udp(5060, register))).contains("secret"));
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

/// A message of SMB 2 with this command, status and flags.
fn smb_2(command: u8, status: u32, flags: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![0, 0, 0, 0, 0xfe];
    message.extend(b"SMB");
    message.extend([64, 0, 0, 0]);
    message.extend(status.to_le_bytes());
    message.extend([command, 0, 0, 0, flags]);
    message.resize(4 + 64, 0);
    message.extend(body);
    message
}

#[test]
fn smb_dialect_status_and_files() {
    let (found, _) = exchange(tcp(445, &smb_2(0, 0, 1, &[65, 0, 1, 0, 0x11, 0x03])));
    assert_eq!((found.version, found.status), (some("3.1.1"), some("0x00000000")));
    let (found, _) = exchange(tcp(445, &smb_2(5, 0xc000_0034, 1, &[])));
    assert_eq!((found.operations, found.status), (vec!["create".to_owned()], some("0xc0000034")));
    let mut create = vec![0; 56];
    (create[44], create[46]) = (64 + 56, 10);
    create.extend("a.txt".bytes().flat_map(|byte| [byte, 0]));
    let (found, _) = exchange(tcp(445, &smb_2(5, 0, 0, &create)));
    assert_eq!((found.argument, found.status), (some("a.txt"), None));
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
    assert!(found.mentioned.is_empty());
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
    let (found, _) = exchange(tcp(143, b"* 12 FETCH (FLAGS (\\Seen))\r\n* 13 EXISTS\r\n"));
    assert_eq!(found.operations, ["FETCH", "EXISTS"]);
    assert_eq!(tcp(143, b"a1 12 FETCH\r\n").application, None);
    for (answer, status) in [(&b"+OK ready\r\n"[..], "+OK"), (b"-ERR no such user\r\n", "-ERR")] {
        let (found, _) = exchange(tcp(110, answer));
        assert_eq!((found.status.as_deref(), found.operations.len()), (Some(status), 0));
    }
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
        (143, b"a1 LOGIN {5}\r\n", None),
        (143, b"a1 LOGIN {3+}\r\nbob {6+}\r\nsecret\r\n", None),
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
fn snmp_traps_and_users() {
    let trap =
        b"\x30\x2d\x02\x01\x00\x04\x06public\xa4\x20\x06\x08\x2b\x06\x01\x04\x01\x09\x01\x01\x40\
        \x04\xc0\x00\x02\x01\x02\x01\x06\x02\x01\x01\x43\x01\x05\x30\x00";
    let (found, _) = exchange(udp(162, trap));
    assert_eq!((found.version, found.operations), (some("1"), vec!["trap".to_owned()]));
    assert_eq!(found.argument, some("1.3.6.1.4.1.9.1.1"));
    // Engine, boots, time, user, no keys; then an encrypted message.
    let security = b"\x30\x12\x04\x02\x80\x00\x02\x01\x01\x02\x01\x02\x04\x03bob\x04\x00\x04\x00";
    let mut message =
        b"\x30\x30\x02\x01\x03\x30\x0d\x02\x01\x07\x02\x02\x05\xdc\x04\x01\x03\x02\x01\x03\x04"
            .to_vec();
    message.push(u8::try_from(security.len()).unwrap());
    message.extend(security);
    message.extend([4, 2, 9, 9]);
    let (found, user) = exchange(udp(161, &message));
    assert_eq!((found.version, user.name), (some("3"), some("bob")));
    assert!(found.operations.is_empty());
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
fn others() {
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
        names::answer(),
        [&[0, 120][..], &names::answer()].concat(),
        b"GET /a HTTP/1.1\r\nHost: a\r\nCookie: b=c\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n".to_vec(),
        vec![22, 3, 1, 0, 60, 1, 0, 0, 56, 3, 3],
        b"\xc0\0\0\0\x01\x08\x83\x94\xc8\xf0\x3e\x51\x57\x08\0\0\x40\x40".to_vec(),
        b"\x30\x29\x02\x01\x01\x04\x06public\xa0\x1c\x02\x04".to_vec(),
        b"\x30\x20\x02\x01\x01\x60\x1b\x02\x01\x03\x04\x0ecn=bob".to_vec(),
        b"\x6a\x30\x30\x2e\xa1\x03\x02\x01\x05\xa4\x20\x30\x1e".to_vec(),
        [
            &[0, 0, 0, 90, 0xfe][..],
            b"SMB",
            &[64, 0, 0, 0, 0, 0, 0, 0, 1, 0],
            &accounts::ntlm_message(),
        ]
        .concat(),
        [&[0, 0, 0, 90, 0xff][..], b"SMB\x75", &[0; 40]].concat(),
        [&[1, 1, 6, 0][..], &[0; 232], &[99, 130, 83, 99, 53, 1, 1]].concat(),
        vec![12, 0],
        b"\x10\x1c\0\x04MQTT\x05\xc2\0\x3c\0".to_vec(),
        b"\x03\0\0\x2a\x25\xe0\0\0\0\0\0Cookie: mstshash=".to_vec(),
        b"INVITE sip:b SIP/2.0\r\nTo: <".to_vec(),
        b"a1 LOGIN \"".to_vec(),
        accounts::ntlm_message(),
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
