//! Packet bytes → [`Layers`].
//!
//! Decoding is total: it never fails and never panics. What cannot be read ends the decoding,
//! is named in [`Layers::stop`], and the layers before it are kept. Who finds out that it panics
//! all the same gets the packet undecoded: `guard`.
//!
//! Each layer reads its header, notes what it found, and says what comes `Next`; the loop in
//! [`decode`] goes on with that. So the depth is bounded in one place, and the stack stays flat.

mod application;
mod ethernet;
mod extensions;
mod fragments;
mod guard;
mod icmp;
mod internet;
mod link;
mod local;
mod outline;
mod ppp;
mod tags;
mod transport;
mod tunnels;
mod wireless;

use std::fmt;

use crate::packet::{CapturedPacket, Layers, LinkType, Stop, Tunnel, TunnelId};
pub use fragments::Fragments;
pub use guard::FAILED;
use guard::guarded;
pub use outline::{Part, outline};

/// Layers that are looked at. Honest packets have about ten; a packet that is made of nothing
/// but nested headers must not cost more than others.
pub const MOST_LAYERS: usize = 32;

/// What the bytes of a packet say.
#[must_use]
pub fn decode(packet: &CapturedPacket) -> Layers {
    guarded(packet, || (walk(packet, |_, _| {}), ())).0
}

/// Decodes, and shows before each step what has been found and what comes next.
fn walk<'a>(packet: &'a CapturedPacket, mut look: impl FnMut(&Layers, Next<'a>)) -> Layers {
    let mut layers = Layers::default();
    let original = usize::try_from(packet.original_length).unwrap_or(usize::MAX);
    let missing = original.saturating_sub(packet.data.len());
    let mut next = Next::Captured(packet.link_type, &packet.data, missing);
    for _ in 0..MOST_LAYERS {
        look(&layers, next);
        match step(next, &mut layers) {
            Ok(Some(following)) => next = following,
            Ok(None) => return layers,
            Err(stop) => {
                layers.stop = Some(stop);
                return layers;
            }
        }
    }
    layers.stop = Some(too_deep());
    layers
}

/// Bytes that are still to be read, and as what.
#[derive(Debug, Clone, Copy)]
enum Next<'a> {
    /// The packet as it was captured, and how many bytes at its end were not.
    Captured(LinkType, &'a [u8], usize),
    /// A frame of this link type.
    Link(LinkType, &'a [u8]),
    /// An Ethernet frame inside of something.
    Ethernet(&'a [u8]),
    /// What an EtherType announces.
    EtherType(u16, &'a [u8]),
    /// IEEE 802.2 logical link control.
    Llc(&'a [u8]),
    /// A PPP frame, perhaps with address and control bytes.
    Ppp(&'a [u8]),
    /// IPv4 or IPv6, by the first four bits.
    Ip(&'a [u8]),
    /// What an IP header announces.
    Carried(Carried<'a>),
    /// The payload of a TCP segment.
    Segment(Ports, &'a [u8]),
    /// The payload of a UDP datagram.
    Datagram(Ports, &'a [u8]),
}

impl<'a> Next<'a> {
    fn data(self) -> &'a [u8] {
        match self {
            Next::Captured(_, data, _)
            | Next::Link(_, data)
            | Next::Ethernet(data)
            | Next::EtherType(_, data)
            | Next::Llc(data)
            | Next::Ppp(data)
            | Next::Ip(data)
            | Next::Carried(Carried { data, .. })
            | Next::Segment(_, data)
            | Next::Datagram(_, data) => data,
        }
    }
}

/// The payload of an IP packet.
#[derive(Debug, Clone, Copy)]
struct Carried<'a> {
    /// IANA protocol number.
    protocol: u8,
    /// As much of it as was captured.
    data: &'a [u8],
    /// Its length by the IP header; more than `data` when the packet was cut.
    length: usize,
    /// Version of the IP header.
    family: extensions::Family,
}

/// The two ports of a conversation.
#[derive(Debug, Clone, Copy)]
struct Ports {
    source: u16,
    destination: u16,
}

impl Ports {
    /// Whether one of them is one of these.
    fn any(self, ports: &[u16]) -> bool {
        ports.contains(&self.source) || ports.contains(&self.destination)
    }
}

/// A layer was read, and this comes next; or decoding ends here.
type Step<'a> = Result<Option<Next<'a>>, Stop>;

fn step<'a>(next: Next<'a>, layers: &mut Layers) -> Step<'a> {
    match next {
        Next::Captured(link_type, data, missing) => {
            link::captured(link_type, data, missing, layers)
        }
        Next::Link(link_type, data) => link::decode(link_type, data, layers),
        Next::Ethernet(data) => ethernet::frame(data, layers),
        Next::EtherType(number, data) => ethernet::ether_type(number, data, layers),
        Next::Llc(data) => ethernet::llc(data, layers),
        Next::Ppp(data) => ppp::frame(data, layers),
        Next::Ip(data) => internet::ip(data, layers),
        Next::Carried(carried) => transport::decode(carried, layers),
        Next::Segment(ports, payload) => {
            application::over_tcp(ports, payload, layers);
            Ok(None)
        }
        Next::Datagram(ports, payload) => {
            application::over_udp(ports, payload, layers);
            Ok(None)
        }
    }
}

fn stop(layer: &'static str, reason: impl fmt::Display) -> Stop {
    Stop { layer, reason: format!("{reason}") }
}

fn cut(layer: &'static str) -> Stop {
    stop(layer, "cut within its header")
}

fn too_deep() -> Stop {
    stop("nesting", format_args!("more than {MOST_LAYERS} layers"))
}

/// The bytes behind a header of this length.
fn behind<'a>(layer: &'static str, data: &'a [u8], header: usize) -> Result<&'a [u8], Stop> {
    data.get(header..).ok_or_else(|| cut(layer))
}

fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    data.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    data.get(at..)?.first_chunk().copied().map(u32::from_be_bytes)
}

/// Notes a tunnel, and its name among the layers. What was said of the payload is not about the
/// innermost packet any more.
fn enter(kind: &'static str, id: Option<u32>, layers: &mut Layers) {
    layers.names.push(kind);
    layers.tunnels.push(Tunnel { kind, id: id.map(TunnelId::One) });
    layers.payload_length = None;
}

#[cfg(test)]
mod tests;
