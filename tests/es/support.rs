//! A real server, and archives of a test's own on it.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use futures::TryStreamExt as _;
use pcap_archiver::packet::{LinkType, PacketRecord, StoredPacket};
use pcap_archiver::query::Query;
use pcap_archiver::store::elasticsearch::ElasticsearchStore;
use pcap_archiver::store::{
    Access, AppendOutcome, Credentials, Layout, PacketStore, Secret, SetupOptions, StoreError,
    StoreErrorKind, StoreResult, StoreUrl,
};
use pcap_archiver::testing::{CaptureBuilder, Fixture, udp_frame};
use serde_json::Value;
use tempfile::TempDir;

/// Where a server is: the tests' own, from the environment, without which they fail, or another.
pub(crate) struct Server {
    pub(crate) url: StoreUrl,
    pub(crate) access: Access,
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: start tests/server/elasticsearch and load its DIR/env")
    })
}

impl Server {
    pub(crate) fn from_env() -> Self {
        Self::with(
            &variable("ELASTICSEARCH_URL"),
            &variable("ELASTICSEARCH_CA_CERT"),
            &variable("ELASTICSEARCH_USERNAME"),
            &variable("ELASTICSEARCH_PASSWORD_FILE"),
        )
    }

    pub(crate) fn with(url: &str, ca: &str, username: &str, password_file: &str) -> Self {
        let password =
            std::fs::read_to_string(password_file).expect("the password file can be read");
        let credentials = Credentials::Basic {
            username: username.to_owned(),
            password: Secret::new(password.trim()),
        };
        let access =
            Access { credentials, ca_certificate: Some(PathBuf::from(ca)), ..Access::default() };
        Self { url: StoreUrl::parse(url).expect("a URL"), access }
    }

    pub(crate) async fn open(&self, access: &Access) -> ElasticsearchStore {
        ElasticsearchStore::open(&self.url, access).await.expect("opened")
    }
}

/// An archive with its keys, which is removed from the server by [`Archive::destroy`].
pub(crate) struct Archive {
    pub(crate) server: Server,
    pub(crate) access: Access,
    pub(crate) keys: TempDir,
}

impl Archive {
    /// Only a name; nothing is set up.
    pub(crate) fn named(name: &str) -> Self {
        let server = Server::from_env();
        let index = format!("pcap-test-{name}-{:08x}", rand::random::<u32>());
        let access = Access { index, ..server.access.clone() };
        Self { server, access, keys: tempfile::tempdir().expect("a folder") }
    }

    /// Set up, with keys.
    pub(crate) async fn set_up(name: &str) -> Self {
        let archive = Self::named(name);
        archive.admin().await.setup(&archive.options()).await.expect("setup");
        archive
    }

    pub(crate) fn options(&self) -> SetupOptions {
        SetupOptions { keys_dir: Some(self.keys.path().to_owned()), ..SetupOptions::default() }
    }

    pub(crate) fn index(&self) -> &str {
        &self.access.index
    }

    pub(crate) async fn admin(&self) -> ElasticsearchStore {
        self.server.open(&self.access).await
    }

    pub(crate) async fn with_key(&self, role: &str) -> ElasticsearchStore {
        self.server.open(&self.key_access(role)).await
    }

    pub(crate) fn key(&self, role: &str) -> String {
        let path = self.keys.path().join(format!("{role}.key"));
        std::fs::read_to_string(path).expect("a key").trim().to_owned()
    }

    pub(crate) fn key_access(&self, role: &str) -> Access {
        let credentials = Credentials::ApiKey(Secret::new(self.key(role)));
        Access { credentials, ..self.access.clone() }
    }

    pub(crate) async fn destroy(self) {
        self.admin().await.destroy().await.expect("destroy");
    }

    /// The server's own answer, without the store.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        raw(&self.server, method, path, body).await.1
    }
}

pub(crate) use elasticsearch::http::Method;

/// A request past the store.
pub(crate) async fn raw(
    server: &Server,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> (u16, Value) {
    use elasticsearch::cert::{Certificate, CertificateValidation};
    use elasticsearch::http::headers::HeaderMap;
    use elasticsearch::http::transport::{SingleNodeConnectionPool, TransportBuilder};

    let Credentials::Basic { username, password } = &server.access.credentials else {
        panic!("the tests log in with a password")
    };
    let pem = std::fs::read(server.access.ca_certificate.as_ref().expect("a certificate"))
        .expect("the certificate can be read");
    let url = server.url.to_string().parse().expect("a URL");
    let transport = TransportBuilder::new(SingleNodeConnectionPool::new(url))
        .auth(elasticsearch::auth::Credentials::Basic(
            username.clone(),
            password.expose().to_owned(),
        ))
        .cert_validation(CertificateValidation::Full(Certificate::from_pem(&pem).expect("PEM")))
        .disable_proxy()
        .build()
        .expect("a transport");
    let body = body.map(|body| body.to_string());
    let response = transport
        .send(method, path, HeaderMap::new(), None::<&()>, body, None)
        .await
        .expect("an answer");
    let status = response.status_code().as_u16();
    (status, response.json().await.expect("JSON"))
}

/// Archives for the conformance suite: each opened as administrator.
#[derive(Default)]
pub(crate) struct Archives {
    layout: Layout,
    made: tokio::sync::Mutex<Vec<Archive>>,
}

impl Archives {
    pub(crate) fn of(layout: Layout) -> Self {
        Self { layout, ..Self::default() }
    }

    pub(crate) async fn destroy(self) {
        for archive in self.made.into_inner() {
            archive.destroy().await;
        }
    }
}

#[async_trait]
impl Fixture for Archives {
    async fn set_up(&self, options: &SetupOptions) -> Arc<dyn PacketStore> {
        let archive = Archive::named("suite");
        let store = archive.admin().await;
        let options = SetupOptions { layout: Some(self.layout), ..options.clone() };
        store.setup(&options).await.expect("setup");
        self.made.lock().await.push(archive);
        Arc::new(store)
    }

    fn stores_singles(&self) -> bool {
        self.layout == Layout::Singles
    }

    /// The newest archive is the one that is asked for: the suite uses one after the other.
    async fn reopen(&self, store: Arc<dyn PacketStore>) -> Arc<dyn PacketStore> {
        drop(store);
        let archives = self.made.lock().await;
        Arc::new(archives.last().expect("an archive").admin().await)
    }
}

pub(crate) async fn append(
    store: &dyn PacketStore,
    records: &Arc<Vec<PacketRecord>>,
) -> AppendOutcome {
    store.append(records.clone()).await.expect("append")
}

pub(crate) async fn fetch(
    store: &dyn PacketStore,
    query: &Query,
) -> StoreResult<Vec<StoredPacket>> {
    store.fetch(query).try_collect().await
}

pub(crate) fn kind_of<T: std::fmt::Debug>(result: Result<T, StoreError>) -> StoreErrorKind {
    result.expect_err("an error").kind
}

/// DNS questions of one capture, a second apart, from 2023-11-14T22:13:20Z.
pub(crate) fn packets(name: &str, count: i128) -> Arc<Vec<PacketRecord>> {
    let mut capture = CaptureBuilder::new(name);
    for number in 0..count {
        let frame = udp_frame(
            "192.0.2.1:34555".parse().expect("an address"),
            "192.0.2.53:53".parse().expect("an address"),
            format!("{name} {number}").as_bytes(),
        );
        let time = 1_700_000_000_000_000_000 + number * 1_000_000;
        capture = capture.packet(time, LinkType::ETHERNET, frame);
    }
    capture.records()
}
