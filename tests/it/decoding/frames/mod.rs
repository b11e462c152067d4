//! Captures with packets of every kind that can be decoded, made here so that they always exist.

pub mod bytes;
mod kinds;
mod links;
mod tunnels;

use super::payloads;
use crate::support::Pcap;
pub use bytes::{INSIDE, INSIDE_V6, OUTSIDE};

/// LINKTYPE_ETHERNET.
const ETHERNET: u32 = 1;

/// A capture for each kind of packet: file names and bytes.
pub fn captures() -> Vec<(String, Vec<u8>)> {
    let on_ethernet = on_ethernet()
        .into_iter()
        .map(|(name, frames)| (format!("{name}.pcap"), pcap(ETHERNET, &frames)));
    on_ethernet.chain(link_captures()).collect()
}

/// The same packets in as few captures as their link types allow.
pub fn joined_captures() -> Vec<(String, Vec<u8>)> {
    let frames: Vec<Vec<u8>> = on_ethernet().into_iter().flat_map(|(_, frames)| frames).collect();
    let mut captures = vec![
        ("applications.pcap".to_owned(), pcap(ETHERNET, &payloads::frames())),
        ("ethernet.pcap".to_owned(), pcap(ETHERNET, &frames)),
    ];
    captures.extend(link_captures());
    captures
}

fn on_ethernet() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let applications = vec![("applications", payloads::frames())];
    [kinds::below_ip(), kinds::above_ip(), tunnels::tunnels(), applications].concat()
}

fn link_captures() -> Vec<(String, Vec<u8>)> {
    let link_types = links::link_types().into_iter();
    let capture = |(name, link_type, frames): (_, _, Vec<_>)| {
        (format!("link-{link_type}-{name}.pcap"), pcap(link_type, &frames))
    };
    link_types.map(capture).collect()
}

/// A capture of frames that are a second apart.
fn pcap(link_type: u32, frames: &[Vec<u8>]) -> Vec<u8> {
    let seconds = 1_700_000_000..;
    let pcap = Pcap::new(link_type);
    seconds.zip(frames).fold(pcap, |pcap, (second, frame)| pcap.packet(second, 0, frame)).bytes()
}
