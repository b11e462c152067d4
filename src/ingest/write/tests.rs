use std::path::Path;

use super::*;
use crate::decode;
use crate::ingest::file_state::{FileId, FileState, Finished};
use crate::ingest::open_capture_for_tests;
use crate::packet::{CapturedPacket, LinkType, Origin, Trail};
use crate::store::memory::MemoryStore;

struct Nobody;

impl Observer for Nobody {
    fn file_done(&self, _: &FileReport) {}

    fn progress(&self) -> Arc<Progress> {
        Arc::default()
    }
}

fn record(capture: &OpenCapture) -> PacketRecord {
    let packet = CapturedPacket {
        timestamp: Timestamp::from_nanoseconds(1),
        link_type: LinkType::ETHERNET,
        original_length: 3,
        data: b"abc".as_slice().into(),
        extras: None,
    };
    let layers = decode::decode(&packet);
    let (source, capture) = (capture.source.clone(), capture.capture);
    let stored = StoredPacket::new(packet, Origin { capture, frame: 1, source });
    PacketRecord { stored, layers }
}

const STATE: FileState = FileState { id: FileId { device: 1, inode: 1 }, size: 9, modified: 9 };

/// A writer, and the ledger that it writes into the directory.
fn writer<'a>(directory: &Path, totals: &'a mut Totals) -> (Writer<'a>, Arc<Ledger>) {
    let ledger = Arc::new(Ledger::open(directory, "s").unwrap());
    let beside = Beside {
        observer: Arc::new(Nobody),
        progress: Arc::default(),
        ledger: ledger.clone(),
        dead_letters: DeadLetters::new(directory),
        purge: None,
        stop: CancellationToken::new(),
    };
    (Writer::new(Arc::new(MemoryStore::default()), beside, totals), ledger)
}

/// The end of a part, and of the file if it is the last that was read of it.
fn end(capture: &OpenCapture, part: u64, concluded: bool, file: bool) -> FileEnd {
    let ended = Ended {
        path: "a.pcap".into(),
        below: "a.pcap".into(),
        state: STATE,
        finished: Some(Finished::Settled),
        capture: Some(capture.capture),
        base: Trail::default().mark(),
        rejected_before: 0,
        unreadable: false,
    };
    let file = file.then_some(ended);
    FileEnd { reading: capture.reading, part, concluded, report: None, file }
}

async fn counted(writer: &mut Writer<'_>) {
    let appended = writer.appends.join_next().await.unwrap().unwrap().unwrap();
    writer.count(appended).await.unwrap();
}

/// A file is let go of while its last batch is still on its way.
#[tokio::test]
async fn how_far_a_file_is_stored_is_known_until_all_of_it_is() {
    let (directory, mut totals) = (tempfile::tempdir().unwrap(), Totals::default());
    let (mut writer, ledger) = writer(directory.path(), &mut totals);
    let capture = Arc::new(open_capture_for_tests());
    writer.append(&capture, vec![record(&capture)], Share::default());
    writer.end(end(&capture, capture.part, false, true));
    writer.end(end(&capture, capture.part + 1, true, false));
    writer.flush();
    writer.flushed().await.unwrap();
    assert_eq!(ledger.file(STATE), None);
    counted(&mut writer).await;
    writer.flush();
    writer.flushed().await.unwrap();
    assert_eq!(ledger.file(STATE).unwrap().frames, 1);
    assert!(writer.readings.is_empty() && writer.parts.is_empty());
}

#[tokio::test]
async fn what_is_answered_during_a_flush_is_not_safe_before_the_next() {
    let (directory, mut totals) = (tempfile::tempdir().unwrap(), Totals::default());
    let (mut writer, ledger) = writer(directory.path(), &mut totals);
    let capture = Arc::new(open_capture_for_tests());
    writer.append(&capture, vec![record(&capture)], Share::default());
    counted(&mut writer).await;
    writer.flush();
    writer.append(&capture, vec![record(&capture)], Share::default());
    counted(&mut writer).await;
    writer.end(end(&capture, capture.part, true, true));
    writer.flushed().await.unwrap();
    assert_eq!(ledger.file(STATE), None);
    assert!(writer.unsafe_since.is_some(), "there is something for the next");
    writer.flush();
    writer.flushed().await.unwrap();
    assert_eq!(ledger.file(STATE).unwrap().frames, 2);
}
