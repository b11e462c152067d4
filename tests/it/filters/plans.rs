//! What a store is asked selects every packet that the query selects, and what is certain selects
//! no other: for packets of every kind, whole and damaged.
//!
//! Conditions are looked up in the packet's document here, so that many can be tried; that the
//! stores answer them word for word is tested with the stores.

use std::cmp::Ordering;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use pcap_archiver::decode::decode;
use pcap_archiver::document::fields::{FieldId, KEYWORD_LIMIT};
use pcap_archiver::document::{Document, Value};
use pcap_archiver::packet::{
    CapturedPacket, Fingerprint, LinkType, Origin, PacketRecord, Source, StoredPacket, Timestamp,
};
use pcap_archiver::query::{
    AddressProtocol, Addresses, Direction, Filter, Host, Predicate, Query, Scope, matches, parse,
};
use pcap_archiver::store::Plan;
use pcap_archiver::store::pushdown::{Abilities, Answering, Condition};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError, TestRunner};
use tempfile::TempDir;

use super::differential::all_corpora;
use crate::decoding::frames::bytes::{
    INSIDE, INSIDE_V6, OUTSIDE, UDP, arp, datagram, ethernet, ipv4, ipv6, label, tag,
};
use crate::decoding::mutated::{apply, damage};
use crate::support::expressions::{BEYOND, EXPRESSIONS, OUTERMOST};

const ABILITIES: Abilities =
    Abilities { payload: false, several_packets: false, answering: |_| Answering::Itself };

/// Whether a store that holds `record` would answer it.
fn selects(condition: &Condition, record: &PacketRecord, document: &Document<'_>) -> bool {
    let values = |id: FieldId| {
        document.values().iter().filter(move |(field, _)| *field == id).map(|(_, value)| value)
    };
    match condition {
        // What is not indexed answers for all text.
        Condition::All | Condition::Terms(_) => true,
        Condition::And(all) => all.iter().all(|one| selects(one, record, document)),
        Condition::Or(any) => any.iter().any(|one| selects(one, record, document)),
        Condition::Not(condition) => !selects(condition, record, document),
        Condition::Equals(id, wanted) => values(*id).any(|value| is_equal(value, wanted)),
        Condition::InNetwork(id, network) => values(*id).any(|value| match value {
            Value::Ip(address) => {
                let ends = [network.network(), network.broadcast()].map(mapped);
                (ends[0]..=ends[1]).contains(&mapped(*address))
            }
            _ => false,
        }),
        Condition::Between(id, first, last) => values(*id).any(|value| {
            let is_from = |end: &Value<'_>| value.order(end).is_some_and(Ordering::is_ge);
            let is_to = |end: &Value<'_>| value.order(end).is_some_and(Ordering::is_le);
            first.as_ref().is_none_or(is_from) && last.as_ref().is_none_or(is_to)
        }),
        Condition::Like(id, wildcard) => values(*id).any(
            |value| matches!(value, Value::Text(text) if is_indexed(text) && wildcard.matches(text)),
        ),
        Condition::Exists(id) => {
            values(*id).any(|value| !matches!(value, Value::Text(text) if !is_indexed(text)))
        }
        Condition::TooLong(id) => {
            values(*id).any(|value| matches!(value, Value::Text(text) if !is_indexed(text)))
        }
        Condition::Ids(ids) => ids.contains(&record.stored.id()),
    }
}

fn is_indexed(text: &str) -> bool {
    text.chars().count() <= KEYWORD_LIMIT
}

fn is_equal(value: &Value<'_>, wanted: &Value<'_>) -> bool {
    match (value, wanted) {
        (Value::Ip(a), Value::Ip(b)) => mapped(*a) == mapped(*b),
        (Value::Text(text), _) if !is_indexed(text) => false,
        (value, wanted) => value == wanted,
    }
}

/// A store does not tell an IPv4 address from the IPv6 address that maps it.
fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

