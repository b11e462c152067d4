use std::io::{self, BufReader, Cursor, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use liblzma::read::XzDecoder;
use lz4_flex::frame::FrameDecoder;

/// Enough to tell all compressions and capture formats apart.
const MAGIC_LENGTH: usize = 4;

/// The compressions that captures come in, recognised by their first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compression {
    /// RFC 1952, any number of members.
    Gzip,
    /// RFC 8878, any number of frames.
    Zstd,
    /// The LZ4 frame format, any number of frames.
    Lz4,
    /// Any number of streams.
    Xz,
    /// Any number of streams.
    Bzip2,
}

impl Compression {
    fn of(magic: &[u8]) -> Option<Self> {
        match magic {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [0x04, 0x22, 0x4d, 0x18, ..] => Some(Self::Lz4),
            [0xfd, b'7', b'z', b'X', ..] => Some(Self::Xz),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Self::Bzip2),
            _ => None,
        }
    }

    fn decoder(self, source: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::Gzip => Box::new(MultiGzDecoder::new(source)),
            Self::Zstd => Box::new(zstd::Decoder::new(source)?),
            Self::Lz4 => Box::new(Lz4Frames::new(BufReader::new(source))),
            Self::Xz => Box::new(XzDecoder::new_multi_decoder(source)),
            Self::Bzip2 => Box::new(MultiBzDecoder::new(source)),
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
        }
    }
}

/// A byte source behind whatever decompression it needs.
pub(super) struct Decompressed {
    reader: Box<dyn Read + Send>,
    compression: Option<Compression>,
    source_failed: Arc<AtomicBool>,
}

/// Why no more bytes come.
pub(super) enum ReadError {
    /// The file or the stream itself failed.
    Source(io::Error),
    /// The file could be read, but not decompressed.
    Damaged(String),
}

impl Decompressed {
    /// Looks at the first bytes of a source, never at a name. Waits for no more of them than
    /// are needed, since a stream may bring a file header and then nothing for hours.
    pub(super) fn new(source: impl Read + Send + 'static) -> io::Result<Self> {
        let source_failed = Arc::new(AtomicBool::new(false));
        let mut source = Watched { inner: source, failed: Arc::clone(&source_failed) };
        let head = read_magic_behind_skippable_frames(&mut source)?;
        let compression = Compression::of(&head);
        let source = Box::new(Cursor::new(head).chain(source));
        let reader: Box<dyn Read + Send> = match compression {
            None => source,
            Some(compression) => Box::new(Peeled::new(compression.decoder(source)?)),
        };
        Ok(Self { reader, compression, source_failed })
    }

    /// The compression's name.
    pub(super) fn compression(&self) -> Option<&'static str> {
        self.compression.map(Compression::name)
    }

    /// One read, repeated only when a signal interrupted it.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ReadError> {
        loop {
            match self.reader.read(buffer) {
                Ok(length) => return Ok(length),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.classify(error)),
            }
        }
    }

    fn classify(&self, error: io::Error) -> ReadError {
        match self.compression {
            Some(compression) if !self.source_failed.swap(false, Ordering::Relaxed) => {
                ReadError::Damaged(format!("the {} data is damaged: {error}", compression.name()))
            }
            _ => ReadError::Source(error),
        }
    }
}

/// What was compressed more than once, as when `tcpdump -z gzip` and a rotation that compresses
/// meet: looks at the first bytes of what comes out, and takes that apart, too.
struct Peeled {
    reader: Box<dyn Read + Send>,
    /// First bytes that nobody has seen yet; `None` when no compression is below any more.
    head: Option<Vec<u8>>,
    layers: usize,
}

/// More layers than anybody makes by mistake.
const MOST_LAYERS: usize = 4;

impl Peeled {
    fn new(reader: Box<dyn Read + Send>) -> Self {
        Self { reader, head: Some(Vec::with_capacity(MAGIC_LENGTH)), layers: 1 }
    }
}

