//! Conditions on stored fields, their order and their sums → Elasticsearch's query language.

use ipnet::IpNet;
use serde_json::{Value as Json, json};

use crate::document::Value;
use crate::document::fields::{FieldId, Kind};
use crate::document::payload;
use crate::packet::Timestamp;
use crate::query::{Order, TimeRange, Wildcard};
use crate::store::pushdown::{Abilities, Answering, Condition, times_between};
use crate::store::{Layout, flows};

/// The years 0 and 9999, which a `date` can be written with.
const FIRST_DATE: Timestamp = Timestamp::from_nanoseconds(-62_167_219_200 * 1_000_000_000);
/// See [`FIRST_DATE`].
const LAST_DATE: Timestamp = Timestamp::from_nanoseconds(253_402_300_799 * 1_000_000_000);

/// What the server can be asked, in an archive with an index of the payload or in one without.
pub(super) fn abilities(payload: bool, layout: Layout) -> Abilities {
    match layout {
        Layout::Singles => Abilities { payload, several_packets: false, answering },
        Layout::Flows => Abilities { payload, several_packets: true, answering: answering_flows },
    }
}

fn answering(id: FieldId) -> Answering {
    match id.field() {
        field if !field.indexed || field.kind == Kind::Terms => Answering::Nothing,
        _ => Answering::Itself,
    }
}

fn answering_flows(id: FieldId) -> Answering {
    flows::answering(id, answering)
}

/// The condition and the time range as a `query` clause. Nothing is scored.
pub(super) fn query(of: &Condition, range: &TimeRange, layout: Layout) -> Json {
    let mut filters = vec![time(range, layout)];
    match of {
        Condition::All => {}
        Condition::And(conditions) => {
            filters.extend(conditions.iter().map(|one| condition(one, layout)));
        }
        other => filters.push(condition(other, layout)),
    }
    json!({ "bool": { "filter": filters } })
}

/// The query's order as a `sort` clause. Elasticsearch ends it with its own tie-breaker, so that
/// paging loses nothing; packets that tie are put in order here.
pub(super) fn sort(order: Order) -> Json {
    let sequence = json!({ FieldId::EventSequence.field().name: "asc" });
    match order {
        // Without the format the answer has milliseconds only.
        Order::Time => json!([
            { FieldId::Timestamp.field().name: {
                "order": "asc", "format": "strict_date_optional_time_nanos" } },
            sequence,
        ]),
        Order::Frame => json!([{ FieldId::PacketCapture.field().name: "asc" }, sequence]),
    }
}

/// What [`sort`] puts before a place, given as in the answer to a search.
pub(super) fn before(order: Order, text: &str, sequence: i64) -> Json {
    let field = match order {
        Order::Time => FieldId::Timestamp,
        Order::Frame => FieldId::PacketCapture,
    };
    let (field, number) = (field.field().name, FieldId::EventSequence.field().name);
    json!({ "bool": { "should": [
        { "range": { field: { "lt": text } } },
        { "bool": { "filter": [
            { "range": { field: { "gte": text, "lte": text } } },
            { "range": { number: { "lt": sequence } } },
        ] } },
    ] } })
}

/// Packets are found by the time that sorts them, which is clamped; a document without a time
/// is no packet (setup's probe has none).
fn time(range: &TimeRange, layout: Layout) -> Json {
    if *range == TimeRange::default() {
        return json!({ "exists": { "field": FieldId::Timestamp.field().name } });
    }
    let (earliest, latest) = (range.earliest.map(Value::Time), range.latest.map(Value::Time));
    match layout {
        Layout::Singles => between(FieldId::Timestamp, earliest.as_ref(), latest.as_ref()),
        // A stretch may have begun before, and go on.
        Layout::Flows => json!({ "bool": { "filter": [
            between(FieldId::EventEnd, earliest.as_ref(), None),
            between(FieldId::Timestamp, None, latest.as_ref()),
        ] } }),
    }
}

/// Documents that begin from a time to another; both ends belong to it.
pub(super) fn captured_between(first: Timestamp, last: Timestamp) -> Json {
    between(FieldId::Timestamp, Some(&Value::Time(first)), Some(&Value::Time(last)))
}

/// The sum of a number over all documents.
pub(super) fn sum(field: FieldId) -> Json {
    json!({ "sum": { "field": field.field().name } })
}

fn indexed(time: Timestamp) -> String {
    Timestamp::from_nanoseconds(time.indexed().into()).to_string()
}

