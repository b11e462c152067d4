//! Queries that are about something: their values are mostly those of packets that are there.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;
use pcap_archiver::document::fields::{FieldId, Kind};
use pcap_archiver::document::{Document, Value};
use pcap_archiver::packet::{LinkType, MacAddress, PacketRecord, Timestamp};
use pcap_archiver::query::{
    AddressProtocol, Addresses, Carrier, Cast, Comparison, Direction, FieldCondition, FieldTest,
    Filter, Host, HostDirection, Mac, Order, Payload, Ports, Predicate, Protocol, Query, Scope,
    TimeRange, Transport, Wildcard,
};
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// What the corpus has.
struct Known {
    fields: Vec<(FieldId, Value<'static>)>,
    addresses: Vec<IpAddr>,
    ports: Vec<u16>,
    macs: Vec<MacAddress>,
    times: Vec<Timestamp>,
    texts: Vec<String>,
    records: Vec<PacketRecord>,
}

impl Known {
    fn of(records: &[PacketRecord]) -> Self {
        let mut known = Self {
            fields: Vec::new(),
            addresses: vec!["203.0.113.1".parse().unwrap(), "::ffff:192.0.2.1".parse().unwrap()],
            ports: vec![0, 65_535],
            macs: vec![MacAddress([0xff; 6])],
            times: Vec::new(),
            texts: vec!["no such text".to_owned(), "login".to_owned(), "n".to_owned()],
            records: records.to_vec(),
        };
        for record in records {
            known.add(record);
        }
        known.fields.sort_by_key(|(field, value)| (*field, value.to_string()));
        known.fields.dedup();
        known.addresses.sort_unstable();
        known.addresses.dedup();
        known.ports.sort_unstable();
        known.ports.dedup();
        known
    }

    fn add(&mut self, record: &PacketRecord) {
        self.times.push(record.stored.packet.timestamp);
        self.macs.extend(record.layers.source_mac);
        self.macs.extend(record.layers.destination_mac);
        for (field, value) in Document::of(record).values() {
            let value = match value {
                Value::Text(text) => Value::Text(Cow::Owned(text.clone().into_owned())),
                Value::Bytes(_) => continue,
                Value::Time(time) => Value::Time(*time),
                Value::Ip(address) => {
                    self.addresses.push(*address);
                    Value::Ip(*address)
                }
                Value::Number(number) => {
                    let is_port = field.field().name.rsplit('.').next() == Some("port");
                    self.ports.extend(u16::try_from(*number).ok().filter(|_| is_port));
                    Value::Number(*number)
                }
                Value::Boolean(flag) => Value::Boolean(*flag),
            };
            self.fields.push((*field, value));
        }
        let data = &record.stored.packet.data;
        let runs = data.split(|byte| !(b' '..=b'~').contains(byte));
        let texts = runs.filter(|run| run.len() > 2).take(3);
        self.texts.extend(texts.map(|run| String::from_utf8_lossy(run).into_owned()));
    }
}

pub(super) fn query(records: &[PacketRecord]) -> impl Strategy<Value = Query> + use<> {
    let known = Known::of(records);
    let times = select(known.times.clone());
    let end = prop::option::weighted(0.2, times);
    let order = prop_oneof![4 => Just(Order::Time), 1 => Just(Order::Frame)];
    (filter(&known), end.clone(), end, order).prop_map(|(filter, earliest, latest, order)| Query {
        filter,
        time: TimeRange { earliest, latest },
        order,
    })
}

fn filter(known: &Known) -> impl Strategy<Value = Filter> + use<> {
    let leaf = prop_oneof![
        20 => predicate(known).prop_map(Filter::Is),
        1 => Just(Filter::All),
        1 => Just(Filter::NONE),
    ];
    leaf.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Filter::And),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Filter::Or),
            inner.prop_map(Filter::negated),
        ]
    })
}

fn predicate(known: &Known) -> BoxedStrategy<Predicate> {
    let records = known.records.clone();
    let origin = (any::<Index>(), 0..4_u8).prop_map(move |(index, which)| {
        let stored = &index.get(&records).stored;
        match which {
            0 => Predicate::Id(stored.id()),
            1 => Predicate::Capture(stored.origin.capture),
            2 => Predicate::File(stored.origin.source.file_name.clone()),
            _ => Predicate::File(stored.origin.source.file_path.clone()),
        }
    });
    prop_oneof![
        6 => host(known),
        6 => ports(known),
        2 => (select(known.macs.clone()), direction()).prop_map(|(address, direction)| {
            Predicate::Mac(Mac { direction: HostDirection::Ends(direction), address })
        }),
        5 => (scope(), protocol()).prop_map(|(scope, word)| Predicate::Protocol(scope, word)),
        3 => (scope(), carrier(), carried()).prop_map(|(scope, carrier, number)| {
            Predicate::Carries(scope, carrier, number)
        }),
        1 => select(vec![Cast::Broadcast, Cast::Multicast, Cast::IpBroadcast, Cast::IpMulticast,
            Cast::Ip6Multicast]).prop_map(Predicate::Cast),
        12 => field(known).prop_map(Predicate::Field),
        8 => payload(known).prop_map(Predicate::Payload),
        2 => origin,
    ]
    .boxed()
}

fn scope() -> impl Strategy<Value = Scope> {
    prop_oneof![Just(Scope::Any), Just(Scope::Outer)]
}

fn direction() -> impl Strategy<Value = Direction> {
    select(vec![Direction::Either, Direction::Source, Direction::Destination, Direction::Both])
}

