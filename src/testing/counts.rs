use std::sync::Arc;

use crate::document::Value;
use crate::document::fields::FieldId;
use crate::packet::{LinkType, PacketRecord, Timestamp};
use crate::query::{FieldCondition, FieldTest, Filter, Predicate, Query, TimeRange};
use crate::store::PacketStore;
use crate::store::aggregate::{Breakdown, Timeline};
use crate::store::memory::MemoryStore;
use crate::testing::conformance::{START, filled};
use crate::testing::{CaptureBuilder, Fixture, tcp_frame, udp_frame};

const MILLISECOND: i128 = 1_000_000;

/// Hosts, ports and protocols of different frequency, ports that are the same at both ends,
/// times that buckets begin and end at, and beyond the index.
fn packets() -> Arc<Vec<PacketRecord>> {
    let mut capture = CaptureBuilder::new("counts.pcap");
    for number in 0..60_u16 {
        let (client, v6) = (format!("192.0.2.{}:{}", number % 7, 40_000 + number % 5), number % 11);
        let address = |text: &str| text.parse().expect("an address");
        let frame = match number % 6 {
            0 => udp_frame(address(&client), address("198.51.100.53:53"), b"question"),
            1 => udp_frame(address("192.0.2.9:123"), address("192.0.2.8:123"), b"same ports"),
            2 => {
                tcp_frame(address(&client), address("198.51.100.80:80"), b"GET / HTTP/1.1\r\n\r\n")
            }
            3 => tcp_frame(address(&format!("[2001:db8::{v6}]:443")), address("[::1]:443"), b""),
            4 => tcp_frame(address("127.0.0.1:53"), address("127.0.0.1:40001"), b"loop"),
            // An ethertype that nobody knows.
            _ => [vec![2; 12], vec![0xff, 0xf0, 1, 2, 3]].concat(),
        };
        let link_type = if number % 20 == 19 { LinkType(147) } else { LinkType::ETHERNET };
        let time = START + i128::from(number / 3) * 500 * MILLISECOND + i128::from(number % 2);
        capture = capture.packet(time, link_type, frame);
    }
    for time in [-5, 0, i128::from(i64::MAX) + 7] {
        capture = capture.packet(time, LinkType::RAW, vec![0x45; 20]);
    }
    capture.records()
}

pub(super) async fn counts_are_those_of_the_packets(fixture: &dyn Fixture) {
    let records = packets();
    let store = filled(fixture, &records).await;
    let reference = MemoryStore::default();
    reference.append(records).await.expect("append");
    let from = |time: i128| Some(Timestamp::from_nanoseconds(time));
    let some_time =
        TimeRange { earliest: from(START + 1), latest: from(START + 4_000 * MILLISECOND) };
    let timeline = |interval: i128, buckets| {
        Some(Timeline {
            start: i64::try_from(START).expect("a time of today"),
            interval: u64::try_from(interval).expect("a short time"),
            buckets,
        })
    };
    let breakdowns = [
        Breakdown::default(),
        Breakdown { timeline: None, top: Some(4) },
        Breakdown { timeline: timeline(500 * MILLISECOND, 30), top: Some(100) },
        Breakdown { timeline: timeline(1_500 * MILLISECOND, 3), top: None },
        Breakdown { timeline: timeline(1, 5), top: None },
    ];
    let is = |predicate| Filter::Is(predicate);
    let filters = [
        Filter::All,
        is(Predicate::Field(FieldTest {
            field: FieldId::NetworkProtocol,
            condition: FieldCondition::Equals(Value::Text("http".into())),
        })),
        Filter::Not(Box::new(Filter::All)),
        Filter::Or(Vec::new()),
    ];
    for filter in filters {
        for time in [TimeRange::default(), some_time] {
            let query = Query { filter: filter.clone(), time, ..Query::all() };
            for what in breakdowns {
                let counted = store.aggregate(&query, what).await.expect("aggregate");
                let expected = reference.aggregate(&query, what).await.expect("aggregate");
                match counted {
                    Some(_) => assert_eq!(counted, expected, "{query:?} {what:?}"),
                    None if fixture.stores_singles() => {
                        assert_ne!(filter, Filter::All, "every store can count them all");
                    }
                    None => {}
                }
            }
        }
    }
}
