//! The flags of the page and the API; the same for `serve` and `up`.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::cli::store_args::StoreArgs;
use crate::cli::{UsageError, output};
use crate::store::{PacketStore, joined};
use crate::web::access::{Access, Logins, OpenStore, UsersFile};
use crate::web::{self, App, Audit, Budget, Budgets, Downloads, Hosts, Tls};

#[derive(Debug, Args)]
#[command(next_help_heading = "Page and API")]
pub(super) struct WebArgs {
    /// Address and port to listen on; another than loopback only with --auth
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:8080",
        env = "PCAP_ARCHIVER_LISTEN"
    )]
    listen: SocketAddr,
    /// Who has to log in, and how
    #[arg(long, value_enum, default_value_t, env = "PCAP_ARCHIVER_AUTH")]
    auth: AuthArg,
    /// File of the users, as `user add` writes it
    #[arg(long, value_name = "FILE", env = "PCAP_ARCHIVER_USERS")]
    users: Option<PathBuf>,
    /// Certificate chain of this server (PEM), to be reached by https alone
    #[arg(long, value_name = "FILE", env = "PCAP_ARCHIVER_TLS_CERT", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", env = "PCAP_ARCHIVER_TLS_KEY", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Name under which a server without log-in may be reached, beside localhost
    #[arg(long, value_name = "NAME", env = "PCAP_ARCHIVER_HOST_NAME", value_delimiter = ',')]
    host_name: Vec<String>,
    /// A session ends after so long, and after an hour in which nothing is asked
    #[arg(
        long,
        value_name = "TIME",
        default_value = "12h",
        env = "PCAP_ARCHIVER_SESSION_TIME",
        value_parser = humantime::parse_duration
    )]
    session_time: Duration,
    /// File that each download and log-in is written to, beside the log
    #[arg(long, value_name = "FILE", env = "PCAP_ARCHIVER_AUDIT_FILE")]
    audit_file: Option<PathBuf>,
    #[command(flatten)]
    budgets: BudgetArgs,
}

/// What one request may cost.
#[expect(clippy::struct_field_names, reason = "as the flags are called")]
#[derive(Debug, Args)]
#[command(next_help_heading = "Budgets of a request")]
struct BudgetArgs {
    /// Packets that are read for one answer
    #[arg(long, value_name = "N", default_value_t = 5_000_000, env = "PCAP_ARCHIVER_MAX_PACKETS")]
    max_packets: u64,
    /// Captured bytes that are read for one answer
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "8GB",
        env = "PCAP_ARCHIVER_MAX_BYTES",
        value_parser = size
    )]
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
    /// Packets that are read for one download [default: no limit]
    #[arg(long, value_name = "N", env = "PCAP_ARCHIVER_MAX_DOWNLOAD_PACKETS")]
    max_download_packets: Option<u64>,
    /// Captured bytes that are read for one download [default: no limit]
    #[arg(
        long,
        value_name = "SIZE",
        env = "PCAP_ARCHIVER_MAX_DOWNLOAD_BYTES",
        value_parser = size
    )]
    max_download_bytes: Option<u64>,
    /// How long one download may take [default: no limit]
    #[arg(
        long,
        value_name = "TIME",
        env = "PCAP_ARCHIVER_MAX_DOWNLOAD_TIME",
        value_parser = humantime::parse_duration
    )]
    max_download_time: Option<Duration>,
    /// Downloads at the same time; half of them at most for one user, or for one address without
    /// log-in
    #[arg(
        long,
        value_name = "N",
        default_value_t = 64,
        env = "PCAP_ARCHIVER_MAX_DOWNLOADS",
        value_parser = clap::value_parser!(u32).range(1..=100_000)
    )]
    max_downloads: u32,
}

/// Who has to log in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum AuthArg {
    /// Nobody
    #[default]
    None,
    /// The users of --users, with their passwords
    Users,
    /// Everybody with an account or API key of Elasticsearch, with which the queries then run
    Elasticsearch,
}

/// Counts that may go on at the same time; others wait.
const COUNTS_AT_ONCE: usize = 4;

/// As a shell reads it.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/.:_-,@+".contains(c);
    if text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

