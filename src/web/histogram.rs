//! Packets over time.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use crate::packet::Timestamp;
use crate::query::Query;
use crate::store::aggregate::Timeline;
use crate::store::{Breakdown, PacketStore};
use crate::web::App;
use crate::web::access::Caller;
use crate::web::budget::Stopped;
use crate::web::count::{self, Counted};
use crate::web::error::ApiError;
use crate::web::parameters::{Parameters, Resolved};
use crate::web::routes::BUCKETS;

/// Packets over time, by protocol.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(super) struct Histogram {
    /// Beginning of the first bucket; null when there is none.
    from: Option<String>,
    /// End of the last one.
    to: Option<String>,
    interval_ns: u64,
    buckets: Vec<Bucket>,
    exact: bool,
    stopped: Option<Stopped>,
}

/// What was captured in a stretch of time.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Bucket {
    start: String,
    packets: u64,
    /// On the wire.
    bytes: u64,
    /// Packets by protocol: each packet counts for one of them.
    protocols: BTreeMap<String, u64>,
}

pub(super) async fn histogram(
    State(app): State<Arc<App>>,
    caller: Caller,
    parameters: Parameters,
) -> Result<Json<Histogram>, ApiError> {
    let most = parameters.number(&BUCKETS)?;
    let store = caller.store.as_ref();
    let Resolved { query, .. } = parameters.resolved_query(store, app.budgets.query).await?;
    let extent = app.budgets.query.in_time(extent(store, &query)).await?;
    let Some((from, to)) = extent? else {
        return Ok(Json(Histogram { exact: true, ..Histogram::default() }));
    };
    let timeline = timeline(from, to, most);
    let what = Breakdown { timeline: Some(timeline), top: None };
    let _turn = app.counts.acquire().await;
    let Counted { counts, exact, stopped } =
        count::count(store, &query, what, app.budgets.query).await?;
    let starts = (0..).map(|bucket| timeline.start_of(bucket).to_string());
    let buckets = starts.zip(counts.timeline).map(|(start, bucket)| Bucket {
        start,
        packets: bucket.packets,
        bytes: bucket.bytes,
        protocols: bucket.protocols,
    });
    Ok(Json(Histogram {
        from: Some(timeline.start_of(0).to_string()),
        to: Some(timeline.start_of(timeline.buckets).to_string()),
        interval_ns: timeline.interval,
        buckets: buckets.collect(),
        exact,
        stopped,
    }))
}

/// The time that was asked for, or else that of the packets there are.
async fn extent(store: &dyn PacketStore, query: &Query) -> Result<Option<(i64, i64)>, ApiError> {
    let (mut earliest, mut latest) = (query.time.earliest, query.time.latest);
    if earliest.is_none() || latest.is_none() {
        let counted = store.aggregate(query, Breakdown::default()).await?;
        let (first, last) = if let Some(counts) = counted {
            (counts.earliest, counts.latest)
        } else {
            let status = store.status().await?;
            (status.earliest, status.latest)
        };
        earliest = earliest.or(first);
        latest = latest.or(last);
    }
    let (from, to) = (earliest.map(Timestamp::indexed), latest.map(Timestamp::indexed));
    Ok(from.zip(to).filter(|(from, to)| from <= to))
}

/// Nanoseconds in a second, a minute, an hour, a day.
const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// Lengths of a bucket from a second on: those that a clock has marks for.
const LENGTHS: [u64; 22] = [
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    7 * DAY,
    30 * DAY,
    90 * DAY,
    365 * DAY,
];

/// Not more than `most` buckets of a round length that hold both ends.
fn timeline(from: i64, to: i64, most: usize) -> Timeline {
    let below_a_second =
        (0..9).flat_map(|digits| [1, 2, 5].map(|number| number * 10_u64.pow(digits)));
    let years = (2..u64::MAX / (365 * DAY)).map(|years| years * 365 * DAY);
    let mut lengths = below_a_second.chain(LENGTHS).chain(years);
    let fits = |interval: u64| {
        let length = i64::try_from(interval).unwrap_or(i64::MAX);
        let (first, last) = (from.div_euclid(length), to.div_euclid(length));
        let buckets = usize::try_from(last - first).ok()?.checked_add(1)?;
        let start = first.saturating_mul(length);
        (buckets <= most).then_some(Timeline { start, interval, buckets })
    };
    // One bucket always fits: a year of many years.
    lengths.find_map(fits).unwrap_or(Timeline { start: 0, interval: u64::MAX, buckets: 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_round_and_hold_both_ends() {
        let at = 1_700_000_000_123_456_789;
        for (length, most) in [(0, 1), (1, 1), (5, 2), (999, 120), (86_400_000_000_000, 120)] {
            let timeline = timeline(at, at + length, most);
            assert!(timeline.buckets <= most, "{timeline:?}");
            assert_eq!(timeline.position(at), Some(0), "{timeline:?}");
            assert_eq!(timeline.position(at + length), Some(timeline.buckets - 1));
        }
        assert_eq!(timeline(at, at + 86_399_000_000_000, 120).interval, 15 * MINUTE);
        assert_eq!(timeline(0, i64::MAX, 1).buckets, 1);
        assert_eq!(timeline(0, i64::MAX, 120).interval, 3 * 365 * DAY);
    }
}
