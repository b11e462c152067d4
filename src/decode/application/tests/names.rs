use super::*;

/// An answer with a CNAME and two addresses, whose names are compressed.
pub(super) fn answer() -> Vec<u8> {
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
    assert_eq!(dns.questions[0].kind, "A");
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
    assert_eq!(answer.data, "Büro._ipp._tcp.local");
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
fn names_of_the_neighbourhood() {
    let mut message = vec![0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    message.extend(name("printer"));
    message.extend([0, 28, 0, 1]);
    let layers = udp(5355, &message);
    assert_eq!(layers.application, Some("llmnr"));
    let question = dns(layers).questions.remove(0);
    assert_eq!((question.name.as_str(), question.kind.as_str()), ("printer", "AAAA"));
}

/// The state of a node: its number is that of SRV in DNS.
#[test]
fn the_state_of_a_netbios_node_is_its_names() {
    let mut message = vec![0x12, 0x34, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0, 32];
    message.extend(b"CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    message.extend([0, 0, 0x21, 0, 1, 0, 0, 0, 0, 0, 1 + 3 * 18 + 46, 3]);
    for (name, purpose, flags) in [("LAN", 0, 0x84), ("PC1", 0, 0x04), ("PC1", 0x20, 0x04)] {
        message.extend(format!("{name:15}").bytes());
        message.extend([purpose, flags, 0]);
    }
    message.extend([7; 46]);
    let found = details(udp(137, &message));
    assert!(found.notes.is_empty(), "{:?}", found.notes);
    let answer = dns(udp(137, &message)).answers.remove(0);
    assert_eq!((answer.kind.as_str(), answer.name.as_str()), ("NBSTAT", "*<00>"));
    assert_eq!(answer.data, "LAN<00> PC1<00> PC1<20>");
    assert_eq!(answer.target.as_deref(), Some("PC1"));
    // A record that says nothing of itself, with the number of NULL.
    let mut refused = vec![0x12, 0x34, 0x85, 0x83, 0, 0, 0, 1, 0, 0, 0, 0, 32];
    refused.extend(b"FHEPFCELEHFCEPFFFACACACACACACABO");
    refused.extend([0, 0, 15, 0, 1, 0, 0, 0, 0, 0, 3, 1, 2, 3]);
    let found = details(udp(137, &refused));
    assert!(found.notes.is_empty(), "no mail exchange is looked for: {:?}", found.notes);
    assert_eq!(dns(udp(137, &refused)).answers[0].data, "");
}

#[test]
fn the_bit_without_a_meaning_may_be_set() {
    let mut message = answer();
    message[3] |= 0x40;
    assert_eq!(dns(udp(53, &message)).answers.len(), 3);
    assert_eq!(udp(53, &message[..message.len() - 1]).application, None, "where all is there");
    assert_eq!(udp(5300, &message).application, None, "at its port");
}

#[test]
fn messages_of_one_segment_are_all_read() {
    let message = answer();
    let length = u16::try_from(message.len()).unwrap().to_be_bytes();
    let framed = [&length[..], &message].concat();
    let found = details(tcp(53, &[framed.as_slice(), &framed, &framed[..40]].concat()));
    assert_eq!(found.notes.len(), 2, "several, and the last is cut: {:?}", found.notes);
    let Message::Dns(dns) = found.message else { panic!("DNS") };
    assert_eq!((dns.questions.len(), dns.answers.len()), (3, 6));
    let found = details(tcp(53, &framed.repeat(40)));
    assert!(found.notes.iter().any(|note| note.contains("first 16")));
    let Message::Dns(dns) = found.message else { panic!("DNS") };
    assert_eq!(dns.answers.len(), 3 * 16);
}

#[test]
fn what_is_left_out_is_not_read_to_its_end() {
    let message = |questions: u16, records: u16| {
        let mut message = vec![0, 1, 0x81, 0x80];
        message.extend([questions, records, 0, 0].map(u16::to_be_bytes).concat());
        message.extend([0, 0, 1, 0, 1].repeat(questions.into()));
        message.extend([0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 192, 0, 2, 1].repeat(records.into()));
        message
    };
    let ends = |questions, records| {
        let found = details(udp(53, &message(questions, records)));
        found.notes.iter().any(|note| note.contains("stands behind"))
    };
    assert!(!ends(32 + 1024, 0) && ends(32 + 1025, 0));
    assert!(!ends(1, 64 + 1024) && ends(1, 64 + 1025));
    assert_eq!(dns(udp(53, &message(32 + 1024, 1))).answers.len(), 1);
    assert!(dns(udp(53, &message(32 + 1025, 1))).answers.is_empty());
}
