//! Paging through everything that a query finds, on a snapshot, one page ahead.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use futures::future;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::debug;

use super::answer::Failure;
use super::archive::Archive;
use super::client::{Client, Request};
use super::dsl;
use super::page::{self, Lengths, Page, SortKey};
use crate::document::fields::FieldId;
use crate::packet::StoredPacket;
use crate::query::{Order, Query};
use crate::store::flows::Overlap;
use crate::store::pushdown::{Abilities, Plan};
use crate::store::{Estimate, Explanation, Layout, StoreError, StoreErrorKind, StoreResult};

/// Bytes of an answer that is asked for; two of them, and their packets, are in memory at once.
const PAGE_BYTES: u64 = 12 << 20;
/// What of an answer is not packet bytes, for each packet.
const HIT_OVERHEAD: u64 = 1_024;
/// Nothing is known yet of the packets' lengths: at most 35 MB with usual snapshot lengths.
const FIRST_PAGE: u64 = 100;
/// Elasticsearch's own limit (`index.max_result_window`).
const LARGEST_PAGE: u64 = 10_000;
/// With a smaller page it is quicker to ask for the lengths first.
const SMALLEST_PAGE: u64 = 1_000;
/// How long the server keeps the snapshot when nothing more is asked; it is kept alive while the
/// reader takes its time.
const KEEP_ALIVE: &str = "5m";
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_mins(2);

type Packets = StoreResult<Vec<StoredPacket>>;

/// Everything that `query` finds in an archive, in its order.
pub(super) fn fetch(
    client: Client,
    archive: Archive,
    query: &Query,
) -> BoxStream<'static, StoreResult<StoredPacket>> {
    let query = query.clone();
    let search = async move {
        let clause = clause(&client, &archive, &query).await?;
        let layout = archive.layout(&client).await?;
        Ok(pages(Search { clause, layout, order: query.order, client, index: archive.name }))
    };
    stream::once(search).try_flatten().boxed()
}

/// What the server is asked for `query`.
pub(super) async fn clause(client: &Client, archive: &Archive, query: &Query) -> StoreResult<Json> {
    let layout = archive.layout(client).await?;
    Ok(dsl::query(&plan(client, archive, query).await?.condition, &query.time, layout))
}

/// How the server is asked for `query`.
pub(super) async fn plan(client: &Client, archive: &Archive, query: &Query) -> StoreResult<Plan> {
    let payload = Abilities::is_about_text(&query.filter) && archive.meta(client).await?.payload;
    Ok(Plan::new(query, &dsl::abilities(payload, archive.layout(client).await?)))
}

/// How many packets `query` finds in an archive; all of them, unlike the total of a search.
pub(super) async fn count(client: &Client, archive: &Archive, query: &Query) -> StoreResult<u64> {
    let clause = clause(client, archive, query).await?;
    if archive.layout(client).await? == Layout::Singles {
        return count_of(client, archive, &clause).await;
    }
    // A packet may stand in two stretches: only the packets tell.
    fetch(client.clone(), archive.clone(), query)
        .try_fold(0, |packets, _| future::ready(Ok(packets + 1)))
        .await
}

/// How many documents the server finds for a clause.
pub(super) async fn count_of(
    client: &Client,
    archive: &Archive,
    clause: &Json,
) -> StoreResult<u64> {
    let index = &archive.name;
    let body = json!({ "query": clause });
    let answer = client.send(Request::post(format!("{index}/_count")).json(&body)).await;
    let count = answer.and_then(|answer| page::count(&answer));
    count
        .map_err(|failure| failure.during_opening(format!("count in {}/{index}", client.address())))
}

/// How many packets `query` finds, and their captured bytes.
pub(super) async fn estimate(
    client: &Client,
    archive: &Archive,
    query: &Query,
) -> StoreResult<Estimate> {
    let clause = clause(client, archive, query).await?;
    let layout = archive.layout(client).await?;
    let sum = |field: FieldId| json!({ "sum": { "field": field.field().name } });
    let body = json!({
        "size": 0,
        "query": clause,
        "track_total_hits": true,
        "aggs": {
            "bytes": sum(FieldId::PacketCapturedLength),
            "packets": sum(FieldId::NetworkPackets),
        },
    });
    let path = format!("{}/_search?allow_partial_search_results=false", archive.name);
    let answer = client.send(Request::post(path).json(&body)).await;
    let estimate = answer.and_then(|answer| page::estimate(&answer, layout));
    estimate.map_err(|failure| {
        failure.during(format!("count in {}/{}", client.address(), archive.name))
    })
}

