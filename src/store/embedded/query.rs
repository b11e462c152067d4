//! Conditions → tantivy queries, word for word: a condition may stand under a `not`.

use std::collections::HashSet;
use std::net::Ipv6Addr;
use std::ops::Bound;
use std::sync::Arc;

use ipnet::IpNet;
use tantivy::query::doc_predicate_query::{DocPredicateQuery, FunctionPredicate};
use tantivy::query::{
    AllQuery, BooleanQuery, EmptyQuery, Occur, Query as IndexQuery, RangeQuery, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, SegmentReader, Term};

use crate::document::Value;
use crate::document::fields::FieldId;
use crate::packet::{Fingerprint, PacketId, Timestamp};
use crate::query::TimeRange;
use crate::store::embedded::document::{exact_time, id_halves, mapped};
use crate::store::embedded::schema::{ID_HIGH, ID_LOW, LAYOUT, MadeAs, Search, answering};
use crate::store::embedded::wildcard::WildcardQuery;
use crate::store::pushdown::{Abilities, Answering, Condition, times_between};
use crate::store::{Layout, flows};

/// What the index of such a store can be asked.
pub(super) fn abilities(kind: MadeAs) -> Abilities {
    let payload = kind.payload;
    match kind.documents {
        Layout::Singles => Abilities { payload, several_packets: false, answering },
        Layout::Flows => Abilities { payload, several_packets: true, answering: answering_flows },
    }
}

fn answering_flows(id: FieldId) -> Answering {
    flows::answering(id, answering)
}

/// What the index of a store with such documents is asked.
pub(super) fn index_query(
    condition: &Condition,
    time: TimeRange,
    documents: Layout,
) -> Box<dyn IndexQuery> {
    let condition = of_condition(condition, documents);
    match of_time(time, documents) {
        Some(time) => Box::new(BooleanQuery::intersection(vec![condition, time])),
        None => condition,
    }
}

/// The same, for people to read.
pub(super) fn explain(condition: &Condition, time: TimeRange) -> String {
    let TimeRange { earliest, latest } = time;
    let condition = match condition {
        Condition::Or(_) if earliest.or(latest).is_some() => format!("({condition})"),
        condition => condition.to_string(),
    };
    let earliest = earliest.map(|time| format!(" and @timestamp >= {time}"));
    let latest = latest.map(|time| format!(" and @timestamp <= {time}"));
    condition + &earliest.unwrap_or_default() + &latest.unwrap_or_default()
}

/// Exactly the packets captured before `time`; also where the index cannot hold their times. Of
/// stretches those whose last packet was.
pub(super) fn before(time: Timestamp, documents: Layout) -> Box<dyn IndexQuery> {
    if documents == Layout::Flows {
        return column_range(FieldId::EventEnd, i64::MIN, time.indexed().saturating_sub(1));
    }
    // At the ends of the index the exact times decide, between them the column.
    let inside = column_range(FieldId::Timestamp, 1, time.indexed().saturating_sub(1));
    let time = Term::from_field_bytes(LAYOUT.exact_time, &exact_time(time));
    let outside = RangeQuery::new(Bound::Unbounded, Bound::Excluded(time));
    Box::new(BooleanQuery::union(vec![inside, Box::new(outside)]))
}

fn of_condition(condition: &Condition, documents: Layout) -> Box<dyn IndexQuery> {
    let all = |conditions: &[Condition]| {
        conditions.iter().map(|one| of_condition(one, documents)).collect()
    };
    match condition {
        Condition::All => Box::new(AllQuery),
        Condition::Or(conditions) if conditions.is_empty() => Box::new(EmptyQuery),
        Condition::And(conditions) => Box::new(BooleanQuery::intersection(all(conditions))),
        Condition::Or(conditions) => Box::new(BooleanQuery::union(all(conditions))),
        Condition::Not(condition) => Box::new(BooleanQuery::new(vec![
            (Occur::Must, Box::new(AllQuery)),
            (Occur::MustNot, of_condition(condition, documents)),
        ])),
        Condition::Ids(ids) => of_ids(ids),
        Condition::Terms(terms) => of_terms(terms),
        Condition::Equals(id, value) => of_field(*id, |at| equals(at, value)),
        Condition::InNetwork(id, network) => of_field(*id, |at| in_network(at, network)),
        Condition::Between(FieldId::Timestamp, first, last) if documents == Layout::Flows => {
            let range = times_between(first.as_ref(), last.as_ref());
            of_time(range, documents).unwrap_or_else(|| Box::new(AllQuery))
        }
        Condition::Between(id, first, last) => {
            of_field(*id, |at| between(at, first.as_ref(), last.as_ref()))
        }
        Condition::Like(id, wildcard) => {
            of_field(*id, |at| Box::new(WildcardQuery::new(at.field, wildcard)))
        }
        Condition::Exists(id) => of_field(*id, |at| between(at, None, None)),
        Condition::TooLong(id) => term(Term::from_field_text(LAYOUT.too_long, id.field().name)),
    }
}

