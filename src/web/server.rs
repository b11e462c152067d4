//! Connections.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum_server::Handle;
use tokio_util::sync::CancellationToken;

use crate::web::{App, router};

/// How long answers may go on when the server is told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// Answers requests until it is told to stop.
///
/// # Errors
/// When the address cannot be listened on any more.
pub async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    stop: CancellationToken,
) -> io::Result<()> {
    let handle = Handle::new();
    let stopping = handle.clone();
    tokio::spawn(async move {
        stop.cancelled().await;
        stopping.graceful_shutdown(Some(GRACE));
    });
    let service = router(app).into_make_service_with_connect_info::<SocketAddr>();
    axum_server::from_tcp(listener)?.http1_only().handle(handle).serve(service).await
}
