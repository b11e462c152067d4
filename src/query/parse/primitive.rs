//! One condition: a word, qualifiers with a value, or what has a form of its own.

use winnow::Parser as _;
use winnow::token::any;

use super::grammar::{Part, alone};
use super::id::{Qualifiers, What};
use super::mistake::Parsed;
use super::token::{Kind, Token, Tokens, rest};
use super::{names, wlan};
use crate::query::{
    Accessor, Arithmetic, Cast, Comparison, Direction, Filter, HostDirection, Llc, Predicate,
    Protocol, Relation, Scope, Way,
};

/// The condition that begins with `token`, which has been read.
pub(super) fn primitive(input: &mut Tokens<'_>, token: &Token<'_>) -> Parsed<Part> {
    match &token.kind {
        Kind::Condition(predicate) => return Ok(Part::of((**predicate).clone(), None)),
        Kind::Word => {}
        Kind::Number(_) | Kind::Name | Kind::Dotted | Kind::Ipv6(_) | Kind::Mac(_) => {
            return alone(token).fail();
        }
        Kind::Sign(_) | Kind::End => return token.unexpected("a condition").fail(),
    }
    let one = |predicate| Ok(Part::of(predicate, None));
    match token.text {
        "all" => Ok(Part::of_filter(Filter::All, None)),
        "none" => Ok(Part::of_filter(Filter::NONE, None)),
        "outer" => scoped(input, token, Scope::Outer),
        "any" => scoped(input, token, Scope::Any),
        "less" => one(length(Comparison::LessOrEqual, number(input, "a length in bytes")?)),
        "greater" => one(length(Comparison::GreaterOrEqual, number(input, "a length in bytes")?)),
        "byte" => byte(input).and_then(one),
        "inbound" => one(Predicate::Way(Way::Inbound)),
        "outbound" => one(Predicate::Way(Way::Outbound)),
        "ifindex" => one(Predicate::InterfaceIndex(number(input, "the index of an interface")?)),
        "vlan" => one(Predicate::Vlan(limited(input, "a VLAN id", 4095)?)),
        "mpls" => one(Predicate::Mpls(limited(input, "an MPLS label", 0x000f_ffff)?)),
        "pppoes" => one(Predicate::Pppoes(limited(input, "a PPPoE session", 0xffff)?)),
        "geneve" => one(Predicate::Geneve(limited(input, "a Geneve network", 0x00ff_ffff)?)),
        "llc" => llc(input).and_then(one),
        word => match Protocol::of_word(word) {
            Some(protocol) => behind_protocol(input, token, None, Some(protocol)),
            None if is_qualifier(token) => qualified(input, token, None, None),
            None if wlan::is_word(word) => wlan::condition(input, word).and_then(one),
            None => meaningless(token),
        },
    }
}

/// What follows `outer` or `any`.
fn scoped(input: &mut Tokens<'_>, word: &Token<'_>, scope: Scope) -> Parsed<Part> {
    let token = any.parse_next(input)?;
    if token.kind == Kind::Word {
        if let Some(protocol) = Protocol::of_word(token.text) {
            return behind_protocol(input, token, Some(scope), Some(protocol));
        }
        if is_qualifier(token) {
            return qualified(input, token, Some(scope), None);
        }
    }
    token
        .unexpected("a protocol, host, net, port or portrange")
        .hint(format!("write {} host 192.0.2.1", word.text))
        .fail()
}

/// A protocol's word alone, or as the first qualifier.
fn behind_protocol(
    input: &mut Tokens<'_>,
    word: &Token<'_>,
    scope: Option<Scope>,
    protocol: Option<Protocol>,
) -> Parsed<Part> {
    let next = rest(input).first().filter(|next| next.kind == Kind::Word);
    if let Some(next) = next {
        if is_qualifier(next) {
            any.void().parse_next(input)?;
            return qualified(input, next, scope, protocol);
        }
        if matches!(next.text, "broadcast" | "multicast") {
            any.void().parse_next(input)?;
            return cast(next, protocol);
        }
        if wlan::is_word(next.text) && scope.is_none() {
            any.void().parse_next(input)?;
            return Ok(Part::of(wlan::condition(input, next.text)?, None));
        }
    }
    let Some(protocol) = protocol else { return word.unexpected("a condition").fail() };
    match protocol {
        Protocol::Link | Protocol::Radio => {
            let text = word.text;
            word.mistake(format!("{text} is no condition by itself"))
                .hint(format!("write {text}[0] = 1, or ether host 00:00:5e:00:53:23"))
                .fail()
        }
        _ => {
            let scope = scope.unwrap_or(Scope::Outer);
            if scope == Scope::Any && !can_be_anywhere(protocol) {
                let message = format!("{} is looked for in the outermost packet only", word.text);
                return word.mistake(message).fail();
            }
            Ok(Part::of(Predicate::Protocol(scope, protocol), None))
        }
    }
}

