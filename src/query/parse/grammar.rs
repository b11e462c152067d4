//! Conditions joined by `and` and `or`, with the qualifiers that they share.
//!
//! `and` and `or` bind equally and group from the left. Behind them a bare value takes the
//! qualifiers of the condition before: `tcp port 80 or 443`.
//!
//! Source: the grammar of libpcap 1.10 (`grammar.y`).

use winnow::Parser as _;
use winnow::error::ErrMode;
use winnow::stream::Stream as _;
use winnow::token::any;

use super::MOST_LEVELS;
use super::arithmetic;
use super::id::{self, Qualifiers};
use super::mistake::{Mistake, Parsed};
use super::primitive;
use super::token::{Kind, Token, Tokens};
use crate::query::{Filter, Predicate};

/// A part of the expression.
pub(super) struct Part {
    pub(super) filter: Filter,
    /// What a bare value behind it means.
    pub(super) qualifiers: Option<Qualifiers>,
    /// It stood in parentheses, or is one condition: nothing is added to its list.
    closed: bool,
    /// Levels of the tree.
    levels: usize,
}

impl Part {
    pub(super) fn of(predicate: Predicate, qualifiers: Option<Qualifiers>) -> Self {
        Self::of_filter(Filter::Is(predicate), qualifiers)
    }

    pub(super) fn of_filter(filter: Filter, qualifiers: Option<Qualifiers>) -> Self {
        Self { filter, qualifiers, closed: true, levels: 0 }
    }

