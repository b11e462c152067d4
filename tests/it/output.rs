//! Data on stdout, the rest on stderr, and files that are whole or not there.

use std::fs;
use std::io::Read as _;
use std::process::{Command, Stdio};

use pcap_archiver::testing::{tcp_frame, udp_frame};

use crate::support::{Pcap, Sandbox, conversations, many, read_all};

fn filled() -> Sandbox {
    let sandbox = Sandbox::embedded();
    sandbox.file("a.pcap", &conversations());
    sandbox.ok(&["ingest", "a.pcap", "--sensor", "tap-1"]);
    sandbox
}

#[test]
fn json_is_one_document_a_line_without_the_bytes() {
    let sandbox = filled();
    let listed = sandbox.ok(&["fetch", "--json", "http", "--limit", "3"]);
    let documents: Vec<serde_json::Value> =
        listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(documents.len(), 3);
    let document = &documents[0];
    assert_eq!(document["destination"]["ip"], "173.194.191.104");
    assert_eq!(document["destination"]["port"], 80);
    assert_eq!(document["network"]["transport"], "tcp");
    assert_eq!(document["network"]["protocol"], "http");
    assert_eq!(document["observer"]["name"], "tap-1");
    assert_eq!(document["file"]["name"], "a.pcap");
    assert_eq!(document["packet"]["link_type_name"], "ETHERNET");
    assert!(document["packet"].get("data").is_none());
    let full = sandbox.ok(&["fetch", "--json=full", "http", "--limit", "1"]);
    let document: serde_json::Value = serde_json::from_str(&full).unwrap();
    assert!(document["packet"]["data"].is_string());
}

#[test]
fn list_is_one_line_a_packet() {
    let sandbox = filled();
    let listed = sandbox.ok(&["fetch", "--list", "173.194.191.104", "--limit", "1"]);
    assert_eq!(
        listed,
        "2023-11-14T22:13:20.999999997Z 192.168.99.100:34557 > 173.194.191.104:80 \
         tcp [psh,ack] http 97 GET /\n"
    );
}

