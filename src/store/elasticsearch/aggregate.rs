//! What a query finds, counted by the server instead of read.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::{Value as Json, json};

use super::answer::Failure;
use super::archive::Archive;
use super::client::Client;
use super::page::LAST_TIME;
use super::{dsl, ports, search};
use crate::document::fields::FieldId;
use crate::packet::{LinkType, Timestamp};
use crate::query::Query;
use crate::store::aggregate::{Bucket, Timeline, Top, mapped, most};
use crate::store::{Breakdown, Counts, Layout, StoreResult};

/// Names of protocols in one answer; there are about a hundred.
const PROTOCOLS: u64 = 1_000;
/// Values that each shard tells: when it has not more, the most frequent are the most frequent.
const VALUES_OF_A_SHARD: u64 = 65_536;
/// Link types in one answer: captures that are mixed have a handful.
const LINK_TYPES: u64 = 10_000;
/// The server's clock for buckets.
const NANOSECONDS_PER_MILLISECOND: u64 = 1_000_000;

/// The fields that name a packet's protocol, by precedence.
const PROTOCOL_FIELDS: [FieldId; 4] = [
    FieldId::NetworkProtocol,
    FieldId::NetworkTransport,
    FieldId::NetworkType,
    FieldId::PacketLinkTypeName,
];

/// Counts everything that `query` selects; `None` when only its packets can tell what that is.
pub(super) async fn aggregate(
    client: &Client,
    archive: &Archive,
    query: &Query,
    what: Breakdown,
) -> StoreResult<Option<Counts>> {
    let layout = archive.layout(client).await?;
    if layout == Layout::Flows {
        return Ok(None);
    }
    let plan = search::plan(client, archive, query).await?;
    let doubtful = dsl::query(&plan.doubtful(), &query.time, layout);
    if !plan.is_exact() && search::count_of(client, archive, &doubtful).await? > 0 {
        return Ok(None);
    }
    let clause = dsl::query(&plan.condition, &query.time, layout);
    let counted = count(client, archive, &clause, what).await;
    counted.map(Some).map_err(|failure| {
        failure.during(format!("count in {}/{}", client.address(), archive.name))
    })
}

async fn count(
    client: &Client,
    archive: &Archive,
    clause: &Json,
    what: Breakdown,
) -> Result<Counts, Failure> {
    let mut aggregations = json!({
        "bytes": bytes(),
        "captured": dsl::sum(FieldId::PacketCapturedLength),
        "link_types": { "terms": {
            "field": FieldId::PacketLinkType.field().name,
            "size": LINK_TYPES,
            "shard_size": LINK_TYPES,
        } },
        "earliest": outermost("asc"),
        "latest": outermost("desc"),
    });
    if let Some(timeline) = what.timeline {
        aggregations["timeline"] = buckets(timeline);
    }
    if let Some(top) = what.top {
        aggregations["protocols"] = protocols(&PROTOCOL_FIELDS);
        aggregations["hosts"] = json!({
            "terms": {
                "field": FieldId::RelatedIp.field().name,
                "size": top,
                "shard_size": VALUES_OF_A_SHARD,
            },
            "aggs": { "bytes": bytes() },
        });
        ports::add_to(&mut aggregations);
    }
    let body = json!({
        "size": 0,
        "query": clause,
        "track_total_hits": true,
        "aggs": aggregations,
    });
    let answer = search::ask(client, archive, &body).await?;
    let found = &answer["aggregations"];
    let mut counts = Counts {
        packets: number(&answer["hits"]["total"]["value"])?,
        bytes: number(&found["bytes"]["value"])?,
        captured_bytes: number(&found["captured"]["value"])?,
        link_types: read_link_types(&found["link_types"])?,
        earliest: time_of(&found["earliest"])?,
        latest: time_of(&found["latest"])?,
        ..Counts::default()
    };
    if let Some(timeline) = what.timeline {
        counts.timeline = read_buckets(timeline, &found["timeline"])?;
    }
    if let Some(top) = what.top {
        counts.protocols = read_protocols(&found["protocols"], top)?;
        counts.hosts = read_hosts(&found["hosts"])?;
        let of_ports = ports::most(client, archive, clause, found, top).await?;
        counts.ports = of_ports.ports;
        counts.top_is_exact = of_ports.is_exact && is_exact(&found["hosts"]);
    } else {
        counts.top_is_exact = true;
    }
    Ok(counts)
}

