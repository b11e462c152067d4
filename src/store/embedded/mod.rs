//! The embedded store: a directory with a tantivy index, for one machine and without a server.
//!
//! `folder` knows the directory and its files, `lock` lets one process write at a time,
//! `writer` and its `session` append and prune, `known` remembers what is stored already, `batch`
//! makes documents on all cores; `search` finds keys in order, `read` turns them into packets;
//! `schema`, `document`, `record`, `query` and `wildcard` translate between the archive's words and
//! tantivy's; `slices` and `status` count.

mod aggregate;
mod batch;
mod directory;
mod document;
mod error;
mod folder;
mod known;
mod lock;
mod merge;
mod query;
mod read;
mod record;
mod room;
mod schema;
mod search;
mod session;
mod slices;
mod status;
mod survey;
#[cfg(test)]
#[cfg(feature = "testing")]
mod tests;
mod wildcard;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::{self, Either};
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use tantivy::Searcher;
use tantivy::collector::Count;
use tantivy::query::Query as IndexQuery;
use tantivy::schema::Schema;
use tokio::sync::{Mutex, OwnedMutexGuard, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::packet::{PacketRecord, StoredPacket, Timestamp};
use crate::query::{Order, Query};
use crate::store::flows::Overlap;
use crate::store::pushdown::{Condition, Plan};
use crate::store::{
    Access, AppendOutcome, Backend, Breakdown, Counts, Estimate, Explanation, Layout, PacketStore,
    PruneReport, PruneScope, SetupOptions, SetupReport, SetupStep, Slice, StoreError,
    StoreErrorKind, StoreResult, StoreStatus, StoreUrl, Survey,
};
use error::{index_error, io_error};
use folder::{Contents, Folder};
use lock::Queue;
use read::{Found, Reader};
use schema::MadeAs;
use search::{Hits, Key};
use status::Coverage;
use writer::Writer;

/// A directory.
pub const FILE: Backend = Backend { scheme: "file", open };

/// Between two looks whether the writer lock is free.
const LOCK_POLL: Duration = Duration::from_millis(200);
/// A process that has appended nothing for so long gives the writer lock back.
const IDLE_BEFORE_CLOSE: Duration = Duration::from_secs(2);
/// Windows of packets that are read at once while others are handed out.
const WINDOWS_AT_ONCE: usize = 2;

fn open(url: StoreUrl, _: Access) -> future::BoxFuture<'static, StoreResult<Arc<dyn PacketStore>>> {
    Box::pin(async move {
        let store = EmbeddedStore::new(Folder::new(url.as_directory()));
        Ok(Arc::new(store) as Arc<dyn PacketStore>)
    })
}

/// Counts that go on at the same time, since each may take some 100 MB; others wait.
const COUNTS_AT_ONCE: usize = 4;

/// Packets in a directory.
///
/// The directory is made by `setup` or by the first `append`. Reading needs no lock and no right
/// to write; for writing, processes take turns.
#[derive(Debug)]
pub struct EmbeddedStore {
    folder: Folder,
    writer: Arc<Mutex<Writer>>,
    counting: Arc<Semaphore>,
}

impl EmbeddedStore {
    fn new(folder: Folder) -> Self {
        let writer = Arc::new(Mutex::new(Writer::new(folder.clone())));
        Self { folder, writer, counting: Arc::new(Semaphore::new(COUNTS_AT_ONCE)) }
    }

    /// The writer, when it is this process's turn.
    async fn writer(&self) -> StoreResult<OwnedMutexGuard<Writer>> {
        let mut writer = self.writer.clone().lock_owned().await;
        let mut queue = Queue::default();
        let mut told = false;
        loop {
            if writer.is_open() {
                return Ok(writer);
            }
            (writer, queue) = blocking(&self.folder, move || {
                writer.try_open(&mut queue)?;
                Ok((writer, queue))
            })
            .await?;
            if !writer.is_open() {
                if !told {
                    let store = self.folder.path().display();
                    tracing::warn!(%store, "store is being written by another process, waiting");
                    told = true;
                }
                sleep(LOCK_POLL).await;
            }
        }
    }

    /// What the store was made as.
    async fn kind(&self) -> StoreResult<MadeAs> {
        let folder = self.folder.clone();
        blocking(&self.folder, move || folder.index().map(|index| kind(&index.schema()))).await
    }

