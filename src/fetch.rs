//! Query → store → matches → capture file.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};

use crate::capture::{CaptureWriter, Format};
use crate::decode;
use crate::document::fields::FieldId;
use crate::document::{Document, Value};
use crate::packet::{Layers, PacketRecord, StoredPacket};
use crate::query::{self, FieldCondition, FieldTest, Filter, Predicate, Query};
use crate::store::{PacketStore, StoreError, StoreResult, Survey};

/// Why packets could not be written.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The store failed.
    #[error("fetch packets")]
    Store(#[from] StoreError),
    /// The output could not be written, or cannot hold a packet.
    #[error("write packets")]
    Write(#[from] io::Error),
}

/// Counters of a fetch, to be looked at while it goes on.
#[derive(Debug, Default)]
pub struct Progress {
    /// Packets written.
    pub packets: AtomicU64,
    /// Captured bytes written.
    pub bytes: AtomicU64,
    /// Packets whose comments the chosen format could not hold.
    pub without_comments: AtomicU64,
}

/// Puts addresses in the place of the host names in a query: those that the archive's own DNS
/// answers tell, whenever they were captured. Nobody else is asked.
///
/// Returns the names without an address too.
///
/// # Errors
/// When the store fails.
pub async fn resolved(store: &dyn PacketStore, query: Query) -> StoreResult<(Query, Vec<String>)> {
    let mut addresses: HashMap<String, BTreeSet<IpAddr>> = HashMap::new();
    for name in query.filter.host_names() {
        addresses.insert(name.to_owned(), addresses_of(store, name).await?);
    }
    let unknown = addresses.iter().filter(|(_, found)| found.is_empty());
    let mut unknown: Vec<String> = unknown.map(|(name, _)| name.clone()).collect();
    unknown.sort_unstable();
    let found = |name: &str| addresses.get(name).into_iter().flatten().copied().collect();
    Ok((Query { filter: query.filter.resolved(&found), ..query }, unknown))
}

/// What is said of a name that [`resolved`] found no address of.
#[must_use]
pub fn unknown_host(name: &str) -> String {
    format!("no DNS answer in the archive tells an address of {name}")
}

/// What DNS answers tell for a question with this name.
async fn addresses_of(store: &dyn PacketStore, name: &str) -> StoreResult<BTreeSet<IpAddr>> {
    let name = name.to_ascii_lowercase();
    let is = |field, condition| Filter::Is(Predicate::Field(FieldTest { field, condition }));
    let hosts = FieldCondition::Equals(Value::Text(name.clone().into()));
    let answers = Query {
        filter: Filter::And(vec![
            is(FieldId::RelatedHosts, hosts),
            is(FieldId::DnsResolvedIp, FieldCondition::Exists),
        ]),
        ..Query::all()
    };
    let mut addresses = BTreeSet::new();
    let mut packets = packets(store, &answers, None);
    while let Some(record) = packets.try_next().await? {
        let document = Document::of(&record);
        let is_asked = document.values().iter().any(|(field, value)| {
            *field == FieldId::DnsQuestionName
                && matches!(value, Value::Text(asked) if asked.eq_ignore_ascii_case(&name))
        });
        if is_asked {
            addresses.extend(document.values().iter().filter_map(|(field, value)| match value {
                Value::Ip(address) if *field == FieldId::DnsResolvedIp => Some(*address),
                _ => None,
            }));
        }
    }
    Ok(addresses)
}

/// The packets that `query` selects, in its order, not more than `limit`.
pub fn packets(
    store: &dyn PacketStore,
    query: &Query,
    limit: Option<u64>,
) -> BoxStream<'static, StoreResult<PacketRecord>> {
    selected(looked_at(store, query), limit)
}

/// The same, for who does not ask what decoding finds: it is done only where the query asks.
pub fn stored_packets(
    store: &dyn PacketStore,
    query: &Query,
    limit: Option<u64>,
) -> BoxStream<'static, StoreResult<StoredPacket>> {
    let all = query.filter == Filter::All;
    let record = move |stored| {
        if all { PacketRecord { stored, layers: Layers::default() } } else { decoded(stored) }
    };
    selected(looked_at_as(store, query, record), limit).map_ok(|record| record.stored).boxed()
}

