use std::collections::BTreeSet;

use crate::document::fields::FieldId;
use crate::document::{Document, Value, sequence};
use crate::packet::{PacketRecord, Timestamp};
use crate::store::pushdown::Answering;

/// What a stretch can be found by: the values of all its packets, each once, and what it is as a
/// whole. `packed` are its packets; `payload`: with the terms that find their text.
pub(in crate::store) fn document<'a>(
    records: &[&'a PacketRecord],
    packed: &'a [u8],
    payload: bool,
) -> Document<'a> {
    let mut document = Document::of_several(records, is_of_packets);
    if payload {
        let texts: Vec<String> = records
            .iter()
            .map(|record| crate::document::payload::terms(&record.stored.packet.data))
            .collect();
        let terms: BTreeSet<&str> = texts.iter().flat_map(|text| text.split(' ')).collect();
        let terms: Vec<&str> = terms.into_iter().collect();
        document.set(FieldId::PacketPayloadTerms, Value::Text(terms.join(" ").into()));
    }
    add_whole(&mut document, records);
    document.set(FieldId::PacketData, Value::Bytes(packed));
    document
}

/// Which field answers for `field`: some tell something of the stretch, and not of each packet.
pub(in crate::store) fn answering(
    field: FieldId,
    of_packets: fn(FieldId) -> Answering,
) -> Answering {
    match field {
        FieldId::EventSequence | FieldId::PacketCapturedLength => Answering::Nothing,
        FieldId::NetworkBytes => Answering::Other(FieldId::PacketLength),
        field => of_packets(field),
    }
}

/// Whether a field finds packets by what one of them has. Others say something of the stretch, or
/// are only kept, and then they stand with the packets.
fn is_of_packets(field: FieldId) -> bool {
    let is_of_the_whole = matches!(
        field,
        FieldId::Timestamp
            | FieldId::EventSequence
            | FieldId::NetworkBytes
            | FieldId::PacketCapturedLength
    );
    field.field().indexed && !is_of_the_whole
}

fn add_whole(document: &mut Document<'_>, records: &[&PacketRecord]) {
    let packets = || records.iter().map(|record| &record.stored);
    let times = || packets().map(|stored| stored.packet.timestamp.indexed());
    let (first, last) = (times().min().unwrap_or_default(), times().max().unwrap_or_default());
    let time = |nanoseconds: i64| Value::Time(Timestamp::from_nanoseconds(nanoseconds.into()));
    let frame = packets().map(|stored| sequence(stored.origin.frame)).min().unwrap_or_default();
    let sum = |length: fn(&PacketRecord) -> u32| {
        Value::Number(records.iter().map(|record| i64::from(length(record))).sum())
    };
    document.set(FieldId::Timestamp, time(first));
    document.set(FieldId::EventEnd, time(last));
    document.set(FieldId::EventDuration, Value::Number(last - first));
    document.set(FieldId::EventSequence, Value::Number(frame));
    document.set(FieldId::NetworkBytes, sum(|record| record.stored.packet.original_length));
    let packets = i64::try_from(records.len()).unwrap_or(i64::MAX);
    document.set(FieldId::NetworkPackets, Value::Number(packets));
    let captured = sum(|record| record.stored.packet.captured_length());
    document.set(FieldId::PacketCapturedLength, captured);
}
