//! Counting what a query selects: by the store where it can, or else by reading.

use crate::query::Query;
use crate::store::aggregate::Tally;
use crate::store::{Breakdown, Counts, PacketStore};
use crate::web::budget::{Budget, Packets, Stopped};
use crate::web::error::ApiError;

/// What was counted.
pub(super) struct Counted {
    pub(super) counts: Counts,
    /// The whole truth.
    pub(super) exact: bool,
    pub(super) stopped: Option<Stopped>,
}

/// Nobody waits for ever: a store that counts has as long as the budget allows.
pub(super) async fn count(
    store: &dyn PacketStore,
    query: &Query,
    what: Breakdown,
    budget: Budget,
) -> Result<Counted, ApiError> {
    if let Some(counts) = budget.in_time(store.aggregate(query, what)).await?? {
        return Ok(Counted { exact: counts.top_is_exact, counts, stopped: None });
    }
    let mut tally = Tally::new(what);
    let mut packets = Packets::new(store, query, budget);
    while let Some(record) = packets.next().await? {
        tally.add(&record);
    }
    let stopped = packets.stopped();
    Ok(Counted { counts: tally.finish(), exact: stopped.is_none(), stopped })
}