/// The layers in a tunnel that are known by their protocol.
fn can_be_anywhere(protocol: Protocol) -> bool {
    use Protocol as P;
    protocol.ip_number().is_some() || matches!(protocol, P::Ip | P::Ip6 | P::Arp | P::Rarp)
}

fn is_qualifier(token: &Token<'_>) -> bool {
    const WORDS: &[&str] = &[
        "src",
        "dst",
        "host",
        "net",
        "port",
        "portrange",
        "proto",
        "protochain",
        "gateway",
        "ra",
        "ta",
        "addr1",
        "addr2",
        "addr3",
        "addr4",
        "address1",
        "address2",
        "address3",
        "address4",
        "broadcast",
        "multicast",
    ];
    token.kind == Kind::Word && WORDS.contains(&token.text)
}

/// What follows the qualifier `first`, which has been read, up to the value.
fn qualified(
    input: &mut Tokens<'_>,
    first: &Token<'_>,
    scope: Option<Scope>,
    protocol: Option<Protocol>,
) -> Parsed<Part> {
    if matches!(first.text, "broadcast" | "multicast") {
        return cast(first, protocol);
    }
    let direction = direction(input, first)?;
    let word = if direction.is_some() { input.first() } else { Some(first) };
    let kind = match word.filter(|token| token.kind == Kind::Word).map_or("", |token| token.text) {
        "host" => Some(What::Host),
        "net" => Some(What::Net),
        "port" => Some(What::Port),
        "portrange" => Some(What::PortRange),
        "proto" if direction.is_none() => Some(What::Proto),
        "protochain" if direction.is_none() => Some(What::ProtoChain),
        "gateway" => return gateway(word.unwrap_or(first)),
        _ => None,
    };
    if direction.is_some() && kind.is_some() {
        any.void().parse_next(input)?;
    }
    let qualifiers = Qualifiers { scope, protocol, direction, kind };
    super::grammar::shared(input, qualifiers)
}

fn direction(input: &mut Tokens<'_>, first: &Token<'_>) -> Parsed<Option<HostDirection>> {
    let other = match first.text {
        "src" => "dst",
        "dst" => "src",
        "ra" => return Ok(Some(HostDirection::Receiver)),
        "ta" => return Ok(Some(HostDirection::Transmitter)),
        "addr1" | "address1" => return Ok(Some(HostDirection::Field(1))),
        "addr2" | "address2" => return Ok(Some(HostDirection::Field(2))),
        "addr3" | "address3" => return Ok(Some(HostDirection::Field(3))),
        "addr4" | "address4" => return Ok(Some(HostDirection::Field(4))),
        _ => return Ok(None),
    };
    let both = input.get(1).is_some_and(|token| token.is_word(other));
    let direction = match input.first().map(|token| &token.kind) {
        Some(Kind::Sign("or")) if both => Direction::Either,
        Some(Kind::Sign("and")) if both => Direction::Both,
        _ if first.text == "src" => return Ok(Some(HostDirection::Ends(Direction::Source))),
        _ => return Ok(Some(HostDirection::Ends(Direction::Destination))),
    };
    (any, any).void().parse_next(input)?;
    Ok(Some(HostDirection::Ends(direction)))
}

fn gateway(token: &Token<'_>) -> Parsed<Part> {
    token
        .mistake("gateway has no meaning here: an archive knows no host's Ethernet address")
        .hint("write ether host 00:00:5e:00:53:23 and not host 192.0.2.1")
        .fail()
}

fn cast(token: &Token<'_>, protocol: Option<Protocol>) -> Parsed<Part> {
    let cast = match (token.text, protocol) {
        ("broadcast", None | Some(Protocol::Link)) => Cast::Broadcast,
        ("broadcast", Some(Protocol::Ip)) => Cast::IpBroadcast,
        ("multicast", None | Some(Protocol::Link)) => Cast::Multicast,
        ("multicast", Some(Protocol::Ip)) => Cast::IpMulticast,
        ("multicast", Some(Protocol::Ip6)) => Cast::Ip6Multicast,
        (word, Some(other)) => {
            let message = format!("{} has no {word}", other.word());
            return token.mistake(message).hint(format!("write ether {word}, or ip {word}")).fail();
        }
        (word, None) => return token.mistake(format!("{word} is not known")).fail(),
    };
    Ok(Part::of(Predicate::Cast(cast), None))
}

