//! The flags that choose a store and get into it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;

use crate::cli::UsageError;
use crate::store::{self, Access, Credentials, DEFAULT_INDEX, PacketStore, Secret, StoreUrl};

#[derive(Debug, Args)]
#[command(next_help_heading = "Store")]
pub(super) struct StoreArgs {
    /// Where packets are kept: a directory (embedded store), or https://HOST:9200 (Elasticsearch;
    /// several nodes of a cluster with commas) [default: the user's data directory]
    #[arg(long, global = true, value_name = "URL", env = "PCAP_ARCHIVER_STORE")]
    store: Option<String>,
    /// File with an API key: base64 of `id:key`, as `setup` writes it
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "PCAP_ARCHIVER_API_KEY_FILE",
        conflicts_with = "username"
    )]
    api_key_file: Option<PathBuf>,
    /// User name, instead of an API key
    #[arg(long, global = true, value_name = "NAME", env = "PCAP_ARCHIVER_USERNAME")]
    username: Option<String>,
    /// File with the user's password
    #[arg(long, global = true, value_name = "FILE", env = "PCAP_ARCHIVER_PASSWORD_FILE")]
    password_file: Option<PathBuf>,
    /// Certificate authority (PEM) to trust as well: the one that signed the server's certificate
    #[arg(long, global = true, value_name = "FILE", env = "PCAP_ARCHIVER_CA_CERT")]
    ca_cert: Option<PathBuf>,
    /// Accept any certificate: anybody in between can read and change everything
    #[arg(long, global = true, env = "PCAP_ARCHIVER_INSECURE")]
    insecure: bool,
    /// Prefix of the index names, and name of their alias
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "PCAP_ARCHIVER_INDEX",
        default_value = DEFAULT_INDEX
    )]
    index: String,
}

impl StoreArgs {
    /// Opens the store. Nothing has been sent yet.
    pub(super) async fn open(&self) -> anyhow::Result<Arc<dyn PacketStore>> {
        self.open_as(self.credentials()?).await
    }

    /// Opens the store with another API key.
    pub(super) async fn open_with_key(&self, file: &Path) -> anyhow::Result<Arc<dyn PacketStore>> {
        self.open_as(Credentials::ApiKey(secret(file)?)).await
    }

    /// How to get to the store, for somebody who brings credentials.
    pub(super) fn access_without_credentials(&self) -> Access {
        Access {
            credentials: Credentials::None,
            ca_certificate: self.ca_cert.clone(),
            insecure: self.insecure,
            index: self.index.clone(),
        }
    }

    async fn open_as(&self, credentials: Credentials) -> anyhow::Result<Arc<dyn PacketStore>> {
        let url = self.url()?;
        let access = Access { credentials, ..self.access_without_credentials() };
        Ok(store::open(url, access).await?)
    }

    /// The store's URL.
    pub(super) fn url(&self) -> anyhow::Result<StoreUrl> {
        match &self.store {
            Some(text) => Ok(StoreUrl::parse(text)?),
            None => Ok(StoreUrl::directory(&data_directory()?)),
        }
    }

    /// A password that was given without a user of the store.
    pub(super) fn password_of_nobody(&self) -> anyhow::Result<Option<Secret>> {
        match (&self.username, &self.password_file) {
            (None, Some(path)) => secret(path).map(Some),
            _ => Ok(None),
        }
    }

    fn credentials(&self) -> anyhow::Result<Credentials> {
        if let Some(path) = &self.api_key_file {
            return Ok(Credentials::ApiKey(secret(path)?));
        }
        match (&self.username, &self.password_file) {
            (Some(username), Some(path)) => {
                Ok(Credentials::Basic { username: username.clone(), password: secret(path)? })
            }
            (None, None) => Ok(Credentials::None),
            (Some(_), None) => Err(UsageError("--username needs --password-file".into()).into()),
            (None, Some(_)) => Err(UsageError("--password-file needs --username".into()).into()),
        }
    }
}

/// The first line of a file; editors and `echo` add an end of line that is no part of a secret.
fn secret(path: &Path) -> anyhow::Result<Secret> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let text = text.trim();
    anyhow::ensure!(!text.is_empty(), "read {}: the file is empty", path.display());
    Ok(Secret::new(text))
}

/// `$XDG_DATA_HOME/pcap-archiver`, by default `~/.local/share/pcap-archiver`.
///
/// Source: XDG Base Directory Specification.
fn data_directory() -> anyhow::Result<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map(|data| data.join("pcap-archiver"))
        .ok_or_else(|| UsageError("no home directory: give --store DIR".into()).into())
}
