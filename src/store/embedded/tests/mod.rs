//! The embedded store as a whole.

mod crash;

use std::fs;
use std::path::Path;
use std::sync::Mutex as StdMutex;

use bytes::Bytes;
use futures::FutureExt as _;
use tempfile::TempDir;

use super::*;
use crate::packet::{CapturedPacket, LinkType, PacketId, Timestamp};
use crate::query::{Order, TimeRange};
use crate::testing::{CaptureBuilder, Fixture, conformance};

const START: i128 = 1_700_000_000_000_000_000;
const DAY: i128 = 86_400_000_000_000;
/// LINKTYPE_USER0: nothing is decoded.
const USER: LinkType = LinkType(147);

fn store_in(path: &Path) -> EmbeddedStore {
    EmbeddedStore::new(Folder::new(path.to_owned()))
}

fn capture(name: &str, packets: u64, bytes: usize) -> Arc<Vec<PacketRecord>> {
    let mut capture = CaptureBuilder::new(name);
    for number in 0..packets {
        let mut data = [name.as_bytes(), &number.to_le_bytes()].concat();
        // Bytes that do not compress away.
        let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        data.extend((data.len()..bytes).map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[0]
        }));
        capture = capture.packet(START + i128::from(number), USER, data);
    }
    capture.records()
}

async fn ids(store: &EmbeddedStore) -> Vec<PacketId> {
    let packets: Vec<StoredPacket> = store.fetch(&Query::all()).try_collect().await.expect("fetch");
    packets.iter().map(StoredPacket::id).collect()
}

fn ids_of(records: &[PacketRecord]) -> Vec<PacketId> {
    records.iter().map(|record| record.stored.id()).collect()
}

#[derive(Default)]
struct Directories(StdMutex<Vec<TempDir>>);

impl Directories {
    fn add(&self) -> EmbeddedStore {
        let directory = tempfile::tempdir().unwrap();
        let store = store_in(&directory.path().join("archive"));
        self.0.lock().unwrap().push(directory);
        store
    }

    fn newest(&self) -> EmbeddedStore {
        store_in(&self.0.lock().unwrap().last().unwrap().path().join("archive"))
    }
}

#[async_trait]
impl Fixture for Directories {
    async fn set_up(&self, options: &SetupOptions) -> Arc<dyn PacketStore> {
        let store = self.add();
        store.setup(options).await.unwrap();
        Arc::new(store)
    }

    async fn reopen(&self, store: Arc<dyn PacketStore>) -> Arc<dyn PacketStore> {
        drop(store);
        Arc::new(self.newest())
    }
}

/// Stores of stretches of packets.
#[derive(Default)]
struct OfStretches(Directories);

#[async_trait]
impl Fixture for OfStretches {
    async fn set_up(&self, options: &SetupOptions) -> Arc<dyn PacketStore> {
        let options = SetupOptions { layout: Some(Layout::Flows), ..options.clone() };
        self.0.set_up(&options).await
    }

    fn stores_singles(&self) -> bool {
        false
    }

    async fn reopen(&self, store: Arc<dyn PacketStore>) -> Arc<dyn PacketStore> {
        self.0.reopen(store).await
    }
}

#[tokio::test]
async fn embedded_store_conforms() {
    conformance(&Directories::default()).await;
    conformance(&OfStretches::default()).await;
}

/// Unlike a server whose key can only create, it looks first.
#[tokio::test]
async fn a_store_of_stretches_tells_every_packet_that_it_has() {
    let directories = OfStretches::default();
    let store = directories.set_up(&SetupOptions::default()).await;
    let records = capture("a", 2_500, 60);
    let appended = |outcome: AppendOutcome| (outcome.stored, outcome.duplicates);
    let first = Arc::new(records[..1_500].to_vec());
    assert_eq!(appended(store.append(first).await.unwrap()), (1_500, 0));
    assert_eq!(appended(store.append(records.clone()).await.unwrap()), (1_000, 1_500));
    store.flush().await.unwrap();
    assert_eq!(appended(store.append(records.clone()).await.unwrap()), (0, 2_500));
    assert_eq!(store.count(&Query::all()).await.unwrap(), 2_500);
    let status = store.status().await.unwrap();
    assert_eq!((status.packets, status.layout), (Some(2_500), Some(Layout::Flows)));
}