impl Read for Peeled {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(head) = &mut self.head {
            let mut byte = [0];
            // One by one: an error in between must not cost those that have come.
            if head.len() < MAGIC_LENGTH && self.reader.read(&mut byte)? > 0 {
                head.push(byte[0]);
                continue;
            }
            let below = std::mem::replace(&mut self.reader, Box::new(io::empty()));
            let rest = Box::new(Cursor::new(std::mem::take(head)).chain(below));
            match Compression::of(rest.get_ref().0.get_ref()) {
                Some(compression) if self.layers < MOST_LAYERS => {
                    self.reader = compression.decoder(rest)?;
                    self.layers += 1;
                }
                _ => {
                    self.reader = rest;
                    self.head = None;
                }
            }
        }
        self.reader.read(buffer)
    }
}

/// Remembers that an error came from the source, and not from a decoder above it.
struct Watched<R> {
    inner: R,
    failed: Arc<AtomicBool>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).inspect_err(|error| {
            if error.kind() != ErrorKind::Interrupted {
                self.failed.store(true, Ordering::Relaxed);
            }
        })
    }
}

/// zstd and lz4 share the magic numbers of frames to be skipped (pzstd begins with one), so
/// what a file is shows only behind them. Returns fewer bytes where the source ends.
fn read_magic_behind_skippable_frames(source: &mut impl Read) -> io::Result<Vec<u8>> {
    loop {
        let magic = read_up_to(source, MAGIC_LENGTH)?;
        if !matches!(magic[..], [0x50..=0x5f, 0x2a, 0x4d, 0x18]) {
            return Ok(magic);
        }
        let length = read_up_to(source, 4)?;
        let Ok(length) = length.try_into().map(u32::from_le_bytes) else { return Ok(magic) };
        io::copy(&mut source.take(u64::from(length)), &mut io::sink())?;
    }
}

fn read_up_to(source: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(length);
    source.take(length as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Several lz4 frames as one stream. The decoder of `lz4_flex` ends at each frame, takes an
/// input cut between two blocks for a regular end, and knows no frames to be skipped.
struct Lz4Frames<R: Read> {
    decoder: FrameDecoder<Lz4Source<R>>,
    finished: bool,
}

/// What a frame decoder reads from; knows whether it asked for more than there was.
struct Lz4Source<R> {
    pushed_back: Cursor<Vec<u8>>,
    inner: R,
    exhausted: bool,
}

impl<R: Read> Lz4Frames<R> {
    fn new(source: R) -> Self {
        let pushed_back = Cursor::default();
        let source = Lz4Source { pushed_back, inner: source, exhausted: false };
        Self { decoder: FrameDecoder::new(source), finished: false }
    }
}

impl<R: Read> Read for Lz4Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.finished && !buffer.is_empty() {
            let length = self.decoder.read(buffer)?;
            if length > 0 {
                return Ok(length);
            }
            let source = self.decoder.get_mut();
            if source.exhausted {
                return Err(io::Error::new(ErrorKind::UnexpectedEof, "it is cut short"));
            }
            self.finished = !source.begin_next_frame()?;
        }
        Ok(0)
    }
}

impl<R: Read> Lz4Source<R> {
    /// `false` when there is no further frame.
    fn begin_next_frame(&mut self) -> io::Result<bool> {
        let magic = read_magic_behind_skippable_frames(&mut self.inner)?;
        let more = !magic.is_empty();
        self.pushed_back = Cursor::new(magic);
        Ok(more)
    }
}

