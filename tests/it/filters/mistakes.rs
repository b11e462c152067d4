//! What is not understood is said, with the place and what to write instead.

use pcap_archiver::query::parse;

use crate::support::Sandbox;

/// Expression; message; what the carets stand below, between `[` and `]`; hint.
const MISTAKES: &[(&str, &str, &str, &str)] = &[
    ("1.2.3.4", "", "", ""),
    ("80", "", "", ""),
    ("foo", "", "", ""),
    ("::1", "", "", ""),
    ("00:00:5e:00:53:01", "", "", ""),
    ("tcp or 80", "", "", ""),
    ("(port 5) or 6", "", "", ""),
    ("vlan 5 and 6", "", "", ""),
    ("host 10.0.0.300", "", "", ""),
    ("host 10.1/16", "", "", ""),
    ("net 10.1/33", "", "", ""),
    ("net 1.2.3.4/24", "", "", ""),
    ("net 10.1 mask 255.0.255.0", "", "", ""),
    ("net ::1/64", "", "", ""),
    ("net fe80::/129", "", "", ""),
    ("host ::1/64", "", "", ""),
    ("tcp host 1.2.3.4", "", "", ""),
    ("ip host ::1", "", "", ""),
    ("arp host ::1", "", "", ""),
    ("ip6 host 1.2.3.4", "", "", ""),
    ("host 00:00:5e:00:53:01", "", "", ""),
    ("ether host 1.2.3.4", "", "", ""),
    ("port 99999", "", "", ""),
    ("port nosuchservice", "", "", ""),
    ("icmp port 5", "", "", ""),
    ("port 1.2.3.4", "", "", ""),
    ("port ::1", "", "", ""),
    ("tcp port bootps", "", "", ""),
    ("portrange 1 - 5", "", "", ""),
    ("portrange a-b", "", "", ""),
    ("net myoffice", "", "", ""),
    ("proto nosuch", "", "", ""),
    ("tcp proto 5", "", "", ""),
    ("proto tcp", "", "", ""),
    ("ether proto nosuch", "", "", ""),
    ("any ether proto 5", "", "", ""),
    ("iso protochain 5", "", "", ""),
    ("gateway foo", "", "", ""),
    ("src gateway foo", "", "", ""),
    ("dst proto 5", "", "", ""),
    ("tcp broadcast", "", "", ""),
    ("ip6 broadcast", "", "", ""),
    ("ether", "", "", ""),
    ("link and tcp", "", "", ""),
    ("radio", "", "", ""),
    ("tcp = 5", "", "", ""),
    ("tcp[13", "", "", ""),
    ("tcp[13] & 2", "", "", ""),
    ("tcp[1:3] = 1", "", "", ""),
    ("esp[0] = 1", "", "", ""),
    ("len / 0 = 1", "", "", ""),
    ("len << 32 = 1", "", "", ""),
    ("len = 4294967296", "", "", ""),
    ("port 089", "", "", ""),
    ("tcp and", "", "", ""),
    ("and tcp", "", "", ""),
    ("tcp udp", "", "", ""),
    ("(tcp", "", "", ""),
    ("tcp)", "", "", ""),
    ("()", "", "", ""),
    ("TCP", "", "", ""),
    ("tcp AND udp", "", "", ""),
    ("port", "", "", ""),
    ("host", "", "", ""),
    ("less", "", "", ""),
    ("vlan 5000", "", "", ""),
    ("mpls 1048576", "", "", ""),
    ("geneve 16777216", "", "", ""),
    ("type foo", "", "", ""),
    ("type mgt subtype rts", "", "", ""),
    ("dir up", "", "", ""),
    ("llc foo", "", "", ""),
    ("rset x", "", "", ""),
    ("vpi 5", "", "", ""),
    ("sio 3", "", "", ""),
    ("lane", "", "", ""),
    ("6-2-1 = len", "", "", ""),
    ("host 1:2:3", "", "", ""),
    ("byte 0 & 1", "", "", ""),
    ("wlan addr5 00:00:5e:00:53:01", "", "", ""),
    ("addr1 host 1.2.3.4", "", "", ""),
    ("outer 1.2.3.4", "", "", ""),
    ("outer len > 5", "", "", ""),
    ("any stp", "", "", ""),
    ("dns", "", "", ""),
    ("host and tcp", "", "", ""),
    ("'GET'", "", "", ""),
    ("\"abc", "", "", ""),
    ("\"\"", "", "", ""),
    ("\"a\\q\"", "", "", ""),
    ("/abc", "", "", ""),
    ("/(/", "", "", ""),
    ("//", "", "", ""),
    ("hex:0d0", "", "", ""),
    ("hex:", "", "", ""),
    ("hex:0g", "", "", ""),
    ("file:", "", "", ""),
    ("capture:12", "", "", ""),
    ("id:12", "", "", ""),
    ("no.such.field:5", "", "", ""),
    ("destination.prt:53", "", "", ""),
    ("port:80", "", "", ""),
    ("source.ip:foo", "", "", ""),
    ("source.ip:10.*", "", "", ""),
    ("source.ip:10.0.0.0/40", "", "", ""),
    ("source.port:http", "", "", ""),
    ("source.port>x", "", "", ""),
    ("source.port:[5 to 1]", "", "", ""),
    ("source.port:[1 5]", "", "", ""),
    ("source.port:[1 to 5", "", "", ""),
    ("file.name>a", "", "", ""),
    ("packet.fragment:yes", "", "", ""),
    ("@timestamp:yesterday", "", "", ""),
    ("packet.data:5", "", "", ""),
    ("dns.question.name:", "", "", ""),
    ("host (1.2.3.4 and tcp)", "", "", ""),
    ("host 1.2.3.4 and (5.6.7.8 or tcp)", "", "", ""),
    ("not", "", "", ""),
    ("!!", "", "", ""),
    ("tcp & udp", "", "", ""),
    ("ip[0] = 1 = 2", "", "", ""),
    ("tcp; udp", "", "", ""),
    ("host a@b", "", "", ""),
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
