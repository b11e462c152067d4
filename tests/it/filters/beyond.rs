//! What goes beyond tcpdump's language: tags and tunnels are looked through, fields, payload,
//! names that the archive knows, and the flags of the command line.

use std::collections::BTreeSet;

use pcap_archiver::packet::PacketRecord;
use tempfile::TempDir;

use super::differential::{all_corpora, only, selected_by_matches, selected_by_tcpdump};
use crate::decoding::frames;
use crate::support::expressions::Corpus;
use crate::support::{Pcap, Sandbox, conversations};

/// What a plain expression means on tagged frames, and how tcpdump has to be asked for it.
const TAGGED: &[(&str, &str)] = &[
    ("ip", "ip or (vlan and ip) or (vlan and ip)"),
    (
        "outer host 10.1.1.1",
        "host 10.1.1.1 or (vlan and host 10.1.1.1) or (vlan and host 10.1.1.1)",
    ),
    (
        "outer udp port 40002",
        "udp port 40002 or (vlan and udp port 40002) or (vlan and udp port 40002)",
    ),
    ("vlan", "vlan"),
    ("vlan 100", "vlan 100"),
    ("vlan 7 and ip", "vlan 7 and ip"),
    ("vlan 100 and vlan 200 and ip6", "vlan 100 and vlan 200 and ip6"),
    ("vlan and vlan", "vlan and vlan"),
    ("vlan 100 or vlan 200", "vlan 100 or vlan 200"),
    ("not vlan", "not vlan"),
    ("ether proto 0x8100", "ether proto 0x8100"),
    ("ether[12:2] = 0x8100", "ether[12:2] = 0x8100"),
    ("mpls", "mpls"),
    ("mpls and mpls", "mpls and mpls"),
    ("pppoed", "pppoed"),
    ("pppoes", "pppoes"),
    ("pppoes and ip", "pppoes and ip"),
    ("pppoes 0x1122 and ip6", "pppoes 0x1122 and ip6"),
    ("pppoes and tcp port 80 or udp", "pppoes and tcp port 80 or udp"),
];

/// With at most two VLAN tags and no labels, or without any tag.
fn ethernet(corpora: &[Corpus], wanted: impl Fn(&PacketRecord) -> bool) -> Corpus {
    let mut kept = only(corpora, |record| record.stored.packet.link_type.0 == 1 && wanted(record));
    kept.remove(0)
}

#[test]
fn tags_are_looked_through() {
    let folder = TempDir::new().unwrap();
    let corpora = all_corpora(folder.path());
    let file = folder.path().join("tagged.pcap");
    let is_simple = |record: &PacketRecord| {
        let layers = &record.layers;
        layers.vlan_ids.len() <= 2 && layers.networks.len() < 2 && layers.tunnels.is_empty()
    };
    for (expression, asked) in TAGGED {
        let about_tags = expression.starts_with("ip") || expression.starts_with("outer");
        let about_pppoe = expression.starts_with("pppoe");
        let corpus = ethernet(&corpora, |record| {
            let has = |names: &[&str]| record.layers.names.iter().any(|name| names.contains(name));
            if about_pppoe {
                return has(&["pppoe", "pppoed"]);
            }
            is_simple(record) && !(about_tags && has(&["mpls", "pppoe", "macsec", "pbb", "snap"]))
        });
        corpus.write(&file);
        let expected = selected_by_tcpdump(&file, &["-O"], asked).unwrap();
        assert!(!expected.is_empty(), "{asked}");
        let found = selected_by_matches(&corpus, expression);
        let other = found.symmetric_difference(&expected).next().map(|frame| {
            let record = &corpus.records[usize::try_from(*frame).unwrap() - 1];
            (&record.layers, &record.stored.packet.data)
        });
        assert_eq!(found, expected, "{expression}: {other:02x?}");
    }
}