fn condition(part: &Condition, layout: Layout) -> Json {
    let all_of = |conditions: &[Condition]| -> Vec<Json> {
        conditions.iter().map(|one| condition(one, layout)).collect()
    };
    match part {
        Condition::All => json!({ "match_all": {} }),
        Condition::And(conditions) => {
            json!({ "bool": { "filter": all_of(conditions) } })
        }
        Condition::Or(conditions) if conditions.is_empty() => json!({ "match_none": {} }),
        Condition::Or(conditions) => {
            json!({ "bool": { "should": all_of(conditions), "minimum_should_match": 1 } })
        }
        Condition::Not(inner) => json!({ "bool": { "must_not": [condition(inner, layout)] } }),
        Condition::Equals(field, value) => json!({ "term": { field.field().name: term(value) } }),
        Condition::Between(FieldId::Timestamp, first, last) if layout == Layout::Flows => {
            time(&times_between(first.as_ref(), last.as_ref()), layout)
        }
        Condition::Between(field, first, last) => between(*field, first.as_ref(), last.as_ref()),
        Condition::Like(field, wildcard) => {
            json!({ "wildcard": { field.field().name: { "value": like(wildcard) } } })
        }
        Condition::Exists(field) => json!({ "exists": { "field": field.field().name } }),
        Condition::TooLong(field) => json!({ "term": { "_ignored": field.field().name } }),
        Condition::InNetwork(field, network) => in_network(*field, network),
        Condition::Ids(ids) => {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            json!({ "ids": { "values": ids } })
        }
        Condition::Terms(terms) => of_terms(terms),
    }
}

/// Packets that were stored before the archive had the index lack its mark, and may be meant.
fn of_terms(terms: &[String]) -> Json {
    let field = FieldId::PacketPayloadTerms.field().name;
    let has = |term: &str| json!({ "term": { field: term } });
    let terms: Vec<Json> = terms.iter().map(|term| has(term)).collect();
    json!({ "bool": { "minimum_should_match": 1, "should": [
        { "bool": { "filter": terms } },
        { "bool": { "must_not": [has(payload::MARK)] } },
    ] } })
}

/// As a range: a prefix is not understood where an IPv6 address maps an IPv4 one.
fn in_network(field: FieldId, network: &IpNet) -> Json {
    let field = field.field().name;
    if network.prefix_len() == network.max_prefix_len() {
        return json!({ "term": { field: network.addr() } });
    }
    json!({ "range": { field: { "gte": network.network(), "lte": network.broadcast() } } })
}

fn between(field: FieldId, first: Option<&Value<'_>>, last: Option<&Value<'_>>) -> Json {
    let mut ends = serde_json::Map::new();
    for (word, end) in [("gte", first), ("lte", last)] {
        if let Some(end) = end {
            ends.insert(word.to_owned(), bound(field, end));
        }
    }
    json!({ "range": { field.field().name: ends } })
}

/// Times are brought into what the index can hold, as those of packets are.
fn bound(field: FieldId, value: &Value<'_>) -> Json {
    match (field.field().kind, value) {
        (Kind::Time, Value::Time(time)) => json!(indexed(*time)),
        (Kind::Date, Value::Time(time)) => json!((*time).clamp(FIRST_DATE, LAST_DATE).to_string()),
        _ => term(value),
    }
}

/// A star is any text, a question mark any character.
fn like(wildcard: &Wildcard) -> String {
    let escaped = |part: &String| {
        let escape = |c: char| ['*', '?', '\\'].contains(&c).then_some('\\').into_iter().chain([c]);
        part.chars().flat_map(escape).collect::<String>()
    };
    wildcard.parts.iter().map(escaped).collect::<Vec<_>>().join("*")
}

