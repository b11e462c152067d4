use std::path::PathBuf;

use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::cli::Ended;
use crate::cli::ingest::ServiceArgs;
use crate::cli::store_args::StoreArgs;
use crate::cli::web_args::WebArgs;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pcap-archiver up /captures                       and open http://127.0.0.1:8080/
  pcap-archiver --store /var/lib/archive up /captures --purge --purge-after 1h")]
pub(super) struct UpArgs {
    /// Folders, files or patterns that capture files appear in
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    service: ServiceArgs,
    #[command(flatten)]
    web: WebArgs,
}

impl UpArgs {
    pub(super) async fn run(
        self,
        store: &StoreArgs,
        quiet: bool,
        stop: CancellationToken,
    ) -> anyhow::Result<Ended> {
        store.must_be_one()?;
        let reader = self.service.reader(store).await?;
        let server = self.web.server(store, reader).await?;
        // When one of them ends, so does the other.
        let both = stop.child_token();
        let serve = async {
            let ended = server.run(quiet, both.clone()).await;
            both.cancel();
            ended
        };
        let ingest = async {
            let ingest = self.service.run(self.paths, true, store, quiet, both.clone());
            let ended = Box::pin(ingest).await;
            both.cancel();
            ended
        };
        let (page, folder) = tokio::join!(serve, ingest);
        page.and(folder)
    }
}
