//! Bytes → layers.
use crate::packet::{CapturedPacket, Layers};
/// Decodes.
#[must_use]
pub fn decode(_packet: &CapturedPacket) -> Layers {
    Layers::default()
}