type LookedAt = BoxStream<'static, StoreResult<(PacketRecord, bool)>>;

fn selected(
    looked_at: LookedAt,
    limit: Option<u64>,
) -> BoxStream<'static, StoreResult<PacketRecord>> {
    let selected = looked_at
        .try_filter_map(|(record, is_wanted)| future::ready(Ok(is_wanted.then_some(record))));
    match limit.map(usize::try_from) {
        Some(Ok(limit)) => selected.take(limit).boxed(),
        // More than memory can count is no limit.
        Some(Err(_)) | None => selected.boxed(),
    }
}

/// Every packet that the store comes up with for `query`, and whether the query selects it: for
/// who has to know how much was read.
pub fn looked_at(
    store: &dyn PacketStore,
    query: &Query,
) -> BoxStream<'static, StoreResult<(PacketRecord, bool)>> {
    looked_at_as(store, query, decoded)
}

fn looked_at_as(
    store: &dyn PacketStore,
    query: &Query,
    record: impl Fn(StoredPacket) -> PacketRecord + Send + 'static,
) -> LookedAt {
    let wanted = query.clone();
    // Several archives may hold a packet under several file names: one that is selected is enough.
    let mut last: Option<StoredPacket> = None;
    let looked_at = store.fetch(query).map_ok(move |stored| {
        let record = record(stored);
        let is_again = last.as_ref().is_some_and(|last| record.stored.is_same(last));
        let is_wanted = !is_again && query::matches(&wanted, &record);
        if is_wanted {
            last = Some(record.stored.clone());
        }
        (record, is_wanted)
    });
    looked_at.boxed()
}

fn decoded(stored: StoredPacket) -> PacketRecord {
    let layers = decode::decode(&stored.packet);
    PacketRecord { stored, layers }
}

/// Packets that are held in memory to see what they are, before the file is begun.
const HELD_PACKETS: usize = 4096;
/// See [`HELD_PACKETS`].
const HELD_BYTES: usize = 8 << 20;

/// Packets on their way into a capture file.
pub struct Fetched {
    /// The packets.
    pub packets: BoxStream<'static, StoreResult<StoredPacket>>,
    /// What they are written in.
    pub format: Format,
}

impl Fetched {
    /// The format that keeps what the query selects: pcap, or pcapng where link types differ, a
    /// time does not fit, or a comment would be lost. A few packets are looked at themselves, of
    /// more the store tells.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn in_fitting_format(
        mut packets: BoxStream<'static, StoreResult<StoredPacket>>,
        store: &dyn PacketStore,
        query: &Query,
    ) -> StoreResult<Self> {
        let (mut held, mut bytes) = (Vec::new(), 0);
        let mut survey = Survey::default();
        let survey = loop {
            if held.len() >= HELD_PACKETS || bytes >= HELD_BYTES {
                break store.survey(query).await?;
            }
            let Some(stored) = packets.try_next().await? else { break survey };
            survey.add(&stored.packet);
            bytes += stored.packet.data.len();
            held.push(stored);
        };
        let pcap = survey.link_types.len() <= 1 && !survey.needs_pcapng;
        let format = if pcap { Format::Pcap } else { Format::Pcapng };
        Ok(Self { packets: stream::iter(held).map(Ok).chain(packets).boxed(), format })
    }

    /// Writes the packets to `out`.
    ///
    /// # Errors
    /// When the store fails, or `out` cannot be written or cannot hold a packet.
    pub async fn write(
        mut self,
        out: impl Write + Send,
        progress: &Progress,
    ) -> Result<(), FetchError> {
        let mut writer = CaptureWriter::new(out, self.format);
        while let Some(stored) = self.packets.try_next().await? {
            let packet = &stored.packet;
            writer.write(packet)?;
            progress.packets.fetch_add(1, Ordering::Relaxed);
            progress.bytes.fetch_add(packet.captured_length().into(), Ordering::Relaxed);
            if self.format == Format::Pcap && !packet.comments().is_empty() {
                progress.without_comments.fetch_add(1, Ordering::Relaxed);
            }
        }
        writer.finish()?;
        Ok(())
    }
}

impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetched").field("format", &self.format).finish_non_exhaustive()
    }
}
