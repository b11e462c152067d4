use std::path::PathBuf;

use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::cli::Ended;
use crate::cli::ingest::ServiceArgs;
use crate::cli::store_args::StoreArgs;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pcap-archiver up /captures
  pcap-archiver --store /var/lib/archive up /captures --purge --purge-after 1h")]
pub(super) struct UpArgs {
    /// Folders, files or patterns that capture files appear in
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    service: ServiceArgs,
}

impl UpArgs {
    pub(super) async fn run(
        self,
        store: &StoreArgs,
        quiet: bool,
        stop: CancellationToken,
    ) -> anyhow::Result<Ended> {
        self.service.run(self.paths, true, store, quiet, stop).await
    }
}
