//! Text → tokens, as libpcap's scanner cuts it: the longest token wins.

use std::ops::Range;

use winnow::Parser as _;
use winnow::ascii::{multispace0, space0};
use winnow::combinator::peek;
use winnow::error::ErrMode;
use winnow::stream::{LocatingSlice, Location as _, Stream as _};
use winnow::token::{literal, take, take_while};

use super::mistake::{Mistake, Parsed};
use super::token::{Kind, Token};
use super::{field, names, quoted};
use crate::packet::MacAddress;
use crate::query::Predicate;

pub(super) type Text<'t> = LocatingSlice<&'t str>;

/// Longer ones first, since some begin alike.
const SIGNS: &[(&str, &str)] = &[
    ("&&", "and"),
    ("||", "or"),
    (">=", ">="),
    ("<=", "<="),
    ("!=", "!="),
    ("==", "="),
    ("<<", "<<"),
    (">>", ">>"),
    ("!", "not"),
    ("(", "("),
    (")", ")"),
    ("[", "["),
    ("]", "]"),
    ("<", "<"),
    (">", ">"),
    ("=", "="),
    ("+", "+"),
    ("-", "-"),
    ("*", "*"),
    ("/", "/"),
    ("%", "%"),
    ("&", "&"),
    ("|", "|"),
    ("^", "^"),
    (":", ":"),
];

/// All tokens of a text, and [`Kind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, Mistake> {
    let mut input = LocatingSlice::new(text);
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let mut brackets = 0_usize;
    loop {
        skip_space(&mut input).map_err(Mistake::of_mode)?;
        let start = input.current_token_start();
        if input.is_empty() {
            tokens.push(Token { kind: Kind::End, span: start..start, text: "" });
            return Ok(tokens);
        }
        let place = Place { within_brackets: brackets > 0, after: tokens.last().map(|t| &t.kind) };
        let kind = kind(&mut input, &place).map_err(Mistake::of_mode)?;
        match kind {
            Kind::Sign("[") => brackets += 1,
            Kind::Sign("]") => brackets = brackets.saturating_sub(1),
            _ => {}
        }
        let span = start..input.previous_token_end();
        tokens.push(Token { kind, text: &text[span.clone()], span });
    }
}

/// What decides how a token is read.
struct Place<'a> {
    /// There a colon stands before a size.
    within_brackets: bool,
    after: Option<&'a Kind>,
}

impl Place<'_> {
    /// Whether a value stands before, which a slash divides; otherwise it begins an expression.
    fn is_behind_value(&self) -> bool {
        !matches!(self.after, None | Some(Kind::Sign("(" | "and" | "or" | "not")))
    }
}

fn kind(input: &mut Text<'_>, place: &Place<'_>) -> Parsed<Kind> {
    let first = peek(take(1_usize)).parse_next(input)?;
    match first {
        "\"" => return quoted::text(input).map(condition),
        "/" if !place.is_behind_value() => return quoted::regex(input).map(condition),
        "\\" => return escaped(input),
        _ => {}
    }
    if let Some(kind) = address_with_colons(input)? {
        return Ok(kind);
    }
    if first == "@" || first.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return word(input, place);
    }
    sign(input)
}

fn condition(predicate: Predicate) -> Kind {
    Kind::Condition(Box::new(predicate))
}

fn skip_space(input: &mut Text<'_>) -> Parsed<()> {
    multispace0.void().parse_next(input)
}

fn sign(input: &mut Text<'_>) -> Parsed<Kind> {
    for (written, sign) in SIGNS {
        let found: Parsed<&str> = literal(*written).parse_next(input);
        if found.is_ok() {
            return Ok(Kind::Sign(sign));
        }
    }
    let start = input.current_token_start();
    let c: &str = take(1_usize).parse_next(input)?;
    let mistake = Mistake::at(start..start + c.len(), format!("{c:?} means nothing here"));
    match c {
        "'" => mistake.hint("text stands in double quotes"),
        _ => mistake,
    }
    .fail()
}

/// `\tcp`: a name that is a keyword otherwise.
fn escaped(input: &mut Text<'_>) -> Parsed<Kind> {
    let name = |c: char| !(c.is_whitespace() || "!()".contains(c));
    let start = input.current_token_start();
    let begun: Parsed<_> = (literal("\\"), take_while(1.., name)).void().parse_next(input);
    match begun {
        Ok(()) => Ok(Kind::Name),
        Err(_) => Mistake::at(start..start + 1, "expected a name behind the backslash").fail(),
    }
}

