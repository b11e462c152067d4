//! Names under which the server may be reached. A page of another site whose name is made to point
//! here (DNS rebinding) must not read packets: its requests carry that site's name.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::web::App;
use crate::web::error::ApiError;

/// Which `Host` headers are answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hosts {
    /// Every one: there is a log-in, whose cookie other sites do not have.
    Any,
    /// The loopback interface's names, and these.
    Named(Vec<String>),
}

impl Hosts {
    fn contains(&self, host: &str) -> bool {
        let Self::Named(names) = self else { return true };
        let is_loopback =
            |address: &str| address.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        host.eq_ignore_ascii_case("localhost")
            || is_loopback(host.trim_matches(['[', ']']))
            || names.iter().any(|name| name.eq_ignore_ascii_case(host))
    }
}

pub(super) async fn check(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let named = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = named.and_then(|host| host.parse::<Authority>().ok());
    let host = authority.as_ref().map_or("", Authority::host);
    if !app.hosts.contains(host) {
        return ApiError::new(
            StatusCode::MISDIRECTED_REQUEST,
            format!("host {host}: this server is not known by that name"),
        )
        .hint("open it as localhost, or give its name with --host-name")
        .into_response();
    }
    let site = request.headers().get("sec-fetch-site").map(|site| site.as_bytes() == b"cross-site");
    if site == Some(true) && request.uri().path().starts_with("/api/") {
        let error = "another site asks: only this server's own page may";
        return ApiError::new(StatusCode::FORBIDDEN, error).into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_answered() {
        let hosts = Hosts::Named(vec!["archive.example".into()]);
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.1", "[::1]", "archive.example"]
        {
            assert!(hosts.contains(host), "{host}");
        }
        for host in ["", "evil.example", "localhost.evil.example", "192.0.2.1", "[::2]"] {
            assert!(!hosts.contains(host), "{host}");
        }
        assert!(Hosts::Any.contains("anything.example"));
    }
}
