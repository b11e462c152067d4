//! `type mgt subtype beacon`, `dir tods`: frames of IEEE 802.11.

use winnow::Parser as _;
use winnow::token::any;

use super::mistake::Parsed;
use super::token::{Kind, Token, Tokens};
use crate::query::{Predicate, Wlan};

/// Names and the bits that they stand for.
type Names = &'static [(&'static str, u8)];

/// Types by name, and the subtypes of each; with the bits of the frame control field.
///
/// Source: pcap-filter(7), IEEE 802.11.
const TYPES: &[(&[&str], u8, Names)] = &[
    (
        &["mgt", "management"],
        0x00,
        &[
            ("assoc-req", 0x00),
            ("assocreq", 0x00),
            ("assoc-resp", 0x10),
            ("assocresp", 0x10),
            ("reassoc-req", 0x20),
            ("reassocreq", 0x20),
            ("reassoc-resp", 0x30),
            ("reassocresp", 0x30),
            ("probe-req", 0x40),
            ("probereq", 0x40),
            ("probe-resp", 0x50),
            ("proberesp", 0x50),
            ("beacon", 0x80),
            ("atim", 0x90),
            ("disassoc", 0xa0),
            ("disassociation", 0xa0),
            ("auth", 0xb0),
            ("authentication", 0xb0),
            ("deauth", 0xc0),
            ("deauthentication", 0xc0),
        ],
    ),
    (
        &["ctl", "control"],
        0x04,
        &[
            ("ps-poll", 0xa0),
            ("pspoll", 0xa0),
            ("rts", 0xb0),
            ("cts", 0xc0),
            ("ack", 0xd0),
            ("cf-end", 0xe0),
            ("cf-end-ack", 0xf0),
        ],
    ),
    (
        &["data"],
        0x08,
        &[
            ("data", 0x00),
            ("data-cf-ack", 0x10),
            ("data-cf-poll", 0x20),
            ("data-cf-ack-poll", 0x30),
            ("null", 0x40),
            ("cf-ack", 0x50),
            ("cf-poll", 0x60),
            ("cf-ack-poll", 0x70),
            ("qos-data", 0x80),
            ("qos-data-cf-ack", 0x90),
            ("qos-data-cf-poll", 0xa0),
            ("qos-data-cf-ack-poll", 0xb0),
            ("qos", 0xc0),
            ("qos-cf-poll", 0xe0),
            ("qos-cf-ack-poll", 0xf0),
        ],
    ),
];

/// The directions, and the bits of the second byte of the frame control field.
const DIRECTIONS: &[(&str, u8)] = &[("nods", 0), ("tods", 1), ("fromds", 2), ("dstods", 3)];

pub(super) fn is_word(word: &str) -> bool {
    matches!(word, "type" | "subtype" | "dir" | "direction")
}

/// What follows one of the words, which has been read.
pub(super) fn condition(input: &mut Tokens<'_>, word: &str) -> Parsed<Predicate> {
    let token = any.parse_next(input)?;
    let wlan = match word {
        "type" => kind(input, token)?,
        "subtype" => {
            let found = TYPES
                .iter()
                .find_map(|(_, bits, subtypes)| Some(bits | named(subtypes, token.name()?)?));
            let Some(value) = found else {
                return token.unexpected("a subtype such as beacon").fail();
            };
            Wlan::Kind { value, mask: Wlan::TYPE | Wlan::SUBTYPE }
        }
        _ => Wlan::Direction(direction(token)?),
    };
    Ok(Predicate::Wlan(wlan))
}

fn kind(input: &mut Tokens<'_>, token: &Token<'_>) -> Parsed<Wlan> {
    let bits = if let Kind::Number(number) = token.kind {
        u8::try_from(number).ok().filter(|bits| bits & !Wlan::TYPE == 0)
    } else {
        let known = |names: &[&str]| token.name().is_some_and(|name| names.contains(&name));
        TYPES.iter().find(|(names, ..)| known(names)).map(|(_, bits, _)| *bits)
    };
    let Some(bits) = bits else {
        return token.unexpected("a type of frame: mgt, ctl or data").fail();
    };
    if !input.first().is_some_and(|next| next.is_word("subtype")) {
        return Ok(Wlan::Kind { value: bits, mask: Wlan::TYPE });
    }
    any.void().parse_next(input)?;
    let token = any.parse_next(input)?;
    let subtype = match token.kind {
        Kind::Number(number) => u8::try_from(number).ok().filter(|bits| bits & !Wlan::SUBTYPE == 0),
        _ => TYPES
            .iter()
            .find(|(_, known, _)| *known == bits)
            .and_then(|(.., subtypes)| named(subtypes, token.name()?)),
    };
    match subtype {
        Some(subtype) => Ok(Wlan::Kind { value: bits | subtype, mask: Wlan::TYPE | Wlan::SUBTYPE }),
        None => token.unexpected("a subtype of this type").fail(),
    }
}

fn direction(token: &Token<'_>) -> Parsed<u8> {
    let bits = match token.kind {
        Kind::Number(number) => u8::try_from(number).ok(),
        _ => token.name().and_then(|name| named(DIRECTIONS, name)),
    };
    bits.map_or_else(|| token.unexpected("nods, tods, fromds or dstods").fail(), Ok)
}

fn named(names: &[(&str, u8)], name: &str) -> Option<u8> {
    names.iter().find(|(known, _)| *known == name).map(|(_, bits)| *bits)
}
