use std::io;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use zstd::bulk::{Compressor, Decompressor};

use crate::packet::{
    CapturedPacket, Extras, Fingerprint, LinkType, Origin, PacketRecord, Source, StoredPacket,
    Timestamp,
};

/// Version of the bytes, which stands before them. The first had [`Rows`]; it is still read.
const VERSION: u8 = 2;
/// Nanoseconds.
const MICROSECOND: u16 = 1_000;
/// zstd's level. Its own default, 3, takes a sixth more of the time of a whole ingest, and stretches
/// are a twentieth smaller; where Elasticsearch compresses them again, they are not.
const LEVEL: i32 = -1;

/// The packets of a stretch but for their captured bytes, which follow one behind the other. Values
/// of one kind stand together: so they compress better than packet by packet.
#[derive(Serialize, Deserialize)]
struct Head {
    capture: [u8; 16],
    sources: Vec<Arc<Source>>,
    extras: Vec<Arc<Extras>>,
    /// Nanoseconds that all times are multiples of.
    tick: u16,
    /// In ticks since the packet before it; of the first, since 1970.
    times: Vec<i128>,
    /// Since the packet before it.
    frames: Vec<i128>,
    captured_lengths: Vec<u32>,
    /// What the original length has beyond the captured one.
    cut_off: Column<i64>,
    link_types: Column<u16>,
    /// Places in `sources`.
    source: Column<u32>,
    /// Places in `extras`, and one more; 0 for none.
    extra: Column<u32>,
}

/// The head of version 1, packet by packet; only tests still write it.
#[derive(Deserialize)]
#[cfg_attr(test, derive(Serialize))]
struct Rows {
    capture: [u8; 16],
    sources: Vec<Arc<Source>>,
    extras: Vec<Arc<Extras>>,
    packets: Vec<Row>,
}

/// What [`Head`] has of a packet, in nanoseconds.
#[derive(Deserialize)]
#[cfg_attr(test, derive(Serialize))]
struct Row {
    time: i128,
    frame: i128,
    link_type: u16,
    original_length: u32,
    captured_length: u32,
    source: u32,
    extra: u32,
}

impl From<Rows> for Head {
    fn from(Rows { capture, sources, extras, packets }: Rows) -> Self {
        Self {
            capture,
            sources,
            extras,
            tick: 1,
            times: packets.iter().map(|row| row.time).collect(),
            frames: packets.iter().map(|row| row.frame).collect(),
            captured_lengths: packets.iter().map(|row| row.captured_length).collect(),
            cut_off: Column::of(
                packets
                    .iter()
                    .map(|row| i64::from(row.original_length) - i64::from(row.captured_length)),
            ),
            link_types: Column::of(packets.iter().map(|row| row.link_type)),
            source: Column::of(packets.iter().map(|row| row.source)),
            extra: Column::of(packets.iter().map(|row| row.extra)),
        }
    }
}

/// A value for each packet; values that are all alike stand once.
#[derive(Serialize, Deserialize)]
struct Column<T>(Vec<T>);

impl<T: Copy + PartialEq> Column<T> {
    fn of(values: impl Iterator<Item = T>) -> Self {
        let mut values: Vec<T> = values.collect();
        if values.windows(2).all(|two| two[0] == two[1]) {
            values.truncate(1);
        }
        Self(values)
    }

    fn get(&self, packet: usize) -> Result<T, PackError> {
        let Self(values) = self;
        let place = if values.len() == 1 { 0 } else { packet };
        values.get(place).copied().ok_or(PackError::Short)
    }
}

/// Why bytes cannot be read as packets.
#[derive(Debug, thiserror::Error)]
pub(in crate::store) enum PackError {
    #[error("a stretch of packets is shorter than its own head")]
    Short,
    #[error(
        "a stretch of packets has version {0}, and this program knows no later one than {VERSION}"
    )]
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
    let stored = || records.iter().map(|record| &record.stored);
    let time = |stored: &StoredPacket| stored.packet.timestamp.nanoseconds();
    let (mut sources, mut extras) = (Table(Vec::new()), Table(Vec::new()));
    let source = Column::of(stored().map(|stored| sources.place(&stored.origin.source)));
    let extra = Column::of(
        stored()
            .map(|stored| stored.packet.extras.as_ref().map_or(0, |some| extras.place(some) + 1)),
    );
    let is_coarse = stored().all(|stored| time(stored) % i128::from(MICROSECOND) == 0);
    let tick = if is_coarse { MICROSECOND } else { 1 };
    Head {
        capture: records.first().map_or([0; 16], |record| record.stored.origin.capture.0),
        sources: sources.0,
        extras: extras.0,
        tick,
        times: steps(stored().map(|stored| time(stored) / i128::from(tick))),
        frames: steps(stored().map(|stored| stored.origin.frame.into())),
        captured_lengths: stored().map(|stored| stored.packet.captured_length()).collect(),
        cut_off: Column::of(stored().map(|StoredPacket { packet, .. }| {
            i64::from(packet.original_length) - i64::from(packet.captured_length())
        })),
        link_types: Column::of(stored().map(|stored| stored.packet.link_type.0)),
        source,
        extra,
    }
}

