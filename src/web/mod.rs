//! The web page and the HTTP API: a request becomes a query, its packets become an answer.
//!
//! `routes` is the one table of what can be asked; the router and the OpenAPI description are
//! made from it. What a query means, and which packets it selects, is not decided here.

mod assets;
mod budget;
mod capture;
mod conversation;
mod count;
mod cursor;
mod error;
mod headers;
mod histogram;
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

use axum::Router;

use crate::store::PacketStore;
pub use budget::{Budget, Budgets};
pub use server::serve;

/// What the handlers share.
#[derive(Debug)]
pub struct App {
    /// Where the packets are.
    pub store: Arc<dyn PacketStore>,
    /// What one request may cost.
    pub budgets: Budgets,
}

/// The page and the API.
pub fn router(app: Arc<App>) -> Router {
    let routes = routes::table();
    let router = routes.into_iter().fold(Router::new(), |router, route| route.add_to(router));
    router
        .fallback(assets::file)
        .layer(axum::middleware::from_fn(headers::secure))
        .with_state(app)
}