#[test]
fn labels_are_looked_through() {
    let folder = TempDir::new().unwrap();
    let corpora = all_corpora(folder.path());
    let labelled = ethernet(&corpora, |record| {
        record.layers.mpls_labels.len() == 1
            && record.stored.packet.data.get(12..14) == Some(&[0x88, 0x47])
    });
    let file = folder.path().join("labelled.pcap");
    labelled.write(&file);
    for (expression, asked) in [
        ("ip", "mpls and ip"),
        ("ip6", "mpls and ip6"),
        ("outer net 0.0.0.0/0", "mpls and net 0.0.0.0/0"),
        ("outer port 40002", "mpls and port 40002"),
        ("icmp or udp", "mpls and (icmp or udp)"),
        ("ip[8] > 1", "mpls and ip[8] > 1"),
    ] {
        let expected = selected_by_tcpdump(&file, &["-O"], asked).unwrap();
        assert_eq!(selected_by_matches(&labelled, expression), expected, "{expression}");
    }
    assert!(!selected_by_matches(&labelled, "ip").is_empty());
}

/// `outer` is tcpdump's own `host`; without it, packets in tunnels are found too.
#[test]
fn tunnels_are_looked_into() {
    let folder = TempDir::new().unwrap();
    let corpora = all_corpora(folder.path());
    let tunnelled = ethernet(&corpora, |record| {
        !record.layers.tunnels.is_empty()
            && record.layers.vlan_ids.is_empty()
            && record.layers.mpls_labels.is_empty()
    });
    let file = folder.path().join("tunnelled.pcap");
    tunnelled.write(&file);
    let select = |expression: &str| selected_by_matches(&tunnelled, expression);
    for word in ["host 10.1.1.1", "net 192.0.2.0/24", "port 4789", "src portrange 1-65535"] {
        let outside = selected_by_tcpdump(&file, &[], word).unwrap();
        assert_eq!(select(&format!("outer {word}")), outside, "{word}");
        let inside: BTreeSet<u64> = tunnelled
            .records
            .iter()
            .filter(|record| {
                word != "host 10.1.1.1" || {
                    let host = "10.1.1.1".parse::<std::net::IpAddr>().unwrap();
                    record.layers.networks.iter().any(|n| n.source == host || n.destination == host)
                }
            })
            .map(|record| record.stored.origin.frame)
            .collect();
        assert!(select(word).is_superset(&outside), "{word}");
        assert!(select(word).is_subset(&inside), "{word}");
    }
    assert!(select("host 10.1.1.1").len() > select("outer host 10.1.1.1").len());
    assert!(select("any udp").len() > select("udp").len());
    assert!(select("port 40002").len() > select("outer port 40002").len());
}

#[test]
fn the_flag_goes_with_words_and_all_of_them_hold() {
    let sandbox = Sandbox::embedded();
    sandbox.file("conversations.pcap", &conversations());
    sandbox.ok(&["ingest", "conversations.pcap"]);
    let count = |arguments: &[&str]| -> u32 {
        sandbox.ok(&[&["fetch", "--count"], arguments].concat()).trim().parse().unwrap()
    };
    assert_eq!(count(&["-f", "udp dst port 53 or tcp dst port 80"]), 80);
    assert_eq!(count(&["-f", "udp dst port 53 or tcp dst port 80", "192.168.99.100"]), 53);
    assert_eq!(count(&["-f", "udp", "-f", "src host 8.8.8.8", "--string", "answer"]), 40);
    assert_eq!(count(&["--filter", "\"GET /\" and destination.port:80"]), 40);
    assert_eq!(count(&["--string", "user-agent: MOZILLA", "--ignore-case"]), 40);
    assert_eq!(count(&["--string", "user-agent: MOZILLA"]), 0);
    assert_eq!(count(&["MOZILLA/5.0", "--ignore-case"]), 40);
    assert_eq!(count(&["-f", "/^.*user-agent: m/i"]), 0, "the dot ends at a line");
    assert_eq!(count(&["-f", "/(?s)user-agent.*5\\.0/i"]), 40);
    assert_eq!(count(&["-f", ""]), 200);
}

