//! The most frequent ports. A port may stand in two fields of a packet, which counts once for it;
//! the server can count that for ports that are named, but cannot sort by it. So each field's most
//! frequent ports are asked for, and then the counts of those that may be among them.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::aggregate::{bytes, is_exact, list, number};
use super::answer::Failure;
use super::archive::Archive;
use super::client::Client;
use super::search;
use crate::document::fields::FieldId;
use crate::store::aggregate::{self, Top};

/// Ports that are asked for by name, for each that is wanted.
const CANDIDATES: usize = 5;
/// Ports of one field in an answer.
const PORTS: u64 = 1_000;
/// There are not more.
const PORTS_OF_A_SHARD: u64 = 65_536;

const FIELDS: [(&str, FieldId); 2] =
    [("source_ports", FieldId::SourcePort), ("destination_ports", FieldId::DestinationPort)];

/// The most frequent ports.
pub(super) struct Ports {
    pub(super) ports: Vec<Top<u16>>,
    /// Whether no other port can be among them.
    pub(super) is_exact: bool,
}

/// What [`most`] needs of the first answer.
pub(super) fn add_to(aggregations: &mut Json) {
    for (name, field) in FIELDS {
        aggregations[name] = json!({ "terms": {
            "field": field.field().name,
            "size": PORTS,
            "shard_size": PORTS_OF_A_SHARD,
        } });
    }
}

/// Counts the ports that may be among the most frequent.
pub(super) async fn most(
    client: &Client,
    archive: &Archive,
    clause: &Json,
    found: &Json,
    top: usize,
) -> Result<Ports, Failure> {
    let mut limits: BTreeMap<u16, u64> = BTreeMap::new();
    // What a port may have that is not in the answer.
    let mut limit_of_others = 0;
    let mut is_exact = true;
    for (name, _) in FIELDS {
        let buckets = list(&found[name]["buckets"])?;
        for bucket in buckets {
            let port = bucket["key"].as_u64().and_then(|port| u16::try_from(port).ok());
            let port = port.ok_or_else(|| Failure::NotUnderstood(format!("a port: {bucket}")))?;
            *limits.entry(port).or_default() += number(&bucket["doc_count"])?;
        }
        is_exact &= self::is_exact(&found[name]);
        if buckets.len() as u64 == PORTS
            && let Some(last) = buckets.last()
        {
            limit_of_others += number(&last["doc_count"])?;
        }
    }
    // A port that is missing in one field only may have as many there.
    let mut candidates: Vec<(u16, u64)> = limits.into_iter().collect();
    candidates.sort_by_key(|(port, limit)| (std::cmp::Reverse(*limit), *port));
    let others = candidates.split_off(candidates.len().min(top * CANDIDATES));
    limit_of_others += others.first().map_or(0, |(_, limit)| *limit);
    let counted = count(client, archive, clause, &candidates).await?;
    let ports = aggregate::most(counted, top, |port| *port);
    let least = if ports.len() < top { 0 } else { ports.last().map_or(0, |port| port.packets) };
    let is_complete = others.is_empty() && limit_of_others == 0;
    Ok(Ports { is_exact: is_exact && (is_complete || least > limit_of_others), ports })
}

async fn count(
    client: &Client,
    archive: &Archive,
    clause: &Json,
    candidates: &[(u16, u64)],
) -> Result<Vec<(u16, (u64, u64))>, Failure> {
    if candidates.is_empty() {
        return Ok(Vec::new());
    }
    let has = |port: u16| {
        let fields = FIELDS.map(|(_, field)| json!({ "term": { field.field().name: port } }));
        json!({ "bool": { "should": fields, "minimum_should_match": 1 } })
    };
    let filters: Vec<Json> = candidates.iter().map(|(port, _)| has(*port)).collect();
    let body = json!({
        "size": 0,
        "query": clause,
        "track_total_hits": false,
        "aggs": { "ports": { "filters": { "filters": filters }, "aggs": { "bytes": bytes() } } },
    });
    let answer = search::ask(client, archive, &body).await?;
    let buckets = list(&answer["aggregations"]["ports"]["buckets"])?;
    let counted = candidates.iter().zip(buckets).map(|((port, _), bucket)| {
        Ok((*port, (number(&bucket["doc_count"])?, number(&bucket["bytes"]["value"])?)))
    });
    counted.collect()
}
