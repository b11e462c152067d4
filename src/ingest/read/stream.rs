//! Streams that can be left: a read from a terminal or pipe cannot be interrupted.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

/// Bytes taken from the input at a time.
const CHUNK: usize = 64 << 10;
/// Chunks that wait to be read.
const CHUNKS: usize = 16;
/// How soon a stop is noticed while nothing arrives.
const LOOK_FOR_STOP: Duration = Duration::from_millis(100);
/// After a stop, what the writer has still to say is taken: it is often told to stop at the same
/// time, and then writes what it had kept back. For so long without a byte, and not longer in all.
const LAST_BYTES: Duration = Duration::from_millis(500);
const LONGEST_END: Duration = Duration::from_secs(5);

/// Reads an input on a thread of its own, which is left behind when the run is stopped.
pub(super) struct StoppableInput {
    chunks: Receiver<io::Result<Vec<u8>>>,
    /// The chunk being read, and how much of it has been.
    chunk: Vec<u8>,
    taken: usize,
    stop: CancellationToken,
    /// When the stop was noticed.
    stopped: Option<Instant>,
}

impl StoppableInput {
    pub(super) fn standard(stop: CancellationToken) -> Self {
        // Locked by the thread that reads it.
        Self::new(io::stdin(), stop)
    }

    pub(super) fn new(input: impl Read + Send + 'static, stop: CancellationToken) -> Self {
        let (sender, chunks) = sync_channel(CHUNKS);
        thread::spawn(move || copy(input, &sender));
        Self { chunks, chunk: Vec::new(), taken: 0, stop, stopped: None }
    }

    /// The next chunk; an empty one at the end of the input.
    fn next_chunk(&mut self) -> io::Result<Vec<u8>> {
        let began = Instant::now();
        loop {
            if self.stop.is_cancelled() {
                let stopped = *self.stopped.get_or_insert_with(Instant::now);
                let quiet = began.max(stopped).elapsed();
                if quiet > LAST_BYTES || stopped.elapsed() > LONGEST_END {
                    return Err(io::Error::other("stopped"));
                }
            }
            match self.chunks.recv_timeout(LOOK_FOR_STOP) {
                Ok(chunk) => return chunk,
                Err(RecvTimeoutError::Disconnected) => return Ok(Vec::new()),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

impl Read for StoppableInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.chunk.len() {
            self.chunk = self.next_chunk()?;
            self.taken = 0;
        }
        let mut left = &self.chunk[self.taken..];
        let count = left.read(buffer)?;
        self.taken += count;
        Ok(count)
    }
}

/// Hands on what arrives as soon as it arrives, until the input or the reader ends.
fn copy(mut input: impl Read, chunks: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut chunk = vec![0; CHUNK];
        let read = match input.read(&mut chunk) {
            Ok(0) => return,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read,
        };
        let end = read.is_err();
        let chunk = read.map(|count| {
            chunk.truncate(count);
            chunk
        });
        if chunks.send(chunk).is_err() || end {
            return;
        }
    }
}
