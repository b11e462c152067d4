//! Connections, with TLS or without.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::web::{App, router};

/// How long answers may go on when the server is told to stop.
const GRACE: Duration = Duration::from_secs(5);
/// A connection that asks nothing is closed.
const NEXT_REQUEST: Duration = Duration::from_mins(1);
/// Between two looks for sessions that are over.
const SWEEP: Duration = Duration::from_mins(1);

/// Certificate and key of the server.
#[derive(Debug, Clone)]
pub struct Tls(RustlsConfig);

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds something else.
    #[error("read {}", .0.display())]
    File(PathBuf, #[source] pem::Error),
    /// Certificate and key do not belong together, or cannot be used.
    #[error("use certificate")]
    Certificate(#[from] rustls::Error),
}

impl Tls {
    /// Reads a certificate chain and its key, both PEM.
    ///
    /// # Errors
    /// When one of them cannot be read, or they do not belong together.
    pub fn read(certificates: &Path, key: &Path) -> Result<Self, TlsError> {
        let file = |path: &Path| {
            let path = path.to_owned();
            move |error| TlsError::File(path, error)
        };
        let chain: Result<Vec<_>, _> =
            CertificateDer::pem_file_iter(certificates).and_then(Iterator::collect);
        let chain = chain.map_err(file(certificates))?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(file(key))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(RustlsConfig::from_config(Arc::new(config))))
    }
}

/// Answers requests until it is told to stop.
///
/// # Errors
/// When the address cannot be listened on any more.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    app: Arc<App>,
    stop: CancellationToken,
) -> io::Result<()> {
    let handle = Handle::new();
    let stopping = handle.clone();
    let of_all = app.clone();
    tokio::spawn(async move {
        while timeout(SWEEP, stop.cancelled()).await.is_err() {
            of_all.access.sweep();
        }
        stopping.graceful_shutdown(None);
        sleep(GRACE).await;
        // Before their connections: who is cut off would look like a client that went away.
        end_downloads(&of_all).await;
        stopping.shutdown();
    });
    let service = router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let mut server = axum_server::from_tcp(listener)?.http1_only().handle(handle);
    server.http_builder().http1().header_read_timeout(NEXT_REQUEST);
    let ended = match tls {
        Some(Tls(config)) => server.acceptor(RustlsAcceptor::new(config)).serve(service).await,
        None => server.serve(service).await,
    };
    end_downloads(&app).await;
    ended
}

/// Each has its line in the audit then.
async fn end_downloads(app: &App) {
    if timeout(GRACE, app.downloads.end()).await.is_err() {
        tracing::warn!("downloads do not end; they are cut off");
    }
}
