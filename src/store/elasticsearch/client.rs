//! One server, asked over HTTP: connection, certificate, credentials, and what its errors mean.

use std::error::Error as _;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use elasticsearch::auth::Credentials as ServerCredentials;
use elasticsearch::cert::{Certificate, CertificateValidation};
use elasticsearch::http::Method;
use elasticsearch::http::headers::{
    ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT,
};
use elasticsearch::http::transport::{SingleNodeConnectionPool, Transport, TransportBuilder};
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use url::{Host, Url};

use super::answer::Failure;
use crate::store::{
    Access, Credentials, Secret, StoreError, StoreErrorKind, StoreResult, StoreUrl,
};

/// A server on the same continent answers within a tenth of this.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than the minute for which the server itself waits for a shard before it gives up.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(3);

/// The server with one caller's credentials.
#[derive(Clone)]
pub(super) struct Client {
    transport: Transport,
    url: Url,
    /// A proxy stands between, so that only it can tell whether the server is there.
    may_use_proxy: bool,
    /// The last request reached the server.
    connected: Arc<AtomicBool>,
}

/// Never shows the transport, which holds the credentials.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

/// What is asked of the server.
#[derive(Debug, Clone)]
pub(super) struct Request {
    method: Method,
    path: String,
    content_type: &'static str,
    body: Option<Bytes>,
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
        Self { method, path: path.into(), content_type: "application/json", body: None }
    }

    pub(super) fn json(mut self, body: &serde_json::Value) -> Self {
        self.body = Some(Bytes::from(body.to_string()));
        self
    }

    /// Newline-delimited JSON.
    pub(super) fn lines(mut self, body: Bytes) -> Self {
        self.content_type = "application/x-ndjson";
        self.body = Some(body);
        self
    }
}

impl Client {
    /// Nothing is sent yet.
    pub(super) async fn new(url: &StoreUrl, access: &Access) -> StoreResult<Self> {
        let operation = format!("open {url}");
        let url = Url::parse(url.as_http()).map_err(|error| {
            StoreError::new(StoreErrorKind::InvalidConfiguration, &operation, error)
        })?;
        let mut headers = HeaderMap::new();
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("pcap-archiver/", env!("CARGO_PKG_VERSION"))),
        );
        // Packets hardly shrink, and packing them would take longer than sending them.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let mut builder = TransportBuilder::new(SingleNodeConnectionPool::new(url.clone()))
            .headers(headers)
            .enable_meta_header(false)
            .timeout(REQUEST_TIMEOUT)
            .cert_validation(certificate_validation(access).await?);
        if let Some(credentials) = server_credentials(&access.credentials)? {
            builder = builder.auth(credentials);
        }
        let may_use_proxy = !is_loopback(&url) && proxy_is_configured();
        if !may_use_proxy {
            builder = builder.disable_proxy();
        }
        let transport = builder.build().map_err(|error| {
            StoreError::new(StoreErrorKind::InvalidConfiguration, operation, error)
        })?;
        Ok(Self { transport, url, may_use_proxy, connected: Arc::default() })
    }

    /// The same server with an API key.
    pub(super) fn with_key(&self, key: &Secret) -> StoreResult<Self> {
        let credentials = server_credentials(&Credentials::ApiKey(key.clone()))?;
        let transport = self.transport.clone_with_auth(credentials);
        Ok(Self { transport, ..self.clone() })
    }

    /// The server's address, as it was given.
    pub(super) fn address(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// Asks, and reads the answer as JSON.
    pub(super) async fn ask<T: DeserializeOwned>(&self, request: Request) -> Result<T, Failure> {
        let body = self.send(request).await?;
        serde_json::from_slice(&body).map_err(|error| Failure::NotUnderstood(error.to_string()))
    }

    /// Asks, and gives the answer's body, if it is no error.
    pub(super) async fn send(&self, request: Request) -> Result<Bytes, Failure> {
        let (status, body) = self.exchange(request).await?;
        if (200..300).contains(&status) { Ok(body) } else { Err(Failure::refused(status, &body)) }
    }

    async fn exchange(&self, request: Request) -> Result<(u16, Bytes), Failure> {
        if !self.connected.load(Ordering::Relaxed) {
            self.connect().await?;
        }
        let answer = self.exchange_connected(request).await;
        self.connected.store(answer.is_ok(), Ordering::Relaxed);
        answer
    }

    async fn exchange_connected(&self, request: Request) -> Result<(u16, Bytes), Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(request.content_type));
        let no_query = None::<&()>;
        let sent = self
            .transport
            .send(request.method, &request.path, headers, no_query, request.body, None)
            .await;
        let response = match sent {
            Ok(response) => response,
            Err(error) => return Err(self.lost(&error)),
        };
        let status = response.status_code().as_u16();
        let body = response.bytes().await.map_err(|error| self.lost(&error))?;
        Ok((status, body))
    }

    /// Whether a server listens at all, within [`CONNECT_TIMEOUT`]. The client library has no
    /// such limit of its own and would wait as long as for an answer.
    async fn connect(&self) -> Result<(), Failure> {
        if self.may_use_proxy {
            return Ok(());
        }
        let host = match self.url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => return Err(Failure::Lost("the URL names no host".to_owned())),
        };
        let port = self.url.port_or_known_default().unwrap_or(9200);
        match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect((host, port))).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Failure::Lost(error.to_string())),
            Err(_) => {
                Err(Failure::Lost(format!("no connection within {} s", CONNECT_TIMEOUT.as_secs())))
            }
        }
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
        if self.url.scheme() == "http" && reason.contains("connection closed before message") {
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
    BASE64_STANDARD.decode(text).is_ok_and(|decoded| decoded.contains(&b':'))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
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
    fn loopback_has_many_names() {
        for (url, expected) in [
            ("https://localhost:9200", true),
            ("http://127.0.0.2:9200", true),
            ("http://[::1]:9200", true),
            ("https://es.localhost", true),
            ("https://es:9200", false),
            ("http://192.0.2.1:9200", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }

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
        assert_eq!(format!("{client:?}"), r#"Client { url: "https://127.0.0.1:9200/", .. }"#);
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
