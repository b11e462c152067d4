use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures::{FutureExt as _, TryStreamExt as _};

use crate::packet::{
    CapturedPacket, Extras, Interface, LinkType, PacketId, PacketRecord, StoredPacket, Timestamp,
};
use crate::query::{self, Filter, Order, Predicate, Protocol, Query, Scope, TimeRange, Words};
use crate::store::memory::MemoryStore;
use crate::store::{Estimate, PacketStore, PruneScope, SetupOptions};
use crate::testing::{CaptureBuilder, Fixture, counts, retention, tcp_frame, udp_frame};

const SECOND: i128 = 1_000_000_000;
pub(super) const DAY: i128 = 86_400 * SECOND;
/// 2023-11-14T22:13:20Z.
pub(super) const START: i128 = 1_700_000_000 * SECOND;

/// Runs the whole suite against the stores of `fixture`.
pub async fn conformance(fixture: &dyn Fixture) {
    empty_store_gives_nothing(fixture).await;
    append_is_idempotent(fixture).await;
    a_flush_beside_an_append_is_not_the_last_one_it_needs(fixture).await;
    a_flush_that_was_given_up_is_made_up_for(fixture).await;
    equal_packets_of_one_capture_stay_two(fixture).await;
    captures_that_begin_alike_lose_nothing(fixture).await;
    every_field_comes_back(fixture).await;
    order_is_time_then_frame_then_id(fixture).await;
    more_than_ten_thousand_hits(fixture).await;
    queries_return_a_superset(fixture).await;
    packets_are_found_by_id(fixture).await;
    text_is_found_with_an_index_of_it_and_without(fixture).await;
    time_ranges_include_both_ends(fixture).await;
    counts::counts_are_those_of_the_packets(fixture).await;
    prune_removes_what_is_older(fixture).await;
    retention::slices_hold_everything_and_go_one_by_one(fixture).await;
    retention::a_partition_whose_time_has_not_ended_stays(fixture).await;
}

async fn fetch(store: &Arc<dyn PacketStore>, query: &Query) -> Vec<StoredPacket> {
    store.fetch(query).try_collect().await.expect("fetch")
}

pub(super) async fn ids(store: &Arc<dyn PacketStore>) -> Vec<PacketId> {
    fetch(store, &Query::all()).await.iter().map(StoredPacket::id).collect()
}

async fn append(store: &Arc<dyn PacketStore>, records: &Arc<Vec<PacketRecord>>) -> (u64, u64) {
    let outcome = store.append(records.clone()).await.expect("append");
    assert_eq!(outcome.rejected, [], "nothing is rejected");
    assert!(outcome.retry.is_empty(), "nothing is left over: {:?}", outcome.retry_reason);
    (outcome.stored, outcome.duplicates)
}

/// Appends, where so many packets are new and so many are there already.
async fn append_again(
    fixture: &dyn Fixture,
    store: &Arc<dyn PacketStore>,
    records: &Arc<Vec<PacketRecord>>,
    (new, known): (u64, u64),
    when: &str,
) {
    let (stored, duplicates) = append(store, records).await;
    if fixture.stores_singles() {
        assert_eq!((stored, duplicates), (new, known), "{when}");
    } else {
        assert_eq!(stored + duplicates, new + known, "{when}");
        assert!(stored >= new, "{when}");
    }
}

pub(super) async fn filled(
    fixture: &dyn Fixture,
    records: &Arc<Vec<PacketRecord>>,
) -> Arc<dyn PacketStore> {
    let store = fixture.fresh().await;
    append(&store, records).await;
    store.flush().await.expect("flush");
    store
}

fn dns_capture(name: &str, packets: i128) -> Arc<Vec<PacketRecord>> {
    let (client, server) = ("192.0.2.1:34555", "192.0.2.53:53");
    let mut capture = CaptureBuilder::new(name);
    for number in 0..packets {
        let frame = udp_frame(
            client.parse().expect("an address"),
            server.parse().expect("an address"),
            format!("question {number}").as_bytes(),
        );
        capture = capture.packet(START + number * SECOND, LinkType::ETHERNET, frame);
    }
    capture.records()
}

