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
mod status;
mod summary;
mod vocabulary;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::{Router, middleware};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use access::Access;
pub use audit::Audit;
pub use budget::{Budget, Budgets};
pub use hosts::Hosts;
pub use server::{Tls, TlsError, serve};

/// What the handlers share.
#[derive(Debug)]
pub struct App {
    /// Who may ask, and what.
    pub access: Access,
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

/// Downloads that go on at the same time.
#[derive(Debug)]
pub struct Downloads {
    permits: Arc<Semaphore>,
    most: u32,
    stop: CancellationToken,
}

impl Downloads {
    /// None yet, and never more than `most`.
    #[must_use]
    pub fn new(most: u32) -> Self {
        let permits = Arc::new(Semaphore::new(most as usize));
        Self { permits, most, stop: CancellationToken::new() }
    }

    /// Ends all of them, and waits until each has said so.
    async fn end(&self) {
        self.stop.cancel();
        // It is never closed, so this fails for nobody.
        let _all = self.permits.acquire_many(self.most).await;
    }
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
        .layer(middleware::from_fn(headers::secure))
        .with_state(app)
}
