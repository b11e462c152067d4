//! What is not understood is said, with the place and what to write instead.

use pcap_archiver::query::parse;
use proptest::prelude::*;

/// Expression; message; what the carets stand below, between `[` and `]`; hint.
const MISTAKES: &[(&str, &str, &str, &str)] = &[
    (
        "1.2.3.4",
        "1.2.3.4 does not say what it is",
        "[1.2.3.4]",
        "write host 1.2.3.4, or net 1.2.3.4",
    ),
    ("80", "80 does not say what it is", "[80]", "write port 80"),
    (
        "foo",
        "foo does not say what it is",
        "[foo]",
        "write host foo, port foo, or \"foo\" for text",
    ),
    ("::1", "::1 does not say what it is", "[::1]", "write host ::1, or net ::1"),
    (
        "00:00:5e:00:53:01",
        "00:00:5e:00:53:01 does not say what it is",
        "[00:00:5e:00:53:01]",
        "write ether host 00:00:5e:00:53:01",
    ),
    ("tcp or 80", "80 does not say what it is", "tcp or [80]", "write port 80"),
    ("(port 5) or 6", "6 does not say what it is", "(port 5) or [6]", "write port 6"),
    ("vlan 5 and 6", "6 does not say what it is", "vlan 5 and [6]", "write port 6"),
    ("host 10.0.0.300", "10.0.0.300 is no IPv4 address", "host [10.0.0.300]", ""),
    (
        "host 10.1/16",
        "host has no mask or prefix length: networks have",
        "host [10.1]/16",
        "write net 10.1/…",
    ),
    ("net 10.1/33", "a prefix of this address has 32 bits at most", "net [10.1/33]", ""),
    (
        "net 1.2.3.4/24",
        "1.2.3.4 has bits below the mask",
        "net [1.2.3.4]/24",
        "the network is 1.2.3.0",
    ),
    (
        "net 10.1 mask 255.0.255.0",
        "10.1 has bits below the mask",
        "net [10.1] mask 255.0.255.0",
        "the network is 10.0.0.0",
    ),
    ("net ::1/64", "::1 has bits below the prefix length", "net [::1]/64", "the network is ::"),
    ("net fe80::/129", "a prefix of this address has 128 bits at most", "net [fe80::/129]", ""),
    ("host ::1/64", "host has no prefix length: networks have", "host [::1]/64", "write net ::1/…"),
    (
        "tcp host 1.2.3.4",
        "tcp has no hosts: ip, ip6, arp and rarp have",
        "tcp host [1.2.3.4]",
        "write tcp and host 1.2.3.4",
    ),
    (
        "decnet host 10.15",
        "addresses of DECnet are not looked at",
        "decnet host [10.15]",
        "write decnet for its packets",
    ),
    ("ip host ::1", "::1 is no address of ip", "ip host [::1]", ""),
    ("arp host ::1", "::1 is no address of arp", "arp host [::1]", ""),
    ("ip6 host 1.2.3.4", "1.2.3.4 is no address of ip6", "ip6 host [1.2.3.4]", ""),
    (
        "host 00:00:5e:00:53:01",
        "00:00:5e:00:53:01 is an Ethernet address",
        "host [00:00:5e:00:53:01]",
        "write ether host 00:00:5e:00:53:01",
    ),
    (
        "ether host 1.2.3.4",
        "1.2.3.4 is no address of the link layer",
        "ether host [1.2.3.4]",
        "write ether host 00:00:5e:00:53:23",
    ),
    ("port 99999", "99999 is no port: ports end at 65535", "port [99999]", ""),
    (
        "port nosuchservice",
        "nosuchservice is no service that IANA knows",
        "port [nosuchservice]",
        "",
    ),
    (
        "icmp port 5",
        "icmp has no ports: tcp, udp and sctp have",
        "icmp port [5]",
        "write icmp and port 5",
    ),
    ("port 1.2.3.4", "1.2.3.4 is an address, and no port", "port [1.2.3.4]", ""),
    ("port ::1", "::1 is an address, and no port", "port [::1]", ""),
    ("tcp port bootps", "bootps is no service of tcp", "tcp port [bootps]", ""),
    (
        "portrange 1 - 5",
        "a range of ports is written without spaces",
        "portrange [1] - 5",
        "write portrange 1-…",
    ),
    ("portrange a-b", "a-b is no range of ports", "portrange [a-b]", "write portrange 6000-6008"),
    (
        "net myoffice",
        "myoffice is no network: networks have no names here",
        "net [myoffice]",
        "write net 192.0.2.0/24",
    ),
    ("proto nosuch", "nosuch is no protocol that is known here", "proto [nosuch]", ""),
    (
        "tcp proto 5",
        "tcp does not number what it carries",
        "tcp proto [5]",
        "ether, ip, ip6, iso and isis do",
    ),
    (
        "proto tcp",
        "expected a value of proto, found the word tcp",
        "proto [tcp]",
        "the name is written proto \\tcp",
    ),
    ("ether proto nosuch", "nosuch is no protocol that is known here", "ether proto [nosuch]", ""),
    ("any ether proto 5", "any goes with what IP carries only", "any ether proto [5]", ""),
    ("iso protochain 5", "only ip and ip6 have a chain of headers", "iso protochain [5]", ""),
    (
        "gateway foo",
        "gateway has no meaning here: an archive knows no host's Ethernet address",
        "[gateway] foo",
        "write ether host 00:00:5e:00:53:23 and not host 192.0.2.1",
    ),
    (
        "src gateway foo",
        "gateway has no meaning here: an archive knows no host's Ethernet address",
        "src [gateway] foo",
        "write ether host 00:00:5e:00:53:23 and not host 192.0.2.1",
    ),
    (
        "dst proto 5",
        "expected a value of host, found the word proto",
        "dst [proto] 5",
        "the name is written host \\proto",
    ),
    (
        "tcp broadcast",
        "tcp has no broadcast",
        "tcp [broadcast]",
        "write ether broadcast, or ip broadcast",
    ),
    (
        "ip6 broadcast",
        "ip6 has no broadcast",
        "ip6 [broadcast]",
        "write ether broadcast, or ip broadcast",
    ),
    (
        "ether",
        "ether is no condition by itself",
        "[ether]",
        "write ether[0] = 1, or ether host 00:00:5e:00:53:23",
    ),
    (
        "link and tcp",
        "link is no condition by itself",
        "[link] and tcp",
        "write link[0] = 1, or ether host 00:00:5e:00:53:23",
    ),
    (
        "radio",
        "radio is no condition by itself",
        "[radio]",
        "write radio[0] = 1, or ether host 00:00:5e:00:53:23",
    ),
    ("tcp = 5", "expected and, or, or the end, found =", "tcp [=] 5", ""),
    ("tcp[13", "[ is not closed", "tcp[[]13", ""),
    ("tcp[13] & 2", "expected a comparison such as = or >, found the end", "tcp[13] & 2[]", ""),
    ("tcp[1:3] = 1", "expected a size of 1, 2 or 4 bytes, found 3", "tcp[1:[3]] = 1", ""),
    ("esp[0] = 1", "esp has no bytes of its own to look at", "[esp][0] = 1", ""),
    ("len / 0 = 1", "a division by zero", "len [/] 0 = 1", ""),
    (
        "len << 32 = 1",
        "numbers have 32 bits: a shift by more than 31 leaves nothing",
        "len [<<] 32 = 1",
        "",
    ),
    ("len = 4294967296", "4294967296 is too large: numbers have 32 bits", "len = [4294967296]", ""),
    ("port 089", "089 is no number: a zero in front makes it octal", "port [089]", ""),
    ("tcp and", "expected a condition, found the end", "tcp and[]", ""),
    ("and tcp", "expected a condition, found and", "[and] tcp", ""),
    ("tcp udp", "expected and, or, or the end, found udp", "tcp [udp]", ""),
    ("(tcp", "( is not closed", "[(]tcp", ""),
    ("tcp)", "expected and, or, or the end, found )", "tcp[)]", ""),
    ("()", "expected a condition, found )", "([)]", ""),
    ("TCP", "TCP is not known", "[TCP]", "words are in lower case: tcp"),
    ("tcp AND udp", "expected and, or, or the end, found AND", "tcp [AND] udp", "write and"),
    ("port", "expected a port, found the end", "port[]", ""),
    ("host", "expected an address, found the end", "host[]", ""),
    ("less", "expected a length in bytes, found the end", "less[]", ""),
    ("vlan 5000", "5000 is larger than a VLAN id can be: 4095", "vlan [5000]", ""),
    ("mpls 1048576", "1048576 is larger than an MPLS label can be: 1048575", "mpls [1048576]", ""),
    (
        "geneve 16777216",
        "16777216 is larger than a Geneve network can be: 16777215",
        "geneve [16777216]",
        "",
    ),
    ("type foo", "expected a type of frame: mgt, ctl or data, found foo", "type [foo]", ""),
    (
        "type mgt subtype rts",
        "expected a subtype of this type, found rts",
        "type mgt subtype [rts]",
        "",
    ),
    ("dir up", "expected nods, tods, fromds or dstods, found up", "dir [up]", ""),
    (
        "llc foo",
        "foo is no kind of LLC frame",
        "llc [foo]",
        "known are i s u rr rnr rej ui ua disc dm sabme test xid frmr",
    ),
    (
        "rset x",
        "rset has no meaning here: it is for logs of the packet filter of BSD",
        "[rset] x",
        "",
    ),
    ("vpi 5", "vpi has no meaning here: it is for ATM captures of SunOS", "[vpi] 5", ""),
    ("sio 3", "sio has no meaning here: it is for captures of SS7 links", "[sio] 3", ""),
    ("lane", "lane has no meaning here: it is for ATM captures of SunOS", "[lane]", ""),
    (
        "6-2-1 = len",
        "6-2-1 does not say what it is",
        "[6-2-1] = len",
        "put spaces around the minus to subtract",
    ),
    ("host 1:2:3", "1:2:3 is neither an IPv6 nor an Ethernet address", "host [1:2:3]", ""),
    ("byte 0 & 1", "byte knows no &", "byte 0 [&] 1", "write ether[0] & 1 != 0"),
    (
        "wlan addr5 00:00:5e:00:53:01",
        "wlan is no condition by itself",
        "[wlan] addr5 00:00:5e:00:53:01",
        "write wlan[0] = 1, or ether host 00:00:5e:00:53:23",
    ),
    (
        "addr1 host 1.2.3.4",
        "addr1 to addr4, ra and ta are for addresses of 802.11 frames",
        "addr1 host [1.2.3.4]",
        "",
    ),
    (
        "outer 1.2.3.4",
        "expected a protocol, host, net, port or portrange, found 1.2.3.4",
        "outer [1.2.3.4]",
        "write outer host 192.0.2.1",
    ),
    (
        "outer len > 5",
        "expected a protocol, host, net, port or portrange, found len",
        "outer [len] > 5",
        "write outer host 192.0.2.1",
    ),
    ("any stp", "stp is looked for in the outermost packet only", "any [stp]", ""),
    (
        "dns",
        "dns does not say what it is",
        "[dns]",
        "write network.protocol:dns, port dns, or \"dns\" for text",
    ),
    ("host and tcp", "expected an address, found and", "host [and] tcp", ""),
    ("'GET'", "\"'\" means nothing here", "[']GET'", "text stands in double quotes"),
    ("\"abc", "the quotes are not closed", "[\"]abc", "a quote within text is written \\\""),
    ("\"\"", "an empty text is in every packet", "[\"\"]", ""),
    (
        "\"a\\q\"",
        "this escape is not known",
        "\"a[\\q]\"",
        "known are \\\" \\\\ \\n \\r \\t \\0 \\u{e9}; hex:0d0a finds any bytes",
    ),
    (
        "/abc",
        "the regular expression is not closed",
        "[/]abc",
        "it ends with a slash; a slash within is written \\/",
    ),
    ("/(/", "the regular expression is not understood: unclosed group", "[/(/]", ""),
    ("//", "an empty expression is in every packet", "[//]", ""),
    ("hex:0d0", "expected bytes of two hexadecimal digits", "hex:[0d0]", "write hex:0d0a"),
    ("hex:", "expected bytes of two hexadecimal digits", "hex:[]", "write hex:0d0a"),
    ("hex:0g", "expected bytes of two hexadecimal digits", "hex:[0g]", "write hex:0d0a"),
    ("file:", "expected the name of a file", "file:[]", ""),
    ("capture:12", "expected a fingerprint of 32 hexadecimal digits", "capture:[12]", ""),
    ("id:12", "expected a packet's id of 22 characters", "id:[12]", ""),
    (
        "no.such.field:5",
        "no field is named no.such.field",
        "[no.such.field]:5",
        "the README lists all fields",
    ),
    (
        "destination.prt:53",
        "no field is named destination.prt",
        "[destination.prt]:53",
        "there is destination.ip, destination.mac, destination.port",
    ),
    ("port:80", "no field is named port", "[port]:80", "port is written without a colon"),
    (
        "source.ip:foo",
        "foo is no value of source.ip",
        "source.ip:[foo]",
        "its values are addresses, such as 192.0.2.1; 192.0.2.0/24 is a network of them",
    ),
    (
        "source.ip:10.*",
        "stars are for text, and source.ip is none",
        "source.ip:[10.*]",
        "write a network: source.ip:10.0.0.0/8",
    ),
    (
        "source.ip:10.0.0.0/40",
        "10.0.0.0/40 is no value of source.ip",
        "source.ip:[10.0.0.0/40]",
        "its values are addresses, such as 192.0.2.1; 192.0.2.0/24 is a network of them",
    ),
    (
        "source.port:http",
        "http is no value of source.port",
        "source.port:[http]",
        "its values are numbers",
    ),
    ("source.port>x", "x is no value of source.port", "source.port>[x]", "its values are numbers"),
    ("source.port:[5 to 1]", "the range ends before it begins", "source.port:[[5 to 1]]", ""),
    (
        "source.port:[1 5]",
        "expected to and the end of the range",
        "source.port:[1 []5]",
        "write source.port:[1 to 5]",
    ),
    ("source.port:[1 to 5", "the range is not closed", "source.port:[[]1 to 5", ""),
    (
        "file.name>a",
        "file.name has no order: it is no number, time or address",
        "file.name>[a]",
        "file.name:VALUE compares, also with stars",
    ),
    (
        "packet.fragment:yes",
        "yes is no value of packet.fragment",
        "packet.fragment:[yes]",
        "its values are true and false",
    ),
    (
        "@timestamp:yesterday",
        "yesterday is no value of @timestamp",
        "@timestamp:[yesterday]",
        "its values are times, such as 2026-11-23T10:00:00Z or 2026-11-23",
    ),
    (
        "packet.data:5",
        "packet.data holds bytes, which have no value to compare",
        "[packet.data]:5",
        "\"text\", /regex/ and hex:0d0a look into the packet",
    ),
    ("dns.question.name:", "expected a value", "dns.question.name:[]", ""),
    (
        "host (1.2.3.4 and tcp)",
        "expected another value, found tcp",
        "host (1.2.3.4 and [tcp])",
        "in parentheses that begin with a value, all are values",
    ),
    (
        "host 1.2.3.4 and (5.6.7.8 or tcp)",
        "expected another value, found tcp",
        "host 1.2.3.4 and (5.6.7.8 or [tcp])",
        "in parentheses that begin with a value, all are values",
    ),
    ("not", "expected a condition, found the end", "not[]", ""),
    ("!!", "expected a condition, found the end", "!![]", ""),
    ("tcp & udp", "expected and, or, or the end, found &", "tcp [&] udp", ""),
    ("ip[0] = 1 = 2", "expected and, or, or the end, found =", "ip[0] = 1 [=] 2", ""),
    ("tcp; udp", "\";\" means nothing here", "tcp[;] udp", ""),
    ("host a@b", "a@b is no name", "host [a@b]", "text stands in double quotes"),
];

