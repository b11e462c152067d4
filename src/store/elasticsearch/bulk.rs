//! Batches of packets → bulk requests, and their answers read packet by packet.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde::Deserialize;

use super::answer::{Cause, Refusal};
use super::partition::{Partitions, Period};
use crate::document::Document;
use crate::document::fields::FieldId;
use crate::packet::{PacketRecord, Timestamp};
use crate::store::flows::{self, PackError, Packer};
use crate::store::{Layout, StoreErrorKind};

/// Elastic's advice is 5 to 15 MB; the server's own limit is 100 MB.
const BODY_BYTES: usize = 6 << 20;
/// Everything of a document but the packet's bytes and comments, with its action line.
const DOCUMENT_OVERHEAD: usize = 1_200;

/// Where to send bulk requests: only what is needed of the answer comes back.
pub(super) const PATH: &str = "_bulk?filter_path=items.*.status,items.*.error.type,\
    items.*.error.reason,items.*.error.caused_by";

/// How much of a packet is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Everything that is known of it.
    Full,
    /// Only what is needed to give it back, after the full document was refused.
    Minimal,
}

/// A bulk request.
#[derive(Debug)]
pub(super) struct Body {
    /// Newline-delimited JSON.
    pub(super) lines: Bytes,
    /// The indices it writes to.
    pub(super) indices: BTreeSet<String>,
}

/// Packets that make one document, by their places in the batch.
pub(super) type Unit = Vec<usize>;

/// What documents a batch makes, in bodies of about [`BODY_BYTES`], with terms of the payload or
/// without. They are not written yet.
pub(super) fn cut(
    batch: &[PacketRecord],
    layout: Layout,
    payload: bool,
    partitions: &Partitions,
) -> Vec<Vec<Unit>> {
    let units = match layout {
        Layout::Singles => (0..batch.len()).map(|position| vec![position]).collect(),
        Layout::Flows => flows::cut(batch, |time| partitions.period_of(time).time),
    };
    let mut bodies: Vec<Vec<Unit>> = Vec::new();
    let mut bytes = 0;
    for unit in units {
        let of_packets = unit.iter().map(|position| &batch[*position]);
        let estimate = estimated_bytes(of_packets, layout, payload);
        match bodies.last_mut() {
            Some(body) if bytes + estimate <= BODY_BYTES => body.push(unit),
            _ => {
                bodies.push(vec![unit]);
                bytes = 0;
            }
        }
        bytes += estimate;
    }
    bodies
}

fn estimated_bytes<'a>(
    records: impl Iterator<Item = &'a PacketRecord>,
    layout: Layout,
    payload: bool,
) -> usize {
    let of_packets = records.map(|record| {
        let packet = &record.stored.packet;
        let comments: usize = packet.comments().iter().map(String::len).sum();
        // Mostly a packet's bytes are text in a small part; where they all are, it is four times
        // that.
        let terms = if payload { packet.data.len() } else { 0 };
        packet.data.len().div_ceil(3) * 4 + terms + comments + DOCUMENT_OVERHEAD
    });
    match layout {
        Layout::Singles => of_packets.sum(),
        // Packed, and with few words for each packet.
        Layout::Flows => of_packets.sum::<usize>() / 2,
    }
}

/// The indices of the documents that `units` make.
pub(super) fn indices(
    batch: &[PacketRecord],
    units: &[Unit],
    partitions: &Partitions,
) -> BTreeSet<String> {
    let mut periods: Vec<Period> = Vec::new();
    for time in units.iter().filter_map(|unit| first_time(batch, unit)) {
        if !periods.iter().any(|period| period.time.contains(&time.indexed().into())) {
            periods.push(partitions.period_of(time));
        }
    }
    periods.into_iter().map(|period| period.index).collect()
}

/// A unit never crosses partitions.
fn first_time(batch: &[PacketRecord], unit: &Unit) -> Option<Timestamp> {
    let first = unit.first().and_then(|position| batch.get(*position));
    first.map(|record| record.stored.packet.timestamp)
}

