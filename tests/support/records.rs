//! Packets as a pcap file has them, read without the code that is tested.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::path::Path;

/// What of a packet must come back as it was.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Record {
    pub nanoseconds: u64,
    pub original_length: u32,
    pub data: Vec<u8>,
}

/// The complete records of a little-endian pcap file; what a writer is still at is left out.
pub fn records(file: &[u8]) -> Vec<Record> {
    let Some(magic) = file.get(..4) else { return Vec::new() };
    let unit = match magic {
        [0x4d, 0x3c, 0xb2, 0xa1] => 1,
        [0xd4, 0xc3, 0xb2, 0xa1] => 1_000,
        other => panic!("{other:02x?} is no pcap file"),
    };
    let mut records = Vec::new();
    let mut rest = file.get(24..).unwrap_or_default();
    while let Some(header) = rest.get(..16) {
        let number = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().unwrap());
        let length = usize::try_from(number(8)).unwrap();
        let Some(data) = rest.get(16..16 + length) else { break };
        records.push(Record {
            nanoseconds: u64::from(number(0)) * 1_000_000_000 + u64::from(number(4)) * unit,
            original_length: number(12),
            data: data.to_vec(),
        });
        rest = &rest[16 + length..];
    }
    records
}

/// [`records`] of a file.
pub fn records_of(path: &Path) -> Vec<Record> {
    records(&fs::read(path).unwrap())
}

/// How a store differs from what it should hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Difference {
    pub expected: usize,
    pub lost: Vec<Record>,
    pub doubled: Vec<Record>,
    /// Neither was ever expected.
    pub foreign: Vec<Record>,
}

/// Compares as multisets.
pub fn difference(expected: &[Record], found: &[Record]) -> Difference {
    let mut counts: HashMap<&Record, (usize, usize)> = HashMap::new();
    for record in expected {
        counts.entry(record).or_default().0 += 1;
    }
    for record in found {
        counts.entry(record).or_default().1 += 1;
    }
    let mut difference = Difference { expected: expected.len(), ..Difference::default() };
    for (record, (expected, found)) in counts {
        let copies = |count: usize| std::iter::repeat_n(record.clone(), count);
        difference.lost.extend(copies(expected.saturating_sub(found)));
        let too_many = copies(found.saturating_sub(expected));
        if expected == 0 {
            difference.foreign.extend(too_many);
        } else {
            difference.doubled.extend(too_many);
        }
    }
    for list in [&mut difference.lost, &mut difference.doubled, &mut difference.foreign] {
        list.sort();
    }
    difference
}

impl Difference {
    pub fn is_none(&self) -> bool {
        self.lost.is_empty() && self.doubled.is_empty() && self.foreign.is_empty()
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} packets, {} lost, {} doubled, {} foreign",
            self.expected,
            self.lost.len(),
            self.doubled.len(),
            self.foreign.len()
        )?;
        for (name, list) in
            [("lost", &self.lost), ("doubled", &self.doubled), ("foreign", &self.foreign)]
        {
            for record in list.iter().take(5) {
                let length = record.data.len();
                write!(f, "\n  {name}: {} ns, {length} bytes", record.nanoseconds)?;
            }
        }
        Ok(())
    }
}
