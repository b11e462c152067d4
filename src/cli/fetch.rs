use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use futures::TryStreamExt as _;
use tempfile::NamedTempFile;

use crate::capture::Format;
use crate::cli::query_args::QueryArgs;
use crate::cli::store_args::StoreArgs;
use crate::cli::{Ended, output, progress};
use crate::describe::{self, Line, ServiceName};
use crate::document::Document;
use crate::document::fields::FieldId;
use crate::explain;
use crate::fetch::{self, Fetched, Progress};
use crate::packet::PacketRecord;
use crate::query::{self, Query, Transport};
use crate::store::PacketStore;

/// Bytes gathered before they are written.
const BUFFER: usize = 256 << 10;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(after_help = "Examples:
  pcap-archiver fetch 192.0.2.1 8.8.8.8 34555 53
  pcap-archiver fetch 10.0.0.0/8 tcp --or '80 443' --since 1h -w out.pcap
  pcap-archiver fetch --string 'GET /login' -w - | tcpdump -n -r -
  pcap-archiver fetch --file a.pcap -w copy.pcap
  pcap-archiver fetch 192.0.2.1 --list --resolve-ports
  pcap-archiver --store https://es:9200 --api-key-file a.key,b.key --index a,b fetch 192.0.2.1
  pcap-archiver fetch -f 'tcp[tcpflags] & tcp-syn != 0 and not src net 10.0.0.0/8'
  pcap-archiver fetch -f 'port http or https and not outer host 192.0.2.1' --count
  pcap-archiver fetch -f 'tls.client.server_name:*.example.com or dns.question.name:*.example.com'
  pcap-archiver fetch -f '\"password\"i and not /curl\\/[0-9.]+/ and host www.example.com'
  pcap-archiver fetch -f 'packet.length>1000 and hex:504b0304' --explain")]
pub(super) struct FetchArgs {
    #[command(flatten)]
    query: QueryArgs,
    /// The capture file to write, - for standard output [default: fetch-<UTC time>.pcap]
    #[arg(short, long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Format of the capture file [default: pcap; pcapng where link types differ, where comments
    /// would be lost, or where FILE ends in .pcapng]
    #[arg(long, value_enum)]
    format: Option<FormatArg>,
    /// Print one line per packet instead
    #[arg(long, group = "kind", conflicts_with_all = ["write", "format"])]
    list: bool,
    /// With --list, show the names of services in the place of their ports
    #[arg(long, requires = "list")]
    resolve_ports: bool,
    /// Print one JSON document per packet instead, without the bytes, or with them (=full)
    #[arg(
        long,
        group = "kind",
        value_enum,
        value_name = "WHICH",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "fields",
        conflicts_with_all = ["write", "format"]
    )]
    json: Option<JsonArg>,
    /// Print the number of packets instead
    #[arg(long, group = "kind", conflicts_with_all = ["write", "format"])]
    count: bool,
    /// Print how the query would be answered instead: the filter, what the store is asked, what is
    /// left to do, and how many packets and bytes that are
    #[arg(long, group = "kind", conflicts_with_all = ["write", "format"])]
    explain: bool,
    /// Not more packets than this
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatArg {
    Pcap,
    Pcapng,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum JsonArg {
    Fields,
    Full,
}

impl FetchArgs {
    pub(super) async fn run(self, store: &StoreArgs, quiet: bool) -> anyhow::Result<Ended> {
        let query = self.query.query()?;
        let store = store.open().await?;
        store.check().await?;
        let query = resolved(store.as_ref(), query).await?;
        if self.explain {
            output::line(&explain::outlook(store.as_ref(), &query).await?.to_string())?;
            return Ok(Ended::Done);
        }
        if !quiet && let Some(warning) = explain::warning(store.as_ref(), &query).await? {
            output::note(&warning);
        }
        let found = if self.count {
            let counted = |count, _| async move { Ok(count + 1) };
            let packets = fetch::packets(store.as_ref(), &query, self.limit);
            let found = packets.try_fold(0_u64, counted).await?;
            output::line(&found.to_string())?;
            found
        } else if self.list {
            let services = self.resolve_ports.then_some(service_name as ServiceName);
            let print = |out: &mut dyn Write, record: &PacketRecord| {
                writeln!(out, "{}", Line { record, services })
            };
            self.print(&store, &query, print).await?
        } else if let Some(which) = self.json {
            let full = which == JsonArg::Full;
            self.print(&store, &query, |out, record| write_json(out, record, full)).await?
        } else {
            self.write_file(store.clone(), &query, quiet).await?
        };
        if found == 0 && self.limit != Some(0) && !quiet {
            let reasons = explain::why_nothing(store.as_ref(), &query).await?;
            output::note(&format!("no packets: {}", reasons.join("; ")));
        }
        Ok(Ended::Done)
    }

    async fn print(
        &self,
        store: &Arc<dyn PacketStore>,
        query: &Query,
        write: impl Fn(&mut dyn Write, &PacketRecord) -> io::Result<()>,
    ) -> anyhow::Result<u64> {
        let mut out = BufWriter::with_capacity(BUFFER, io::stdout());
        let mut packets = fetch::packets(store.as_ref(), query, self.limit);
        let mut found = 0;
        while let Some(record) = packets.try_next().await? {
            write(&mut out, &record).context("write to standard output")?;
            found += 1;
        }
        out.flush().context("write to standard output")?;
        Ok(found)
    }

    async fn write_file(
        &self,
        store: Arc<dyn PacketStore>,
        query: &Query,
        quiet: bool,
    ) -> anyhow::Result<u64> {
        let packets = fetch::stored_packets(store.as_ref(), query, self.limit);
        let fetched = match self.format() {
            Some(format) => Fetched { packets, format },
            None => Fetched::in_fitting_format(packets, store.as_ref(), query).await?,
        };
        let format = fetched.format;
        let bar = progress::counter(quiet);
        let progress = Progress::default();
        let look = |bar: &indicatif::ProgressBar| bar.set_message(summary(&progress));
        if self.write.as_deref() == Some(Path::new("-")) {
            let out = BufWriter::with_capacity(BUFFER, io::stdout());
            let work = fetched.write(out, &progress);
            progress::during(&bar, look, work).await.context("write to standard output")?;
            report(None, &progress, quiet);
        } else {
            let path = self.write.clone().unwrap_or_else(|| default_name(format));
            let named = || format!("write {}", path.display());
            let (out, unnamed) = open(&path).with_context(named)?;
            let work = fetched.write(BufWriter::with_capacity(BUFFER, out), &progress);
            progress::during(&bar, look, work).await.with_context(named)?;
            if let Some(file) = unnamed {
                file.persist(&path).map_err(|error| error.error).with_context(named)?;
            }
            report(Some(&path), &progress, quiet);
        }
        Ok(progress.packets.load(Ordering::Relaxed))
    }

    /// The format that was asked for.
    fn format(&self) -> Option<Format> {
        let by_name = || {
            let extension = self.write.as_ref()?.extension()?;
            extension.eq_ignore_ascii_case("pcapng").then_some(FormatArg::Pcapng)
        };
        Some(match self.format.or_else(by_name)? {
            FormatArg::Pcap => Format::Pcap,
            FormatArg::Pcapng => Format::Pcapng,
        })
    }
}

/// The query with the addresses of hosts that it names.
async fn resolved(store: &dyn PacketStore, query: Query) -> anyhow::Result<Query> {
    let (query, unknown) = fetch::resolved(store, query).await?;
    for name in unknown {
        output::note(&format!("warning: {}", fetch::unknown_host(&name)));
    }
    Ok(query)
}

/// The service's name for [`Line`].
fn service_name(port: u16, protocol: u8) -> Option<&'static str> {
    let transport = Transport::ALL.into_iter().find(|known| known.number() == protocol)?;
    query::service_name(port, transport)
}

