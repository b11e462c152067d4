//! Removing packets: whole partitions only, which costs nothing and gives the disk back at once.

use serde_json::Value as Json;
use tracing::info;

use super::answer::Failure;
use super::archive::{Archive, NAMES_IN_A_REQUEST};
use super::client::{Client, Request};
use super::partition::Period;
use crate::packet::Timestamp;
use crate::store::retention::{self, Slice};
use crate::store::{Layout, PruneReport, PruneScope, StoreResult};

/// The partitions, by the end of their time.
pub(super) async fn slices(client: &Client, archive: &Archive) -> StoreResult<Vec<Slice>> {
    let meta = archive.meta(client).await?;
    let partitions = meta.partitions(archive)?;
    let found = async {
        let periods = archive.partitions(client).await?;
        let statistics = statistics(client, archive).await?;
        let periods = periods.into_iter().map(|period| partitions.narrowed(period));
        let mut slices: Vec<Slice> = periods.map(|period| slice(period, &statistics)).collect();
        if meta.layout() == Layout::Flows {
            // How many packets are in the documents only who reads them may know.
            for slice in &mut slices {
                slice.packets = None;
            }
        }
        slices.sort_by_key(|slice| (slice.end, slice.start));
        Ok(slices)
    };
    found.await.map_err(|failure: Failure| {
        failure.during(format!("look at archive {} at {}", archive.name, client.address()))
    })
}

fn slice(period: Period, statistics: &Json) -> Slice {
    let found = &statistics["indices"][&period.index];
    Slice {
        start: Timestamp::from_nanoseconds(period.time.start),
        end: Timestamp::from_nanoseconds(period.time.end),
        packets: found["primaries"]["docs"]["count"].as_u64(),
        bytes: found["total"]["store"]["size_in_bytes"].as_u64(),
        partition: Some(period.index),
    }
}

/// Packets of each index, and its bytes on disk with all replicas. Closed indices have none.
async fn statistics(client: &Client, archive: &Archive) -> Result<Json, Failure> {
    let path = format!(
        "{}-*/_stats/docs,store?filter_path=indices.*.primaries.docs.count,\
         indices.*.total.store.size_in_bytes",
        archive.name
    );
    client.ask(Request::get(path)).await
}

/// Removes partitions.
pub(super) async fn prune(
    client: &Client,
    archive: &Archive,
    scope: PruneScope,
) -> StoreResult<PruneReport> {
    let now = retention::now();
    let mut old = slices(client, archive).await?;
    old.retain(|slice| is_within(slice, scope, now));
    let mut report = PruneReport::default();
    for some in old.chunks(NAMES_IN_A_REQUEST) {
        let names: Vec<String> = some.iter().filter_map(|slice| slice.partition.clone()).collect();
        archive.delete(client, &names).await.map_err(|failure| {
            failure.during(format!("prune archive {} at {}", archive.name, client.address()))
        })?;
        for slice in some {
            let (packets, bytes) = (slice.packets.unwrap_or(0), slice.bytes.unwrap_or(0));
            info!(partition = slice.partition, packets, bytes, "partition removed");
            report.packets += packets;
            report.bytes += bytes;
        }
        report.partitions.extend(names);
    }
    Ok(report)
}

fn is_within(slice: &Slice, scope: PruneScope, now: Timestamp) -> bool {
    match scope {
        PruneScope::All => true,
        PruneScope::Before(time) => slice.end <= time && !slice.is_open(now),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::partition::parse;
    use super::*;

    fn at(text: &str) -> Timestamp {
        let time: jiff::Timestamp = text.parse().unwrap();
        Timestamp::from_nanoseconds(time.as_nanosecond())
    }

    fn partition(name: &str) -> Slice {
        slice(parse("p", &format!("p-{name}")).unwrap(), &Json::Null)
    }

    #[test]
    fn only_what_ends_before_goes() {
        let within = |name: &str, time: &str| {
            let now = at("2030-01-01T00:00:00Z");
            is_within(&partition(name), PruneScope::Before(at(time)), now)
        };
        assert!(within("2026.11.22", "2026-11-23T00:00:00Z"));
        assert!(!within("2026.11.22", "2026-11-22T23:59:59.999999999Z"));
        assert!(!within("2026.11", "2026-11-30T00:00:00Z"));
        assert!(within("2026.11", "2026-12-01T00:00:00Z"));
        assert!(!within("2262.04.11", "9999-01-01T00:00:00Z"), "holds later packets as well");
    }

    #[test]
    fn what_is_written_now_or_later_stays() {
        for (name, goes) in [
            ("2026.11.23", true),
            ("2026.11.24", false),
            ("2026.11.24.11", true),
            ("2026.11.24.12", false),
            ("2026.11.25", false),
            ("2026.11", false),
        ] {
            let (slice, now) = (partition(name), at("2026-11-24T12:00:00Z"));
            let far = PruneScope::Before(at("9999-01-01T00:00:00Z"));
            assert_eq!(is_within(&slice, far, now), goes, "{name}");
            assert!(is_within(&slice, PruneScope::All, now), "{name}");
        }
    }

    #[test]
    fn statistics_are_those_of_the_index() {
        let statistics = json!({ "indices": {
            "p-2026.11.22": {
                "primaries": { "docs": { "count": 7 } },
                "total": { "store": { "size_in_bytes": 900 } },
            },
        } });
        let found = slice(parse("p", "p-2026.11.22").unwrap(), &statistics);
        assert_eq!((found.packets, found.bytes), (Some(7), Some(900)));
        let closed = slice(parse("p", "p-2026.11.21").unwrap(), &statistics);
        assert_eq!((closed.packets, closed.bytes), (None, None));
    }
}
