//! Hosts are found wherever they stand in a packet: in tunnels, behind tags, in ARP.

use crate::decoding::frames::{self, INSIDE, INSIDE_V6, OUTSIDE};
use crate::support::{Sandbox, read_all};

/// What [`frames`] makes, a host in it that is not the outermost, and its frames that have it:
/// all of the kind, but for answers, echoes, what is encrypted and the other version of IP.
const INNER: &[(&str, &str, &[u64])] = &[
    ("vxlan.pcap", INSIDE[0], &[1, 2, 3]),
    ("vxlan-gpe.pcap", INSIDE[0], &[1]),
    ("gre.pcap", INSIDE[1], &[1, 3, 4, 5, 6]),
    ("gre.pcap", INSIDE_V6[1], &[2]),
    ("gre-in-udp.pcap", INSIDE[1], &[1]),
    ("gre-ethernet.pcap", INSIDE[1], &[1]),
    ("nvgre.pcap", INSIDE[0], &[1]),
    ("pptp.pcap", INSIDE[0], &[1]),
    ("erspan.pcap", INSIDE[1], &[1, 2, 3]),
    ("gtp.pcap", INSIDE[0], &[1]),
    ("gtp.pcap", INSIDE_V6[1], &[2]),
    ("geneve.pcap", INSIDE[0], &[1, 2]),
    ("pim-register.pcap", INSIDE[0], &[1, 2]),
    ("ipip.pcap", INSIDE[0], &[1]),
    ("6in4.pcap", INSIDE_V6[0], &[1]),
    ("6in6.pcap", INSIDE_V6[0], &[1]),
    ("etherip.pcap", INSIDE[0], &[1]),
    ("mpls-in-udp.pcap", INSIDE[0], &[1]),
    ("4in6.pcap", INSIDE[0], &[1]),
    ("teredo.pcap", INSIDE_V6[0], &[1, 2, 3]),
    ("l2tp.pcap", INSIDE[0], &[1, 2, 4, 5]),
    ("nested.pcap", INSIDE_V6[0], &[1]),
    ("vntag.pcap", INSIDE[0], &[1]),
    ("qinq.pcap", INSIDE_V6[0], &[1]),
    ("qinq-deep.pcap", INSIDE[0], &[1]),
    ("mpls.pcap", INSIDE[1], &[1, 3]),
    ("pseudowire.pcap", INSIDE[1], &[1]),
    ("mpls.pcap", INSIDE_V6[1], &[2]),
    ("pppoe.pcap", INSIDE_V6[1], &[3]),
    ("pppoe.pcap", INSIDE[0], &[2]),
    ("pbb.pcap", INSIDE[0], &[1]),
    ("macsec.pcap", INSIDE[0], &[1]),
    ("snap.pcap", INSIDE[0], &[1]),
    ("arp.pcap", INSIDE[1], &[1, 2]),
    ("rarp.pcap", INSIDE[0], &[1]),
    ("link-127-radiotap.pcap", INSIDE[0], &[1, 2, 3]),
    ("link-105-wlan.pcap", INSIDE[0], &[1, 2, 3, 4, 5, 6, 7]),
    ("link-166-pppd.pcap", INSIDE[0], &[1]),
    ("link-205-chdlc-with-direction.pcap", INSIDE[0], &[1]),
    ("link-206-frame-relay-with-direction.pcap", INSIDE[0], &[1]),
    ("link-219-mpls.pcap", INSIDE[0], &[1]),
];

fn capture(name: &str) -> Vec<u8> {
    let captures = frames::captures();
    captures.into_iter().find(|(found, _)| found == name).unwrap_or_else(|| panic!("{name}")).1
}

fn frame_number(document: &str) -> u64 {
    let document: serde_json::Value = serde_json::from_str(document).unwrap();
    document["event"]["sequence"].as_u64().unwrap()
}

fn count(sandbox: &Sandbox, words: &[&str]) -> usize {
    sandbox.ok(&[&["fetch", "--count"], words].concat()).trim().parse().unwrap()
}

