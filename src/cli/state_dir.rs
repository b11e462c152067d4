use std::env;
use std::path::PathBuf;

use clap::Args;

use crate::cli::UsageError;

#[derive(Debug, Args)]
pub(super) struct StateDirArgs {
    /// Where the ledger of what has been read, the receipts of purged files and rejected packets
    /// are kept [default: the user's state directory]
    #[arg(long, value_name = "DIR", env = "PCAP_ARCHIVER_STATE_DIR")]
    state_dir: Option<PathBuf>,
}

impl StateDirArgs {
    /// Whether the user named one.
    pub(super) fn is_given(&self) -> bool {
        self.state_dir.is_some()
    }

    /// The directory that was named, or `$XDG_STATE_HOME/pcap-archiver`, by default
    /// `~/.local/state/pcap-archiver`.
    ///
    /// Source: XDG Base Directory Specification.
    pub(super) fn path(&self) -> anyhow::Result<PathBuf> {
        let absolute =
            |name: &str| env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
        self.state_dir
            .clone()
            .or_else(|| Some(absolute("XDG_STATE_HOME")?.join("pcap-archiver")))
            .or_else(|| Some(absolute("HOME")?.join(".local/state/pcap-archiver")))
            .ok_or_else(|| UsageError("no home directory: give --state-dir DIR".into()).into())
    }
}
