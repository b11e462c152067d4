//! Keys of Initial packets (RFC 9001, section 5; RFC 9369, section 3.3).

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey, quic};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};

use super::{V1, V2};

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
const SALT_DRAFT_22: [u8; 20] = [
    0x7f, 0xbc, 0xdb, 0x0e, 0x7c, 0x66, 0xbb, 0xe9, 0x19, 0x3a, 0x96, 0xcd, 0x21, 0x51, 0x9e, 0xbd,
    0x7a, 0x02, 0x64, 0x4a,
];
/// Google's `T050` and `T051`.
const SALT_T050: [u8; 20] = [
    0x7f, 0xf5, 0x79, 0xe5, 0xac, 0xd0, 0x72, 0x91, 0x55, 0x80, 0x30, 0x4c, 0x43, 0xa2, 0x36, 0x7c,
    0x60, 0x48, 0x83, 0x10,
];
const SALT_T051: [u8; 20] = [
    0x7a, 0x4e, 0xde, 0xf4, 0xe7, 0xcc, 0xee, 0x5f, 0xa4, 0x50, 0x6c, 0x19, 0x12, 0x4f, 0xc8, 0xcc,
    0xda, 0x6e, 0x03, 0x3d,
];
/// Versions, and the salt that each of them uses.
const VERSIONS: &[(std::ops::RangeInclusive<u32>, &[u8; 20])] = &[
    (V1..=V1, &SALT_V1),
    (V2..=V2, &SALT_V2),
    (0xff00_0021..=0xff00_0022, &SALT_V1),
    (0xff00_001d..=0xff00_0020, &SALT_DRAFT_29),
    (0xff00_0017..=0xff00_001c, &SALT_DRAFT_23),
    (0xff00_0016..=0xff00_0016, &SALT_DRAFT_22),
    (0x5430_3530..=0x5430_3530, &SALT_T050),
    (0x5430_3531..=0x5430_3531, &SALT_T051),
];
/// What versions of somebody's own, and those that are only there to be refused (RFC 9000,
/// section 15), are built on.
const BASES: &[&[u8; 20]] = &[&SALT_V1, &SALT_DRAFT_29, &SALT_DRAFT_23, &SALT_DRAFT_22];
/// The sample for header protection stands where the packet number ends when it is longest.
const LONGEST_NUMBER: usize = 4;
const SAMPLE: usize = 16;
const NONCE: usize = 12;

/// Whether it is known how a version protects its Initial packets.
pub(super) fn is_known(version: u32) -> bool {
    salt(version).is_some()
}

fn salt(version: u32) -> Option<&'static [u8; 20]> {
    VERSIONS.iter().find(|(versions, _)| versions.contains(&version)).map(|(_, salt)| *salt)
}

/// The frames of a client's Initial packet with this destination, whose packet number stands at
/// `number_at`. Wrong keys open nothing, so those of an unknown version can be tried.
pub(super) fn open(
    version: u32,
    destination: &[u8],
    packet: &[u8],
    number_at: usize,
) -> Option<Vec<u8>> {
    let own = salt(version);
    let salts = own.as_slice();
    let salts = if salts.is_empty() { BASES } else { salts };
    salts.iter().find_map(|salt| {
        InitialKeys::of_client(version, salt, destination)?.open(packet, number_at)
    })
}

/// What protects the Initial packets that a client sends.
#[derive(Debug)]
struct InitialKeys {
    header: [u8; 16],
    key: [u8; 16],
    nonce: [u8; NONCE],
}

