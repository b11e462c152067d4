//! A store that is open for writing: append, commit, prune.

use std::num::NonZero;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tantivy::directory::error::LockError;
use tantivy::index::SegmentId;
use tantivy::indexer::{IndexWriterOptions, UserOperation};
use tantivy::merge_policy::NoMergePolicy;
use tantivy::query::{AllQuery, Query as IndexQuery};
use tantivy::{Index, IndexWriter, SegmentReader, TantivyError};

use crate::packet::PacketRecord;
use crate::store::embedded::batch::{self, Chunk};
use crate::store::embedded::directory::{Faults, StoreDirectory};
use crate::store::embedded::document::PacketDocument;
use crate::store::embedded::error::{index_error, io_error};
use crate::store::embedded::folder::Folder;
use crate::store::embedded::known::KnownIds;
use crate::store::embedded::lock::WriterLock;
use crate::store::embedded::merge::TieredMerges;
use crate::store::embedded::query::before;
use crate::store::embedded::room::Rooms;
use crate::store::embedded::schema::MadeAs;
use crate::store::embedded::search;
use crate::store::{
    AppendOutcome, Layout, PruneReport, PruneScope, StoreError, StoreErrorKind, StoreResult,
};

/// What is not committed after so many packets or bytes is committed unasked, which bounds the
/// memory for their ids and the work that is lost when the disk fails.
const PACKETS_PER_COMMIT: u64 = 400_000;
/// See [`PACKETS_PER_COMMIT`].
const BYTES_PER_COMMIT: u64 = 256 << 20;
/// Memory of each of tantivy's indexing threads; it writes a segment when this is full.
const INDEXING_MEMORY: usize = 24 << 20;
/// Each takes [`INDEXING_MEMORY`] and half as much again. Two keep two cores busy with single packets.
const MOST_INDEXING_THREADS: usize = 2;
/// Memory of documents that wait for the indexing thread.
const QUEUE_BYTES: usize = 8 << 20;
/// Disk space that must be free, beside that for what is not committed yet: what is indexed
/// beside the packets, and the lists of segments.
const SPARE_SPACE: u64 = 16 << 20;
/// With more small segments than this, a commit waits for merges to end. Only programs that end
/// soon after each commit, so that their merges never do, get so far.
const SMALL_BEFORE_WAIT: usize = 48;

/// For a lock of tantivy's that is nobody's; see [`index_writer`].
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// The time between getting the writer lock and giving it back.
pub(super) struct Session {
    folder: Folder,
    index: Index,
    /// Absent while merges are waited for.
    writer: Option<IndexWriter<PacketDocument>>,
    pub(super) faults: Arc<Faults>,
    known: KnownIds,
    kind: MadeAs,
    rooms: Arc<Rooms>,
    pending: Pending,
    /// Last, so that it is given back when all else has been closed.
    pub(super) lock: WriterLock,
}

/// What was appended since the last commit.
#[derive(Debug, Default, Clone, Copy)]
struct Pending {
    packets: u64,
    bytes: u64,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("pending", &self.pending).finish_non_exhaustive()
    }
}

/// How something can fail in a session.
pub(super) enum Failure {
    /// Nothing has happened.
    Refused(StoreError),
    /// The writer cannot go on.
    Broken(TantivyError),
}

