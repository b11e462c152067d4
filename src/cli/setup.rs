use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::store_args::StoreArgs;
use crate::cli::{Ended, output};
use crate::store::{Codec, IndexSort, KibanaOptions, Layout, Partition, SetupOptions, StoreUrl};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pcap-archiver --store https://es:9200 --username elastic --password-file pw \\
      --ca-cert ca.crt setup --keys-dir keys
  pcap-archiver … setup --keys-dir keys --rotate-keys
  pcap-archiver … setup --keys-dir keys --layout flows
  pcap-archiver … setup --kibana https://kibana:5601 --web-url https://packets.example.org
  pcap-archiver --store ./archive setup --index-payload")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct SetupArgs {
    /// Where API keys are written: publish.key, read.key, prune.key, each with mode 0600
    #[arg(long, value_name = "DIR", env = "PCAP_ARCHIVER_KEYS_DIR")]
    keys_dir: Option<PathBuf>,
    /// Make new keys, and invalidate the old ones once the new ones work
    #[arg(long)]
    rotate_keys: bool,
    /// Time that shares one index
    #[arg(long, value_enum, default_value = "day", env = "PCAP_ARCHIVER_PARTITION")]
    partition: PartitionArg,
    /// What a document is: a packet, or a stretch of packets of one conversation, which takes less
    /// room and time, and shows conversations instead of packets in Kibana
    #[arg(long, value_enum, env = "PCAP_ARCHIVER_LAYOUT")]
    layout: Option<LayoutArg>,
    /// Primary shards of each index
    #[arg(
        long,
        value_name = "N",
        env = "PCAP_ARCHIVER_SHARDS",
        value_parser = clap::value_parser!(u32).range(1..=1024)
    )]
    shards: Option<u32>,
    /// How documents are compressed: `default` is LZ4, and usual with single packets;
    /// `best_compression` is usual with flows, takes a quarter to a third less room, and packets of
    /// one host come out several times slower
    #[arg(long, value_enum, env = "PCAP_ARCHIVER_CODEC")]
    codec: Option<CodecArg>,
    /// How documents lie on disk: with `time`, usual with flows, everything comes out faster, by half
    /// with `default` and manyfold with `best_compression`, and goes in slower by a tenth or more
    #[arg(long, value_enum, env = "PCAP_ARCHIVER_SORT")]
    sort: Option<SortArg>,
    /// Index the text in packets, so that a search for text is a look-up: from the next partition
    /// on with Elasticsearch, from its making on with the embedded store
    #[arg(long, env = "PCAP_ARCHIVER_INDEX_PAYLOAD")]
    index_payload: bool,
    /// Show the packets in this Kibana: data view, saved search and dashboard. What is there
    /// already stays as it is. The same user or key as for the store logs in
    #[arg(long, value_name = "URL", env = "PCAP_ARCHIVER_KIBANA")]
    kibana: Option<String>,
    /// Address of the web page, as browsers reach it: where links in Kibana lead to
    #[arg(
        long,
        value_name = "URL",
        env = "PCAP_ARCHIVER_WEB_URL",
        default_value = "http://127.0.0.1:8080",
        value_parser = web_url
    )]
    web_url: String,
    /// Remove the archive: packets, keys, template; what is in Kibana stays
    #[arg(long, conflicts_with_all = ["keys_dir", "rotate_keys", "kibana"])]
    destroy: bool,
    /// Do not ask before destroying
    #[arg(long, requires = "destroy")]
    yes: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PartitionArg {
    Hour,
    Day,
    Month,
}

impl From<PartitionArg> for Partition {
    fn from(partition: PartitionArg) -> Self {
        match partition {
            PartitionArg::Hour => Self::Hour,
            PartitionArg::Day => Self::Day,
            PartitionArg::Month => Self::Month,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LayoutArg {
    Singles,
    Flows,
}

impl From<LayoutArg> for Layout {
    fn from(layout: LayoutArg) -> Self {
        match layout {
            LayoutArg::Singles => Self::Singles,
            LayoutArg::Flows => Self::Flows,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CodecArg {
    Default,
    #[value(name = "best_compression")]
    BestCompression,
}

impl From<CodecArg> for Codec {
    fn from(codec: CodecArg) -> Self {
        match codec {
            CodecArg::Default => Self::Default,
            CodecArg::BestCompression => Self::BestCompression,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SortArg {
    Time,
    Conversation,
    None,
}

impl From<SortArg> for IndexSort {
    fn from(sort: SortArg) -> Self {
        match sort {
            SortArg::Time => Self::Time,
            SortArg::Conversation => Self::Conversation,
            SortArg::None => Self::None,
        }
    }
}

impl SetupArgs {
    pub(super) async fn run(self, store: &StoreArgs) -> anyhow::Result<Ended> {
        let url = store.url()?;
        let store = store.open_one().await?;
        if self.destroy {
            if !self.yes {
                output::confirm(&format!("Destroy the archive at {url} with all its packets?"))?;
            }
            store.destroy().await?;
            output::line(&format!("destroyed the archive at {url}"))?;
            return Ok(Ended::Done);
        }
        let kibana = match &self.kibana {
            Some(url) => {
                Some(KibanaOptions { url: StoreUrl::parse(url)?, web_url: self.web_url.clone() })
            }
            None => None,
        };
        let options = SetupOptions {
            keys_dir: self.keys_dir,
            rotate_keys: self.rotate_keys,
            partition: self.partition.into(),
            layout: self.layout.map(Into::into),
            shards: self.shards,
            codec: self.codec.map(Into::into),
            sort: self.sort.map(Into::into),
            kibana,
            index_payload: self.index_payload,
        };
        let report = store.setup(&options).await?;
        let width = report.steps.iter().map(|step| step.what.chars().count()).max().unwrap_or(0);
        for step in report.steps {
            output::line(&format!("{:width$}  {}", step.what, step.outcome))?;
        }
        output::line(&format!("ready: {url}"))?;
        Ok(Ended::Done)
    }
}

/// An address of a web page, without the slash at its end.
fn web_url(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("it must begin with http:// or https://".to_owned());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}
