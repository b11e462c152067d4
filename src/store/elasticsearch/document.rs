//! A found document → the packet that was stored. The way in is
//! [`crate::document::Document`].

use std::borrow::Cow;
use std::sync::Arc;

use base64_simd::STANDARD;
use bytes::Bytes;
use serde::Deserialize;

use crate::packet::{
    CapturedPacket, Extras, Fingerprint, Interface, LinkType, Origin, PacketId, Source,
    StoredPacket, Timestamp,
};
use crate::store::flows::Unpacker;

/// `_source`, as far as a packet is made of it.
#[derive(Debug, Deserialize)]
pub(super) struct SourceFields<'a> {
    #[serde(rename = "@timestamp", borrow)]
    timestamp: Cow<'a, str>,
    event: EventFields,
    #[serde(borrow)]
    file: FileFields<'a>,
    #[serde(default, borrow)]
    observer: ObserverFields<'a>,
    #[serde(borrow)]
    packet: PacketFields<'a>,
}

#[derive(Debug, Deserialize)]
struct EventFields {
    sequence: i64,
}

#[derive(Debug, Deserialize)]
struct FileFields<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    path: Cow<'a, str>,
}

#[derive(Debug, Deserialize, Default)]
struct ObserverFields<'a> {
    #[serde(default)]
    name: Option<String>,
    #[serde(default, borrow)]
    ingress: Option<IngressFields<'a>>,
}

#[derive(Debug, Deserialize)]
struct IngressFields<'a> {
    #[serde(borrow)]
    interface: InterfaceNames<'a>,
}

#[derive(Debug, Deserialize)]
struct InterfaceNames<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct PacketFields<'a> {
    #[serde(borrow)]
    capture: Cow<'a, str>,
    #[serde(borrow)]
    data: Cow<'a, str>,
    length: u32,
    link_type: u16,
    #[serde(default)]
    comment: Vec<String>,
    #[serde(default)]
    flags: Option<u32>,
    #[serde(default)]
    interface: InterfaceFields,
    #[serde(default, borrow)]
    time: Option<Cow<'a, str>>,
    #[serde(default)]
    time_inherited: bool,
}

#[derive(Debug, Deserialize, Default)]
struct InterfaceFields {
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    fcs_length: Option<u8>,
    #[serde(default)]
    snap_length: u32,
}

/// `_source` of a stretch of packets, as far as they are made of it.
#[derive(Debug, Deserialize)]
pub(super) struct StretchFields<'a> {
    #[serde(borrow)]
    packet: StretchPackets<'a>,
}

#[derive(Debug, Deserialize)]
struct StretchPackets<'a> {
    #[serde(borrow)]
    data: Cow<'a, str>,
}

impl StretchFields<'_> {
    /// The packets that were stored as this document, or what is wrong with it.
    pub(super) fn packets(&self, unpacker: &mut Unpacker) -> Result<Vec<StoredPacket>, String> {
        let packed = STANDARD.decode_to_vec(self.packet.data.as_bytes());
        let packed = packed.map_err(|_| "packet.data is not base64".to_owned())?;
        unpacker.unpack(&packed).map_err(|error| error.to_string())
    }
}

/// Makes packets of documents. Neighbours mostly share their file and interface, and then share
/// the memory too.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    source: Option<Arc<Source>>,
    extras: Option<Arc<Extras>>,
}

impl Decoder {
    /// The packet that was stored as this document, or what is wrong with the document.
    pub(super) fn packet(
        &mut self,
        id: &str,
        fields: SourceFields<'_>,
    ) -> Result<StoredPacket, &'static str> {
        let packet = fields.packet;
        let captured = CapturedPacket {
            timestamp: timestamp(packet.time.as_deref(), &fields.timestamp)?,
            link_type: LinkType(packet.link_type),
            original_length: packet.length,
            data: STANDARD
                .decode_to_vec(packet.data.as_bytes())
                .map(Bytes::from)
                .map_err(|_| "packet.data is not base64")?,
            extras: None,
        };
        let origin = Origin {
            capture: Fingerprint::parse(&packet.capture)
                .ok_or("packet.capture is no fingerprint")?,
            frame: u64::try_from(fields.event.sequence)
                .map_err(|_| "event.sequence is negative")?,
            source: self.source(&fields.file, fields.observer.name),
        };
        let interface = match fields.observer.ingress {
            Some(ingress) => Some(Interface {
                id: (ingress.interface.id.parse())
                    .map_err(|_| "observer.ingress.interface.id is no number")?,
                name: ingress.interface.name,
                description: packet.interface.description,
                fcs_length: packet.interface.fcs_length,
                snap_length: packet.interface.snap_length,
            }),
            None => None,
        };
        let extras = Extras {
            interface: interface.map(Arc::new),
            comments: packet.comment,
            flags: packet.flags,
            time_inherited: packet.time_inherited,
        };
        let id = PacketId::parse(id).ok_or("its _id is no packet id")?;
        let packet = CapturedPacket { extras: self.extras(extras), ..captured };
        Ok(StoredPacket::with_id(id, packet, origin))
    }

    fn source(&mut self, file: &FileFields<'_>, sensor: Option<String>) -> Arc<Source> {
        if let Some(last) = &self.source
            && last.file_name == file.name
            && last.file_path == file.path
            && last.sensor == sensor
        {
            return last.clone();
        }
        let source = Arc::new(Source {
            file_name: file.name.clone().into_owned(),
            file_path: file.path.clone().into_owned(),
            sensor,
        });
        self.source.insert(source).clone()
    }

    fn extras(&mut self, extras: Extras) -> Option<Arc<Extras>> {
        if extras == Extras::default() {
            return None;
        }
        match &self.extras {
            Some(last) if **last == extras => Some(last.clone()),
            _ => Some(self.extras.insert(Arc::new(extras)).clone()),
        }
    }
}

