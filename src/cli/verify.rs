use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use crate::capture::CaptureError;
use crate::cli::state_dir::StateDirArgs;
use crate::cli::store_args::StoreArgs;
use crate::cli::{Ended, output};
use crate::describe::escape;
use crate::ingest;
use crate::store::PacketStore;
use crate::verify::{self, Receipt, VerifyError};

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// Capture files to compare with the store
    #[arg(required_unless_present = "receipts", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// List what was decided about capture files that were to be purged, and on what proof
    #[arg(long, conflicts_with = "files")]
    receipts: bool,
    #[command(flatten)]
    state: StateDirArgs,
}

impl VerifyArgs {
    pub(super) async fn run(self, store: &StoreArgs) -> anyhow::Result<Ended> {
        if self.receipts {
            return print_receipts(&self.state.path()?);
        }
        let store = store.open().await?;
        store.check().await?;
        let mut ended = Ended::Done;
        for file in &self.files {
            match compare(store.as_ref(), file).await {
                Ok(receipt) => {
                    if !receipt.is_complete() {
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

/// Compares a file with the store, refused packets under the identity that they had.
async fn compare(store: &dyn PacketStore, file: &Path) -> Result<Receipt, VerifyError> {
    let origins = ingest::origins_beside(file).map_err(CaptureError::from)?;
    verify::verify(store, file, origins).await
}

fn print(receipt: &Receipt) -> anyhow::Result<()> {
    let verdict = if receipt.is_complete() { "complete" } else { "INCOMPLETE" };
    output::line(&format!(
        "{}: {verdict}: {} packets read, {} in the store, {} missing",
        escape::Path(&receipt.path.to_string_lossy()),
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

/// A table of the receipts in a state directory, oldest first.
fn print_receipts(directory: &Path) -> anyhow::Result<Ended> {
    let context = || format!("read the receipts in {}", directory.display());
    output::line(&format!(
        "{:<20}  {:<8}  {:>10}  {:>10}  {:>10}  {:>8}  FILE",
        "TIME", "ACTION", "READ", "STORED", "COUNTED", "COMPARED"
    ))?;
    let mut ended = Ended::Done;
    for receipt in ingest::receipts(directory).with_context(context)? {
        let receipt = match receipt {
            Ok(receipt) => receipt,
            Err(error) => {
                output::note(&format!("error: {}: a line that is no receipt: {error}", context()));
                ended = Ended::Incomplete;
                continue;
            }
        };
        let seconds: String = receipt.time.chars().take("2026-11-24T03:00:00".len()).collect();
        let more = match (&receipt.moved_to, receipt.action) {
            (Some(target), _) => format!(" -> {}", escape::Path(target)),
            (None, ingest::Action::Kept) => format!(": {}", receipt.reason),
            (None, _) => String::new(),
        };
        output::line(&format!(
            "{seconds}Z  {:<8}  {:>10}  {:>10}  {:>10}  {:>8}  {}{more}",
            receipt.action.text(),
            receipt.read,
            receipt.acknowledged,
            receipt.counted,
            receipt.compared,
            escape::Path(&receipt.path),
        ))?;
    }
    Ok(ended)
}
