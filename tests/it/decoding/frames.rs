//! Captures with packets of every kind that can be decoded, made here so that they always exist.

use crate::support::{Pcap, conversations};

/// File names and bytes.
pub fn captures() -> Vec<(String, Vec<u8>)> {
    vec![("conversations.pcap".to_owned(), conversations())]
}

/// A capture of frames that are a second apart.
pub fn pcap(link_type: u32, frames: &[Vec<u8>]) -> Vec<u8> {
    let seconds = 1_700_000_000..;
    let pcap = Pcap::new(link_type);
    seconds.zip(frames).fold(pcap, |pcap, (second, frame)| pcap.packet(second, 0, frame)).bytes()
}
