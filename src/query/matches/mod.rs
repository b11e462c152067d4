//! What a query means: the one place that decides whether a packet is asked for.
//!
//! tcpdump's conditions are looked up in the bytes, as libpcap's programs do. The one thing that
//! such a program cannot do is to look beyond the end: it ends there and selects nothing, whatever
//! stands around the condition. [`Cut`] is that end.

mod encapsulation;
mod fields;
mod frame;
mod internet;
mod layers;
mod link;
mod relation;
mod wireless;

use std::cell::OnceCell;

use crate::document::Document;
use crate::packet::PacketRecord;
use crate::query::{Filter, Predicate, Query, Scope, Way};
use encapsulation::Inside;
use frame::{Cut, Frame};
use layers::Part;
use link::Link;

/// Whether a condition holds, if the packet is long enough to tell.
type Verdict = Result<bool, Cut>;

/// Whether `record` is what `query` asks for. This is the reference for every store.
#[must_use]
pub fn matches(query: &Query, record: &PacketRecord) -> bool {
    Matcher::new(query).matches(record)
}

/// A query that is ready for many packets.
#[derive(Debug)]
pub struct Matcher<'q> {
    query: &'q Query,
    root: Node<'q>,
}

/// A filter with what the words `vlan`, `mpls`, `pppoes` and `geneve` before each condition mean
/// for it. They count from left to right through the whole expression, as in libpcap.
#[derive(Debug)]
enum Node<'q> {
    All,
    And(Vec<Node<'q>>),
    Or(Vec<Node<'q>>),
    Not(Box<Node<'q>>),
    Is(&'q Predicate, Inside),
}

impl<'q> Node<'q> {
    fn new(filter: &'q Filter, inside: &mut Inside) -> Self {
        let list = |filters: &'q [Filter], inside: &mut Inside| -> Vec<Self> {
            filters.iter().map(|filter| Self::new(filter, inside)).collect()
        };
        match filter {
            Filter::All => Self::All,
            Filter::And(filters) => Self::And(list(filters, inside)),
            Filter::Or(filters) => Self::Or(list(filters, inside)),
            Filter::Not(filter) => Self::Not(Box::new(Self::new(filter, inside))),
            Filter::Is(predicate) => {
                let node = Self::Is(predicate, *inside);
                inside.enter(predicate);
                node
            }
        }
    }

    fn holds(&self, packet: &Packet<'_>) -> Verdict {
        match self {
            Self::All => Ok(true),
            Self::And(nodes) => {
                for node in nodes {
                    if !node.holds(packet)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Or(nodes) => {
                for node in nodes {
                    if node.holds(packet)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(node) => Ok(!node.holds(packet)?),
            Self::Is(predicate, inside) => packet.is(predicate, *inside),
        }
    }
}

impl<'q> Matcher<'q> {
    /// Makes a query ready.
    #[must_use]
    pub fn new(query: &'q Query) -> Self {
        Self { query, root: Node::new(&query.filter, &mut Inside::default()) }
    }

    /// Whether `record` is what the query asks for.
    #[must_use]
    pub fn matches(&self, record: &PacketRecord) -> bool {
        self.query.time.contains(record.stored.packet.timestamp)
            && self.root.holds(&Packet::new(record)).unwrap_or(false)
    }
}

/// A packet and what has been found out about it so far.
struct Packet<'r> {
    record: &'r PacketRecord,
    document: OnceCell<Document<'r>>,
}

impl<'r> Packet<'r> {
    fn new(record: &'r PacketRecord) -> Self {
        Self { record, document: OnceCell::new() }
    }

    fn is(&self, predicate: &Predicate, inside: Inside) -> Verdict {
        let record = self.record;
        match predicate {
            Predicate::Field(test) => {
                let document = self.document.get_or_init(|| Document::of(record));
                Ok(fields::hold(document, test))
            }
            Predicate::Payload(payload) => Ok(payload.is_in(&record.stored.packet.data)),
            Predicate::File(name) => {
                let source = &record.stored.origin.source;
                Ok(source.file_name == *name || source.file_path == *name)
            }
            Predicate::Capture(capture) => Ok(record.stored.origin.capture == *capture),
            Predicate::Id(id) => Ok(record.stored.id() == *id),
            Predicate::Way(way) => self.goes(*way, inside),
            _ => self.looks_like(predicate, inside),
        }
    }

    /// tcpdump's conditions. What libpcap cannot filter is asked of what decoding found.
    fn looks_like(&self, predicate: &Predicate, inside: Inside) -> Verdict {
        let frame = Frame::of(&self.record.stored.packet, inside)?;
        let tunnelled = |scope| scope == Scope::Any && self.is_in_tunnel(&frame, inside, predicate);
        Ok(match predicate {
            Predicate::Host(_)
            | Predicate::Port(_)
            | Predicate::Protocol(..)
            | Predicate::Carries(..)
                if frame.link == Link::Other =>
            {
                layers::hold(&self.record.layers, predicate, Part::Whole)
            }
            Predicate::Host(host) => frame.has_host(host)? || tunnelled(host.scope),
            Predicate::Port(ports) => frame.has_port(ports)? || tunnelled(ports.scope),
            Predicate::Protocol(scope, protocol) => {
                frame.is_protocol(*protocol)? || tunnelled(*scope)
            }
            Predicate::Carries(scope, carrier, number) => {
                frame.carries(*carrier, *number)? || tunnelled(*scope)
            }
            Predicate::Chain(carrier, number) => frame.has_in_chain(*carrier, *number)?,
            Predicate::Mac(mac) => frame.has_mac(*mac)?,
            Predicate::Cast(cast) => frame.is_cast(*cast)?,
            Predicate::Llc(llc) => frame.is_llc(*llc)?,
            Predicate::Wlan(wlan) => frame.is_wlan(*wlan)?,
            Predicate::InterfaceIndex(index) => frame.is_of_interface(*index)?,
            Predicate::Vlan(id) => frame.has_vlan(inside, *id)?,
            Predicate::Mpls(label) => frame.has_mpls(inside, *label)?,
            Predicate::Pppoes(session) => frame.has_pppoes(*session)?,
            Predicate::Geneve(network) => frame.has_geneve(*network)?,
            Predicate::Relation(relation) => frame.satisfies(relation)?,
            _ => false,
        })
    }

    /// Whether it holds for a packet within this one, which libpcap does not look at.
    fn is_in_tunnel(&self, frame: &Frame<'_>, inside: Inside, predicate: &Predicate) -> bool {
        let layers = &self.record.layers;
        // Behind MPLS labels a frame may look like IP, and is none.
        let network = layers
            .names
            .iter()
            .find(|name| ["pseudowire", "ipv4", "ipv6", "arp", "rarp"].contains(name));
        let is_first = network != Some(&"pseudowire") && frame.is_network().unwrap_or(false);
        let part = if is_first || inside.is_in_geneve() { Part::Tunnelled } else { Part::Whole };
        layers::hold(layers, predicate, part)
    }

    /// The flags of pcapng tell it, and some link types.
    fn goes(&self, way: Way, inside: Inside) -> Verdict {
        let packet = &self.record.stored.packet;
        // Bits 0 and 1 of epb_flags: 1 is inbound, 2 is outbound.
        match packet.flags().map_or(0, |flags| flags & 3) {
            1 => Ok(way == Way::Inbound),
            2 => Ok(way == Way::Outbound),
            _ => Frame::of(packet, inside)?.goes(way),
        }
    }
}
