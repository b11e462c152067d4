//! Pages that are asked for ahead of the reader.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use futures::stream::{FuturesOrdered, StreamExt as _};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::answer::Failure;
use super::page::{Page, SortKey};
use super::paging::Search;
use super::plan::{Planned, Planner};

/// While the packets of one page are read from its answer the server writes the next ones, with a
/// core for each.
const PAGES_AT_ONCE: usize = 4;
/// Pages that are planned beyond those that are asked for.
const PLANNED: usize = 2;

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
        let search = search.clone();
        let planner = Planner { search, snapshot: snapshot.to_owned(), plans: sender };
        let planner = AbortOnDropHandle::new(tokio::spawn(planner.run(after)));
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
    async fn planned_page(self: Arc<Self>, plan: Planned) -> Result<Page, Failure> {
        let page = self.page(&plan.snapshot, plan.body).await?;
        if page.documents == plan.documents {
            return Ok(page);
        }
        let (found, expected) = (page.documents, plan.documents);
        Err(Failure::Incomplete(format!("{found} documents where there were {expected}")))
    }
}