#[test]
fn hosts_are_found_inside_of_everything() {
    let sandbox = Sandbox::embedded();
    let names: std::collections::BTreeSet<&str> = INNER.iter().map(|(name, ..)| *name).collect();
    for name in &names {
        sandbox.file(&format!("captures/{name}"), &capture(name));
    }
    sandbox.ok(&["ingest", "captures"]);
    for (name, host, frames) in INNER {
        let found = sandbox.ok(&["fetch", host, "--file", name, "--json"]);
        let found: Vec<u64> = found.lines().map(frame_number).collect();
        assert_eq!(found, *frames, "{host} in {name}");
    }
    // The outer ends are found too, and so are both together, and inner and outer ports.
    for words in [
        &[OUTSIDE[0], INSIDE[0], "--file", "vxlan.pcap"][..],
        &["4789", "40001", "--file", "vxlan.pcap"],
        &["192.0.2.0/24", INSIDE[0], "--file", "gre.pcap"],
        &["172.16.0.1", INSIDE_V6[1], OUTSIDE[1], "--file", "nested.pcap"],
    ] {
        assert_ne!(count(&sandbox, words), 0, "{words:?}");
    }
    assert_eq!(count(&sandbox, &["10.3.3.3"]), 0);
}

/// tcpdump's `host` looks at the outer header of an ICMP error only, and so does ours; what the
/// error speaks of is in the document.
#[test]
fn what_an_icmp_error_quotes_is_related_and_no_host() {
    let sandbox = Sandbox::embedded();
    let file = sandbox.file("icmp.pcap", &capture("icmp.pcap"));
    sandbox.ok(&["ingest", "icmp.pcap"]);
    let everything = sandbox.ok(&["fetch", "--json"]);
    let quoting: Vec<serde_json::Value> = everything
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|document: &serde_json::Value| {
            document["related"]["ip"].as_array().unwrap().contains(&OUTSIDE[0].into())
        })
        .collect();
    assert_eq!(quoting.len(), 3);
    for document in &quoting {
        assert_eq!(document["source"]["ip"], INSIDE[0]);
        assert_eq!(document["destination"]["ip"], INSIDE[1]);
    }
    assert_eq!(count(&sandbox, &[OUTSIDE[0]]), 0);
    assert_eq!(count(&sandbox, &["-f", &format!("related.ip:{}", OUTSIDE[0])]), 3);
    let expression = format!("host {}", OUTSIDE[0]);
    assert!(crate::support::tcpdump(&file, &expression).is_empty());
}

#[test]
fn ports_of_later_fragments_are_found_by_the_store_and_not_by_words() {
    let sandbox = Sandbox::embedded();
    let file = sandbox.file("fragments.pcap", &capture("fragments.pcap"));
    sandbox.ok(&["ingest", "fragments.pcap"]);
    // As tcpdump: a later fragment has no port, and an IPv6 fragment header hides the first's.
    assert_eq!(count(&sandbox, &["40002"]), 1);
    assert_eq!(
        read_all(&file).len() - 1,
        count(&sandbox, &[]) - count(&sandbox, &["40002"]),
        "all were stored"
    );
    assert_eq!(crate::support::tcpdump(&file, "port 40002").len(), 16 + 14 + 20 + 16);
}

/// An address that a server answers with is in the document; no packet goes there.
#[test]
fn what_a_dns_answer_names_is_related_and_no_host() {
    const ANSWERED: &str = "192.0.2.30";
    let sandbox = Sandbox::embedded();
    sandbox.file("dns.pcap", &capture("applications.pcap"));
    sandbox.ok(&["ingest", "dns.pcap"]);
    let everything = sandbox.ok(&["fetch", "--json"]);
    let naming: Vec<serde_json::Value> = everything
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|document: &serde_json::Value| {
            document["related"]["ip"].as_array().unwrap().contains(&ANSWERED.into())
        })
        .collect();
    assert_eq!(naming.len(), 1);
    assert_eq!(naming[0]["dns"]["type"], "answer");
    assert_eq!(naming[0]["dns"]["resolved_ip"], serde_json::json!([ANSWERED]));
    assert_eq!(count(&sandbox, &[ANSWERED]), 0);
    assert_eq!(count(&sandbox, &["-f", &format!("related.ip:{ANSWERED}")]), 1);
}
