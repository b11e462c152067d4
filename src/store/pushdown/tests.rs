use std::net::Ipv4Addr;

use super::*;
use crate::document::Value;
use crate::query::{
    Accessor, Addresses, Arithmetic, Comparison, Direction, FieldCondition, FieldTest, Host,
    Operator, Ports, Predicate, Protocol, Relation, Scope, Wildcard,
};

const ALL_FIELDS: Abilities =
    Abilities { payload: true, several_packets: false, answering: |_| Answering::Itself };

fn plan(filter: impl Into<Filter>) -> Plan {
    Plan::new(&Query { filter: filter.into(), ..Query::all() }, &ALL_FIELDS)
}

fn condition(filter: impl Into<Filter>) -> String {
    plan(filter).condition.to_string()
}

fn field(field: FieldId, condition: FieldCondition) -> Filter {
    Predicate::Field(FieldTest { field, condition }).into()
}

fn number(field_id: FieldId, comparison: Comparison, number: i64) -> Filter {
    field(field_id, FieldCondition::Compared(comparison, Value::Number(number)))
}

const NOT_IP: &str = "not (packet.layers:ipv4 and not packet.unread:true)";

#[test]
fn what_is_certain_can_be_negated_and_what_is_not_cannot() {
    let ip = || Filter::Is(Predicate::Protocol(Scope::Any, Protocol::Ip));
    let text = || Filter::Is(Predicate::text("login"));
    assert_eq!(condition(ip().negated()), NOT_IP);
    assert_eq!(condition(text().negated()), "all");
    assert!(plan(text().negated()).reads_everything());
    let both = Filter::And(vec![ip().negated(), text()]);
    assert_eq!(condition(both.clone()), format!("{NOT_IP} and packet.payload_terms:(gin log ogi)"));
    assert_eq!(plan(both.clone()).left, Some(both));
    assert_eq!(condition(Filter::Or(vec![ip(), text()]).negated()), NOT_IP);
    assert_eq!(condition(Filter::And(vec![ip(), text()]).negated()), "all");
    assert_eq!(condition(ip().negated().negated()), "packet.layers:ipv4 or packet.unread:true");
    assert!(plan(Filter::All).is_exact() && !plan(Filter::All).reads_everything());
}

#[test]
fn nothing_is_certain_of_documents_with_several_packets() {
    let abilities = Abilities { several_packets: true, ..ALL_FIELDS };
    let arp = Filter::Is(Predicate::Protocol(Scope::Any, Protocol::Arp));
    for (filter, expected) in
        [(arp.clone(), "packet.layers:arp or packet.unread:true"), (arp.negated(), "all")]
    {
        let plan = Plan::new(&Query { filter, ..Query::all() }, &abilities);
        assert_eq!((plan.condition.to_string().as_str(), plan.is_exact()), (expected, false));
    }
}

#[test]
fn another_field_may_answer_and_then_there_may_be_others() {
    let answering = |id| match id {
        FieldId::SourceIp => Answering::Other(FieldId::RelatedIp),
        _ => Answering::Nothing,
    };
    let abilities = Abilities { answering, ..ALL_FIELDS };
    let address = FieldCondition::Equals(Value::Ip("2001:db8::1".parse().unwrap()));
    let filter = field(FieldId::SourceIp, address);
    let plan = |filter| Plan::new(&Query { filter, ..Query::all() }, &abilities);
    assert_eq!(plan(filter.clone()).condition.to_string(), "related.ip:2001:db8::1/128");
    assert_eq!(plan(filter.negated()).condition, Condition::All);
    assert_eq!(plan(number(FieldId::HttpVersion, Comparison::Less, 1)).condition, Condition::NONE);
    assert!(plan(number(FieldId::PacketLength, Comparison::Less, 1)).reads_everything());
}

#[test]
fn ranges_end_where_their_fields_end() {
    use Comparison::{Greater, GreaterOrEqual, Less};
    for (filter, expected) in [
        (number(FieldId::SourcePort, Greater, 1023), "source.port>=1024"),
        (number(FieldId::SourcePort, Less, 1024), "source.port<=1023"),
        (number(FieldId::SourcePort, Greater, i64::MAX), "none"),
        (number(FieldId::SourcePort, Less, i64::MIN), "none"),
        (number(FieldId::SourcePort, GreaterOrEqual, 1 << 40), "none"),
        (number(FieldId::SourcePort, Less, 1 << 40), "source.port<=2147483647"),
        (number(FieldId::PacketLength, Less, 1 << 40), "packet.length<=1099511627775"),
        (number(FieldId::DnsType, Less, 5), "none"),
        (
            field(FieldId::PacketIcmpType, FieldCondition::Equals(Value::Number(8))),
            "packet.icmp.type:8",
        ),
        (field(FieldId::PacketIcmpType, FieldCondition::Equals(Value::Number(70_000))), "none"),
        (
            field(
                FieldId::PacketLength,
                FieldCondition::Between(Value::Number(5), Value::Number(1)),
            ),
            "none",
        ),
    ] {
        assert_eq!(condition(filter.clone()), expected, "{filter}");
    }
}

