//! Where packets are kept: the seam between the archive and its stores.
//!
//! A store returns a superset of what a query asks for; [`crate::query::matches`] decides. A new
//! backend is one folder here and one line in [`BACKENDS`].

pub mod aggregate;
pub mod elasticsearch;
pub mod embedded;
mod error;
pub mod flows;
pub mod joined;
pub mod memory;
mod order;
pub mod pushdown;
pub mod retention;
mod retry;
mod url;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use futures::stream::BoxStream;

use crate::packet::{CapturedPacket, LinkType, PacketId, PacketRecord, StoredPacket, Timestamp};
use crate::query::{Query, TimeRange};
pub use aggregate::{Breakdown, Counts};
pub use error::{StoreError, StoreErrorKind, StoreResult};
pub use pushdown::Plan;
pub use retention::Slice;
pub use retry::{RetryPolicy, RetryStore};
pub use url::{Access, Credentials, DEFAULT_INDEX, Secret, StoreUrl};

/// A place that keeps packets.
///
/// What every implementation guarantees, and the conformance suite tests:
/// - `append` is idempotent: a packet id is stored once, however often it is appended.
/// - After `flush` has returned, everything that was appended survives a crash at any moment
///   and is found by `fetch`.
/// - `fetch` returns at least what the query asks for, in the query's order, without a cap; each
///   packet once, but for a [`joined::JoinedStore`], which may have copies that differ.
/// - A packet comes back equal to what was appended, in every field.
#[async_trait]
pub trait PacketStore: fmt::Debug + Send + Sync + 'static {
    /// Makes the store ready. Safe to run again.
    async fn setup(&self, options: &SetupOptions) -> StoreResult<SetupReport>;

    /// Whether the store is reachable, allowed and set up. Fails with the reason if not.
    async fn check(&self) -> StoreResult<()>;

    /// Tells this store from every other, also from one that was made anew in its place.
    async fn identity(&self) -> StoreResult<String>;

    /// Stores a batch. Which packets are safe is known only after [`Self::flush`].
    async fn append(&self, batch: Arc<Vec<PacketRecord>>) -> StoreResult<AppendOutcome>;

    /// Makes everything appended so far durable and visible.
    async fn flush(&self) -> StoreResult<()>;

    /// Packets in the query's order; a superset of what it selects, `limit` not applied.
    fn fetch(&self, query: &Query) -> BoxStream<'static, StoreResult<StoredPacket>>;

    /// How many packets [`Self::fetch`] would return (a superset of what the query selects),
    /// without returning them.
    async fn count(&self, query: &Query) -> StoreResult<u64>;

    /// Counts what the query selects; `None` when this store cannot tell it from what it would
    /// return, so that somebody has to read and count. [`aggregate::Tally`] says what is counted.
    async fn aggregate(&self, query: &Query, what: Breakdown) -> StoreResult<Option<Counts>>;

    /// What kinds of packets [`Self::fetch`] would return, without returning them.
    async fn survey(&self, query: &Query) -> StoreResult<Survey>;

    /// How much [`Self::fetch`] would return, without returning it.
    async fn estimate(&self, query: &Query) -> StoreResult<Estimate>;

    /// How [`Self::fetch`] goes about a query.
    async fn explain(&self, query: &Query) -> StoreResult<Explanation>;

    /// What can be removed with [`PruneScope::Before`] the end of each, by the end of their time.
    /// Together they hold all packets. A store that removes packet by packet ends one of them at
    /// `cut`, and chooses the others so that there are enough of them, and not too many.
    async fn slices(&self, cut: Option<Timestamp>) -> StoreResult<Vec<Slice>>;

    /// Removes packets.
    async fn prune(&self, scope: PruneScope) -> StoreResult<PruneReport>;

    /// What the store holds and what the caller may do.
    async fn status(&self) -> StoreResult<StoreStatus>;

    /// Removes the store itself: template, keys, data.
    async fn destroy(&self) -> StoreResult<()>;
}

/// The kinds of store, by the scheme of their URL.
pub const BACKENDS: &[Backend] =
    &[elasticsearch::HTTP, elasticsearch::HTTPS, embedded::FILE, memory::MEMORY];

/// One kind of store.
#[derive(Debug, Clone, Copy)]
pub struct Backend {
    /// Scheme of the store URL that selects it.
    pub scheme: &'static str,
    /// Opens it. Nothing is sent over a network before the first operation.
    pub open: OpenStore,
}

