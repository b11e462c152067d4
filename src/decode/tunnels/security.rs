//! ESP through address translation (RFC 3948).

use crate::decode::{Step, transport, u32_at};
use crate::packet::Layers;

/// In front of IKE instead of a security parameters index.
const NOT_ESP: u32 = 0;
/// Index and sequence number.
const ESP_HEADER: usize = 8;

pub(super) fn over_udp<'a>(data: &'a [u8], layers: &mut Layers) -> Option<Step<'a>> {
    let index = u32_at(data, 0)?;
    (index != NOT_ESP && data.len() > ESP_HEADER).then(|| transport::security_payload(data, layers))
}
