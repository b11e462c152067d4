//! A capture file that is written while it is sent.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use futures::FutureExt as _;
use futures::stream::{self, Stream};
use ring::digest;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendTimeoutError;

use crate::capture::{CaptureWriter, Format};
use crate::packet::PacketRecord;
use crate::web::App;
use crate::web::audit;
use crate::web::budget::Packets;
use crate::web::slots::Slot;

/// Bytes that are sent together, unless the store has no more at the moment.
const CHUNK: usize = 64 << 10;
/// A client that takes nothing for so long is given up: it keeps others out, and a snapshot of the
/// store alive.
const STALLED: Duration = Duration::from_mins(2);

/// What the store gave first: a packet, or the end.
pub(super) struct First(pub(super) Option<PacketRecord>);

/// A capture file that is written as it is read. An error ends the connection, so that half a
/// file is not taken for a whole one.
pub(super) struct CaptureStream {
    /// What was read before anything was answered.
    first: Option<First>,
    packets: Packets,
    /// Until the file is complete.
    writer: Option<CaptureWriter<Pieces>>,
    pieces: Pieces,
    record: Record,
}

impl CaptureStream {
    pub(super) fn new(
        first: Option<First>,
        packets: Packets,
        format: Format,
        record: Record,
    ) -> Self {
        let pieces = Pieces::default();
        let writer = Some(CaptureWriter::new(pieces.clone(), format));
        Self { first, packets, writer, pieces, record }
    }

    /// The file, piece by piece, as fast as it is taken. What ends without [`Piece::End`] is an
    /// error, so that it is not taken for whole.
    pub(super) fn into_chunks(self) -> impl Stream<Item = io::Result<Bytes>> {
        let (pieces, receiver) = mpsc::channel(1);
        tokio::spawn(self.send(pieces, STALLED));
        stream::unfold(Some(receiver), |receiver| async {
            let mut receiver: mpsc::Receiver<Piece> = receiver?;
            match receiver.recv().await {
                Some(Piece::Bytes(bytes)) => Some((Ok(bytes), Some(receiver))),
                Some(Piece::Error(error)) => Some((Err(error), None)),
                Some(Piece::End) => None,
                None => Some((Err(io::Error::other("the download was given up")), None)),
            }
        })
    }

    /// Hands the file over, until the end, or until it is not taken any more, or may not be.
    async fn send(mut self, pieces: mpsc::Sender<Piece>, patience: Duration) {
        let stop = self.record.app.downloads.stop.clone();
        let is_stopped = tokio::select! {
            () = stop.cancelled() => true,
            () = pieces.closed() => false,
            () = self.hand_over(&pieces, patience) => false,
        };
        if is_stopped {
            "the server stopped".clone_into(&mut self.record.outcome);
        }
    }

    /// Reads on as the pieces are taken.
    async fn hand_over(&mut self, pieces: &mpsc::Sender<Piece>, patience: Duration) {
        loop {
            let (piece, goes_on) = match self.read().await {
                Ok(goes_on) => (Piece::Bytes(self.taken()), goes_on),
                Err(error) => {
                    self.record.outcome = error.to_string();
                    tracing::warn!(%error, "download breaks off");
                    (Piece::Error(error), false)
                }
            };
            let is_whole = !goes_on && matches!(piece, Piece::Bytes(_));
            let mut sent = pieces.send_timeout(piece, patience).await;
            if is_whole && sent.is_ok() {
                sent = pieces.send_timeout(Piece::End, patience).await;
            }
            match sent {
                Ok(()) if goes_on => {}
                Ok(()) if is_whole => {
                    "complete".clone_into(&mut self.record.outcome);
                    return;
                }
                Err(SendTimeoutError::Timeout(_)) => {
                    self.record.outcome =
                        format!("the client took nothing for {} seconds", patience.as_secs());
                    return;
                }
                Ok(()) | Err(SendTimeoutError::Closed(_)) => return,
            }
        }
    }

    fn taken(&mut self) -> Bytes {
        let bytes = self.pieces.take();
        self.record.sent(&bytes);
        bytes
    }

    /// Writes what is there at once, not more than a chunk and a packet; whether there is more.
    async fn read(&mut self) -> io::Result<bool> {
        let Some(mut writer) = self.writer.take() else { return Ok(false) };
        let mut next = match self.first.take() {
            Some(First(first)) => Ok(first),
            None => self.packets.next().await,
        };
        let mut written = 0;
        loop {
            let Some(record) = next.map_err(io::Error::other)? else {
                if let Some(stopped) = self.packets.stopped() {
                    return Err(io::Error::other(stopped.message));
                }
                writer.finish()?;
                return Ok(false);
            };
            writer.write(&record.stored.packet)?;
            self.record.packets += 1;
            written += record.stored.packet.data.len();
            if written >= CHUNK {
                break;
            }
            match self.packets.next().now_or_never() {
                Some(more) => next = more,
                None => break,
            }
        }
        writer.flush()?;
        self.writer = Some(writer);
        Ok(true)
    }
}