/// How a [`Backend`] opens its store.
pub type OpenStore = fn(StoreUrl, Access) -> BoxFuture<'static, StoreResult<Arc<dyn PacketStore>>>;

/// Opens the store that `url` names.
///
/// # Errors
/// When no backend has the URL's scheme, or the backend cannot open it.
pub async fn open(url: StoreUrl, access: Access) -> StoreResult<Arc<dyn PacketStore>> {
    let backend = BACKENDS.iter().find(|backend| backend.scheme == url.scheme());
    match backend {
        Some(backend) => (backend.open)(url, access).await,
        None => Err(StoreError::new(
            StoreErrorKind::InvalidConfiguration,
            format!("open store {url}"),
            format!("no store of kind {}", url.scheme()),
        )),
    }
}

/// What became of an appended batch: a partial answer is data, not an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AppendOutcome {
    /// Packets that are new.
    pub stored: u64,
    /// Packets that were there already.
    pub duplicates: u64,
    /// Packets the store refuses for good.
    pub rejected: Vec<Rejection>,
    /// Indexes into the batch of packets to send again, and why.
    pub retry: Vec<usize>,
    /// The first reason to send packets again.
    pub retry_reason: Option<String>,
}

/// A packet that the store refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Its index in the batch.
    pub index: usize,
    /// Its identity.
    pub id: PacketId,
    /// The store's reason.
    pub reason: String,
}

/// How to set a store up.
#[derive(Debug, Clone, Default)]
pub struct SetupOptions {
    /// Where API keys are written, each with mode 0600. Stores without keys ignore it.
    pub keys_dir: Option<PathBuf>,
    /// Replace the keys.
    pub rotate_keys: bool,
    /// Length of time that shares one partition.
    pub partition: Partition,
    /// What a document of the store is. It never changes: the same packets would be stored again.
    pub layout: Option<Layout>,
    /// Primary shards of each partition.
    pub shards: Option<u32>,
    /// How stored documents are compressed, where the store lets one choose. From the next
    /// partition on.
    pub codec: Option<Codec>,
    /// The order of documents on disk, where the store lets one choose. From the next partition on.
    pub sort: Option<IndexSort>,
    /// Index the text in packets, so that a search for text need not read them all. On
    /// Elasticsearch it begins with the next partition, and stays; the embedded store is made
    /// with it or without.
    pub index_payload: bool,
    /// Show the packets in Kibana. A store that Kibana cannot read refuses it.
    pub kibana: Option<KibanaOptions>,
}

impl SetupOptions {
    /// For a store that Kibana cannot read.
    ///
    /// # Errors
    /// When packets are to be shown in Kibana.
    pub fn refuse_kibana(&self) -> StoreResult<()> {
        if self.kibana.is_none() {
            return Ok(());
        }
        let what = "show packets in Kibana";
        let reason = "it reads Elasticsearch only";
        Err(StoreError::new(StoreErrorKind::Unsupported, what, reason))
    }
}

/// Where packets are shown in Kibana, and where its links lead to.
#[derive(Debug, Clone)]
pub struct KibanaOptions {
    /// Kibana's address; who asks is the same as at the store.
    pub url: StoreUrl,
    /// Address of the web page, as browsers reach it, without a slash at its end.
    pub web_url: String,
}

/// How Elasticsearch compresses stored documents (`index.codec`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// LZ4 in small blocks.
    Default,
    /// Large blocks, each of which is decompressed for a single document: quick to read where
    /// neighbours are asked for together.
    BestCompression,
}

/// The order in which Elasticsearch keeps documents on disk (`index.sort`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexSort {
    /// By time, as a fetch asks for them.
    Time,
    /// Those of a conversation one behind the other.
    Conversation,
    /// As they came.
    None,
}

impl Codec {
    /// The value of the setting.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::BestCompression => "best_compression",
        }
    }
}

/// What a document of a store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// One packet.
    #[default]
    Singles,
    /// A stretch of one conversation: see [`flows`].
    Flows,
}

impl Layout {
    /// As the command line and the stores have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Singles => "singles",
            Self::Flows => "flows",
        }
    }

    /// The layout with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Singles, Self::Flows].into_iter().find(|layout| layout.name() == name)
    }
}

