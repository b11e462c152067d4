//! Packets of every kind: made here, and the first of each capture that the machine has.

use std::sync::Arc;

use bytes::Bytes;
use pcap_archiver::capture::CaptureReader;
use pcap_archiver::decode::{Fragments, decode};
use pcap_archiver::packet::{
    CapturedPacket, Fingerprint, LinkType, Origin, PacketRecord, Source, StoredPacket, Timestamp,
};
use pcap_archiver::testing::{tcp_frame, udp_frame};

use crate::sandbox::{conversations, outside_captures};

/// Packets taken from each capture.
const PACKETS: usize = 25;
/// 2023-11-14T22:13:20Z, and fifty days.
const START: i128 = 1_700_000_000_000_000_000;
const SPAN: i128 = 50 * 86_400 * 1_000_000_000;

/// As they are handed to a store.
pub(super) fn records() -> Vec<PacketRecord> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("conversations.pcap");
    std::fs::write(&path, conversations()).unwrap();
    let mut records = capture("made.pcap", made());
    for path in outside_captures().into_iter().chain([path]) {
        let Ok(mut reader) = CaptureReader::open(&path) else { continue };
        let mut packets = Vec::new();
        while packets.len() < PACKETS {
            let Ok(Some((_, packet))) = reader.next_packet() else { break };
            // Each month is an index, and a server has better things to do than to make a hundred.
            let time = START + packet.timestamp.nanoseconds().rem_euclid(SPAN);
            packets.push(CapturedPacket { timestamp: Timestamp::from_nanoseconds(time), ..packet });
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        records.extend(capture(&name, packets));
    }
    records
}

/// As they are once they come back: each is decoded alone.
pub(super) fn as_fetched(records: &[PacketRecord]) -> Vec<PacketRecord> {
    let alone = |record: &PacketRecord| {
        let stored = record.stored.clone();
        PacketRecord { layers: decode(&stored.packet), stored }
    };
    records.iter().map(alone).collect()
}

fn capture(name: &str, packets: Vec<CapturedPacket>) -> Vec<PacketRecord> {
    let source = Source {
        file_name: name.to_owned(),
        file_path: format!("captures/{name}"),
        sensor: name.starts_with('m').then(|| "tap".to_owned()),
    };
    let source = Arc::new(source);
    let Some(capture) = packets.first().map(Fingerprint::of) else { return Vec::new() };
    let mut fragments = Fragments::default();
    let record = |(packet, frame): (CapturedPacket, u64)| {
        let mut layers = decode(&packet);
        fragments.apply(packet.timestamp, &mut layers);
        let origin = Origin { capture, frame, source: source.clone() };
        PacketRecord { stored: StoredPacket::new(packet, origin), layers }
    };
    packets.into_iter().zip(1..).map(record).collect()
}

/// What captures seldom have: IPv4 mapped into IPv6, text in UTF-16, long names, tags in tags,
/// times that no index holds.
fn made() -> Vec<CapturedPacket> {
    let at = |text: &str| text.parse().unwrap();
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let http = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: www.example.com\r\n\r\n");
    let long = "x".repeat(1_100);
    let mut frames = vec![
        tcp_frame(at("192.0.2.1:1024"), at("192.0.2.80:80"), http("/login").as_bytes()),
        tcp_frame(at("192.0.2.1:1024"), at("192.0.2.80:80"), http(&format!("/{long}")).as_bytes()),
        tcp_frame(at("[::ffff:192.0.2.1]:1024"), at("[2001:db8::80]:80"), b"mapped"),
        udp_frame(at("192.0.2.1:53"), at("192.0.2.2:53"), &utf16("a Login in UTF-16")),
        udp_frame(at("[2001:db8::1]:53"), at("[2001:db8::2]:5353"), b"login LOGIN LoGiN"),
        b"no frame at all".to_vec(),
    ];
    for tags in [&[5][..], &[5, 6], &[5, 7, 6]] {
        let mut frame = frames[0].clone();
        for tag in tags.iter().rev() {
            frame.splice(12..12, [0x81, 0x00, 0, *tag]);
        }
        frames.push(frame);
    }
    let times = [0, -1, 1, 1_700_000_000_000_000_000, i128::from(i64::MAX), i128::MAX / 4];
    let mut packets = Vec::new();
    for (frame, number) in frames.into_iter().cycle().take(36).zip(0..) {
        packets.push(CapturedPacket {
            timestamp: Timestamp::from_nanoseconds(times[number % times.len()]),
            link_type: if number % 7 == 6 { LinkType::RAW } else { LinkType::ETHERNET },
            original_length: u32::try_from(frame.len() + number).unwrap(),
            data: Bytes::from(frame),
            extras: None,
        });
    }
    packets
}