#[tokio::test]
async fn a_store_has_an_index_of_its_text_from_its_making_on_or_never() {
    let directories = Directories::default();
    let with = SetupOptions { index_payload: true, ..SetupOptions::default() };
    let outcomes =
        |report: SetupReport| report.steps.into_iter().map(|step| step.outcome).collect::<Vec<_>>();
    let store = directories.add();
    assert_eq!(outcomes(store.setup(&with).await.unwrap()), ["created", "created"]);
    let again = directories.newest();
    let report = again.setup(&SetupOptions::default()).await.unwrap();
    assert_eq!(outcomes(report), ["unchanged", "unchanged"]);
    assert!(again.status().await.unwrap().payload_index);

    let store = directories.add();
    assert_eq!(outcomes(store.setup(&SetupOptions::default()).await.unwrap()), ["created"]);
    let report = directories.newest().setup(&with).await.unwrap();
    assert!(outcomes(report)[1].starts_with("stays without"));
    assert!(!store.status().await.unwrap().payload_index);
}

#[tokio::test]
async fn one_append_makes_the_store_and_nothing_less_does() {
    let directories = Directories::default();
    let store = directories.add();
    assert_eq!(store.check().await.unwrap_err().kind, StoreErrorKind::NotSetUp);
    let fetched: StoreResult<Vec<_>> = store.fetch(&Query::all()).try_collect().await;
    assert_eq!(fetched.unwrap_err().kind, StoreErrorKind::NotSetUp);
    assert_eq!(store.prune(PruneScope::All).await.unwrap_err().kind, StoreErrorKind::NotSetUp);
    assert!(!store.status().await.unwrap().set_up);
    store.destroy().await.unwrap();
    assert!(!store.folder.path().try_exists().unwrap());

    store.append(capture("a", 3, 20)).await.unwrap();
    store.check().await.unwrap();
    assert_eq!(ids(&store).await, [], "not before the flush");
    store.flush().await.unwrap();
    assert_eq!(ids(&store).await.len(), 3);
    let report = store.setup(&SetupOptions::default()).await.unwrap();
    assert_eq!(report.steps[0].outcome, "unchanged");
}

#[tokio::test]
async fn destroy_leaves_the_files_of_others() {
    let directories = Directories::default();
    let store = directories.add();
    store.append(capture("a", 3, 20)).await.unwrap();
    store.flush().await.unwrap();
    let other = store.folder.path().join("notes.txt");
    fs::write(&other, "mine").unwrap();
    store.destroy().await.unwrap();
    let left: Vec<_> = fs::read_dir(store.folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1);

    fs::remove_file(other).unwrap();
    store.append(capture("a", 3, 20)).await.unwrap();
    store.flush().await.unwrap();
    store.destroy().await.unwrap();
    assert!(!store.folder.path().try_exists().unwrap());
}

/// More packets than a page, in segments whose times interleave and run backwards.
#[tokio::test]
async fn pages_are_in_order() {
    let directories = Directories::default();
    let store = directories.add();
    let mut expected = Vec::new();
    for piece in (0..4).rev() {
        let mut capture = CaptureBuilder::new(&format!("{piece}.pcap"));
        for number in 0..50_000_i128 {
            let time = START + number * 4 / 3 + piece * 20_000;
            capture = capture.packet(time, USER, number.to_le_bytes().to_vec());
        }
        let records = capture.records();
        store.append(records.clone()).await.unwrap();
        store.flush().await.unwrap();
        expected.extend(records.iter().map(|record| record.stored.clone()));
    }
    for order in [Order::Time, Order::Frame] {
        let found: Vec<StoredPacket> =
            store.fetch(&Query { order, ..Query::all() }).try_collect().await.unwrap();
        match order {
            Order::Time => expected.sort_by_key(|p| (p.packet.timestamp, p.origin.frame, p.id())),
            Order::Frame => expected.sort_by_key(|p| (p.origin.capture, p.origin.frame, p.id())),
        }
        assert!(found == expected, "{order:?}");
    }
}

#[tokio::test]
async fn a_fetch_is_a_snapshot() {
    let directories = Directories::default();
    let store = directories.add();
    store.append(capture("a", 10_000, 20)).await.unwrap();
    store.flush().await.unwrap();
    let mut fetch = store.fetch(&Query::all());
    assert!(fetch.next().await.unwrap().is_ok());
    store.append(capture("b", 100, 20)).await.unwrap();
    store.prune(PruneScope::All).await.unwrap();
    assert_eq!(ids(&store).await, []);
    let rest: Vec<StoredPacket> = fetch.try_collect().await.unwrap();
    assert_eq!(rest.len(), 9_999);
}

