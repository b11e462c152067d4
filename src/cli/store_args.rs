//! The flags that choose a store and get into it.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;

use crate::cli::UsageError;
use crate::store::{Access, Credentials, DEFAULT_INDEX, PacketStore, Secret, StoreUrl, joined};

#[derive(Debug, Args)]
#[command(next_help_heading = "Store")]
pub(super) struct StoreArgs {
    /// Where packets are kept: a directory (embedded store), or https://HOST:9200 (Elasticsearch;
    /// several nodes of a cluster with commas) [default: the user's data directory]
    #[arg(long, global = true, value_name = "URL", env = "PCAP_ARCHIVER_STORE")]
    store: Option<String>,
    /// File with an API key: base64 of `id:key`, as `setup` writes it. With several archives the
    /// files of their keys, in their order, or one of a key for all of them
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "PCAP_ARCHIVER_API_KEY_FILE",
        value_delimiter = ',',
        conflicts_with = "username"
    )]
    api_key_file: Vec<PathBuf>,
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
    /// Name of the archive: prefix of the index names, and name of their alias. `fetch`, `status`,
    /// `verify` and `serve` read several, with commas, as one
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "PCAP_ARCHIVER_INDEX",
        value_delimiter = ',',
        default_value = DEFAULT_INDEX
    )]
    index: Vec<String>,
}

impl StoreArgs {
    /// Opens the archives to read from, several of them as one. Nothing has been sent yet.
    pub(super) async fn open(&self) -> anyhow::Result<Arc<dyn PacketStore>> {
        // What is wrong with the archives is told before what is wrong with a key.
        let archives = self.archives()?;
        self.open_as(archives, self.credentials()?).await
    }

    /// Opens the archive that is written to.
    pub(super) async fn open_one(&self) -> anyhow::Result<Arc<dyn PacketStore>> {
        self.must_be_one()?;
        self.open().await
    }

    /// Opens the archive that is written to, with another API key.
    pub(super) async fn open_with_key(&self, file: &Path) -> anyhow::Result<Arc<dyn PacketStore>> {
        self.must_be_one()?;
        let credentials = Credentials::ApiKey(secret(file)?);
        self.open_as(self.archives()?, vec![credentials]).await
    }

    async fn open_as(
        &self,
        mut archives: Vec<Access>,
        mut credentials: Vec<Credentials>,
    ) -> anyhow::Result<Arc<dyn PacketStore>> {
        if credentials.len() == 1 {
            credentials.resize(archives.len(), credentials[0].clone());
        }
        if credentials.len() != archives.len() {
            let what = format!(
                "--api-key-file names {} keys, --index {} archives: give a key for each, in their \
                 order, or one for all",
                credentials.len(),
                archives.len()
            );
            return Err(UsageError(what).into());
        }
        for (archive, credentials) in archives.iter_mut().zip(credentials) {
            archive.credentials = credentials;
        }
        Ok(joined::open(&self.url()?, archives).await?)
    }

    /// What is written belongs to one archive.
    pub(super) fn must_be_one(&self) -> anyhow::Result<()> {
        if self.index.len() == 1 {
            return Ok(());
        }
        let what = format!(
            "--index {}: this command needs one archive: several are read together by fetch, \
             status, verify and serve",
            self.index.join(",")
        );
        Err(UsageError(what).into())
    }

    /// How to get to each archive, for somebody who brings credentials.
    pub(super) fn archives(&self) -> anyhow::Result<Vec<Access>> {
        let several = self.index.join(",");
        if self.index.iter().collect::<BTreeSet<_>>().len() < self.index.len() {
            return Err(UsageError(format!("--index {several}: an archive is named twice")).into());
        }
        if self.index.len() > 1
            && let Some(folder) = self.url()?.folder()
        {
            let what =
                format!("--index {several}: the directory {} is one archive", folder.display());
            return Err(UsageError(what).into());
        }
        let access = |index: &String| Access {
            credentials: Credentials::None,
            ca_certificate: self.ca_cert.clone(),
            insecure: self.insecure,
            index: index.clone(),
        };
        Ok(self.index.iter().map(access).collect())
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

    /// Those for each archive, or those for all of them.
    fn credentials(&self) -> anyhow::Result<Vec<Credentials>> {
        if !self.api_key_file.is_empty() {
            let keys = self.api_key_file.iter();
            return keys.map(|path| Ok(Credentials::ApiKey(secret(path)?))).collect();
        }
        match (&self.username, &self.password_file) {
            (Some(username), Some(path)) => {
                let (username, password) = (username.clone(), secret(path)?);
                Ok(vec![Credentials::Basic { username, password }])
            }
            (None, None) => Ok(vec![Credentials::None]),
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
