//! Captures for tests, put together field by field in either byte order.

use std::io::Cursor;

use crate::capture::{CaptureReader, Report};
use crate::packet::CapturedPacket;

#[derive(Debug, Clone, Copy)]
pub(super) struct ByteOrder {
    is_big: bool,
}

pub(super) const LITTLE: ByteOrder = ByteOrder { is_big: false };
pub(super) const BIG: ByteOrder = ByteOrder { is_big: true };
pub(super) const BOTH: [ByteOrder; 2] = [LITTLE, BIG];

impl ByteOrder {
    pub(super) fn u16(self, value: u16) -> [u8; 2] {
        if self.is_big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub(super) fn u32(self, value: u32) -> [u8; 4] {
        if self.is_big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub(super) fn i64(self, value: i64) -> [u8; 8] {
        if self.is_big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub(super) fn words(self, words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| self.u32(*word)).collect()
    }
}

/// All packets, whose frame numbers must be consecutive, and the report at the end.
pub(super) fn read(bytes: &[u8]) -> (Vec<CapturedPacket>, Report) {
    let mut reader = CaptureReader::new(Cursor::new(bytes.to_vec())).unwrap();
    let mut packets = Vec::new();
    while let Some((frame, packet)) = reader.next_packet().unwrap() {
        packets.push(packet);
        assert_eq!(frame, packets.len() as u64);
    }
    assert!(reader.next_packet().unwrap().is_none());
    (packets, reader.report().clone())
}

pub(super) fn pcap_header(
    order: ByteOrder,
    magic: u32,
    (major, minor): (u16, u16),
    snap_length: u32,
    network: u32,
) -> Vec<u8> {
    let mut bytes = order.words(&[magic]);
    bytes.extend(order.u16(major));
    bytes.extend(order.u16(minor));
    bytes.extend(order.words(&[0, 0, snap_length, network]));
    bytes
}

/// `fields`: seconds, fraction, captured length, original length.
pub(super) fn record(order: ByteOrder, fields: [u32; 4], data: &[u8]) -> Vec<u8> {
    [&order.words(&fields)[..], data].concat()
}

pub(super) fn block(order: ByteOrder, block_type: u32, body: &[u8]) -> Vec<u8> {
    assert!(body.len().is_multiple_of(4));
    let length = u32::try_from(body.len() + 12).unwrap();
    [&order.words(&[block_type, length])[..], body, &order.u32(length)].concat()
}

pub(super) fn section(order: ByteOrder) -> Vec<u8> {
    section_of_version(order, (1, 0))
}

pub(super) fn section_of_version(order: ByteOrder, (major, minor): (u16, u16)) -> Vec<u8> {
    let mut body = order.words(&[0x1a2b_3c4d]);
    body.extend(order.u16(major));
    body.extend(order.u16(minor));
    body.extend(order.i64(-1));
    block(order, 0x0a0d_0d0a, &body)
}

/// Options as code and value, without an end marker.
pub(super) fn options(order: ByteOrder, options: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (code, value) in options {
        bytes.extend(order.u16(*code));
        bytes.extend(order.u16(u16::try_from(value.len()).unwrap()));
        bytes.extend(padded(value));
    }
    bytes
}

pub(super) fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut padded = bytes.to_vec();
    padded.resize(bytes.len().next_multiple_of(4), 0);
    padded
}

pub(super) fn interface(
    order: ByteOrder,
    link_type: u16,
    snap_length: u32,
    list: &[(u16, &[u8])],
) -> Vec<u8> {
    let mut body = [order.u16(link_type), order.u16(0)].concat();
    body.extend(order.u32(snap_length));
    body.extend(options(order, list));
    block(order, 1, &body)
}

pub(super) fn enhanced_packet(
    order: ByteOrder,
    interface: u32,
    time: u64,
    original_length: u32,
    data: &[u8],
    list: &[(u16, &[u8])],
) -> Vec<u8> {
    let [high, low] = [time >> 32, time & 0xffff_ffff].map(|half| u32::try_from(half).unwrap());
    let captured_length = u32::try_from(data.len()).unwrap();
    let mut body = order.words(&[interface, high, low, captured_length, original_length]);
    body.extend(padded(data));
    body.extend(options(order, list));
    block(order, 6, &body)
}

pub(super) fn simple_packet(order: ByteOrder, original_length: u32, data: &[u8]) -> Vec<u8> {
    block(order, 3, &[order.u32(original_length).to_vec(), padded(data)].concat())
}