async fn empty_store_gives_nothing(fixture: &dyn Fixture) {
    let store = fixture.fresh().await;
    assert_eq!(ids(&store).await, []);
    store.flush().await.expect("flush of nothing");
    assert_eq!(append(&store, &Arc::new(Vec::new())).await, (0, 0));
    assert_eq!(ids(&store).await, []);
    let status = store.status().await.expect("status");
    assert!(status.set_up);
    assert_eq!((status.packets, status.earliest, status.latest), (Some(0), None, None));
}

async fn append_is_idempotent(fixture: &dyn Fixture) {
    let store = fixture.fresh().await;
    let records = dns_capture("idempotent.pcap", 20);
    let (first, second) = records.split_at(10);
    let (first, second) = (Arc::new(first.to_vec()), Arc::new(second.to_vec()));
    assert_eq!(append(&store, &first).await, (10, 0));
    append_again(fixture, &store, &records, (10, 10), "again, before a flush").await;
    store.flush().await.expect("flush");
    append_again(fixture, &store, &second, (0, 10), "again, after a flush").await;
    let twice = Arc::new([records.as_slice(), records.as_slice()].concat());
    append_again(fixture, &store, &twice, (0, 40), "twice in one batch").await;
    store.flush().await.expect("flush");

    let store = fixture.reopen(store).await;
    let expected: Vec<PacketId> = records.iter().map(|record| record.stored.id()).collect();
    assert_eq!(ids(&store).await, expected, "after opening again");
    assert_eq!(append(&store, &records).await, (0, 20), "again, after opening again");
    store.flush().await.expect("flush");
    assert_eq!(ids(&store).await, expected);
    assert_eq!(store.count(&Query::all()).await.expect("count"), 20);
    let packets = store.status().await.expect("status").packets;
    assert!(packets == Some(20) || packets > Some(20) && !fixture.stores_singles());
}

/// What was still being appended then is there after the next one.
async fn a_flush_beside_an_append_is_not_the_last_one_it_needs(fixture: &dyn Fixture) {
    let store = fixture.fresh().await;
    let mut expected = 0;
    for records in dns_capture("beside.pcap", 8_000).chunks(1_000) {
        let records = Arc::new(records.to_vec());
        let is_appended = AtomicBool::new(false);
        let appending = async {
            let appended = append(&store, &records).await;
            is_appended.store(true, Ordering::Relaxed);
            appended
        };
        let flushing = async {
            while !is_appended.load(Ordering::Relaxed) {
                store.flush().await.expect("flush beside an append");
                tokio::task::yield_now().await;
            }
        };
        let (appended, ()) = tokio::join!(appending, flushing);
        assert_eq!(appended, (1_000, 0));
        store.flush().await.expect("flush");
        expected += 1_000;
        assert_eq!(store.count(&Query::all()).await.expect("count"), expected);
    }
}

/// Who waits for a flush may stop to wait; the next one has its work to do.
async fn a_flush_that_was_given_up_is_made_up_for(fixture: &dyn Fixture) {
    let store = fixture.fresh().await;
    append(&store, &dns_capture("given-up.pcap", 100)).await;
    let is_done = store.flush().now_or_never().is_some();
    store.flush().await.expect("flush");
    assert_eq!(store.count(&Query::all()).await.expect("count"), 100, "at once: {is_done}");
}

async fn equal_packets_of_one_capture_stay_two(fixture: &dyn Fixture) {
    let mut capture = CaptureBuilder::new("twins.pcap");
    for _ in 0..3 {
        capture = capture.packet(START, LinkType::ETHERNET, vec![7; 60]);
    }
    let store = filled(fixture, &capture.records()).await;
    let found = fetch(&store, &Query::all()).await;
    let frames: Vec<u64> = found.iter().map(|stored| stored.origin.frame).collect();
    assert_eq!(frames, [1, 2, 3]);
}

async fn captures_that_begin_alike_lose_nothing(fixture: &dyn Fixture) {
    let capture = |name: &str, second: u8| {
        CaptureBuilder::new(name)
            .packet(START, LinkType::ETHERNET, vec![1; 60])
            .packet(START + 1, LinkType::ETHERNET, vec![second; 60])
            .records()
    };
    let (one, other) = (capture("one.pcap", 2), capture("other.pcap", 3));
    assert_eq!(one[0].stored.id(), other[0].stored.id());
    let store = filled(fixture, &one).await;
    append_again(fixture, &store, &other, (1, 1), "another that begins alike").await;
    store.flush().await.expect("flush");
    assert_eq!(ids(&store).await.len(), 3);
}