/// Names out of packets are shown, and cannot command the terminal.
#[test]
fn lists_show_what_is_said_and_nothing_else() {
    let at = |text: &str| text.parse().unwrap();
    let request = "GET /\u{1b}]0;owned\u{7} HTTP/1.1\r\nHost: a.example\r\n\r\n";
    let banner = "220 \u{9b}2Jready\u{202e}\r\n";
    let question = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\0\0\x01\0\x01";
    let pcap = Pcap::new(1)
        .packet(1, 0, &tcp_frame(at("192.0.2.1:4000"), at("192.0.2.2:80"), request.as_bytes()))
        .packet(2, 0, &tcp_frame(at("192.0.2.2:25"), at("192.0.2.1:4000"), banner.as_bytes()))
        .packet(3, 0, &udp_frame(at("192.0.2.1:4000"), at("192.0.2.2:53"), question));
    let sandbox = Sandbox::embedded();
    sandbox.file("a.pcap", &pcap.bytes());
    sandbox.ok(&["ingest", "a.pcap"]);
    let listed = sandbox.ok(&["fetch", "--list"]);
    for expected in
        [r"GET a.example/\u{1b}]0;owned\u{7}", r"220 \u{9b}2Jready\u{202e}", "A www.example"]
    {
        assert!(listed.contains(expected), "{expected} is not in {listed}");
    }
    let json = sandbox.ok(&["fetch", "--json"]);
    for shown in [listed, json] {
        assert!(!shown.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'));
    }
}

#[test]
fn explain_shows_the_store_query() {
    let sandbox = filled();
    let explained = sandbox.ok(&["fetch", "--explain", "192.168.99.100", "53"]);
    assert!(explained.contains("related.ip"), "{explained}");
    assert!(explained.contains("source.port"), "{explained}");
}

#[test]
fn explain_tells_what_is_left_and_how_much_it_is() {
    let sandbox = filled();
    let explained = sandbox.ok(&["fetch", "--explain", "192.168.99.100", "question-x"]);
    for expected in [
        "filter:\n  and\n    ",
        "\nstored fields: related.ip:192.168.99.100/32 or packet.unread:true\n",
        "\nestimate: at most ",
    ] {
        assert!(explained.contains(expected), "{expected:?} is not in {explained}");
    }
    let everything = sandbox.ok(&["fetch", "--explain"]);
    let lengths = read_all(&sandbox.path("a.pcap")).iter().map(|p| p.data.len()).sum::<usize>();
    let expected = format!("\nestimate: 200 packets, {lengths} bytes\n");
    assert!(everything.contains(&expected), "{everything}");
    assert!(everything.contains("left to look at in each packet: nothing\n"), "{everything}");

    let text = "no index can answer this";
    assert!(sandbox.ok(&["fetch", "--explain", "question-x"]).contains(text));
    let run = sandbox.run(&["fetch", "--count", "question-x"]);
    assert!(run.stderr.contains(text) && run.stderr.contains(" 200 packets"), "{run}");
    for words in [&["fetch", "--count"][..], &["fetch", "--count", "53"]] {
        assert_eq!(sandbox.run(words).stderr, "", "{words:?}");
    }
}

#[test]
fn text_is_looked_up_where_it_is_indexed() {
    let sandbox = Sandbox::embedded();
    sandbox.ok(&["setup", "--index-payload"]);
    sandbox.file("a.pcap", &conversations());
    sandbox.ok(&["ingest", "a.pcap"]);
    assert!(sandbox.ok(&["status"]).contains("indexed"));
    let explained = sandbox.ok(&["fetch", "--explain", "question-x"]);
    assert!(explained.contains("estimate: at most 40 packets"), "{explained}");
    let run = sandbox.run(&["fetch", "--count", "question-x"]);
    assert_eq!((run.stdout.as_slice(), run.stderr.as_str()), (&b"40\n"[..], ""));
}

#[test]
fn an_empty_answer_explains_itself() {
    let sandbox = filled();
    let stderr = |words: &[&str]| {
        let run = sandbox.run(&[&["fetch", "--count"], words].concat());
        assert_eq!(run.code, Some(0), "{run}");
        run.stderr
    };
    let covers = "no packets: the archive covers 2023-11-14T22:13:20.999999996Z to 2023-11-14T";
    let terms = stderr(&["192.168.99.100", "203.0.113.9", "53"]);
    assert!(terms.starts_with(covers), "{terms}");
    assert_eq!(terms.matches("it has no packet with").count(), 1, "{terms}");
    assert!(terms.contains("203.0.113.9"), "{terms}");
    let text = stderr(&["192.168.99.100", "nosuchtext"]);
    assert!(text.contains("it has no packet with \"nosuchtext\""), "{text}");
    assert_eq!(text.matches("it has no packet with").count(), 1, "{text}");
    let way = stderr(&["-f", "inbound"]);
    assert!(way.contains("with inbound: only the flags of pcapng"), "{way}");
    // Of a packet that is cut, the index alone does not tell what is in it.
    sandbox.file("cut.pcap", &crate::support::Pcap::new(1).packet(1, 2, &[0; 13]).bytes());
    sandbox.ok(&["ingest", "cut.pcap"]);
    let cut = stderr(&["192.168.99.100", "203.0.113.9"]);
    assert!(cut.contains("it has no packet with host 203.0.113.9"), "{cut}");
    let time = stderr(&["53", "--since", "2024-01-01"]);
    assert!(time.contains("no packet of the time that was asked for"), "{time}");
    let quiet = sandbox.run(&["--quiet", "fetch", "--count", "203.0.113.9"]);
    assert_eq!(quiet.stderr, "");
    let empty = Sandbox::embedded();
    empty.ok(&["setup"]);
    let run = empty.run(&["fetch", "--count"]);
    assert!(run.stderr.contains("no packets: the archive is empty"), "{run}");
}

#[test]
fn without_a_name_the_file_is_called_by_the_time() {
    let sandbox = filled();
    sandbox.ok(&["fetch", "53"]);
    let names: Vec<String> = fs::read_dir(sandbox.path("."))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("fetch-") && name.ends_with("Z.pcap"))
        .collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

#[test]
fn a_failed_fetch_leaves_no_file() {
    let sandbox = Sandbox::embedded();
    assert_eq!(sandbox.run(&["fetch", "-w", "out.pcap"]).code, Some(1));
    assert!(!sandbox.path("out.pcap").is_file());
}

#[test]
fn mixed_link_types_make_a_pcapng_and_never_a_wrong_pcap() {
    let sandbox = filled();
    sandbox.file("raw.pcap", &crate::support::Pcap::new(101).packet(1, 2, &[0x45, 0]).bytes());
    sandbox.ok(&["ingest", "raw.pcap"]);
    sandbox.ok(&["fetch", "-w", "all.cap"]);
    let bytes = fs::read(sandbox.path("all.cap")).unwrap();
    assert_eq!(bytes[..4], [0x0a, 0x0d, 0x0d, 0x0a], "pcapng by itself");
    sandbox.ok(&["fetch", "-w", "some.cap", "53"]);
    let bytes = fs::read(sandbox.path("some.cap")).unwrap();
    assert_eq!(bytes[..4], [0x4d, 0x3c, 0xb2, 0xa1], "pcap where it fits");
    let run = sandbox.run(&["fetch", "-w", "no.pcap", "--format", "pcap"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(!sandbox.path("no.pcap").is_file());
}

#[test]
fn what_a_store_only_looks_through_does_not_choose_the_format() {
    let sandbox = Sandbox::embedded();
    let ends = ["192.0.2.1:4000", "192.0.2.2:53"].map(|end| end.parse().unwrap());
    let frame = udp_frame(ends[0], ends[1], b"a needle");
    let needles = (0..300).fold(Pcap::new(1), |pcap, second| pcap.packet(second, 0, &frame));
    sandbox.file("needles.pcap", &needles.bytes());
    sandbox.file("raw.pcap", &Pcap::new(101).packet(1, 2, &[0x45, 0]).bytes());
    sandbox.ok(&["ingest", "needles.pcap", "raw.pcap"]);
    // Without an index of text the store comes up with every packet.
    sandbox.ok(&["fetch", "-w", "some.cap", "needle"]);
    let bytes = fs::read(sandbox.path("some.cap")).unwrap();
    assert_eq!(bytes[..4], [0x4d, 0x3c, 0xb2, 0xa1], "pcap");
    assert_eq!(read_all(&sandbox.path("some.cap")).len(), 300);
}

#[test]
fn a_closed_pipe_is_success() {
    let sandbox = Sandbox::embedded();
    sandbox.file("many.pcap", &many(20_000));
    sandbox.ok(&["ingest", "many.pcap"]);
    for arguments in [&["fetch", "-w", "-"][..], &["fetch", "--list"], &["fetch", "--json"]] {
        let mut child = sandbox
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut some = [0; 100];
        child.stdout.take().unwrap().read_exact(&mut some).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.success(), "{arguments:?}: {ended:?}");
    }
}

#[test]
fn a_named_pipe_has_the_packets_as_they_come() {
    let sandbox = Sandbox::embedded();
    sandbox.file("many.pcap", &many(20_000));
    sandbox.ok(&["ingest", "many.pcap"]);
    assert!(Command::new("mkfifo").arg(sandbox.path("pipe")).status().unwrap().success());
    let arguments = ["fetch", "-w", "pipe", "--format", "pcap"];
    let child = sandbox.command(&arguments).stderr(Stdio::piped()).spawn().unwrap();
    let mut pipe = fs::File::open(sandbox.path("pipe")).unwrap();
    let mut first = [0; 24];
    pipe.read_exact(&mut first).unwrap();
    // The pipe is full long before the end, so this is beside a fetch that goes on.
    let names = fs::read_dir(sandbox.path(".")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.filter(|name| name.to_string_lossy().starts_with(".fetch-")).count(), 0);
    let mut rest = Vec::new();
    pipe.read_to_end(&mut rest).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    sandbox.ok(&["fetch", "-w", "file", "--format", "pcap"]);
    assert!([&first[..], &rest].concat() == fs::read(sandbox.path("file")).unwrap());
}

#[test]
fn status_tells_what_there_is() {
    let sandbox = filled();
    let status: serde_json::Value =
        serde_json::from_str(&sandbox.ok(&["status", "--json"])).unwrap();
    assert_eq!(status["packets"], 200);
    assert_eq!(status["earliest"], "2023-11-14T22:13:20.999999996Z");
    assert_eq!(status["latest"], "2023-11-14T22:14:09.999999803Z");
    assert_eq!(status["rights"]["read"], true);
    assert!(sandbox.ok(&["status"]).contains("packets    200"));
}

#[test]
fn help_completions_and_manual_are_there() {
    let sandbox = Sandbox::embedded();
    for command in ["setup", "ingest", "fetch", "prune", "status", "verify"] {
        let help = sandbox.ok(&[command, "--help"]);
        assert!(help.contains("--store"), "{help}");
    }
    assert!(sandbox.ok(&["completions", "bash"]).contains("pcap-archiver"));
    assert!(sandbox.ok(&["man"]).starts_with(".ie"), "roff");
}

#[test]
fn comments_that_pcap_cannot_hold_are_never_lost_silently() {
    let sandbox = Sandbox::embedded();
    let comment = b"seen by the night shift";
    let section = [0x0a0d_0d0a_u32, 28, 0x1a2b_3c4d, 0x0000_0001, u32::MAX, u32::MAX, 28]
        .map(u32::to_le_bytes);
    let interface = [1_u32, 20, 1, 0, 20].map(u32::to_le_bytes);
    let mut packet = [6_u32, 68, 0, 0, 7, 4, 4, 0x0403_0201].map(u32::to_le_bytes).concat();
    packet.extend([1, 0, 23, 0]);
    packet.extend(comment);
    packet.extend([0; 5]);
    packet.extend(68_u32.to_le_bytes());
    let file = [section.concat(), interface.concat(), packet].concat();
    sandbox.file("a.pcapng", &file);
    sandbox.ok(&["ingest", "a.pcapng"]);

    let run = sandbox.run(&["fetch", "-w", "-"]);
    let kept = run.stdout.windows(comment.len()).any(|window| window == comment);
    assert!(kept, "pcapng by itself");
    let run = sandbox.run(&["--quiet", "fetch", "-w", "-", "--format", "pcap"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stderr.contains("1 packets lost their comments"), "{run}");
}
