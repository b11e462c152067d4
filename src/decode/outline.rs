//! Which bytes of a packet each layer stands in.

use std::ops::Range;

use crate::decode::guard::guarded;
use crate::decode::{Next, walk};
use crate::packet::{CapturedPacket, Layers};

/// A layer, or several that are read together, with its place in the packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Names in [`Layers::names`]; none of bytes that nobody knows how to read.
    pub names: Vec<&'static str>,
    /// Its bytes among those of the packet, without what it carries.
    pub bytes: Range<usize>,
    /// Which of [`Layers::networks`] it brought, if it did.
    pub network: Option<usize>,
    /// Whether they are what TCP or UDP carries.
    pub is_payload: bool,
}

/// What [`decode`](super::decode) finds, and where, outermost first. Parts do not overlap.
#[must_use]
pub fn outline(packet: &CapturedPacket) -> (Layers, Vec<Part>) {
    guarded(packet, || read(packet))
}

fn read(packet: &CapturedPacket) -> (Layers, Vec<Part>) {
    let mut marks = Vec::new();
    let layers = walk(packet, |layers, next| {
        marks.push(Mark {
            names: layers.names.len(),
            networks: layers.networks.len(),
            bytes: place(&packet.data, next.data()),
            is_payload: matches!(next, Next::Segment(..) | Next::Datagram(..)),
        });
    });
    let end = packet.data.len();
    marks.push(Mark {
        names: layers.names.len(),
        networks: layers.networks.len(),
        bytes: end..end,
        is_payload: false,
    });
    let parts = marks.windows(2).map(|pair| part(&pair[0], &pair[1], &layers));
    let parts = parts.filter(|part| !part.names.is_empty() || !part.bytes.is_empty()).collect();
    (layers, parts)
}

/// What had been found before a step, and the bytes that it was given.
struct Mark {
    names: usize,
    networks: usize,
    bytes: Range<usize>,
    is_payload: bool,
}

fn part(mark: &Mark, next: &Mark, layers: &Layers) -> Part {
    let Range { start, end } = mark.bytes;
    Part {
        names: layers.names[mark.names..next.names].to_vec(),
        // What a header carries stands behind it, and may end before a trailer.
        bytes: start..end.min(next.bytes.start.max(start)),
        is_payload: mark.is_payload,
        network: (next.networks > mark.networks).then_some(mark.networks),
    }
}

/// Where `part` stands in `whole`; at its end where it is no part of it, as a slice of nothing is.
fn place(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
    match start.checked_add(part.len()) {
        Some(end) if end <= whole.len() => start..end,
        _ => whole.len()..whole.len(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::packet::{LinkType, Timestamp};

    fn outline_of(data: &[u8]) -> Vec<(Vec<&'static str>, Range<usize>)> {
        let packet = CapturedPacket {
            timestamp: Timestamp::default(),
            link_type: LinkType::ETHERNET,
            original_length: 0,
            data: Bytes::copy_from_slice(data),
            extras: None,
        };
        outline(&packet).1.into_iter().map(|part| (part.names, part.bytes)).collect()
    }

    /// Ethernet, IPv4 and UDP from port 5353, with an Ethernet trailer.
    fn frame(payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![2; 12];
        frame.extend([8, 0, 0x45, 0, 0]);
        frame.push(28 + u8::try_from(payload.len()).unwrap());
        frame
            .extend([0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0x14, 0xe9, 0x14, 0xe9]);
        frame.extend([0, 8 + u8::try_from(payload.len()).unwrap(), 0, 0]);
        frame.extend(payload);
        frame.extend([0; 4]);
        frame
    }

    #[test]
    fn each_header_has_its_bytes_and_the_payload_its_own() {
        assert_eq!(
            outline_of(&frame(b"???")),
            [
                (vec!["ethernet"], 0..14),
                (vec!["ipv4"], 14..34),
                (vec!["udp"], 34..42),
                (vec![], 42..45)
            ]
        );
    }

    #[test]
    fn what_is_cut_ends_where_the_packet_ends() {
        assert_eq!(
            outline_of(&frame(b"")[..20]),
            [(vec!["ethernet"], 0..14), (vec!["ipv4"], 14..20)]
        );
        assert_eq!(outline_of(&[]), []);
    }
}
