//! Room in memory for the documents that wait to be indexed.
//!
//! Tantivy bounds that queue by the number of documents only, and packets can have megabytes.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// After waiting so long without any room given back, one may go in all the same: when the
/// indexing thread is dead, handing a document over is what tells.
const PATIENCE: Duration = Duration::from_secs(1);

/// All the room there is.
#[derive(Debug)]
pub(super) struct Rooms {
    bytes: usize,
    taken: Mutex<usize>,
    given_back: Condvar,
}

/// Room that has been taken, by one or several documents; given back when the last is dropped.
#[derive(Debug, Clone)]
pub(super) struct Room {
    _taken: Arc<Taken>,
}

#[derive(Debug)]
struct Taken {
    rooms: Arc<Rooms>,
    bytes: usize,
}

impl Rooms {
    /// Room for this many bytes.
    pub(super) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self { bytes, taken: Mutex::new(0), given_back: Condvar::new() })
    }

    /// Waits for room, and takes it. What is larger than all the room goes in alone.
    pub(super) fn take(self: &Arc<Self>, bytes: usize) -> Room {
        let mut taken = self.taken();
        while *taken > 0 && *taken + bytes > self.bytes {
            let (guard, waited) = self
                .given_back
                .wait_timeout(taken, PATIENCE)
                .unwrap_or_else(PoisonError::into_inner);
            taken = guard;
            if waited.timed_out() {
                break;
            }
        }
        *taken += bytes;
        drop(taken);
        Room { _taken: Arc::new(Taken { rooms: self.clone(), bytes }) }
    }

    fn taken(&self) -> MutexGuard<'_, usize> {
        // A number is never half changed.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        *self.rooms.taken() -= self.bytes;
        self.rooms.given_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn waits_for_room() {
        let rooms = Rooms::new(10);
        let first = rooms.take(6);
        let waiting = thread::spawn({
            let rooms = rooms.clone();
            move || drop(rooms.take(5))
        });
        thread::sleep(Duration::from_millis(20));
        assert!(!waiting.is_finished());
        drop(first);
        waiting.join().unwrap();
    }

    #[test]
    fn does_not_wait_for_ever() {
        let rooms = Rooms::new(10);
        let _never_given_back = rooms.take(6);
        drop(rooms.take(6));
    }

    #[test]
    fn what_is_too_large_goes_in_alone() {
        drop(Rooms::new(10).take(1000));
    }
}