impl From<TantivyError> for Failure {
    fn from(error: TantivyError) -> Self {
        Self::Broken(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl Session {
    /// Opens the store, and makes it if there is none.
    pub(super) fn open(folder: Folder, lock: WriterLock, kind: MadeAs) -> StoreResult<Self> {
        let directory = StoreDirectory::open(folder.path())?;
        let faults = directory.faults();
        let index = folder.open_or_create(directory, kind)?;
        folder.remove_leftovers(&index)?;
        let kind = MadeAs::of(&index.schema()).unwrap_or_default();
        let writer = index_writer(&folder, &index, kind.documents)
            .map_err(|error| index_error(folder.operation("open for writing"), &error))?;
        let known = KnownIds::new(folder.snapshot_of(&index)?, kind.documents);
        let rooms = Rooms::new(QUEUE_BYTES);
        Ok(Self {
            folder,
            index,
            writer: Some(writer),
            faults,
            known,
            kind,
            rooms,
            pending: Pending::default(),
            lock,
        })
    }

    /// Appends what is not there yet.
    pub(super) fn append(&mut self, batch: &[PacketRecord]) -> Result<AppendOutcome, Failure> {
        self.check_space(batch)?;
        let new = self.known.add(batch)?;
        let stored = new.len() as u64;
        let duplicates = (batch.len() - new.len()) as u64;
        self.pending.packets += stored;
        let bytes = new.iter().map(|record| record.stored.packet.data.len() as u64);
        self.pending.bytes += bytes.sum::<u64>();
        batch::documents(&new, self.kind, |chunk| self.hand_over(chunk))?;
        if self.pending.is_large() {
            self.commit()?;
        }
        Ok(AppendOutcome { stored, duplicates, ..AppendOutcome::default() })
    }

    /// Refuses a batch that would not fit on the disk while nothing has happened yet, so that
    /// the caller can wait for room without losing what it appended before.
    fn check_space(&self, batch: &[PacketRecord]) -> StoreResult<()> {
        let operation = || self.folder.operation("append to");
        let free = fs4::available_space(self.folder.path())
            .map_err(|error| io_error(operation(), &error))?;
        let captured = batch.iter().map(|record| record.stored.packet.data.len() as u64);
        let needed = SPARE_SPACE + self.pending.bytes + captured.sum::<u64>();
        if free < needed {
            let reason = format!("{free} bytes are free on the disk, {needed} are needed");
            return Err(StoreError::new(StoreErrorKind::Full, operation(), reason));
        }
        Ok(())
    }

    fn writer(&mut self) -> tantivy::Result<&mut IndexWriter<PacketDocument>> {
        match &mut self.writer {
            Some(writer) => Ok(writer),
            none => Ok(none.insert(index_writer(&self.folder, &self.index, self.kind.documents)?)),
        }
    }

    fn hand_over(&mut self, mut chunk: Chunk) -> tantivy::Result<()> {
        let room = self.rooms.take(chunk.bytes);
        for document in &mut chunk.documents {
            document.occupy(room.clone());
        }
        self.writer()?.run(chunk.documents.into_iter().map(UserOperation::Add)).map(|_| ())
    }

    /// Makes safe what was appended.
    pub(super) fn commit(&mut self) -> Result<(), Failure> {
        if self.pending.packets == 0 {
            return Ok(());
        }
        self.writer()?.commit()?;
        self.pending = Pending::default();
        self.refresh()?;
        let segments = self.known.committed().segment_readers().iter();
        let merges = TieredMerges::new(self.folder.path());
        if merges.small(segments.map(SegmentReader::segment_id)) > SMALL_BEFORE_WAIT {
            self.wait_for_merges()?;
        }
        Ok(())
    }

    /// Looks at the last commit.
    fn refresh(&mut self) -> StoreResult<()> {
        self.known = KnownIds::new(self.folder.snapshot_of(&self.index)?, self.kind.documents);
        Ok(())
    }

    /// Nothing may wait to be committed.
    fn wait_for_merges(&mut self) -> Result<(), Failure> {
        // Tantivy waits only when a writer ends.
        if let Some(writer) = self.writer.take() {
            writer.wait_merging_threads()?;
        }
        Ok(self.refresh()?)
    }

    /// Removes packets, and gives their space back.
    pub(super) fn prune(&mut self, scope: PruneScope) -> Result<PruneReport, Failure> {
        self.commit()?;
        let condition: Box<dyn IndexQuery> = match scope {
            PruneScope::All => Box::new(AllQuery),
            PruneScope::Before(time) => before(time, self.kind.documents),
        };
        let before = self.folder.bytes()?;
        let packets = search::estimate(self.known.committed(), condition.as_ref())?.packets;
        if packets > 0 {
            self.writer()?.delete_query(condition)?;
            self.writer()?.commit()?;
        }
        // An earlier prune may have been interrupted.
        if packets > 0 || !self.segments_with_removed()?.is_empty() {
            self.give_space_back()?;
        }
        let bytes = before.saturating_sub(self.folder.bytes()?);
        Ok(PruneReport { packets, bytes, partitions: Vec::new() })
    }

    /// Writes segments anew that hold removed packets, one after the other: so a full disk needs
    /// room for one of them only. Segments with nothing else in them went with the commit.
    fn give_space_back(&mut self) -> Result<(), Failure> {
        self.wait_for_merges()?;
        // No other merge may take the segments meanwhile.
        self.writer()?.set_merge_policy(Box::new(NoMergePolicy));
        for segment in self.segments_with_removed()? {
            self.writer()?.merge(&[segment]).wait()?;
            // A snapshot keeps the files of merged segments.
            self.refresh()?;
        }
        self.writer()?.garbage_collect_files().wait()?;
        // The next writer merges as usual.
        self.wait_for_merges()
    }

    fn segments_with_removed(&self) -> tantivy::Result<Vec<SegmentId>> {
        let segments = self.index.searchable_segment_metas()?;
        let with_removed = segments.iter().filter(|segment| segment.num_deleted_docs() > 0);
        Ok(with_removed.map(tantivy::SegmentMeta::id).collect())
    }

    /// Packets that were appended since the last commit.
    pub(super) fn uncommitted(&self) -> u64 {
        self.pending.packets
    }

    /// Removes the store.
    pub(super) fn destroy(self) -> StoreResult<()> {
        let Self { folder, writer, lock, .. } = self;
        drop(writer);
        folder.remove_store()?;
        drop(lock);
        Ok(())
    }

    /// Lets merges end, and gives the lock back.
    pub(super) fn close(self) -> StoreResult<()> {
        let Self { folder, writer, known, lock, .. } = self;
        // A snapshot keeps the files of merged segments.
        drop(known);
        if let Some(writer) = writer {
            writer
                .wait_merging_threads()
                .map_err(|error| index_error(folder.operation("close"), &error))?;
        }
        drop(lock);
        Ok(())
    }
}

/// Other writers are kept out by [`WriterLock`]. tantivy's own lock may be held a moment longer than
/// its writer lives: by a process that another thread is just starting, which has all files open
/// until it becomes another program.
fn index_writer(
    folder: &Folder,
    index: &Index,
    documents: Layout,
) -> tantivy::Result<IndexWriter<PacketDocument>> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = match documents {
        Layout::Singles => cores,
        // Most of the work is done before a stretch can be indexed.
        Layout::Flows => cores / 2,
    };
    let threads = threads.clamp(1, MOST_INDEXING_THREADS);
    let open = || {
        let options = IndexWriterOptions::builder()
            .num_worker_threads(threads)
            .memory_budget_per_thread(INDEXING_MEMORY)
            .num_merge_threads(1)
            .build();
        index.writer_with_options(options)
    };
    let mut tries = 0;
    let writer = loop {
        match open() {
            Err(TantivyError::LockFailure(LockError::LockBusy, _)) if tries < LOCK_TRIES => {
                tries += 1;
                thread::sleep(LOCK_PAUSE);
            }
            opened => break opened?,
        }
    };
    writer.set_merge_policy(Box::new(TieredMerges::new(folder.path())));
    Ok(writer)
}

impl Pending {
    fn is_large(self) -> bool {
        self.packets >= PACKETS_PER_COMMIT || self.bytes >= BYTES_PER_COMMIT
    }
}
