//! Where the pages of a fetch begin, found out before they are asked for.
//!
//! Pages are cut by bytes, so that memory is bounded, and several can be asked for at once, since
//! it is known where each begins. Of the first documents the lengths are asked for one by one: that
//! is soon there. What stands behind them is counted by time, which costs the server much less for
//! each document; where that is not fine enough, and in the order of a capture, lengths tell.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use tokio::sync::mpsc;

use super::answer::Failure;
use super::dsl;
use super::numbers::Numbers;
use super::page::{SortKey, Window};
use super::paging::Search;
use crate::document::fields::FieldId;
use crate::packet::Timestamp;
use crate::query::Order;

/// Bytes of an answer that is asked for; some of them, and their packets, are in memory at once.
/// Less than what the allocator gives back to the system at once, and has to get anew.
const PAGE_BYTES: u64 = 7 << 20;
/// What of an answer is not packet bytes, for each packet.
const HIT_OVERHEAD: u64 = 1_024;
/// Documents of one answer at most: Elasticsearch's own limit (`index.max_result_window`).
const WINDOW: u64 = 10_000;
const _: () = assert!(PAGE_BYTES / HIT_OVERHEAD <= WINDOW, "no page has more than an answer may");
/// Parts of a time for which documents are counted at once.
const BUCKETS: i64 = 1_024;
/// The last of the index's clock.
const LAST_MILLISECOND: i64 = i64::MAX / 1_000_000;

/// A page that is going to be asked for.
pub(super) struct Planned {
    pub(super) snapshot: String,
    /// What to ask for.
    pub(super) body: Json,
    /// How many will come.
    pub(super) documents: u64,
}

/// Plans the pages behind a place. Whoever takes them ends it, too, when no more are wanted.
pub(super) struct Planner {
    pub(super) search: Arc<Search>,
    pub(super) snapshot: String,
    pub(super) plans: mpsc::Sender<Result<Planned, Failure>>,
}

impl Planner {
    pub(super) async fn run(mut self, after: SortKey) {
        if let Err(failure) = self.plan(after).await {
            self.plans.send(Err(failure)).await.ok();
        }
    }

