//! IPv6 extension headers (RFC 8200, section 4), and the authentication header, which IPv4 has
//! too.
//!
//! Walked by hand: etherparse 0.21 reads beyond the end when a chain that was cut short is
//! iterated, and it takes the middle of a datagram, in a later fragment, for headers.

use std::net::{IpAddr, Ipv6Addr};

use crate::decode::{MOST_LAYERS, cut, too_deep, u32_at};
use crate::packet::{Fragment, Layers, Stop};

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;

/// A fragment header's length.
const FRAGMENT_LENGTH: usize = 8;
/// Place of the security parameters index (RFC 4302, section 2).
const SECURITY_INDEX: usize = 4;

/// Types of routing headers that hold whole addresses: the first one (RFC 5095), that of mobile
/// nodes (RFC 6275), and segment routing (RFC 8754), which has other things behind them.
const SOURCE_ROUTE: u8 = 0;
const MOBILE: u8 = 2;
const SEGMENTS: u8 = 4;
const ROUTING_TYPE: usize = 2;
const LAST_SEGMENT: usize = 4;
const ROUTE: usize = 8;
const ADDRESS: usize = 16;

/// The end of the headers between the fixed header and what is carried.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chain<'a> {
    pub(super) fragment: Option<Fragment>,
    /// What is carried: an IANA protocol number.
    pub(super) protocol: u8,
    pub(super) payload: &'a [u8],
    pub(super) stop: Option<Stop>,
}

/// Which headers stand in a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Ipv4,
    Ipv6,
}

/// Follows the chain that begins with `next_header`; each header is looked at once, and noted in
/// `layers`.
pub(super) fn walk<'a>(
    family: Family,
    next_header: u8,
    data: &'a [u8],
    layers: &mut Layers,
) -> Chain<'a> {
    let mut chain = Chain { fragment: None, protocol: next_header, payload: data, stop: None };
    let mut headers = 0;
    while let Some(name) = name(family, chain.protocol) {
        if headers == MOST_LAYERS {
            chain.stop = Some(too_deep());
            return chain;
        }
        headers += 1;
        layers.names.push(name);
        if chain.protocol == AUTHENTICATION {
            layers.security_indexes.extend(u32_at(chain.payload, SECURITY_INDEX));
        }
        let Some((header, payload)) = split(chain.protocol, chain.payload) else {
            chain.stop = Some(cut(name));
            return chain;
        };
        if chain.protocol == ROUTING {
            layers.passed.extend(route(header));
        }
        let is_fragment = chain.protocol == FRAGMENT;
        chain.protocol = header[0];
        chain.payload = payload;
        if is_fragment {
            let fragment = fragment(header);
            chain.fragment = Some(fragment);
            // What follows the header of a later fragment is the middle of something.
            if fragment.offset > 0 {
                return chain;
            }
        }
    }
    chain
}

fn name(family: Family, protocol: u8) -> Option<&'static str> {
    Some(match (family, protocol) {
        (_, AUTHENTICATION) => "ah",
        (Family::Ipv4, _) => return None,
        (_, HOP_BY_HOP) => "ipv6.hopopts",
        (_, ROUTING) => "ipv6.routing",
        (_, FRAGMENT) => "ipv6.fragment",
        (_, DESTINATION_OPTIONS) => "ipv6.dstopts",
        _ => return None,
    })
}

/// The header, whole, and what follows it.
fn split(protocol: u8, data: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = usize::from(*data.get(1)?);
    data.split_at_checked(match protocol {
        FRAGMENT => FRAGMENT_LENGTH,
        // In units of 4 bytes, less two (RFC 4302, section 2.2).
        AUTHENTICATION => (length + 2) * 4,
        // In units of 8 bytes, less one.
        _ => (length + 1) * 8,
    })
}

/// The addresses that a packet has passed, or has still to pass. `header` is whole.
fn route(header: &[u8]) -> impl Iterator<Item = IpAddr> {
    let most = match header[ROUTING_TYPE] {
        SOURCE_ROUTE | MOBILE => usize::MAX,
        SEGMENTS => usize::from(header[LAST_SEGMENT]) + 1,
        _ => 0,
    };
    let addresses = header.get(ROUTE..).unwrap_or_default().chunks_exact(ADDRESS).take(most);
    addresses
        .filter_map(|bytes| <[u8; ADDRESS]>::try_from(bytes).ok())
        .map(|a| Ipv6Addr::from(a).into())
}

