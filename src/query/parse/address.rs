//! Addresses and networks behind qualifiers.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use winnow::Parser as _;
use winnow::token::any;

use super::id::{Qualifiers, What, no_scope};
use super::mistake::{Mistake, Parsed};
use super::token::{Kind, Token, Tokens};
use crate::packet::MacAddress;
use crate::query::{
    AddressProtocol, Addresses, Direction, Filter, Host, HostDirection, Mac, Predicate, Protocol,
    Scope,
};

/// `/24`
pub(super) fn prefix(
    input: &mut Tokens<'_>,
    address: &Token<'_>,
    most: u32,
) -> Parsed<Option<u32>> {
    if !input.first().is_some_and(|token| token.is_sign("/")) {
        return Ok(None);
    }
    any.void().parse_next(input)?;
    let token = any.parse_next(input)?;
    match token.kind {
        Kind::Number(length) if length <= most => Ok(Some(length)),
        Kind::Number(_) => {
            let span = address.span.start..token.span.end;
            Mistake::at(span, format!("a prefix of this address has {most} bits at most")).fail()
        }
        _ => token.unexpected("the length of a prefix").fail(),
    }
}

/// The address, and the mask of the parts that are there: `10.1` is `10.1.0.0`, 16 bits of it.
pub(super) fn dotted(token: &Token<'_>) -> Parsed<(u32, u32)> {
    let parts: Option<Vec<u8>> = token.text.split('.').map(|part| part.parse().ok()).collect();
    let Some(parts) = parts else {
        return token.mistake(format!("{} is no IPv4 address", token.text)).fail();
    };
    let mut bytes = [0; 4];
    let mut mask = [0; 4];
    for (position, part) in parts.into_iter().enumerate() {
        bytes[position] = part;
        mask[position] = u8::MAX;
    }
    Ok((u32::from_be_bytes(bytes), u32::from_be_bytes(mask)))
}

pub(super) fn network(
    token: &Token<'_>,
    address: u32,
    mask: u32,
    qualifiers: Qualifiers,
) -> Parsed<Filter> {
    if qualifiers.what() != What::Net {
        return token
            .mistake(format!(
                "{} has no mask or prefix length: networks have",
                qualifiers.what().word()
            ))
            .hint(format!("write net {}/…", token.text))
            .fail();
    }
    if address & !mask != 0 {
        let network = Ipv4Addr::from(address & mask);
        return token
            .mistake(format!("{} has bits below the mask", token.text))
            .hint(format!("the network is {network}"))
            .fail();
    }
    ipv4(token, address, mask, qualifiers)
}

pub(super) fn ipv4(
    token: &Token<'_>,
    address: u32,
    mask: u32,
    qualifiers: Qualifiers,
) -> Parsed<Filter> {
    let length = mask.leading_ones();
    let is_prefix = mask.checked_shl(length).unwrap_or(0) == 0;
    let address = Ipv4Addr::from(address);
    let network = u8::try_from(length).ok().and_then(|length| Ipv4Net::new(address, length).ok());
    let addresses = match network {
        Some(network) if is_prefix => Addresses::Network(IpNet::V4(network)),
        _ => Addresses::Masked(address, Ipv4Addr::from(mask)),
    };
    let is_of_ip6 = qualifiers.protocol == Some(Protocol::Ip6);
    host(token, addresses, qualifiers, !is_of_ip6)
}

pub(super) fn ipv6(
    token: &Token<'_>,
    address: Ipv6Addr,
    length: Option<u32>,
    qualifiers: Qualifiers,
) -> Parsed<Filter> {
    match qualifiers.what() {
        What::Host if length.is_none_or(|length| length == 128) => {}
        What::Host => {
            return token
                .mistake("host has no prefix length: networks have")
                .hint(format!("write net {}/…", token.text))
                .fail();
        }
        What::Net => {}
        what => {
            return token
                .mistake(format!("{} is an address, and no {}", token.text, what.word()))
                .fail();
        }
    }
    let length = length.and_then(|length| u8::try_from(length).ok()).unwrap_or(128);
    let Ok(network) = Ipv6Net::new(address, length) else {
        return token.mistake("a prefix of this address has 128 bits at most").fail();
    };
    if network.network() != address {
        return token
            .mistake(format!("{} has bits below the prefix length", token.text))
            .hint(format!("the network is {}", network.network()))
            .fail();
    }
    let has_ipv6 = matches!(qualifiers.protocol, None | Some(Protocol::Ip6));
    host(token, Addresses::Network(IpNet::V6(network)), qualifiers, has_ipv6)
}

pub(super) fn host(
    token: &Token<'_>,
    addresses: Addresses,
    qualifiers: Qualifiers,
    is_family: bool,
) -> Parsed<Filter> {
    let protocol = match qualifiers.protocol {
        None => None,
        Some(Protocol::Ip) => Some(AddressProtocol::Ip),
        Some(Protocol::Ip6) => Some(AddressProtocol::Ip6),
        Some(Protocol::Arp) => Some(AddressProtocol::Arp),
        Some(Protocol::Rarp) => Some(AddressProtocol::Rarp),
        Some(Protocol::Link) => {
            return token
                .mistake(format!("{} is no address of the link layer", token.text))
                .hint("write ether host 00:00:5e:00:53:23")
                .fail();
        }
        Some(Protocol::Decnet) => {
            return token
                .mistake("addresses of DECnet are not looked at")
                .hint("write decnet for its packets")
                .fail();
        }
        Some(other) => {
            let (word, text) = (other.word(), token.text);
            return token
                .mistake(format!("{word} has no hosts: ip, ip6, arp and rarp have"))
                .hint(format!("write {word} and host {text}"))
                .fail();
        }
    };
    let is_family = is_family || matches!(addresses, Addresses::Name(_));
    if let (false, Some(other)) = (is_family, qualifiers.protocol) {
        let message = format!("{} is no address of {}", token.text, other.word());
        return token.mistake(message).fail();
    }
    let direction = qualifiers.ends().or_else(|why| token.mistake(why).fail())?;
    let scope = qualifiers.scope.unwrap_or(Scope::Any);
    Ok(Predicate::Host(Host { scope, protocol, direction, addresses }).into())
}

pub(super) fn mac(
    token: &Token<'_>,
    address: MacAddress,
    qualifiers: Qualifiers,
) -> Parsed<Filter> {
    if qualifiers.protocol != Some(Protocol::Link) || qualifiers.what() != What::Host {
        return token
            .mistake(format!("{} is an Ethernet address", token.text))
            .hint(format!("write ether host {}", token.text))
            .fail();
    }
    no_scope(token, qualifiers, "the link layer is the outermost by itself")?;
    let direction = qualifiers.direction.unwrap_or(HostDirection::Ends(Direction::Either));
    Ok(Predicate::Mac(Mac { direction, address }).into())
}
