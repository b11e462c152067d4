//! What the archive holds, and whether it answers.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use crate::store::StoreErrorKind;
use crate::web::App;
use crate::web::access::{Access, Caller};
use crate::web::budget::Budgets;
use crate::web::error::ApiError;

/// The archive, as this caller may know it; null is not known.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Status {
    store: String,
    /// Its name on a command line, as a shell reads it.
    url: String,
    version: &'static str,
    set_up: bool,
    packets: Option<u64>,
    /// On disk.
    bytes: Option<u64>,
    earliest: Option<String>,
    latest: Option<String>,
    /// Days between them without a packet, as `first..last`.
    gaps: Vec<String>,
    /// Whether text in packets is indexed.
    payload_index: bool,
    budgets: Budgets,
}

pub(super) async fn status(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<Status>, ApiError> {
    let status = caller.store.status().await?;
    Ok(Json(Status {
        store: status.store,
        url: app.store.clone(),
        version: env!("CARGO_PKG_VERSION"),
        set_up: status.set_up,
        packets: status.packets,
        bytes: status.bytes,
        earliest: status.earliest.map(|time| time.to_string()),
        latest: status.latest.map(|time| time.to_string()),
        gaps: status.gaps,
        payload_index: status.payload_index,
        budgets: app.budgets,
    }))
}

pub(super) async fn alive() -> StatusCode {
    StatusCode::OK
}

/// An archive that waits for its first packet is ready, and so is a server that wants to know who
/// asks.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Result<StatusCode, ApiError> {
    let knows_nobody = matches!(app.access, Access::Elasticsearch { .. });
    let store = app.access.unauthenticated().await?;
    let error = match store.check().await {
        Ok(()) => return Ok(StatusCode::OK),
        Err(error) => error,
    };
    match error.kind {
        StoreErrorKind::NotSetUp => Ok(StatusCode::OK),
        StoreErrorKind::Unauthorized | StoreErrorKind::Forbidden if knows_nobody => {
            Ok(StatusCode::OK)
        }
        // Whoever asks here need not know where the archive is.
        _ => {
            tracing::warn!(%error, "not ready");
            Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "the archive does not answer"))
        }
    }
}
