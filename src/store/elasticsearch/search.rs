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
use super::page::{self, Extent, Lengths, Page, SortKey};
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
    weigh(client, archive, &clause, layout).await.map_err(|failure| {
        failure.during(format!("count in {}/{}", client.address(), archive.name))
    })
}

/// The same for a clause, in an archive of this layout.
pub(super) async fn weigh(
    client: &Client,
    archive: &Archive,
    clause: &Json,
    layout: Layout,
) -> Result<Estimate, Failure> {
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
    page::estimate(&client.send(Request::post(path).json(&body)).await?, layout)
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
    /// How many documents were read.
    documents: u64,
    /// How many of them stand before the place of the last.
    before: u64,
    /// Captured bytes of the longest document, once they are known.
    longest: Option<u64>,
    /// How many documents the snapshot has, once it is known.
    total: u64,
    /// Sizes of the next pages.
    planned: VecDeque<u64>,
    /// Packets whose order is not final, because the next page may have others among them.
    overlap: Overlap,
}

impl Cursor {
    fn advance(&mut self, page: &Page) {
        let stays = self.after.as_ref().zip(page.last.as_ref());
        let stays = stays.is_some_and(|(before, last)| before.is_same_place(last))
            && page.at_last_place == page.documents;
        if !stays {
            self.before = self.documents + page.documents - page.at_last_place;
        }
        self.documents += page.documents;
        self.after.clone_from(&page.last);
    }

    /// Goes to a snapshot that has the same documents as far as they were read, so that all
    /// packets together are those of that snapshot. The documents of the last place come again:
    /// of their packets none was given out yet, and [`Overlap`] takes each once.
    fn renew(&mut self, now: &Extent) -> bool {
        // Without a total, packets that are missing behind this place would not be missed.
        let is_known = self.after.is_none() || self.longest.is_some();
        if !is_known || now.before != self.before || now.total < self.total {
            return false;
        }
        self.snapshot.clone_from(&now.snapshot);
        self.after = self.after.take().map(SortKey::before_its_place);
        self.documents = self.before;
        self.total = now.total;
        self.longest = Some(now.longest);
        self.planned.clear();
        true
    }
}

impl Search {
    async fn run(self, pages: mpsc::Sender<Packets>) {
        let snapshot = match self.open().await {
            Ok(snapshot) => snapshot,
            Err(failure) => return self.end(&pages, self.error(failure)).await,
        };
        let mut cursor = Cursor {
            snapshot,
            after: None,
            documents: 0,
            before: 0,
            longest: None,
            total: 0,
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
            let mut error = self.error(failure);
            if cursor.documents > 0 {
                error.reason = format!("not all packets were given: {}", error.reason);
            }
            self.end(&pages, error).await;
        }
    }

    fn error(&self, failure: Failure) -> StoreError {
        failure.during(format!("search {}/{}", self.client.address(), self.index))
    }

    async fn end(&self, pages: &mpsc::Sender<Packets>, error: StoreError) {
        // Nobody listens any more: then nobody misses the error either.
        pages.send(Err(error)).await.ok();
    }

    async fn read(
        &self,
        cursor: &mut Cursor,
        pages: &mpsc::Sender<Packets>,
    ) -> Result<(), Failure> {
        loop {
            let Some(permit) = self.reserve(cursor, pages).await else { return Ok(()) };
            let (page, size) = match self.next(cursor).await {
                Err(failure) if failure.may_be_of_a_lost_shard() => {
                    self.renew(cursor, failure).await?;
                    self.next(cursor).await?
                }
                next => next?,
            };
            cursor.advance(&page);
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
    ) -> Option<mpsc::Permit<'p, Packets>> {
        loop {
            tokio::select! {
                permit = pages.reserve() => return permit.ok(),
                () = tokio::time::sleep(KEEP_ALIVE_INTERVAL) => {
                    // Whether that matters, the next page will tell.
                    if let Err(failure) = self.keep_alive(cursor).await {
                        debug!(error = %failure, "a snapshot could not be kept");
                    }
                }
            }
        }
    }

    async fn keep_alive(&self, cursor: &mut Cursor) -> Result<(), Failure> {
        let nothing = json!({ "size": 0, "query": { "match_none": {} } });
        let lengths = self.ask(&cursor.snapshot, nothing).await?;
        cursor.snapshot = Lengths::read(&lengths)?.snapshot;
        Ok(())
    }

    /// A page, and how many documents were asked for.
    async fn next(&self, cursor: &mut Cursor) -> Result<(Page, u64), Failure> {
        let size = self.next_size(cursor).await?;
        Ok((self.page(cursor, size).await?, size))
    }