fn check(filter: &Filter, record: &PacketRecord) -> Result<(), TestCaseError> {
    let query = Query { filter: filter.clone(), ..Query::all() };
    let plan = Plan::new(&query, &ABILITIES);
    let document = Document::of(record);
    let is_asked_for = matches(&query, record);
    let is_answered = selects(&plan.condition, record, &document);
    let is_certain = selects(&plan.certain, record, &document);
    prop_assert!(
        (is_answered || !is_asked_for) && (is_asked_for || !is_certain),
        "{filter}: asked for {is_asked_for}, answered {is_answered}, certain {is_certain}; \
         link type {} {:?} {:02x?}",
        record.stored.packet.link_type,
        record.layers.names,
        record.stored.packet.data
    );
    Ok(())
}

/// Conditions on what stands somewhere in the packet, whether or not it means that.
fn about(data: &[u8], at: usize) -> Vec<String> {
    let bytes = |number: usize| data.get(at..at + number).map(<[u8]>::to_vec);
    let mut filters = Vec::new();
    if let Some(bytes) = bytes(2) {
        let number = u16::from_be_bytes([bytes[0], bytes[1]]);
        filters.extend(
            ["port", "src port", "tcp dst port", "ether proto", "outer port"]
                .map(|word| format!("{word} {number}")),
        );
        filters.push(format!("vlan {}", number & 0xfff));
        filters.push(format!("mpls {}", u32::from(number) << 4));
        filters.push(format!("ip proto {}", bytes[0]));
        filters.push(format!("ip6 proto {}", bytes[1]));
        filters.push(format!("proto {}", bytes[0]));
    }
    if let Some(bytes) = bytes(4) {
        let address = bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(".");
        filters.extend(
            [
                "host",
                "src host",
                "dst host",
                "arp host",
                "outer host",
                "geneve and host",
                "not pppoes and host",
            ]
            .map(|word| format!("{word} {address}")),
        );
        filters.push(format!("net {address} mask 255.255.255.255"));
        filters.push(format!("atalk or len > 20 or rarp host {address}"));
    }
    if let Some(bytes) = bytes(6) {
        let address = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":");
        filters.extend(
            ["ether host", "ether src", "ether dst", "geneve and ether host"]
                .map(|word| format!("{word} {address}")),
        );
    }
    if let Some(bytes) = bytes(16) {
        let address = Ipv6Addr::from(<[u8; 16]>::try_from(bytes).unwrap());
        filters.extend(["host", "src host"].map(|word| format!("{word} {address}")));
    }
    filters
}