/// Says what was written, and what was lost whether it is asked for or not.
fn report(path: Option<&Path>, progress: &Progress, quiet: bool) {
    match path {
        _ if quiet => {}
        Some(path) => output::note(&format!("{}: {}", path.display(), summary(progress))),
        None => output::note(&summary(progress)),
    }
    let without_comments = progress.without_comments.load(Ordering::Relaxed);
    if without_comments > 0 {
        output::note(&format!(
            "warning: {without_comments} packets lost their comments; --format pcapng keeps them"
        ));
    }
}

fn summary(progress: &Progress) -> String {
    let packets = progress.packets.load(Ordering::Relaxed);
    let bytes = indicatif::BinaryBytes(progress.bytes.load(Ordering::Relaxed));
    format!("{packets} packets, {bytes}")
}

/// What to write to; for a plain file that is another one, which takes its name when it is complete.
/// A device or a pipe is not replaced, and somebody may wait behind it.
fn open(path: &Path) -> io::Result<(File, Option<NamedTempFile>)> {
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Ok((File::create(path)?, None));
    }
    let file = temporary(path)?;
    Ok((file.as_file().try_clone()?, Some(file)))
}

/// A file beside the wanted one.
fn temporary(path: &Path) -> io::Result<NamedTempFile> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    NamedTempFile::with_prefix_in(".fetch-", folder)
}

/// `fetch-20261123T101500Z.pcap`
fn default_name(format: Format) -> PathBuf {
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let extension = match format {
        Format::Pcap => "pcap",
        Format::Pcapng => "pcapng",
    };
    PathBuf::from(format!("fetch-{now}.{extension}"))
}

fn write_json(out: &mut dyn Write, record: &PacketRecord, full: bool) -> io::Result<()> {
    let mut document = Document::of(record);
    if !full {
        document.remove(FieldId::PacketData);
    }
    let mut json = Vec::new();
    document.write_json(&mut json);
    let mut json = describe::harmless_json(json);
    json.push(b'\n');
    out.write_all(&json)
}
