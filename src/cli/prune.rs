use clap::Args;

use crate::cli::store_args::StoreArgs;
use crate::cli::{Ended, output};
use crate::store::PruneScope;

#[derive(Debug, Args)]
pub(super) struct PruneArgs {
    /// Remove every packet
    #[arg(long, required = true)]
    all: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl PruneArgs {
    pub(super) async fn run(self, store: &StoreArgs) -> anyhow::Result<Ended> {
        let url = store.url()?;
        let store = store.open().await?;
        store.check().await?;
        if !self.yes {
            output::confirm(&format!("Remove every packet from {url}?"))?;
        }
        let report = store.prune(PruneScope::All).await?;
        for partition in &report.partitions {
            output::line(&format!("removed {partition}"))?;
        }
        match report.packets {
            Some(packets) => output::line(&format!("removed {packets} packets"))?,
            None => output::line(&format!("removed {} partitions", report.partitions.len()))?,
        }
        Ok(Ended::Done)
    }
}
