use std::fmt;

use crate::packet::PacketId;

/// The way that a reader has come through a capture: how many frames, and a hash over all their
/// identities in order.
///
/// Two files whose trails are equal after the same number of frames are equal up to there, in
/// every packet. So what has been stored of a capture can be recognised and stepped over.
#[derive(Debug, Clone, Default)]
pub struct Trail {
    frames: u64,
    hasher: blake3::Hasher,
}

/// A place on a [`Trail`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    /// Packets up to here.
    pub frames: u64,
    /// The hash over their identities; all zero where there are none.
    pub digest: Digest,
}

/// The hash of a [`Mark`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Digest(pub [u8; 16]);

impl Trail {
    /// Goes one frame further.
    pub fn add(&mut self, id: PacketId) {
        self.frames += 1;
        self.hasher.update(&id.0);
    }

    /// Packets so far.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// The place that has been reached.
    #[must_use]
    pub fn mark(&self) -> Mark {
        let mut digest = Digest::default();
        if self.frames > 0 {
            self.hasher.finalize_xof().fill(&mut digest.0);
        }
        Mark { frames: self.frames, digest }
    }
}

/// 32 hexadecimal digits.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl Digest {
    /// Reads the text form; `None` when it is something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_hexadecimal = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hexadecimal
            .then(|| u128::from_str_radix(text, 16).ok())?
            .map(u128::to_be_bytes)
            .map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trail_knows_number_order_and_identity_of_packets() {
        let mark = |ids: &[u8]| {
            let mut trail = Trail::default();
            for id in ids {
                trail.add(PacketId([*id; 16]));
            }
            trail.mark()
        };
        assert_eq!(mark(&[]), Mark::default());
        assert_eq!(mark(&[1, 2]), mark(&[1, 2]));
        assert_eq!(mark(&[1, 2]).frames, 2);
        for other in [&[2, 1][..], &[1], &[1, 2, 3], &[1, 3]] {
            assert_ne!(mark(&[1, 2]).digest, mark(other).digest);
        }
        let digest = mark(&[1, 2]).digest;
        assert_eq!(Digest::parse(&digest.to_string()), Some(digest));
        assert_eq!(Digest::parse("+1"), None);
    }
}
