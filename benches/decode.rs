//! Packets a second that one thread decodes, with how many allocations; what a Community ID costs
//! beside it; and that packets which are made to be expensive cost by their size.
//!
//! `cargo bench --features testing --bench decode`; with `PCAP_ARCHIVER_BENCH_CAPTURE`, or
//! `../shared/captures/big-100k.pcap.zst`, also over a real capture.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use bytes::Bytes;
use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher};
use pcap_archiver::capture::CaptureReader;
use pcap_archiver::decode::decode;
use pcap_archiver::packet::{CapturedPacket, CommunityId, Layers, LinkType, Timestamp};
use pcap_archiver::testing::{tcp_frame, udp_frame};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn packet(link_type: LinkType, frame: Vec<u8>) -> CapturedPacket {
    CapturedPacket {
        timestamp: Timestamp::default(),
        link_type,
        original_length: u32::try_from(frame.len()).unwrap_or(u32::MAX),
        data: Bytes::from(frame),
        extras: None,
    }
}

/// Conversations as an office has them, a tenth of the packets in VXLAN.
fn made() -> Vec<CapturedPacket> {
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
    (0..10_000).map(|number| packet(LinkType::ETHERNET, frame(number))).collect()
}

/// The same thing again and again, up to this many bytes.
type Fill = fn(usize) -> CapturedPacket;

/// What each of them would cost most, if it cost more than its size.
const HOSTILE: &[(&str, Fill)] = &[
    ("mpls-labels", |size| packet(LinkType::MPLS, vec![0; size])),
    ("vlan-tags", |size| ethernet(0x8100, &[0, 1, 0x81, 0].repeat(size / 4))),
    ("ip-in-ip", |size| {
        let header = [&[0x45, 0, 0xff, 0xff, 0, 0, 0, 0, 64, 4, 0, 0][..], &[10; 8]].concat();
        packet(LinkType::RAW, header.repeat(size / 20))
    }),
    ("ipv6-headers", |size| {
        let header = [&[0x60, 0, 0, 0, 0xff, 0xf8, 60, 64][..], &[0x20; 32]].concat();
        let options = [60, 0, 1, 4, 0, 0, 0, 0].repeat(size / 8);
        packet(LinkType::RAW, [header, options].concat())
    }),
    ("gre-routes", |size| {
        let header = [&[0x45, 0, 0xff, 0xff, 0, 0, 0, 0, 64, 47, 0, 0][..], &[10; 8]].concat();
        let entries = [0, 1, 0, 0].repeat(size / 4);
        packet(LinkType::RAW, [header, vec![0x40, 0, 8, 0, 0, 0, 0, 0], entries].concat())
    }),
    ("nflog-attributes", |size| packet(LinkType::NFLOG, [4, 0, 1, 0].repeat(size / 4))),
    ("radiotap-words", |size| {
        let length = u16::try_from(size).unwrap_or(u16::MAX).to_le_bytes();
        let words = [0xff, 0xff, 0xff, 0xff].repeat(size / 4);
        let header = [&[0, 0][..], &length, &words].concat();
        packet(LinkType::IEEE802_11_RADIOTAP, header)
    }),
    ("dns-pointers", |size| {
        // A root, then pointers of which each points at the one before it: as many as a name may
        // have. The names of all other records begin at the last.
        let mut message = vec![0, 1, 0x84, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0];
        message.extend([0xff, 0, 0, 1, 0, 0, 0, 0, 1, 0xf0]);
        let mut before = 12_u16;
        for at in (23_u16..519).step_by(2) {
            message.extend((0xc000 | before).to_be_bytes());
            before = at;
        }
        let [high, low] = (0xc000 | before).to_be_bytes();
        message.extend([high, low, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0].repeat(size / 12));
        udp(53, &message)
    }),
    ("dns-questions", |size| {
        let head = [0, 1, 1, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0];
        udp(5353, &[&head[..], &[1, b'a', 0, 0, 1, 0, 1].repeat(size / 7)].concat())
    }),
    ("dhcp-options", |size| {
        let fixed = [&[1, 1, 6, 0][..], &[0; 232], &[99, 130, 83, 99]].concat();
        udp(67, &[fixed, [12, 1, b'a'].repeat(size / 3)].concat())
    }),
    ("dhcpv6-relays", |size| {
        // Each option says that it is as long as everything behind it.
        let mut message = Vec::new();
        while message.len() + 38 < size {
            let rest = u16::try_from(size - message.len() - 38).unwrap_or(u16::MAX);
            message.extend([12]);
            message.extend([0; 33]);
            message.extend([0, 9]);
            message.extend(rest.to_be_bytes());
        }
        udp(547, &message)
    }),
    ("radius-attributes", |size| {
        let length = u16::try_from(size).unwrap_or(u16::MAX).to_be_bytes();
        let head = [&[1, 1][..], &length, &[0; 16]].concat();
        udp(1812, &[head, [1, 3, b'a'].repeat(size / 3)].concat())
    }),
    ("quic-pieces", |size| {
        let long = [0xc0, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0x40, 0x40];
        udp(443, &[&long[..], &[0; 64]].concat().repeat(size / 82))
    }),
    ("tls-records", |size| tcp(443, &[22, 3, 3, 0, 1, 1].repeat(size / 6))),
    ("tls-hellos", |size| tcp(443, &[22, 3, 3, 0, 4, 1, 0, 0, 0].repeat(size / 9))),
    ("tls-ciphers", |size| {
        let length = u16::try_from(size.min(16_000)).unwrap_or(u16::MAX);
        let hello = [&[3, 3][..], &[0; 33], &length.to_be_bytes()].concat();
        let record = [22, 3, 3, 0x40, 0, 1, 0, 0xff, 0xff];
        tcp(443, &[&record[..], &hello, &[0x13, 1].repeat(size / 2)].concat())
    }),
    ("http-lines", |size| {
        let head = b"GET / HTTP/1.1\r\n".as_slice();
        tcp(80, &[head, &b"Cookie: a=b;c\r\n".repeat(size / 15)].concat())
    }),
    ("http-cookies", |size| {
        let head = b"GET / HTTP/1.1\r\nCookie: ".as_slice();
        tcp(80, &[head, &b"a;".repeat(size / 2), b"\r\n\r\n"].concat())
    }),
    ("ldap-messages", |size| tcp(389, &[0x30, 5, 2, 1, 1, 0x42, 0].repeat(size / 7))),
    ("ntlm-signatures", |size| {
        let head = [&[0, 0, 0, 0][..], b"\xfeSMB", &[0; 60]].concat();
        tcp(445, &[&head[..], &b"NTLMSSP\0\x03\0\0\0".repeat(size / 12)].concat())
    }),
];
const SIZES: [usize; 3] = [15_000, 30_000, 60_000];

