//! Ports of later fragments.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use crate::packet::{Layers, NetworkLayer, PacketRecord, Timestamp};

/// Datagrams that are remembered: some seconds of fragments at any rate that is captured, in
/// less than a megabyte.
const MOST: usize = 8192;
/// Nanoseconds that may be between a datagram's first fragment and a later one (RFC 8200, section
/// 4.5): a number that comes again later is that of another datagram.
const LONGEST_TIME: u128 = 60_000_000_000;

/// What the first fragments of a capture told, for the fragments behind them.
///
/// A later fragment that stands before its first gets its ports where both are handed over
/// together.
#[derive(Debug, Default)]
pub struct Fragments {
    ports: HashMap<Datagram, First>,
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

/// What a first fragment tells, and when it came.
#[derive(Debug, Clone, Copy)]
struct First {
    ports: (u16, u16),
    time: Timestamp,
}

impl First {
    /// The ports, for a later fragment of this time; captures are not always in order.
    fn ports_at(self, time: Timestamp) -> Option<(u16, u16)> {
        let between = self.time.nanoseconds().abs_diff(time.nanoseconds());
        (between <= LONGEST_TIME).then_some(self.ports)
    }
}

impl Fragments {
    /// Takes the packets of one capture, in their order: remembers a first fragment, and tells a
    /// later one its ports.
    pub fn apply(&mut self, time: Timestamp, layers: &mut Layers) {
        for (datagram, ports) in firsts(layers) {
            self.remember(datagram, First { ports, time });
        }
        if let Some(datagram) = later(layers) {
            let first = self.ports.get(&datagram);
            layers.fragment_ports = first.and_then(|first| first.ports_at(time));
        }
    }

    /// [`Self::apply`] for packets that follow each other. Some systems send the last fragment
    /// first, and ways through a network differ: what is still without ports then takes those of
    /// the next first fragment among them.
    pub fn apply_to_all(&mut self, records: &mut [PacketRecord]) {
        let mut is_complete = true;
        for record in &mut *records {
            self.apply(record.stored.packet.timestamp, &mut record.layers);
            is_complete &=
                later(&record.layers).is_none() || record.layers.fragment_ports.is_some();
        }
        if is_complete {
            return;
        }
        let mut following = HashMap::new();
        for record in records.iter_mut().rev() {
            let time = record.stored.packet.timestamp;
            let firsts = firsts(&record.layers);
            following.extend(firsts.map(|(datagram, ports)| (datagram, First { ports, time })));
            if record.layers.fragment_ports.is_none()
                && let Some(datagram) = later(&record.layers)
            {
                let first = following.get(&datagram);
                record.layers.fragment_ports = first.and_then(|first| first.ports_at(time));
            }
        }
    }

    fn remember(&mut self, datagram: Datagram, first: First) {
        if self.ports.insert(datagram, first).is_some() {
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
        Layers { networks: [network].into(), ..Layers::default() }
    }

    fn ports(fragments: &mut Fragments, layers: Layers) -> Option<(u16, u16)> {
        ports_at(0, fragments, layers)
    }

    fn ports_at(seconds: i64, fragments: &mut Fragments, mut layers: Layers) -> Option<(u16, u16)> {
        fragments.apply(Timestamp::from_parts(seconds, 0), &mut layers);
        layers.fragment_ports
    }

    #[test]
    fn an_old_first_fragment_is_that_of_another_datagram() {
        let mut fragments = Fragments::default();
        let first = || fragment(1, 0, Some((5, 6)));
        assert_eq!(ports_at(100, &mut fragments, first()), None);
        assert_eq!(ports_at(160, &mut fragments, fragment(1, 8, None)), Some((5, 6)));
        assert_eq!(ports_at(161, &mut fragments, fragment(1, 8, None)), None);
        assert_eq!(ports_at(40, &mut fragments, fragment(1, 8, None)), Some((5, 6)));
        assert_eq!(ports_at(39, &mut fragments, fragment(1, 8, None)), None);
        ports_at(150, &mut fragments, first());
        assert_eq!(ports_at(161, &mut fragments, fragment(1, 8, None)), Some((5, 6)), "again");
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
            ports(&mut fragments, fragment(identification, 0, Some((5, 6))));
        }
        assert_eq!(fragments.ports.len(), MOST);
        assert_eq!(fragments.order.len(), MOST);
        assert_eq!(ports(&mut fragments, fragment(0, 8, None)), None);
        assert_eq!(ports(&mut fragments, fragment(1, 8, None)), Some((5, 6)));
    }
}