    /// Gives the lock back after a while without work.
    fn close_when_idle(&self, activity: u64) {
        let writer = self.writer.clone();
        let folder = self.folder.clone();
        tokio::spawn(async move {
            sleep(IDLE_BEFORE_CLOSE).await;
            let mut writer = writer.lock_owned().await;
            if writer.activity() == activity
                && let Err(error) = blocking(&folder, move || writer.close_if_idle()).await
            {
                tracing::warn!(%error, "cannot close the store");
            }
        });
    }
}

/// What the index is asked for `query`.
fn index_query(query: &Query, snapshot: &Searcher) -> Box<dyn IndexQuery> {
    let documents = kind(snapshot.schema()).documents;
    query::index_query(&plan(query, snapshot).condition, query.time, documents)
}

fn plan(query: &Query, snapshot: &Searcher) -> Plan {
    Plan::new(query, &query::abilities(kind(snapshot.schema())))
}

fn step(what: impl Into<String>, outcome: &str) -> SetupStep {
    SetupStep { what: what.into(), outcome: outcome.to_owned() }
}

/// What a store was made as; other schemas were refused when it was opened.
fn kind(schema: &Schema) -> MadeAs {
    MadeAs::of(schema).unwrap_or_default()
}

/// Runs what blocks where it may.
async fn blocking<T: Send + 'static>(
    folder: &Folder,
    action: impl FnOnce() -> StoreResult<T> + Send + 'static,
) -> StoreResult<T> {
    // Tantivy panics on some damaged files.
    spawn_blocking(action).await.unwrap_or_else(|panic| {
        Err(StoreError::new(StoreErrorKind::Corrupt, folder.operation("use store"), panic))
    })
}

#[async_trait]
impl PacketStore for EmbeddedStore {
    async fn setup(&self, options: &SetupOptions) -> StoreResult<SetupReport> {
        options.refuse_kibana()?;
        let folder = self.folder.clone();
        let before = blocking(&self.folder, move || folder.contents()).await?;
        let outcome = if before == Contents::Store {
            "unchanged"
        } else {
            let documents = options.layout.unwrap_or_default();
            self.writer.lock().await.make_as(MadeAs { payload: options.index_payload, documents });
            let writer = self.writer().await?;
            self.close_when_idle(writer.activity());
            "created"
        };
        let MadeAs { payload: has_payload, documents } = self.kind().await?;
        let mut steps = vec![step(format!("store {}", self.folder.path().display()), outcome)];
        if documents != Layout::default()
            || options.layout.is_some_and(|wanted| wanted != documents)
        {
            let outcome = match options.layout {
                Some(wanted) if wanted != documents => {
                    format!("stays {}: a store has it from its making on", documents.name())
                }
                _ => documents.name().to_owned(),
            };
            steps.push(step("layout", &outcome));
        }
        if has_payload || options.index_payload {
            let outcome = match (has_payload, before == Contents::Store) {
                (true, true) => "unchanged",
                (true, false) => "created",
                (false, _) => "stays without: a store has it from its making on, or never",
            };
            steps.push(step("index of the text in packets", outcome));
        }
        Ok(SetupReport { steps })
    }

    async fn check(&self) -> StoreResult<()> {
        let folder = self.folder.clone();
        blocking(&self.folder, move || folder.index().map(|_| ())).await
    }

    async fn identity(&self) -> StoreResult<String> {
        let folder = self.folder.clone();
        blocking(&self.folder, move || {
            folder.create()?;
            let made = lock::made(folder.path());
            let made = made.map_err(|error| io_error(folder.operation("look into"), &error))?;
            Ok(format!("embedded store in {}, made {made}", folder.path().display()))
        })
        .await
    }

    async fn append(&self, batch: Arc<Vec<PacketRecord>>) -> StoreResult<AppendOutcome> {
        let mut writer = self.writer().await?;
        blocking(&self.folder, move || writer.append(&batch)).await
    }

    async fn flush(&self) -> StoreResult<()> {
        let mut writer = self.writer.clone().lock_owned().await;
        if !writer.has_to_flush() {
            return Ok(());
        }
        let activity = blocking(&self.folder, move || {
            writer.flush()?;
            Ok(writer.activity())
        })
        .await?;
        self.close_when_idle(activity);
        Ok(())
    }

