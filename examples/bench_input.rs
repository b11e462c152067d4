//! Input for the scripts in `bench/`: a capture, the same capture many times, and bulk bodies that
//! hold its packets as documents.
//!
//! `bench_input capture PACKETS FILE` · `bench_input repeat CAPTURE TIMES FILE` ·
//! `bench_input bodies CAPTURE INDEX FOLDER`

use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use pcap_archiver::capture::{CaptureReader, CaptureWriter, Format};
use pcap_archiver::decode::decode;
use pcap_archiver::document::Document;
use pcap_archiver::packet::{
    CapturedPacket, Fingerprint, LinkType, Origin, PacketRecord, Source, StoredPacket, Timestamp,
};
use pcap_archiver::testing::{tcp_frame, udp_frame};

/// About what the archiver sends in one request.
const BODY_BYTES: usize = 4 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["capture", packets, file] => capture(packets.parse()?, Path::new(file)),
        ["repeat", capture, times, file] => {
            repeat(Path::new(capture), times.parse()?, Path::new(file))
        }
        ["bodies", capture, index, folder] => bodies(Path::new(capture), index, Path::new(folder)),
        _ => Err("capture PACKETS FILE, repeat CAPTURE TIMES FILE, or bodies CAPTURE INDEX FOLDER"
            .into()),
    }
}

/// Conversations of many hosts, 60 to 1,500 bytes a packet, a second every thousand packets.
fn capture(packets: u32, file: &Path) -> Result<(), Box<dyn Error>> {
    let mut writer = CaptureWriter::new(File::create(file)?, Format::Pcap);
    let mut random = 0x2545_f491_u32;
    for number in 0..packets {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [a, b, c, d] = random.to_be_bytes();
        // Two short packets for each long one, and a payload that compresses about by half.
        let length = if number % 3 == 0 { 1400 } else { usize::from(b) % 100 };
        let payload: Vec<u8> =
            (0..length).map(|at| if at % 2 == 0 { a } else { c ^ at.to_le_bytes()[0] }).collect();
        let client = format!("10.{}.{}.{}:{}", a % 4, b % 16, c, 1024 + u16::from(d)).parse()?;
        let server = format!("192.0.2.{}:{}", d % 8, [53, 80, 443][usize::from(a % 3)]).parse()?;
        let frame = match number % 4 {
            0 => udp_frame(client, server, &payload),
            1 => tcp_frame(server, client, &payload),
            _ => tcp_frame(client, server, &payload),
        };
        let seconds = 1_700_000_000 + i64::from(number / 1000);
        writer.write(&CapturedPacket {
            timestamp: Timestamp::from_parts(seconds, u64::from(number % 1000) * 1_000_000),
            link_type: LinkType::ETHERNET,
            original_length: u32::try_from(frame.len())?,
            data: Bytes::from(frame),
            extras: None,
        })?;
    }
    writer.finish()?;
    Ok(())
}

/// The packets of a capture again and again, each time behind the time before, as a pcap file.
fn repeat(capture: &Path, times: u32, file: &Path) -> Result<(), Box<dyn Error>> {
    let mut reader = CaptureReader::open(capture)?;
    let mut packets = Vec::new();
    while let Some((_, packet)) = reader.next_packet()? {
        packets.push(packet);
    }
    let all = || packets.iter().map(|packet| packet.timestamp.nanoseconds());
    let (first, last) = (all().min().unwrap_or(0), all().max().unwrap_or(0));
    let out = BufWriter::with_capacity(1 << 20, File::create(file)?);
    let mut writer = CaptureWriter::new(out, Format::Pcap);
    for round in 0..times {
        let shift = i128::from(round) * (last - first + 1_000_000);
        for packet in &packets {
            let timestamp = Timestamp::from_nanoseconds(packet.timestamp.nanoseconds() + shift);
            writer.write(&CapturedPacket { timestamp, ..packet.clone() })?;
        }
    }
    writer.finish()?;
    Ok(())
}

/// One file for each bulk request. All packets go into the index of one month: the partition of
/// a capture that is older than the archive.
fn bodies(capture: &Path, index: &str, folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut reader = CaptureReader::open(capture)?;
    let name = capture.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let source = Arc::new(Source { file_name: name.clone(), file_path: name, sensor: None });
    let mut fingerprint = None;
    let (mut body, mut number) = (Vec::new(), 0);
    while let Some((frame, packet)) = reader.next_packet()? {
        let capture = *fingerprint.get_or_insert_with(|| Fingerprint::of(&packet));
        let layers = decode(&packet);
        let origin = Origin { capture, frame, source: source.clone() };
        let stored = StoredPacket::new(packet, origin);
        let action =
            format!("{{\"create\":{{\"_index\":\"{index}\",\"_id\":\"{}\"}}}}\n", stored.id);
        body.extend_from_slice(action.as_bytes());
        Document::of(&PacketRecord { stored, layers }).write_json(&mut body);
        body.push(b'\n');
        if body.len() >= BODY_BYTES {
            fs::write(folder.join(format!("{number:05}.ndjson")), &body)?;
            body.clear();
            number += 1;
        }
    }
    if !body.is_empty() {
        fs::write(folder.join(format!("{number:05}.ndjson")), &body)?;
    }
    Ok(())
}
