//! SSH: the line that each side begins with (RFC 4253, section 4.2).

use super::{Found, http::Lines, text};
use crate::packet::Exchange;

pub(super) fn decode(payload: &[u8]) -> Option<Found> {
    if !payload.starts_with(b"SSH-") {
        return None;
    }
    // `SSH-protoversion-softwareversion SP comments`; the line may be cut.
    let line = Lines(payload).next().unwrap_or(payload);
    let mut parts = line.splitn(3, |byte| *byte == b'-').skip(1);
    let version = parts.next().and_then(text);
    let software = parts.next().and_then(text);
    Some(Found::with(&["ssh"], Exchange { version, software, ..Exchange::default() }))
}