    fn fetch(&self, query: &Query) -> BoxStream<'static, StoreResult<StoredPacket>> {
        let (folder, query) = (self.folder.clone(), query.clone());
        let opened = {
            let folder = folder.clone();
            async move { blocking(&folder.clone(), move || Fetch::new(folder, &query)).await }
        };
        stream::once(opened).map_ok(Fetch::packets).try_flatten().boxed()
    }

    async fn count(&self, query: &Query) -> StoreResult<u64> {
        let (folder, query) = (self.folder.clone(), query.clone());
        blocking(&self.folder, move || {
            let snapshot = folder.snapshot()?;
            let index_query = index_query(&query, &snapshot);
            search::estimate(&snapshot, index_query.as_ref())
                .map(|estimate| estimate.packets)
                .map_err(|error| index_error(folder.operation("count in"), &error))
        })
        .await
    }

    async fn aggregate(&self, query: &Query, what: Breakdown) -> StoreResult<Option<Counts>> {
        let (folder, query) = (self.folder.clone(), query.clone());
        let turn = self.counting.clone().acquire_owned().await;
        blocking(&self.folder, move || {
            // The work goes on when nobody waits for its answer any more, and so does its turn.
            let _turn = turn;
            let searcher = folder.snapshot()?;
            let documents = kind(searcher.schema()).documents;
            if documents == Layout::Flows {
                // Only the packets tell.
                return Ok(None);
            }
            let plan = plan(&query, &searcher);
            let doubtful = query::index_query(&plan.doubtful(), query.time, documents);
            let index_query = query::index_query(&plan.condition, query.time, documents);
            let counted = || {
                if !plan.is_exact() && searcher.search(doubtful.as_ref(), &Count)? > 0 {
                    return Ok(None);
                }
                aggregate::aggregate(&searcher, index_query.as_ref(), what).map(Some)
            };
            counted().map_err(|error| index_error(folder.operation("count in"), &error))
        })
        .await
    }

    async fn survey(&self, query: &Query) -> StoreResult<Survey> {
        let (folder, wanted) = (self.folder.clone(), query.clone());
        let mut survey = blocking(&self.folder, move || {
            let searcher = folder.snapshot()?;
            let documents = kind(searcher.schema()).documents;
            let condition = plan(&wanted, &searcher).condition;
            let found = query::index_query(&condition, wanted.time, documents);
            let commented = Condition::all([condition, survey::commented()]);
            let commented = query::index_query(&commented, wanted.time, documents);
            survey::survey(&searcher, found.as_ref(), commented.as_ref())
                .map_err(|error| index_error(folder.operation("look into"), &error))
        })
        .await?;
        if let Some(early) = Survey::to_be_read(query)
            && !survey.needs_pcapng
        {
            let mut packets = self.fetch(&early);
            while let Some(stored) = packets.try_next().await? {
                survey.add(&stored.packet);
            }
        }
        Ok(survey)
    }

    async fn estimate(&self, query: &Query) -> StoreResult<Estimate> {
        let (folder, query) = (self.folder.clone(), query.clone());
        blocking(&self.folder, move || {
            let snapshot = folder.snapshot()?;
            search::estimate(&snapshot, index_query(&query, &snapshot).as_ref())
                .map_err(|error| index_error(folder.operation("count in"), &error))
        })
        .await
    }

    async fn explain(&self, query: &Query) -> StoreResult<Explanation> {
        let plan = Plan::new(query, &query::abilities(self.kind().await?));
        let request = query::explain(&plan.condition, query.time);
        Ok(Explanation { plan, request })
    }

    async fn slices(&self, cut: Option<Timestamp>) -> StoreResult<Vec<Slice>> {
        let folder = self.folder.clone();
        blocking(&self.folder, move || {
            let searcher = folder.snapshot()?;
            let sizes = folder.sizes()?;
            slices::slices(&searcher, &sizes, cut)
                .map_err(|error| index_error(folder.operation("look into"), &error))
        })
        .await
    }

    async fn prune(&self, scope: PruneScope) -> StoreResult<PruneReport> {
        let folder = self.folder.clone();
        blocking(&self.folder, move || folder.must_be_store()).await?;
        let mut writer = self.writer().await?;
        blocking(&self.folder, move || writer.prune(scope)).await
    }

    async fn status(&self) -> StoreResult<StoreStatus> {
        let folder = self.folder.clone();
        blocking(&self.folder, move || status_of(&folder)).await
    }

    async fn destroy(&self) -> StoreResult<()> {
        let folder = self.folder.clone();
        if blocking(&self.folder, move || folder.contents()).await? == Contents::Missing {
            return Ok(());
        }
        let mut writer = self.writer().await?;
        blocking(&self.folder, move || writer.destroy()).await
    }
}