impl<R: Read> Read for Lz4Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut length = self.pushed_back.read(buffer)?;
        if length == 0 {
            length = self.inner.read(buffer)?;
        }
        self.exhausted = length == 0 && !buffer.is_empty();
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use lz4_flex::frame::{BlockSize, FrameEncoder, FrameInfo};

    use super::*;

    fn text() -> Vec<u8> {
        (0..200_000_u32).flat_map(|number| (number / 7).to_le_bytes()).collect()
    }

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(data: &[u8]) -> Vec<u8> {
        zstd::encode_all(data, 1).unwrap()
    }

    fn lz4(data: &[u8]) -> Vec<u8> {
        let blocks = FrameInfo::new().block_size(BlockSize::Max64KB);
        let mut encoder = FrameEncoder::with_frame_info(blocks, Vec::new());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn xz(data: &[u8]) -> Vec<u8> {
        let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn bzip2(data: &[u8]) -> Vec<u8> {
        let mut encoder = ::bzip2::write::BzEncoder::new(Vec::new(), ::bzip2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    type Encoder = fn(&[u8]) -> Vec<u8>;

    const ENCODERS: [(&str, Encoder); 5] =
        [("gzip", gzip), ("zstd", zstd), ("lz4", lz4), ("xz", xz), ("bzip2", bzip2)];

    fn skippable_frame() -> Vec<u8> {
        [&[0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat()
    }

    /// All bytes, and the error at the end if there is one.
    fn read_all(bytes: Vec<u8>) -> (Vec<u8>, Option<ReadError>) {
        let mut decompressed = Decompressed::new(Cursor::new(bytes)).ok().unwrap();
        let mut data = Vec::new();
        let mut buffer = [0; 10_000];
        loop {
            match decompressed.read(&mut buffer) {
                Ok(0) => return (data, None),
                Ok(length) => data.extend_from_slice(&buffer[..length]),
                Err(error) => return (data, Some(error)),
            }
        }
    }

    #[test]
    fn several_members_frames_or_streams_are_one_stream() {
        for (name, encode) in ENCODERS {
            let text = text();
            let (first, second) = text.split_at(300_001);
            let (data, error) = read_all([encode(first), encode(second)].concat());
            assert!(error.is_none(), "{name}");
            assert!(data == text, "{name}");
        }
    }

    #[test]
    fn what_was_compressed_again_is_taken_apart() {
        let text = text();
        let (bytes, error) = read_all(gzip(&gzip(&text)));
        assert!(bytes == text && error.is_none());
        let (bytes, error) = read_all(xz(&lz4(&zstd(&bzip2(&text)))));
        assert!(bytes == text && error.is_none());
        let short = b"ab".to_vec();
        assert_eq!(read_all(gzip(&short)).0, short);
        let cut = gzip(&gzip(&text)[..text.len().min(60)]);
        assert!(matches!(read_all(cut).1, Some(ReadError::Damaged(_))));
    }

    #[test]
    fn skippable_frames_are_skipped_wherever_they_stand() {
        for encode in [zstd, lz4] {
            let skip = skippable_frame();
            let frame = encode(b"data");
            let file = [&skip[..], &skip, &frame, &skip, &frame, &skip].concat();
            let (data, error) = read_all(file);
            assert!(error.is_none());
            assert_eq!(data, b"datadata");
        }
    }

    #[test]
    fn a_cut_is_an_error_behind_all_that_could_be_read() {
        for (name, encode) in ENCODERS {
            let mut bytes = encode(&text());
            bytes.truncate(bytes.len() / 2);
            let (data, error) = read_all(bytes);
            assert!(text().starts_with(&data), "{name}");
            // bzip2 and lz4 give whole blocks only, here of at most 100,000 and 65,536 bytes.
            assert!(data.len() > 100_000, "{name}: {}", data.len());
            assert!(matches!(error, Some(ReadError::Damaged(_))), "{name}");
        }
    }

    #[test]
    fn lz4_cut_between_two_blocks_is_no_regular_end() {
        let bytes = lz4(b"data");
        let (data, error) = read_all(bytes[..bytes.len() - 4].to_vec());
        assert_eq!(data, b"data");
        assert!(matches!(error, Some(ReadError::Damaged(_))));
    }

    #[test]
    fn what_is_not_compressed_passes_through() {
        for bytes in [&b""[..], b"a", b"ab", b"BZh", b"plain text"] {
            let (data, error) = read_all(bytes.to_vec());
            assert!(error.is_none());
            assert_eq!(data, bytes);
        }
    }

    /// Gives some bytes and then fails as a network mount does.
    struct Failing(Cursor<Vec<u8>>);

    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::Error::other("stale handle")),
                length => Ok(length),
            }
        }
    }

    #[test]
    fn a_failing_source_is_not_taken_for_damaged_data() {
        for (name, encode) in ENCODERS {
            let mut bytes = encode(&text());
            bytes.truncate(bytes.len() / 2);
            let mut decompressed = Decompressed::new(Failing(Cursor::new(bytes))).ok().unwrap();
            let mut buffer = [0; 10_000];
            let error = loop {
                if let Err(error) = decompressed.read(&mut buffer) {
                    break error;
                }
            };
            assert!(matches!(error, ReadError::Source(_)), "{name}");
        }
    }
}