fn size(text: &str) -> Result<u64, String> {
    text.parse::<bytesize::ByteSize>().map(|size| size.as_u64())
}

/// A server that listens and does not answer yet.
pub(super) struct Server {
    listener: TcpListener,
    tls: Option<Tls>,
    app: Arc<App>,
}

impl WebArgs {
    /// Everything that can be wrong is told before anybody can ask. `reader` is what is asked
    /// where the server itself has to get into the store.
    pub(super) async fn server(
        &self,
        store: &StoreArgs,
        reader: Option<Arc<dyn PacketStore>>,
    ) -> anyhow::Result<Server> {
        self.must_be_safe()?;
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(Tls::read(certificate, key)?),
            _ => None,
        };
        let access = self.access(store, reader, tls.is_some()).await?;
        let listener =
            TcpListener::bind(self.listen).with_context(|| format!("listen on {}", self.listen))?;
        listener.set_nonblocking(true).with_context(|| format!("listen on {}", self.listen))?;
        let hosts = match self.auth {
            AuthArg::None => Hosts::Named(self.host_name.clone()),
            AuthArg::Users | AuthArg::Elasticsearch => Hosts::Any,
        };
        let audit = match &self.audit_file {
            Some(path) => Audit::in_file(path)
                .with_context(|| format!("open audit file {}", path.display()))?,
            None => Audit::in_log(),
        };
        let app = App {
            access,
            is_secure: tls.is_some(),
            hosts,
            budgets: self.budgets.budgets(),
            downloads: Downloads::new(self.budgets.max_downloads),
            counts: Semaphore::new(COUNTS_AT_ONCE),
            store: quoted(&store.url()?.to_string()),
            audit,
        };
        Ok(Server { listener, tls, app: Arc::new(app) })
    }

    fn must_be_safe(&self) -> anyhow::Result<()> {
        if self.auth == AuthArg::None && !self.listen.ip().is_loopback() {
            let what = format!(
                "--listen {}: without a log-in everybody there could read every packet: give \
                 --auth users or --auth elasticsearch, or listen on 127.0.0.1",
                self.listen
            );
            return Err(UsageError(what).into());
        }
        if self.auth == AuthArg::Users && self.users.is_none() {
            let what = "--auth users needs --users FILE; `user add NAME --users FILE` makes it";
            return Err(UsageError(what.into()).into());
        }
        Ok(())
    }

    async fn access(
        &self,
        store: &StoreArgs,
        reader: Option<Arc<dyn PacketStore>>,
        is_secure: bool,
    ) -> anyhow::Result<Access> {
        let logins = || Logins::new(self.session_time, is_secure);
        if self.auth == AuthArg::Elasticsearch {
            let (url, archives) = (store.url()?, store.archives()?);
            if url.folder().is_some() {
                let what = format!("--auth elasticsearch: {url} is no Elasticsearch");
                return Err(UsageError(what).into());
            }
            let open: OpenStore = Arc::new(move |credentials| {
                let (url, mut archives) = (url.clone(), archives.clone());
                for archive in &mut archives {
                    archive.credentials = credentials.clone();
                }
                Box::pin(async move { joined::open(&url, archives).await })
            });
            return Ok(Access::Elasticsearch { open, logins: logins() });
        }
        let store = match reader {
            Some(reader) => reader,
            None => store.open().await?,
        };
        Ok(match (self.auth, &self.users) {
            (AuthArg::Users, Some(file)) => {
                let file = UsersFile::open(file.clone()).context("read users")?;
                Access::Users { store, file, logins: logins() }
            }
            _ => Access::Anybody { store },
        })
    }
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

impl Server {
    /// Answers until it is told to stop.
    pub(super) async fn run(self, quiet: bool, stop: CancellationToken) -> anyhow::Result<()> {
        let address = self.listener.local_addr().context("serve")?;
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        if !quiet {
            if !address.ip().is_loopback() && self.tls.is_none() {
                output::note(
                    "warning: passwords and packets travel in clear text: give --tls-cert and \
                     --tls-key, or let nobody but a proxy with TLS reach this address",
                );
            }
            output::note(&format!("open {scheme}://{address}/"));
        }
        web::serve(self.listener, self.tls, self.app, stop).await.context("serve")
    }
}
