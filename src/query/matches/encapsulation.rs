//! VLAN tags and MPLS labels, which are looked through, and PPPoE and Geneve, which a word enters.

use crate::query::Predicate;
use crate::query::matches::Verdict;
use crate::query::matches::frame::{Cut, Frame};
use crate::query::matches::link::{IPV4, IPV6, Link, MPLS};

/// Tag protocol identifiers: 802.1Q, 802.1ad, and what QinQ used before.
const TAGS: [u32; 3] = [0x8100, 0x88a8, 0x9100];
const MPLS_MULTICAST: u32 = 0x8848;
const PPP_MPLS: u32 = 0x0281;
const PPP_MPLS_MULTICAST: u32 = 0x0283;
const PPPOE_SESSION: u32 = 0x8864;
/// Ethernet in Geneve (RFC 8926).
const BRIDGED: u16 = 0x6558;
const GENEVE_PORT: u16 = 6081;

/// What the words before a condition mean for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Inside {
    /// `vlan` so far: the next one is about the tag behind these.
    vlans: usize,
    /// The same for `mpls`.
    labels: usize,
    /// `pppoes`, then `geneve`, then `pppoes` again.
    outer_pppoe: bool,
    geneves: usize,
    pppoe: bool,
}

impl Inside {
    /// Whether the conditions are about what a tunnel carries.
    pub(super) fn is_in_geneve(self) -> bool {
        self.geneves > 0
    }

    /// The condition stands before those that follow.
    pub(super) fn enter(&mut self, predicate: &Predicate) {
        match predicate {
            Predicate::Vlan(_) => self.vlans += 1,
            Predicate::Mpls(_) => self.labels += 1,
            Predicate::Pppoes(_) => *self = Self { vlans: 0, labels: 0, pppoe: true, ..*self },
            Predicate::Geneve(_) => {
                *self = Self {
                    outer_pppoe: self.outer_pppoe || self.pppoe,
                    geneves: self.geneves + 1,
                    ..Self::default()
                };
            }
            _ => {}
        }
    }
}