/// Bytes on the wire.
pub(super) fn bytes() -> Json {
    dsl::sum(FieldId::PacketLength)
}

/// The first or the last packet. A minimum of times would be rounded to milliseconds.
fn outermost(order: &str) -> Json {
    let field = FieldId::Timestamp.field().name;
    json!({ "top_hits": {
        "size": 1,
        "_source": false,
        "sort": [{ field: order }],
        "docvalue_fields": [{ "field": field, "format": "strict_date_optional_time_nanos" }],
    } })
}

fn read_link_types(found: &Json) -> Result<BTreeSet<LinkType>, Failure> {
    let numbers = list(&found["buckets"])?.iter().map(|bucket| {
        let number = bucket["key"].as_u64().and_then(|number| u16::try_from(number).ok());
        number.map(LinkType).ok_or_else(|| Failure::NotUnderstood(format!("a number: {bucket}")))
    });
    numbers.collect()
}

fn time_of(found: &Json) -> Result<Option<Timestamp>, Failure> {
    let Some(hit) = found["hits"]["hits"].get(0) else { return Ok(None) };
    let text = match &hit["fields"][FieldId::Timestamp.field().name][0] {
        Json::Null => Some(LAST_TIME),
        text => text.as_str(),
    };
    let time = text.and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let time = time.ok_or_else(|| Failure::NotUnderstood(format!("a time: {hit}")))?;
    Ok(Some(Timestamp::from_nanoseconds(time.as_nanosecond())))
}

/// Packets and bytes by protocol: each field counts what those before it do not name.
fn protocols(fields: &[FieldId]) -> Json {
    let Some((field, rest)) = fields.split_first() else {
        return json!({ "filter": { "match_none": {} } });
    };
    let field = field.field().name;
    json!({
        "filter": { "match_all": {} },
        "aggs": {
            "named": {
                "terms": { "field": field, "size": PROTOCOLS },
                "aggs": { "bytes": bytes() },
            },
            "unnamed": {
                "missing": { "field": field },
                "aggs": { "next": protocols(rest) },
            },
        },
    })
}

type Sums = (u64, u64);

/// Packets and bytes by protocol.
fn protocol_sums(found: &Json) -> Result<BTreeMap<String, Sums>, Failure> {
    let mut sums: BTreeMap<String, Sums> = BTreeMap::new();
    let mut level = found;
    while level.get("named").is_some() {
        for bucket in list(&level["named"]["buckets"])? {
            let name = bucket["key"].as_str();
            let name = name.ok_or_else(|| Failure::NotUnderstood(format!("a name: {bucket}")))?;
            let (packets, bytes) = sums.entry(name.to_owned()).or_default();
            *packets += number(&bucket["doc_count"])?;
            *bytes += number(&bucket["bytes"]["value"])?;
        }
        level = &level["unnamed"]["next"];
    }
    Ok(sums)
}

fn read_protocols(found: &Json, top: usize) -> Result<Vec<Top<String>>, Failure> {
    Ok(most(protocol_sums(found)?, top, Clone::clone))
}

fn read_hosts(found: &Json) -> Result<Vec<Top<IpAddr>>, Failure> {
    let mut hosts = Vec::new();
    for bucket in list(&found["buckets"])? {
        let address = bucket["key"].as_str().and_then(|key| key.parse::<IpAddr>().ok());
        let address =
            address.ok_or_else(|| Failure::NotUnderstood(format!("an address: {bucket}")))?;
        let sums = (number(&bucket["doc_count"])?, number(&bucket["bytes"]["value"])?);
        hosts.push((address, sums));
    }
    Ok(most(hosts, usize::MAX, |address| mapped(*address)))
}

