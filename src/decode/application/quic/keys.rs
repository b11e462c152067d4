//! Keys of Initial packets (RFC 9001, section 5; RFC 9369, section 3.3).

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey, quic};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};

use super::{FACEBOOK, V2};

const SALT_V1: [u8; 20] = [
    0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad,
    0xcc, 0xbb, 0x7f, 0x0a,
];
const SALT_V2: [u8; 20] = [
    0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb,
    0xf9, 0xbd, 0x2e, 0xd9,
];
/// Drafts 29 to 32.
const SALT_DRAFT_29: [u8; 20] = [
    0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97, 0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0,
    0x43, 0x90, 0xa8, 0x99,
];
/// Drafts 23 to 28.
const SALT_DRAFT_23: [u8; 20] = [
    0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7, 0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65,
    0xbe, 0xf9, 0xf5, 0x02,
];
const LAST_WITH_SALT_23: u32 = 0xff00_001c;
const LAST_WITH_SALT_29: u32 = 0xff00_0020;
const DRAFT: u32 = 0xff00_0000;
/// The sample for header protection stands where the packet number ends when it is longest.
const LONGEST_NUMBER: usize = 4;
const SAMPLE: usize = 16;
const NONCE: usize = 12;

/// What protects the Initial packets that a client sends.
#[derive(Debug)]
pub(super) struct InitialKeys {
    header: [u8; 16],
    key: [u8; 16],
    nonce: [u8; NONCE],
}

impl InitialKeys {
    /// The keys of a connection whose first packet had this destination.
    pub(super) fn of_client(version: u32, destination: &[u8]) -> Option<Self> {
        let salt = match version {
            V2 => &SALT_V2,
            FACEBOOK | DRAFT..=LAST_WITH_SALT_23 => &SALT_DRAFT_23,
            DRAFT..=LAST_WITH_SALT_29 => &SALT_DRAFT_29,
            _ => &SALT_V1,
        };
        let [header, key, nonce] = match version {
            V2 => [b"tls13 quicv2 hp".as_slice(), b"tls13 quicv2 key", b"tls13 quicv2 iv"],
            _ => [b"tls13 quic hp".as_slice(), b"tls13 quic key", b"tls13 quic iv"],
        };
        let initial = Salt::new(HKDF_SHA256, salt).extract(destination);
        let secret = expand::<32>(&initial, b"tls13 client in")?;
        let client = Prk::new_less_safe(HKDF_SHA256, &secret);
        Some(Self {
            header: expand(&client, header)?,
            key: expand(&client, key)?,
            nonce: expand(&client, nonce)?,
        })
    }

    /// The frames of a packet whose packet number stands at `number_at`; `None` when these are
    /// not its keys.
    pub(super) fn open(&self, packet: &[u8], number_at: usize) -> Option<Vec<u8>> {
        let sample_at = number_at + LONGEST_NUMBER;
        let sample = packet.get(sample_at..sample_at + SAMPLE)?;
        let key = quic::HeaderProtectionKey::new(&quic::AES_128, &self.header).ok()?;
        let mask = key.new_mask(sample).ok()?;
        let first = packet.first()? ^ mask[0] & 0x0f;
        let number_length = usize::from(first & 0x03) + 1;
        let (header, frames) = packet.split_at_checked(number_at + number_length)?;
        let mut header = header.to_vec();
        header[0] = first;
        let mut nonce = self.nonce;
        let end_of_nonce = &mut nonce[NONCE - number_length..];
        for ((byte, mask), nonce) in
            header[number_at..].iter_mut().zip(&mask[1..]).zip(end_of_nonce)
        {
            *byte ^= mask;
            // The number is that of one of a connection's first packets: all of it is here.
            *nonce ^= *byte;
        }
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &self.key).ok()?);
        let mut frames = frames.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let length = key.open_in_place(nonce, Aad::from(&header), &mut frames).ok()?.len();
        frames.truncate(length);
        Some(frames)
    }
}

/// HKDF-Expand-Label without a context (RFC 8446, section 7.1).
fn expand<const N: usize>(secret: &Prk, label: &[u8]) -> Option<[u8; N]> {
    let length = u16::try_from(N).ok()?.to_be_bytes();
    let label_length = [u8::try_from(label.len()).ok()?];
    let mut out = [0; N];
    let info = [&length, label_length.as_slice(), label, &[0]];
    secret.expand(&info, Length(N)).ok()?.fill(&mut out).ok()?;
    Some(out)
}

/// Bytes of what is derived.
#[derive(Debug)]
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}