/// `packet.time` when `@timestamp` could not hold the time.
fn timestamp(exact: Option<&str>, indexed: &str) -> Result<Timestamp, &'static str> {
    let nanoseconds = match exact {
        Some(exact) => exact.parse().map_err(|_| "packet.time is no number")?,
        None => {
            indexed.parse::<jiff::Timestamp>().map_err(|_| "@timestamp is no time")?.as_nanosecond()
        }
    };
    Ok(Timestamp::from_nanoseconds(nanoseconds))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::document::Document;
    use crate::packet::{Layers, PacketRecord};

    fn decoded(source: &str) -> Result<StoredPacket, String> {
        let fields = serde_json::from_str(source).map_err(|error| error.to_string())?;
        let id = "o95Rshl6mwfYjI9S6ll9ug";
        Decoder::default().packet(id, fields).map_err(str::to_owned)
    }

    fn stored(extras: Option<Extras>, nanoseconds: i128) -> StoredPacket {
        let packet = CapturedPacket {
            timestamp: Timestamp::from_nanoseconds(nanoseconds),
            link_type: LinkType(u16::MAX),
            original_length: u32::MAX,
            data: Bytes::from_static(b"\x00\xff packet"),
            extras: extras.map(Arc::new),
        };
        let source = Source {
            file_name: "a \"b\" \u{1f980}".into(),
            file_path: "x/a\n".into(),
            sensor: extras_sensor(nanoseconds),
        };
        let origin = Origin { capture: Fingerprint([7; 16]), frame: 9, source: Arc::new(source) };
        StoredPacket::new(packet, origin)
    }

    fn extras_sensor(nanoseconds: i128) -> Option<String> {
        (nanoseconds > 0).then(|| "tap".to_owned())
    }

    #[test]
    fn what_was_written_comes_back() {
        let interface = Interface {
            id: 3,
            snap_length: 65_535,
            name: Some("eth0".into()),
            description: Some("uplink \"1\"".into()),
            fcs_length: Some(4),
        };
        let bare =
            Interface { id: 0, snap_length: 0, name: None, description: None, fcs_length: None };
        let full = Extras {
            interface: Some(Arc::new(interface)),
            comments: vec!["one".into(), String::new()],
            flags: Some(u32::MAX),
            time_inherited: true,
        };
        let with_bare = Extras { interface: Some(Arc::new(bare)), ..Extras::default() };
        for (extras, nanoseconds) in [
            (None, 1_700_000_000_123_456_789),
            (None, -1),
            (None, i128::from(i64::MAX) * 1_000),
            (Some(full), 1),
            (Some(with_bare), 0),
        ] {
            let stored = stored(extras, nanoseconds);
            let record = PacketRecord { stored: stored.clone(), layers: Layers::default() };
            let mut json = Vec::new();
            Document::of(&record).write_json(&mut json);
            let fields = serde_json::from_slice(&json).unwrap();
            let found = Decoder::default().packet(&stored.id().to_string(), fields).unwrap();
            assert_eq!(found, stored);
        }
    }

    #[test]
    fn a_damaged_document_is_an_error_and_no_panic() {
        let good = json!({
            "@timestamp": "2023-11-14T22:13:20.000000001Z",
            "event": { "sequence": 1 },
            "file": { "name": "a", "path": "a" },
            "packet": { "capture": Fingerprint([7; 16]).to_string(), "data": "YWI=",
                "length": 2, "link_type": 1 },
        });
        assert!(decoded(&good.to_string()).is_ok());
        for (pointer, value) in [
            ("/@timestamp", json!("yesterday")),
            ("/event/sequence", json!(-1)),
            ("/packet/data", json!("a")),
            ("/packet/capture", json!("short")),
            ("/packet/link_type", json!(65_536)),
            ("/packet", json!({})),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(pointer).unwrap() = value;
            assert!(decoded(&bad.to_string()).is_err(), "{pointer}");
        }
    }
}