/// Whether no shard may have kept back what belongs to the most frequent values.
pub(super) fn is_exact(terms: &Json) -> bool {
    terms["doc_count_error_upper_bound"].as_u64() == Some(0)
}

/// Buckets of whole milliseconds are the server's own; smaller ones are few packets long, and are
/// asked for one by one.
fn buckets(timeline: Timeline) -> Json {
    let field = FieldId::Timestamp.field().name;
    let range = |first: usize, behind: usize| {
        let (start, end) = (timeline.start_of(first), timeline.start_of(behind));
        let end = end.min(Timestamp::from_nanoseconds(i64::MAX.into()));
        json!({ "range": { field: { "gte": start.to_string(), "lt": end.to_string() } } })
    };
    let mut buckets = if let Some((interval, offset)) = whole_milliseconds(timeline) {
        json!({ "date_histogram": {
            "field": field,
            "fixed_interval": format!("{interval}ms"),
            "offset": format!("{offset}ms"),
            "min_doc_count": 1,
        } })
    } else {
        let filters = (0..timeline.buckets).map(|bucket| range(bucket, bucket + 1));
        json!({ "filters": { "filters": filters.collect::<Vec<Json>>() } })
    };
    buckets["aggs"] = json!({ "bytes": bytes(), "protocols": protocols(&PROTOCOL_FIELDS) });
    json!({ "filter": range(0, timeline.buckets), "aggs": { "buckets": buckets } })
}

/// Interval, and distance of the first bucket from a multiple of it.
fn whole_milliseconds(timeline: Timeline) -> Option<(u64, u64)> {
    let whole = |number: u64| {
        number
            .is_multiple_of(NANOSECONDS_PER_MILLISECOND)
            .then_some(number / NANOSECONDS_PER_MILLISECOND)
    };
    let offset = i128::from(timeline.start).rem_euclid(timeline.interval.into());
    Some((whole(timeline.interval)?, whole(u64::try_from(offset).ok()?)?))
}

fn read_buckets(timeline: Timeline, found: &Json) -> Result<Vec<Bucket>, Failure> {
    let mut buckets = vec![Bucket::default(); timeline.buckets];
    for (position, bucket) in list(&found["buckets"]["buckets"])?.iter().enumerate() {
        let position = match bucket["key"].as_i64() {
            Some(milliseconds) => {
                let time = Timestamp::from_milliseconds(milliseconds);
                i64::try_from(time.nanoseconds()).ok().and_then(|time| timeline.position(time))
            }
            None => Some(position),
        };
        let place = position.and_then(|position| buckets.get_mut(position));
        let place = place
            .ok_or_else(|| Failure::NotUnderstood(format!("a bucket at {}", bucket["key"])))?;
        let protocols = protocol_sums(&bucket["protocols"])?;
        *place = Bucket {
            packets: number(&bucket["doc_count"])?,
            bytes: number(&bucket["bytes"]["value"])?,
            protocols: protocols.into_iter().map(|(name, (packets, _))| (name, packets)).collect(),
        };
    }
    Ok(buckets)
}

pub(super) fn list(found: &Json) -> Result<&Vec<Json>, Failure> {
    found.as_array().ok_or_else(|| Failure::NotUnderstood(format!("no list: {found}")))
}

/// A count, or a sum, which the server writes as a floating-point number: exact up to 2^53, that
/// is 9 petabytes.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sums of lengths")]
pub(super) fn number(found: &Json) -> Result<u64, Failure> {
    found
        .as_u64()
        .or_else(|| found.as_f64().filter(|sum| *sum >= 0.0).map(|sum| sum as u64))
        .ok_or_else(|| Failure::NotUnderstood(format!("no number: {found}")))
}
