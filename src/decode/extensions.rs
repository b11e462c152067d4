//! IPv6 extension headers (RFC 8200, section 4).
//!
//! Walked by hand: etherparse 0.21 reads beyond the end when a chain that was cut short is
//! iterated, and it takes the middle of a datagram, in a later fragment, for headers.

use crate::decode::stop;
use crate::packet::{Fragment, Stop};

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;
const MOBILITY: u8 = 135;

/// A fragment header's length.
const FRAGMENT_LENGTH: usize = 8;

/// The headers between the fixed header and what is carried.
pub(super) struct Chain<'a> {
    pub(super) names: Vec<&'static str>,
    pub(super) fragment: Option<Fragment>,
    /// What is carried: an IANA protocol number.
    pub(super) protocol: u8,
    pub(super) payload: &'a [u8],
    pub(super) stop: Option<Stop>,
}

/// Follows the chain that begins with `next_header`; each header is looked at once.
pub(super) fn walk(next_header: u8, data: &[u8]) -> Chain<'_> {
    let mut chain = Chain {
        names: Vec::new(),
        fragment: None,
        protocol: next_header,
        payload: data,
        stop: None,
    };
    while let Some(name) = name(chain.protocol) {
        chain.names.push(name);
        let Some((header, payload)) = split(chain.protocol, chain.payload) else {
            chain.stop = Some(stop(name, "cut within its header"));
            return chain;
        };
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

fn name(protocol: u8) -> Option<&'static str> {
    Some(match protocol {
        HOP_BY_HOP => "ipv6.hopopts",
        ROUTING => "ipv6.routing",
        FRAGMENT => "ipv6.fragment",
        AUTHENTICATION => "ah",
        DESTINATION_OPTIONS => "ipv6.dstopts",
        MOBILITY => "ipv6.mobility",
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

/// `header` is whole.
fn fragment(header: &[u8]) -> Fragment {
    let word = u16::from_be_bytes([header[2], header[3]]);
    Fragment { offset: u32::from(word & !7), more: word & 1 == 1, next_header: header[0] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_followed_to_what_it_carries() {
        let options = [FRAGMENT, 0, 1, 4, 0, 0, 0, 0];
        let first_fragment = [17, 0, 0, 1, 0, 0, 0, 9];
        let data = [&options[..], &first_fragment, b"udp"].concat();
        let chain = walk(HOP_BY_HOP, &data);
        assert_eq!(chain.names, ["ipv6.hopopts", "ipv6.fragment"]);
        assert_eq!(chain.fragment, Some(Fragment { offset: 0, more: true, next_header: 17 }));
        assert_eq!((chain.protocol, chain.payload), (17, &b"udp"[..]));
        assert_eq!(chain.stop, None);
    }

    #[test]
    fn a_later_fragment_has_no_further_headers() {
        let data = [DESTINATION_OPTIONS, 0, 0, 8, 0, 0, 0, 9, 1, 2, 3];
        let chain = walk(FRAGMENT, &data);
        assert_eq!(chain.protocol, DESTINATION_OPTIONS);
        assert_eq!(chain.fragment.map(|fragment| fragment.offset), Some(8));
        assert_eq!(chain.payload, [1, 2, 3]);
    }

    #[test]
    fn a_chain_that_is_cut_anywhere_says_so() {
        let data = [FRAGMENT, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 1];
        assert_eq!(walk(ROUTING, &data).stop, None);
        for length in 0..data.len() {
            let chain = walk(ROUTING, &data[..length]);
            assert!(chain.stop.is_some(), "{length} bytes");
        }
    }
}
