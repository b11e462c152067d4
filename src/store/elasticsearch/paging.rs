//! Paging through everything that a query finds, on a snapshot, or on another that has the same
//! when that is lost.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::debug;

use super::ahead::Ahead;
use super::answer::{self, Failure};
use super::client::{Client, PAUSES, Request};
use super::dsl;
use super::numbers::Numbers;
use super::page::{Page, SortKey};
use crate::packet::StoredPacket;
use crate::query::Order;
use crate::store::flows::Overlap;
use crate::store::{Layout, StoreError, StoreErrorKind, StoreResult};

/// Nothing is known yet of the packets' lengths: at most 35 MB with usual snapshot lengths.
const FIRST_PAGE: u64 = 100;
/// How long the server keeps the snapshot when nothing more is asked; it is kept alive while the
/// reader takes its time.
const KEEP_ALIVE: &str = "5m";
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_mins(2);

type Packets = StoreResult<Vec<StoredPacket>>;

/// What is searched for.
#[derive(Clone)]
pub(super) struct Search {
    pub(super) client: Client,
    pub(super) index: String,
    pub(super) layout: Layout,
    pub(super) clause: Json,
    pub(super) order: Order,
}

/// Everything that is found, in the order that was asked for.
///
/// The reader runs in a task of its own, so that it fetches the next page meanwhile, and ends
/// the snapshot also when the stream is dropped early.
pub(super) fn packets(
    search: Search,
) -> impl futures::Stream<Item = StoreResult<StoredPacket>> + Send {
    // The page here waits until the one before has been consumed.
    let (sender, receiver) = mpsc::channel(1);
    let reader = tokio::spawn(Arc::new(search).run(sender));
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

/// A snapshot and the place in it.
struct Cursor {
    snapshot: String,
    after: Option<SortKey>,
    /// How many documents were read.
    documents: u64,
    /// How many of them stand before the place of the last.
    before: u64,
    /// How many documents the snapshot has, once it is known.
    total: Option<u64>,
    /// Packets whose order is not final, because the next page may have others among them.
    overlap: Overlap,
}

impl Cursor {
    fn new(snapshot: String, order: Order) -> Self {
        let overlap = Overlap::new(order);
        Self { snapshot, after: None, documents: 0, before: 0, total: None, overlap }
    }

    /// Takes a page, and gives the packets whose order is final.
    fn advance(&mut self, page: Page) -> Vec<StoredPacket> {
        let stays = self.after.as_ref().zip(page.last.as_ref());
        let stays = stays.is_some_and(|(before, last)| before.is_same_place(last))
            && page.at_last_place == page.documents;
        if !stays {
            self.before = self.documents + page.documents - page.at_last_place;
        }
        self.documents += page.documents;
        self.after = page.last;
        self.snapshot = page.snapshot;
        self.overlap.next(page.packets, page.of_last_document, false)
    }

    /// The packets that waited for others.
    fn end(&mut self) -> Vec<StoredPacket> {
        self.overlap.next(Vec::new(), 0, true)
    }

    /// Goes to a snapshot that has the same documents as far as they were read, so that all
    /// packets together are those of that snapshot. The documents of the last place come again:
    /// of their packets none was given out yet, and [`Overlap`] takes each once.
    fn renew(&mut self, now: &Numbers) -> bool {
        // Without a total, packets that are missing behind this place would not be missed.
        let is_complete = match self.total {
            Some(total) => now.documents >= total,
            None => self.after.is_none(),
        };
        if !is_complete || now.before != self.before {
            return false;
        }
        self.snapshot.clone_from(&now.snapshot);
        self.after = self.after.take().map(SortKey::before_its_place);
        self.documents = self.before;
        self.total = Some(now.documents);
        true
    }
}

impl Search {
    async fn run(self: Arc<Self>, pages: mpsc::Sender<Packets>) {
        let opened = self.client.send_patiently(self.opening()).await;
        let mut cursor = match opened.and_then(|answer| snapshot_of(&answer)) {
            Ok(snapshot) => Cursor::new(snapshot, self.order),
            Err(failure) => return self.end(&pages, self.error(failure)).await,
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

    /// Reads to the end, over as many snapshots as it takes, as long as they bring it further.
    async fn read(
        self: &Arc<Self>,
        cursor: &mut Cursor,
        pages: &mpsc::Sender<Packets>,
    ) -> Result<(), Failure> {
        let mut pauses = PAUSES.iter();
        let mut read = 0;
        loop {
            let failure = match self.read_snapshot(cursor, pages).await {
                Err(failure) if failure.may_be_of_a_lost_shard() => failure,
                ended => return ended,
            };
            debug!(error = %failure, "a snapshot is lost");
            if cursor.documents > read {
                read = cursor.documents;
                pauses = PAUSES.iter();
            }
            loop {
                let Some(pause) = pauses.next() else { return Err(failure) };
                tokio::time::sleep(*pause).await;
                if self.renew(cursor, &failure).await? {
                    break;
                }
            }
        }
    }

    async fn read_snapshot(
        self: &Arc<Self>,
        cursor: &mut Cursor,
        pages: &mpsc::Sender<Packets>,
    ) -> Result<(), Failure> {
        let Some(mut permit) = self.reserve(cursor, pages).await else { return Ok(()) };
        if cursor.after.is_none() {
            let page = self.page(&cursor.snapshot, self.body(None, FIRST_PAGE)).await?;
            let is_last = page.documents < FIRST_PAGE;
            let mut complete = cursor.advance(page);
            if is_last {
                complete.extend(cursor.end());
            }
            permit.send(Ok(complete));
            if is_last {
                return Ok(());
            }
            let Some(next) = self.reserve(cursor, pages).await else { return Ok(()) };
            permit = next;
        }
        let Some(after) = cursor.after.clone() else { return Ok(()) };
        let mut ahead = Ahead::new(self, &cursor.snapshot, after);
        self.count(cursor).await?;
        while let Some(page) = ahead.next(self).await? {
            permit.send(Ok(cursor.advance(page)));
            let Some(next) = self.reserve(cursor, pages).await else { return Ok(()) };
            permit = next;
        }
        permit.send(Ok(cursor.end()));
        Ok(())
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
        let nothing = json!({ "match_none": {} });
        cursor.snapshot = self.numbers(&cursor.snapshot, &nothing, json!({})).await?.snapshot;
        Ok(())
    }

    /// A snapshot goes with a node that held a part of it, or with an index; the documents may be
    /// elsewhere too. Goes to a new snapshot if that certainly gives the same packets, and fails
    /// if it certainly does not.
    async fn renew(&self, cursor: &mut Cursor, failure: &Failure) -> Result<bool, Failure> {
        let opened = self.client.send(self.opening()).await;
        let Ok(snapshot) = opened.and_then(|answer| snapshot_of(&answer)) else { return Ok(false) };
        let lost = cursor.snapshot.clone();
        let renewed = match self.extent(&snapshot, cursor.after.as_ref()).await {
            Ok(extent) if cursor.renew(&extent) => {
                self.close(&lost).await;
                return Ok(true);
            }
            Ok(_) => Err(Failure::Incomplete(format!(
                "their snapshot is lost ({failure}), and the archive has others now; ask again"
            ))),
            Err(_) => Ok(false),
        };
        self.close(&snapshot).await;
        renewed
    }

    /// Finds out how many documents there are. Not asked for before the first page is there: it
    /// takes a look at all that is found.
    async fn count(&self, cursor: &mut Cursor) -> Result<(), Failure> {
        if cursor.total.is_none() {
            let found = self.extent(&cursor.snapshot, None).await?;
            cursor.snapshot = found.snapshot;
            cursor.total = Some(found.documents);
        }
        Ok(())
    }

    /// How many documents a snapshot has altogether, and before a place.
    async fn extent(&self, snapshot: &str, place: Option<&SortKey>) -> Result<Numbers, Failure> {
        let mut what = json!({});
        if let Some(place) = place {
            let before = dsl::before(self.order, place.text(), place.sequence());
            what = json!({ "before": { "filter": before } });
        }
        self.numbers(snapshot, &self.clause, what).await
    }

    /// Numbers of what a snapshot has for a query: how many documents, and what else is wanted.
    pub(super) async fn numbers(
        &self,
        snapshot: &str,
        query: &Json,
        what: Json,
    ) -> Result<Numbers, Failure> {
        let body = json!({ "size": 0, "query": query, "track_total_hits": true, "aggs": what });
        Numbers::read(&self.ask(snapshot, body).await?)
    }

    /// The documents that are asked for.
    pub(super) async fn page(&self, snapshot: &str, body: Json) -> Result<Page, Failure> {
        // Documents come whole: leaving out what is not needed makes them a third shorter, and
        // takes the server nearly twice as long (8.19, pages of 8,000).
        let answer = self.ask(snapshot, body).await?;
        // Some milliseconds for each megabyte: too long for the async runtime.
        let layout = self.layout;
        let page = tokio::task::spawn_blocking(move || Page::read(&answer, layout)).await;
        page.map_err(|error| Failure::NotUnderstood(error.to_string()))?
    }

    /// What to ask for the documents behind a place.
    pub(super) fn body(&self, after: Option<&SortKey>, size: u64) -> Json {
        let mut body = json!({
            "size": size,
            "query": self.clause,
            "sort": dsl::sort(self.order),
            "track_total_hits": false,
        });
        if let Some(after) = after {
            body["search_after"] = after.to_json();
        }
        body
    }

    /// What is searched for, and another clause.
    pub(super) fn within(&self, clause: &Json) -> Json {
        json!({ "bool": { "filter": [self.clause, clause] } })
    }

    /// Asks a snapshot.
    pub(super) async fn ask(&self, snapshot: &str, mut body: Json) -> Result<Bytes, Failure> {
        body["pit"] = json!({ "id": snapshot, "keep_alive": KEEP_ALIVE });
        // A part of the packets must never pass for all of them.
        let path = "_search?allow_partial_search_results=false";
        self.client.send(Request::post(path).json(&body)).await
    }

    /// Asks for a snapshot.
    fn opening(&self) -> Request {
        Request::post(format!("{}/_pit?keep_alive={KEEP_ALIVE}", self.index))
    }

    async fn close(&self, snapshot: &str) {
        let request = Request::delete("_pit").json(&json!({ "id": snapshot }));
        if let Err(failure) = self.client.send(request).await {
            debug!(error = %failure, "the server keeps a snapshot until it expires");
        }
    }
}

/// Reads the answer to [`Search::opening`].
fn snapshot_of(answer: &[u8]) -> Result<String, Failure> {
    #[derive(Deserialize)]
    struct Opened {
        id: String,
    }
    Ok(answer::parse::<Opened>(answer)?.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(before: u64, documents: u64) -> Numbers {
        Numbers { snapshot: "second".to_owned(), documents, before, ..Numbers::default() }
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
        let mut cursor = Cursor::new("first".to_owned(), Order::Time);
        cursor.advance(page(100, 3, 1));
        assert_eq!((cursor.documents, cursor.before), (100, 97));
        cursor.advance(page(10, 10, 1));
        assert_eq!((cursor.documents, cursor.before), (110, 97), "the place goes on");
        assert!(!cursor.renew(&extent(97, 500)), "how many there were is not known");
        cursor.total = Some(500);
        for (before, total) in [(96, 500), (98, 500), (97, 499)] {
            assert!(!cursor.renew(&extent(before, total)), "{before} of {total}");
        }
        assert!(cursor.renew(&extent(97, 501)), "later packets are welcome");
        assert_eq!((cursor.documents, cursor.snapshot.as_str()), (97, "second"));
        assert_eq!(cursor.after.as_ref().unwrap().to_json()[2], -1);
        cursor.advance(page(20, 20, 1));
        assert_eq!((cursor.documents, cursor.before), (117, 97), "the place comes again");
        cursor.advance(page(20, 20, 2));
        assert_eq!((cursor.documents, cursor.before), (137, 117));
    }

    #[test]
    fn a_snapshot_that_was_not_read_from_may_be_any() {
        let mut cursor = Cursor::new("first".to_owned(), Order::Time);
        assert!(cursor.renew(&extent(0, 9)));
        assert_eq!((cursor.after, cursor.documents), (None, 0));
    }
}
