//! Ports of later fragments.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use crate::packet::{Layers, NetworkLayer, PacketRecord};

/// Datagrams that are remembered: some seconds of fragments at any rate that is captured, in
/// less than a megabyte.
const MOST: usize = 8192;

/// What the first fragments of a capture told, for the fragments behind them.
///
/// A later fragment that stands before its first gets its ports where both are handed over
/// together.
#[derive(Debug, Default)]
pub struct Fragments {
    ports: HashMap<Datagram, (u16, u16)>,
    /// Oldest first.
    order: VecDeque<Datagram>,
}

/// What the fragments of a datagram have in common (RFC 791, section 3.2; RFC 8200, section 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Datagram {
    source: IpAddr,
    destination: IpAddr,
    identification: u32,
    next_header: u8,
}

impl Fragments {
    /// Takes the packets of one capture, in their order: remembers a first fragment, and tells a
    /// later one its ports.
    pub fn apply(&mut self, layers: &mut Layers) {
        for (datagram, ports) in firsts(layers) {
            self.remember(datagram, ports);
        }
        if let Some(datagram) = later(layers) {
            layers.fragment_ports = self.ports.get(&datagram).copied();
        }
    }

    /// [`Self::apply`] for packets that follow each other. Some systems send the last fragment
    /// first, and ways through a network differ: what is still without ports then takes those of
    /// the next first fragment among them.
    pub fn apply_to_all(&mut self, records: &mut [PacketRecord]) {
        let mut is_complete = true;
        for record in &mut *records {
            self.apply(&mut record.layers);
            is_complete &=
                later(&record.layers).is_none() || record.layers.fragment_ports.is_some();
        }
        if is_complete {
            return;
        }
        let mut following = HashMap::new();
        for record in records.iter_mut().rev() {
            following.extend(firsts(&record.layers));
            if record.layers.fragment_ports.is_none()
                && let Some(datagram) = later(&record.layers)
            {
                record.layers.fragment_ports = following.get(&datagram).copied();
            }
        }
    }

    fn remember(&mut self, datagram: Datagram, ports: (u16, u16)) {
        if self.ports.insert(datagram, ports).is_some() {
            return;
        }
        self.order.push_back(datagram);
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.ports.remove(&oldest);
        }
    }
}

/// The datagrams whose first fragments are here, and their ports.
fn firsts(layers: &Layers) -> impl Iterator<Item = (Datagram, (u16, u16))> {
    layers.networks.iter().filter_map(|network| {
        let (datagram, offset) = datagram(network)?;
        let ports = network.transport.and_then(|transport| transport.ports())?;
        (offset == 0).then_some((datagram, ports))
    })
}

/// The datagram of which the packet is a later fragment.
fn later(layers: &Layers) -> Option<Datagram> {
    let (datagram, offset) = layers.innermost().and_then(datagram)?;
    (offset > 0).then_some(datagram)
}

/// The datagram and the place in it.
fn datagram(network: &NetworkLayer) -> Option<(Datagram, u32)> {
    let fragment = network.fragment?;
    let datagram = Datagram {
        source: network.source,
        destination: network.destination,
        identification: fragment.identification,
        next_header: fragment.next_header,
    };
    Some((datagram, fragment.offset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Fragment, NetworkKind, Transport};

    fn fragment(identification: u32, offset: u32, ports: Option<(u16, u16)>) -> Layers {
        let transport = ports.map(|(source, destination)| Transport::Udp { source, destination });
        let network = NetworkLayer {
            kind: NetworkKind::Ipv4,
            source: "192.0.2.1".parse().unwrap(),
            destination: "192.0.2.2".parse().unwrap(),
            next_header: 17,
            protocol: 17,
            fragment: Some(Fragment { offset, more: true, next_header: 17, identification }),
            transport,
        };
        Layers { networks: vec![network], ..Layers::default() }
    }

    fn ports(fragments: &mut Fragments, mut layers: Layers) -> Option<(u16, u16)> {
        fragments.apply(&mut layers);
        layers.fragment_ports
    }

    #[test]
    fn later_fragments_get_the_ports_of_their_own_first() {
        let mut fragments = Fragments::default();
        assert_eq!(ports(&mut fragments, fragment(1, 1480, None)), None, "before the first");
        assert_eq!(ports(&mut fragments, fragment(1, 0, Some((5, 6)))), None, "has its own");
        assert_eq!(ports(&mut fragments, fragment(1, 1480, None)), Some((5, 6)));
        assert_eq!(ports(&mut fragments, fragment(2, 1480, None)), None, "another datagram");
        assert_eq!(ports(&mut fragments, fragment(1, 0, Some((7, 8)))), None);
        assert_eq!(ports(&mut fragments, fragment(1, 2960, None)), Some((7, 8)), "a number again");
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let mut fragments = Fragments::default();
        for number in 0..=MOST {
            let identification = u32::try_from(number).unwrap();
            fragments.apply(&mut fragment(identification, 0, Some((5, 6))));
        }
        assert_eq!(fragments.ports.len(), MOST);
        assert_eq!(fragments.order.len(), MOST);
        assert_eq!(ports(&mut fragments, fragment(0, 8, None)), None);
        assert_eq!(ports(&mut fragments, fragment(1, 8, None)), Some((5, 6)));
    }
}