/// Packets whose bytes can be read in more than one way.
fn ambiguous() -> Vec<(u16, Vec<u8>)> {
    let inner = ipv4(INSIDE, UDP, &datagram(40_001, 40_002, b"inside"));
    let to = |first: u8, ether_type: u16, payload: &[u8]| {
        let macs = [first, 0, 0, 60, 0x53, 9, 2, 0, 0x5e, 0, 0x53, 8];
        [&macs, ether_type.to_be_bytes().as_slice(), payload].concat()
    };
    let geneve = |header: [u8; 8], payload: &[u8]| {
        let datagram = datagram(50_000, 6081, &[&header, payload].concat());
        ethernet(0x0800, &ipv4(OUTSIDE, UDP, &datagram))
    };
    let bridged = [0, 0, 0x65, 0x58, 0, 0, 9, 0];
    let gre =
        |payload: &[u8]| ethernet(0x0800, &ipv4(OUTSIDE, 47, &[&[0, 0, 8, 0], payload].concat()));
    let broadcast = [vec![0xff; 6], to(2, 0x0800, &inner)[6..].to_vec()].concat();
    let long_arp =
        [&[0, 32, 8, 0, 20, 4, 0, 1], [7; 20].as_slice(), &[10, 1, 1, 1], &[8; 20], &[10, 2, 2, 2]]
            .concat();
    let arp_of_ipv6 = [&[0, 1, 0x86, 0xdd, 6, 16, 0, 1], [7; 44].as_slice()].concat();
    let cooked = |ether_type: [u8; 2], payload: &[u8]| {
        [&[0, 0, 0, 1, 0, 6, 0, 0, 0x5e, 0, 0x53, 1, 0, 0], ether_type.as_slice(), payload].concat()
    };
    let on_ethernet = [
        // The first address of the frame in a pseudowire may look like the version of IP.
        ethernet(0x8847, &label(16, true, &to(0x45, 0x0800, &inner))),
        ethernet(0x8847, &label(16, true, &to(0x60, 0x0806, &arp(1)))),
        // What is bridged has addresses of its own.
        geneve(bridged, &to(2, 0x0800, &inner)),
        geneve(bridged, &broadcast),
        geneve(bridged, &to(2, 0x0806, &arp(1))),
        geneve([0, 0x3f, 0x65, 0x58, 0, 0, 9, 1], &to(2, 0x0800, &inner)),
        gre(&ipv6(INSIDE_V6, UDP, &datagram(40_001, 40_002, b"inside"))),
        // Types that one of two readers knows.
        ethernet(0x9200, &tag(5, 0x0800, &inner)),
        ethernet(0x8100, &tag(5, 0x9200, &tag(6, 0x0800, &inner))),
        ethernet(0x6558, &to(2, 0x0800, &inner)),
        ethernet(0x0800, &ipv6(INSIDE_V6, UDP, &datagram(40_001, 40_002, b"inside"))),
        ethernet(0x0806, &long_arp),
        ethernet(0x0806, &arp_of_ipv6),
        // Short frames of IEEE 802.3.
        ethernet(2, &[0xaa, 0xaa]),
        ethernet(3, &[0x42, 0x42, 3]),
        ethernet(3, &[0xfe, 0xfe, 3]),
        ethernet(8, &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0]),
    ];
    let links = [
        (104, [&[0x0f, 0, 0x80, 0x35], [0; 24].as_slice()].concat()),
        (9, [&[0xff, 3, 0, 0x21], ipv6(INSIDE_V6, UDP, &[0; 8]).as_slice()].concat()),
        (113, cooked([8, 6], &long_arp)),
        (113, cooked([0, 4], &[0xaa, 0xaa])),
    ];
    on_ethernet.into_iter().map(|frame| (1, frame)).chain(links).collect()
}

#[test]
fn plans_hold_packets_that_can_be_read_in_two_ways() {
    let expressions = [EXPRESSIONS, OUTERMOST, BEYOND].concat();
    let filters: Vec<Filter> = expressions.iter().map(|text| parse(text).unwrap()).collect();
    let mut failed = Vec::new();
    for (link_type, frame) in ambiguous() {
        let packet = CapturedPacket {
            timestamp: Timestamp::from_nanoseconds(1),
            link_type: LinkType(link_type),
            original_length: u32::try_from(frame.len()).unwrap(),
            data: frame.clone().into(),
            extras: None,
        };
        let record = record(packet);
        let places = (0..frame.len()).flat_map(|at| about(&frame, at));
        let about = places.map(|text| parse(&text).unwrap());
        for filter in about.chain(filters.iter().cloned()) {
            failed.extend(check(&filter, &record).err());
            failed.extend(check(&filter.clone().negated(), &record).err());
        }
    }
    let said: Vec<String> = failed.iter().take(40).map(ToString::to_string).collect();
    assert!(failed.is_empty(), "{} failed\n{}", failed.len(), said.join("\n"));
}

