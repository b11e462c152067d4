use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of packets that may be on their way between file and store. Each packet may stand in
/// memory up to three times: as read, as a document, and as a request body.
const IN_FLIGHT: usize = 24 << 20;
/// The unit in which the budget is counted, since a semaphore counts in 32 bits.
const UNIT: usize = 1 << 10;
/// What a packet costs beside its bytes: its structs and decoded layers.
const PER_PACKET: usize = 768;

/// Bounds the memory of the whole pipeline: the reader waits until the store has taken enough.
#[derive(Debug, Clone)]
pub(super) struct Budget(Arc<Semaphore>);

/// A part of the budget, given back when dropped.
#[derive(Debug, Default)]
pub(super) struct Share(Vec<OwnedSemaphorePermit>);

impl Budget {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(IN_FLIGHT / UNIT)))
    }

    /// What packets with `bytes` bytes of data cost.
    pub(super) fn cost(packets: usize, bytes: usize) -> usize {
        packets * PER_PACKET + bytes
    }

    /// Waits for room, on a thread that may block. `None` when the pipeline has ended.
    ///
    /// A packet larger than the whole budget takes all of it, and passes alone.
    pub(super) fn take(&self, cost: usize, runtime: &Handle) -> Option<Share> {
        let units = cost.div_ceil(UNIT).clamp(1, IN_FLIGHT / UNIT);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        let permit = runtime.block_on(self.0.clone().acquire_many_owned(units)).ok()?;
        Some(Share(vec![permit]))
    }

    /// Bytes that are on their way.
    pub(super) fn in_flight(&self) -> usize {
        IN_FLIGHT - self.0.available_permits() * UNIT
    }

    /// Ends all waiting.
    pub(super) fn close(&self) {
        self.0.close();
    }
}

impl Share {
    /// Takes over another share.
    pub(super) fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}