#[test]
fn texts_that_are_too_long_to_be_indexed_may_be_meant() {
    let name = FieldId::UrlOriginal;
    let like = FieldCondition::Like(Wildcard { parts: vec!["/a".into(), String::new()] });
    assert_eq!(condition(field(name, like.clone())), "url.original:/a* or url.original:(too long)");
    assert_eq!(condition(field(name, like).negated()), "not url.original:/a*");
    let exists = plan(field(name, FieldCondition::Exists));
    assert_eq!(exists.condition.to_string(), "url.original:* or url.original:(too long)");
    assert!(exists.is_exact());
    let of_capture = FieldCondition::Like(Wildcard { parts: vec!["a".into(), String::new()] });
    assert_eq!(condition(field(FieldId::PacketCapture, of_capture)), "all", "may be kept as bytes");
    let long = FieldCondition::Equals(Value::Text("x".repeat(2_000).into()));
    assert!(condition(field(name, long)).ends_with(" or url.original:(too long)"));
}

#[test]
fn tcpdumps_words_become_fields() {
    let port = |range, direction, transport| {
        Predicate::Port(Ports { scope: Scope::Any, transport, direction, range })
    };
    let relation = |left, comparison, right| {
        Predicate::Relation(Box::new(Relation { left, comparison, right }))
    };
    let flags = || {
        let offset = Arithmetic::Number(13);
        Arithmetic::Bytes(Box::new(Accessor { protocol: Protocol::Tcp, offset, size: 1 }))
    };
    let masked =
        |mask| Arithmetic::Binary(Operator::And, Box::new((flags(), Arithmetic::Number(mask))));
    let mask = Addresses::Masked(Ipv4Addr::new(10, 0, 3, 0), Ipv4Addr::new(255, 0, 255, 0));
    for (predicate, expected) in [
        (
            port(1..=9, Direction::Source, None),
            "source.port:[1 to 9] or packet.outer.source.port:[1 to 9] or packet.unread:true",
        ),
        (
            port(53..=53, Direction::Destination, Some(crate::query::Transport::Udp)),
            "((destination.port:53 or packet.outer.destination.port:53) and packet.ip_protocols:17) \
             or packet.unread:true",
        ),
        (
            relation(Arithmetic::Length, Comparison::LessOrEqual, Arithmetic::Number(60)),
            "packet.length<=60",
        ),
        (
            relation(Arithmetic::Number(60), Comparison::Less, Arithmetic::Length),
            "packet.length>=61",
        ),
        (
            relation(masked(3), Comparison::NotEqual, Arithmetic::Number(0)),
            "(packet.ip_protocols:6 and (packet.tcp.flags:fin or packet.tcp.flags:syn)) \
             or packet.unread:true",
        ),
        (
            relation(flags(), Comparison::Equal, Arithmetic::Number(18)),
            "(packet.ip_protocols:6 and packet.tcp.flags:syn and packet.tcp.flags:ack) \
             or packet.unread:true",
        ),
        (
            relation(flags(), Comparison::Greater, Arithmetic::Number(1)),
            "packet.ip_protocols:6 or packet.unread:true",
        ),
        (
            Predicate::Host(Host {
                scope: Scope::Any,
                protocol: None,
                direction: Direction::Either,
                addresses: mask,
            }),
            "related.ip:10.0.0.0/8 or packet.unread:true",
        ),
        (
            Predicate::Vlan(Some(5)),
            "network.vlan.id:5 or network.inner.vlan.id:5 or network.inner.vlan.id:* \
             or packet.tunnel.type:* or packet.unread:true",
        ),
        (Predicate::Mpls(Some(7)), "packet.mpls.label:7 or packet.unread:true"),
        (Predicate::Protocol(Scope::Any, Protocol::Stp), "all"),
    ] {
        assert_eq!(condition(predicate.clone()), expected, "{predicate:?}");
    }
}

/// An IPv6 address that maps an IPv4 one is another address, and looks the same to a store.
#[test]
fn an_ipv4_address_is_certain_only_without_ipv6() {
    let host = |text: &str| plan(Predicate::host(text.parse().unwrap()));
    let certain = host("192.0.2.1/32").certain.to_string();
    assert!(
        certain.ends_with("and not packet.layers:ipv6 and not packet.unread:true"),
        "{certain}"
    );
    assert!(!host("2001:db8::/32").certain.to_string().contains("layers"));
    for mapped in ["::ffff:192.0.2.1/128", "::/0", "::ffff:0:0/90"] {
        assert_eq!(host(mapped).certain, Condition::NONE, "{mapped}");
    }
}

#[test]
fn times_beyond_the_index_are_not_certain() {
    let at = |nanoseconds: i128| Some(Timestamp::from_nanoseconds(nanoseconds));
    let last = i128::from(i64::MAX);
    for (earliest, latest, is_exact) in [
        (None, None, true),
        (at(1), at(last - 1), true),
        (at(last), None, true),
        (at(0), None, false),
        (at(-1), None, false),
        (at(last + 1), None, false),
        (None, at(0), true),
        (None, at(-1), false),
        (None, at(last), false),
    ] {
        let query = Query { time: TimeRange { earliest, latest }, ..Query::all() };
        assert_eq!(Plan::new(&query, &ALL_FIELDS).is_exact(), is_exact, "{:?}", query.time);
    }
}