/// A filter that is made without an expression has one meaning, too, wherever a packet is read.
#[test]
fn plans_hold_what_no_expression_says() {
    let protocols = [AddressProtocol::Ip, AddressProtocol::Ip6, AddressProtocol::Arp];
    let networks = ["10.1.1.1/32", "0.0.0.0/0", "2001:db8::11/128", "::/0"];
    for (link_type, frame) in ambiguous() {
        let record = record(CapturedPacket {
            timestamp: Timestamp::from_nanoseconds(1),
            link_type: LinkType(link_type),
            original_length: u32::try_from(frame.len()).unwrap(),
            data: frame.into(),
            extras: None,
        });
        for (protocol, network) in protocols.iter().flat_map(|p| networks.map(|n| (*p, n))) {
            for scope in [Scope::Any, Scope::Outer] {
                let filter = Filter::Is(Predicate::Host(Host {
                    scope,
                    protocol: Some(protocol),
                    direction: Direction::Either,
                    addresses: Addresses::Network(network.parse().unwrap()),
                }));
                check(&filter, &record).unwrap();
                check(&filter.negated(), &record).unwrap();
            }
        }
    }
}

fn record(packet: CapturedPacket) -> PacketRecord {
    let source = Arc::new(Source {
        file_name: "made.pcap".to_owned(),
        file_path: "captures/made.pcap".to_owned(),
        sensor: None,
    });
    let layers = decode(&packet);
    let origin = Origin { capture: Fingerprint::of(&packet), frame: 1, source };
    PacketRecord { stored: StoredPacket::new(packet, origin), layers }
}

/// 1,500 packets in `./test`; as many as `PCAP_ARCHIVER_PLANS` says otherwise.
#[test]
fn plans_hold_the_packets_of_their_queries_between_them() {
    let cases = std::env::var("PCAP_ARCHIVER_PLANS");
    let cases = cases.map_or(1_500, |number| number.parse().unwrap());
    let folder = TempDir::new().unwrap();
    let packets: Vec<CapturedPacket> = all_corpora(folder.path())
        .into_iter()
        .flat_map(|corpus| corpus.records)
        .map(|record| record.stored.packet)
        .collect();
    // The kinds of links have their turns alike, however many packets there are of each.
    let mut links: Vec<Vec<CapturedPacket>> = Vec::new();
    for packet in &packets {
        match links.iter_mut().find(|link| link[0].link_type == packet.link_type) {
            Some(link) => link.push(packet.clone()),
            None => links.push(vec![packet.clone()]),
        }
    }
    let expressions = [EXPRESSIONS, OUTERMOST, BEYOND].concat();
    let filters: Vec<Filter> = expressions.iter().map(|text| parse(text).unwrap()).collect();
    let indexes = |number| prop::collection::vec(any::<Index>(), number);
    let some = (
        prop_oneof![1 => Just(None), 1 => any::<Index>().prop_map(Some)],
        any::<Index>(),
        prop::collection::vec(damage(), 0..3),
        indexes(20),
        indexes(4),
    );
    let config = Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        source_file: Some(file!()),
        ..Config::default()
    };
    let result = TestRunner::new(config).run(&some, |(link, which, damages, fixed, places)| {
        let of = link.map_or(&packets, |link| link.get(&links));
        let mut packet = which.get(of).clone();
        let mut data = packet.data.to_vec();
        for damage in &damages {
            apply(damage, &mut data, &packets);
        }
        packet.data = data.into();
        let record = record(packet);
        let data = &record.stored.packet.data;
        let about = places.iter().flat_map(|place| about(data, place.index(data.len().max(1))));
        let about = about.map(|text| parse(&text).unwrap());
        let fixed = fixed.iter().map(|index| index.get(&filters).clone());
        let filters: Vec<Filter> = about.chain(fixed).collect();
        for pair in filters.windows(2) {
            check(&pair[0], &record)?;
            check(&pair[0].clone().negated(), &record)?;
            check(&Filter::Or(pair.to_vec()), &record)?;
            check(&Filter::And(vec![pair[1].clone(), pair[0].clone().negated()]), &record)?;
        }
        Ok(())
    });
    result.unwrap();
}