fn term(value: &Value<'_>) -> Json {
    match value {
        Value::Number(number) => json!(number),
        Value::Boolean(boolean) => json!(boolean),
        other => json!(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::PacketId;
    use crate::query::{Filter, Predicate, Protocol, Query, Scope};
    use crate::store::pushdown::Plan;

    fn clause(of: &Query) -> Json {
        query(
            &Plan::new(of, &abilities(true, Layout::Singles)).condition,
            &of.time,
            Layout::Singles,
        )
    }

    fn filters(filter: Filter) -> Json {
        let query = clause(&Query { filter, ..Query::all() });
        let filters = query["bool"]["filter"].as_array().unwrap();
        assert_eq!(filters[0], json!({ "exists": { "field": "@timestamp" } }));
        json!(filters[1..])
    }

    fn host(text: &str) -> Filter {
        Filter::Is(Predicate::host(text.parse().unwrap()))
    }

    /// tcpdump's conditions look at the bytes, too.
    fn or_unread(conditions: &[Json]) -> Json {
        let mut should = conditions.to_vec();
        should.push(json!({ "term": { "packet.unread": true } }));
        json!({ "bool": { "minimum_should_match": 1, "should": should } })
    }

    #[test]
    fn words_become_terms() {
        assert_eq!(filters(Filter::All), json!([]));
        assert_eq!(
            filters(Filter::And(vec![host("192.0.2.1/32"), Filter::Is(Predicate::port(53))])),
            json!([
                or_unread(&[json!({ "term": { "related.ip": "192.0.2.1" } })]),
                or_unread(&[
                    json!({ "term": { "source.port": 53 } }),
                    json!({ "term": { "packet.outer.source.port": 53 } }),
                    json!({ "term": { "destination.port": 53 } }),
                    json!({ "term": { "packet.outer.destination.port": 53 } }),
                ]),
            ])
        );
        assert_eq!(
            filters(Filter::Is(Predicate::Protocol(Scope::Any, Protocol::Ip))),
            json!([or_unread(&[json!({ "term": { "packet.layers": "ipv4" } })])])
        );
        let id = |byte: u8| Filter::Is(Predicate::Id(PacketId([byte; 16])));
        assert_eq!(
            filters(Filter::Or(vec![id(0), id(255)])),
            json!([{ "ids": { "values": ["AAAAAAAAAAAAAAAAAAAAAA", "_____________________w"] } }])
        );
        assert_eq!(
            filters(Filter::Is(Predicate::text("Root"))),
            json!([{ "bool": { "minimum_should_match": 1, "should": [
                { "bool": { "filter": [
                    { "term": { "packet.payload_terms": "oot" } },
                    { "term": { "packet.payload_terms": "roo" } },
                ] } },
                { "bool": { "must_not": [{ "term": { "packet.payload_terms": "P" } }] } },
            ] } }])
        );
        assert_eq!(filters(Filter::Or(Vec::new())), json!([{ "match_none": {} }]));
        let in_header = |field: &str| json!({ "term": { field: "192.0.2.1" } });
        assert_eq!(
            filters(host("192.0.2.1/32").negated()),
            json!([{ "bool": { "must_not": [{ "bool": { "filter": [
                { "bool": { "minimum_should_match": 1, "should": [
                    in_header("source.ip"),
                    in_header("packet.outer.source.ip"),
                    in_header("destination.ip"),
                    in_header("packet.outer.destination.ip"),
                ] } },
                { "bool": { "must_not": [{ "term": { "packet.layers": "ipv6" } }] } },
                { "bool": { "must_not": [{ "term": { "packet.unread": true } }] } },
            ] } }] } }])
        );
    }

    #[test]
    fn networks_become_ranges() {
        for (network, first, last) in [
            ("192.0.2.0/24", "192.0.2.0", "192.0.2.255"),
            ("0.0.0.0/0", "0.0.0.0", "255.255.255.255"),
            ("2001:db8::/64", "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff"),
            ("::ffff:192.0.2.0/120", "::ffff:192.0.2.0", "::ffff:192.0.2.255"),
        ] {
            assert_eq!(
                filters(host(network)),
                json!([or_unread(&[
                    json!({ "range": { "related.ip": { "gte": first, "lte": last } } })
                ])])
            );
        }
    }

    #[test]
    fn time_ranges_are_clamped_like_the_packets() {
        let at = |nanoseconds: i128| Some(Timestamp::from_nanoseconds(nanoseconds));
        for (earliest, latest, expected) in [
            (at(1), None, json!({ "gte": "1970-01-01T00:00:00.000000001Z" })),
            (None, at(-5), json!({ "lte": "1970-01-01T00:00:00.000000000Z" })),
            (
                at(-5),
                at(i128::MAX),
                json!({
                    "gte": "1970-01-01T00:00:00.000000000Z",
                    "lte": "2262-04-11T23:47:16.854775807Z",
                }),
            ),
        ] {
            let time = TimeRange { earliest, latest };
            let query = clause(&Query { time, ..Query::all() });
            assert_eq!(query["bool"]["filter"], json!([{ "range": { "@timestamp": expected } }]));
        }
    }
}
