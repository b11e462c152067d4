//! A place in the order of packets.

use base64_simd::URL_SAFE_NO_PAD;

use crate::document::sequence;
use crate::packet::{Fingerprint, PacketId, PacketRecord};
use crate::query::Order;

/// What packets are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) time: i64,
    capture: Fingerprint,
    frame: i64,
    id: PacketId,
}

impl Place {
    pub(super) fn of(record: &PacketRecord) -> Self {
        let stored = &record.stored;
        Self {
            time: stored.packet.timestamp.indexed(),
            capture: stored.origin.capture,
            frame: sequence(stored.origin.frame),
            id: stored.id(),
        }
    }

    /// Whether it comes later than another one.
    pub(super) fn is_behind(&self, other: &Self, order: Order) -> bool {
        match order {
            Order::Time => (self.time, self.frame, self.id) > (other.time, other.frame, other.id),
            Order::Frame => {
                (self.capture, self.frame, self.id) > (other.capture, other.frame, other.id)
            }
        }
    }

    /// As a parameter of a request.
    pub(super) fn text(&self) -> String {
        let mut bytes = Vec::with_capacity(48);
        bytes.extend(self.time.to_be_bytes());
        bytes.extend(self.capture.0);
        bytes.extend(self.frame.to_be_bytes());
        bytes.extend(self.id.0);
        URL_SAFE_NO_PAD.encode_to_string(bytes)
    }

    /// Reads the text form; `None` when it is something else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode_to_vec(text).ok()?;
        let (time, rest) = bytes.split_first_chunk()?;
        let (capture, rest) = rest.split_first_chunk()?;
        let (frame, id) = rest.split_first_chunk()?;
        Some(Self {
            time: i64::from_be_bytes(*time),
            capture: Fingerprint(*capture),
            frame: i64::from_be_bytes(*frame),
            id: PacketId(id.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_comes_back() {
        let place = Place {
            time: -1,
            capture: Fingerprint([3; 16]),
            frame: i64::MAX,
            id: PacketId([0xfe; 16]),
        };
        assert_eq!(Place::parse(&place.text()), Some(place));
        for text in ["", "AAAA", "*", &format!("{}A", place.text())] {
            assert_eq!(Place::parse(text), None, "{text}");
        }
    }
}
