//! Packets that are nearly right: they reach deeper than random bytes do.

use std::cell::RefCell;

use bytes::Bytes;
use pcap_archiver::decode::{FAILED, Fragments, MOST_LAYERS, decode};
use pcap_archiver::packet::{CapturedPacket, CommunityId};
use proptest::prelude::*;
use proptest::sample::Index;

use super::frames;
use crate::support::{Sandbox, read_all};

/// What may happen to a packet on its way.
#[derive(Debug, Clone)]
pub enum Damage {
    Flip(Index, u8),
    Cut(Index),
    /// The rest is that of another packet.
    Splice(Index, Index, Index),
    /// Some bytes come twice.
    Repeat(Index, Index),
}

pub fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<Index>;
    prop_oneof![
        4 => (index(), any::<u8>()).prop_map(|(at, byte)| Damage::Flip(at, byte)),
        1 => index().prop_map(Damage::Cut),
        1 => (index(), index(), index()).prop_map(|(a, b, c)| Damage::Splice(a, b, c)),
        1 => (index(), index()).prop_map(|(a, b)| Damage::Repeat(a, b)),
    ]
}

pub fn apply(damage: &Damage, data: &mut Vec<u8>, packets: &[CapturedPacket]) {
    let at = |index: &Index| index.index(data.len().max(1)).min(data.len());
    match damage {
        Damage::Flip(index, byte) => {
            let at = at(index);
            if let Some(found) = data.get_mut(at) {
                *found = *byte;
            }
        }
        Damage::Cut(index) => data.truncate(at(index)),
        Damage::Splice(index, other, from) => {
            let other = &packets[other.index(packets.len())].data;
            data.truncate(at(index));
            data.extend(&other[from.index(other.len().max(1)).min(other.len())..]);
        }
        Damage::Repeat(from, to) => {
            let (from, to) = (at(from), at(to));
            if from < to {
                data.extend_from_within(from..to);
            }
        }
    }
}

#[test]
fn damaged_packets_are_decoded_to_an_end() {
    let sandbox = Sandbox::embedded();
    let files = frames::captures().into_iter();
    let packets: Vec<CapturedPacket> =
        files.flat_map(|(name, bytes)| read_all(&sandbox.file(&name, &bytes))).collect();
    let fragments = RefCell::new(Fragments::default());
    let damages = prop::collection::vec(damage(), 1..6);
    let config = ProptestConfig { cases: 20_000, ..ProptestConfig::default() };
    proptest!(config, |(which in any::<Index>(), damages in damages)| {
        let mut packet = packets[which.index(packets.len())].clone();
        let mut data = packet.data.to_vec();
        for damage in &damages {
            apply(damage, &mut data, &packets);
        }
        packet.data = Bytes::from(data);
        let mut layers = decode(&packet);
        prop_assert!(layers.stop.as_ref().is_none_or(|stop| stop.reason != FAILED));
        fragments.borrow_mut().apply(packet.timestamp, &mut layers);
        prop_assert!(layers.networks.len() <= MOST_LAYERS);
        prop_assert!(layers.networks.len() > layers.outer().len() || layers.networks.is_empty());
        prop_assert!(layers.names.len() <= MOST_LAYERS * (MOST_LAYERS + 3));
        let addresses = layers.addresses();
        for network in &layers.networks {
            prop_assert!(addresses.contains(&network.source));
            prop_assert!(addresses.contains(&network.destination));
        }
        let id = CommunityId::of(&layers).map(|id| id.to_string());
        prop_assert!(id.is_none_or(|id| id.len() == 30));
    });
}