fn protocol() -> impl Strategy<Value = Protocol> {
    select(vec![
        Protocol::Ip,
        Protocol::Ip6,
        Protocol::Arp,
        Protocol::Rarp,
        Protocol::Tcp,
        Protocol::Udp,
        Protocol::Sctp,
        Protocol::Icmp,
        Protocol::Icmp6,
        Protocol::Igmp,
        Protocol::Ah,
        Protocol::Esp,
        Protocol::Pim,
    ])
}

fn carrier() -> impl Strategy<Value = Carrier> {
    select(vec![Carrier::Ip, Carrier::Ip6, Carrier::AnyIp, Carrier::Link])
}

fn carried() -> impl Strategy<Value = u32> {
    select(vec![0, 1, 6, 17, 41, 44, 47, 51, 58, 132, 300, 0x800, 0x806, 0x86dd])
}

fn network(known: &Known) -> impl Strategy<Value = IpNet> + use<> {
    let length = prop_oneof![2 => Just(128_u8), 1 => 0..=128_u8, 1 => 96..=128_u8];
    (select(known.addresses.clone()), length).prop_map(|(address, length)| {
        let most = if address.is_ipv4() { 32 } else { 128 };
        IpNet::new(address, length.min(most)).unwrap().trunc()
    })
}

fn host(known: &Known) -> impl Strategy<Value = Predicate> + use<> {
    let protocols = vec![
        None,
        None,
        None,
        Some(AddressProtocol::Ip),
        Some(AddressProtocol::Ip6),
        Some(AddressProtocol::Arp),
    ];
    (scope(), select(protocols), direction(), network(known)).prop_map(
        |(scope, protocol, direction, network)| {
            Predicate::Host(Host {
                scope,
                protocol,
                direction,
                addresses: Addresses::Network(network),
            })
        },
    )
}

fn ports(known: &Known) -> impl Strategy<Value = Predicate> + use<> {
    let transports =
        vec![None, None, Some(Transport::Tcp), Some(Transport::Udp), Some(Transport::Sctp)];
    let port = select(known.ports.clone());
    (scope(), select(transports), direction(), port, 0..2_u8, 0..2000_u16).prop_map(
        |(scope, transport, direction, port, is_range, length)| {
            let last = if is_range == 1 { port.saturating_add(length) } else { port };
            Predicate::Port(Ports { scope, transport, direction, range: port..=last })
        },
    )
}

/// A value of the corpus, or one beside it.
fn field(known: &Known) -> impl Strategy<Value = FieldTest> + use<> {
    let fields = known.fields.clone();
    let comparisons = select(vec![
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::Greater,
        Comparison::GreaterOrEqual,
    ]);
    let parts = (any::<Index>(), any::<Index>(), 0..8_u8, comparisons, any::<Index>());
    let test = (parts, network(known)).prop_map(
        move |((first, second, form, comparison, at), network)| {
            let (field, value) = first.get(&fields).clone();
            let condition = match (form, &value) {
                (0, _) => FieldCondition::Exists,
                (1..=3, Value::Text(text)) => FieldCondition::Like(wildcard(text, form, at)),
                (1, Value::Ip(_)) => FieldCondition::InNetwork(network),
                (2 | 3, Value::Number(_) | Value::Time(_) | Value::Ip(_)) => {
                    FieldCondition::Compared(comparison, value)
                }
                (4, Value::Number(_) | Value::Time(_) | Value::Ip(_)) => {
                    let of_field: Vec<_> = fields.iter().filter(|(id, _)| *id == field).collect();
                    FieldCondition::Between(value, second.get(&of_field).1.clone())
                }
                (5, Value::Number(number)) => {
                    FieldCondition::Equals(Value::Number(number.wrapping_add(1) << 20))
                }
                _ => FieldCondition::Equals(value),
            };
            FieldTest { field, condition }
        },
    );
    let exists = select(FieldId::ALL.to_vec())
        .prop_filter("bytes are nothing to search for", |id| id.field().kind != Kind::Binary)
        .prop_map(|field| FieldTest { field, condition: FieldCondition::Exists });
    prop_oneof![8 => test, 1 => exists]
}

fn wildcard(text: &str, form: u8, at: Index) -> Wildcard {
    let characters: Vec<char> = text.chars().collect();
    let cut = at.index(characters.len() + 1);
    let (before, behind): (String, String) =
        (characters[..cut].iter().collect(), characters[cut..].iter().collect());
    let parts = match form {
        1 => vec![before, String::new()],
        2 => vec![String::new(), behind],
        _ => {
            let middle: String = behind.chars().skip(1).take(3).collect();
            vec![before.chars().take(2).collect(), middle, String::new()]
        }
    };
    Wildcard { parts }
}

fn payload(known: &Known) -> impl Strategy<Value = Payload> + use<> {
    let part = (select(known.texts.clone()), any::<Index>(), 1..12_usize).prop_map(
        |(text, at, length)| {
            let start = at.index(text.len());
            text.chars().skip(start).take(length).collect::<String>()
        },
    );
    (part.clone(), part, 0..7_u8).prop_map(|(text, other, form)| {
        let (one, two) = (regex_syntax::escape(&text), regex_syntax::escape(&other));
        match form {
            0 | 1 => Payload::text(text),
            2 => Payload::text_in_any_case(text.to_uppercase()).unwrap(),
            3 => Payload::bytes(text.into_bytes()),
            4 => Payload::regex(format!("(?s){one}.*{two}"), false).unwrap(),
            5 => Payload::regex(format!("{one}|{two}"), true).unwrap(),
            _ => Payload::regex(format!("({one})?({two})+"), false).unwrap(),
        }
    })
}

#[test]
fn the_corpus_has_something_of_everything() {
    let records = super::corpus::records();
    let known = Known::of(&records);
    assert!(records.iter().any(|record| record.stored.packet.link_type == LinkType::RAW));
    assert!(known.texts.len() > 20 && known.ports.len() > 10 && known.addresses.len() > 10);
}