#[test]
fn every_mistake_has_its_message_place_and_hint() {
    assert!(MISTAKES.len() >= 60);
    let mut wrong = Vec::new();
    for (text, message, place, hint) in MISTAKES {
        let found = match parse(text) {
            Ok(filter) => format!("{text:?} is understood as {filter}"),
            Err(error) => {
                let end = error.offset + error.length;
                let marked = format!(
                    "{}[{}]{}",
                    &text[..error.offset],
                    &text[error.offset..end],
                    &text[end..]
                );
                let hint = error.hint.clone().unwrap_or_default();
                format!("({text:?}, {:?}, {marked:?}, {hint:?}),", error.message)
            }
        };
        if found != format!("({text:?}, {message:?}, {place:?}, {hint:?}),") {
            wrong.push(found);
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Whatever the depth, the stack is enough, and it is said where it is too deep.
#[test]
fn nothing_nests_without_end() {
    const MANY: usize = 50_000;
    let repeated = |part: &str, end: &str| format!("{}{end}", part.repeat(MANY));
    for text in [
        repeated("(", "tcp"),
        repeated("not ", "tcp"),
        repeated("! ( ", "tcp"),
        repeated("-", "1 = 1"),
        repeated("(", "1 = 1"),
        repeated("ip[", "0"),
        repeated("1 + ", "1 = 1"),
        repeated("1 % ", "1 = 1"),
        repeated("tcp and udp or ", "ip"),
        format!("port 80 and {}80", "(".repeat(MANY)),
    ] {
        let error = parse(&text).expect_err("too deep");
        assert_eq!(error.message, "nested more than 128 levels deep", "{}", &text[..20]);
    }
    let flat = format!("{}tcp", "tcp or ".repeat(MANY));
    let filter = parse(&flat).expect("one list");
    assert_eq!(parse(&filter.to_string()), Ok(filter));
    let deep = format!("{}tcp{}", "not (tcp and ".repeat(60), ")".repeat(60));
    let filter = parse(&deep).expect("not too deep");
    assert_eq!(parse(&filter.to_string()), Ok(filter));
}

/// What expressions are made of, and what they are not.
const PIECES: &[&str] = &[
    "and",
    "or",
    "not",
    "!",
    "&&",
    "||",
    "(",
    ")",
    "[",
    "]",
    ":",
    "::",
    ",",
    "*",
    "+",
    "-",
    "/",
    "%",
    "^",
    "|",
    "&",
    "<<",
    ">>",
    "=",
    "==",
    "!=",
    "<=",
    ">=",
    "<",
    ">",
    "host",
    "net",
    "mask",
    "port",
    "portrange",
    "src",
    "dst",
    "ether",
    "wlan",
    "addr1",
    "type",
    "subtype",
    "mgt",
    "dir",
    "ip",
    "ip6",
    "arp",
    "rarp",
    "tcp",
    "udp",
    "sctp",
    "icmp",
    "icmp6",
    "proto",
    "protochain",
    "vlan",
    "mpls",
    "pppoes",
    "geneve",
    "broadcast",
    "multicast",
    "less",
    "greater",
    "len",
    "gateway",
    "inbound",
    "ifindex",
    "outer",
    "any",
    "all",
    "none",
    "tcp[tcpflags]",
    "tcp-syn",
    "icmp-echo",
    "file:",
    "id:",
    "capture:",
    "hex:",
    "hex:0d0a",
    "source.ip",
    "source.port",
    "dns.question.name",
    "@timestamp",
    "http.response.status_code",
    "url.path",
    "10.0.0.1",
    "10.0.0.0/8",
    "2001:db8::1",
    "::1",
    "::",
    "00:00:5e:00:53:01",
    "80",
    "0x50",
    "65536",
    "4294967296",
    "80-90",
    "http",
    "https",
    "\"a b\"",
    "\"a\"i",
    "\"",
    "/x/",
    "/x/i",
    "/(/",
    "\\",
    "é",
    "\u{0}",
    "1h",
    "2020-01-01",
    "[1 to 2]",
    "a*",
    "*.example.com",
    "example.com",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    /// Any text is understood or refused; what is understood can be written down and read again.
    #[test]
    fn any_text_has_one_meaning_or_a_mistake(
        pieces in prop::collection::vec((prop::sample::select(PIECES), 0..4_u8), 1..12),
        noise in prop::option::weighted(0.1, any::<String>()),
    ) {
        let mut text = noise.unwrap_or_default();
        for (piece, gap) in pieces {
            text += if gap == 0 { "" } else { " " };
            text += piece;
        }
        match parse(&text) {
            Ok(filter) => {
                let written = filter.to_string();
                prop_assert_eq!(parse(&written), Ok(filter), "{:?}: {}", text, written);
            }
            Err(error) => prop_assert!(!error.message.is_empty() && !error.caret().is_empty()),
        }
    }
}
