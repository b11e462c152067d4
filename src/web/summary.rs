//! What is selected, in figures.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use crate::store::Breakdown;
use crate::store::aggregate::Top;
use crate::web::App;
use crate::web::access::Caller;
use crate::web::budget::Stopped;
use crate::web::count::{self, Counted};
use crate::web::error::ApiError;
use crate::web::parameters::{Parameters, Resolved};

/// Values of each kind.
const TOP: usize = 10;

/// Figures of what is selected.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Summary {
    packets: u64,
    /// On the wire.
    bytes: u64,
    captured_bytes: u64,
    earliest: Option<String>,
    latest: Option<String>,
    /// Addresses anywhere in a packet (`related.ip`).
    hosts: Vec<Frequent>,
    /// At either end.
    ports: Vec<Frequent>,
    protocols: Vec<Frequent>,
    exact: bool,
    stopped: Option<Stopped>,
    /// What has to be known about the query: a host name without an address.
    notes: Vec<String>,
}

/// A value that many packets have.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Frequent {
    value: String,
    packets: u64,
    /// On the wire.
    bytes: u64,
}

pub(super) async fn summary(
    State(app): State<Arc<App>>,
    caller: Caller,
    parameters: Parameters,
) -> Result<Json<Summary>, ApiError> {
    let what = Breakdown { timeline: None, top: Some(TOP) };
    let store = caller.store.as_ref();
    let Resolved { query, notes } = parameters.resolved_query(store, app.budgets.query).await?;
    let _turn = app.counts.acquire().await;
    let Counted { counts, exact, stopped } =
        count::count(store, &query, what, app.budgets.query).await?;
    Ok(Json(Summary {
        packets: counts.packets,
        bytes: counts.bytes,
        captured_bytes: counts.captured_bytes,
        earliest: counts.earliest.map(|time| time.to_string()),
        latest: counts.latest.map(|time| time.to_string()),
        hosts: counts.hosts.into_iter().map(Frequent::from).collect(),
        ports: counts.ports.into_iter().map(Frequent::from).collect(),
        protocols: counts.protocols.into_iter().map(Frequent::from).collect(),
        exact,
        stopped,
        notes,
    }))
}

impl<T: ToString> From<Top<T>> for Frequent {
    fn from(top: Top<T>) -> Self {
        Self { value: top.value.to_string(), packets: top.packets, bytes: top.bytes }
    }
}