/// Whatever has two colons among hexadecimal digits is an address, or a wrong one.
fn address_with_colons(input: &mut Text<'_>) -> Parsed<Option<Kind>> {
    let start = input.checkpoint();
    let from = input.current_token_start();
    let run: Parsed<&str> =
        take_while(2.., |c: char| c.is_ascii_hexdigit() || c == ':' || c == '.').parse_next(input);
    match run {
        Ok(run) if run.matches(':').count() > 1 => {
            let behind = |c: char| c.is_ascii_alphanumeric() || "%-_".contains(c);
            let rest: &str = take_while(0.., behind).parse_next(input)?;
            if let (Ok(address), "") = (run.parse(), rest) {
                return Ok(Some(Kind::Ipv6(address)));
            }
            if let (Ok(address), "") = (run.parse(), rest) {
                return Ok(Some(Kind::Mac(address)));
            }
            let message = format!("{run}{rest} is neither an IPv6 nor an Ethernet address");
            Mistake::at(from..input.previous_token_end(), message).fail()
        }
        _ => {
            input.reset(&start);
            Ok(None)
        }
    }
}

fn word(input: &mut Text<'_>, place: &Place<'_>) -> Parsed<Kind> {
    let start = input.checkpoint();
    let from = input.current_token_start();
    let letter = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    let run: &str = take_while(1.., letter).parse_next(input)?;
    // A name ends with neither of these, so that `tcp-` is a name and a sign.
    let word = run.trim_end_matches(['-', '_']);
    input.reset(&start);
    let word: &str = take(word.len()).parse_next(input)?;
    if !place.within_brackets {
        let span = from..from + word.len();
        if let Some(predicate) = condition_behind(input, word, span)? {
            return Ok(condition(predicate));
        }
    }
    plain(word).map_err(|(message, hint)| {
        let mistake = Mistake::at(from..from + word.len(), message);
        ErrMode::Cut(match hint {
            Some(hint) => mistake.hint(hint),
            None => mistake,
        })
    })
}

/// `hex:0d0a`, `file:"a.pcap"`, `dns.id:5`: a word with an operator directly behind it.
fn condition_behind(
    input: &mut Text<'_>,
    word: &str,
    span: Range<usize>,
) -> Parsed<Option<Predicate>> {
    let colon: Parsed<_> = peek((space0, literal(":"))).parse_next(input);
    match word {
        "hex" if colon.is_ok() => quoted::hex(input).map(Some),
        "file" | "capture" | "id" if colon.is_ok() => quoted::archive(input, word).map(Some),
        _ => field::test(input, word, span),
    }
}

/// A word that stands for itself: a number, an address, a name.
fn plain(word: &str) -> Result<Kind, (String, Option<String>)> {
    if word.contains('@') {
        return Err((format!("{word} is no name"), Some("text stands in double quotes".into())));
    }
    if let Some(mac) = mac(word) {
        return Ok(Kind::Mac(mac));
    }
    let is_number = |text: &str| {
        let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
        match hexadecimal {
            Some(digits) => !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit()),
            None => !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()),
        }
    };
    if is_number(word) {
        return number(word).map(Kind::Number).map_err(|message| (message, None));
    }
    let parts = word.split('.').count();
    if (2..=4).contains(&parts) && word.split('.').all(is_number) {
        return Ok(Kind::Dotted);
    }
    Ok(match word {
        "and" => Kind::Sign("and"),
        "or" => Kind::Sign("or"),
        "not" => Kind::Sign("not"),
        _ => names::constant(word).map_or(Kind::Word, Kind::Number),
    })
}

/// As C writes it: `0x` for hexadecimal, `0` for octal.
fn number(word: &str) -> Result<u32, String> {
    let (digits, radix) = match word.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&word[2..], 16),
        [b'0', _, ..] => (&word[1..], 8),
        _ => (word, 10),
    };
    if radix == 8 && digits.contains(['8', '9']) {
        return Err(format!("{word} is no number: a zero in front makes it octal"));
    }
    u32::from_str_radix(digits, radix)
        .map_err(|_| format!("{word} is too large: numbers have 32 bits"))
}

/// The spellings without colons: `aa-bb-cc-dd-ee-ff`, `aa.bb.cc.dd.ee.ff`, `aabb.ccdd.eeff`,
/// `aabbccddeeff`.
fn mac(word: &str) -> Option<MacAddress> {
    let colons = if word.len() == 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        pairs(word)
    } else if word.matches('.').count() == 2 && word.len() == 14 {
        pairs(&word.replace('.', ""))
    } else if word.matches('.').count() == 5 || word.matches('-').count() == 5 {
        word.replace(['.', '-'], ":")
    } else {
        return None;
    };
    colons.parse().ok()
}

fn pairs(digits: &str) -> String {
    let digits: Vec<char> = digits.chars().collect();
    let pairs: Vec<String> = digits.chunks(2).map(|pair| pair.iter().collect()).collect();
    pairs.join(":")
}

/// Whether a name is read back as the same name without a backslash before it.
pub(in crate::query) fn is_plain_name(name: &str) -> bool {
    let is_word = |tokens: Vec<Token<'_>>| {
        matches!(tokens.as_slice(), [Token { kind: Kind::Word, .. }, _]) && !names::is_keyword(name)
    };
    tokens(name).is_ok_and(is_word)
}
