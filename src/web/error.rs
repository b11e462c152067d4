//! Errors → status codes and JSON.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use crate::query::ParseError;
use crate::store::{StoreError, StoreErrorKind};

/// Why a request is not answered.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    /// Seconds.
    retry_after: Option<u64>,
    body: Box<Refusal>,
}

/// What is said about it.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(super) struct Refusal {
    /// `what: why`
    error: String,
    /// What can be done about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// The parameter that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    /// The place in `q` that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<Place>,
}

/// Bytes of the UTF-8 text of `q`.
#[derive(Debug, Serialize, JsonSchema)]
struct Place {
    offset: usize,
    length: usize,
    /// What is wrong there, or what was expected.
    expected: String,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        let body = Box::new(Refusal { error: error.into(), ..Refusal::default() });
        Self { status, retry_after: None, body }
    }

    pub(super) fn parameter(name: &str, why: impl std::fmt::Display) -> Self {
        let mut error = Self::new(StatusCode::BAD_REQUEST, format!("parameter {name}: {why}"));
        error.body.parameter = Some(name.to_owned());
        error
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.body.hint = Some(hint.into());
        self
    }

    /// The same may be asked again in so many seconds.
    pub(super) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let retry_after = self.retry_after.map(|seconds| (header::RETRY_AFTER, seconds));
        (self.status, AppendHeaders(retry_after), Json(self.body)).into_response()
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let (status, hint) = match error.kind {
            StoreErrorKind::NotSetUp => (
                StatusCode::SERVICE_UNAVAILABLE,
                Some("fill the archive first: pcap-archiver ingest PATH"),
            ),
            StoreErrorKind::Forbidden => (
                StatusCode::FORBIDDEN,
                Some("the account has no right to do this: it needs to read the archive's indices"),
            ),
            StoreErrorKind::Unreachable | StoreErrorKind::Busy => {
                (StatusCode::SERVICE_UNAVAILABLE, Some("try again in a moment"))
            }
            _ => (StatusCode::BAD_GATEWAY, None),
        };
        tracing::warn!(%error, "store");
        let api_error = Self::new(status, error.to_string());
        match hint {
            Some(hint) => api_error.hint(hint),
            None => api_error,
        }
    }
}

impl From<ParseError> for ApiError {
    fn from(error: ParseError) -> Self {
        let mut api_error = Self::new(StatusCode::BAD_REQUEST, format!("filter: {error}"));
        api_error.body.hint = error.hint;
        api_error.body.parameter = Some("q".to_owned());
        api_error.body.query =
            Some(Place { offset: error.offset, length: error.length, expected: error.message });
        api_error
    }
}
