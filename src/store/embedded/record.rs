//! A stored packet as bytes: one version byte, a header in postcard, the captured bytes.
//!
//! Id and time are not in it, since the index holds them in columns; only a time beyond what
//! the column can hold is.

use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use serde::{Deserialize, Serialize};

use crate::packet::{
    CapturedPacket, Extras, Fingerprint, Interface, LinkType, Origin, PacketId, Source,
    StoredPacket, Timestamp,
};

/// Version of the bytes.
const VERSION: u8 = 1;

/// What all packets of a file share comes first, so that neighbours compress well.
#[derive(Serialize, Deserialize)]
struct Header<'a> {
    capture: [u8; 16],
    file_name: &'a str,
    file_path: &'a str,
    sensor: Option<&'a str>,
    #[serde(borrow)]
    extras: Option<ExtrasHeader<'a>>,
    link_type: u16,
    original_length: u32,
    frame: u64,
    /// Present when [`Timestamp::indexed`] is not the very time.
    time: Option<i128>,
}

#[derive(Serialize, Deserialize)]
struct ExtrasHeader<'a> {
    #[serde(borrow)]
    interface: Option<InterfaceHeader<'a>>,
    #[serde(borrow)]
    comments: Vec<&'a str>,
    flags: Option<u32>,
    time_inherited: bool,
}

#[derive(Serialize, Deserialize)]
struct InterfaceHeader<'a> {
    id: u32,
    snap_length: u32,
    name: Option<&'a str>,
    description: Option<&'a str>,
    fcs_length: Option<u8>,
}

/// Why bytes cannot be read as a packet.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordError {
    #[error("a stored packet is empty")]
    Empty,
    #[error("a stored packet has version {0}, and this program knows version {VERSION}")]
    Version(u8),
    #[error("the header of a stored packet cannot be read: {0}")]
    Header(#[from] postcard::Error),
}

/// The packet as bytes.
pub(super) fn encode(stored: &StoredPacket) -> Result<Vec<u8>, RecordError> {
    let StoredPacket { packet, origin, .. } = stored;
    let header = Header {
        capture: origin.capture.0,
        file_name: &origin.source.file_name,
        file_path: &origin.source.file_path,
        sensor: origin.source.sensor.as_deref(),
        extras: packet.extras.as_deref().map(extras_header),
        link_type: packet.link_type.0,
        original_length: packet.original_length,
        frame: origin.frame,
        time: (!packet.timestamp.is_indexable()).then(|| packet.timestamp.nanoseconds()),
    };
    let mut bytes = Vec::with_capacity(packet.data.len() + 128);
    bytes.push(VERSION);
    let mut bytes = postcard::to_extend(&header, bytes)?;
    bytes.extend_from_slice(&packet.data);
    Ok(bytes)
}

fn extras_header(extras: &Extras) -> ExtrasHeader<'_> {
    ExtrasHeader {
        interface: extras.interface.as_deref().map(|interface| InterfaceHeader {
            id: interface.id,
            snap_length: interface.snap_length,
            name: interface.name.as_deref(),
            description: interface.description.as_deref(),
            fcs_length: interface.fcs_length,
        }),
        comments: extras.comments.iter().map(String::as_str).collect(),
        flags: extras.flags,
        time_inherited: extras.time_inherited,
    }
}

/// Reads packets; what equals that of the packet before is shared with it.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    source: Option<Arc<Source>>,
    extras: Option<Arc<Extras>>,
}

