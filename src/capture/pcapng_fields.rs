use std::borrow::Cow;

use pcap_file::Endianness;

/// Takes fields from the front of some bytes; `None` where the bytes end before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
    endianness: Endianness,
}

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8], endianness: Endianness) -> Self {
        Self { bytes, endianness }
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        let bytes = self.array()?;
        Some(match self.endianness {
            Endianness::Big => u16::from_be_bytes(bytes),
            Endianness::Little => u16::from_le_bytes(bytes),
        })
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        let bytes = self.array()?;
        Some(match self.endianness {
            Endianness::Big => u32::from_be_bytes(bytes),
            Endianness::Little => u32::from_le_bytes(bytes),
        })
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        let bytes = self.array()?;
        Some(match self.endianness {
            Endianness::Big => i64::from_be_bytes(bytes),
            Endianness::Little => i64::from_le_bytes(bytes),
        })
    }

    /// A time of a packet block: the higher half first, in either byte order.
    pub(super) fn timestamp(&mut self) -> Option<u64> {
        let (high, low) = (self.u32()?, self.u32()?);
        Some(u64::from(high) << 32 | u64::from(low))
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(taken)
    }

    /// Bytes and the padding behind them, which is left out at the end of some blocks.
    pub(super) fn take_padded(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.take(length)?;
        let padding = length.next_multiple_of(4) - length;
        self.bytes = self.bytes.get(padding..).unwrap_or_default();
        Some(taken)
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// What is left as text, and whether all of it was UTF-8; what is not is replaced.
    pub(super) fn text(&self) -> (String, bool) {
        let text = String::from_utf8_lossy(self.bytes);
        let is_valid = matches!(text, Cow::Borrowed(_));
        (text.into_owned(), is_valid)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(*array)
    }
}

/// The options at the end of a block. They end with the block or with an end marker.
pub(super) struct Options<'a>(Fields<'a>);

impl<'a> Options<'a> {
    const END: u16 = 0;

    pub(super) fn new(fields: Fields<'a>) -> Self {
        Self(fields)
    }

    /// Code and value of the next option, with the value's byte order; or what is wrong.
    pub(super) fn next(&mut self) -> Result<Option<(u16, Fields<'a>)>, &'static str> {
        const BROKEN: &str = "an option reaches beyond the end of its block";
        if self.0.rest().is_empty() {
            return Ok(None);
        }
        let (code, length) = self.0.u16().zip(self.0.u16()).ok_or(BROKEN)?;
        if code == Self::END {
            return Ok(None);
        }
        let value = self.0.take_padded(usize::from(length)).ok_or(BROKEN)?;
        Ok(Some((code, Fields::new(value, self.0.endianness))))
    }
}
