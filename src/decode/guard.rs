//! A bug of the decoder that one packet strikes costs the packet its fields, and nothing else: its
//! bytes are the evidence.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use tracing::error;

use crate::packet::{CapturedPacket, Layers, Stop};

/// Why decoding ended where it panicked; in [`Layers::stop`].
pub const FAILED: &str = "the decoder failed, which is a bug in it";

/// What `decode` finds; nothing, when it panics.
pub(super) fn guarded<T: Default>(
    packet: &CapturedPacket,
    decode: impl FnOnce() -> (Layers, T),
) -> (Layers, T) {
    static TOLD: Once = Once::new();
    // What a panic left half done is dropped with it: nothing is shared.
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| {
        TOLD.call_once(|| {
            error!(
                time = %packet.timestamp,
                link_type = ?packet.link_type,
                captured_length = packet.data.len(),
                "a packet that the decoder fails on, which is a bug: it stays undecoded"
            );
        });
        let stop = Stop { layer: "packet", reason: FAILED.to_owned() };
        (Layers { stop: Some(stop), ..Layers::default() }, T::default())
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::packet::{LinkType, Timestamp};

    #[test]
    fn a_packet_that_the_decoder_fails_on_stays_undecoded() {
        let packet = CapturedPacket {
            timestamp: Timestamp::default(),
            link_type: LinkType::RAW,
            original_length: 3,
            data: Bytes::from_static(b"abc"),
            extras: None,
        };
        let (layers, parts) = guarded(&packet, || -> (_, Vec<u8>) { panic!("made by the test") });
        assert!(layers.names.is_empty() && parts.is_empty());
        assert_eq!(layers.stop.unwrap().reason, FAILED);
    }
}
