//! The web page and the HTTP API: a request becomes a query, its packets become an answer.
//!
//! `routes` is the one table of what can be asked; the router and the OpenAPI description are
//! made from it. What a query means, and which packets it selects, is not decided here.

pub mod access;
mod assets;
mod audit;
mod budget;
mod capture;
mod conversation;
mod count;
mod cursor;
mod download;
mod error;
mod headers;
mod histogram;
mod hosts;
mod layers;
mod openapi;
mod packets;
mod page;
mod parameters;
mod place;
mod routes;
mod server;
mod slots;
mod status;
mod summary;
mod vocabulary;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::{Router, middleware};
use tokio::sync::Semaphore;

use access::Access;
pub use audit::Audit;
pub use budget::{Budget, Budgets};
pub use hosts::Hosts;
pub use server::{Tls, TlsError, serve};
pub use slots::Downloads;

/// What the handlers share.
#[derive(Debug)]
pub struct App {
    /// Who may ask, and what.
    pub access: Access,
    /// Whether the server is reached by TLS alone.
    pub is_secure: bool,
    /// Names under which the server is reached.
    pub hosts: Hosts,
    /// What one request may cost.
    pub budgets: Budgets,
    /// Those that go on, as many as may.
    pub downloads: Downloads,
    /// Requests that may count at the same time: by reading, each may take some 100 MB. The
    /// embedded store limits by itself what goes on there after its request has gone.
    pub counts: Semaphore,
    /// How the archive's store is named on a command line.
    pub store: String,
    /// Who took what.
    pub audit: Audit,
}

/// A log-in is short, and there is nothing else to send.
const LONGEST_BODY: usize = 16 << 10;

/// The page and the API.
pub fn router(app: Arc<App>) -> Router {
    routes::table()
        .into_iter()
        .fold(Router::new(), |api, route| route.add_to(api))
        .fallback(assets::file)
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(middleware::from_fn_with_state(app.clone(), hosts::check))
        .layer(middleware::from_fn_with_state(app.clone(), headers::secure))
        .with_state(app)
}
