//! Packets → tantivy documents, on all cores: to make them takes longer than to hand them over.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;

use tantivy::TantivyError;

use crate::packet::PacketRecord;
use crate::store::Layout;
use crate::store::embedded::document::PacketDocument;
use crate::store::embedded::schema::MadeAs;
use crate::store::flows::{self, Packer};

/// Documents that are handed over at once; one by one costs a lock each.
const DOCUMENTS_PER_CHUNK: usize = 64;
/// Captured bytes that are handed over at once, unless a single document has more.
const BYTES_PER_CHUNK: usize = 256 << 10;

/// Threads that make documents at once: more than this would wait for the indexing threads.
const MOST_MAKERS: usize = 4;

/// Documents on their way to the indexing thread.
pub(super) struct Chunk {
    pub(super) documents: Vec<PacketDocument>,
    /// What they take in memory, roughly.
    pub(super) bytes: usize,
}

/// Packets that make one document.
type Unit<'a> = Vec<&'a PacketRecord>;

/// Makes the documents of `packets` for a store that was made as `kind`, and hands them over in
/// chunks, as they are ready.
pub(super) fn documents(
    packets: &[&PacketRecord],
    kind: MadeAs,
    mut hand_over: impl FnMut(Chunk) -> tantivy::Result<()>,
) -> tantivy::Result<()> {
    let units = units(packets, kind.documents);
    let pieces = pieces(&units);
    if let [piece] = pieces[..] {
        return hand_over(Maker::new(kind)?.make(piece)?);
    }
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let next = AtomicUsize::new(0);
    // Each thread waits with what it has made until that is taken: no more than a chunk for each.
    let (made, chunks) = sync_channel(0);
    thread::scope(|scope| {
        for _ in 0..cores.min(MOST_MAKERS).min(pieces.len()) {
            let (made, pieces, next) = (made.clone(), &pieces, &next);
            scope.spawn(move || {
                let mut maker = Maker::new(kind);
                while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let chunk = match &mut maker {
                        Ok(maker) => maker.make(piece),
                        Err(error) => Err(error.clone()),
                    };
                    // Nobody takes it any more when something has failed already.
                    if made.send(chunk).is_err() {
                        break;
                    }
                }
            });
        }
        drop(made);
        chunks.into_iter().try_for_each(|chunk| hand_over(chunk?))
    })
}

fn units<'a>(packets: &[&'a PacketRecord], layout: Layout) -> Vec<Unit<'a>> {
    match layout {
        Layout::Singles => packets.iter().map(|packet| vec![*packet]).collect(),
        Layout::Flows => {
            let stretches = flows::cut(packets, |_| i128::MIN..i128::MAX).into_iter();
            let of = |places: Vec<usize>| places.into_iter().map(|place| packets[place]).collect();
            stretches.map(of).collect()
        }
    }
}

/// What makes a chunk each.
fn pieces<'p, 'a>(units: &'p [Unit<'a>]) -> Vec<&'p [Unit<'a>]> {
    let mut pieces = Vec::new();
    let mut rest = units;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = |unit: &&Unit<'_>| {
            bytes += unit.iter().map(|packet| packet.stored.packet.data.len()).sum::<usize>();
            bytes <= BYTES_PER_CHUNK
        };
        let count = rest.iter().take(DOCUMENTS_PER_CHUNK).take_while(fits).count().max(1);
        let (piece, others) = rest.split_at(count);
        pieces.push(piece);
        rest = others;
    }
    pieces
}

/// Makes documents, one after the other.
struct Maker {
    payload: bool,
    /// Where documents are stretches.
    packer: Option<Packer>,
}

impl Maker {
    fn new(kind: MadeAs) -> tantivy::Result<Self> {
        let packer = match kind.documents {
            Layout::Singles => None,
            Layout::Flows => Some(Packer::new().map_err(internal)?),
        };
        Ok(Self { payload: kind.payload, packer })
    }

    fn make(&mut self, piece: &[Unit<'_>]) -> tantivy::Result<Chunk> {
        let mut documents = Vec::with_capacity(piece.len());
        for unit in piece {
            match &mut self.packer {
                Some(packer) => documents.push(
                    PacketDocument::of_stretch(unit, packer, self.payload).map_err(internal)?,
                ),
                None => {
                    for packet in unit {
                        documents
                            .push(PacketDocument::new(packet, self.payload).map_err(internal)?);
                    }
                }
            }
        }
        let bytes = documents.iter().map(PacketDocument::size).sum();
        Ok(Chunk { documents, bytes })
    }
}

/// What cannot be written as a document cannot be stored.
fn internal(error: impl std::fmt::Display) -> TantivyError {
    TantivyError::InternalError(error.to_string())
}

#[cfg(all(test, feature = "testing"))]
mod tests;
