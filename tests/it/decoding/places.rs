//! Every layer stands inside its packet, behind the one before.

use pcap_archiver::decode::{decode, outline};

use super::own_captures;
use crate::support::{Sandbox, outside_captures, read_all};

#[test]
fn layers_stand_inside_their_packet_in_order() {
    let sandbox = Sandbox::embedded();
    let (mut packets, mut parts_seen) = (0, 0);
    for path in own_captures(&sandbox).into_iter().chain(outside_captures()) {
        let Ok(sniffed) = pcap_archiver::capture::CaptureReader::open(&path) else { continue };
        drop(sniffed);
        for packet in read_all(&path) {
            let (layers, parts) = outline(&packet);
            assert_eq!(layers, decode(&packet), "{}", path.display());
            let named: Vec<&str> = parts.iter().flat_map(|part| part.names.clone()).collect();
            assert_eq!(named[..], layers.names[..], "{}", path.display());
            let mut end = 0;
            for part in &parts {
                let bytes = &part.bytes;
                assert!(end <= bytes.start && bytes.start <= bytes.end, "{parts:?}");
                end = bytes.end;
            }
            assert!(end <= packet.data.len(), "{parts:?}");
            packets += 1;
            parts_seen += parts.len();
        }
    }
    assert!(packets > 1_000 && parts_seen > 3 * packets, "{packets} packets, {parts_seen} parts");
}
