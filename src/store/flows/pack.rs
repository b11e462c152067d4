use std::io;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use zstd::bulk::{Compressor, Decompressor};

use crate::packet::{
    CapturedPacket, Extras, Fingerprint, LinkType, Origin, PacketRecord, Source, StoredPacket,
    Timestamp,
};

/// Version of the bytes, which stands before them.
const VERSION: u8 = 1;
/// zstd's level. Its own default, 3, takes a sixth more of the time of a whole ingest, and stretches
/// are a twentieth smaller; where Elasticsearch compresses them again, they are not.
const LEVEL: i32 = -1;

/// The packets of a stretch but for their captured bytes, which follow one behind the other.
#[derive(Serialize, Deserialize)]
struct Head {
    capture: [u8; 16],
    sources: Vec<Arc<Source>>,
    extras: Vec<Arc<Extras>>,
    packets: Vec<Packet>,
}

#[derive(Serialize, Deserialize)]
struct Packet {
    /// Since the packet before it, in nanoseconds; of the first, since 1970.
    time: i128,
    /// Since the packet before it.
    frame: i128,
    link_type: u16,
    original_length: u32,
    captured_length: u32,
    /// Its place in `sources`.
    source: u32,
    /// Its place in `extras`, and one more; 0 for none.
    extras: u32,
}

