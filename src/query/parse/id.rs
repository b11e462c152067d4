//! A value and the qualifiers before it → a condition.

use winnow::Parser as _;
use winnow::token::any;

use super::address::{dotted, host, ipv4, ipv6, mac, network, prefix};
use super::mistake::Parsed;
use super::names;
use super::token::{Kind, Token, Tokens};
use crate::query::{
    Addresses, Carrier, Direction, Filter, HostDirection, Ports, Predicate, Protocol, Scope,
    Transport,
};

/// The words before a value: `outer tcp src port`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Qualifiers {
    pub(super) scope: Option<Scope>,
    pub(super) protocol: Option<Protocol>,
    pub(super) direction: Option<HostDirection>,
    pub(super) kind: Option<What>,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Host,
    Net,
    Port,
    PortRange,
    Proto,
    ProtoChain,
}

impl What {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Net => "net",
            Self::Port => "port",
            Self::PortRange => "portrange",
            Self::Proto => "proto",
            Self::ProtoChain => "protochain",
        }
    }
}

impl Qualifiers {
    /// A value is a host unless something else is said.
    pub(super) fn what(self) -> What {
        self.kind.unwrap_or(What::Host)
    }

    pub(super) fn ends(self) -> Result<Direction, String> {
        match self.direction {
            None => Ok(Direction::Either),
            Some(HostDirection::Ends(direction)) => Ok(direction),
            Some(_) => Err("addr1 to addr4, ra and ta are for addresses of 802.11 frames".into()),
        }
    }
}

/// The condition for a value that has just been read. A network's length or mask follows.
pub(super) fn filter(
    input: &mut Tokens<'_>,
    token: &Token<'_>,
    qualifiers: Qualifiers,
) -> Parsed<Filter> {
    let what = qualifiers.what();
    match &token.kind {
        Kind::Mac(address) => mac(token, *address, qualifiers),
        Kind::Ipv6(address) => {
            let length = prefix(input, token, 128)?;
            ipv6(token, *address, length, qualifiers)
        }
        Kind::Dotted => {
            let (address, short) = dotted(token)?;
            if let Some(length) = prefix(input, token, 32)? {
                return network(
                    token,
                    address,
                    u32::MAX.checked_shl(32 - length).unwrap_or(0),
                    qualifiers,
                );
            }
            if input.first().is_some_and(|next| next.is_word("mask")) {
                any.void().parse_next(input)?;
                let mask = any.parse_next(input)?;
                if mask.kind != Kind::Dotted {
                    return mask.unexpected("a mask such as 255.255.255.0").fail();
                }
                return network(token, address, dotted(mask)?.0, qualifiers);
            }
            match what {
                What::Host | What::Net => ipv4(token, address, short, qualifiers),
                _ => token
                    .mistake(format!("{} is an address, and no {}", token.text, what.word()))
                    .fail(),
            }
        }
        Kind::Number(number) => {
            let is_spaced = input.first().is_some_and(|next| next.is_sign("-"));
            if what == What::PortRange && is_spaced {
                return token
                    .mistake("a range of ports is written without spaces")
                    .hint(format!("write portrange {number}-…"))
                    .fail();
            }
            numbered(token, *number, qualifiers)
        }
        _ => named(token, qualifiers),
    }
}

pub(super) fn no_scope(token: &Token<'_>, qualifiers: Qualifiers, why: &str) -> Parsed<()> {
    match qualifiers.scope {
        None => Ok(()),
        Some(_) => token.mistake(format!("neither any nor outer goes with this: {why}")).fail(),
    }
}

fn numbered(token: &Token<'_>, number: u32, qualifiers: Qualifiers) -> Parsed<Filter> {
    match qualifiers.what() {
        What::Host => ipv4(token, number, u32::MAX, qualifiers),
        // A network that is written by its first bytes: 10 is 10.0.0.0/8.
        What::Net => {
            let missing = if number == 0 { 0 } else { number.leading_zeros() / 8 * 8 };
            ipv4(token, number << missing, u32::MAX << missing, qualifiers)
        }
        What::Port | What::PortRange => {
            let Ok(port) = u16::try_from(number) else {
                return token.mistake(format!("{number} is no port: ports end at 65535")).fail();
            };
            ports(token, (port, port), None, qualifiers)
        }
        What::Proto => carries(token, number, qualifiers),
        What::ProtoChain => chain(token, number, qualifiers),
    }
}

