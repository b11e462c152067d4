use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use bytes::Bytes;
use tokio::runtime::{self, Runtime};

use super::follow::Followed;
use super::reading::{Next, Reading};
use super::*;
use crate::capture::{CaptureWriter, Format};
use crate::ingest::file_state::FileState;
use crate::packet::{LinkType, Timestamp};

/// A pcap file with packets of these bytes.
fn capture(packets: &[&'static [u8]]) -> Vec<u8> {
    let mut writer = CaptureWriter::new(Vec::new(), Format::Pcap);
    for (second, data) in (1..).zip(packets) {
        let packet = CapturedPacket {
            timestamp: Timestamp::from_parts(second, 0),
            link_type: LinkType::ETHERNET,
            original_length: u32::try_from(data.len()).unwrap(),
            data: Bytes::from_static(data),
            extras: None,
        };
        writer.write(&packet).unwrap();
    }
    writer.finish().unwrap()
}

fn reader(runtime: &Runtime) -> Reader {
    Reader {
        sensor: None,
        budget: Budget::new(),
        pace: None,
        progress: Arc::default(),
        ledger: Arc::default(),
        purge: None,
        recall: Arc::default(),
        kept_open: 8,
        stop: CancellationToken::new(),
        runtime: runtime.handle().clone(),
    }
}

fn look(path: &Path) -> Look {
    Look {
        path: path.to_owned(),
        below: "cap.pcap".to_owned(),
        named: false,
        state: FileState::of(&fs::metadata(path).unwrap()),
        is_regular: true,
        finished: None,
    }
}

fn open(path: &Path) -> Reading {
    let file = Arc::new(File::open(path).unwrap());
    Reading::open(file, false, None, Arc::default(), Arc::default()).unwrap().unwrap()
}

#[test]
fn a_file_that_is_overwritten_while_its_end_is_read_gets_a_note() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cap.pcap");
    let first = capture(&[b"one", b"two"]);
    fs::write(&path, &first[..first.len() - 1]).unwrap();
    let runtime = runtime::Builder::new_current_thread().build().unwrap();
    let mut reader = reader(&runtime);
    let (steps, mut taken) = mpsc::channel(100);
    let mut followed = HashMap::new();
    reader.open(look(&path), &mut followed, &steps).ok().unwrap();
    let file: Followed = followed.remove(&look(&path).state.id).unwrap();

    fs::write(&path, capture(&[b"another"])).unwrap();
    reader.follow_to_end(file, &mut followed, &steps).ok().unwrap();
    drop(steps);
    let (mut packets, mut notes) = (Vec::new(), Vec::new());
    while let Some(step) = taken.blocking_recv() {
        match step {
            Step::Packets { packets: more, .. } => {
                packets.extend(more.into_iter().map(|numbered| numbered.packet.data));
            }
            Step::End(end) => notes.extend(end.report.map(|report| report.notes)),
        }
    }
    assert_eq!(packets, ["one", "another"]);
    let notes = notes.concat();
    assert!(notes.iter().any(|note| note.contains("overwritten before its last")), "{notes:?}");
}

/// As netsniff-ng does: the file is as large as it may become, and its space is written bit by bit.
#[test]
fn space_that_is_reserved_is_not_read_before_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cap.pcap");
    let whole = capture(&[b"one", b"two"]);
    let before_second = capture(&[b"one"]).len();
    let mut file = OpenOptions::new().write(true).create_new(true).open(&path).unwrap();
    file.write_all(&whole[..before_second]).unwrap();
    file.set_len(200_000).unwrap();
    let mut reading = open(&path);
    assert!(matches!(reading.next(), Next::Nothing), "the last packet may not be whole");
    assert!(!reading.is_between_packets());
    file.write_all_at(&whole[before_second..], before_second as u64).unwrap();
    let data = |next| match next {
        Next::Packet(numbered) => numbered.packet.data,
        _ => panic!("a packet"),
    };
    assert!(reading.is_still().unwrap());
    assert_eq!(data(reading.next()), "one");
    assert!(matches!(reading.next(), Next::Nothing));
    reading.end();
    assert_eq!(data(reading.next()), "two");
    assert!(matches!(reading.next(), Next::End));
    let notes = reading.notes();
    assert!(notes.iter().any(|note| note.contains("zeros instead of packets")), "{notes:?}");
}
