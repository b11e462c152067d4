//! A server asked over HTTP: certificate, credentials, requests, and what lost connections mean.

use std::error::Error as _;
use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use base64_simd::STANDARD;
use bytes::Bytes;
use elasticsearch::auth::Credentials as ServerCredentials;
use elasticsearch::cert::{Certificate, CertificateValidation};
use elasticsearch::http::Method;
use elasticsearch::http::headers::{
    ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT,
};
use elasticsearch::http::transport::{Transport, TransportBuilder};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use tracing::debug;
use url::Url;

use super::answer::{self, Failure};
use super::nodes::{Node, Nodes};
use crate::store::{
    Access, Credentials, Secret, StoreError, StoreErrorKind, StoreResult, StoreUrl,
};

/// Longer than the minute for which the server itself waits for a shard before it gives up.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(3);
/// Partitions that may go, one after the other, while one question is asked.
const LOST_PARTITIONS: u32 = 5;
/// How long to wait each time before asking again what some shard did not answer. An index that
/// is removed is still named for as long as its node takes to close it.
pub(super) const PAUSES: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_secs(2),
    Duration::from_secs(5),
];

/// The server with one caller's credentials.
#[derive(Clone)]
pub(super) struct Client {
    transport: Transport,
    nodes: Nodes,
    /// A proxy stands between, so that only it can tell whether the server is there.
    may_use_proxy: bool,
}

/// Never shows the transport, which holds the credentials.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("url", &self.address()).finish_non_exhaustive()
    }
}

/// What is asked of the server.
#[derive(Debug, Clone)]
pub(super) struct Request {
    method: Method,
    path: String,
    content_type: &'static str,
    body: Option<Bytes>,
    is_repeatable: bool,
    is_for_kibana: bool,
}

impl Request {
    /// `path` with its query string, without the leading slash.
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::Get, path)
    }

    pub(super) fn post(path: impl Into<String>) -> Self {
        Self::new(Method::Post, path)
    }

    pub(super) fn put(path: impl Into<String>) -> Self {
        Self::new(Method::Put, path)
    }

    pub(super) fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::Delete, path)
    }

    fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            content_type: "application/json",
            body: None,
            is_repeatable: true,
            is_for_kibana: false,
        }
    }

    /// It is not sent to a second node after the first may have done it.
    pub(super) fn once(mut self) -> Self {
        self.is_repeatable = false;
        self
    }

    /// With the header that Kibana wants against forged requests.
    pub(super) fn for_kibana(mut self) -> Self {
        self.is_for_kibana = true;
        self
    }

    pub(super) fn json(mut self, body: &Json) -> Self {
        self.body = Some(Bytes::from(body.to_string()));
        self
    }

    /// Newline-delimited JSON.
    pub(super) fn lines(self, body: Bytes) -> Self {
        self.body("application/x-ndjson", body)
    }

    /// A body of any type.
    pub(super) fn body(mut self, content_type: &'static str, body: Bytes) -> Self {
        self.content_type = content_type;
        self.body = Some(body);
        self
    }
}

