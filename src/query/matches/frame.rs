//! A packet as libpcap's programs see it: bytes, and where the headers begin in them.

use crate::packet::CapturedPacket;
use crate::query::matches::encapsulation::Inside;
use crate::query::matches::link::Link;

/// The packet ends before what was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut;

/// Bytes and places. All places count from the first byte of the packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'p> {
    pub(super) bytes: &'p [u8],
    /// Bytes on the wire.
    pub(super) length: u32,
    /// How the header at `header` is read.
    pub(super) link: Link,
    /// The header of the link layer, behind what a radio puts before it.
    pub(super) header: usize,
    /// The field that tells the protocol above; for link types that have one.
    pub(super) link_type: usize,
    /// What the link layer carries, with an LLC header if there is one.
    pub(super) payload: usize,
    /// From `payload` to the network header: an LLC and SNAP header, where there always is one.
    pub(super) to_network: usize,
    /// The same where LLC stands without SNAP.
    pub(super) to_network_without_snap: usize,
    /// The same field before VLAN tags.
    pub(super) first_type: usize,
    /// From `header` to the addresses of source and destination, where they stand at one place.
    pub(super) addresses: Option<(usize, usize)>,
    /// VLAN tags in front of `link_type`.
    pub(super) tags: usize,
    /// MPLS labels in front of the network header.
    pub(super) labels: usize,
    /// The bytes are those of a packet in a Geneve tunnel without a link layer.
    pub(super) is_bare: bool,
}

impl<'p> Frame<'p> {
    /// The packet that a condition looks at.
    pub(super) fn of(packet: &'p CapturedPacket, inside: Inside) -> Result<Self, Cut> {
        let link = Link::of(packet);
        let frame = link.frame(packet.link_type, &packet.data, packet.original_length);
        frame.behind_tags().inside(inside)
    }

    pub(super) fn byte(&self, at: usize) -> Result<u8, Cut> {
        self.bytes.get(at).copied().ok_or(Cut)
    }

    pub(super) fn half(&self, at: usize) -> Result<u16, Cut> {
        self.array(at).map(u16::from_be_bytes)
    }

    pub(super) fn word(&self, at: usize) -> Result<u32, Cut> {
        self.array(at).map(u32::from_be_bytes)
    }

    /// Bytes as they stand there.
    pub(super) fn array<const N: usize>(&self, at: usize) -> Result<[u8; N], Cut> {
        let bytes = self.bytes.get(at..).ok_or(Cut)?;
        bytes.first_chunk().copied().ok_or(Cut)
    }

    /// Where the network header begins.
    pub(super) fn network(&self) -> usize {
        self.payload + self.to_network
    }

    /// Where the header begins that an IPv4 header carries.
    pub(super) fn above_ipv4(&self) -> Result<usize, Cut> {
        let network = self.network();
        Ok(network + 4 * usize::from(self.byte(network)? & 0x0f))
    }
}
