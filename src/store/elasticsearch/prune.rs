//! Removing packets: whole partitions only, which costs nothing and gives the disk back at once.

use serde_json::Value as Json;

use super::answer::Failure;
use super::archive::Archive;
use super::client::{Client, Request};
use super::partition::Period;
use crate::store::{PruneReport, PruneScope, StoreResult};

/// Removes partitions.
pub(super) async fn prune(
    client: &Client,
    archive: &Archive,
    scope: PruneScope,
) -> StoreResult<PruneReport> {
    let operation = || format!("prune archive {} at {}", archive.name, client.address());
    let periods = archive.partitions(client).await;
    let periods = periods.map_err(|failure| failure.during(operation()))?;
    let old: Vec<String> = periods
        .into_iter()
        .filter(|period| is_within(period, scope))
        .map(|period| period.index)
        .collect();
    if old.is_empty() {
        return Ok(PruneReport { packets: Some(0), partitions: Vec::new() });
    }
    let packets = count(client, archive, &old).await;
    let packets = packets.map_err(|failure| failure.during(operation()))?;
    archive.delete(client, &old).await.map_err(|failure| failure.during(operation()))?;
    Ok(PruneReport { packets, partitions: old })
}

fn is_within(period: &Period, scope: PruneScope) -> bool {
    match scope {
        PruneScope::All => true,
        PruneScope::Before(time) => period.time.end <= time.nanoseconds(),
    }
}

/// Packets in these partitions; `None` when the caller may not know.
async fn count(
    client: &Client,
    archive: &Archive,
    indices: &[String],
) -> Result<Option<u64>, Failure> {
    let path = format!("{}/_stats/docs?filter_path=indices.*.primaries.docs.count", archive.name);
    let answer: Json = match client.ask(Request::get(path)).await {
        Ok(answer) => answer,
        Err(failure) if failure.has_status(403) => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let packets = indices
        .iter()
        .filter_map(|index| answer["indices"][index]["primaries"]["docs"]["count"].as_u64());
    Ok(Some(packets.sum()))
}

#[cfg(test)]
mod tests {
    use super::super::partition::parse;
    use super::*;
    use crate::packet::Timestamp;

    #[test]
    fn only_what_ends_before_goes() {
        let within = |index: &str, time: &str| {
            let time: jiff::Timestamp = time.parse().unwrap();
            let time = Timestamp::from_nanoseconds(time.as_nanosecond());
            is_within(&parse("p", &format!("p-{index}")).unwrap(), PruneScope::Before(time))
        };
        assert!(within("2026.11.22", "2026-11-23T00:00:00Z"));
        assert!(!within("2026.11.22", "2026-11-22T23:59:59.999999999Z"));
        assert!(!within("2026.11", "2026-11-30T00:00:00Z"));
        assert!(within("2026.11", "2026-12-01T00:00:00Z"));
        assert!(!within("2262.04.11", "9999-01-01T00:00:00Z"), "holds later packets as well");
    }
}
