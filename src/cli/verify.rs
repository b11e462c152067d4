use std::path::PathBuf;

use clap::Args;

use crate::cli::store_args::StoreArgs;
use crate::cli::{Ended, output};
use crate::verify::{self, Receipt, VerifyError};

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// Capture files to compare with the store
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl VerifyArgs {
    pub(super) async fn run(self, store: &StoreArgs) -> anyhow::Result<Ended> {
        let store = store.open().await?;
        store.check().await?;
        let mut ended = Ended::Done;
        for file in &self.files {
            match verify::verify(store.as_ref(), file).await {
                Ok(receipt) => {
                    if receipt.missing > 0 {
                        ended = Ended::Incomplete;
                    }
                    print(&receipt)?;
                }
                // A bad file is no reason to leave the others unchecked; a bad store is.
                Err(VerifyError::Capture(error)) => {
                    let error =
                        anyhow::Error::new(error).context(format!("verify {}", file.display()));
                    output::note(&format!("error: {error:#}"));
                    ended = Ended::Incomplete;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(ended)
    }
}

fn print(receipt: &Receipt) -> anyhow::Result<()> {
    let verdict = if receipt.missing == 0 { "complete" } else { "INCOMPLETE" };
    output::line(&format!(
        "{}: {verdict}: {} packets read, {} in the store, {} missing",
        receipt.path.display(),
        receipt.read,
        receipt.found,
        receipt.missing,
    ))?;
    if receipt.missing > 0 {
        let frames: Vec<String> = receipt.missing_frames.iter().map(u64::to_string).collect();
        let more = receipt.missing - receipt.missing_frames.len() as u64;
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        output::line(&format!("  missing frames: {}{more}", frames.join(", ")))?;
    }
    for note in &receipt.notes {
        output::line(&format!("  not readable: {note}"))?;
    }
    Ok(())
}
