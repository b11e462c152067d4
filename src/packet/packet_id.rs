use std::fmt;

use base64_simd::URL_SAFE_NO_PAD;

use crate::packet::CapturedPacket;

/// What a capture is recognised by: a hash of its first packet.
///
/// It stays the same when the file is renamed, compressed, converted between pcap and pcapng,
/// or still growing. Two captures may begin alike and share it; their packets still differ in
/// [`PacketId`], which hashes each packet's own bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 16]);

/// The identity of a packet in the archive: the same packet of the same capture always gets
/// the same one, so storing it twice stores it once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PacketId(pub [u8; 16]);

impl Fingerprint {
    /// The fingerprint of the capture that begins with this packet.
    #[must_use]
    pub fn of(first: &CapturedPacket) -> Self {
        let mut hasher = blake3::Hasher::new();
        hash_packet(&mut hasher, first);
        Self(truncated(&hasher))
    }
}

impl PacketId {
    /// The identity of a packet that stands at `frame` of a capture.
    #[must_use]
    pub fn of(capture: Fingerprint, frame: u64, packet: &CapturedPacket) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&capture.0);
        hasher.update(&frame.to_le_bytes());
        hash_packet(&mut hasher, packet);
        Self(truncated(&hasher))
    }
}

impl PacketId {
    /// The identity of what holds these packets in this order.
    #[must_use]
    pub fn of_all(packets: impl IntoIterator<Item = Self>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for packet in packets {
            hasher.update(&packet.0);
        }
        Self(truncated(&hasher))
    }
}

/// Time, link type, lengths and bytes: what both capture formats keep.
fn hash_packet(hasher: &mut blake3::Hasher, packet: &CapturedPacket) {
    let mut head = [0; 26];
    head[..16].copy_from_slice(&packet.timestamp.nanoseconds().to_le_bytes());
    head[16..18].copy_from_slice(&packet.link_type.0.to_le_bytes());
    head[18..22].copy_from_slice(&packet.original_length.to_le_bytes());
    head[22..].copy_from_slice(&packet.captured_length().to_le_bytes());
    hasher.update(&head);
    hasher.update(&packet.data);
}

/// 128 bits: with 10^12 packets the chance of one collision is below 10^-14.
fn truncated(hasher: &blake3::Hasher) -> [u8; 16] {
    let mut id = [0; 16];
    hasher.finalize_xof().fill(&mut id);
    id
}

/// 32 hexadecimal digits: texts sort as the bytes do, so stores that sort by text agree with
/// those that sort by bytes.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl Fingerprint {
    /// Reads the text form; `None` when it is something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != 32 || !text.bytes().all(is_digit) {
            return None;
        }
        Some(Self(u128::from_str_radix(text, 16).ok()?.to_be_bytes()))
    }
}

/// URL-safe base64 without padding, 22 characters. Elasticsearch keeps an `_id` of this form as
/// 16 bytes.
impl fmt::Display for PacketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode_to_string(self.0))
    }
}

impl PacketId {
    /// Reads the text form; `None` when it is something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode_to_vec(text).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::packet::{LinkType, Timestamp};

    fn packet(data: &'static [u8]) -> CapturedPacket {
        CapturedPacket {
            timestamp: Timestamp::from_nanoseconds(1_700_000_000_123_456_789),
            link_type: LinkType::ETHERNET,
            original_length: 60,
            data: Bytes::from_static(data),
            extras: None,
        }
    }

    #[test]
    fn equal_packets_of_one_capture_differ_by_frame_only() {
        let capture = Fingerprint::of(&packet(b"abc"));
        let first = PacketId::of(capture, 1, &packet(b"abc"));
        assert_eq!(first, PacketId::of(capture, 1, &packet(b"abc")));
        assert_ne!(first, PacketId::of(capture, 2, &packet(b"abc")));
        assert_ne!(first, PacketId::of(capture, 1, &packet(b"abd")));
    }

    #[test]
    fn text_form_round_trips() {
        let id = PacketId::of(Fingerprint::of(&packet(b"x")), 7, &packet(b"x"));
        assert_eq!(id.to_string().len(), 22);
        assert_eq!(PacketId::parse(&id.to_string()), Some(id));
        assert_eq!(PacketId::parse("short"), None);
    }

    #[test]
    fn fingerprints_sort_as_text() {
        let fingerprints = [0, 1, 0x0f, 0x10, 0x9f, 0xa0, 0xff].map(|byte| Fingerprint([byte; 16]));
        let texts = fingerprints.map(|fingerprint| fingerprint.to_string());
        assert!(texts.is_sorted(), "{texts:?}");
        for (fingerprint, text) in fingerprints.iter().zip(&texts) {
            assert_eq!(Fingerprint::parse(text), Some(*fingerprint));
        }
        for text in ["", "+f", &"F".repeat(32), &"a".repeat(31), &format!("+{}", "a".repeat(31))] {
            assert_eq!(Fingerprint::parse(text), None, "{text}");
        }
    }

    /// The identity is the archive's memory: if it changes, everything is stored a second time.
    #[test]
    fn identity_is_pinned() {
        let id = PacketId::of(Fingerprint::of(&packet(b"abc")), 1, &packet(b"abc"));
        assert_eq!(id.to_string(), "o95Rshl6mwfYjI9S6ll9ug");
    }
}
