//! Counting what a query selects: by the store where it can, or else by reading.

use crate::query::Query;
use crate::store::aggregate::Tally;
use crate::store::{Breakdown, Counts, StoreResult};
use crate::web::App;
use crate::web::budget::{Packets, Stopped};

/// What was counted.
pub(super) struct Counted {
    pub(super) counts: Counts,
    /// The whole truth.
    pub(super) exact: bool,
    pub(super) stopped: Option<Stopped>,
}

pub(super) async fn count(app: &App, query: &Query, what: Breakdown) -> StoreResult<Counted> {
    if let Some(counts) = app.store.aggregate(query, what).await? {
        return Ok(Counted { exact: counts.top_is_exact, counts, stopped: None });
    }
    let mut tally = Tally::new(what);
    let mut packets = Packets::new(app.store.as_ref(), query, app.budgets.query);
    while let Some(record) = packets.next().await? {
        tally.add(&record);
    }
    let stopped = packets.stopped();
    Ok(Counted { counts: tally.finish(), exact: stopped.is_none(), stopped })
}
