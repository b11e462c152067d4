//! What this program finds.

use std::path::Path;
use std::sync::Arc;

use pcap_archiver::capture::CaptureReader;
use pcap_archiver::decode::{Fragments, decode};
use pcap_archiver::document::Document;
use pcap_archiver::document::fields::FieldId;
use pcap_archiver::packet::{Fingerprint, Layers, Origin, PacketRecord, Source, StoredPacket};

/// A decoded packet.
pub struct Ours {
    record: PacketRecord,
    /// The stored fields, made once for all columns.
    stored: Vec<(FieldId, String)>,
}

impl Ours {
    pub fn layers(&self) -> &Layers {
        &self.record.layers
    }

    /// The stored values of a field, as text.
    pub fn stored(&self, field: &str) -> Vec<String> {
        let id = FieldId::named(field).unwrap_or_else(|| panic!("{field} is no stored field"));
        let values = self.stored.iter().filter(|(field, _)| *field == id);
        values.map(|(_, value)| value.clone()).collect()
    }
}

/// Every packet of a capture; or why it is no capture that this program reads.
pub fn read(path: &Path) -> Result<Vec<Ours>, String> {
    let mut reader = CaptureReader::open(path).map_err(|error| error.to_string())?;
    let source = Source { file_name: String::new(), file_path: String::new(), sensor: None };
    let source = Arc::new(source);
    let mut capture = None;
    let mut fragments = Fragments::default();
    let mut packets = Vec::new();
    while let Some((frame, packet)) = reader.next_packet().unwrap() {
        let capture = *capture.get_or_insert_with(|| Fingerprint::of(&packet));
        let mut layers = decode(&packet);
        fragments.apply(packet.timestamp, &mut layers);
        let origin = Origin { capture, frame, source: source.clone() };
        let record = PacketRecord { stored: StoredPacket::new(packet, origin), layers };
        let document = Document::of(&record);
        let stored = document.values().iter().map(|(field, value)| (*field, value.to_string()));
        let stored = stored.collect();
        packets.push(Ours { record, stored });
    }
    Ok(packets)
}
