//! Pages that are asked for ahead of the reader.
//!
//! How long packets are is asked first, which costs the server little: then pages can be cut by
//! bytes, and several be asked for at once, since it is known where each begins.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures::stream::{FuturesOrdered, StreamExt as _};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::answer::Failure;
use super::page::{Page, SortKey, Window};
use super::paging::Search;
use crate::document::fields::FieldId;

/// Bytes of an answer that is asked for; some of them, and their packets, are in memory at once.
const PAGE_BYTES: u64 = 12 << 20;
/// What of an answer is not packet bytes, for each packet.
const HIT_OVERHEAD: u64 = 1_024;
/// Documents whose lengths are asked for at once: Elasticsearch's own limit
/// (`index.max_result_window`).
const WINDOW: u64 = 10_000;
/// While the packets of one page are read from its answer the server writes the next.
const PAGES_AT_ONCE: usize = 2;
/// Pages that are planned beyond those that are asked for.
const PLANNED: usize = 2;

/// A page that is going to be asked for.
struct Planned {
    snapshot: String,
    after: SortKey,
    documents: u64,
}

/// Pages on their way, in order.
pub(super) struct Ahead {
    plans: mpsc::Receiver<Result<Planned, Failure>>,
    planner: AbortOnDropHandle<()>,
    /// In tasks of their own: they come to their end also while nobody takes a page.
    asked: FuturesOrdered<Asked>,
}

type Asked = Pin<Box<dyn Future<Output = Result<Page, Failure>> + Send>>;

impl Ahead {
    /// Everything behind a place.
    pub(super) fn new(search: &Arc<Search>, snapshot: &str, after: SortKey) -> Self {
        let (sender, plans) = mpsc::channel(PLANNED);
        let planner = search.clone().plan(snapshot.to_owned(), after, sender);
        let planner = AbortOnDropHandle::new(tokio::spawn(planner));
        Self { plans, planner, asked: FuturesOrdered::new() }
    }

    /// The next page; `None` behind the last.
    pub(super) async fn next(&mut self, search: &Arc<Search>) -> Result<Option<Page>, Failure> {
        let mut may_plan = true;
        loop {
            tokio::select! {
                biased;
                plan = self.plans.recv(), if may_plan && self.asked.len() < PAGES_AT_ONCE => {
                    match plan {
                        Some(plan) => self.ask(search, plan?),
                        None => may_plan = false,
                    }
                }
                Some(page) = self.asked.next() => return page.map(Some),
                else => break,
            }
        }
        // A planner that died must not look like the end of the packets.
        (&mut self.planner).await.map_err(|failure| Failure::NotUnderstood(failure.to_string()))?;
        Ok(None)
    }

    fn ask(&mut self, search: &Arc<Search>, plan: Planned) {
        let task = AbortOnDropHandle::new(tokio::spawn(search.clone().planned_page(plan)));
        self.asked.push_back(Box::pin(async {
            task.await.unwrap_or_else(|failure| Err(Failure::NotUnderstood(failure.to_string())))
        }));
    }
}

impl Search {
    /// Plans the pages behind a place, until nobody wants more of them.
    async fn plan(
        self: Arc<Self>,
        mut snapshot: String,
        mut after: SortKey,
        plans: mpsc::Sender<Result<Planned, Failure>>,
    ) {
        loop {
            let window = match self.window(&snapshot, &after).await {
                Ok(window) => window,
                Err(failure) => {
                    plans.send(Err(failure)).await.ok();
                    return;
                }
            };
            snapshot = window.snapshot;
            let is_last = (window.documents.len() as u64) < WINDOW;
            let mut documents = window.documents.into_iter();
            let lengths: Vec<u64> =
                documents.as_slice().iter().map(|(length, _)| *length).collect();
            for size in page_sizes(&lengths) {
                let Some((_, last)) = documents.nth(size - 1) else { break };
                let after = std::mem::replace(&mut after, last);
                let planned = Planned { snapshot: snapshot.clone(), after, documents: size as u64 };
                if plans.send(Ok(planned)).await.is_err() {
                    return;
                }
            }
            if is_last {
                return;
            }
        }
    }

    /// Lengths and places of the documents behind a place.
    async fn window(&self, snapshot: &str, after: &SortKey) -> Result<Window, Failure> {
        let mut body = self.body(Some(after), WINDOW);
        // Whatever stands with the source would be as much work as the documents themselves.
        body["stored_fields"] = json!("_none_");
        body["docvalue_fields"] = json!([FieldId::PacketCapturedLength.field().name]);
        Window::read(&self.ask(snapshot, body).await?)
    }

    async fn planned_page(self: Arc<Self>, plan: Planned) -> Result<Page, Failure> {
        let page = self.page(&plan.snapshot, Some(&plan.after), plan.documents).await?;
        if page.documents == plan.documents {
            return Ok(page);
        }
        let (found, expected) = (page.documents, plan.documents);
        Err(Failure::Incomplete(format!("{found} documents where there were {expected}")))
    }
}

/// Bytes of one hit in the answer: the packet's are base64.
fn hit_bytes(captured_length: u64) -> u64 {
    captured_length.div_ceil(3) * 4 + HIT_OVERHEAD
}

/// Sizes of pages for packets of these lengths, in order: of about the same bytes, and of not more
/// than [`PAGE_BYTES`] unless it is a single packet.
fn page_sizes(lengths: &[u64]) -> Vec<usize> {
    let total: u64 = lengths.iter().map(|length| hit_bytes(*length)).sum();
    let wanted = total.div_ceil(total.div_ceil(PAGE_BYTES).max(1));
    let mut sizes = Vec::new();
    let (mut size, mut bytes) = (0, 0);
    for length in lengths.iter().map(|length| hit_bytes(*length)) {
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
        assert_eq!(page_sizes(&vec![60; 10_000]), [10_000]);
        assert_eq!(page_sizes(&vec![600; 10_000]), [5_000, 5_000], "of about the same size");
        let jumbo = 6 << 20;
        assert_eq!(page_sizes(&[jumbo; 3]), [1, 1, 1]);
        assert_eq!(page_sizes(&[60, 60, 100 << 20, 60]), [2, 1, 1]);
    }
}