    async fn plan(&mut self, mut after: SortKey) -> Result<(), Failure> {
        loop {
            let mut documents = self.window(&after, WINDOW).await?;
            let is_last = (documents.len() as u64) < WINDOW;
            let rest = match self.search.order {
                Order::Time if !is_last => without_last_millisecond(&mut documents)?,
                _ => None,
            };
            after = self.by_length(after, documents).await;
            if let Some(first) = rest {
                let rest = self.from(first).await?;
                return self.by_time(rest).await;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Cuts a time into parts of a page.
    async fn by_time(&mut self, all: Span) -> Result<(), Failure> {
        let mut spans = vec![all];
        while let Some(span) = spans.pop() {
            if span.is_a_page() {
                let mut body = self.search.body(Some(&span.start()), span.documents);
                // It spares the server a look at all others.
                body["query"] = self.search.within(&within(span.first, span.last));
                self.send(body, span.documents).await;
            } else if span.first < span.last {
                let parts = self.parts(&span).await?;
                spans.extend(parts.into_iter().rev());
            } else {
                self.millisecond(&span).await?;
            }
        }
        Ok(())
    }

    /// What has more than a page in a millisecond.
    async fn millisecond(&mut self, span: &Span) -> Result<(), Failure> {
        let mut after = span.start();
        let mut left = span.documents;
        while left > 0 {
            let documents = self.window(&after, left.min(WINDOW)).await?;
            if documents.is_empty() {
                return Err(Failure::Incomplete(format!("{left} documents are not there")));
            }
            left -= documents.len() as u64;
            after = self.by_length(after, documents).await;
        }
        Ok(())
    }

    /// Cuts documents behind a place into pages; returns the place of the last.
    async fn by_length(&mut self, mut after: SortKey, documents: Vec<(u64, SortKey)>) -> SortKey {
        let lengths: Vec<u64> = documents.iter().map(|(length, _)| *length).collect();
        let mut documents = documents.into_iter();
        for size in page_sizes(&lengths) {
            let Some((_, last)) = documents.nth(size - 1) else { break };
            let size = size as u64;
            self.send(self.search.body(Some(&after), size), size).await;
            after = last;
        }
        after
    }

    async fn send(&self, body: Json, documents: u64) {
        let planned = Planned { snapshot: self.snapshot.clone(), body, documents };
        // Without anyone to take it, this task is about to be ended.
        self.plans.send(Ok(planned)).await.ok();
    }

    /// Lengths and places of the documents behind a place.
    async fn window(&mut self, after: &SortKey, size: u64) -> Result<Vec<(u64, SortKey)>, Failure> {
        let mut body = self.search.body(Some(after), size);
        // Whatever stands with the source would be as much work as the documents themselves.
        body["stored_fields"] = json!("_none_");
        body["docvalue_fields"] = json!([FieldId::PacketCapturedLength.field().name]);
        let window = Window::read(&self.search.ask(&self.snapshot, body).await?)?;
        self.snapshot = window.snapshot;
        Ok(window.documents)
    }

    /// Everything from a time on.
    async fn from(&mut self, first: i64) -> Result<Span, Failure> {
        let what = json!({
            "bytes": bytes(),
            "last": { "max": { "field": FieldId::Timestamp.field().name } },
        });
        let numbers = self.numbers(first, LAST_MILLISECOND, what).await?;
        let (documents, bytes) = (numbers.documents, numbers.bytes);
        Ok(Span { first, last: numbers.last.unwrap_or(first).max(first), documents, bytes })
    }

    /// The parts of a time, each of no more than a page or of a small part of the time.
    async fn parts(&mut self, span: &Span) -> Result<Vec<Span>, Failure> {
        let interval = (span.last - span.first) / BUCKETS + 1;
        let what = json!({ "times": {
            "date_histogram": {
                "field": FieldId::Timestamp.field().name,
                "fixed_interval": format!("{interval}ms"),
                "min_doc_count": 1,
            },
            "aggs": { "bytes": bytes() },
        } });
        let buckets = self.numbers(span.first, span.last, what).await?.buckets;
        let counted: u64 = buckets.iter().map(|bucket| bucket.documents).sum();
        if counted != span.documents {
            let expected = span.documents;
            return Err(Failure::Incomplete(format!(
                "{counted} documents were counted where there were {expected}"
            )));
        }
        let spans = buckets.into_iter().map(|bucket| Span {
            first: bucket.first.max(span.first),
            last: (bucket.first + interval - 1).min(span.last),
            documents: bucket.documents,
            bytes: bucket.bytes,
        });
        Ok(joined(spans))
    }

    /// Numbers of what was captured from a time to another.
    async fn numbers(&mut self, first: i64, last: i64, what: Json) -> Result<Numbers, Failure> {
        let query = self.search.within(&within(first, last));
        let numbers = self.search.numbers(&self.snapshot, &query, what).await?;
        self.snapshot.clone_from(&numbers.snapshot);
        Ok(numbers)
    }
}

/// Documents of a time. Times are in milliseconds since 1970, as the server's are; both ends
/// belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    first: i64,
    last: i64,
    documents: u64,
    /// Captured ones.
    bytes: u64,
}

impl Span {
    /// Behind which all of them come.
    fn start(&self) -> SortKey {
        SortKey::first_of(Timestamp::from_milliseconds(self.first))
    }

    fn is_a_page(&self) -> bool {
        self.documents == 1 || answer_bytes(self.documents, self.bytes) <= PAGE_BYTES
    }

    /// Takes the next one to it, if both are a page.
    fn join(&mut self, next: &Self) -> bool {
        let both = Self {
            first: self.first,
            last: next.last,
            documents: self.documents + next.documents,
            bytes: self.bytes + next.bytes,
        };
        let is_a_page = both.is_a_page();
        if is_a_page {
            *self = both;
        }
        is_a_page
    }
}

/// Neighbours together, as far as they are a page.
fn joined(spans: impl IntoIterator<Item = Span>) -> Vec<Span> {
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        if !joined.last_mut().is_some_and(|last| last.join(&span)) {
            joined.push(span);
        }
    }
    joined
}

/// Drops those of the last millisecond, of which there may be more than these, and returns it;
/// drops none when there would be none left.
fn without_last_millisecond(documents: &mut Vec<(u64, SortKey)>) -> Result<Option<i64>, Failure> {
    let Some((_, last)) = documents.last() else { return Ok(None) };
    let last =
        last.millisecond().ok_or_else(|| Failure::NotUnderstood(format!("a time: {last:?}")))?;
    let before = documents.iter().rposition(|(_, place)| place.millisecond() != Some(last));
    let Some(before) = before else { return Ok(None) };
    documents.truncate(before + 1);
    Ok(Some(last))
}

/// What was captured from one time to another.
fn within(first: i64, last: i64) -> Json {
    let end = Timestamp::from_milliseconds(last + 1).nanoseconds() - 1;
    let [first, last] = [Timestamp::from_milliseconds(first), Timestamp::from_nanoseconds(end)];
    dsl::captured_between(first, last)
}

/// Captured bytes.
fn bytes() -> Json {
    dsl::sum(FieldId::PacketCapturedLength)
}

/// Bytes of an answer with documents that have so many captured bytes: these are base64.
fn answer_bytes(documents: u64, captured: u64) -> u64 {
    captured.div_ceil(3) * 4 + documents * HIT_OVERHEAD
}

/// Sizes of pages for packets of these lengths, in order: of about the same bytes, and of not more
/// than [`PAGE_BYTES`] unless it is a single packet.
fn page_sizes(lengths: &[u64]) -> Vec<usize> {
    let total: u64 = lengths.iter().map(|length| answer_bytes(1, *length)).sum();
    let wanted = total.div_ceil(total.div_ceil(PAGE_BYTES).max(1));
    let mut sizes = Vec::new();
    let (mut size, mut bytes) = (0, 0);
    for length in lengths.iter().map(|length| answer_bytes(1, *length)) {
        if size > 0 && (bytes >= wanted || bytes + length > PAGE_BYTES) {
            sizes.push(size);
            (size, bytes) = (0, 0);
        }
        size += 1;
        bytes += length;
    }
    sizes.extend((size > 0).then_some(size));
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_cut_by_bytes() {
        assert_eq!(page_sizes(&[]), [0; 0]);
        assert_eq!(page_sizes(&vec![60; 6_000]), [6_000]);
        assert_eq!(page_sizes(&vec![600; 6_000]), [3_000, 3_000], "of about the same size");
        let jumbo = 4 << 20;
        assert_eq!(page_sizes(&[jumbo; 3]), [1, 1, 1]);
        assert_eq!(page_sizes(&[60, 60, 100 << 20, 60]), [2, 1, 1]);
    }

    fn span(first: i64, documents: u64, bytes: u64) -> Span {
        Span { first, last: first + 9, documents, bytes }
    }

    #[test]
    fn neighbours_are_joined_to_pages() {
        assert_eq!(joined([]), []);
        let short = [span(0, 3_000, 1), span(10, 3_000, 1), span(50, 3_000, 1), span(60, 4_000, 1)];
        assert_eq!(
            joined(short),
            [
                Span { first: 0, last: 19, documents: 6_000, bytes: 2 },
                Span { first: 50, last: 69, documents: 7_000, bytes: 2 },
            ]
        );
        let long = [span(0, 1, 1), span(10, 2, 9 << 20), span(20, 1, 9 << 20), span(30, 1, 1)];
        assert_eq!(joined(long), long, "none fits to its neighbour");
        assert!(!long[1].is_a_page(), "to be parted");
        assert!(long[2].is_a_page(), "a packet is not");
    }

    #[test]
    fn a_millisecond_is_not_cut() {
        let place = |text: &str| (60, SortKey::of(text, 0, 0));
        let documents = [
            place("2023-11-14T22:13:20.001Z"),
            place("2023-11-14T22:13:20.002Z"),
            place("2023-11-14T22:13:20.002000001Z"),
        ];
        let mut first = documents.to_vec();
        let last = without_last_millisecond(&mut first).unwrap();
        assert_eq!((first.len(), last), (1, Some(1_700_000_000_002)));
        let mut all = documents[1..].to_vec();
        assert_eq!(without_last_millisecond(&mut all).unwrap(), None);
        assert_eq!(all.len(), 2);
    }
}
