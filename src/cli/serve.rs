use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::cli::store_args::StoreArgs;
use crate::cli::{Ended, UsageError, output};
use crate::web::{self, App, Budget, Budgets};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pcap-archiver serve
  pcap-archiver --store /var/lib/archive serve --listen 127.0.0.1:9000")]
pub(super) struct ServeArgs {
    #[command(flatten)]
    web: WebArgs,
}

/// How the page is served; the same for `serve` and `up`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Page and API")]
pub(super) struct WebArgs {
    /// Address and port to listen on; other than loopback only with --auth
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", env = "PCAP_ARCHIVER_LISTEN")]
    listen: SocketAddr,
    #[command(flatten)]
    budgets: BudgetArgs,
}

/// What one request may cost.
#[derive(Debug, Args)]
#[command(next_help_heading = "Budgets of a request")]
struct BudgetArgs {
    /// Packets that the store reads for one answer
    #[arg(long, value_name = "N", default_value_t = 5_000_000, env = "PCAP_ARCHIVER_MAX_PACKETS")]
    max_packets: u64,
    /// Captured bytes that the store reads for one answer
    #[arg(long, value_name = "BYTES", default_value = "8GB", env = "PCAP_ARCHIVER_MAX_BYTES", value_parser = bytes)]
    max_bytes: u64,
    /// How long one answer may take
    #[arg(
        long,
        value_name = "TIME",
        default_value = "30s",
        env = "PCAP_ARCHIVER_MAX_TIME",
        value_parser = humantime::parse_duration
    )]
    max_time: Duration,
    /// Packets that the store reads for one download [default: no limit]
    #[arg(long, value_name = "N", env = "PCAP_ARCHIVER_MAX_DOWNLOAD_PACKETS")]
    max_download_packets: Option<u64>,
    /// Captured bytes that the store reads for one download [default: no limit]
    #[arg(long, value_name = "BYTES", env = "PCAP_ARCHIVER_MAX_DOWNLOAD_BYTES", value_parser = bytes)]
    max_download_bytes: Option<u64>,
    /// How long one download may take [default: no limit]
    #[arg(
        long,
        value_name = "TIME",
        env = "PCAP_ARCHIVER_MAX_DOWNLOAD_TIME",
        value_parser = humantime::parse_duration
    )]
    max_download_time: Option<Duration>,
}

fn bytes(text: &str) -> Result<u64, String> {
    text.parse::<bytesize::ByteSize>().map(|size| size.as_u64())
}

impl BudgetArgs {
    fn budgets(&self) -> Budgets {
        Budgets {
            query: Budget {
                packets: Some(self.max_packets),
                bytes: Some(self.max_bytes),
                time: Some(self.max_time),
            },
            download: Budget {
                packets: self.max_download_packets,
                bytes: self.max_download_bytes,
                time: self.max_download_time,
            },
        }
    }
}

impl ServeArgs {
    pub(super) async fn run(
        self,
        store: &StoreArgs,
        quiet: bool,
        stop: CancellationToken,
    ) -> anyhow::Result<Ended> {
        self.web.run(store, quiet, stop).await
    }
}

impl WebArgs {
    /// Serves until it is told to stop.
    pub(super) async fn run(
        self,
        store: &StoreArgs,
        quiet: bool,
        stop: CancellationToken,
    ) -> anyhow::Result<Ended> {
        if !self.listen.ip().is_loopback() {
            let what = format!("--listen {}: everybody could read every packet there", self.listen);
            return Err(UsageError(what).into());
        }
        let listener = TcpListener::bind(self.listen)
            .with_context(|| format!("listen on {}", self.listen))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let app = App { store: store.open().await?, budgets: self.budgets.budgets() };
        if !quiet {
            output::note(&format!("open http://{address}/"));
        }
        web::serve(listener, Arc::new(app), stop).await.context("serve")?;
        Ok(Ended::Done)
    }
}