/// Writes the documents that `units` of `batch` make into `lines`, with terms of the payload for
/// the indices `with_payload`.
pub(super) fn encode(
    mut lines: Vec<u8>,
    batch: &[PacketRecord],
    units: &[Unit],
    layout: Layout,
    form: Form,
    partitions: &Partitions,
    with_payload: &BTreeSet<String>,
) -> Result<Body, PackError> {
    let payload = !with_payload.is_empty();
    let positions = units.iter().flatten();
    let records = positions.filter_map(|position| batch.get(*position));
    lines.reserve(estimated_bytes(records, layout, payload));
    let mut indices = BTreeSet::new();
    let mut period: Option<Period> = None;
    let mut packer = Packer::new()?;
    for unit in units {
        let Some(time) = first_time(batch, unit) else { continue };
        let current = match period.take() {
            Some(period) if period.time.contains(&time.indexed().into()) => period,
            _ => {
                let period = partitions.period_of(time);
                indices.insert(period.index.clone());
                period
            }
        };
        let payload = with_payload.contains(&current.index);
        let records: Vec<&PacketRecord> =
            unit.iter().filter_map(|position| batch.get(*position)).collect();
        match layout {
            Layout::Singles => {
                for record in records {
                    write_action(&mut lines, &current.index, &record.stored.id().to_string());
                    reduced(of_packet(record, payload), form).write_json(&mut lines);
                }
            }
            Layout::Flows => {
                let id = flows::id(records.iter().copied());
                write_action(&mut lines, &current.index, &id.to_string());
                let bytes = packer.pack(&records)?;
                let document = flows::document(&records, &bytes, payload);
                reduced(document, form).write_json(&mut lines);
            }
        }
        lines.push(b'\n');
        period = Some(current);
    }
    Ok(Body { lines: Bytes::from(lines), indices })
}

/// Neither index names nor ids have characters to escape.
fn write_action(lines: &mut Vec<u8>, index: &str, id: &str) {
    for part in [r#"{"create":{"_index":""#, index, r#"","_id":""#, id, "\"}}\n"] {
        lines.extend_from_slice(part.as_bytes());
    }
}

fn of_packet(record: &PacketRecord, payload: bool) -> Document<'_> {
    if payload { Document::with_payload_terms(record) } else { Document::of(record) }
}

fn reduced(mut document: Document<'_>, form: Form) -> Document<'_> {
    if form == Form::Minimal {
        for field in FieldId::ALL.iter().filter(|field| !is_essential(**field)) {
            document.remove(*field);
        }
    }
    document
}

/// Whether a packet cannot be given back, or found at all, without this field.
fn is_essential(field: FieldId) -> bool {
    let name = field.field().name;
    matches!(field, FieldId::Timestamp | FieldId::NetworkPackets)
        || ["packet.", "event.", "file.", "observer."].iter().any(|group| name.starts_with(group))
}

/// The answer to a bulk request.
#[derive(Debug, Deserialize)]
pub(super) struct Reply {
    /// One for each line, in order.
    #[serde(default)]
    pub(super) items: Vec<Item>,
}

/// The answer for one document.
#[derive(Debug, Deserialize)]
pub(super) struct Item {
    create: ItemResult,
}

#[derive(Debug, Deserialize)]
struct ItemResult {
    status: u16,
    #[serde(default)]
    error: Option<Cause>,
}

/// What became of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is new.
    Stored,
    /// It was there already.
    Duplicate,
    /// The server is too busy for it now.
    Busy(String),
    /// This document is refused; others are not.
    Refused(String),
    /// Nothing can be stored, whatever the document.
    Failed(Refusal),
}

impl Item {
    /// What it means.
    pub(super) fn verdict(self) -> Verdict {
        let status = self.create.status;
        match status {
            200..300 => return Verdict::Stored,
            409 => return Verdict::Duplicate,
            _ => {}
        }
        let refusal = Refusal::of(status, self.create.error.unwrap_or_default());
        let is_about_the_document = (400..500).contains(&status);
        match refusal.kind() {
            StoreErrorKind::Other if is_about_the_document => Verdict::Refused(refusal.reason),
            // Another error within the server says nothing about the document.
            StoreErrorKind::Busy | StoreErrorKind::Other => Verdict::Busy(refusal.reason),
            _ => Verdict::Failed(refusal),
        }
    }
}

