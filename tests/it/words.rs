//! Words of `fetch` mean what tcpdump means by them.

use std::path::Path;

use crate::support::{Sandbox, conversations, outside_captures, tcpdump};

/// Words of the command line, and the expression that tcpdump knows for them.
const EQUAL: &[(&[&str], &str)] = &[
    (&[], ""),
    (&["192.168.99.100", "8.8.8.8"], "host 192.168.99.100 and host 8.8.8.8"),
    (&["192.168.99.100", "53"], "host 192.168.99.100 and port 53"),
    (
        &["192.168.99.100", "8.8.8.8", "34555", "53"],
        "host 192.168.99.100 and host 8.8.8.8 and port 34555 and port 53",
    ),
    (&["192.168.99.100", "ipv4"], "host 192.168.99.100 and ip"),
    (&["ipv6"], "ip6"),
    (&["2001:db8::5"], "host 2001:db8::5"),
    (&["2001:db8::/32", "tcp"], "net 2001:db8::/32 and tcp"),
    (&["192.168.99.0/24", "udp"], "net 192.168.99.0/24 and udp"),
    (&["arp"], "arp"),
    (&["icmp"], "icmp"),
    (&["icmp6"], "icmp6"),
    (&["tcp", "443"], "tcp and port 443"),
    (&["10.255.255.1"], "host 10.255.255.1"),
    (&["--and", "192.168.99.100 8.8.8.8"], "host 192.168.99.100 and host 8.8.8.8"),
    (
        &["--and", "192.168.99.100 8.8.8.8", "--or", "34555 34557"],
        "host 192.168.99.100 and host 8.8.8.8 and ( port 34555 or port 34557 )",
    ),
    (&["--or", "80 443"], "port 80 or port 443"),
    (&["00:00:5e:00:53:02"], "ether host 00:00:5e:00:53:02"),
];

fn assert_equal(sandbox: &Sandbox, file: &Path, words: &[&str], expression: &str) {
    let arguments = [&["fetch"], words, &["--format", "pcap", "-w", "-"]].concat();
    let run = sandbox.run(&arguments);
    assert_eq!(run.code, Some(0), "{words:?}: {run}");
    let found = &run.stdout[24..];
    assert!(
        found == tcpdump(file, expression),
        "{words:?} is not {expression:?} in {}",
        file.display()
    );
}

#[test]
fn words_select_what_tcpdump_selects() {
    let sandbox = Sandbox::embedded();
    let file = sandbox.file("conversations.pcap", &conversations());
    sandbox.ok(&["ingest", "conversations.pcap"]);
    // The packets' times go backwards within a second; tcpdump keeps the order of the file.
    sandbox.ok(&["fetch", "-w", "ordered.pcap"]);
    for (words, expression) in EQUAL {
        assert_equal(&sandbox, &sandbox.path("ordered.pcap"), words, expression);
    }
    let counted = sandbox.ok(&["fetch", "--count", "192.168.99.100", "8.8.8.8"]);
    assert_ne!(counted.trim(), "0", "the comparison is of something");
    assert!(file.is_file());
}

/// Hosts, ports and protocols of real captures, each compared with tcpdump.
#[test]
fn words_select_what_tcpdump_selects_from_captures_of_the_world() {
    for file in outside_captures() {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if !["wechat", "v6-http", "twovlan-none", "dns-udp", "http-methods", "packet_capture"]
            .iter()
            .any(|part| name.contains(part))
        {
            continue;
        }
        let sandbox = Sandbox::embedded();
        sandbox.ok(&["ingest", file.to_str().unwrap()]);
        sandbox.ok(&["fetch", "-w", "ordered.pcap", "--format", "pcap"]);
        let ordered = sandbox.path("ordered.pcap");
        let listed = sandbox.ok(&["fetch", "--json", "--limit", "40"]);
        let documents: Vec<serde_json::Value> =
            listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for document in documents.iter().step_by(9) {
            let (Some(host), Some(other)) =
                (document["source"]["ip"].as_str(), document["destination"]["ip"].as_str())
            else {
                continue;
            };
            assert_equal(&sandbox, &ordered, &[host], &format!("host {host}"));
            let both = format!("host {host} and host {other}");
            assert_equal(&sandbox, &ordered, &[host, other], &both);
            if let Some(port) = document["destination"]["port"].as_u64() {
                let port = port.to_string();
                let expression = format!("host {host} and port {port}");
                assert_equal(&sandbox, &ordered, &[host, &port], &expression);
            }
        }
        for (word, expression) in
            [("tcp", "tcp"), ("udp", "udp"), ("ipv4", "ip"), ("ipv6", "ip6"), ("arp", "arp")]
        {
            assert_equal(&sandbox, &ordered, &[word], expression);
        }
        assert_equal(&sandbox, &ordered, &["icmp6"], "icmp6");
        assert_equal(&sandbox, &ordered, &["53"], "port 53");
    }
}

#[test]
fn text_is_found_wherever_it_stands() {
    let sandbox = Sandbox::embedded();
    sandbox.file("conversations.pcap", &conversations());
    sandbox.ok(&["ingest", "conversations.pcap"]);
    let count = |arguments: &[&str]| sandbox.ok(&[&["fetch", "--count"], arguments].concat());
    assert_eq!(count(&["--string", "\"User-Agent: Mozilla/5.0\""]), "40\n");
    assert_eq!(count(&["--string", "\"User-Agent: Mozilla/5.0\"", "--and", "34557"]), "6\n");
    assert_eq!(count(&["question-x"]), "40\n");
    assert_eq!(count(&["--string", "53"]), "0\n", "a string is text, whatever it looks like");
    assert_eq!(count(&["http"]), "40\n");
}

#[test]
fn times_bound_the_answer_at_both_ends() {
    let sandbox = Sandbox::embedded();
    sandbox.file("conversations.pcap", &conversations());
    sandbox.ok(&["ingest", "conversations.pcap"]);
    let count = |arguments: &[&str]| sandbox.ok(&[&["fetch", "--count"], arguments].concat());
    for (arguments, expected) in [
        (&["--earliest", "2023-11-14", "--latest", "2023-11-14"][..], "200\n"),
        (&["--since", "2023-11-15"], "0\n"),
        (&["--since", "15m"], "0\n"),
        (&["--until", "2023-11-14T22:13:20.999999999Z"], "4\n"),
        (&["--until", "1700000000.999999998"], "3\n"),
        (
            &["--earliest", "2023-11-14T22:13:30", "--latest", "2023-11-14T22:13:30.999999999"],
            "4\n",
        ),
    ] {
        assert_eq!(count(arguments), expected, "{arguments:?}");
    }
}