/// Link types, lengths, times, interfaces, comments and flags of every kind.
async fn every_field_comes_back(fixture: &dyn Fixture) {
    let mut capture = CaptureBuilder::new("everything.pcapng");
    for number in (0..=301).chain([u16::MAX]) {
        let bytes = number.to_le_bytes().to_vec();
        capture = capture.packet(START + i128::from(number), LinkType(number), bytes);
    }
    let odd = odd_packets();
    let odd_count = odd.len();
    for packet in odd {
        capture = capture.captured(packet);
    }
    let records = capture.records();
    let store = filled(fixture, &records).await;

    let query = Query { order: Order::Frame, ..Query::all() };
    let found = fetch(&store, &query).await;
    let expected: Vec<StoredPacket> = records.iter().map(|record| record.stored.clone()).collect();
    assert_eq!(found.len(), 303 + odd_count);
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }

    let survey = store.survey(&query).await.expect("survey");
    assert_eq!(survey.link_types.len(), 303);
    assert!(survey.needs_pcapng, "there are comments");
    let plain = filled(fixture, &dns_capture("plain.pcap", 3)).await;
    let survey = plain.survey(&query).await.expect("survey");
    assert_eq!(survey.link_types, BTreeSet::from([LinkType::ETHERNET]));
    assert!(!survey.needs_pcapng, "nothing that pcap cannot hold");
    let early = CaptureBuilder::new("early.pcapng").packet(-1, LinkType::ETHERNET, vec![1; 60]);
    let early = filled(fixture, &early.records()).await;
    assert!(early.survey(&query).await.expect("survey").needs_pcapng, "a time before 1970");
}

fn odd_packets() -> Vec<CapturedPacket> {
    let plain = CapturedPacket {
        timestamp: Timestamp::from_nanoseconds(START + 999_999_999),
        link_type: LinkType::ETHERNET,
        original_length: 60,
        data: Bytes::from_static(&[0xff; 60]),
        extras: None,
    };
    let with_time = |nanoseconds: i128| CapturedPacket {
        timestamp: Timestamp::from_nanoseconds(nanoseconds),
        ..plain.clone()
    };
    let interface = Interface {
        id: 3,
        snap_length: 262_144,
        name: Some("eth0".to_owned()),
        description: Some("uplink \u{1f980} \"quoted\"\n".to_owned()),
        fcs_length: Some(4),
    };
    let bare = Interface { id: 0, snap_length: 0, name: None, description: None, fcs_length: None };
    let full = Extras {
        interface: Some(Arc::new(interface)),
        comments: vec!["first".to_owned(), String::new(), "long ".repeat(20_000)],
        flags: Some(u32::MAX),
        time_inherited: true,
    };
    let with_extras =
        |extras: Extras| CapturedPacket { extras: Some(Arc::new(extras)), ..plain.clone() };
    vec![
        with_time(0),
        with_time(1),
        with_time(-1),
        with_time(i128::from(i64::MAX)),
        with_time(i128::from(i64::MAX) + 1),
        with_time(i128::from(i64::MAX) * 1_000_000),
        CapturedPacket { data: Bytes::new(), original_length: 0, ..plain.clone() },
        CapturedPacket { data: Bytes::new(), original_length: u32::MAX, ..plain.clone() },
        CapturedPacket { original_length: 1, ..plain.clone() },
        CapturedPacket { data: Bytes::from(vec![0x5a; 262_144]), ..plain.clone() },
        with_extras(Extras { interface: Some(Arc::new(bare)), ..Extras::default() }),
        with_extras(full),
    ]
}

/// Times that are equal or go backwards, in two captures, appended in pieces.
async fn order_is_time_then_frame_then_id(fixture: &dyn Fixture) {
    let offsets = [5, 3, 3, 9, 0, 3, 5, 0];
    let capture = |name: &str, fill: u8| {
        let mut capture = CaptureBuilder::new(name);
        for offset in offsets {
            capture = capture.packet(START + offset, LinkType::ETHERNET, vec![fill; 20]);
        }
        capture.records()
    };
    let (one, other) = (capture("one.pcap", 1), capture("other.pcap", 2));
    let reference: Arc<dyn PacketStore> = Arc::new(MemoryStore::default());
    let store = fixture.fresh().await;
    for records in [&one, &other] {
        for piece in records.chunks(3) {
            let piece = Arc::new(piece.to_vec());
            append(&store, &piece).await;
            append(&reference, &piece).await;
            store.flush().await.expect("flush");
        }
    }
    for order in [Order::Time, Order::Frame] {
        let query = Query { order, ..Query::all() };
        assert_eq!(fetch(&store, &query).await, fetch(&reference, &query).await, "{order:?}");
    }
}

