//! What kinds of packets a query finds, counted by the server instead of read.

use futures::TryStreamExt as _;
use serde_json::{Value as Json, json};

use super::answer::Failure;
use super::archive::Archive;
use super::client::Client;
use super::search;
use crate::document::fields::FieldId;
use crate::packet::{LinkType, Timestamp};
use crate::query::Query;
use crate::store::{LONGEST_IN_PCAP, StoreResult, Survey};

/// Link types in one answer; there are 65,536 of them.
const LINK_TYPES_IN_AN_ANSWER: u64 = 10_000;

/// Looks at everything that `query` finds.
pub(super) async fn survey(
    client: &Client,
    archive: &Archive,
    query: &Query,
) -> StoreResult<Survey> {
    let clause = search::clause(client, archive, query).await?;
    let Counted { mut survey, is_any_early } =
        count(client, archive, &clause).await.map_err(|failure| {
            failure.during(format!("survey {}/{}", client.address(), archive.name))
        })?;
    if let Some(early) = Survey::to_be_read(query)
        && is_any_early
        && !survey.needs_pcapng
    {
        let mut packets = search::fetch(client.clone(), archive.clone(), &early);
        while let Some(stored) = packets.try_next().await? {
            survey.add(&stored.packet);
        }
    }
    Ok(survey)
}

/// What the server counted.
struct Counted {
    survey: Survey,
    /// Whether there are packets at the first time of an index, where every earlier one stands too.
    is_any_early: bool,
}

async fn count(client: &Client, archive: &Archive, clause: &Json) -> Result<Counted, Failure> {
    let (mut survey, mut is_any_early) = (Survey::default(), false);
    let mut after: Option<Json> = None;
    loop {
        let mut link_types = json!({
            "size": LINK_TYPES_IN_AN_ANSWER,
            "sources": [
                { "number": { "terms": { "field": FieldId::PacketLinkType.field().name } } },
            ],
        });
        if let Some(after) = after.take() {
            link_types["after"] = after;
        }
        let body = json!({
            "size": 0,
            "query": clause,
            "track_total_hits": false,
            "aggs": {
                "link_types": { "composite": link_types },
                "needs_pcapng": { "filter": needs_pcapng() },
                "early": { "filter": early() },
            },
        });
        let answer: Json = search::ask(client, archive, &body).await?;
        let found = &answer["aggregations"];
        let is_any = |name: &str| found[name]["doc_count"].as_u64() != Some(0);
        survey.needs_pcapng |= is_any("needs_pcapng");
        is_any_early |= is_any("early");
        let buckets = found["link_types"]["buckets"].as_array().map_or(&[][..], Vec::as_slice);
        for bucket in buckets {
            let number = bucket["key"]["number"].as_u64().and_then(|n| u16::try_from(n).ok());
            let unknown = || Failure::Damaged(format!("link type {}", bucket["key"]["number"]));
            survey.link_types.insert(LinkType(number.ok_or_else(unknown)?));
        }
        match found["link_types"].get("after_key") {
            // Buckets that are fewer than asked for are the last, though they have a key too.
            Some(key) if buckets.len() as u64 == LINK_TYPES_IN_AN_ANSWER => {
                after = Some(key.clone());
            }
            _ => return Ok(Counted { survey, is_any_early }),
        }
    }
}

/// What stands at the first time of an index.
fn early() -> Json {
    let first = Timestamp::from_nanoseconds(0).to_string();
    json!({ "range": { FieldId::Timestamp.field().name: { "lte": first } } })
}

/// What [`Survey::add`] looks at, as a query; times before 1970 are not among it.
fn needs_pcapng() -> Json {
    let comment = FieldId::PacketComment.field().name;
    // The last second of pcap's clock is followed by this one.
    let beyond_pcap = Timestamp::from_parts(i64::from(u32::MAX) + 1, 0).to_string();
    json!({ "bool": { "should": [
        { "exists": { "field": comment } },
        // A comment that is too long to be indexed.
        { "term": { "_ignored": comment } },
        { "range": { FieldId::PacketCapturedLength.field().name: { "gt": LONGEST_IN_PCAP } } },
        { "range": { FieldId::Timestamp.field().name: { "gte": beyond_pcap } } },
        // Of a stretch of packets.
        { "range": { FieldId::EventEnd.field().name: { "gte": beyond_pcap } } },
    ] } })
}
