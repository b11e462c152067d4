//! Any bytes are read to an end, and what was read survives being written and read again.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use pcap_archiver::capture::{CaptureReader, CaptureWriter, Format};
use pcap_archiver::packet::CapturedPacket;

fuzz_target!(|bytes: &[u8]| {
    let packets = read(bytes.to_vec());
    let mut writer = CaptureWriter::new(Vec::new(), Format::Pcapng);
    for packet in &packets {
        // Only times that no clock of pcapng can count are refused.
        if writer.write(packet).is_err() {
            return;
        }
    }
    let written = writer.finish().unwrap();
    let again = read(written);
    assert_eq!(packets.len(), again.len());
    for (packet, again) in packets.iter().zip(&again) {
        assert_eq!(packet.timestamp, again.timestamp);
        assert_eq!(packet.link_type, again.link_type);
        assert_eq!(packet.original_length, again.original_length);
        assert_eq!(packet.data, again.data);
        assert_eq!(packet.flags(), again.flags());
        assert_eq!(packet.comments().concat(), again.comments().concat());
    }
});

fn read(bytes: Vec<u8>) -> Vec<CapturedPacket> {
    let Ok(reader) = CaptureReader::new(Cursor::new(bytes)) else { return Vec::new() };
    reader.map(|packet| packet.unwrap().1).collect()
}