#[tokio::test]
async fn prune_is_exact_and_gives_the_space_back() {
    let directories = Directories::default();
    let store = directories.add();
    let records = capture("a", 20_000, 400);
    store.append(records.clone()).await.unwrap();
    store.flush().await.unwrap();
    let full = store.status().await.unwrap().bytes.unwrap();
    let middle = records[15_000].stored.packet.timestamp;
    let report = store.prune(PruneScope::Before(middle)).await.unwrap();
    assert_eq!(report.packets, 15_000);
    assert_eq!(ids(&store).await, ids_of(&records[15_000..]));
    let left = store.status().await.unwrap().bytes.unwrap();
    assert!(left < full / 3, "{left} of {full}");
    store.prune(PruneScope::All).await.unwrap();
    let left = store.status().await.unwrap().bytes.unwrap();
    // The list of segments names every field of the schema.
    assert!(left < 65_536, "{left}");
}

/// A prune that was killed after its commit, before segments were written anew.
#[tokio::test]
async fn the_next_prune_gives_back_what_an_interrupted_one_did_not() {
    let directories = Directories::default();
    let store = directories.add();
    let records = capture("a", 5_000, 400);
    store.append(records.clone()).await.unwrap();
    store.flush().await.unwrap();
    // Nothing is so old; but now the store is closed, so that another writer can open it.
    store.prune(PruneScope::Before(Timestamp::from_nanoseconds(0))).await.unwrap();
    let middle = records[4_000].stored.packet.timestamp;
    {
        let directory = directory::StoreDirectory::open(store.folder.path()).unwrap();
        let index = store.folder.open_or_create(directory, MadeAs::default()).unwrap();
        let mut writer: tantivy::IndexWriter = index.writer(20 << 20).unwrap();
        writer.set_merge_policy(Box::new(tantivy::merge_policy::NoMergePolicy));
        writer.delete_query(query::before(middle, Layout::Singles)).unwrap();
        writer.commit().unwrap();
    }
    let full = store.status().await.unwrap().bytes.unwrap();
    assert_eq!(store.count(&Query::all()).await.unwrap(), 1_000);
    let report = store.prune(PruneScope::Before(middle)).await.unwrap();
    let left = store.status().await.unwrap().bytes.unwrap();
    assert_eq!((report.packets, report.bytes), (0, full - left));
    assert!(left < full / 3, "{left} of {full}");
    assert_eq!(ids(&store).await, ids_of(&records[4_000..]));
}

/// Each byte of the files is in a slice, whatever was removed; the estimate by length is near
/// the truth even where lengths differ.
#[tokio::test]
async fn slices_tell_the_bytes_of_the_files() {
    let directories = Directories::default();
    let store = directories.add();
    for (name, bytes) in [("a", 1_400), ("b", 60), ("c", 500)] {
        let records = capture(name, 3_000, bytes);
        store.append(records).await.unwrap();
        store.flush().await.unwrap();
    }
    let status = store.status().await.unwrap();
    let total = |slices: &[Slice]| slices.iter().filter_map(|slice| slice.bytes).sum::<u64>();
    let slices = store.slices(None).await.unwrap();
    let (told, real) = (total(&slices), status.bytes.unwrap());
    assert!(told >= real && told - real <= 9_000, "a byte each at most: {told}, {real}");

    let half = &slices[..slices.len() / 2];
    let report = store.prune(PruneScope::Before(half.last().unwrap().end)).await.unwrap();
    let expected = total(half);
    assert!(report.bytes.abs_diff(expected) < expected / 10, "{report:?}: {expected}");
}

fn at(nanoseconds: i128) -> CapturedPacket {
    CapturedPacket {
        timestamp: Timestamp::from_nanoseconds(nanoseconds),
        link_type: USER,
        original_length: 0,
        data: Bytes::new(),
        extras: None,
    }
}