/// Length of time that shares one partition of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Partition {
    /// One hour.
    Hour,
    /// One day.
    #[default]
    Day,
    /// One month.
    Month,
}

/// What a setup did, step by step, for people to read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SetupReport {
    /// One line for each thing looked at.
    pub steps: Vec<SetupStep>,
}

/// One step of a setup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupStep {
    /// What it was about, such as `index template pcap-singles`.
    pub what: String,
    /// What was found or done, such as `created` or `unchanged`.
    pub outcome: String,
}

/// What to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PruneScope {
    /// Everything.
    All,
    /// What was captured before this time. A partitioned store removes only whole partitions
    /// that end before it, and none whose time has not ended yet.
    Before(Timestamp),
}

/// What a capture file must be able to hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Survey {
    /// Link types of the packets.
    pub link_types: BTreeSet<LinkType>,
    /// Whether one of them has a comment, or a time or length that classic pcap cannot hold.
    pub needs_pcapng: bool,
}

/// Captured bytes that tcpdump and Wireshark accept in a pcap file of any link type.
pub const LONGEST_IN_PCAP: u32 = 262_144;

impl Survey {
    /// Takes a packet into account.
    pub fn add(&mut self, packet: &CapturedPacket) {
        self.link_types.insert(packet.link_type);
        self.needs_pcapng |= !packet.comments().is_empty()
            || !Self::fits_pcap(packet.timestamp)
            || packet.captured_length() > LONGEST_IN_PCAP;
    }

    /// The packets of `query` that have to be read for a survey, if it may find some: at the first
    /// time of an index stands also every earlier one, and only the packet itself tells its own.
    pub(crate) fn to_be_read(query: &Query) -> Option<Query> {
        let first = Timestamp::from_nanoseconds(0);
        let earliest = query.time.earliest;
        let may_find = earliest.is_none_or(|earliest| earliest <= first);
        let time = TimeRange { earliest, latest: Some(first) };
        may_find.then(|| Query { time, ..query.clone() })
    }

    /// Whether seconds since the epoch fit into the 32 bits of a pcap record header.
    #[must_use]
    pub fn fits_pcap(timestamp: Timestamp) -> bool {
        u32::try_from(timestamp.parts().0).is_ok()
    }
}

/// Packets that a store would return, and what they weigh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Estimate {
    /// Packets, as in [`PacketStore::count`].
    pub packets: u64,
    /// Their captured bytes.
    pub bytes: u64,
}

/// How a store goes about a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// What the store selects, and what is left to do. A store that looks at each packet itself has
    /// nothing left.
    pub plan: Plan,
    /// What the backend is asked, for people to read.
    pub request: String,
}

/// What a prune removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PruneReport {
    /// Packets removed.
    pub packets: u64,
    /// Bytes that the store takes less on disk.
    pub bytes: u64,
    /// Partitions removed, by name. Empty for a store without partitions.
    pub partitions: Vec<String>,
}

impl PruneReport {
    /// Adds what a later prune removed.
    pub fn add(&mut self, later: Self) {
        self.packets += later.packets;
        self.bytes += later.bytes;
        self.partitions.extend(later.partitions);
    }
}

/// What a store holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreStatus {
    /// Which store, such as `Elasticsearch 8.19.21 at https://localhost:9200`.
    pub store: String,
    /// Whether setup has been run.
    pub set_up: bool,
    /// Whether this caller may store packets; `None` when it cannot be told.
    pub may_append: Option<bool>,
    /// Whether this caller may read packets.
    pub may_read: Option<bool>,
    /// Whether this caller may remove packets.
    pub may_prune: Option<bool>,
    /// Packets stored; `None` when this caller may not know.
    pub packets: Option<u64>,
    /// Time of the first packet.
    pub earliest: Option<Timestamp>,
    /// Time of the last packet.
    pub latest: Option<Timestamp>,
    /// Days (UTC) between the first and the last packet with no packet at all, as
    /// `first day..last day`.
    pub gaps: Vec<String>,
    /// Bytes on disk.
    pub bytes: Option<u64>,
    /// Partitions, where the store has them.
    pub partitions: Option<u64>,
    /// What a document is.
    pub layout: Option<Layout>,
    /// Whether the text in packets is indexed as they are stored.
    pub payload_index: bool,
}