/// Documents which the mapping refuses, for every shard of `index`.
///
/// A bulk request refreshes each shard it touches, also when it stores nothing there; that is
/// how a key without the right to refresh can make packets visible, and without writing
/// anything. The shard follows from the id by a hash: with 64 ids for each shard, one is left
/// out once in 10^27 times.
pub(super) fn write_nudges(lines: &mut Vec<u8>, index: &str, shards: u32) -> usize {
    let count = if shards == 1 { 1 } else { shards as usize * 64 };
    for number in 0..count {
        write_action(lines, index, &format!("refresh-{number}"));
        lines.extend_from_slice(b"{\"@timestamp\":\"refresh\"}\n");
    }
    count
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::document::Decoder;
    use super::*;
    use crate::packet::{
        CapturedPacket, Extras, Fingerprint, Interface, Layers, LinkType, NetworkKind,
        NetworkLayer, Origin, Source, StoredPacket,
    };
    use crate::store::Partition;

    fn verdicts(reply: &str) -> Vec<Verdict> {
        let reply: Reply = serde_json::from_str(reply).unwrap();
        reply.items.into_iter().map(Item::verdict).collect()
    }

    fn one(status: u16, name: &str, reason: &str) -> Verdict {
        let reply = format!(
            r#"{{"items":[{{"create":{{"status":{status},"error":{{"type":"{name}","reason":"{reason}"}}}}}}]}}"#
        );
        verdicts(&reply).remove(0)
    }

    #[test]
    fn a_mixed_answer_is_read_document_by_document() {
        let verdicts = verdicts(
            r#"{"items":[
                {"create":{"status":201}},
                {"create":{"status":409,"error":{"type":"version_conflict_engine_exception",
                    "reason":"[x]: version conflict, document already exists (current version [1])"}}},
                {"create":{"status":429,"error":{"type":"es_rejected_execution_exception",
                    "reason":"rejected execution of coordinating operation"}}},
                {"create":{"status":400,"error":{"type":"document_parsing_exception",
                    "reason":"[1:15] failed to parse field [@timestamp]",
                    "caused_by":{"type":"illegal_argument_exception","reason":"no date",
                    "caused_by":{"type":"date_time_parse_exception","reason":"all parsers failed"}}}}},
                {"create":{"status":503,"error":{"type":"unavailable_shards_exception",
                    "reason":"primary shard is not active"}}}
            ]}"#,
        );
        let refused = "[1:15] failed to parse field [@timestamp]: all parsers failed".to_owned();
        assert_eq!(
            verdicts,
            [
                Verdict::Stored,
                Verdict::Duplicate,
                Verdict::Busy("rejected execution of coordinating operation".to_owned()),
                Verdict::Refused(refused),
                Verdict::Busy("primary shard is not active".to_owned()),
            ]
        );
    }

    #[test]
    fn no_room_is_nobodys_fault() {
        for (status, name, reason) in [
            (
                400,
                "validation_exception",
                "Validation Failed: 1: this action would add [2] shards, but this cluster \
                 currently has [1000]/[1000] maximum normal shards open;",
            ),
            (
                429,
                "cluster_block_exception",
                "index [pcap-singles-2015.03] blocked by: [TOO_MANY_REQUESTS/12/disk usage \
                 exceeded flood-stage watermark, index has read-only-allow-delete block];",
            ),
            (403, "cluster_block_exception", "blocked by: [FORBIDDEN/8/index write (api)];"),
        ] {
            let Verdict::Failed(refusal) = one(status, name, reason) else { panic!("{reason}") };
            assert_eq!(refusal.kind(), StoreErrorKind::Full, "{reason}");
        }
    }

    #[test]
    fn a_starting_cluster_is_waited_for() {
        let reason = "blocked by: [SERVICE_UNAVAILABLE/1/state not recovered / initialized];";
        assert_eq!(one(503, "cluster_block_exception", reason), Verdict::Busy(reason.to_owned()));
        assert_eq!(one(500, "exception", "x"), Verdict::Busy("x".to_owned()));
        assert_eq!(one(502, "exception", "x"), Verdict::Busy("x".to_owned()));
    }

    #[test]
    fn a_missing_right_fails_the_batch() {
        let Verdict::Failed(refusal) = one(403, "security_exception", "unauthorized") else {
            panic!("a right is missing")
        };
        assert_eq!(refusal.kind(), StoreErrorKind::Forbidden);
    }

    #[test]
    fn a_minimal_document_still_gives_the_packet_back() {
        let stored = StoredPacket::new(packet(), origin());
        let network = NetworkLayer {
            kind: NetworkKind::Ipv4,
            source: "192.0.2.1".parse().unwrap(),
            destination: "192.0.2.2".parse().unwrap(),
            next_header: 6,
            protocol: 6,
            fragment: None,
            transport: None,
        };
        let layers = Layers { networks: [network].into(), ..Layers::default() };
        let records = [PacketRecord { stored: stored.clone(), layers }];
        let set_up = Timestamp::from_nanoseconds(0);
        let partitions = Partitions { prefix: "p".to_owned(), partition: Partition::Day, set_up };
        let units = cut(&records, Layout::Singles, false, &partitions).remove(0);
        for (form, has_address) in [(Form::Full, true), (Form::Minimal, false)] {
            let none = BTreeSet::new();
            let body =
                encode(Vec::new(), &records, &units, Layout::Singles, form, &partitions, &none)
                    .unwrap();
            let lines = std::str::from_utf8(&body.lines).unwrap();
            let (action, document) = lines.split_once('\n').unwrap();
            let create = r#"{"create":{"_index":"p-2023.11.14","_id":""#;
            assert_eq!(action, format!("{create}{}\"}}}}", stored.id()));
            assert_eq!(document.contains("192.0.2.1"), has_address, "{form:?}");
            let fields = serde_json::from_str(document).unwrap();
            let found = Decoder::default().packet(&stored.id().to_string(), fields).unwrap();
            assert_eq!(found, stored, "{form:?}");
        }
    }

    fn packet() -> CapturedPacket {
        let interface = Interface {
            id: 1,
            snap_length: 65_535,
            name: Some("eth0".into()),
            description: Some("uplink".into()),
            fcs_length: Some(4),
        };
        let extras = Extras {
            interface: Some(Arc::new(interface)),
            comments: vec!["a comment".into()],
            flags: Some(1),
            time_inherited: true,
        };
        CapturedPacket {
            timestamp: Timestamp::from_nanoseconds(1_700_000_000_000_000_001),
            link_type: LinkType::ETHERNET,
            original_length: 60,
            data: Bytes::from_static(b"bytes"),
            extras: Some(Arc::new(extras)),
        }
    }

    fn origin() -> Origin {
        let source = Source {
            file_name: "a.pcap".into(),
            file_path: "x/a.pcap".into(),
            sensor: Some("tap".into()),
        };
        Origin { capture: Fingerprint([7; 16]), frame: 3, source: Arc::new(source) }
    }

    #[test]
    fn bodies_are_cut_by_bytes_and_hold_at_least_one_packet() {
        let record = |length: usize| {
            let packet = CapturedPacket { data: vec![0; length].into(), ..packet() };
            PacketRecord { stored: StoredPacket::new(packet, origin()), layers: Layers::default() }
        };
        let set_up = Timestamp::from_nanoseconds(0);
        let partitions = Partitions { prefix: "p".to_owned(), partition: Partition::Day, set_up };
        let cut = |batch: &[PacketRecord]| -> Vec<usize> {
            let bodies = cut(batch, Layout::Singles, false, &partitions);
            bodies.iter().map(Vec::len).collect()
        };
        assert!(cut(&[]).is_empty());
        let jumbo = BODY_BYTES;
        let batch: Vec<PacketRecord> = [60, 60, jumbo, 60, jumbo].into_iter().map(record).collect();
        assert_eq!(cut(&batch), [2, 1, 1, 1]);
    }
}
