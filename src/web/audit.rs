//! Who took what: one line for each download and each log-in, in the log and in a file.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};
use tracing::{error, info};

use crate::describe::harmless_json;
use crate::packet::Timestamp;

/// Only its owner reads who looked for what.
const MODE: u32 = 0o600;

/// Where the lines go beside the log.
#[derive(Debug, Default)]
pub struct Audit {
    file: Option<Mutex<File>>,
}

/// A download, for its line.
#[derive(Debug, Clone)]
pub(super) struct Download {
    pub(super) user: Option<String>,
    pub(super) address: IpAddr,
    /// The request's parameters, as they came.
    pub(super) query: String,
    pub(super) format: String,
}

/// How a download ended.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) packets: u64,
    pub(super) bytes: u64,
    /// Of the bytes that were sent.
    pub(super) sha256: String,
    /// `complete`, or why it is not.
    pub(super) outcome: String,
}

impl Audit {
    /// Lines go to the log alone.
    #[must_use]
    pub fn in_log() -> Self {
        Self::default()
    }

    /// Lines are appended to a file as well.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn in_file(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(MODE).open(path)?;
        Ok(Self { file: Some(Mutex::new(file)) })
    }

    /// Before the first byte, so that there is a line whatever happens then.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn download_begins(&self, download: &Download) -> io::Result<()> {
        let Download { user, address, query, format } = download;
        self.append(&json!({
            "event": "download begins",
            "user": user,
            "address": address,
            "query": query,
            "format": format,
        }))
    }

    pub(super) fn download(&self, download: &Download, taken: &Taken) {
        let Download { user, address, query, format } = download;
        let Taken { packets, bytes, sha256, outcome } = taken;
        let user_name = user.as_deref().unwrap_or("-");
        info!(
            user = user_name, %address, query, format, packets, bytes, sha256, outcome,
            "download"
        );
        self.append_or_log(&json!({
            "event": "download",
            "user": user,
            "address": address,
            "query": query,
            "format": format,
            "packets": packets,
            "bytes": bytes,
            "sha256": sha256,
            "outcome": outcome,
        }));
    }

    /// `outcome`: `logged in`, `refused`, or why it could not be told.
    pub(super) fn log_in(&self, user: &str, address: IpAddr, outcome: &str) {
        info!(user, %address, outcome, "log-in");
        self.append_or_log(&json!({
            "event": "log-in",
            "user": user,
            "address": address,
            "outcome": outcome,
        }));
    }

    /// One write for each line: lines of several threads do not mix.
    fn append(&self, line: &Value) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let mut line = line.clone();
        line["time"] = Timestamp::now().to_string().into();
        let mut line = harmless_json(line.to_string().into_bytes());
        line.push(b'\n');
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&line)
    }

    fn append_or_log(&self, line: &Value) {
        if let Err(error) = self.append(line) {
            error!(%error, %line, "cannot write to the audit file");
        }
    }
}