fn named(token: &Token<'_>, qualifiers: Qualifiers) -> Parsed<Filter> {
    let Some(name) = token.name() else {
        let expected = match qualifiers.what() {
            What::Host => "an address",
            What::Net => "a network",
            What::Port => "a port",
            What::PortRange => "a range of ports such as 6000-6008",
            What::Proto | What::ProtoChain => "the number or name of a protocol",
        };
        return token.unexpected(expected).fail();
    };
    if token.kind == Kind::Word && names::is_keyword(name) {
        let what = qualifiers.what().word();
        return token
            .mistake(format!("expected a value of {what}, found the word {name}"))
            .hint(format!("the name is written {what} \\{name}"))
            .fail();
    }
    match qualifiers.what() {
        What::Host if name.split('.').all(|part| part.bytes().all(|b| b.is_ascii_digit())) => {
            token.mistake(format!("{name} is no IPv4 address")).fail()
        }
        What::Host => host(token, Addresses::Name(name.to_ascii_lowercase()), qualifiers, true),
        What::Net => token
            .mistake(format!("{name} is no network: networks have no names here"))
            .hint("write net 192.0.2.0/24")
            .fail(),
        What::Port => {
            let Some((port, transport)) = names::service(name) else {
                return token.mistake(format!("{name} is no service that IANA knows")).fail();
            };
            ports(token, (port, port), transport, qualifiers)
        }
        What::PortRange => {
            let Some((first, last, transport)) = port_range(name) else {
                return token
                    .mistake(format!("{name} is no range of ports"))
                    .hint("write portrange 6000-6008")
                    .fail();
            };
            ports(token, (first, last), transport, qualifiers)
        }
        What::Proto => {
            let number = protocol_number(token, name, qualifiers)?;
            carries(token, number, qualifiers)
        }
        What::ProtoChain => {
            let number = protocol_number(token, name, qualifiers)?;
            chain(token, number, qualifiers)
        }
    }
}

/// `6000-6008`, `ftp-http`. Where both ends have a protocol of their own and it is not the same,
/// neither counts, as in libpcap.
fn port_range(text: &str) -> Option<(u16, u16, Option<Transport>)> {
    let end = |text: &str| match text.parse::<u16>() {
        Ok(port) => Some((port, None)),
        Err(_) => names::service(text),
    };
    // A name may have hyphens of its own.
    let mut hyphens = text.match_indices('-').map(|(at, _)| at);
    let ends = |at: usize| Some((end(&text[..at])?, end(&text[at + 1..])?));
    let ((first, of_first), (last, of_last)) = hyphens.find_map(ends)?;
    let transport = if of_first == of_last { of_first } else { None };
    Some((first.min(last), first.max(last), transport))
}

fn ports(
    token: &Token<'_>,
    (first, last): (u16, u16),
    known: Option<Transport>,
    qualifiers: Qualifiers,
) -> Parsed<Filter> {
    let asked = match qualifiers.protocol {
        None => None,
        Some(Protocol::Tcp) => Some(Transport::Tcp),
        Some(Protocol::Udp) => Some(Transport::Udp),
        Some(Protocol::Sctp) => Some(Transport::Sctp),
        Some(other) => {
            let (word, text) = (other.word(), token.text);
            return token
                .mistake(format!("{word} has no ports: tcp, udp and sctp have"))
                .hint(format!("write {word} and port {text}"))
                .fail();
        }
    };
    if asked.is_some() && known.is_some() && asked != known {
        let message = format!(
            "{} is no service of {}",
            token.text,
            qualifiers.protocol.map_or("", Protocol::word)
        );
        return token.mistake(message).fail();
    }
    let direction = qualifiers.ends().or_else(|why| token.mistake(why).fail())?;
    let scope = qualifiers.scope.unwrap_or(Scope::Any);
    let transport = asked.or(known);
    Ok(Predicate::Port(Ports { scope, transport, direction, range: first..=last }).into())
}

fn carrier(token: &Token<'_>, qualifiers: Qualifiers) -> Parsed<Carrier> {
    match qualifiers.protocol {
        None => Ok(Carrier::AnyIp),
        Some(Protocol::Link) => Ok(Carrier::Link),
        Some(Protocol::Ip) => Ok(Carrier::Ip),
        Some(Protocol::Ip6) => Ok(Carrier::Ip6),
        Some(Protocol::Iso) => Ok(Carrier::Iso),
        Some(Protocol::Isis) => Ok(Carrier::Isis),
        Some(other) => {
            let message = format!("{} does not number what it carries", other.word());
            token.mistake(message).hint("ether, ip, ip6, iso and isis do").fail()
        }
    }
}

fn protocol_number(token: &Token<'_>, name: &str, qualifiers: Qualifiers) -> Parsed<u32> {
    let carrier = carrier(token, qualifiers)?;
    let number = match carrier {
        Carrier::Link => names::ether_type(name),
        Carrier::Ip | Carrier::Ip6 | Carrier::AnyIp => names::ip_protocol(name),
        Carrier::Iso => names::iso_protocol(name),
        Carrier::Isis => None,
    };
    match number {
        Some(number) => Ok(number),
        None => token.mistake(format!("{name} is no protocol that is known here")).fail(),
    }
}

fn carries(token: &Token<'_>, number: u32, qualifiers: Qualifiers) -> Parsed<Filter> {
    let carrier = carrier(token, qualifiers)?;
    let scope = qualifiers.scope.unwrap_or(Scope::Outer);
    if scope == Scope::Any && !matches!(carrier, Carrier::Ip | Carrier::Ip6 | Carrier::AnyIp) {
        return token.mistake("any goes with what IP carries only").fail();
    }
    Ok(Predicate::Carries(scope, carrier, number).into())
}

fn chain(token: &Token<'_>, number: u32, qualifiers: Qualifiers) -> Parsed<Filter> {
    no_scope(token, qualifiers, "protochain looks at the outermost packet")?;
    match carrier(token, qualifiers)? {
        carrier @ (Carrier::Ip | Carrier::Ip6 | Carrier::AnyIp) => {
            Ok(Predicate::Chain(carrier, number).into())
        }
        _ => token.mistake("only ip and ip6 have a chain of headers").fail(),
    }
}