impl Client {
    /// Nothing is sent yet.
    pub(super) async fn new(url: &StoreUrl, access: &Access) -> StoreResult<Self> {
        let operation = format!("open {url}");
        let urls = url.nodes().map(Url::parse).collect::<Result<Vec<Url>, _>>();
        let nodes = Nodes::new(urls.map_err(|error| {
            StoreError::new(StoreErrorKind::InvalidConfiguration, &operation, error)
        })?);
        let mut headers = HeaderMap::new();
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("pcap-archiver/", env!("CARGO_PKG_VERSION"))),
        );
        // Packets hardly shrink, and packing them would take longer than sending them.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let mut builder = TransportBuilder::new(nodes.clone())
            .headers(headers)
            .enable_meta_header(false)
            .timeout(REQUEST_TIMEOUT)
            .cert_validation(certificate_validation(access).await?);
        if let Some(credentials) = server_credentials(&access.credentials)? {
            builder = builder.auth(credentials);
        }
        let may_use_proxy = !nodes.are_loopback() && proxy_is_configured();
        if !may_use_proxy {
            builder = builder.disable_proxy();
        }
        let transport = builder.build().map_err(|error| {
            StoreError::new(StoreErrorKind::InvalidConfiguration, operation, error)
        })?;
        Ok(Self { transport, nodes, may_use_proxy })
    }

    /// The same server with an API key.
    pub(super) fn with_key(&self, key: &Secret) -> StoreResult<Self> {
        let credentials = server_credentials(&Credentials::ApiKey(key.clone()))?;
        let transport = self.transport.clone_with_auth(credentials);
        Ok(Self { transport, ..self.clone() })
    }

    /// Where the server is, as it was given.
    pub(super) fn address(&self) -> String {
        self.nodes.address()
    }

    /// Asks, and reads the answer as JSON.
    pub(super) async fn ask<T: DeserializeOwned>(&self, request: Request) -> Result<T, Failure> {
        let body = self.send(request).await?;
        answer::parse(&body)
    }

    /// Searches all of an index; a part of the packets must never pass for all of them.
    pub(super) async fn search(&self, index: &str, body: &Json) -> Result<Bytes, Failure> {
        let path = format!("{index}/_search?allow_partial_search_results=false");
        self.send_patiently(Request::post(path).json(body)).await
    }

    /// Asks again for a while what some shard does not answer.
    pub(super) async fn send_patiently(&self, request: Request) -> Result<Bytes, Failure> {
        let mut pauses = PAUSES.iter();
        loop {
            let failure = match self.send(request.clone()).await {
                // Whether the server is away at all, the caller wants to know at once.
                Err(failure @ Failure::Refused(_)) if failure.may_be_of_a_lost_shard() => failure,
                answered => return answered,
            };
            let Some(pause) = pauses.next() else { return Err(failure) };
            debug!(error = %failure, "not all shards were found");
            tokio::time::sleep(*pause).await;
        }
    }

    /// Asks, and gives the answer's body, if it is no error.
    pub(super) async fn send(&self, request: Request) -> Result<Bytes, Failure> {
        let mut tries = 0;
        loop {
            let (status, body) = self.exchange(&request).await?;
            if (200..300).contains(&status) {
                return Ok(body);
            }
            let failure = Failure::refused(status, &body);
            // Between looking the alias up and asking its indices, a prune may have removed one.
            if !failure.is_of_lost_partition() || tries == LOST_PARTITIONS {
                return Err(failure);
            }
            tries += 1;
        }
    }

    /// Asks the node whose turn it is, and the others while that one is away.
    async fn exchange(&self, request: &Request) -> Result<(u16, Bytes), Failure> {
        let mut left = self.nodes.len();
        loop {
            let node = self.nodes.current();
            let reached = self.reach(node).await;
            let was_sent = reached.is_ok();
            let answer = match reached {
                Ok(()) => self.exchange_reached(request).await,
                Err(failure) => Err(failure),
            };
            node.set_connected(answer.is_ok());
            if !is_away(&answer) {
                return answer;
            }
            self.nodes.leave(node);
            left -= 1;
            // Whether a request that was lost was done, nobody knows.
            if left == 0 || (was_sent && !request.is_repeatable) {
                return answer;
            }
            debug!(node = %node.url(), "is away, trying the next one");
        }
    }

    /// Only a proxy can tell whether what is behind it listens.
    async fn reach(&self, node: &Node) -> Result<(), Failure> {
        if self.may_use_proxy { Ok(()) } else { node.connect().await }
    }

    async fn exchange_reached(&self, request: &Request) -> Result<(u16, Bytes), Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(request.content_type));
        if request.is_for_kibana {
            headers.insert("kbn-xsrf", HeaderValue::from_static("pcap-archiver"));
        }
        let (no_query, body) = (None::<&()>, request.body.clone());
        let asked = Instant::now();
        let sent =
            self.transport.send(request.method, &request.path, headers, no_query, body, None).await;
        let response = match sent {
            Ok(response) => response,
            Err(error) => return Err(self.lost(&error)),
        };
        let status = response.status_code().as_u16();
        let body = response.bytes().await.map_err(|error| self.lost(&error))?;
        debug!(path = request.path, status, bytes = body.len(), took = ?asked.elapsed(), "answer");
        Ok((status, body))
    }

    /// What a connection error is about. The library's errors tell it in their chain only.
    fn lost(&self, error: &elasticsearch::Error) -> Failure {
        let mut reason = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            reason = cause.to_string();
            if reason.contains("invalid peer certificate") {
                return Failure::Untrusted(reason);
            }
            if reason.contains("InvalidContentType") {
                return Failure::Protocol("the server speaks http, not https".to_owned());
            }
            source = cause.source();
        }
        if error.is_timeout() {
            return Failure::Lost(format!("no answer within {} s", REQUEST_TIMEOUT.as_secs()));
        }
        if self.nodes.current().url().scheme() == "http"
            && reason.contains("connection closed before message")
        {
            reason += ", perhaps the server speaks https";
        }
        Failure::Lost(reason)
    }
}

