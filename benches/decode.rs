//! Packets a second that one thread decodes, and what a Community ID costs beside it.
//!
//! `cargo bench --features testing --bench decode`; with `PCAP_ARCHIVER_BENCH_CAPTURE`, or
//! `../shared/captures/big-100k.pcap.zst`, also over a real capture.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use bytes::Bytes;
use divan::Bencher;
use divan::counter::ItemsCount;
use pcap_archiver::capture::CaptureReader;
use pcap_archiver::decode::decode;
use pcap_archiver::packet::{CapturedPacket, CommunityId, Layers, LinkType, Timestamp};
use pcap_archiver::testing::{tcp_frame, udp_frame};

/// Conversations as an office has them, a tenth of the packets in VXLAN.
fn made() -> Vec<CapturedPacket> {
    let packet = |frame: Vec<u8>| CapturedPacket {
        timestamp: Timestamp::default(),
        link_type: LinkType::ETHERNET,
        original_length: u32::try_from(frame.len()).unwrap_or(u32::MAX),
        data: Bytes::from(frame),
        extras: None,
    };
    let socket = |text: String| text.parse().unwrap_or_else(|_| unreachable!("{text}"));
    let frame = |number: usize| {
        let client = socket(format!("10.0.{}.{}:{}", number % 7, number % 250, 40_000 + number));
        let server = socket("192.0.2.1:443".to_owned());
        let payload = vec![0x5a; number * 37 % 1400];
        match number % 10 {
            0..4 => tcp_frame(client, server, &payload),
            4..8 => tcp_frame(server, client, &payload),
            8 => udp_frame(client, socket("192.0.2.53:53".to_owned()), &payload),
            _ => {
                let inner = tcp_frame(client, server, &payload);
                let wrapped = [&[8, 0, 0, 0, 0, 0, 1, 0], inner.as_slice()].concat();
                let ends = ["198.51.100.1:50000", "198.51.100.2:4789"].map(str::to_owned);
                let [source, destination] = ends.map(socket);
                udp_frame(source, destination, &wrapped)
            }
        }
    };
    (0..10_000).map(|number| packet(frame(number))).collect()
}

/// `None` when there is no such capture.
fn real() -> Option<Vec<CapturedPacket>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/captures/big-100k.pcap.zst");
    let path = std::env::var_os("PCAP_ARCHIVER_BENCH_CAPTURE").map_or(beside, PathBuf::from);
    let reader = CaptureReader::open(&path).ok()?;
    Some(reader.map_while(Result::ok).map(|(_, packet)| packet).collect())
}

static MADE: LazyLock<Vec<CapturedPacket>> = LazyLock::new(made);
static REAL: LazyLock<Vec<CapturedPacket>> = LazyLock::new(|| real().unwrap_or_else(made));

fn main() {
    divan::main();
}

fn decode_all(bencher: Bencher, packets: &[CapturedPacket]) {
    bencher.counter(ItemsCount::new(packets.len())).bench_local(|| {
        for packet in packets {
            divan::black_box(decode(divan::black_box(packet)));
        }
    });
}

#[divan::bench]
fn made_packets(bencher: Bencher) {
    decode_all(bencher, &MADE);
}

/// The made ones again where there is no real capture.
#[divan::bench]
fn real_packets(bencher: Bencher) {
    decode_all(bencher, &REAL);
}

#[divan::bench]
fn community_ids(bencher: Bencher) {
    let layers: Vec<Layers> = REAL.iter().map(decode).collect();
    bencher.counter(ItemsCount::new(layers.len())).bench_local(|| {
        for layers in &layers {
            divan::black_box(CommunityId::of(divan::black_box(layers)));
        }
    });
}
