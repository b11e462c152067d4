//! `tcp[13] & 2 != 0`: relations between numbers that follow from the packet.

use winnow::Parser as _;
use winnow::combinator::fail;
use winnow::error::ErrMode;
use winnow::stream::Stream as _;
use winnow::token::any;

use super::MOST_LEVELS;
use super::grammar::{closed, too_deep};
use super::mistake::Parsed;
use super::token::{Kind, Tokens};
use crate::query::{Accessor, Arithmetic, Comparison, Operator, Protocol, Relation};

/// Operators in the order of how tightly they bind. `%` and `^` have no place in libpcap's
/// grammar: whatever follows them belongs to their right side.
const OPERATORS: &[(&str, Operator, Option<u8>)] = &[
    ("|", Operator::Or, Some(1)),
    ("&", Operator::And, Some(2)),
    ("<<", Operator::ShiftLeft, Some(3)),
    (">>", Operator::ShiftRight, Some(3)),
    ("+", Operator::Add, Some(4)),
    ("-", Operator::Subtract, Some(4)),
    ("*", Operator::Multiply, Some(5)),
    ("/", Operator::Divide, Some(5)),
    ("%", Operator::Remainder, None),
    ("^", Operator::ExclusiveOr, None),
];
/// Tighter than any of them.
const TIGHTEST: u8 = 6;

const COMPARISONS: &[(&str, Comparison)] = &[
    ("=", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<", Comparison::Less),
    ("<=", Comparison::LessOrEqual),
    (">", Comparison::Greater),
    (">=", Comparison::GreaterOrEqual),
];

/// A relation; it backtracks when what begins like one turns out to be something else.
pub(super) fn relation(input: &mut Tokens<'_>) -> Parsed<Relation> {
    let left = number(input, 0, 0)?;
    // A number alone may be a port; anything else can only be compared.
    let comparison = match left.value {
        Arithmetic::Number(_) => comparison.parse_next(input)?,
        _ => comparison.parse_next(input).map_err(ErrMode::cut)?,
    };
    let right = number(input, 0, 0).map_err(ErrMode::cut)?;
    Ok(Relation { left: left.value, comparison, right: right.value })
}

fn comparison(input: &mut Tokens<'_>) -> Parsed<Comparison> {
    let found = input.first().and_then(|token| {
        COMPARISONS.iter().find(|(sign, _)| token.is_sign(sign)).map(|(_, found)| *found)
    });
    match (found, input.first()) {
        (Some(comparison), _) => any.value(comparison).parse_next(input),
        (None, Some(token)) => {
            Err(ErrMode::Backtrack(token.unexpected("a comparison such as = or >")))
        }
        (None, None) => fail.parse_next(input),
    }
}

/// A number and the levels that it is made of.
struct Leveled {
    value: Arithmetic,
    levels: usize,
}

fn number(input: &mut Tokens<'_>, least: u8, level: usize) -> Parsed<Leveled> {
    let mut left = operand(input, level)?;
    while let Some((operator, tightness)) = operator(input, least) {
        let sign = any.parse_next(input)?;
        let right = match tightness {
            Some(tightness) => number(input, tightness + 1, level + 1)?,
            None => number(input, 0, level + 1)?,
        };
        if let Arithmetic::Number(right) = right.value {
            let impossible = match (operator, right) {
                (Operator::Divide | Operator::Remainder, 0) => Some("a division by zero"),
                (Operator::ShiftLeft | Operator::ShiftRight, 32..) => {
                    Some("numbers have 32 bits: a shift by more than 31 leaves nothing")
                }
                _ => None,
            };
            if let Some(message) = impossible {
                return sign.mistake(message).fail();
            }
        }
        let levels = left.levels.max(right.levels) + 1;
        if levels > MOST_LEVELS {
            return too_deep(sign).fail();
        }
        let operands = Box::new((left.value, right.value));
        left = Leveled { value: Arithmetic::Binary(operator, operands), levels };
    }
    Ok(left)
}

/// The operator that stands next, when it binds as tightly as this at least.
fn operator(input: &Tokens<'_>, least: u8) -> Option<(Operator, Option<u8>)> {
    let token = input.first()?;
    let (_, operator, tightness) = OPERATORS.iter().find(|(sign, ..)| token.is_sign(sign))?;
    tightness.is_none_or(|tightness| tightness >= least).then_some((*operator, *tightness))
}

fn operand(input: &mut Tokens<'_>, level: usize) -> Parsed<Leveled> {
    let start = input.checkpoint();
    let token = any.parse_next(input)?;
    if level > MOST_LEVELS {
        return too_deep(token).fail();
    }
    let single = |value| Ok(Leveled { value, levels: 0 });
    match &token.kind {
        Kind::Number(number) => single(Arithmetic::Number(*number)),
        Kind::Sign("-") => {
            let number = number(input, TIGHTEST, level + 1)?;
            let levels = number.levels + 1;
            Ok(Leveled { value: Arithmetic::Negative(Box::new(number.value)), levels })
        }
        Kind::Sign("(") => {
            let number = number(input, 0, level + 1)?;
            match input.first() {
                Some(token) if token.is_sign(")") => {
                    any.void().parse_next(input)?;
                    Ok(number)
                }
                Some(token) => Err(ErrMode::Backtrack(token.unexpected(")"))),
                None => fail.parse_next(input),
            }
        }
        Kind::Word if matches!(token.text, "len" | "length") => single(Arithmetic::Length),
        Kind::Word if input.first().is_some_and(|next| next.is_sign("[")) => {
            let Some(protocol) = Protocol::of_word(token.text) else {
                return token.mistake(format!("{} is no protocol", token.text)).fail();
            };
            if !can_be_looked_into(protocol) {
                let message = format!("{} has no bytes of its own to look at", token.text);
                return token.mistake(message).fail();
            }
            bytes(input, protocol, level)
        }
        _ => {
            input.reset(&start);
            Err(ErrMode::Backtrack(token.unexpected("a number, len or bytes such as ip[0]")))
        }
    }
}

fn can_be_looked_into(protocol: Protocol) -> bool {
    use Protocol as P;
    matches!(
        protocol,
        P::Radio
            | P::Link
            | P::Ip
            | P::Ip6
            | P::Arp
            | P::Rarp
            | P::Atalk
            | P::Decnet
            | P::Sca
            | P::Lat
            | P::Moprc
            | P::Mopdl
            | P::Sctp
            | P::Tcp
            | P::Udp
            | P::Icmp
            | P::Igmp
            | P::Igrp
            | P::Pim
            | P::Vrrp
            | P::Carp
            | P::Icmp6
    )
}

/// What stands in the brackets behind a protocol.
fn bytes(input: &mut Tokens<'_>, protocol: Protocol, level: usize) -> Parsed<Leveled> {
    let bracket = any.parse_next(input)?;
    let offset = number(input, 0, level + 1).map_err(ErrMode::cut)?;
    let mut size = 1;
    if input.first().is_some_and(|token| token.is_sign(":")) {
        any.void().parse_next(input)?;
        let token = any.parse_next(input)?;
        size = match token.kind {
            Kind::Number(1) => 1,
            Kind::Number(2) => 2,
            Kind::Number(4) => 4,
            _ => return token.unexpected("a size of 1, 2 or 4 bytes").fail(),
        };
    }
    closed(input, bracket, "]")?;
    let accessor = Accessor { protocol, offset: offset.value, size };
    Ok(Leveled { value: Arithmetic::Bytes(Box::new(accessor)), levels: offset.levels + 1 })
}