/// How the archive goes about `query`: the search as it is sent, without page and snapshot.
pub(super) async fn explain(
    client: &Client,
    archive: &Archive,
    query: &Query,
) -> StoreResult<Explanation> {
    let plan = plan(client, archive, query).await?;
    let layout = archive.layout(client).await?;
    let clause = dsl::query(&plan.condition, &query.time, layout);
    let body = json!({ "query": clause, "sort": dsl::sort(query.order) });
    let request = format!("GET /{}/_search\n{body:#}", archive.name);
    Ok(Explanation { plan, request })
}

/// The reader runs in a task of its own, so that it fetches the next page meanwhile, and ends
/// the snapshot also when the stream is dropped early.
fn pages(search: Search) -> impl futures::Stream<Item = StoreResult<StoredPacket>> + Send {
    // The page here waits until the one before has been consumed.
    let (sender, receiver) = mpsc::channel(1);
    let reader = tokio::spawn(search.run(sender));
    stream::unfold((receiver, Some(reader)), next_page)
        .map(|page: Packets| match page {
            Ok(packets) => stream::iter(packets).map(Ok).left_stream(),
            Err(error) => stream::iter([Err(error)]).right_stream(),
        })
        .flatten()
}

type Reading = (mpsc::Receiver<Packets>, Option<JoinHandle<()>>);

async fn next_page((mut pages, mut reader): Reading) -> Option<(Packets, Reading)> {
    if let Some(page) = pages.recv().await {
        return Some((page, (pages, reader)));
    }
    // A reader that died must not look like the end of the packets.
    let failure = reader.take()?.await.err()?;
    let error = StoreError::new(StoreErrorKind::Other, "read packets", failure);
    Some((Err(error), (pages, reader)))
}

struct Search {
    client: Client,
    index: String,
    layout: Layout,
    clause: Json,
    order: Order,
}

/// A snapshot and the place in it.
struct Cursor {
    snapshot: String,
    after: Option<SortKey>,
    /// Captured bytes of the longest document, once they are known.
    longest: Option<u64>,
    /// Sizes of the next pages.
    planned: VecDeque<u64>,
    /// Packets whose order is not final, because the next page may have others among them.
    overlap: Overlap,
}

impl Search {
    async fn run(self, pages: mpsc::Sender<Packets>) {
        let snapshot = match self.open().await {
            Ok(snapshot) => snapshot,
            Err(failure) => return self.end(&pages, failure).await,
        };
        let mut cursor = Cursor {
            snapshot,
            after: None,
            longest: None,
            planned: VecDeque::new(),
            overlap: Overlap::new(self.order),
        };
        let read = tokio::select! {
            read = self.read(&mut cursor, &pages) => read,
            () = pages.closed() => Ok(()),
        };
        // The snapshot goes first: when the reader has seen the end, nothing is left behind.
        self.close(&cursor.snapshot).await;
        if let Err(failure) = read {
            self.end(&pages, failure).await;
        }
    }

    async fn end(&self, pages: &mpsc::Sender<Packets>, failure: Failure) {
        let error = failure.during(format!("search {}/{}", self.client.address(), self.index));
        // Nobody listens any more: then nobody misses the error either.
        pages.send(Err(error)).await.ok();
    }

    async fn read(
        &self,
        cursor: &mut Cursor,
        pages: &mpsc::Sender<Packets>,
    ) -> Result<(), Failure> {
        loop {
            let Some(permit) = self.reserve(cursor, pages).await? else { return Ok(()) };
            let size = self.next_size(cursor).await?;
            let page = self.page(cursor, size).await?;
            cursor.after = page.last;
            let is_last = page.documents < size;
            let complete = cursor.overlap.next(page.packets, page.of_last_document, is_last);
            permit.send(Ok(complete));
            if is_last {
                return Ok(());
            }
        }
    }