async fn certificate_validation(access: &Access) -> StoreResult<CertificateValidation> {
    if access.insecure {
        return Ok(CertificateValidation::None);
    }
    let Some(path) = &access.ca_certificate else { return Ok(CertificateValidation::Default) };
    Ok(CertificateValidation::Full(read_certificate(path).await?))
}

async fn read_certificate(path: &Path) -> StoreResult<Certificate> {
    let invalid = |reason: &dyn fmt::Display| {
        let operation = format!("read certificate {}", path.display());
        StoreError::new(StoreErrorKind::InvalidConfiguration, operation, reason)
    };
    let pem = tokio::fs::read(path).await.map_err(|error| invalid(&error))?;
    Certificate::from_pem(&pem).map_err(|error| invalid(&error))
}

fn server_credentials(credentials: &Credentials) -> StoreResult<Option<ServerCredentials>> {
    Ok(match credentials {
        Credentials::None => None,
        Credentials::ApiKey(key) => {
            let key = key.expose().trim();
            if !is_api_key(key) {
                return Err(StoreError::new(
                    StoreErrorKind::InvalidConfiguration,
                    "read API key",
                    "it is not base64 of id:key",
                ));
            }
            Some(ServerCredentials::EncodedApiKey(key.to_owned()))
        }
        Credentials::Basic { username, password } => {
            Some(ServerCredentials::Basic(username.clone(), password.expose().to_owned()))
        }
    })
}

fn is_api_key(text: &str) -> bool {
    STANDARD.decode_to_vec(text).is_ok_and(|decoded| decoded.contains(&b':'))
}

/// A server that answers in this way will do nothing for anybody, or is none: a proxy.
fn is_away(answer: &Result<(u16, Bytes), Failure>) -> bool {
    matches!(answer, Err(Failure::Lost(_)) | Ok((502..=504, _)))
}

/// The variables that the client library looks at.
fn proxy_is_configured() -> bool {
    ["http_proxy", "https_proxy", "all_proxy"].iter().any(|name| {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        is_set(name) || is_set(&name.to_uppercase())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_base64_of_two_parts() {
        assert!(is_api_key("aWQ6a2V5"));
        for text in ["", "id:key", "aWRrZXk=", "aWQ6a2V5\nX"] {
            assert!(!is_api_key(text), "{text:?}");
        }
    }

    #[tokio::test]
    async fn credentials_are_never_shown() {
        let access = Access {
            credentials: Credentials::ApiKey(Secret::new("aWQ6a2V5")),
            ..Access::default()
        };
        let url = StoreUrl::parse("https://127.0.0.1:9200").unwrap();
        let client = Client::new(&url, &access).await.unwrap();
        assert_eq!(format!("{client:?}"), r#"Client { url: "https://127.0.0.1:9200", .. }"#);
    }

    #[tokio::test]
    async fn a_malformed_key_is_refused_before_anything_is_sent() {
        let access = Access {
            credentials: Credentials::ApiKey(Secret::new("one\ntwo")),
            ..Access::default()
        };
        let url = StoreUrl::parse("https://127.0.0.1:9200").unwrap();
        let error = Client::new(&url, &access).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::InvalidConfiguration);
        assert!(!error.to_string().contains("one"));
    }
}