#[test]
fn text_is_found_in_utf_16_too() {
    let sandbox = Sandbox::embedded();
    let utf16: Vec<u8> = "\\\\Sérver\\C$".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let file = Pcap::new(147)
        .packet(1, 0, &utf16)
        .packet(2, 0, "\\\\Sérver\\C$".as_bytes())
        .packet(3, 0, b"nothing")
        .bytes();
    sandbox.file("text.pcap", &file);
    sandbox.ok(&["ingest", "text.pcap"]);
    let count = |arguments: &[&str]| sandbox.ok(&[&["fetch", "--count"], arguments].concat());
    assert_eq!(count(&["--string", "Sérver\\C$"]), "2\n");
    assert_eq!(count(&["--string", "sÉRVER\\c$", "--ignore-case"]), "2\n");
    assert_eq!(count(&["-f", "\"S\\u{e9}rver\""]), "2\n");
    assert_eq!(count(&["-f", "hex:53c3a9"]), "1\n");
}

/// Only the archive's own DNS answers tell the address of a name.
#[test]
fn a_host_is_known_by_the_name_that_the_archive_saw_resolved() {
    let sandbox = Sandbox::embedded();
    sandbox.file("applications.pcap", &applications());
    sandbox.ok(&["ingest", "applications.pcap"]);
    let answers =
        sandbox.ok(&["fetch", "--json", "-f", "dns.resolved_ip:* and dns.question.name:*"]);
    let answer: serde_json::Value = serde_json::from_str(answers.lines().next().unwrap()).unwrap();
    let name = answer["dns"]["question"]["name"].as_str().unwrap().to_ascii_uppercase();
    let addresses: Vec<String> = answers
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|line| {
            line["dns"]["question"]["name"].as_str().unwrap().eq_ignore_ascii_case(&name)
        })
        .flat_map(|line| line["dns"]["resolved_ip"].as_array().unwrap().clone())
        .map(|address| format!("host {}", address.as_str().unwrap()))
        .collect();
    let by_name = sandbox.ok(&["fetch", "--list", "-f", &format!("host {name}")]);
    assert_eq!(by_name, sandbox.ok(&["fetch", "--list", "-f", &addresses.join(" or ")]));
    let unknown = sandbox.run(&["fetch", "--count", "-f", "host nobody.example"]);
    assert_eq!((unknown.code, unknown.stdout.as_slice()), (Some(0), b"0\n".as_slice()));
    let warning = "warning: no DNS answer in the archive tells an address of nobody.example\n";
    assert!(unknown.stderr.starts_with(warning), "{unknown}");
}

fn applications() -> Vec<u8> {
    let captures = frames::joined_captures();
    captures.into_iter().find(|(name, _)| name == "applications.pcap").unwrap().1
}

#[test]
fn a_mistake_is_shown_with_its_place() {
    let sandbox = Sandbox::embedded();
    let run = sandbox.run(&["fetch", "-f", "tcp and host 10.0.0.300"]);
    assert_eq!(run.code, Some(2));
    assert_eq!(
        run.stderr,
        "error: 10.0.0.300 is no IPv4 address\n\
         tcp and host 10.0.0.300\n             \
         ^^^^^^^^^^\n"
    );
    let run = sandbox.run(&["fetch", "-f", "1.2.3.4"]);
    assert_eq!(
        run.stderr,
        "error: 1.2.3.4 does not say what it is\n1.2.3.4\n^^^^^^^\n\
         hint: write host 1.2.3.4, or net 1.2.3.4\n"
    );
}

#[test]
fn services_have_names_both_ways() {
    let sandbox = Sandbox::embedded();
    sandbox.file("conversations.pcap", &conversations());
    sandbox.ok(&["ingest", "conversations.pcap"]);
    let by_name = ["fetch", "--list", "--resolve-ports", "-f", "udp dst port domain"];
    let listed = sandbox.ok(&by_name);
    assert_eq!(listed.lines().count(), 40);
    assert!(listed.lines().all(|line| line.contains(" > 8.8.8.8:domain udp ")), "{listed}");
    let numbers = sandbox.ok(&["fetch", "--list", "-f", "udp dst port 53"]);
    assert_eq!(numbers, listed.replace(":domain", ":53"));
    let https = sandbox.ok(&["fetch", "--list", "--resolve-ports", "-f", "ip6 and tcp port https"]);
    assert!(https.lines().all(|line| line.contains("[2001:db8::5]:https > ")), "{https}");
}
