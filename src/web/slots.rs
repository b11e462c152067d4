//! Downloads that go on at the same time: as many as may, and nobody has all of them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// Downloads that go on at the same time.
#[derive(Debug)]
pub struct Downloads {
    permits: Arc<Semaphore>,
    most: u32,
    taken: Arc<Mutex<Taken>>,
    pub(super) stop: CancellationToken,
}

/// Whose downloads count together: a user's, or an address's where nobody logs in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Taker {
    User(String),
    Address(IpAddr),
}

/// How many each one has.
type Taken = HashMap<Taker, u32>;

/// Why a download may not begin.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Others have taken all.
    NoneLeft,
    /// This one has so many already.
    Share(u32),
}

/// A download that may go on; it ends with this value.
#[derive(Debug)]
pub(super) struct Slot {
    taker: Taker,
    taken: Arc<Mutex<Taken>>,
    _permit: OwnedSemaphorePermit,
}

impl Downloads {
    /// None yet, and never more than `most`.
    #[must_use]
    pub fn new(most: u32) -> Self {
        let permits = Arc::new(Semaphore::new(most as usize));
        Self { permits, most, taken: Arc::default(), stop: CancellationToken::new() }
    }

    /// Takes a slot, for a user or else for an address.
    pub(super) fn begin(&self, user: Option<&str>, address: IpAddr) -> Result<Slot, Refused> {
        let taker = user.map_or(Taker::Address(address), |user| Taker::User(user.to_owned()));
        let mut counts = lock(&self.taken);
        let already = counts.get(&taker).copied().unwrap_or_default();
        if already >= self.share() {
            return Err(Refused::Share(already));
        }
        let permit = self.permits.clone().try_acquire_owned().map_err(|_| Refused::NoneLeft)?;
        counts.insert(taker.clone(), already + 1);
        Ok(Slot { taker, taken: self.taken.clone(), _permit: permit })
    }

    /// Half of all: whoever takes that many leaves as many to others.
    fn share(&self) -> u32 {
        self.most.div_ceil(2)
    }

    /// Ends all of them, and waits until each has said so.
    pub(super) async fn end(&self) {
        self.stop.cancel();
        // It is never closed, so this fails for nobody.
        let _all = self.permits.acquire_many(self.most).await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        // Who has none is forgotten: names and addresses come and go.
        match taken.get_mut(&self.taker) {
            Some(more) if *more > 1 => *more -= 1,
            _ => drop(taken.remove(&self.taker)),
        }
    }
}

fn lock(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    // Nothing is left half done by a panic: each change is one call.
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_all_of_them() {
        let address = |last: u8| IpAddr::from([192, 0, 2, last]);
        let downloads = Downloads::new(4);
        let first = downloads.begin(Some("anna"), address(1)).unwrap();
        let _second = downloads.begin(Some("anna"), address(2)).unwrap();
        let third = downloads.begin(Some("anna"), address(3));
        assert_eq!(third.unwrap_err(), Refused::Share(2), "wherever she is");
        let _berta = downloads.begin(Some("berta"), address(1)).unwrap();
        let nobody = downloads.begin(None, address(1)).unwrap();
        assert_eq!(downloads.begin(None, address(2)).unwrap_err(), Refused::NoneLeft);
        drop(first);
        let _again = downloads.begin(Some("anna"), address(1)).unwrap();
        drop(nobody);
        assert_eq!(lock(&downloads.taken).len(), 2, "who has none is forgotten");
    }

    #[test]
    fn the_only_slot_is_anybody_s() {
        let downloads = Downloads::new(1);
        assert!(downloads.begin(Some("anna"), IpAddr::from([192, 0, 2, 1])).is_ok());
    }
}
