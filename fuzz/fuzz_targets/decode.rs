//! Any bytes under any link type are decoded to an end, in bounds, and into a document.
//!
//! The first two bytes are the link type, the rest is the packet.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use pcap_archiver::decode::{Fragments, MOST_LAYERS, decode};
use pcap_archiver::packet::{
    CapturedPacket, Fingerprint, LinkType, Origin, PacketRecord, Source, StoredPacket, Timestamp,
};
use pcap_archiver::document::{Document, Value};
use pcap_archiver::document::fields::FieldId;

fuzz_target!(|bytes: &[u8]| {
    let Some((link_type, data)) = bytes.split_first_chunk::<2>() else { return };
    let packet = CapturedPacket {
        timestamp: Timestamp::default(),
        link_type: LinkType(u16::from_be_bytes(*link_type)),
        original_length: u32::try_from(data.len()).unwrap(),
        data: data.to_vec().into(),
        extras: None,
    };
    let mut layers = decode(&packet);
    let mut fragments = Fragments::default();
    fragments.apply(packet.timestamp, &mut layers);
    fragments.apply(packet.timestamp, &mut layers);
    assert!(layers.networks.len() <= MOST_LAYERS);
    assert!(layers.tunnels.len() <= 2 * MOST_LAYERS);
    assert!(layers.vlan_ids.len() <= MOST_LAYERS);
    assert!(layers.names.len() <= MOST_LAYERS * (MOST_LAYERS + 3));
    let source = Source { file_name: String::new(), file_path: String::new(), sensor: None };
    let capture = Fingerprint::of(&packet);
    let origin = Origin { capture, frame: 1, source: Arc::new(source) };
    let record = PacketRecord { stored: StoredPacket::new(packet, origin), layers };
    let document = Document::of(&record);
    for network in &record.layers.networks {
        for address in [network.source, network.destination] {
            let related = (FieldId::RelatedIp, Value::Ip(address));
            assert!(document.values().contains(&related), "a query looks there");
        }
    }
    document.write_json(&mut Vec::new());
});
