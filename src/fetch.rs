//! Query → store → matches → capture file.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future;
use futures::stream::{BoxStream, StreamExt as _, TryStreamExt as _};

use crate::capture::{CaptureWriter, Format};
use crate::decode;
use crate::packet::{PacketRecord, StoredPacket};
use crate::query::{self, Query};
use crate::store::{PacketStore, StoreError, StoreResult};

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

/// The packets that `query` selects, in its order, not more than `limit`.
pub fn packets(
    store: &dyn PacketStore,
    query: &Query,
    limit: Option<u64>,
) -> BoxStream<'static, StoreResult<PacketRecord>> {
    let looked_at = looked_at(store, query);
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
    let wanted = query.clone();
    let decoded = store.fetch(query).map_ok(move |stored| {
        let record = decoded(stored);
        let is_wanted = query::matches(&wanted, &record);
        (record, is_wanted)
    });
    decoded.boxed()
}

fn decoded(stored: StoredPacket) -> PacketRecord {
    let layers = decode::decode(&stored.packet);
    PacketRecord { stored, layers }
}

/// The format that keeps what the query selects: pcap, or pcapng where link types differ, a
/// time does not fit, or a comment would be lost.
///
/// # Errors
/// When the store fails.
pub async fn fitting_format(store: &dyn PacketStore, query: &Query) -> StoreResult<Format> {
    let survey = store.survey(query).await?;
    let pcap = survey.link_types.len() <= 1 && !survey.needs_pcapng;
    Ok(if pcap { Format::Pcap } else { Format::Pcapng })
}

/// Writes the packets that `query` selects to `out`.
///
/// # Errors
/// When the store fails, or `out` cannot be written or cannot hold a packet.
pub async fn write_capture(
    store: Arc<dyn PacketStore>,
    query: &Query,
    limit: Option<u64>,
    format: Format,
    out: impl Write + Send,
    progress: &Progress,
) -> Result<(), FetchError> {
    let mut writer = CaptureWriter::new(out, format);
    let mut packets = packets(store.as_ref(), query, limit);
    while let Some(record) = packets.try_next().await? {
        let packet = &record.stored.packet;
        writer.write(packet)?;
        progress.packets.fetch_add(1, Ordering::Relaxed);
        progress.bytes.fetch_add(packet.captured_length().into(), Ordering::Relaxed);
        if format == Format::Pcap && !packet.comments().is_empty() {
            progress.without_comments.fetch_add(1, Ordering::Relaxed);
        }
    }
    writer.finish()?;
    Ok(())
}
