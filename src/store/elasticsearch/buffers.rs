//! Memory of bulk bodies, used again: to get pages from the system and to clear them, for some
//! megabytes with every request, was a seventh of the processor time of an ingest.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// Buffers that are kept: as many as there are requests at once.
const MOST: usize = 6;
/// Larger ones are left to the system: a body has that much only for a packet without equal.
const LARGEST: usize = 16 << 20;

/// Buffers that wait for the next body.
#[derive(Debug, Default)]
pub(super) struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    /// An empty buffer.
    pub(super) fn take(&self) -> Vec<u8> {
        self.free().pop().unwrap_or_default()
    }

    /// Takes the memory of a body that was sent, unless somebody still has a part of it.
    pub(super) fn give_back(&self, body: Bytes) {
        let Ok(body) = body.try_into_mut() else { return };
        let mut buffer = Vec::from(body);
        let mut free = self.free();
        if buffer.capacity() <= LARGEST && free.len() < MOST {
            buffer.clear();
            free.push(buffer);
        }
    }

    /// Gives all of it back to the system.
    pub(super) fn clear(&self) {
        self.free().clear();
    }

    fn free(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        // Buffers are never half changed by a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(bytes: usize) -> Bytes {
        Bytes::from(vec![7; bytes])
    }

    #[test]
    fn a_buffer_comes_back_empty_and_with_its_memory() {
        let buffers = Buffers::default();
        assert_eq!(buffers.take().capacity(), 0);
        buffers.give_back(body(1000));
        let again = buffers.take();
        assert!(again.is_empty() && again.capacity() >= 1000, "{}", again.capacity());
        assert_eq!(buffers.take().capacity(), 0, "it is given once");
    }

    #[test]
    fn what_is_in_use_or_too_large_is_not_kept() {
        let buffers = Buffers::default();
        let sent = body(1000);
        let part = sent.slice(10..20);
        buffers.give_back(sent);
        buffers.give_back(body(LARGEST + 1));
        assert_eq!(buffers.take().capacity(), 0);
        assert_eq!(part[..], [7; 10]);
        (0..=MOST).for_each(|_| buffers.give_back(body(10)));
        assert_eq!(buffers.free().len(), MOST);
        buffers.clear();
        assert_eq!(buffers.take().capacity(), 0);
    }
}