/// A field of the index.
#[derive(Clone, Copy)]
struct At {
    field: Field,
    search: Search,
}

/// Nothing has a value of a field that is not there: [`answering`] says which are.
fn of_field(id: FieldId, ask: impl FnOnce(At) -> Box<dyn IndexQuery>) -> Box<dyn IndexQuery> {
    match LAYOUT.field(id) {
        Some((field, search)) => ask(At { field, search }),
        None => Box::new(EmptyQuery),
    }
}

/// Of a store with an index of the payload every packet's text is indexed.
fn of_terms(terms: &[String]) -> Box<dyn IndexQuery> {
    let Some((field, _)) = LAYOUT.field(FieldId::PacketPayloadTerms) else {
        return Box::new(AllQuery);
    };
    let terms = terms.iter().map(|text| term(Term::from_field_text(field, text)));
    Box::new(BooleanQuery::intersection(terms.collect()))
}

/// A field has values of its own kind only.
fn equals(at: At, value: &Value<'_>) -> Box<dyn IndexQuery> {
    match value_term(at, value) {
        Some(value) if at.search == Search::Column => range(Some(value.clone()), Some(value)),
        Some(value) => term(value),
        None => Box::new(EmptyQuery),
    }
}

fn in_network(at: At, network: &IpNet) -> Box<dyn IndexQuery> {
    let address = |address| Term::from_field_ip_addr(at.field, mapped(address));
    let (first, last) = (address(network.network()), address(network.broadcast()));
    if first == last { term(first) } else { range(Some(first), Some(last)) }
}

fn between(at: At, first: Option<&Value<'_>>, last: Option<&Value<'_>>) -> Box<dyn IndexQuery> {
    let end = |value: Option<&Value<'_>>| value.map(|value| value_term(at, value));
    match (end(first), end(last)) {
        (Some(None), _) | (_, Some(None)) => Box::new(EmptyQuery),
        // A range needs an end, to know its field.
        (None, None) => range(Some(first_term(at)), None),
        (first, last) => range(first.flatten(), last.flatten()),
    }
}

/// The value as a term of the field; `None` when the field has none of its kind.
fn value_term(at: At, value: &Value<'_>) -> Option<Term> {
    Some(match (at.search, value) {
        (Search::Text, Value::Text(text)) => Term::from_field_text(at.field, text),
        (Search::Capture, Value::Text(text)) => {
            Term::from_field_bytes(at.field, &Fingerprint::parse(text)?.0)
        }
        (Search::Number | Search::Column, Value::Number(number)) => {
            Term::from_field_i64(at.field, *number)
        }
        (Search::Column, Value::Time(time)) => Term::from_field_i64(at.field, time.indexed()),
        (Search::Ip, Value::Ip(address)) => Term::from_field_ip_addr(at.field, mapped(*address)),
        (Search::Flag, Value::Boolean(flag)) => Term::from_field_bool(at.field, *flag),
        _ => return None,
    })
}

/// No term of the field stands before this one.
fn first_term(At { field, search }: At) -> Term {
    match search {
        Search::Text | Search::Terms => Term::from_field_text(field, ""),
        Search::Capture => Term::from_field_bytes(field, &[]),
        Search::Number | Search::Column => Term::from_field_i64(field, i64::MIN),
        Search::Ip => Term::from_field_ip_addr(field, Ipv6Addr::UNSPECIFIED),
        Search::Flag => Term::from_field_bool(field, false),
    }
}

