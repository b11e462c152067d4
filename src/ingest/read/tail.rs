//! A file that may still be written: its end is not the end.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::ingest::Progress;

/// Bytes at the beginning of a file by which it is recognised: header and first packet.
const HEAD: usize = 4096;

/// Reads a file from its beginning. At its end the read fails with `WouldBlock`, and may be
/// repeated, until it is said that the end is the end.
pub(super) struct Tail {
    file: Arc<File>,
    place: Arc<Place>,
    progress: Arc<Progress>,
}

/// Where a [`Tail`] stands, for who holds it.
#[derive(Debug, Default)]
pub(super) struct Place {
    offset: AtomicU64,
    /// Where it stood at most.
    furthest: AtomicU64,
    ends: AtomicBool,
}

impl Tail {
    pub(super) fn new(file: Arc<File>, place: Arc<Place>, progress: Arc<Progress>) -> Self {
        Self { file, place, progress }
    }
}

impl Place {
    /// The end of the file is its end.
    pub(super) fn end(&self) {
        self.ends.store(true, Ordering::Relaxed);
    }

    /// Whether that has been said.
    pub(super) fn is_ended(&self) -> bool {
        self.ends.load(Ordering::Relaxed)
    }

    /// Goes on reading from here.
    pub(super) fn go_back_to(&self, offset: u64) {
        self.offset.store(offset, Ordering::Relaxed);
    }

    /// Bytes read.
    pub(super) fn offset(&self) -> u64 {
        self.offset.load(Ordering::Relaxed)
    }
}

impl Read for Tail {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let offset = self.place.offset();
        let count = self.file.read_at(buffer, offset)?;
        if count == 0 && !buffer.is_empty() && !self.place.is_ended() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let end = offset + count as u64;
        self.place.offset.store(end, Ordering::Relaxed);
        let furthest = self.place.furthest.fetch_max(end, Ordering::Relaxed);
        self.progress.add_read(end.saturating_sub(furthest));
        Ok(count)
    }
}

/// The first bytes of a file. A ring of files overwrites them: then it is another capture.
#[derive(Debug, Default)]
pub(super) struct Head(Vec<u8>);

impl Head {
    /// Whether the file still begins as it did; what has been added at first is learned.
    pub(super) fn is_still(&mut self, file: &File) -> io::Result<bool> {
        let mut now = vec![0; HEAD];
        let mut length = 0;
        while length < HEAD {
            match file.read_at(&mut now[length..], length as u64) {
                Ok(0) => break,
                Ok(count) => length += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        now.truncate(length);
        // Zeros at the end may be space that is reserved and will be written.
        let written = now.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        now.truncate(written);
        let is_still = now.starts_with(&self.0);
        self.0 = now;
        Ok(is_still)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn the_end_is_no_end_until_it_is_said() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"abc").unwrap();
        let place = Arc::<Place>::default();
        let mut tail = Tail::new(Arc::new(file.reopen().unwrap()), place.clone(), Arc::default());
        let mut buffer = [0; 2];
        assert_eq!(tail.read(&mut buffer).unwrap(), 2);
        assert_eq!(tail.read(&mut buffer).unwrap(), 1);
        assert_eq!(tail.read(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        file.write_all(b"d").unwrap();
        assert_eq!(tail.read(&mut buffer).unwrap(), 1);
        place.end();
        assert_eq!(tail.read(&mut buffer).unwrap(), 0);
        assert_eq!(place.offset(), 4);
    }

    #[test]
    fn a_file_that_is_overwritten_is_noticed_and_one_that_grows_is_not() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut head = Head::default();
        assert!(head.is_still(file.as_file()).unwrap());
        file.write_all(b"header and packet").unwrap();
        assert!(head.is_still(file.as_file()).unwrap());
        file.write_all(&[7; 2 * HEAD]).unwrap();
        assert!(head.is_still(file.as_file()).unwrap());
        assert_eq!(head.0.len(), HEAD);
        file.as_file().set_len(0).unwrap();
        assert!(!head.is_still(file.as_file()).unwrap());
    }
    #[test]
    fn space_that_is_reserved_may_be_written() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"header").unwrap();
        file.as_file().set_len(2 * HEAD as u64).unwrap();
        let mut head = Head::default();
        assert!(head.is_still(file.as_file()).unwrap());
        file.write_all(b" and packet").unwrap();
        assert!(head.is_still(file.as_file()).unwrap());
    }
}