/// Times that 64 bits do not hold, and those at the ends of what they hold.
#[tokio::test]
async fn prune_and_status_are_exact_beyond_the_index() {
    const END: i128 = i64::MAX as i128;
    let times = [-DAY, -1, 0, 1, START, END - 1, END, END + 1, END * 1000];
    for (before, left) in [(-DAY, 9), (0, 7), (1, 6), (2, 5), (END, 3), (END + 1, 2), (END + 2, 1)]
    {
        let directories = Directories::default();
        let store = directories.add();
        let capture = times
            .iter()
            .fold(CaptureBuilder::new("ends"), |capture, time| capture.captured(at(*time)));
        store.append(capture.records()).await.unwrap();
        store.flush().await.unwrap();
        let before = PruneScope::Before(Timestamp::from_nanoseconds(before));
        let report = store.prune(before).await.unwrap();
        assert_eq!(report.packets, 9 - left, "{before:?}");
        let status = store.status().await.unwrap();
        assert_eq!(status.packets, Some(left));
        let first = times[usize::try_from(9 - left).unwrap()];
        assert_eq!(status.earliest, Some(Timestamp::from_nanoseconds(first)));
        assert_eq!(status.latest, Some(Timestamp::from_nanoseconds(END * 1000)));
    }
}

#[tokio::test]
async fn gaps_are_days_without_packets() {
    let directories = Directories::default();
    let store = directories.add();
    let capture = [0, 1, 4]
        .iter()
        .fold(CaptureBuilder::new("gaps"), |capture, day| capture.captured(at(START + day * DAY)));
    store.append(capture.records()).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!(store.status().await.unwrap().gaps, ["2023-11-16..2023-11-17"]);
}

/// A time range is answered from the column, so it costs nothing to be exact.
#[tokio::test]
async fn time_ranges_are_pushed_down() {
    let directories = Directories::default();
    let store = directories.add();
    let records = capture("a", 100, 20);
    store.append(records.clone()).await.unwrap();
    store.flush().await.unwrap();
    let time = TimeRange {
        earliest: Some(records[10].stored.packet.timestamp),
        latest: Some(records[19].stored.packet.timestamp),
    };
    let found: Vec<StoredPacket> =
        store.fetch(&Query { time, ..Query::all() }).try_collect().await.unwrap();
    assert_eq!(found.len(), 10);
}

#[tokio::test]
async fn what_a_killed_process_left_behind_is_removed() {
    let directories = Directories::default();
    let store = directories.add();
    store.append(capture("a", 10, 20)).await.unwrap();
    store.flush().await.unwrap();
    drop(store);
    let store = directories.newest();
    let path = store.folder.path();
    for name in [".tmpAbCdEf", "0123456789abcdef0123456789abcdef.store"] {
        fs::write(path.join(name), "left over").unwrap();
    }
    store.append(capture("b", 10, 20)).await.unwrap();
    assert!(!path.join(".tmpAbCdEf").try_exists().unwrap());
    assert!(!path.join("0123456789abcdef0123456789abcdef.store").try_exists().unwrap());
    store.flush().await.unwrap();
    assert_eq!(ids(&store).await.len(), 20);
}

/// Two ingesters at once, with the same packets in different pieces.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_writers_take_turns_and_store_each_packet_once() {
    let directories = Directories::default();
    let (one, other) = (directories.add(), directories.newest());
    let records = capture("shared", 300, 20);
    let run = |store: EmbeddedStore, piece: usize| {
        let pieces: Vec<_> = records.chunks(piece).map(|p| Arc::new(p.to_vec())).collect();
        tokio::spawn(async move {
            let mut stored = 0;
            for piece in pieces {
                stored += store.append(piece).await.unwrap().stored;
                store.flush().await.unwrap();
            }
            stored
        })
    };
    let (one, other) = (run(one, 100), run(other, 70));
    let stored = (one.await.unwrap(), other.await.unwrap());
    assert_eq!(stored.0 + stored.1, 300, "{stored:?}");
    let mut found = ids(&directories.newest()).await;
    found.sort_unstable();
    let mut expected = ids_of(&records);
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn an_idle_writer_lets_others_write() {
    let directories = Directories::default();
    let (idle, other) = (directories.add(), directories.newest());
    idle.append(capture("a", 1, 20)).await.unwrap();
    idle.flush().await.unwrap();
    other.append(capture("b", 1, 20)).await.unwrap();
    other.flush().await.unwrap();
    assert_eq!(ids(&idle).await.len(), 2);
}