fn status_of(folder: &Folder) -> StoreResult<StoreStatus> {
    let store = format!("embedded store in {}", folder.path().display());
    if folder.contents()? != Contents::Store {
        return Ok(StoreStatus { store, ..StoreStatus::default() });
    }
    let searcher = folder.snapshot()?;
    let operation = || folder.operation("look into");
    let coverage = Coverage::of(&searcher).map_err(|error| index_error(operation(), &error))?;
    let may_write =
        lock::may_write(folder.path()).map_err(|error| io_error(operation(), &error))?;
    Ok(StoreStatus {
        store,
        set_up: true,
        may_append: Some(may_write),
        may_read: Some(true),
        may_prune: Some(may_write),
        packets: Some(coverage.packets),
        earliest: coverage.earliest,
        latest: coverage.latest,
        gaps: coverage.gaps(),
        bytes: Some(folder.bytes()?),
        partitions: None,
        layout: Some(kind(searcher.schema()).documents),
        payload_index: kind(searcher.schema()).payload,
    })
}

/// A fetch from one snapshot.
struct Fetch {
    folder: Folder,
    hits: Hits,
    reader: Arc<Reader>,
    order: Order,
}

impl Fetch {
    fn new(folder: Folder, query: &Query) -> StoreResult<Self> {
        let searcher = folder.snapshot()?;
        let documents = kind(searcher.schema()).documents;
        let reader = Arc::new(Reader::new(searcher.clone(), documents));
        let index_query = index_query(query, &searcher);
        let hits = Hits::new(searcher, index_query.as_ref(), query.order)
            .map_err(|error| index_error(folder.operation("search"), &error))?;
        Ok(Self { folder, hits, reader, order: query.order })
    }

    /// The packets. Work is done only while the stream is polled, and is bounded by a page of
    /// keys and a few windows, so a dropped stream ends soon.
    fn packets(self) -> impl futures::Stream<Item = StoreResult<StoredPacket>> {
        let (folder, reader) = (self.folder.clone(), self.reader.clone());
        let mut overlap = Overlap::new(self.order);
        let windows = stream::try_unfold(self, Self::next_windows)
            .map_ok(|windows| stream::iter(windows).map(Ok))
            .try_flatten();
        let packets = windows
            .map(move |window| match window {
                Ok(keys) => Either::Left(read(folder.clone(), reader.clone(), keys)),
                Err(error) => Either::Right(future::err(error)),
            })
            .buffered(WINDOWS_AT_ONCE);
        // Stretches overlap; single packets come in order, and only the last waits for the next.
        let end = stream::iter([Ok(None)]);
        let in_order = packets.map_ok(Some).chain(end).map_ok(move |found| match found {
            Some(found) => overlap.next(found.packets, found.of_last_document, false),
            None => overlap.next(Vec::new(), 0, true),
        });
        in_order.map_ok(|packets| stream::iter(packets).map(Ok)).try_flatten()
    }

    async fn next_windows(mut self) -> StoreResult<Option<(Vec<Vec<Key>>, Self)>> {
        let folder = self.folder.clone();
        blocking(&folder, move || {
            let page = self.hits.next_page().and_then(|keys| self.reader.windows(keys));
            let windows =
                page.map_err(|error| index_error(self.folder.operation("search"), &error))?;
            Ok((!windows.is_empty()).then_some((windows, self)))
        })
        .await
    }
}

async fn read(folder: Folder, reader: Arc<Reader>, keys: Vec<Key>) -> StoreResult<Found> {
    let operation = folder.operation("read from");
    blocking(&folder, move || reader.read(&keys).map_err(|error| index_error(operation, &error)))
        .await
}
