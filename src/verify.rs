//! Is every packet of a capture file in the store, byte for byte?

use std::path::{Path, PathBuf};

use futures::stream::{BoxStream, TryStreamExt as _};
use tokio::sync::mpsc;
use tokio::task::{JoinError, spawn_blocking};

use crate::capture::{CaptureError, CaptureReader};
use crate::packet::{CapturedPacket, Fingerprint, PacketId, StoredPacket};
use crate::query::{Filter, Order, Predicate, Query, TimeRange};
use crate::store::{PacketStore, StoreError, StoreResult};

/// Packets read ahead of the comparison.
const READ_AHEAD: usize = 256;
/// Missing frames that a receipt lists; the others are counted.
const LISTED: usize = 20;

/// What was found of a file in the store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipt {
    /// The file.
    pub path: PathBuf,
    /// Packets read from the file.
    pub read: u64,
    /// Packets that the store holds, equal in every byte, time, length, link type.
    pub found: u64,
    /// Packets that the store does not hold.
    pub missing: u64,
    /// The first frame numbers that are missing.
    pub missing_frames: Vec<u64>,
    /// What could not be read of the file.
    pub notes: Vec<String>,
}

/// Why a file could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The file cannot be read.
    #[error("read the capture")]
    Capture(#[from] CaptureError),
    /// The store cannot be read.
    #[error("read the store")]
    Store(#[from] StoreError),
    /// The reading thread panicked: a bug in this program.
    #[error("reading the capture failed")]
    Reader(#[from] JoinError),
}

/// Compares a file with the store, both read once and side by side.
///
/// # Errors
/// When the file or the store cannot be read. A missing packet is no error.
pub async fn verify(store: &dyn PacketStore, path: &Path) -> Result<Receipt, VerifyError> {
    let (sender, mut frames) = mpsc::channel(READ_AHEAD);
    let file = path.to_owned();
    let reader = spawn_blocking(move || read(&file, &sender));
    let mut receipt = Receipt { path: path.to_owned(), ..Receipt::default() };
    let mut stored = None;
    while let Some((frame, packet)) = frames.recv().await {
        let stored = stored.get_or_insert_with(|| Stored::of(store, Fingerprint::of(&packet)));
        receipt.read += 1;
        if stored.holds(frame, &packet).await? {
            receipt.found += 1;
        } else {
            receipt.missing += 1;
            if receipt.missing_frames.len() < LISTED {
                receipt.missing_frames.push(frame);
            }
        }
    }
    receipt.notes = reader.await??;
    Ok(receipt)
}

fn read(
    path: &Path,
    frames: &mpsc::Sender<(u64, CapturedPacket)>,
) -> Result<Vec<String>, CaptureError> {
    let mut reader = CaptureReader::open(path)?;
    while let Some(numbered) = reader.next_packet()? {
        if frames.blocking_send(numbered).is_err() {
            break;
        }
    }
    Ok(reader.report().lines())
}

/// The stored packets of a capture, in frame order.
struct Stored {
    capture: Fingerprint,
    packets: BoxStream<'static, StoreResult<StoredPacket>>,
    /// Read from the store and not yet passed by the file.
    ahead: Option<StoredPacket>,
}

impl Stored {
    fn of(store: &dyn PacketStore, capture: Fingerprint) -> Self {
        let query = Query {
            filter: Filter::Is(Predicate::Capture(capture)),
            time: TimeRange::default(),
            order: Order::Frame,
        };
        Self { capture, packets: store.fetch(&query), ahead: None }
    }

    /// Whether the packet at `frame` is stored as it is. Captures that begin alike may have
    /// stored others under the same number.
    async fn holds(&mut self, frame: u64, packet: &CapturedPacket) -> StoreResult<bool> {
        let id = PacketId::of(self.capture, frame, packet);
        let mut held = false;
        loop {
            if self.ahead.is_none() {
                self.ahead = self.packets.try_next().await?;
            }
            let Some(stored) = &self.ahead else { return Ok(held) };
            if stored.origin.capture == self.capture && stored.origin.frame > frame {
                return Ok(held);
            }
            held |= stored.id == id && same(&stored.packet, packet);
            self.ahead = None;
        }
    }
}

/// Whether two packets are equal in what every capture format keeps: a copy of the file may have lost interfaces and
/// comments, or never had them.
pub fn same(stored: &CapturedPacket, packet: &CapturedPacket) -> bool {
    stored.timestamp == packet.timestamp
        && stored.link_type == packet.link_type
        && stored.original_length == packet.original_length
        && stored.data == packet.data
}
