//! Any text is read as a filter or refused at a place within it; a filter is shown as a text that
//! is read as the same filter, and looks at any packet without going wrong.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use pcap_archiver::decode::decode;
use pcap_archiver::packet::{
    CapturedPacket, Fingerprint, LinkType, Origin, PacketRecord, Source, StoredPacket, Timestamp,
};
use pcap_archiver::query::{Query, matches, parse};

/// Link types that headers are found in in different ways.
const LINK_TYPES: [u16; 8] = [1, 0, 9, 105, 113, 127, 192, 276];

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let filter = match parse(&text) {
        Ok(filter) => filter,
        Err(error) => {
            assert!(error.text.is_char_boundary(error.offset));
            assert!(error.text.is_char_boundary(error.offset + error.length));
            assert!(!error.to_string().contains('\n'));
            assert_eq!(error.caret().lines().count(), 2);
            return;
        }
    };
    let shown = filter.to_string();
    assert_eq!(parse(&shown).as_ref(), Ok(&filter), "{shown}");
    let query = Query { filter, ..Query::all() };
    for link_type in LINK_TYPES {
        matches(&query, &packet(LinkType(link_type), bytes));
    }
});

fn packet(link_type: LinkType, bytes: &[u8]) -> PacketRecord {
    let packet = CapturedPacket {
        timestamp: Timestamp::default(),
        link_type,
        original_length: u32::try_from(bytes.len()).unwrap(),
        data: bytes.to_vec().into(),
        extras: None,
    };
    let layers = decode(&packet);
    let source = Source { file_name: String::new(), file_path: String::new(), sensor: None };
    let capture = Fingerprint::of(&packet);
    let origin = Origin { capture, frame: 1, source: Arc::new(source) };
    PacketRecord { stored: StoredPacket::new(packet, origin), layers }
}