/// Both ends belong to the range.
fn range(first: Option<Term>, last: Option<Term>) -> Box<dyn IndexQuery> {
    let end = |term: Option<Term>| term.map_or(Bound::Unbounded, Bound::Included);
    Box::new(RangeQuery::new(end(first), end(last)))
}

/// Ids stand in columns only, since a posting list for each packet would cost as much as the
/// packet's other terms together: so the columns are looked through, once for all the ids.
fn of_ids(ids: &[PacketId]) -> Box<dyn IndexQuery> {
    let wanted: Arc<HashSet<(u64, u64)>> = Arc::new(ids.iter().map(|id| id_halves(*id)).collect());
    let is_wanted = move |segment: &SegmentReader| {
        let columns = segment.fast_fields();
        let high = columns.column_first_or_default::<u64>(ID_HIGH)?;
        let low = columns.column_first_or_default::<u64>(ID_LOW)?;
        let (wanted, highs): (_, HashSet<u64>) =
            (wanted.clone(), wanted.iter().map(|(high, _)| *high).collect());
        Ok(move |document: DocId| {
            let high = high.get_val(document);
            highs.contains(&high) && wanted.contains(&(high, low.get_val(document)))
        })
    };
    Box::new(DocPredicateQuery::from(FunctionPredicate::from(is_wanted)))
}

fn of_time(range: TimeRange, documents: Layout) -> Option<Box<dyn IndexQuery>> {
    if range == TimeRange::default() {
        return None;
    }
    let earliest = range.earliest.map_or(i64::MIN, Timestamp::indexed);
    let latest = range.latest.map_or(i64::MAX, Timestamp::indexed);
    Some(match documents {
        Layout::Singles => column_range(FieldId::Timestamp, earliest, latest),
        // A stretch may have begun before, and go on.
        Layout::Flows => Box::new(BooleanQuery::intersection(vec![
            column_range(FieldId::EventEnd, earliest, i64::MAX),
            column_range(FieldId::Timestamp, i64::MIN, latest),
        ])),
    })
}

fn term(term: Term) -> Box<dyn IndexQuery> {
    Box::new(TermQuery::new(term, IndexRecordOption::Basic))
}

/// Both ends belong to the range.
fn column_range(id: FieldId, first: i64, last: i64) -> Box<dyn IndexQuery> {
    of_field(id, |at| {
        let end = |number| Some(Term::from_field_i64(at.field, number));
        if first > last { Box::new(EmptyQuery) } else { range(end(first), end(last)) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Filter, Predicate, Query, parse};
    use crate::store::pushdown::Plan;

    fn condition(filter: Filter) -> Condition {
        Plan::new(&Query { filter, ..Query::all() }, &abilities(MadeAs::default())).condition
    }

    #[test]
    fn explains_the_whole_question() {
        let earliest = Some(Timestamp::from_parts(1_700_000_000, 0));
        let port = condition(Predicate::port(53).into());
        assert_eq!(
            explain(&port, TimeRange { earliest, latest: None }),
            "(source.port:53 or packet.outer.source.port:53 or destination.port:53 \
             or packet.outer.destination.port:53 or packet.unread:true) and @timestamp >= 2023-11-14T22:13:20.000000000Z"
        );
        assert_eq!(explain(&Condition::All, TimeRange::default()), "all");
    }

    #[test]
    fn ports_and_addresses_are_terms_and_networks_are_ranges() {
        let question =
            |filter: Filter| format!("{:?}", of_condition(&condition(filter), Layout::Singles));
        assert!(question(parse("related.ip:192.0.2.1").unwrap()).starts_with("TermQuery"));
        assert!(question(parse("related.ip:192.0.2.0/24").unwrap()).starts_with("RangeQuery"));
        assert_eq!(question(Filter::All), "AllQuery");
        assert_eq!(question(Filter::Or(Vec::new())), "EmptyQuery");
        assert!(!question(Predicate::port(53).into()).contains("AllQuery"));
    }
}