#[tokio::test]
async fn many_small_flushes_do_not_pile_up_segments() {
    let directories = Directories::default();
    let store = directories.add();
    let records = capture("small", 120, 20);
    for piece in records.chunks(1) {
        store.append(Arc::new(piece.to_vec())).await.unwrap();
        store.flush().await.unwrap();
    }
    let segments = store.folder.snapshot().unwrap().segment_readers().len();
    assert!(segments <= 48, "{segments} segments");
    assert_eq!(ids(&store).await, ids_of(&records));
}

/// Lets the disk of the open writer be full after `bytes` more.
async fn fill_disk(store: &EmbeddedStore, bytes: Option<usize>) {
    let writer = store.writer.lock().await;
    *writer.faults().unwrap().bytes_left.lock().unwrap() = bytes;
}

#[tokio::test]
async fn a_full_disk_loses_nothing_that_was_flushed_and_hides_nothing_that_was_not() {
    let directories = Directories::default();
    let store = directories.add();
    let (safe, unsafe_yet) = (capture("safe", 1000, 400), capture("unsafe", 1000, 400));
    store.append(safe.clone()).await.unwrap();
    store.flush().await.unwrap();
    store.append(unsafe_yet.clone()).await.unwrap();
    fill_disk(&store, Some(1000)).await;
    let error = store.flush().await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Lost, "{error}");
    assert!(!error.is_retryable(), "a second flush would find nothing to do");
    assert!(error.reason.contains("1000 packets"), "{error}");
    assert_eq!(ids(&store).await, ids_of(&safe));

    let outcome = store.append(unsafe_yet.clone()).await.unwrap();
    assert_eq!(outcome.stored, 1000, "the writer has been built anew");
    store.flush().await.unwrap();
    assert_eq!(ids(&store).await.len(), 2000);
}

/// The indexing thread dies while megabytes wait for it.
#[tokio::test]
async fn a_disk_that_fills_up_during_append_is_an_error() {
    let directories = Directories::default();
    let store = directories.add();
    store.append(Arc::new(Vec::new())).await.unwrap();
    fill_disk(&store, Some(100_000)).await;
    let large = capture("large", 150, 200_000);
    let appended = store.append(large.clone()).await;
    let error = match appended {
        Ok(_) => store.flush().await.unwrap_err(),
        Err(error) => error,
    };
    assert!(matches!(error.kind, StoreErrorKind::Full | StoreErrorKind::Lost), "{error}");
    assert!(error.reason.contains("no storage space"), "{error}");
    assert_eq!(store.append(large.clone()).await.unwrap().stored, 150);
    store.flush().await.unwrap();
    assert_eq!(ids(&store).await, ids_of(&large));
}

/// Whoever is told first that the session broke: no flush may say that all is safe.
#[tokio::test]
async fn packets_that_go_with_a_broken_session_are_told_of_by_the_next_flush() {
    let directories = Directories::default();
    let store = directories.add();
    let first = capture("first", 100, 100);
    store.append(first.clone()).await.unwrap();
    fill_disk(&store, Some(100_000)).await;
    let large = capture("large", 400, 200_000);
    let mut pieces = large.chunks(20);
    let broken = loop {
        let piece = pieces.next().expect("more than the indexing memory does not fit");
        if let Err(error) = store.append(Arc::new(piece.to_vec())).await {
            break error;
        }
    };
    assert!(broken.reason.contains("have to be stored again"), "{broken}");
    store.append(capture("other", 1, 100)).await.unwrap_err();
    let error = store.flush().await.unwrap_err();
    assert!(error.reason.contains("have to be stored again"), "{error}");

    assert_eq!(store.append(first.clone()).await.unwrap().stored, 100);
    store.flush().await.unwrap();
    assert_eq!(ids(&store).await, ids_of(&first));
}

#[test]
fn a_count_that_nobody_waits_for_keeps_its_turn_until_it_has_ended() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.max_blocking_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        // Whatever blocks has to wait for this.
        let (go_on, waiting) = std::sync::mpsc::channel();
        let ahead = spawn_blocking(move || waiting.recv());
        let directories = Directories::default();
        let store = directories.add();
        let all = Query::all();
        assert!(store.aggregate(&all, Breakdown::default()).now_or_never().is_none());
        assert_eq!(store.counting.available_permits(), COUNTS_AT_ONCE - 1);
        go_on.send(()).unwrap();
        ahead.await.unwrap().unwrap();
        let most = u32::try_from(COUNTS_AT_ONCE).unwrap();
        assert!(store.counting.acquire_many(most).await.is_ok(), "in the end it is given back");
    });
}