    /// Waits until the reader wants another page, and keeps the snapshot meanwhile.
    async fn reserve<'p>(
        &self,
        cursor: &mut Cursor,
        pages: &'p mpsc::Sender<Packets>,
    ) -> Result<Option<mpsc::Permit<'p, Packets>>, Failure> {
        loop {
            tokio::select! {
                permit = pages.reserve() => return Ok(permit.ok()),
                () = tokio::time::sleep(KEEP_ALIVE_INTERVAL) => {
                    let nothing = json!({ "size": 0, "query": { "match_none": {} } });
                    let lengths = self.ask(cursor, nothing).await?;
                    cursor.snapshot = Lengths::read(&lengths)?.snapshot;
                }
            }
        }
    }

    /// How many packets fit a page of [`PAGE_BYTES`].
    async fn next_size(&self, cursor: &mut Cursor) -> Result<u64, Failure> {
        if let Some(size) = cursor.planned.pop_front() {
            return Ok(size);
        }
        if cursor.after.is_none() {
            return Ok(FIRST_PAGE);
        }
        let longest = self.longest(cursor).await?;
        let size = PAGE_BYTES / hit_bytes(longest);
        if size >= SMALLEST_PAGE {
            return Ok(size.min(LARGEST_PAGE));
        }
        let body = self.body(
            cursor,
            LARGEST_PAGE - 1,
            &json!({
                "_source": false,
                "docvalue_fields": [FieldId::PacketCapturedLength.field().name],
            }),
        );
        let lengths = Lengths::read(&self.ask(cursor, body).await?)?;
        cursor.snapshot = lengths.snapshot;
        cursor.planned = page_sizes(&lengths.lengths);
        Ok(cursor.planned.pop_front().unwrap_or(FIRST_PAGE))
    }

    /// Captured bytes of the longest document. Not asked for before the first page is there: it
    /// takes a look at all that is found.
    async fn longest(&self, cursor: &mut Cursor) -> Result<u64, Failure> {
        if let Some(longest) = cursor.longest {
            return Ok(longest);
        }
        let longest = json!({ "max": { "field": FieldId::PacketCapturedLength.field().name } });
        let body = json!({
            "size": 0,
            "query": self.clause,
            "track_total_hits": false,
            "aggs": { "longest": longest },
        });
        let found = Lengths::read(&self.ask(cursor, body).await?)?;
        cursor.snapshot = found.snapshot;
        Ok(*cursor.longest.insert(found.longest.unwrap_or_default()))
    }

    async fn page(&self, cursor: &mut Cursor, size: u64) -> Result<Page, Failure> {
        // Documents come whole: leaving out what is not needed makes them a third shorter, and
        // takes the server nearly twice as long (8.19, pages of 8,000).
        let body = self.body(cursor, size, &json!({}));
        let answer = self.ask(cursor, body).await?;
        // Some milliseconds for each megabyte: too long for the async runtime.
        let layout = self.layout;
        let page = tokio::task::spawn_blocking(move || Page::read(&answer, layout)).await;
        let page = page.map_err(|error| Failure::NotUnderstood(error.to_string()))??;
        cursor.snapshot.clone_from(&page.snapshot);
        Ok(page)
    }

    fn body(&self, cursor: &Cursor, size: u64, extra: &Json) -> Json {
        let mut body = json!({
            "size": size,
            "query": self.clause,
            "sort": dsl::sort(self.order),
            "track_total_hits": false,
        });
        if let Some(after) = &cursor.after {
            body["search_after"] = after.to_json();
        }
        for (name, value) in extra.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        body
    }

    async fn ask(&self, cursor: &Cursor, mut body: Json) -> Result<Bytes, Failure> {
        body["pit"] = json!({ "id": cursor.snapshot, "keep_alive": KEEP_ALIVE });
        // A part of the packets must never pass for all of them.
        let path = "_search?allow_partial_search_results=false";
        self.client.send(Request::post(path).json(&body)).await
    }

    async fn open(&self) -> Result<String, Failure> {
        let path = format!("{}/_pit?keep_alive={KEEP_ALIVE}", self.index);
        let answer: Json = self.client.ask(Request::post(path)).await?;
        match answer["id"].as_str() {
            Some(id) => Ok(id.to_owned()),
            None => Err(Failure::NotUnderstood("a snapshot without id".to_owned())),
        }
    }

    async fn close(&self, snapshot: &str) {
        let request = Request::delete("_pit").json(&json!({ "id": snapshot }));
        if let Err(failure) = self.client.send(request).await {
            debug!(error = %failure, "the server keeps a snapshot until it expires");
        }
    }
}

/// Bytes of one hit in the answer: the packet's are base64.
fn hit_bytes(captured_length: u64) -> u64 {
    captured_length.div_ceil(3) * 4 + HIT_OVERHEAD
}

/// Sizes of pages for packets of these lengths, in order.
fn page_sizes(lengths: &[u64]) -> VecDeque<u64> {
    let mut sizes = VecDeque::new();
    let (mut size, mut bytes) = (0, 0);
    for length in lengths {
        if size > 0 && bytes + hit_bytes(*length) > PAGE_BYTES {
            sizes.push_back(size);
            (size, bytes) = (0, 0);
        }
        size += 1;
        bytes += hit_bytes(*length);
    }
    // One more than there are: the page that is not full is the last.
    sizes.push_back(size + 1);
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_packets_make_small_pages() {
        assert_eq!(page_sizes(&[]), [1]);
        assert_eq!(page_sizes(&vec![60; 9_999]), [LARGEST_PAGE]);
        let jumbo = 6 << 20;
        assert_eq!(page_sizes(&[jumbo; 3]), [1, 1, 2]);
        assert_eq!(page_sizes(&[60, 60, 100 << 20, 60]), [2, 1, 2]);
    }
}