/// Elasticsearch stops at 10,000 unless asked in pages; many packets share one time.
async fn more_than_ten_thousand_hits(fixture: &dyn Fixture) {
    let mut one = CaptureBuilder::new("many.pcap");
    let mut other = CaptureBuilder::new("more.pcap");
    for number in 0..6_000_i128 {
        let time = START + number / 100;
        one = one.packet(time, LinkType::ETHERNET, number.to_le_bytes().to_vec());
        other = other.packet(time, LinkType::RAW, number.to_be_bytes().to_vec());
    }
    let store = fixture.fresh().await;
    let reference: Arc<dyn PacketStore> = Arc::new(MemoryStore::default());
    for records in [one.records(), other.records()] {
        assert_eq!(append(&store, &records).await, (6_000, 0));
        append(&reference, &records).await;
    }
    store.flush().await.expect("flush");
    assert_eq!(ids(&store).await, ids(&reference).await);
    assert_eq!(store.count(&Query::all()).await.expect("count"), 12_000, "without a cap");
}

async fn queries_return_a_superset(fixture: &dyn Fixture) {
    let records = mixed_capture();
    let store = filled(fixture, &records).await;
    for filter in filters() {
        let query = Query { filter, ..Query::all() };
        let expected: BTreeSet<PacketId> = records
            .iter()
            .filter(|record| query::matches(&query, record))
            .map(|record| record.stored.id())
            .collect();
        let found_packets = fetch(&store, &query).await;
        let found: BTreeSet<PacketId> = found_packets.iter().map(StoredPacket::id).collect();
        let explained = store.explain(&query).await.expect("explain").request;
        assert!(found.is_superset(&expected), "{:?}: {explained}", query.filter);
        let count = store.count(&query).await.expect("count");
        assert_eq!(count, found.len() as u64, "{:?}: {explained}", query.filter);
        let estimate = store.estimate(&query).await.expect("estimate");
        let lengths = found_packets.iter().map(|stored| u64::from(stored.packet.captured_length()));
        let expected = Estimate { packets: count, bytes: lengths.sum() };
        assert_eq!(estimate, expected, "{:?}: {explained}", query.filter);
    }
}

/// Exactly these, out of two captures and whether they were committed together or not; ids that
/// nobody has find nothing.
async fn packets_are_found_by_id(fixture: &dyn Fixture) {
    let store = fixture.fresh().await;
    let captures = [dns_capture("one.pcap", 40), mixed_capture()];
    for records in &captures {
        append(&store, records).await;
        store.flush().await.expect("flush");
    }
    let is = |id: PacketId| Filter::Is(Predicate::Id(id));
    let unknown = (0..3).map(|byte| PacketId([byte; 16]));
    let known: Vec<&PacketRecord> =
        captures[0].iter().step_by(3).chain(&captures[1][2..5]).collect();
    let any = known.iter().map(|record| record.stored.id()).chain(unknown.clone()).map(is);
    let any = Filter::Or(any.collect());
    let query = Query { order: Order::Frame, filter: any.clone(), ..Query::all() };
    let mut expected: Vec<StoredPacket> =
        known.iter().map(|record| record.stored.clone()).collect();
    expected.sort_by_key(|stored| (stored.origin.capture, stored.origin.frame));
    if !fixture.stores_singles() {
        // The others of a stretch come, too.
        let mut found = fetch(&store, &query).await;
        found.retain(|stored| expected.contains(stored));
        assert_eq!(found, expected);
        return;
    }
    let explained = store.explain(&query).await.expect("explain").request;
    assert_eq!(fetch(&store, &query).await, expected, "{explained}");
    assert_eq!(store.count(&query).await.expect("count"), expected.len() as u64);

    let of_capture = Predicate::Capture(captures[1][0].stored.origin.capture);
    let both = Filter::And(vec![Filter::Is(of_capture), any]);
    for (filter, count) in [
        (is(captures[1][6].stored.id()), 1),
        (Filter::Or(unknown.map(is).collect()), 0),
        (both, 3),
        (Filter::All, 47),
    ] {
        let query = Query { filter, ..Query::all() };
        let explained = store.explain(&query).await.expect("explain").request;
        assert_eq!(store.count(&query).await.expect("count"), count, "{explained}");
        assert_eq!(fetch(&store, &query).await.len() as u64, count, "{explained}");
    }
}

