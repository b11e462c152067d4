//! Captures of any size.

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use bytes::Bytes;
use pcap_archiver::capture::{CaptureReader, CaptureWriter, Format};
use pcap_archiver::packet::{CapturedPacket, LinkType, Timestamp};
use pcap_archiver::testing::{tcp_frame, udp_frame};

/// Conversations of many hosts, 60 to 1,500 bytes a packet, a second every thousand packets.
pub(super) fn make(packets: u32, file: &Path) -> Result<(), Box<dyn Error>> {
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
pub(super) fn repeat(capture: &Path, times: usize, file: &Path) -> Result<(), Box<dyn Error>> {
    let packets = read(capture)?;
    write(&packets, packets.len() * times, file)
}

/// The same, until there are so many packets.
pub(super) fn resize(capture: &Path, count: usize, file: &Path) -> Result<(), Box<dyn Error>> {
    let packets = read(capture)?;
    if packets.is_empty() {
        return Err("the capture has no packets".into());
    }
    write(&packets, count, file)
}

fn read(capture: &Path) -> Result<Vec<CapturedPacket>, Box<dyn Error>> {
    let mut reader = CaptureReader::open(capture)?;
    let mut packets = Vec::new();
    while let Some((_, packet)) = reader.next_packet()? {
        packets.push(packet);
    }
    Ok(packets)
}

fn write(packets: &[CapturedPacket], count: usize, file: &Path) -> Result<(), Box<dyn Error>> {
    let all = || packets.iter().map(|packet| packet.timestamp.nanoseconds());
    let (first, last) = (all().min().unwrap_or(0), all().max().unwrap_or(0));
    let round = last - first + 1_000_000;
    let out = BufWriter::with_capacity(1 << 20, File::create(file)?);
    let mut writer = CaptureWriter::new(out, Format::Pcap);
    let shifts = (0..).map(|number: i128| number * round);
    let again = shifts.flat_map(|shift| packets.iter().map(move |packet| (shift, packet)));
    for (shift, packet) in again.take(count) {
        let timestamp = Timestamp::from_nanoseconds(packet.timestamp.nanoseconds() + shift);
        writer.write(&CapturedPacket { timestamp, ..packet.clone() })?;
    }
    writer.finish()?;
    Ok(())
}