/// `header` is whole.
fn fragment(header: &[u8]) -> Fragment {
    let word = u16::from_be_bytes([header[2], header[3]]);
    Fragment {
        offset: u32::from(word & !7),
        more: word & 1 == 1,
        next_header: header[0],
        identification: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(next_header: u8, data: &[u8]) -> (Chain<'_>, Layers) {
        let mut layers = Layers::default();
        let chain = super::walk(Family::Ipv6, next_header, data, &mut layers);
        (chain, layers)
    }

    #[test]
    fn a_chain_is_followed_to_what_it_carries() {
        let options = [FRAGMENT, 0, 1, 4, 0, 0, 0, 0];
        let first_fragment = [17, 0, 0, 1, 0, 0, 0, 9];
        let data = [&options[..], &first_fragment, b"udp"].concat();
        let (chain, layers) = walk(HOP_BY_HOP, &data);
        assert_eq!(layers.names[..], ["ipv6.hopopts", "ipv6.fragment"]);
        let fragment = Fragment { offset: 0, more: true, next_header: 17, identification: 9 };
        assert_eq!(chain.fragment, Some(fragment));
        assert_eq!((chain.protocol, chain.payload), (17, &b"udp"[..]));
        assert_eq!(chain.stop, None);
    }

    #[test]
    fn a_later_fragment_has_no_further_headers() {
        let data = [DESTINATION_OPTIONS, 0, 0, 8, 0, 0, 0, 9, 1, 2, 3];
        let (chain, _) = walk(FRAGMENT, &data);
        assert_eq!(chain.protocol, DESTINATION_OPTIONS);
        assert_eq!(chain.fragment.map(|fragment| fragment.offset), Some(8));
        assert_eq!(chain.payload, [1, 2, 3]);
    }

    #[test]
    fn a_chain_that_is_cut_anywhere_says_so() {
        let data = [FRAGMENT, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 1];
        assert_eq!(walk(ROUTING, &data).0.stop, None);
        for length in 0..data.len() {
            let (chain, _) = walk(ROUTING, &data[..length]);
            assert!(chain.stop.is_some(), "{length} bytes");
        }
    }

    #[test]
    fn a_chain_without_end_is_left() {
        let data = [DESTINATION_OPTIONS, 0, 1, 4, 0, 0, 0, 0].repeat(1000);
        let (chain, layers) = walk(DESTINATION_OPTIONS, &data);
        assert_eq!(chain.stop.unwrap().layer, "nesting");
        assert_eq!(layers.names.len(), MOST_LAYERS);
    }

    #[test]
    fn a_route_is_noted() {
        let address = |last: u8| [&[0x20, 1, 0x0d, 0xb8][..], &[0; 11], &[last]].concat();
        let last: [Ipv6Addr; 2] = ["2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap()];
        for (kind, last_segment, expected) in
            [(0, 0, &last[..]), (4, 0, &last[..1]), (4, 1, &last), (3, 1, &[])]
        {
            let header = [17, 4, kind, 1, last_segment, 0, 0, 0];
            let data = [&header[..], &address(1), &address(2), b"udp"].concat();
            let (chain, layers) = walk(ROUTING, &data);
            assert_eq!(chain.payload, b"udp");
            assert_eq!(layers.passed, expected, "type {kind}");
            assert_eq!(layers.addresses(), expected);
        }
    }

    #[test]
    fn authentication_headers_have_an_index() {
        let header = [6, 4, 0, 0, 0, 0, 0x12, 0x34, 0, 0, 0, 1];
        let data = [&header[..], &[0; 12], b"tcp"].concat();
        let mut layers = Layers::default();
        let chain = super::walk(Family::Ipv4, AUTHENTICATION, &data, &mut layers);
        assert_eq!((chain.protocol, chain.payload), (6, &b"tcp"[..]));
        assert_eq!(layers.security_indexes, [0x1234]);
        let mut layers = Layers::default();
        let chain = super::walk(Family::Ipv4, HOP_BY_HOP, &data, &mut layers);
        assert_eq!((chain.protocol, chain.payload), (HOP_BY_HOP, &data[..]), "not in IPv4");
    }
}