/// In the middle of words, in both spellings, and between bytes that are no text; and what was
/// stored comes back as it was.
async fn text_is_found_with_an_index_of_it_and_without(fixture: &dyn Fixture) {
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let mut capture = CaptureBuilder::new("text.pcap");
    for (data, time) in [
        b"GET /Login.html HTTP/1.1\r\nHost: \"a\\b\"\r\n".to_vec(),
        b"\x00\x01login\x02\x03".to_vec(),
        [b"\x7f".to_vec(), utf16("a login in Windows")].concat(),
        "l\u{f6}gin or login".as_bytes().to_vec(),
        b"log\x00in".to_vec(),
        vec![0xff; 40],
        (0..=255).cycle().take(70_000).collect(),
    ]
    .into_iter()
    .zip(START..)
    {
        capture = capture.packet(time, LinkType(147), data);
    }
    let records = capture.records();
    let everything: Vec<StoredPacket> =
        records.iter().map(|record| record.stored.clone()).collect();
    for index_payload in [false, true] {
        let options = SetupOptions { index_payload, ..SetupOptions::default() };
        let store = fixture.set_up(&options).await;
        append(&store, &records).await;
        store.flush().await.expect("flush");
        assert_eq!(fetch(&store, &Query::all()).await, everything);
        for text in [
            "login",
            "ogin",
            "in",
            "HTTP/1.1\r\nHost: \"a\\b\"",
            " or login",
            "\u{f6}gin",
            "no such",
            "XYZ[\\]^_`abc",
        ] {
            let filter = Filter::Is(Predicate::text(text));
            let query = Query { filter, ..Query::all() };
            let found = fetch(&store, &query).await;
            let explained = store.explain(&query).await.expect("explain").request;
            for record in records.iter().filter(|record| query::matches(&query, record)) {
                assert!(found.contains(&record.stored), "{text:?}: {explained}");
            }
            let is_indexed = store.status().await.expect("status").payload_index;
            assert_eq!(is_indexed && text == "no such", found.is_empty() && is_indexed, "{text:?}");
        }
    }
}

fn mixed_capture() -> Arc<Vec<PacketRecord>> {
    let socket = |text: &str| text.parse().expect("a socket address");
    let arp: Vec<u8> = [
        [0xff; 6].as_slice(),
        &[0, 0, 0x5e, 0, 0x53, 2, 0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1],
        &[0, 0, 0x5e, 0, 0x53, 2, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 192, 0, 2, 53],
    ]
    .concat();
    let frames = [
        udp_frame(socket("192.0.2.1:34555"), socket("192.0.2.53:53"), b"question"),
        udp_frame(socket("192.0.2.53:53"), socket("192.0.2.1:34555"), b"answer"),
        tcp_frame(socket("198.51.100.7:80"), socket("192.0.2.1:50000"), b"HTTP/1.1 200 OK\r\n\r\n"),
        udp_frame(socket("[2001:db8::1]:546"), socket("[2001:db8::2]:547"), b"dhcp"),
        tcp_frame(socket("[2001:db8::1]:50001"), socket("[2001:db8::5]:53"), b""),
        arp,
        b"\x00no ethernet at all".to_vec(),
    ];
    let mut capture = CaptureBuilder::new("mixed.pcap");
    for (frame, time) in frames.into_iter().zip(START..) {
        capture = capture.packet(time, LinkType::ETHERNET, frame);
    }
    capture.records()
}