impl Decoder {
    /// The packet in `bytes`, with the id and the time that the index has for it.
    pub(super) fn decode(
        &mut self,
        mut bytes: Bytes,
        id: PacketId,
        indexed_time: i64,
    ) -> Result<StoredPacket, RecordError> {
        match bytes.first() {
            None => return Err(RecordError::Empty),
            Some(&VERSION) => {}
            Some(version) => return Err(RecordError::Version(*version)),
        }
        let (header, data): (Header<'_>, &[u8]) = postcard::take_from_bytes(&bytes[1..])?;
        let start = bytes.len() - data.len();
        let origin = Origin {
            capture: Fingerprint(header.capture),
            frame: header.frame,
            source: self.source(&header),
        };
        let extras = header.extras.as_ref().map(|extras| self.extras(extras));
        let nanoseconds = header.time.unwrap_or_else(|| indexed_time.into());
        let (link_type, original_length) = (LinkType(header.link_type), header.original_length);
        bytes.advance(start);
        let packet = CapturedPacket {
            timestamp: Timestamp::from_nanoseconds(nanoseconds),
            link_type,
            original_length,
            data: bytes,
            extras,
        };
        Ok(StoredPacket::with_id(id, packet, origin))
    }

    fn source(&mut self, header: &Header<'_>) -> Arc<Source> {
        let known = self.source.as_ref().filter(|source| {
            source.file_name == header.file_name
                && source.file_path == header.file_path
                && source.sensor.as_deref() == header.sensor
        });
        if let Some(known) = known {
            return known.clone();
        }
        let source = Arc::new(Source {
            file_name: header.file_name.to_owned(),
            file_path: header.file_path.to_owned(),
            sensor: header.sensor.map(str::to_owned),
        });
        self.source = Some(source.clone());
        source
    }

    fn extras(&mut self, header: &ExtrasHeader<'_>) -> Arc<Extras> {
        let interface = header.interface.as_ref().map(|header| self.interface(header));
        let same = |known: &&Arc<Extras>| {
            known.interface == interface
                && known.comments == header.comments
                && known.flags == header.flags
                && known.time_inherited == header.time_inherited
        };
        if let Some(known) = self.extras.as_ref().filter(same) {
            return known.clone();
        }
        let extras = Arc::new(Extras {
            interface,
            comments: header.comments.iter().map(|&comment| comment.to_owned()).collect(),
            flags: header.flags,
            time_inherited: header.time_inherited,
        });
        self.extras = Some(extras.clone());
        extras
    }

    fn interface(&self, header: &InterfaceHeader<'_>) -> Arc<Interface> {
        let known = self.extras.as_ref().and_then(|extras| extras.interface.as_ref());
        let same = |known: &&Arc<Interface>| {
            known.id == header.id
                && known.snap_length == header.snap_length
                && known.name.as_deref() == header.name
                && known.description.as_deref() == header.description
                && known.fcs_length == header.fcs_length
        };
        known.filter(same).cloned().unwrap_or_else(|| {
            Arc::new(Interface {
                id: header.id,
                snap_length: header.snap_length,
                name: header.name.map(str::to_owned),
                description: header.description.map(str::to_owned),
                fcs_length: header.fcs_length,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(nanoseconds: i128, extras: Option<Extras>) -> StoredPacket {
        let packet = CapturedPacket {
            timestamp: Timestamp::from_nanoseconds(nanoseconds),
            link_type: LinkType(65_535),
            original_length: u32::MAX,
            data: Bytes::from_static(b"bytes"),
            extras: extras.map(Arc::new),
        };
        let source = Source {
            file_name: "a.pcap".into(),
            file_path: "day/a.pcap".into(),
            sensor: Some("tap".into()),
        };
        let origin =
            Origin { capture: Fingerprint([7; 16]), frame: u64::MAX, source: Arc::new(source) };
        StoredPacket::new(packet, origin)
    }

    fn round_trip(decoder: &mut Decoder, packet: &StoredPacket) -> StoredPacket {
        let bytes = Bytes::from(encode(packet).unwrap());
        decoder.decode(bytes, packet.id(), packet.packet.timestamp.indexed()).unwrap()
    }

    #[test]
    fn every_field_comes_back() {
        let interface = Interface {
            id: 1,
            snap_length: 65_535,
            name: Some("eth0".into()),
            description: None,
            fcs_length: Some(4),
        };
        let extras = Extras {
            interface: Some(Arc::new(interface)),
            comments: vec!["one".into(), String::new()],
            flags: Some(1),
            time_inherited: true,
        };
        let mut decoder = Decoder::default();
        for packet in [
            stored(0, None),
            stored(-1, Some(Extras::default())),
            stored(i128::MAX, Some(extras.clone())),
            stored(i128::MIN, Some(extras)),
        ] {
            assert_eq!(round_trip(&mut decoder, &packet), packet);
        }
    }

    #[test]
    fn what_is_equal_is_shared() {
        let packet = stored(1, Some(Extras { flags: Some(1), ..Extras::default() }));
        let mut decoder = Decoder::default();
        let (one, other) = (round_trip(&mut decoder, &packet), round_trip(&mut decoder, &packet));
        assert!(Arc::ptr_eq(&one.origin.source, &other.origin.source));
        assert!(Arc::ptr_eq(&one.packet.extras.unwrap(), &other.packet.extras.unwrap()));
    }

    #[test]
    fn a_time_that_the_index_holds_is_not_stored_twice() {
        let late = encode(&stored(i128::MAX, None)).unwrap();
        let usual = encode(&stored(1_700_000_000_000_000_000, None)).unwrap();
        assert!(usual.len() + 16 <= late.len(), "{} {}", usual.len(), late.len());
    }

    #[test]
    fn damaged_bytes_are_an_error() {
        let id = PacketId([0; 16]);
        let mut decoder = Decoder::default();
        let mut decode = |bytes: &'static [u8]| decoder.decode(Bytes::from_static(bytes), id, 0);
        assert!(matches!(decode(b""), Err(RecordError::Empty)));
        assert!(matches!(decode(b"\x02rest"), Err(RecordError::Version(2))));
        assert!(matches!(decode(b"\x01short"), Err(RecordError::Header(_))));
    }

    /// The bytes on disk must not change under a version.
    #[test]
    fn bytes_are_pinned() {
        let mut packet = stored(5, None);
        packet.packet.original_length = 300;
        packet.origin.frame = 2;
        let bytes = encode(&packet).unwrap();
        let mut expected = vec![1];
        expected.extend([7; 16]);
        expected
            .extend(b"\x06a.pcap\x0aday/a.pcap\x01\x03tap\x00\xff\xff\x03\xac\x02\x02\x00bytes");
        assert_eq!(bytes, expected);
    }
}
