//! Packet bytes → [`Layers`].
//!
//! Decoding is total: it never fails and never panics. What cannot be read ends the decoding,
//! is named in [`Layers::stop`], and the layers before it are kept.

mod application;
mod extensions;
mod internet;
mod link;
mod transport;

use std::fmt;

use crate::packet::{CapturedPacket, Layers, Stop};

/// What the bytes of a packet say.
#[must_use]
pub fn decode(packet: &CapturedPacket) -> Layers {
    let mut layers = Layers::default();
    let outcome = link::decode(packet.link_type, &packet.data, &mut layers);
    layers.stop = outcome.err();
    layers
}

/// A layer was read, or decoding ends here.
type Outcome = Result<(), Stop>;

fn stop(layer: &'static str, reason: impl fmt::Display) -> Stop {
    Stop { layer, reason: format!("{reason}") }
}

#[cfg(test)]
mod tests;
