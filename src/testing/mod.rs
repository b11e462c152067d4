//! What every [`PacketStore`] must do, as one suite that each of them passes, and packets to
//! test with. Built only with the feature `testing`.

#![expect(clippy::expect_used, reason = "a test suite fails by panicking")]

mod conformance;
mod counts;
mod packets;
mod retention;

use std::sync::Arc;

use async_trait::async_trait;

use crate::store::{PacketStore, SetupOptions};
pub use conformance::conformance;
pub use packets::{CaptureBuilder, tcp_frame, udp_frame};

/// Makes stores of one kind for the suite.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// A store that is set up like this and empty, another one at each call.
    async fn set_up(&self, options: &SetupOptions) -> Arc<dyn PacketStore>;

    /// The same, set up as usual.
    async fn fresh(&self) -> Arc<dyn PacketStore> {
        self.set_up(&SetupOptions::default()).await
    }

    /// Whether documents of a store of this kind are single packets. Where not, only reading tells
    /// numbers of packets, and what comes in other parts than before is stored again, and given
    /// back once.
    fn stores_singles(&self) -> bool {
        true
    }

    /// The same packets through a new handle, as another process would open them.
    async fn reopen(&self, store: Arc<dyn PacketStore>) -> Arc<dyn PacketStore>;
}