    /// A snapshot goes with a node that held a part of it; the documents are on other nodes too.
    /// Goes on in a new snapshot if that certainly gives the same packets.
    async fn renew(&self, cursor: &mut Cursor, failure: Failure) -> Result<(), Failure> {
        debug!(error = %failure, "a snapshot is lost");
        let snapshot = self.open().await.map_err(|_| failure.clone())?;
        let lost = cursor.snapshot.clone();
        let error = match self.extent(&snapshot, cursor.after.as_ref()).await {
            Ok(extent) if cursor.renew(&extent) => {
                self.close(&lost).await;
                return Ok(());
            }
            Ok(_) => Failure::Incomplete(format!(
                "their snapshot is lost ({failure}), and the archive has others now; ask again"
            )),
            Err(_) => failure,
        };
        self.close(&snapshot).await;
        Err(error)
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
        let mut body = self.body(cursor, LARGEST_PAGE - 1);
        body["_source"] = json!(false);
        body["docvalue_fields"] = json!([FieldId::PacketCapturedLength.field().name]);
        let lengths = Lengths::read(&self.ask(&cursor.snapshot, body).await?)?;
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
        let found = self.extent(&cursor.snapshot, None).await?;
        cursor.snapshot = found.snapshot;
        cursor.total = found.total;
        Ok(*cursor.longest.insert(found.longest))
    }

    /// What a snapshot has altogether, and before a place.
    async fn extent(&self, snapshot: &str, place: Option<&SortKey>) -> Result<Extent, Failure> {
        let longest = json!({ "max": { "field": FieldId::PacketCapturedLength.field().name } });
        let mut body = json!({
            "size": 0,
            "query": self.clause,
            "track_total_hits": true,
            "aggs": { "longest": longest },
        });
        if let Some(place) = place {
            let before = dsl::before(self.order, place.text(), place.sequence());
            body["aggs"]["before"] = json!({ "filter": before });
        }
        Extent::read(&self.ask(snapshot, body).await?)
    }

    async fn page(&self, cursor: &mut Cursor, size: u64) -> Result<Page, Failure> {
        // Documents come whole: leaving out what is not needed makes them a third shorter, and
        // takes the server nearly twice as long (8.19, pages of 8,000).
        let body = self.body(cursor, size);
        let answer = self.ask(&cursor.snapshot, body).await?;
        // Some milliseconds for each megabyte: too long for the async runtime.
        let layout = self.layout;
        let page = tokio::task::spawn_blocking(move || Page::read(&answer, layout)).await;
        let page = page.map_err(|error| Failure::NotUnderstood(error.to_string()))??;
        cursor.snapshot.clone_from(&page.snapshot);
        Ok(page)
    }

    fn body(&self, cursor: &Cursor, size: u64) -> Json {
        let mut body = json!({
            "size": size,
            "query": self.clause,
            "sort": dsl::sort(self.order),
            "track_total_hits": false,
        });
        if let Some(after) = &cursor.after {
            body["search_after"] = after.to_json();
        }
        body
    }

    async fn ask(&self, snapshot: &str, mut body: Json) -> Result<Bytes, Failure> {
        body["pit"] = json!({ "id": snapshot, "keep_alive": KEEP_ALIVE });
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

    fn cursor() -> Cursor {
        Cursor {
            snapshot: "first".to_owned(),
            after: None,
            documents: 0,
            before: 0,
            longest: None,
            total: 0,
            planned: VecDeque::from([7]),
            overlap: Overlap::new(Order::Time),
        }
    }

    fn extent(before: u64, total: u64) -> Extent {
        Extent { snapshot: "second".to_owned(), total, longest: 60, before }
    }

    fn page(documents: u64, at_last_place: u64, sequence: i64) -> Page {
        Page {
            snapshot: "first".to_owned(),
            packets: Vec::new(),
            documents,
            at_last_place,
            of_last_document: 0,
            last: Some(SortKey::of("2023-11-14T22:13:20.000Z", sequence, 5)),
        }
    }

    #[test]
    fn a_snapshot_that_agrees_replaces_a_lost_one() {
        let mut cursor = cursor();
        cursor.advance(&page(100, 3, 1));
        assert_eq!((cursor.documents, cursor.before), (100, 97));
        cursor.advance(&page(10, 10, 1));
        assert_eq!((cursor.documents, cursor.before), (110, 97), "the place goes on");
        assert!(!cursor.renew(&extent(97, 500)), "how many there were is not known");
        (cursor.longest, cursor.total) = (Some(60), 500);
        for (before, total) in [(96, 500), (98, 500), (97, 499)] {
            assert!(!cursor.renew(&extent(before, total)), "{before} of {total}");
        }
        assert!(cursor.renew(&extent(97, 501)), "later packets are welcome");
        assert_eq!((cursor.documents, cursor.snapshot.as_str()), (97, "second"));
        assert_eq!(cursor.after.as_ref().unwrap().to_json()[2], -1);
        assert!(cursor.planned.is_empty());
        cursor.advance(&page(20, 20, 1));
        assert_eq!((cursor.documents, cursor.before), (117, 97), "the place comes again");
        cursor.advance(&page(20, 20, 2));
        assert_eq!((cursor.documents, cursor.before), (137, 117));
    }

    #[test]
    fn a_snapshot_that_was_not_read_from_may_be_any() {
        let mut cursor = cursor();
        assert!(cursor.renew(&extent(0, 9)));
        assert_eq!((cursor.after, cursor.documents), (None, 0));
    }

    #[test]
    fn long_packets_make_small_pages() {
        assert_eq!(page_sizes(&[]), [1]);
        assert_eq!(page_sizes(&vec![60; 9_999]), [LARGEST_PAGE]);
        let jumbo = 6 << 20;
        assert_eq!(page_sizes(&[jumbo; 3]), [1, 1, 2]);
        assert_eq!(page_sizes(&[60, 60, 100 << 20, 60]), [2, 1, 2]);
    }
}