/// Why bytes cannot be read as packets.
#[derive(Debug, thiserror::Error)]
pub(in crate::store) enum PackError {
    #[error("a stretch of packets is shorter than its own head")]
    Short,
    #[error("a stretch of packets has version {0}, and this program knows version {VERSION}")]
    Version(u8),
    #[error("a stretch of packets cannot be read: {0}")]
    Head(#[from] postcard::Error),
    #[error("a stretch of packets cannot be compressed or decompressed: {0}")]
    Compression(#[from] io::Error),
}

/// Packs stretches, one after the other.
pub(in crate::store) struct Packer {
    compressor: Compressor<'static>,
    plain: Vec<u8>,
    compressed: Vec<u8>,
}

impl Packer {
    pub(in crate::store) fn new() -> Result<Self, PackError> {
        let mut compressor = Compressor::new(LEVEL)?;
        // Damage must not pass for what was captured.
        compressor.include_checksum(true)?;
        Ok(Self { compressor, plain: Vec::new(), compressed: Vec::new() })
    }

    /// Packets of one capture as bytes.
    pub(in crate::store) fn pack(
        &mut self,
        records: &[&PacketRecord],
    ) -> Result<Vec<u8>, PackError> {
        self.plain.clear();
        let plain = postcard::to_extend(&head(records), std::mem::take(&mut self.plain))?;
        self.plain = plain;
        for record in records {
            self.plain.extend_from_slice(&record.stored.packet.data);
        }
        let length = u64::try_from(self.plain.len()).unwrap_or(u64::MAX);
        self.compressed.clear();
        self.compressed.reserve(zstd::zstd_safe::compress_bound(self.plain.len()));
        self.compressor.compress_to_buffer(&self.plain, &mut self.compressed)?;
        let mut packed = Vec::with_capacity(16 + self.compressed.len());
        packed.push(VERSION);
        packed.extend_from_slice(&length.to_le_bytes());
        packed.extend_from_slice(&self.compressed);
        Ok(packed)
    }
}

fn head(records: &[&PacketRecord]) -> Head {
    let (mut sources, mut extras) = (Table(Vec::new()), Table(Vec::new()));
    let (mut time, mut frame) = (0, 0);
    let packets = records.iter().map(|record| {
        let StoredPacket { packet, origin, .. } = &record.stored;
        let (now, number) = (packet.timestamp.nanoseconds(), i128::from(origin.frame));
        Packet {
            // Times of damaged captures may lie farther apart than there are numbers.
            time: now.wrapping_sub(std::mem::replace(&mut time, now)),
            frame: number - std::mem::replace(&mut frame, number),
            link_type: packet.link_type.0,
            original_length: packet.original_length,
            captured_length: packet.captured_length(),
            source: sources.place(&origin.source),
            extras: packet.extras.as_ref().map_or(0, |some| extras.place(some) + 1),
        }
    });
    let packets = packets.collect();
    let capture = records.first().map_or([0; 16], |record| record.stored.origin.capture.0);
    Head { capture, sources: sources.0, extras: extras.0, packets }
}

/// Each value once, by its place. A stretch has few packets, and most of them have the same value.
struct Table<T>(Vec<Arc<T>>);

impl<T: Eq> Table<T> {
    fn place(&mut self, value: &Arc<T>) -> u32 {
        let Self(values) = self;
        let known = values.iter().position(|known| known == value);
        let place = known.unwrap_or_else(|| {
            values.push(value.clone());
            values.len() - 1
        });
        u32::try_from(place).unwrap_or(u32::MAX)
    }
}

/// Unpacks stretches, one after the other: to begin takes longer than to unpack one.
pub(in crate::store) struct Unpacker(Decompressor<'static>);

impl Unpacker {
    pub(in crate::store) fn new() -> Result<Self, PackError> {
        Ok(Self(Decompressor::new()?))
    }

    /// The packets in these bytes, in the order in which they were packed.
    pub(in crate::store) fn unpack(
        &mut self,
        packed: &[u8],
    ) -> Result<Vec<StoredPacket>, PackError> {
        let (version, rest) = packed.split_first().ok_or(PackError::Short)?;
        if *version != VERSION {
            return Err(PackError::Version(*version));
        }
        let (length, compressed) = rest.split_first_chunk().ok_or(PackError::Short)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| PackError::Short)?;
        // What compresses better than zstd can is no stretch, and takes no memory.
        if length / (128 << 10) > compressed.len() {
            return Err(PackError::Short);
        }
        let plain = Bytes::from(self.0.decompress(compressed, length)?);
        let (head, data): (Head, &[u8]) = postcard::take_from_bytes(&plain)?;
        let mut place = plain.len() - data.len();
        let (mut time, mut frame) = (0_i128, 0_i128);
        let capture = Fingerprint(head.capture);
        let mut packets = Vec::with_capacity(head.packets.len());
        for packet in head.packets {
            time = time.wrapping_add(packet.time);
            frame = frame.wrapping_add(packet.frame);
            let end = place + packet.captured_length as usize;
            if end > plain.len() {
                return Err(PackError::Short);
            }
            let source = head.sources.get(packet.source as usize).ok_or(PackError::Short)?;
            let extras = match packet.extras.checked_sub(1) {
                Some(number) => {
                    Some(head.extras.get(number as usize).ok_or(PackError::Short)?.clone())
                }
                None => None,
            };
            let captured = CapturedPacket {
                timestamp: Timestamp::from_nanoseconds(time),
                link_type: LinkType(packet.link_type),
                original_length: packet.original_length,
                data: plain.slice(place..end),
                extras,
            };
            let frame = u64::try_from(frame).map_err(|_| PackError::Short)?;
            let origin = Origin { capture, frame, source: source.clone() };
            packets.push(StoredPacket::new(captured, origin));
            place = end;
        }
        Ok(packets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Interface, Layers};

    fn unpacked(packed: &[u8]) -> Result<Vec<StoredPacket>, PackError> {
        Unpacker::new()?.unpack(packed)
    }

    fn record(frame: u64, time: i128, data: &'static [u8], extras: Option<Extras>) -> PacketRecord {
        let packet = CapturedPacket {
            timestamp: Timestamp::from_nanoseconds(time),
            link_type: LinkType(u16::MAX),
            original_length: u32::MAX,
            data: Bytes::from_static(data),
            extras: extras.map(Arc::new),
        };
        let source = Source {
            file_name: "a.pcap".into(),
            file_path: "day/a.pcap".into(),
            sensor: frame.is_multiple_of(2).then(|| "tap".into()),
        };
        let origin = Origin { capture: Fingerprint([7; 16]), frame, source: Arc::new(source) };
        PacketRecord { stored: StoredPacket::new(packet, origin), layers: Layers::default() }
    }

    fn records() -> Vec<PacketRecord> {
        let interface = Interface {
            id: 3,
            snap_length: 65_535,
            name: Some("eth0".into()),
            description: None,
            fcs_length: Some(4),
        };
        let extras = Extras {
            interface: Some(Arc::new(interface)),
            comments: vec!["one".into(), String::new()],
            flags: Some(u32::MAX),
            time_inherited: true,
        };
        vec![
            record(1, 1_700_000_000_123_456_789, b"bytes", None),
            record(u64::MAX, i128::MAX, b"", Some(extras.clone())),
            record(2, i128::MIN, b"\x00\xff", Some(extras)),
            record(3, -1, b"more bytes", Some(Extras::default())),
        ]
    }

    fn packed() -> Vec<u8> {
        Packer::new().unwrap().pack(&records().iter().collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn what_was_packed_comes_back() {
        let stored: Vec<StoredPacket> = records().into_iter().map(|record| record.stored).collect();
        assert_eq!(unpacked(&packed()).unwrap(), stored);
        let mut packer = Packer::new().unwrap();
        for record in records() {
            assert_eq!(unpacked(&packer.pack(&[&record]).unwrap()).unwrap(), [record.stored]);
        }
    }

    #[test]
    fn damage_is_an_error_and_no_panic() {
        let good = packed();
        for end in 0..good.len() {
            assert!(unpacked(&good[..end]).is_err(), "cut at {end}");
        }
        for place in 0..good.len() {
            let mut bad = good.clone();
            bad[place] ^= 0x55;
            // The length alone may be too large.
            let found = unpacked(&bad);
            assert!(found.is_err() || found.unwrap() == unpacked(&good).unwrap(), "at {place}");
        }
        assert!(matches!(unpacked(&[VERSION + 1]), Err(PackError::Version(_))));
    }
}
