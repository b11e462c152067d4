//! Addresses, ports and protocols of the network layer.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::query::matches::Verdict;
use crate::query::matches::frame::{Cut, Frame};
use crate::query::matches::link::{ARP, IPV4, IPV6, Link, RARP, SAP_ISO};
use crate::query::{
    AddressProtocol, Addresses, Carrier, Cast, Direction, Host, Ports, Protocol, Transport,
};

/// Headers of IPv6 that say how long they are: hop-by-hop, routing, fragment, destination.
const EXTENSIONS: [u32; 4] = [0, 43, 44, 60];
const FRAGMENT: u32 = 44;
const AUTHENTICATION: u32 = 51;
const NOTHING: u32 = 59;

impl Frame<'_> {
    pub(super) fn has_host(&self, host: &Host) -> Verdict {
        match &host.addresses {
            Addresses::Network(IpNet::V4(network)) => {
                self.has_ipv4(host, network.addr(), network.netmask())
            }
            Addresses::Masked(address, mask) => self.has_ipv4(host, *address, *mask),
            Addresses::Network(IpNet::V6(network)) => {
                Ok(host.protocol.is_none_or(|wanted| wanted == AddressProtocol::Ip6)
                    && self.has_ipv6(host.direction, network.addr(), network.netmask())?)
            }
            Addresses::Name(_) => Ok(false),
        }
    }

    fn has_ipv4(&self, host: &Host, address: Ipv4Addr, mask: Ipv4Addr) -> Verdict {
        let places: [(AddressProtocol, u32, usize, usize); 3] = [
            (AddressProtocol::Ip, IPV4, 12, 16),
            (AddressProtocol::Arp, ARP, 14, 24),
            (AddressProtocol::Rarp, RARP, 14, 24),
        ];
        for (protocol, link_type, source, destination) in places {
            if host.protocol.is_some_and(|wanted| wanted != protocol) {
                continue;
            }
            let is_at = |frame: &Self, at: usize| {
                Ok(frame.carries_type(link_type)?
                    && frame.is_equal(at, address.to_bits(), mask.to_bits())?)
            };
            let found = self.ends(
                host.direction,
                |frame| is_at(frame, source),
                |frame| is_at(frame, destination),
            )?;
            if found {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn has_ipv6(&self, direction: Direction, address: Ipv6Addr, mask: Ipv6Addr) -> Verdict {
        let words = |address: Ipv6Addr| -> [u32; 4] {
            [96, 64, 32, 0].map(|shift| (address.to_bits() >> shift & 0xffff_ffff) as u32)
        };
        let is_at = |frame: &Self, at: usize| {
            if !frame.carries_type(IPV6)? {
                return Ok(false);
            }
            for (position, (word, mask)) in words(address).into_iter().zip(words(mask)).enumerate()
            {
                if !frame.is_equal(at + 4 * position, word, mask)? {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        self.ends(direction, |frame| is_at(frame, 8), |frame| is_at(frame, 24))
    }

    /// Whether a word of the network header is this under the mask. With no bit in the mask
    /// libpcap's optimizer leaves it out; for 802.11 there is no optimizer.
    fn is_equal(&self, at: usize, wanted: u32, mask: u32) -> Verdict {
        let is_left_out = mask == 0 && !self.link.is_wireless();
        Ok(is_left_out || self.word(self.network() + at)? & mask == wanted)
    }

    /// Ports of the protocol that the fixed header names, so not behind IPv6 extension headers,
    /// and not in later fragments of IPv4.
    pub(super) fn has_port(&self, ports: &Ports) -> Verdict {
        let is_wanted = |number: u8| {
            ports.transport.map_or_else(
                || Transport::ALL.iter().any(|known| known.number() == number),
                |transport| transport.number() == number,
            )
        };
        let network = self.network();
        let above = if self.carries_type(IPV6)? {
            if !is_wanted(self.byte(network + 6)?) {
                return Ok(false);
            }
            network + 40
        } else if self.carries_type(IPV4)? {
            if !is_wanted(self.byte(network + 9)?) || !self.is_first_fragment()? {
                return Ok(false);
            }
            self.above_ipv4()?
        } else {
            return Ok(false);
        };
        let is_at = |frame: &Self, at: usize| Ok(ports.range.contains(&frame.half(at)?));
        self.ends(ports.direction, |frame| is_at(frame, above), |frame| is_at(frame, above + 2))
    }

    pub(super) fn is_first_fragment(&self) -> Verdict {
        const OFFSET: u16 = 0x1fff;
        Ok(self.half(self.network() + 6)? & OFFSET == 0)
    }

    pub(super) fn carries(&self, carrier: Carrier, number: u32) -> Verdict {
        match carrier {
            Carrier::Link => self.carries_type(number),
            Carrier::AnyIp => {
                Ok(self.carries(Carrier::Ip, number)? || self.carries(Carrier::Ip6, number)?)
            }
            Carrier::Ip => {
                Ok(self.carries_type(IPV4)? && u32::from(self.byte(self.network() + 9)?) == number)
            }
            // In the fixed header, or in a fragment header directly behind it.
            Carrier::Ip6 => {
                if !self.carries_type(IPV6)? {
                    return Ok(false);
                }
                let next = u32::from(self.byte(self.network() + 6)?);
                Ok(next == number
                    || (next == FRAGMENT && u32::from(self.byte(self.network() + 40)?) == number))
            }
            Carrier::Iso => self.is_iso(number),
            Carrier::Isis => Ok(self.is_iso(0x83)?
                && u32::from(self.byte(self.payload + self.to_network_without_snap + 4)?)
                    == number),
        }
    }

    fn is_iso(&self, number: u32) -> Verdict {
        // In Cisco's HDLC there is one more byte before.
        let fudge = usize::from(self.link == Link::Hdlc);
        Ok(self.carries_type(SAP_ISO)?
            && u32::from(self.byte(self.payload + self.to_network_without_snap + fudge)?) == number)
    }

    pub(super) fn is_protocol(&self, protocol: Protocol) -> Verdict {
        use Protocol as P;
        let isis: &[u32] = match protocol {
            P::IsisL1 => &[26, 24, 18, 15, 17],
            P::IsisL2 => &[27, 25, 20, 16, 17],
            P::IsisIih => &[17, 15, 16],
            P::IsisLsp => &[18, 20],
            P::IsisSnp => &[27, 26, 24, 25],
            P::IsisCsnp => &[24, 25],
            P::IsisPsnp => &[26, 27],
            P::Iso => return self.carries_type(SAP_ISO),
            P::Clnp => return self.carries(Carrier::Iso, 0x81),
            P::Esis => return self.carries(Carrier::Iso, 0x82),
            P::Isis => return self.carries(Carrier::Iso, 0x83),
            P::Link | P::Radio => return Ok(false),
            _ => match (protocol.ip_number(), link_type(protocol)) {
                (Some(number), _) => return self.carries(carrier(protocol), number.into()),
                (None, Some(link_type)) => return self.carries_type(link_type),
                (None, None) => return Ok(false),
            },
        };
        for number in isis {
            if self.carries(Carrier::Isis, *number)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// `ip multicast` and the like, and those of the link layer.
    pub(super) fn is_cast(&self, cast: Cast) -> Verdict {
        let network = self.network();
        match cast {
            Cast::Broadcast | Cast::Multicast => self.is_link_cast(cast),
            Cast::IpBroadcast => {
                Ok(self.carries_type(IPV4)? && matches!(self.word(network + 16)?, 0 | 0xffff_ffff))
            }
            Cast::IpMulticast => Ok(self.carries_type(IPV4)? && self.byte(network + 16)? >= 224),
            Cast::Ip6Multicast => Ok(self.carries_type(IPV6)? && self.byte(network + 24)? == 255),
        }
    }

    /// Whether the number stands in the chain of headers, up to the first that does not say how
    /// long it is.
    pub(super) fn has_in_chain(&self, carrier: Carrier, number: u32) -> Verdict {
        if self.link.is_wireless() {
            return Ok(false);
        }
        match carrier {
            Carrier::Ip => {
                if !self.carries_type(IPV4)? {
                    return Ok(false);
                }
                let next = u32::from(self.byte(self.network() + 9)?);
                let above = self.above_ipv4()? - self.network();
                self.chain_has(number, next, above, &[])
            }
            Carrier::Ip6 => {
                if !self.carries_type(IPV6)? {
                    return Ok(false);
                }
                let next = u32::from(self.byte(self.network() + 6)?);
                self.chain_has(number, next, 40, &EXTENSIONS)
            }
            _ => Ok(self.has_in_chain(Carrier::Ip, number)?
                || self.has_in_chain(Carrier::Ip6, number)?),
        }
    }

    fn chain_has(
        &self,
        number: u32,
        mut next: u32,
        mut at: usize,
        extensions: &[u32],
    ) -> Result<bool, Cut> {
        // No chain has more headers than the packet has bytes.
        for _ in 0..self.bytes.len() {
            if next == number || next == NOTHING {
                break;
            }
            let here = self.network() + at;
            let length = |unit: usize, more: usize| {
                Ok::<usize, Cut>((usize::from(self.byte(here + 1)?) + more) * unit)
            };
            if extensions.contains(&next) {
                next = u32::from(self.byte(here)?);
                at += length(8, 1)?;
            } else if next == AUTHENTICATION {
                next = u32::from(self.byte(here)?);
                // libpcap counts from the beginning of the network header here.
                at = length(4, 2)?;
            } else {
                break;
            }
        }
        Ok(next == number)
    }
}

/// What carries a protocol that has a number in an IP header.
pub(super) fn carrier(protocol: Protocol) -> Carrier {
    use Protocol as P;
    match protocol {
        P::Icmp | P::Igmp | P::Igrp | P::Vrrp | P::Carp => Carrier::Ip,
        P::Icmp6 => Carrier::Ip6,
        _ => Carrier::AnyIp,
    }
}

/// The EtherType or service access point of a protocol of its own.
fn link_type(protocol: Protocol) -> Option<u32> {
    use Protocol as P;
    Some(match protocol {
        P::Ip => IPV4,
        P::Ip6 => IPV6,
        P::Arp => ARP,
        P::Rarp => RARP,
        P::Atalk => 0x809b,
        P::Aarp => 0x80f3,
        P::Decnet => 0x6003,
        P::Lat => 0x6004,
        P::Sca => 0x6007,
        P::Mopdl => 0x6001,
        P::Moprc => 0x6002,
        P::Stp => 0x42,
        P::Ipx => 0xe0,
        P::Netbeui => 0xf0,
        P::Pppoed => 0x8863,
        _ => return None,
    })
}