fn ethernet(ether_type: u16, payload: &[u8]) -> CapturedPacket {
    let frame = [&[2; 12][..], &ether_type.to_be_bytes(), payload].concat();
    packet(LinkType::ETHERNET, frame)
}

fn udp(port: u16, payload: &[u8]) -> CapturedPacket {
    let ends = [([192, 0, 2, 1], 40_000).into(), ([192, 0, 2, 2], port).into()];
    packet(LinkType::ETHERNET, udp_frame(ends[0], ends[1], payload))
}

fn tcp(port: u16, payload: &[u8]) -> CapturedPacket {
    let ends = [([192, 0, 2, 1], 40_000).into(), ([192, 0, 2, 2], port).into()];
    packet(LinkType::ETHERNET, tcp_frame(ends[0], ends[1], payload))
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

/// Bytes a second, which must not fall when packets of the same kind grow.
#[divan::bench(args = HOSTILE.iter().map(|(name, _)| *name), consts = SIZES)]
fn hostile<const SIZE: usize>(bencher: Bencher, name: &str) {
    let made = HOSTILE.iter().find(|(known, _)| *known == name).map(|(_, fill)| fill(SIZE));
    let Some(packet) = made else { return };
    bencher.counter(BytesCount::new(packet.data.len())).bench_local(|| {
        divan::black_box(decode(divan::black_box(&packet)));
    });
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