    fn negated(self) -> Self {
        let (filter, levels) = (self.filter.negated(), self.levels + 1);
        Self { filter, levels, closed: true, ..self }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Join {
    And,
    Or,
}

/// The whole expression.
pub(super) fn filter(input: &mut Tokens<'_>) -> Parsed<Filter> {
    let part = expression(input, None, 0)?;
    match input.first() {
        Some(token) if token.kind != Kind::End => {
            let mistake = token.unexpected("and, or, or the end");
            match token.kind {
                Kind::Word if token.text.eq_ignore_ascii_case("and") => mistake.hint("write and"),
                Kind::Word if token.text.eq_ignore_ascii_case("or") => mistake.hint("write or"),
                _ => mistake,
            }
            .fail()
        }
        _ => Ok(part.filter),
    }
}

fn expression(input: &mut Tokens<'_>, before: Option<Qualifiers>, level: usize) -> Parsed<Part> {
    let mut left = term(input, before, level)?;
    while let Some(join) = join(input) {
        let sign = any.parse_next(input)?;
        let right = operand(input, left.qualifiers, level)?;
        left = joined(left, join, right, sign)?;
    }
    Ok(left)
}

fn join(input: &Tokens<'_>) -> Option<Join> {
    let token = input.first()?;
    match token.kind {
        Kind::Sign("and") => Some(Join::And),
        Kind::Sign("or") => Some(Join::Or),
        _ => None,
    }
}

fn joined(left: Part, join: Join, right: Part, sign: &Token<'_>) -> Parsed<Part> {
    let qualifiers = right.qualifiers;
    let (mut list, below) = match (left.filter, join) {
        (Filter::And(list), Join::And) if !left.closed => (list, left.levels - 1),
        (Filter::Or(list), Join::Or) if !left.closed => (list, left.levels - 1),
        (filter, _) => (vec![filter], left.levels),
    };
    list.push(right.filter);
    let levels = below.max(right.levels) + 1;
    if levels > MOST_LEVELS {
        return too_deep(sign)
            .hint("and and or bind equally: each change from one to the other nests")
            .fail();
    }
    let filter = match join {
        Join::And => Filter::And(list),
        Join::Or => Filter::Or(list),
    };
    Ok(Part { filter, qualifiers, closed: false, levels })
}

/// What stands behind `and` or `or`: a condition, or a value with the qualifiers from before.
fn operand(input: &mut Tokens<'_>, before: Option<Qualifiers>, level: usize) -> Parsed<Part> {
    if is_value(input) { value(input, before, level) } else { term(input, before, level) }
}

/// Whether a value stands next, in parentheses and negated or not. A number may also be the
/// beginning of a relation.
fn is_value(input: &Tokens<'_>) -> bool {
    let is_opening = |token: &&Token<'_>| token.is_sign("(") || token.is_sign("not");
    let opening = input.iter().take_while(is_opening).count();
    let Some(token) = input.get(opening) else { return false };
    match token.kind {
        Kind::Number(_) => {
            let mut behind = input.iter().skip(opening + 1).skip_while(|token| token.is_sign(")"));
            !behind.next().is_some_and(is_of_relation)
        }
        Kind::Name | Kind::Dotted | Kind::Ipv6(_) | Kind::Mac(_) => true,
        Kind::Word => !super::names::is_keyword(token.text),
        _ => false,
    }
}

fn is_of_relation(token: &Token<'_>) -> bool {
    let is_joining = ["and", "or", "not", "(", ")", "[", "]", ":"].iter().any(|s| token.is_sign(s));
    matches!(token.kind, Kind::Sign(_)) && !is_joining
}

/// A value with the qualifiers from before, or several of them in parentheses.
fn value(input: &mut Tokens<'_>, before: Option<Qualifiers>, level: usize) -> Parsed<Part> {
    let token = next(input, level)?;
    if token.is_sign("not") {
        return Ok(value(input, before, level + 1)?.negated());
    }
    if !token.is_sign("(") {
        let Some(qualifiers) = before else { return alone(token).fail() };
        return Ok(Part::of_filter(id::filter(input, token, qualifiers)?, before));
    }
    let mut left = value(input, before, level + 1)?;
    while let Some(join) = join(input) {
        let sign = any.parse_next(input)?;
        if !is_value(input) {
            let found = any.parse_next(input)?;
            return found
                .unexpected("another value")
                .hint("in parentheses that begin with a value, all are values")
                .fail();
        }
        let right = value(input, before, level + 1)?;
        left = joined(left, join, right, sign)?;
    }
    closed(input, token, ")")?;
    Ok(Part { closed: true, ..left })
}

/// A condition, negated, in parentheses, or as it is.
fn term(input: &mut Tokens<'_>, before: Option<Qualifiers>, level: usize) -> Parsed<Part> {
    let start = input.checkpoint();
    match arithmetic::relation(input) {
        Ok(relation) => return Ok(Part::of(Predicate::Relation(Box::new(relation)), None)),
        Err(ErrMode::Backtrack(_)) => input.reset(&start),
        Err(mistake) => return Err(mistake),
    }
    let token = next(input, level)?;
    if token.is_sign("not") {
        return Ok(term(input, before, level + 1)?.negated());
    }
    if token.is_sign("(") {
        let part = expression(input, before, level + 1)?;
        closed(input, token, ")")?;
        return Ok(Part { qualifiers: before, closed: true, ..part });
    }
    primitive::primitive(input, token)
}

fn next<'t>(input: &mut Tokens<'t>, level: usize) -> Parsed<&'t Token<'t>> {
    let token = any.parse_next(input)?;
    if level > MOST_LEVELS { too_deep(token).fail() } else { Ok(token) }
}

/// Reads what closes a bracket.
pub(super) fn closed(input: &mut Tokens<'_>, opening: &Token<'_>, sign: &str) -> Parsed<()> {
    let token = any.parse_next(input)?;
    if token.is_sign(sign) {
        return Ok(());
    }
    let mistake = match token.kind {
        Kind::End => opening.mistake(format!("{} is not closed", opening.text)),
        _ => token.unexpected(&format!("and, or, or {sign}")),
    };
    match sign {
        ")" => mistake,
        _ if token.kind == Kind::End => mistake,
        _ => token.unexpected(sign),
    }
    .fail()
}

pub(super) fn too_deep(token: &Token<'_>) -> Mistake {
    token.mistake(format!("nested more than {MOST_LEVELS} levels deep"))
}

/// A value without a word that says what it is.
pub(super) fn alone(token: &Token<'_>) -> Mistake {
    let text = token.text;
    let mistake = token.mistake(format!("{text} does not say what it is"));
    match &token.kind {
        Kind::Dotted | Kind::Ipv6(_) => mistake.hint(format!("write host {text}, or net {text}")),
        Kind::Mac(_) => mistake.hint(format!("write ether host {text}")),
        Kind::Number(_) => mistake.hint(format!("write port {text}")),
        Kind::Word if text.bytes().all(|b| b.is_ascii_digit() || b == b'-') => {
            mistake.hint("put spaces around the minus to subtract")
        }
        _ => mistake.hint(format!("write host {text}, port {text}, or \"{text}\" for text")),
    }
}

/// The value, or the values in parentheses, behind qualifiers.
pub(super) fn shared(input: &mut Tokens<'_>, qualifiers: Qualifiers) -> Parsed<Part> {
    value(input, Some(qualifiers), 0)
}