fn filters() -> Vec<Filter> {
    let is = Filter::Is;
    let host = |text: &str| is(Predicate::host(text.parse().expect("a network")));
    let protocol = |protocol: Protocol| is(Predicate::Protocol(Scope::Any, protocol));
    let word = |word: &str| {
        let words = Words { all: vec![word.to_owned()], ..Words::default() };
        words.filter().expect("a word")
    };
    let mac = Predicate::mac("00:00:5e:00:53:02".parse().expect("an address"));
    vec![
        Filter::All,
        Filter::And(Vec::new()),
        Filter::Or(Vec::new()),
        host("192.0.2.1/32"),
        host("192.0.2.0/24"),
        host("0.0.0.0/0"),
        host("2001:db8::/32"),
        host("203.0.113.9/32"),
        is(Predicate::port(53)),
        is(mac),
        is(Predicate::text("answer")),
        is(Predicate::File("mixed.pcap".to_owned())),
        is(Predicate::File("captures/mixed.pcap".to_owned())),
        is(Predicate::File("elsewhere".to_owned())),
        protocol(Protocol::Ip),
        protocol(Protocol::Ip6),
        protocol(Protocol::Arp),
        protocol(Protocol::Udp),
        word("http"),
        Filter::Not(Box::new(host("192.0.2.1/32"))),
        Filter::And(vec![host("192.0.2.1/32"), is(Predicate::port(53))]),
        Filter::Or(vec![is(Predicate::port(80)), is(Predicate::text("dhcp"))]),
        Filter::And(vec![
            Filter::Not(Box::new(protocol(Protocol::Tcp))),
            Filter::Or(vec![host("2001:db8::2/128"), host("192.0.2.53/32")]),
        ]),
    ]
}

async fn time_ranges_include_both_ends(fixture: &dyn Fixture) {
    let records = dns_capture("times.pcap", 5);
    let store = filled(fixture, &records).await;
    let at = |second: i128| Some(Timestamp::from_nanoseconds(START + second * SECOND));
    for (earliest, latest, expected) in [
        (None, None, 5),
        (at(1), at(3), 3),
        (at(2), at(2), 1),
        (at(5), None, 0),
        (None, at(-1), 0),
        (Some(Timestamp::from_nanoseconds(-DAY)), Some(Timestamp::from_parts(i64::MAX, 0)), 5),
    ] {
        let query = Query { time: TimeRange { earliest, latest }, ..Query::all() };
        let records = fetch(&store, &query).await;
        let within = records.iter().filter(|p| query.time.contains(p.packet.timestamp));
        assert_eq!(within.count(), expected, "{earliest:?} … {latest:?}");
        let count = store.count(&query).await.expect("count");
        assert_eq!(count, records.len() as u64, "{earliest:?} … {latest:?}");
    }
}

/// Partitioned stores keep a packet that shares its partition with one that stays.
async fn prune_removes_what_is_older(fixture: &dyn Fixture) {
    let mut capture = CaptureBuilder::new("old.pcap");
    for day in [0, 100, 200] {
        for offset in [-1, 0, 1] {
            capture = capture.packet(START + day * DAY + offset, LinkType::RAW, vec![1; 10]);
        }
    }
    let records = capture.records();
    let store = filled(fixture, &records).await;
    let before = |day: i128| PruneScope::Before(Timestamp::from_nanoseconds(START + day * DAY));

    store.prune(before(-1)).await.expect("prune nothing");
    assert_eq!(ids(&store).await.len(), 9);

    store.prune(before(200)).await.expect("prune the older two");
    let left = ids(&store).await;
    let must_stay: Vec<PacketId> = records[7..].iter().map(|record| record.stored.id()).collect();
    assert!(must_stay.iter().all(|id| left.contains(id)), "at the time and after stays");
    let must_go: Vec<PacketId> = records[..6].iter().map(|record| record.stored.id()).collect();
    assert!(must_go.iter().all(|id| !left.contains(id)), "long before goes");

    assert_eq!(append(&store, &records).await.0, (9 - left.len()) as u64, "comes in again");
    store.flush().await.expect("flush");
    assert_eq!(ids(&store).await.len(), 9);

    store.prune(PruneScope::All).await.expect("prune all");
    assert_eq!(ids(&store).await, []);
    let store = fixture.reopen(store).await;
    assert_eq!(ids(&store).await, []);
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;

    struct Memory;

    #[async_trait]
    impl Fixture for Memory {
        async fn set_up(&self, _: &SetupOptions) -> Arc<dyn PacketStore> {
            Arc::new(MemoryStore::default())
        }

        async fn reopen(&self, store: Arc<dyn PacketStore>) -> Arc<dyn PacketStore> {
            store
        }
    }

    #[tokio::test]
    async fn memory_store_conforms() {
        conformance(&Memory).await;
    }
}
