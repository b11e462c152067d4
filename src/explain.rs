//! How a query is answered, what that costs, and why nothing was found.

use std::fmt::Write as _;
use std::time::Duration;

use futures::TryStreamExt as _;
use tokio::time::{Instant, timeout_at};

use crate::fetch;
use crate::query::{Filter, Predicate, Query};
use crate::store::{Estimate, Explanation, PacketStore, StoreResult};

/// Parts of a filter that are looked for alone, at most.
const MOST_PARTS: usize = 20;
/// Where an index does not tell whether a part has a packet, packets are read for so long.
const LOOK: Duration = Duration::from_secs(5);

/// What a store does for a query, before it does it.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlook {
    filter: Filter,
    explanation: Explanation,
    estimate: Estimate,
}

/// Asks the store how it would answer, and how much; nothing is fetched.
///
/// # Errors
/// When the store fails.
pub async fn outlook(store: &dyn PacketStore, query: &Query) -> StoreResult<Outlook> {
    Ok(Outlook {
        filter: query.filter.clone(),
        explanation: store.explain(query).await?,
        estimate: store.estimate(query).await?,
    })
}

/// The filter's tree, what the store is asked, what is left to do, and how much that is.
impl std::fmt::Display for Outlook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Explanation { plan, request } = &self.explanation;
        let mut tree = String::new();
        write_tree(&mut tree, &self.filter, 1)?;
        write!(f, "filter:\n{tree}")?;
        writeln!(f, "stored fields: {}", plan.condition)?;
        match &plan.left {
            Some(left) => writeln!(f, "left to look at in each packet: {left}")?,
            None => writeln!(f, "left to look at in each packet: nothing")?,
        }
        let Estimate { packets, bytes } = self.estimate;
        let at_most = if plan.is_exact() { "" } else { "at most " };
        writeln!(f, "estimate: {at_most}{packets} packets, {bytes} bytes")?;
        if plan.reads_everything() {
            writeln!(f, "no index can answer this: all of these packets are read")?;
        }
        write!(f, "store query:\n{request}")
    }
}

fn write_tree(out: &mut String, filter: &Filter, depth: usize) -> std::fmt::Result {
    let (line, children): (String, &[Filter]) = match filter {
        Filter::All => ("every packet".to_owned(), &[]),
        Filter::And(filters) if !filters.is_empty() => ("and".to_owned(), filters),
        Filter::Or(filters) if !filters.is_empty() => ("or".to_owned(), filters),
        Filter::Not(filter) => ("not".to_owned(), std::slice::from_ref(filter.as_ref())),
        Filter::And(_) | Filter::Or(_) | Filter::Is(_) => (filter.to_string(), &[]),
    };
    writeln!(out, "{:width$}{line}", "", width = depth * 2)?;
    children.iter().try_for_each(|child| write_tree(out, child, depth + 1))
}

/// What is to be known of a query that has to read everything; `None` when it has not.
///
/// # Errors
/// When the store fails.
pub async fn warning(store: &dyn PacketStore, query: &Query) -> StoreResult<Option<String>> {
    if query.filter == Filter::All || !store.explain(query).await?.plan.reads_everything() {
        return Ok(None);
    }
    let packets = store.estimate(query).await?.packets;
    Ok(Some(format!("no index can answer this: all {packets} packets of the time range are read")))
}

/// Why a query found nothing: the time that the archive covers, and the parts of the filter which
/// alone have no packet. What an index does not tell is looked for in packets for a few seconds; a
/// part that has not been settled by then is not spoken of.
///
/// # Errors
/// When the store fails.
pub async fn why_nothing(store: &dyn PacketStore, query: &Query) -> StoreResult<Vec<String>> {
    let status = store.status().await?;
    let mut reasons = vec![match (status.earliest, status.latest) {
        (Some(earliest), Some(latest)) => format!("the archive covers {earliest} to {latest}"),
        _ => "the archive is empty".to_owned(),
    }];
    if status.earliest.is_none() {
        return Ok(reasons);
    }
    let of = |filter: Filter| Query { filter, ..query.clone() };
    if store.estimate(&of(Filter::All)).await?.packets == 0 {
        reasons.push("it has no packet of the time that was asked for".to_owned());
        return Ok(reasons);
    }
    let mut parts = Vec::new();
    add_parts(&mut parts, &query.filter);
    let end = Instant::now() + LOOK;
    for part in parts.into_iter().take(MOST_PARTS) {
        if has_packet(store, &of(part.clone()), end).await? == Some(false) {
            let told = match part {
                Filter::Is(Predicate::Way(_)) => {
                    ": only the flags of pcapng and Linux's cooked captures tell the direction"
                }
                _ => "",
            };
            reasons.push(format!("it has no packet with {part}{told}"));
        }
    }
    Ok(reasons)
}

/// Whether any packet satisfies the query; `None` when that is not known in time.
async fn has_packet(
    store: &dyn PacketStore,
    query: &Query,
    end: Instant,
) -> StoreResult<Option<bool>> {
    if store.estimate(query).await?.packets == 0 {
        return Ok(Some(false));
    }
    if store.explain(query).await?.plan.is_exact() {
        return Ok(Some(true));
    }
    let mut packets = fetch::packets(store, query, Some(1));
    match timeout_at(end, packets.try_next()).await {
        Ok(found) => Ok(Some(found?.is_some())),
        Err(_) => Ok(None),
    }
}

fn add_parts(parts: &mut Vec<Filter>, filter: &Filter) {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => {
            for filter in filters {
                add_parts(parts, filter);
            }
        }
        part if parts.contains(part) => {}
        part => parts.push(part.clone()),
    }
}