impl InitialKeys {
    /// The keys of a connection whose first packet had this destination.
    fn of_client(version: u32, salt: &[u8; 20], destination: &[u8]) -> Option<Self> {
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
    fn open(&self, packet: &[u8], number_at: usize) -> Option<Vec<u8>> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::application::Ports;
    use crate::packet::{Message, Quic};

    /// The CRYPTO frame of RFC 9001, appendix A.2, and of RFC 9369, appendix A.2.
    const FRAME: &str = "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e868\
        04fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578\
        616d706c652e636f6dff01000100000a00080006001d00170018001000070005\
        04616c706e000500050100000000003300260024001d00209370b2c9caa47fba\
        baf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b000302030400\
        0d0010000e0403050306030203080408050806002d00020101001c0002400100\
        3900320408ffffffffffffffff05048000ffff07048000ffff08011001048000\
        75300901100f088394c8f03e51570806048000ffff";
    const FRAMES: usize = 1162;
    const PORTS: Ports = Ports { source: 50_000, destination: 443 };

    fn bytes(hexadecimal: &str) -> Vec<u8> {
        let digits = hexadecimal.as_bytes().chunks_exact(2);
        digits.map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap()).collect()
    }

    /// Protects a packet whose packet number of four bytes ends its header.
    fn protect(version: u32, header: &[u8], frames: &[u8]) -> Vec<u8> {
        let number_at = header.len() - 4;
        let salt = salt(version).unwrap_or(&SALT_DRAFT_29);
        let keys = InitialKeys::of_client(version, salt, &bytes("8394c8f03e515708")).unwrap();
        let mut nonce = keys.nonce;
        for (nonce, number) in nonce[NONCE - 4..].iter_mut().zip(&header[number_at..]) {
            *nonce ^= number;
        }
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &keys.key).unwrap());
        let mut sealed = frames.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(nonce, Aad::from(header), &mut sealed).unwrap();
        let mut packet = [header, &sealed].concat();
        let key = quic::HeaderProtectionKey::new(&quic::AES_128, &keys.header).unwrap();
        let mask = key.new_mask(&packet[number_at + 4..number_at + 20]).unwrap();
        packet[0] ^= mask[0] & 0x0f;
        for (byte, mask) in packet[number_at..].iter_mut().zip(&mask[1..]) {
            *byte ^= mask;
        }
        packet
    }

    fn initial(version: u32, first: u8, frames: &[u8]) -> Vec<u8> {
        let mut padded = frames.to_vec();
        padded.resize(FRAMES, 0);
        let mut header = vec![first];
        header.extend(version.to_be_bytes());
        header.extend(bytes("088394c8f03e5157080000449e00000002"));
        protect(version, &header, &padded)
    }

    fn read(datagram: &[u8]) -> (Quic, Vec<&'static str>) {
        let details = super::super::decode(PORTS, datagram).unwrap().details.unwrap();
        let Message::Quic(quic) = details.message else { panic!("QUIC") };
        (*quic, details.notes)
    }

    #[test]
    fn initial_packets_of_the_standards() {
        for (version, first, protected) in [
            (1, 0xc3, "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11"),
            (V2, 0xd3, "d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485"),
        ] {
            let packet = initial(version, first, &bytes(FRAME));
            assert_eq!(packet[..32], bytes(protected), "the packet is that of the RFC");
            let (quic, notes) = read(&packet);
            assert_eq!(quic.version, version);
            assert_eq!(quic.packets, ["initial"]);
            assert_eq!(quic.connection_ids, ["8394c8f03e515708"]);
            let client = quic.tls.unwrap().client.unwrap();
            assert_eq!(client.server_name.as_deref(), Some("example.com"));
            assert_eq!(client.alpn, ["alpn"]);
            assert!(client.ja4.unwrap().starts_with("q13d0211an_"));
            assert!(notes.is_empty());
        }
    }

    /// The keys that the drafts' appendix A derives from the connection id of the standard.
    #[test]
    fn keys_of_the_drafts() {
        for (version, key, nonce, header) in [
            (
                0xff00_001b,
                "af7fd7efebd21878ff66811248983694",
                "8681359410a70bb9c92f0420",
                "a980b8b4fb7d9fbc13e814c23164253d",
            ),
            (
                0xff00_001d,
                "175257a31eb09dea9366d8bb79ad80ba",
                "6b26114b9cba2b63a9e8dd4f",
                "9ddd12c994c0698b89374a9c077a3077",
            ),
        ] {
            let destination = bytes("8394c8f03e515708");
            let salt = salt(version).unwrap();
            let keys = InitialKeys::of_client(version, salt, &destination).unwrap();
            assert_eq!(keys.key.as_slice(), bytes(key));
            assert_eq!(keys.nonce.as_slice(), bytes(nonce));
            assert_eq!(keys.header.as_slice(), bytes(header));
        }
    }

    #[test]
    fn keys_of_a_known_version_are_tried_with_an_unknown_one() {
        for version in [0x1a2a_3a4a, 0xface_b00e] {
            let (quic, notes) = read(&initial(version, 0xc3, &bytes(FRAME)));
            assert_eq!((quic.version, quic.packets), (version, vec!["initial"]));
            let client = quic.tls.unwrap().client.unwrap();
            assert_eq!(client.server_name.as_deref(), Some("example.com"));
            assert!(notes.is_empty());
        }
        let mut damaged = initial(0x1a2a_3a4a, 0xc3, &bytes(FRAME));
        *damaged.last_mut().unwrap() ^= 1;
        let (quic, notes) = read(&damaged);
        assert_eq!((quic.packets.as_slice(), quic.tls, notes), (&[][..], None, vec![]));
    }

    #[test]
    fn pieces_in_any_order_and_packets_behind_each_other() {
        let frame = bytes(FRAME);
        let hello = &frame[4..];
        let piece = |at: usize, part: &[u8]| {
            let [high, low] = u16::try_from(at).unwrap().to_be_bytes();
            let length = u8::try_from(part.len()).unwrap();
            [&[6, 0x40 | high, low, 0x40, length], part].concat()
        };
        let later = [vec![1], piece(100, &hello[100..])].concat();
        let earlier = [vec![2, 0, 0, 0, 0], piece(0, &hello[..60]), piece(40, &hello[40..100])];
        let datagram = [initial(1, 0xc3, &later), initial(1, 0xc3, &earlier.concat())].concat();
        let (quic, notes) = read(&datagram);
        let client = quic.tls.unwrap().client.unwrap();
        assert_eq!(client.server_name.as_deref(), Some("example.com"));
        assert!(client.ja3.is_some() && notes.is_empty());
        // The beginning alone gives what stands in it; the end alone gives nothing.
        let (quic, notes) = read(&initial(1, 0xc3, &earlier.concat()));
        let client = quic.tls.unwrap().client.unwrap();
        assert_eq!((client.server_name.as_deref(), client.ja3), (Some("example.com"), None));
        assert_eq!(notes.len(), 1);
        let (quic, notes) = read(&initial(1, 0xc3, &later));
        assert_eq!(quic.tls, None);
        assert!(notes[0].contains("does not begin"));
    }

    #[test]
    fn what_cannot_be_decrypted_is_named() {
        let mut damaged = initial(1, 0xc3, &bytes(FRAME));
        let packet = damaged.clone();
        *damaged.last_mut().unwrap() ^= 1;
        assert_eq!(read(&damaged).0.tls, None);
        let (quic, notes) = read(&packet[..200]);
        assert_eq!((quic.packets, quic.tls), (vec!["initial"], None));
        assert!(notes[0].contains("cut"));
        let handshake = bytes("e0000000010408f067a50408f067a5401501020304");
        assert_eq!(read(&handshake).0.packets, ["handshake"]);
        let retry =
            bytes("ff000000010008f067a5502a4262b5746f6b656e04a265ba2eff4d829058fb3f0f2496ba");
        assert_eq!(read(&retry).0.packets, ["retry"]);
        let negotiation = bytes("80000000000408f067a500000000010a0a0a0a");
        assert_eq!(read(&negotiation).0.packets, ["version_negotiation"]);
    }

    #[test]
    fn other_datagrams_are_not_taken() {
        for other in [
            "80000000000408f067a500deadbeef",
            "4000000001088394c8f03e5157080000",
            "c0000000011588",
            "c012345678040102030400",
        ] {
            assert!(super::super::decode(PORTS, &bytes(other)).is_none(), "{other}");
        }
    }
}