impl Frame<'_> {
    /// The frame with its tags and labels found.
    pub(super) fn behind_tags(mut self) -> Self {
        while self.can_be_tagged() && self.link_type().is_ok_and(|found| TAGS.contains(&found)) {
            self.tags += 1;
            self.link_type = self.payload + 2;
            self.payload += 4;
        }
        if self.is_labelled() {
            loop {
                let label = self.payload + 4 * self.labels;
                self.labels += 1;
                match self.byte(label + 2) {
                    Ok(bits) if bits & 1 == 0 && self.labels < self.bytes.len() => {}
                    _ => break,
                }
            }
            self.to_network += 4 * self.labels;
        }
        self
    }

    fn can_be_tagged(&self) -> bool {
        matches!(self.link, Link::Ethernet | Link::Cooked | Link::Cooked2)
    }

    fn is_labelled(&self) -> bool {
        let types: &[u32] = match self.link {
            Link::Ethernet | Link::Cooked | Link::Cooked2 | Link::Hdlc => &[MPLS, MPLS_MULTICAST],
            Link::Ppp | Link::Pppd => &[PPP_MPLS, PPP_MPLS_MULTICAST],
            _ => return false,
        };
        self.link_type().is_ok_and(|found| types.contains(&found))
    }

    /// The packet that the words before a condition lead to.
    pub(super) fn inside(self, inside: Inside) -> Result<Self, Cut> {
        let mut frame = self;
        if inside.outer_pppoe {
            frame = frame.in_pppoe();
        }
        for _ in 0..inside.geneves {
            if frame.is_geneve()? {
                frame = frame.in_geneve()?;
            }
        }
        Ok(if inside.pppoe { frame.in_pppoe() } else { frame })
    }

    /// Whether the first tag has this EtherType, which is all that libpcap sees of a tagged frame.
    pub(super) fn has_tag(&self, ether_type: u32) -> Verdict {
        Ok(self.tags > 0 && u32::from(self.half(self.first_type)?) == ether_type)
    }

    pub(super) fn has_vlan(&self, inside: Inside, id: Option<u16>) -> Verdict {
        if !self.can_be_tagged() {
            return self.has_wireless_tag(id);
        }
        if inside.vlans >= self.tags {
            // Where the packet is cut within the field, nothing can be said.
            return if inside.vlans == self.tags {
                self.link_type().map(|_| false)
            } else {
                Ok(false)
            };
        }
        let tag = self.payload - 4 * (self.tags - inside.vlans);
        match id {
            Some(id) => Ok(self.half(tag)? & 0x0fff == id),
            None => Ok(true),
        }
    }

    fn has_wireless_tag(&self, id: Option<u16>) -> Verdict {
        for tag in TAGS {
            if self.link.is_wireless() && self.carries_type(tag)? {
                return Ok(match id {
                    Some(id) => self.half(self.network())? & 0x0fff == id,
                    None => true,
                });
            }
        }
        Ok(false)
    }

    pub(super) fn has_mpls(&self, inside: Inside, label: Option<u32>) -> Verdict {
        let at = self.payload + 4 * inside.labels;
        let is_next = self.labels > inside.labels
            && (inside.labels > 0 || matches!(self.link_type()?, MPLS | PPP_MPLS));
        match label {
            Some(label) if is_next => Ok(self.word(at)? >> 12 == label),
            _ => Ok(is_next),
        }
    }

    /// Behind MPLS labels the version alone tells what is there.
    pub(super) fn is_behind_labels(&self, wanted: u32) -> Verdict {
        let version = match wanted {
            IPV4 => 0x40,
            IPV6 => 0x60,
            _ => return Ok(self.link_type()? == wanted || self.has_tag(wanted)?),
        };
        Ok(self.byte(self.network() - 2)? & 1 == 1 && self.byte(self.network())? & 0xf0 == version)
    }

    pub(super) fn has_pppoes(&self, session: Option<u16>) -> Verdict {
        if !self.carries_type(PPPOE_SESSION)? {
            return Ok(false);
        }
        match session {
            Some(session) => Ok(self.half(self.network() + 2)? == session),
            None => Ok(true),
        }
    }

    /// The packet in a PPPoE session; whether it is one has been asked before.
    fn in_pppoe(self) -> Self {
        let header = self.network() + 6;
        Frame {
            link: Link::Ppp,
            header,
            link_type: header,
            first_type: header,
            payload: header + 2,
            to_network: 0,
            to_network_without_snap: 0,
            addresses: None,
            tags: 0,
            labels: 0,
            ..self
        }
        .behind_tags()
    }

    pub(super) fn has_geneve(&self, network: Option<u32>) -> Verdict {
        if !self.is_geneve()? {
            return Ok(false);
        }
        if let Some(network) = network
            && self.word(self.geneve()? + 4)? >> 8 != network
        {
            return Ok(false);
        }
        self.in_geneve().map(|_| true)
    }

    /// A datagram to Geneve's port, in the version that is known.
    fn is_geneve(&self) -> Verdict {
        let is_datagram = if self.carries_type(IPV4)? {
            let network = self.network();
            self.byte(network + 9)? == 17 && self.is_first_fragment()?
        } else {
            self.carries_type(IPV6)? && self.byte(self.network() + 6)? == 17
        };
        Ok(is_datagram
            && self.half(self.geneve()? - 6)? == GENEVE_PORT
            && self.byte(self.geneve()?)? & 0xc0 == 0)
    }

    /// Where the Geneve header begins: behind the UDP header.
    fn geneve(&self) -> Result<usize, Cut> {
        let udp = if self.carries_type(IPV4)? { self.above_ipv4()? } else { self.network() + 40 };
        Ok(udp + 8)
    }

    /// The packet in a Geneve tunnel.
    fn in_geneve(self) -> Result<Self, Cut> {
        let geneve = self.geneve()?;
        let header = geneve + 8 + 4 * usize::from(self.byte(geneve)? & 0x3f);
        let is_bare = self.half(geneve + 2)? != BRIDGED;
        let link_type = if is_bare { geneve + 2 } else { header + 12 };
        let frame = Frame {
            link: Link::Ethernet,
            header,
            link_type,
            first_type: link_type,
            payload: if is_bare { header } else { header + 14 },
            to_network: 0,
            to_network_without_snap: 3,
            addresses: if is_bare { None } else { Some((6, 0)) },
            tags: 0,
            labels: 0,
            is_bare,
            ..self
        };
        Ok(frame.behind_tags())
    }
}
