use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;

use crate::decode::decode;
use crate::packet::{
    CapturedPacket, Fingerprint, LinkType, Origin, PacketRecord, Source, StoredPacket, Timestamp,
};

/// Makes the records of one capture, in frame order.
#[derive(Debug)]
pub struct CaptureBuilder {
    source: Arc<Source>,
    capture: Option<Fingerprint>,
    records: Vec<PacketRecord>,
}

impl CaptureBuilder {
    /// An empty capture with this file name.
    #[must_use]
    pub fn new(file_name: &str) -> Self {
        let source = Source {
            file_name: file_name.to_owned(),
            file_path: format!("captures/{file_name}"),
            sensor: Some("test-sensor".to_owned()),
        };
        Self { source: Arc::new(source), capture: None, records: Vec::new() }
    }

    /// Adds a packet that was captured whole.
    #[must_use]
    pub fn packet(self, nanoseconds: i128, link_type: LinkType, data: Vec<u8>) -> Self {
        self.captured(CapturedPacket {
            timestamp: Timestamp::from_nanoseconds(nanoseconds),
            link_type,
            original_length: u32::try_from(data.len()).unwrap_or(u32::MAX),
            data: Bytes::from(data),
            extras: None,
        })
    }

    /// Adds a packet.
    #[must_use]
    pub fn captured(mut self, packet: CapturedPacket) -> Self {
        let capture = *self.capture.get_or_insert_with(|| Fingerprint::of(&packet));
        let frame = self.records.len() as u64 + 1;
        let layers = decode(&packet);
        let origin = Origin { capture, frame, source: self.source.clone() };
        self.records.push(PacketRecord { stored: StoredPacket::new(packet, origin), layers });
        self
    }

    /// The records.
    #[must_use]
    pub fn records(self) -> Arc<Vec<PacketRecord>> {
        Arc::new(self.records)
    }
}

/// An Ethernet frame with a UDP datagram.
#[must_use]
pub fn udp_frame(source: SocketAddr, destination: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap_or(u16::MAX);
    let mut segment = Vec::new();
    segment.extend(source.port().to_be_bytes());
    segment.extend(destination.port().to_be_bytes());
    segment.extend(length.to_be_bytes());
    segment.extend([0, 0]);
    segment.extend(payload);
    ip_frame(source.ip(), destination.ip(), 17, &segment)
}

/// An Ethernet frame with a TCP segment that has ACK and PSH set.
#[must_use]
pub fn tcp_frame(source: SocketAddr, destination: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let mut segment = Vec::new();
    segment.extend(source.port().to_be_bytes());
    segment.extend(destination.port().to_be_bytes());
    segment.extend([0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend(payload);
    ip_frame(source.ip(), destination.ip(), 6, &segment)
}

/// Addresses of different families cannot stand in one header.
fn ip_frame(source: IpAddr, destination: IpAddr, protocol: u8, segment: &[u8]) -> Vec<u8> {
    let length = u16::try_from(segment.len()).unwrap_or(u16::MAX);
    let mut frame = vec![0x00, 0x00, 0x5e, 0x00, 0x53, 0x01, 0x00, 0x00, 0x5e, 0x00, 0x53, 0x02];
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            frame.extend([0x08, 0x00, 0x45, 0]);
            frame.extend((20 + length).to_be_bytes());
            frame.extend([0, 1, 0, 0, 64, protocol, 0, 0]);
            frame.extend(source.octets());
            frame.extend(destination.octets());
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            frame.extend(length.to_be_bytes());
            frame.extend([protocol, 64]);
            frame.extend(source.octets());
            frame.extend(destination.octets());
        }
        _ => panic!("{source} and {destination} are of different families"),
    }
    frame.extend(segment);
    frame
}
