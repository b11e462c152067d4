//! Conditions → tantivy queries. What cannot be expressed becomes "every packet": the answer
//! may hold more than asked.

use std::collections::HashSet;
use std::ops::Bound;
use std::sync::Arc;

use ipnet::IpNet;
use tantivy::query::doc_predicate_query::{DocPredicateQuery, FunctionPredicate};
use tantivy::query::{
    AllQuery, BooleanQuery, EmptyQuery, Query as IndexQuery, RangeQuery, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, SegmentReader, Term};

use crate::document::Value;
use crate::document::fields::FieldId;
use crate::packet::{Fingerprint, PacketId, Timestamp};
use crate::query::{Query, TimeRange};
use crate::store::embedded::document::{exact_time, id_halves, is_indexed, mapped};
use crate::store::embedded::schema::{ID_HIGH, ID_LOW, LAYOUT, Search, answering};
use crate::store::pushdown::{Condition, superset};

/// What the index is asked for `query`, with terms of the payload or without.
pub(super) fn index_query(query: &Query, payload: bool) -> Box<dyn IndexQuery> {
    let condition = of_condition(&superset(&query.filter, payload));
    match of_time(query.time) {
        Some(time) => Box::new(BooleanQuery::intersection(vec![condition, time])),
        None => condition,
    }
}

/// The same, for people to read.
pub(super) fn explain(query: &Query, payload: bool) -> String {
    let TimeRange { earliest, latest } = query.time;
    let condition = match superset(&query.filter, payload) {
        Condition::Or(conditions) if earliest.or(latest).is_some() => {
            format!("({})", Condition::Or(conditions))
        }
        condition => condition.to_string(),
    };
    let earliest = earliest.map(|time| format!(" and @timestamp >= {time}"));
    let latest = latest.map(|time| format!(" and @timestamp <= {time}"));
    condition + &earliest.unwrap_or_default() + &latest.unwrap_or_default()
}

/// Exactly the packets captured before `time`; also where the index cannot hold their times.
pub(super) fn before(time: Timestamp) -> Box<dyn IndexQuery> {
    // At the ends of the index the exact times decide, between them the column.
    let inside = column_range(FieldId::Timestamp, 1, time.indexed().saturating_sub(1));
    let time = Term::from_field_bytes(LAYOUT.exact_time, &exact_time(time));
    let outside = RangeQuery::new(Bound::Unbounded, Bound::Excluded(time));
    Box::new(BooleanQuery::union(vec![inside, Box::new(outside)]))
}

fn of_condition(condition: &Condition) -> Box<dyn IndexQuery> {
    let all = |conditions: &[Condition]| conditions.iter().map(of_condition).collect();
    match condition {
        Condition::All => Box::new(AllQuery),
        Condition::Or(conditions) if conditions.is_empty() => Box::new(EmptyQuery),
        Condition::And(conditions) => Box::new(BooleanQuery::intersection(all(conditions))),
        Condition::Or(conditions) => Box::new(BooleanQuery::union(all(conditions))),
        Condition::Equals(id, value) => equals(*id, value),
        Condition::InNetwork(id, network) => in_network(*id, network),
        Condition::Ids(ids) => of_ids(ids),
        Condition::Terms(terms) => of_terms(terms),
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

fn equals(id: FieldId, value: &Value<'_>) -> Box<dyn IndexQuery> {
    let Some((field, search)) = LAYOUT.field(answering(id)) else { return Box::new(AllQuery) };
    match (search, value) {
        (Search::Text, Value::Text(text)) if is_indexed(text) => {
            term(Term::from_field_text(field, text))
        }
        (Search::Capture, Value::Text(text)) => match Fingerprint::parse(text) {
            Some(capture) => term(Term::from_field_bytes(field, &capture.0)),
            None => Box::new(EmptyQuery),
        },
        (Search::Number, Value::Number(number)) => term(Term::from_field_i64(field, *number)),
        (Search::Column, Value::Number(number)) => column_range(id, *number, *number),
        (Search::Column, Value::Time(time)) => column_range(id, time.indexed(), time.indexed()),
        (Search::Ip, Value::Ip(address)) => term(Term::from_field_ip_addr(field, mapped(*address))),
        (Search::Flag, Value::Boolean(flag)) => term(Term::from_field_bool(field, *flag)),
        _ => Box::new(AllQuery),
    }
}

fn in_network(id: FieldId, network: &IpNet) -> Box<dyn IndexQuery> {
    let Some((field, Search::Ip)) = LAYOUT.field(answering(id)) else { return Box::new(AllQuery) };
    let address = |address| Term::from_field_ip_addr(field, mapped(address));
    let (first, last) = (address(network.network()), address(network.broadcast()));
    if first == last {
        return term(first);
    }
    Box::new(RangeQuery::new(Bound::Included(first), Bound::Included(last)))
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

fn of_time(range: TimeRange) -> Option<Box<dyn IndexQuery>> {
    if range == TimeRange::default() {
        return None;
    }
    let earliest = range.earliest.map_or(i64::MIN, Timestamp::indexed);
    let latest = range.latest.map_or(i64::MAX, Timestamp::indexed);
    Some(column_range(FieldId::Timestamp, earliest, latest))
}

fn term(term: Term) -> Box<dyn IndexQuery> {
    Box::new(TermQuery::new(term, IndexRecordOption::Basic))
}

/// Both ends belong to the range.
fn column_range(id: FieldId, first: i64, last: i64) -> Box<dyn IndexQuery> {
    let Some((field, Search::Column)) = LAYOUT.field(answering(id)) else {
        return Box::new(AllQuery);
    };
    if first > last {
        return Box::new(EmptyQuery);
    }
    let bound = |field: Field, number| Bound::Included(Term::from_field_i64(field, number));
    Box::new(RangeQuery::new(bound(field, first), bound(field, last)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Filter, Predicate};

    #[test]
    fn explains_the_whole_question() {
        let time = Timestamp::from_parts(1_700_000_000, 0);
        let query = Query {
            filter: Filter::Is(Predicate::port(53)),
            time: TimeRange { earliest: Some(time), latest: None },
            ..Query::all()
        };
        assert_eq!(
            explain(&query, false),
            "(source.port:53 or destination.port:53 or packet.outer.source.port:53 \
             or packet.outer.destination.port:53) and @timestamp >= 2023-11-14T22:13:20.000000000Z"
        );
        assert_eq!(explain(&Query::all(), false), "all");
    }

    #[test]
    fn ports_and_addresses_are_terms_and_networks_are_ranges() {
        let question = |filter: Filter| format!("{:?}", of_condition(&superset(&filter, false)));
        let host = |text: &str| Filter::Is(Predicate::host(text.parse().unwrap()));
        assert!(question(host("192.0.2.1/32")).starts_with("TermQuery"));
        assert!(question(host("192.0.2.0/24")).starts_with("RangeQuery"));
        assert_eq!(question(Filter::All), "AllQuery");
        assert_eq!(question(Filter::Or(Vec::new())), "EmptyQuery");
        assert!(!question(Filter::Is(Predicate::port(53))).contains("AllQuery"));
    }
}