/// What is handed over to the connection.
enum Piece {
    Bytes(Bytes),
    /// The file is whole.
    End,
    Error(io::Error),
}

/// What was sent, written down when it is over, however it ends.
pub(super) struct Record {
    app: Arc<App>,
    download: audit::Download,
    packets: u64,
    bytes: u64,
    hash: digest::Context,
    outcome: String,
    _slot: Slot,
}

impl Record {
    /// Nothing was sent yet. The slot is given back when it is over.
    pub(super) fn new(app: Arc<App>, download: audit::Download, slot: Slot) -> Self {
        Self {
            app,
            download,
            packets: 0,
            bytes: 0,
            hash: digest::Context::new(&digest::SHA256),
            outcome: "the client went away".to_owned(),
            _slot: slot,
        }
    }

    fn sent(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.hash.update(bytes);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let hash = self.hash.clone().finish();
        let taken = audit::Taken {
            packets: self.packets,
            bytes: self.bytes,
            sha256: hexadecimal(hash.as_ref()),
            outcome: std::mem::take(&mut self.outcome),
        };
        self.app.audit.download(&self.download, &taken);
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// What the writer wrote, for the body to take.
#[derive(Debug, Clone, Default)]
struct Pieces(Arc<Mutex<Vec<u8>>>);

impl Pieces {
    fn take(&self) -> Bytes {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Bytes::from(std::mem::take(&mut *bytes))
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use futures::StreamExt as _;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::packet::{
        CapturedPacket, Fingerprint, Layers, LinkType, Origin, Source, StoredPacket, Timestamp,
    };
    use crate::query::Query;
    use crate::store::PacketStore;
    use crate::store::memory::MemoryStore;
    use crate::web::Downloads;
    use crate::web::access::Access;
    use crate::web::audit::{Audit, Download};
    use crate::web::budget::{Budget, Budgets};
    use crate::web::hosts::Hosts;

    /// A download of some packets, each as long as a chunk.
    async fn download() -> (Arc<App>, CaptureStream) {
        let source = Arc::new(Source {
            file_name: "a.pcap".into(),
            file_path: "a.pcap".into(),
            sensor: None,
        });
        let record = |frame: u64| {
            let packet = CapturedPacket {
                timestamp: Timestamp::from_nanoseconds(frame.into()),
                link_type: LinkType::ETHERNET,
                original_length: u32::try_from(CHUNK).unwrap(),
                data: vec![0; CHUNK].into(),
                extras: None,
            };
            let capture = Fingerprint::of(&packet);
            let origin = Origin { capture, frame, source: source.clone() };
            let layers = Layers::default();
            PacketRecord { stored: StoredPacket::new(packet, origin), layers }
        };
        let store = Arc::new(MemoryStore::default());
        store.append(Arc::new((1..=10).map(record).collect())).await.unwrap();
        let app = Arc::new(App {
            access: Access::Anybody { store: store.clone() },
            is_secure: false,
            hosts: Hosts::Any,
            budgets: Budgets::default(),
            downloads: Downloads::new(1),
            counts: Semaphore::new(1),
            store: "memory:".to_owned(),
            audit: Audit::in_log(),
        });
        let packets = Packets::new(store.as_ref(), &Query::all(), Budget::default());
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let slot = app.downloads.begin(None, address).unwrap();
        let download =
            Download { user: None, address, query: String::new(), format: "pcap".to_owned() };
        let record = Record::new(app.clone(), download, slot);
        (app, CaptureStream::new(None, packets, Format::Pcap, record))
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_given_up() {
        let (app, file) = download().await;
        let (pieces, mut taken) = mpsc::channel(1);
        file.send(pieces, Duration::from_millis(10)).await;
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert!(app.downloads.begin(None, address).is_ok(), "its slot is free again");
        assert!(matches!(taken.recv().await, Some(Piece::Bytes(_))));
        assert!(taken.recv().await.is_none(), "there is no end that looks like one");
    }

    #[tokio::test]
    async fn a_client_that_takes_all_has_a_whole_file() {
        let (_, file) = download().await;
        let chunks: Vec<_> = file.into_chunks().collect().await;
        let bytes: usize = chunks.iter().map(|chunk| chunk.as_ref().unwrap().len()).sum();
        assert_eq!(bytes, 24 + 10 * (16 + CHUNK));
    }
}
