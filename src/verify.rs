//! Is every packet of a capture file in the store, byte for byte?

use std::io;
use std::path::{Path, PathBuf};

use futures::stream::{BoxStream, TryStreamExt as _};
use tokio::sync::mpsc;
use tokio::task::{JoinError, spawn_blocking};

use crate::capture::{CaptureError, CaptureReader};
use crate::packet::{CapturedPacket, Fingerprint, Origin, PacketId, StoredPacket};
use crate::query::{Filter, Order, Predicate, Query, TimeRange};
use crate::store::{PacketStore, StoreError, StoreResult};

/// Packets read ahead of the comparison.
const READ_AHEAD: usize = 256;
/// Packets that the store is asked for together by their identities.
const LOOKED_UP: usize = 256;
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
    /// What could not be read of the file: where and why.
    pub notes: Vec<String>,
}

/// Where each packet of a file came from, one call for each, when that is not the file itself.
pub type Origins = Box<dyn FnMut() -> io::Result<Origin> + Send>;

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

impl Receipt {
    /// Whether all of the file is in the store. Of what cannot be read, nobody can say that.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing == 0 && self.notes.is_empty()
    }

    fn add(&mut self, frame: u64, is_held: bool) {
        self.read += 1;
        if is_held {
            self.found += 1;
            return;
        }
        self.missing += 1;
        if self.missing_frames.len() < LISTED {
            self.missing_frames.push(frame);
        }
    }
}

/// A packet of the file, and under which identity the store should have it.
struct Expected {
    frame: u64,
    capture: Fingerprint,
    id: PacketId,
    packet: CapturedPacket,
}

/// Compares a file with the store, both read once. `origins`: where its packets came from, when
/// it is a file of packets that were taken out of others.
///
/// # Errors
/// When the file or the store cannot be read. A missing packet is no error, nor is damage.
pub async fn verify(
    store: &dyn PacketStore,
    path: &Path,
    origins: Option<Origins>,
) -> Result<Receipt, VerifyError> {
    let (sender, frames) = mpsc::channel(READ_AHEAD);
    let (file, is_one_capture) = (path.to_owned(), origins.is_none());
    let reader = spawn_blocking(move || read(&file, origins, &sender));
    let mut receipt = Receipt { path: path.to_owned(), ..Receipt::default() };
    if is_one_capture {
        side_by_side(store, frames, &mut receipt).await?;
    } else {
        by_identity(store, frames, &mut receipt).await?;
    }
    receipt.notes = reader.await??;
    Ok(receipt)
}

fn read(
    path: &Path,
    mut origins: Option<Origins>,
    frames: &mpsc::Sender<Expected>,
) -> Result<Vec<String>, CaptureError> {
    let mut reader = CaptureReader::open(path)?;
    let mut first = None;
    while let Some((frame, packet)) = reader.next_packet()? {
        let (capture, number) = match &mut origins {
            Some(next) => next().map(|origin| (origin.capture, origin.frame))?,
            None => (*first.get_or_insert_with(|| Fingerprint::of(&packet)), frame),
        };
        let id = PacketId::of(capture, number, &packet);
        if frames.blocking_send(Expected { frame, capture, id, packet }).is_err() {
            break;
        }
    }
    Ok(reader.report().lines())
}

/// The packets of one capture, which the store gives in the order that they have in the file.
async fn side_by_side(
    store: &dyn PacketStore,
    mut frames: mpsc::Receiver<Expected>,
    receipt: &mut Receipt,
) -> StoreResult<()> {
    let mut stored = None;
    while let Some(expected) = frames.recv().await {
        let stored = stored.get_or_insert_with(|| Stored::of(store, expected.capture));
        receipt.add(expected.frame, stored.holds(&expected).await?);
    }
    Ok(())
}

/// Packets of many captures, in any order.
async fn by_identity(
    store: &dyn PacketStore,
    mut frames: mpsc::Receiver<Expected>,
    receipt: &mut Receipt,
) -> StoreResult<()> {
    let mut some = Vec::new();
    while frames.recv_many(&mut some, LOOKED_UP).await > 0 {
        let ids = some.iter().map(|expected| Filter::Is(Predicate::Id(expected.id))).collect();
        let query = Query { filter: Filter::Or(ids), ..Query::all() };
        let stored: Vec<StoredPacket> = store.fetch(&query).try_collect().await?;
        for Expected { frame, id, packet, .. } in some.drain(..) {
            let is_held = stored.iter().any(|held| held.id() == id && same(&held.packet, &packet));
            receipt.add(frame, is_held);
        }
    }
    Ok(())
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

    /// Whether a packet is stored as it is. Captures that begin alike may have stored others
    /// under the same number.
    async fn holds(&mut self, expected: &Expected) -> StoreResult<bool> {
        let mut held = false;
        loop {
            if self.ahead.is_none() {
                self.ahead = self.packets.try_next().await?;
            }
            let Some(stored) = &self.ahead else { return Ok(held) };
            if stored.origin.capture == self.capture && stored.origin.frame > expected.frame {
                return Ok(held);
            }
            held |= stored.id() == expected.id && same(&stored.packet, &expected.packet);
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
