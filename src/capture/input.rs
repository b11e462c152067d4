use std::io;

use crate::capture::compression::{Decompressed, ReadError};

/// How much is asked of the source at once. A decoder that finds damage may lose what it had
/// decoded in the same call, so this is also how much can be lost there.
const READ_LENGTH: usize = 64 * 1024;

/// A buffer that grew above this for one huge packet is given back afterwards.
const KEPT_LENGTH: usize = 4 * 1024 * 1024;

/// The uncompressed bytes of a capture, with their offset.
///
/// It asks the source for more only when what it holds is not enough, so that a packet of a
/// live stream is seen as soon as it has arrived; and it grows as bytes arrive, never because a
/// length field says so.
pub(super) struct Input {
    source: Decompressed,
    buffer: Vec<u8>,
    /// The bytes not consumed yet are `buffer[start..end]`.
    start: usize,
    end: usize,
    offset: u64,
    ended: bool,
    damage: Option<String>,
    /// Length of the uncompressed stream, where it was known beforehand.
    length: Option<u64>,
    grows: bool,
}

impl Input {
    /// `length`: of the uncompressed stream, where it is known.
    pub(super) fn new(source: Decompressed, length: Option<u64>) -> Self {
        let buffer = vec![0; READ_LENGTH];
        Self {
            source,
            buffer,
            start: 0,
            end: 0,
            offset: 0,
            ended: false,
            damage: None,
            length,
            grows: false,
        }
    }

    /// The bytes at hand, at least `length` of them unless the capture ends before.
    pub(super) fn at_least(&mut self, length: usize) -> io::Result<&[u8]> {
        while self.end - self.start < length && !self.ended {
            self.read_once()?;
        }
        Ok(self.at_hand())
    }

    /// The bytes at hand.
    pub(super) fn at_hand(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Steps over bytes at hand.
    pub(super) fn consume(&mut self, length: usize) {
        self.start += length.min(self.end - self.start);
        self.offset += length as u64;
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
            if self.buffer.len() > KEPT_LENGTH {
                self.buffer = vec![0; READ_LENGTH];
            }
        }
    }

    /// Whether it is a file that somebody still writes.
    pub(super) fn grows(&self) -> bool {
        self.grows
    }

    /// Says whether it is.
    pub(super) fn set_grows(&mut self, grows: bool) {
        self.grows = grows;
    }

    /// Forgets the bytes at hand.
    pub(super) fn forget(&mut self) {
        self.end = self.start;
    }

    /// Offset of the first byte at hand.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Why the bytes ended, when it was not the regular end of the source.
    pub(super) fn damage(&self) -> Option<&str> {
        self.damage.as_deref()
    }

    /// The compression's name.
    pub(super) fn compression(&self) -> Option<&'static str> {
        self.source.compression()
    }

    /// How many bytes there are from here to the end, where that is known.
    pub(super) fn remaining(&self) -> Option<u64> {
        if self.damage.is_some() {
            return None;
        }
        if self.ended {
            return Some(self.at_hand().len() as u64);
        }
        self.length?.checked_sub(self.offset)
    }

    fn read_once(&mut self) -> io::Result<()> {
        if self.buffer.len() - self.end < READ_LENGTH / 2 {
            self.make_room();
        }
        match self.source.read(&mut self.buffer[self.end..]) {
            Ok(0) => self.ended = true,
            Ok(length) => self.end += length,
            Err(ReadError::Source(error)) => return Err(error),
            Err(ReadError::Damaged(reason)) => {
                self.ended = true;
                self.damage = Some(reason);
            }
        }
        Ok(())
    }

    fn make_room(&mut self) {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() - self.end < READ_LENGTH / 2 {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
    }
}