fn number(input: &mut Tokens<'_>, expected: &str) -> Parsed<u32> {
    let token = any.parse_next(input)?;
    match token.kind {
        Kind::Number(number) => Ok(number),
        _ => token.unexpected(expected).fail(),
    }
}

fn length(comparison: Comparison, length: u32) -> Predicate {
    let (left, right) = (Arithmetic::Length, Arithmetic::Number(length));
    Predicate::Relation(Box::new(Relation { left, comparison, right }))
}

/// A number, if one follows, in parentheses or not.
fn limited<T: TryFrom<u32>>(input: &mut Tokens<'_>, what: &str, most: u32) -> Parsed<Option<T>> {
    let opening = input.iter().take_while(|token| token.is_sign("(")).count();
    let Some(Kind::Number(number)) = rest(input).get(opening).map(|token| &token.kind) else {
        return Ok(None);
    };
    for _ in 0..opening {
        any.void().parse_next(input)?;
    }
    let token = any.parse_next(input)?;
    for _ in 0..opening {
        super::grammar::closed(input, token, ")")?;
    }
    match T::try_from(*number) {
        Ok(value) if *number <= most => Ok(Some(value)),
        _ => token.mistake(format!("{number} is larger than {what} can be: {most}")).fail(),
    }
}

/// `byte 5 = 3`: one byte of the link layer's header.
fn byte(input: &mut Tokens<'_>) -> Parsed<Predicate> {
    let offset = Arithmetic::Number(number(input, "the offset of a byte")?);
    let sign = any.parse_next(input)?;
    let value = Arithmetic::Number(number(input, "a number")?);
    let bytes = Arithmetic::Bytes(Box::new(Accessor { protocol: Protocol::Link, offset, size: 1 }));
    let (left, comparison, right) = match sign.kind {
        Kind::Sign("=") => (bytes, Comparison::Equal, value),
        Kind::Sign("<") => (bytes, Comparison::Less, value),
        Kind::Sign(">") => (bytes, Comparison::Greater, value),
        // libpcap reads these and tests no byte at all.
        Kind::Sign("&" | "|") => {
            return sign
                .mistake(format!("byte knows no {}", sign.text))
                .hint("write ether[0] & 1 != 0")
                .fail();
        }
        _ => return sign.unexpected("one of = < >").fail(),
    };
    Ok(Predicate::Relation(Box::new(Relation { left, comparison, right })))
}

fn llc(input: &mut Tokens<'_>) -> Parsed<Predicate> {
    let Some(name) = rest(input).first().and_then(Token::name) else {
        return Ok(Predicate::Llc(Llc::Any));
    };
    let kind = |names: &[(&str, u8)]| names.iter().find(|(known, _)| *known == name).map(|k| k.1);
    let llc = match name {
        "i" => Llc::Information,
        "s" => Llc::Supervisory,
        "u" => Llc::Unnumbered,
        _ => match (kind(Llc::SUPERVISORY_KINDS), kind(Llc::UNNUMBERED_KINDS)) {
            (Some(bits), _) => Llc::SupervisoryKind(bits),
            (None, Some(bits)) => Llc::UnnumberedKind(bits),
            (None, None) => {
                let token = any.parse_next(input)?;
                return token
                    .mistake(format!("{name} is no kind of LLC frame"))
                    .hint("known are i s u rr rnr rej ui ua disc dm sabme test xid frmr")
                    .fail();
            }
        },
    };
    any.void().parse_next(input)?;
    Ok(Predicate::Llc(llc))
}

/// Words of libpcap that stored packets cannot answer, and words that are none.
fn meaningless(token: &Token<'_>) -> Parsed<Part> {
    let word = token.text;
    let mistake = |what: &str| token.mistake(format!("{word} has no meaning here: {what}"));
    if names::PF.contains(&word) {
        return mistake("it is for logs of the packet filter of BSD").fail();
    }
    if names::ATM.contains(&word) {
        return mistake("it is for ATM captures of SunOS").fail();
    }
    if names::SS7.contains(&word) {
        return mistake("it is for captures of SS7 links").fail();
    }
    if names::is_keyword(word) {
        return token.unexpected("a condition").fail();
    }
    let lower = word.to_ascii_lowercase();
    if lower != word && (names::is_keyword(&lower) || lower == "and" || lower == "or") {
        let message = format!("{word} is not known");
        return token.mistake(message).hint(format!("words are in lower case: {lower}")).fail();
    }
    if matches!(word, "dns" | "http" | "tls" | "ssh" | "quic" | "ftp" | "smtp" | "sip") {
        return token
            .mistake(format!("{word} does not say what it is"))
            .hint(format!("write network.protocol:{word}, port {word}, or \"{word}\" for text"))
            .fail();
    }
    alone(token).fail()
}