/// Each number as what it has beyond the one before it. Times of damaged captures may lie farther
/// apart than there are numbers.
fn steps(numbers: impl Iterator<Item = i128>) -> Vec<i128> {
    let mut before = 0_i128;
    numbers.map(|number| number.wrapping_sub(std::mem::replace(&mut before, number))).collect()
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
        if !matches!(*version, 1 | VERSION) {
            return Err(PackError::Version(*version));
        }
        let (length, compressed) = rest.split_first_chunk().ok_or(PackError::Short)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| PackError::Short)?;
        // What compresses better than zstd can is no stretch, and takes no memory.
        if length / (128 << 10) > compressed.len() {
            return Err(PackError::Short);
        }
        let plain = Bytes::from(self.0.decompress(compressed, length)?);
        let (head, data): (Head, &[u8]) = if *version == VERSION {
            postcard::take_from_bytes(&plain)?
        } else {
            let (rows, data) = postcard::take_from_bytes::<Rows>(&plain)?;
            (rows.into(), data)
        };
        let mut place = plain.len() - data.len();
        let (mut time, mut frame) = (0_i128, 0_i128);
        let mut packets = Vec::with_capacity(head.captured_lengths.len());
        for (number, length) in head.captured_lengths.iter().enumerate() {
            let step = |steps: &[i128]| steps.get(number).copied().ok_or(PackError::Short);
            time = time.wrapping_add(step(&head.times)?);
            frame = frame.wrapping_add(step(&head.frames)?);
            let end = place + *length as usize;
            if end > plain.len() {
                return Err(PackError::Short);
            }
            let original_length = i64::from(*length).wrapping_add(head.cut_off.get(number)?);
            let captured = CapturedPacket {
                timestamp: Timestamp::from_nanoseconds(time.wrapping_mul(head.tick.into())),
                link_type: LinkType(head.link_types.get(number)?),
                original_length: original_length.try_into().map_err(|_| PackError::Short)?,
                data: plain.slice(place..end),
                extras: match head.extra.get(number)?.checked_sub(1) {
                    Some(extra) => Some(shared(&head.extras, extra)?),
                    None => None,
                },
            };
            let origin = Origin {
                capture: Fingerprint(head.capture),
                frame: u64::try_from(frame).map_err(|_| PackError::Short)?,
                source: shared(&head.sources, head.source.get(number)?)?,
            };
            packets.push(StoredPacket::new(captured, origin));
            place = end;
        }
        Ok(packets)
    }
}

/// What stands at a place in [`Head::sources`] or [`Head::extras`].
fn shared<T>(values: &[Arc<T>], place: u32) -> Result<Arc<T>, PackError> {
    values.get(place as usize).cloned().ok_or(PackError::Short)
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
    fn times_in_microseconds_come_back_and_take_less() {
        let length = |tick: i128| {
            let times = [5, 3, -7, 1_700_000_000_000_001];
            let records: Vec<PacketRecord> = (1..)
                .zip(times)
                .map(|(frame, time)| record(frame, time * tick, b"", None))
                .collect();
            let packed = Packer::new().unwrap().pack(&records.iter().collect::<Vec<_>>()).unwrap();
            let stored: Vec<StoredPacket> = records.into_iter().map(|one| one.stored).collect();
            assert_eq!(unpacked(&packed).unwrap(), stored);
            packed.len()
        };
        assert!(length(1_000) < length(1_001));
    }

    #[test]
    fn the_first_version_is_read() {
        let records = records();
        let head = head(&records.iter().collect::<Vec<_>>());
        let row = |(number, record): (usize, &PacketRecord)| Row {
            time: head.times[number],
            frame: head.frames[number],
            link_type: record.stored.packet.link_type.0,
            original_length: record.stored.packet.original_length,
            captured_length: record.stored.packet.captured_length(),
            source: head.source.get(number).unwrap(),
            extra: head.extra.get(number).unwrap(),
        };
        let packets = records.iter().enumerate().map(row).collect();
        let Head { capture, sources, extras, .. } = head;
        let rows = Rows { capture, sources, extras, packets };
        let mut plain = postcard::to_allocvec(&rows).unwrap();
        for record in &records {
            plain.extend_from_slice(&record.stored.packet.data);
        }
        let mut packed = vec![1];
        packed.extend_from_slice(&(plain.len() as u64).to_le_bytes());
        packed.extend_from_slice(&zstd::bulk::compress(&plain, LEVEL).unwrap());
        let stored: Vec<StoredPacket> = records.into_iter().map(|record| record.stored).collect();
        assert_eq!(unpacked(&packed).unwrap(), stored);
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
