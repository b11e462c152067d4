//! What the answer to a search says besides its documents: whether it is whole, and numbers.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::answer::{Failure, parse};
use crate::store::{Estimate, Layout};

/// Numbers of the documents that a search finds, as far as it asks for them.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// The snapshot's id, which may change from answer to answer.
    pub(super) snapshot: String,
    pub(super) documents: u64,
    /// How many of them stand before a place.
    pub(super) before: u64,
    /// Captured ones.
    pub(super) bytes: u64,
    /// When the last was captured, in milliseconds since 1970.
    pub(super) last: Option<i64>,
    /// In the order of time.
    pub(super) buckets: Vec<Bucket>,
}

/// Numbers of the documents of a time.
#[derive(Debug)]
pub(super) struct Bucket {
    /// Its first millisecond since 1970.
    pub(super) first: i64,
    pub(super) documents: u64,
    /// Captured ones.
    pub(super) bytes: u64,
}

/// The answer of a snapshot, with documents of a form.
#[derive(Deserialize)]
pub(super) struct Answer<H> {
    pub(super) pit_id: String,
    timed_out: bool,
    #[serde(rename = "_shards")]
    shards: Shards,
    pub(super) hits: Hits<H>,
    #[serde(default)]
    aggregations: Aggregations,
}

#[derive(Deserialize)]
struct Shards {
    failed: u64,
}

#[derive(Deserialize)]
pub(super) struct Hits<H> {
    pub(super) hits: Vec<H>,
    #[serde(default)]
    total: Total,
}

#[derive(Deserialize, Default)]
struct Aggregations {
    #[serde(default)]
    before: Documents,
    #[serde(default)]
    bytes: Number,
    #[serde(default)]
    last: Number,
    #[serde(default)]
    times: Times,
}

#[derive(Deserialize, Default)]
struct Times {
    buckets: Vec<CountedTime>,
}

#[derive(Deserialize)]
struct CountedTime {
    key: i64,
    doc_count: u64,
    bytes: Number,
}

#[derive(Deserialize, Default)]
struct Number {
    value: Option<f64>,
}

impl Numbers {
    /// Reads an answer.
    pub(super) fn read(answer: &[u8]) -> Result<Self, Failure> {
        let answer: Answer<IgnoredAny> = whole(answer)?;
        let found = answer.aggregations;
        let bytes = |number: &Number| number.value.map_or(0, as_length);
        let buckets = found.times.buckets.iter().map(|bucket| Bucket {
            first: bucket.key,
            documents: bucket.doc_count,
            bytes: bytes(&bucket.bytes),
        });
        Ok(Self {
            snapshot: answer.pit_id,
            documents: answer.hits.total.value,
            before: found.before.doc_count,
            bytes: bytes(&found.bytes),
            last: found.last.value.map(as_millisecond),
            buckets: buckets.collect(),
        })
    }
}

#[derive(Deserialize)]
struct Counted {
    #[serde(rename = "_shards")]
    shards: Shards,
    hits: TotalHits,
}

/// Reads how many documents were found.
pub(super) fn total(answer: &[u8]) -> Result<u64, Failure> {
    let answer: Counted = parse(answer)?;
    match answer.shards.failed {
        0 => Ok(answer.hits.total.value),
        failed => Err(incomplete(failed)),
    }
}

#[derive(Deserialize)]
struct Sized {
    #[serde(rename = "_shards")]
    shards: Shards,
    hits: TotalHits,
    aggregations: SizedAggregations,
}

#[derive(Deserialize)]
struct TotalHits {
    total: Total,
}

#[derive(Deserialize, Default)]
struct Total {
    value: u64,
}

#[derive(Deserialize)]
struct SizedAggregations {
    bytes: Number,
    packets: Number,
}

#[derive(Deserialize, Default)]
struct Documents {
    doc_count: u64,
}

/// Reads the answer to an estimate; a packet that stands in two stretches counts twice.
pub(super) fn estimate(answer: &[u8], layout: Layout) -> Result<Estimate, Failure> {
    let answer: Sized = parse(answer)?;
    if answer.shards.failed > 0 {
        return Err(incomplete(answer.shards.failed));
    }
    let found = answer.aggregations;
    let packets = match layout {
        Layout::Singles => answer.hits.total.value,
        Layout::Flows => found.packets.value.map_or(0, as_length),
    };
    Ok(Estimate { packets, bytes: found.bytes.value.map_or(0, as_length) })
}

fn incomplete(failed: u64) -> Failure {
    Failure::Incomplete(format!("{failed} shards gave no answer"))
}

/// Reads an answer to which every shard has contributed.
pub(super) fn whole<'a, H: Deserialize<'a>>(answer: &'a [u8]) -> Result<Answer<H>, Failure> {
    let answer: Answer<H> = parse(answer)?;
    if answer.timed_out || answer.shards.failed > 0 {
        return Err(incomplete(answer.shards.failed));
    }
    Ok(answer)
}

/// Aggregations answer in floating point; sums of lengths are exact up to 2^53, that is 9 petabytes.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "float casts saturate, and lengths are not negative"
)]
fn as_length(value: f64) -> u64 {
    value as u64
}

/// Milliseconds of the index's clock have 43 bits and fit exactly.
#[expect(clippy::cast_possible_truncation, reason = "float casts saturate")]
fn as_millisecond(value: f64) -> i64 {
    value as i64
}
