//! What stands in quotes: `"text"`, `/regex/`, and what has a prefix: `hex:0d0a`, `file:"name"`.

use winnow::Parser as _;
use winnow::ascii::space0;
use winnow::combinator::opt;
use winnow::stream::{Location as _, Stream as _};
use winnow::token::{any, literal, take_while};

use super::lexer::Text;
use super::mistake::{Mistake, Parsed};
use crate::packet::{Fingerprint, PacketId};
use crate::query::{Payload, Predicate};

/// `"text"`, `"text"i`.
pub(super) fn text(input: &mut Text<'_>) -> Parsed<Predicate> {
    let start = input.current_token_start();
    let text = string(input)?;
    let ignore_case = opt(literal("i")).parse_next(input)?.is_some();
    let span = start..input.previous_token_end();
    if text.is_empty() {
        return Mistake::at(span, "an empty text is in every packet").fail();
    }
    let payload = if ignore_case {
        match Payload::text_in_any_case(text) {
            Ok(payload) => payload,
            Err(reason) => return Mistake::at(span, reason).fail(),
        }
    } else {
        Payload::text(text)
    };
    Ok(Predicate::Payload(payload))
}

/// The text between double quotes, with its escapes read.
pub(super) fn string(input: &mut Text<'_>) -> Parsed<String> {
    let start = input.current_token_start();
    literal("\"").void().parse_next(input)?;
    let mut text = String::new();
    loop {
        let at = input.current_token_start();
        match input.next_token() {
            None => {
                return Mistake::at(start..start + 1, "the quotes are not closed")
                    .hint("a quote within text is written \\\"")
                    .fail();
            }
            Some('"') => return Ok(text),
            Some('\\') => text.push(escape(input, at)?),
            Some(c) => text.push(c),
        }
    }
}

fn escape(input: &mut Text<'_>, start: usize) -> Parsed<char> {
    let c = any_or_end(input);
    Ok(match c {
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('0') => '\0',
        Some(c @ ('"' | '\\')) => c,
        Some('u') => {
            let digits: Parsed<&str> = winnow::combinator::delimited(
                literal("{"),
                take_while(1..=6, |c: char| c.is_ascii_hexdigit()),
                literal("}"),
            )
            .parse_next(input);
            let code = digits.ok().and_then(|digits| u32::from_str_radix(digits, 16).ok());
            match code.and_then(char::from_u32) {
                Some(c) => c,
                None => {
                    return Mistake::at(start..start + 2, "\\u needs a character's number")
                        .hint("write \\u{e9} for é")
                        .fail();
                }
            }
        }
        _ => {
            let end = input.previous_token_end();
            return Mistake::at(start..end, "this escape is not known")
                .hint("known are \\\" \\\\ \\n \\r \\t \\0 \\u{e9}; hex:0d0a finds any bytes")
                .fail();
        }
    })
}

fn any_or_end(input: &mut Text<'_>) -> Option<char> {
    let next: Parsed<char> = any.parse_next(input);
    next.ok()
}

/// `/regex/`, `/regex/i`.
pub(super) fn regex(input: &mut Text<'_>) -> Parsed<Predicate> {
    let start = input.current_token_start();
    literal("/").void().parse_next(input)?;
    let mut pattern = String::new();
    loop {
        match input.next_token() {
            None => {
                return Mistake::at(start..start + 1, "the regular expression is not closed")
                    .hint("it ends with a slash; a slash within is written \\/")
                    .fail();
            }
            Some('/') => break,
            Some('\\') => match input.next_token() {
                Some('/') => pattern.push('/'),
                Some(c) => pattern.extend(['\\', c]),
                None => pattern.push('\\'),
            },
            Some(c) => pattern.push(c),
        }
    }
    let ignore_case = opt(literal("i")).parse_next(input)?.is_some();
    let span = start..input.previous_token_end();
    if pattern.is_empty() {
        return Mistake::at(span, "an empty expression is in every packet").fail();
    }
    match Payload::regex(pattern, ignore_case) {
        Ok(payload) => Ok(Predicate::Payload(payload)),
        Err(reason) => {
            let message = format!("the regular expression is not understood: {reason}");
            Mistake::at(span, message).fail()
        }
    }
}

/// `hex:0d0a`, also with colons between the bytes.
pub(super) fn hex(input: &mut Text<'_>) -> Parsed<Predicate> {
    colon(input)?;
    let start = input.current_token_start();
    let digits = |c: char| c.is_ascii_alphanumeric() || c == ':';
    let written: &str = take_while(0.., digits).parse_next(input)?;
    let digits: Vec<u32> =
        written.chars().filter(|c| *c != ':').map(|c| c.to_digit(16).unwrap_or(16)).collect();
    let bytes = digits.chunks(2).map(|pair| match pair {
        [high @ 0..16, low @ 0..16] => u8::try_from(high << 4 | low).ok(),
        _ => None,
    });
    match bytes.collect::<Option<Vec<u8>>>() {
        Some(bytes) if !bytes.is_empty() => Ok(Predicate::Payload(Payload::bytes(bytes))),
        _ => Mistake::at(start..start + written.len(), "expected bytes of two hexadecimal digits")
            .hint("write hex:0d0a")
            .fail(),
    }
}

/// `file:"name"`, `capture:…`, `id:…`.
pub(super) fn archive(input: &mut Text<'_>, word: &str) -> Parsed<Predicate> {
    colon(input)?;
    let start = input.current_token_start();
    let value = if input.starts_with('"') {
        string(input)?
    } else {
        let letter = |c: char| !(c.is_whitespace() || "()".contains(c));
        let value: &str = take_while(0.., letter).parse_next(input)?;
        value.to_owned()
    };
    let span = start..start.max(input.previous_token_end());
    let predicate = match word {
        _ if value.is_empty() => None,
        "file" => Some(Predicate::File(value.clone())),
        "capture" => Fingerprint::parse(&value).map(Predicate::Capture),
        _ => PacketId::parse(&value).map(Predicate::Id),
    };
    match predicate {
        Some(predicate) => Ok(predicate),
        None if word == "file" => Mistake::at(span, "expected the name of a file").fail(),
        None if word == "capture" => {
            Mistake::at(span, "expected a fingerprint of 32 hexadecimal digits").fail()
        }
        None => Mistake::at(span, "expected a packet's id of 22 characters").fail(),
    }
}

fn colon(input: &mut Text<'_>) -> Parsed<()> {
    (space0, literal(":"), space0).void().parse_next(input)
}
