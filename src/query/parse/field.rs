//! `FIELD:VALUE`, `FIELD>VALUE`, `FIELD:[FIRST to LAST]`: conditions on stored fields.

use std::cmp::Ordering;
use std::net::IpAddr;
use std::ops::Range;

use ipnet::IpNet;
use winnow::Parser as _;
use winnow::ascii::{Caseless, multispace0, multispace1};
use winnow::combinator::{alt, opt, peek, terminated};
use winnow::stream::{Location as _, Stream as _};
use winnow::token::literal;

use super::lexer::Text;
use super::mistake::{Mistake, Parsed};
use super::quoted;
use crate::document::Value;
use crate::document::fields::{Field, FieldId, Kind};
use crate::packet::Timestamp;
use crate::query::{Comparison, FieldCondition, FieldTest, Predicate, Wildcard};
use crate::time::{self, Edge};

/// A condition, when `name` is a field's and an operator follows; the name has been read.
pub(super) fn test(
    input: &mut Text<'_>,
    name: &str,
    span: Range<usize>,
) -> Parsed<Option<Predicate>> {
    let is_dotted = name.starts_with('@')
        || (name.contains('.') && name.contains(|c: char| c.is_ascii_alphabetic()));
    let start = input.checkpoint();
    if is_dotted {
        multispace0.void().parse_next(input)?;
    }
    // Two colons begin an address, unless the first one is that of a field.
    let is_address = input.starts_with("::") && FieldId::named(name).is_none();
    let operator = if is_address { None } else { opt(operator).parse_next(input)? };
    let Some(operator) = operator else {
        input.reset(&start);
        return Ok(None);
    };
    let Some(id) = FieldId::named(name) else {
        // A colon belongs to fields; the other signs also compare numbers.
        if is_dotted || operator == Sign::Colon {
            return unknown(name, span).fail();
        }
        input.reset(&start);
        return Ok(None);
    };
    let field = id.field();
    if matches!(field.kind, Kind::Binary | Kind::Terms) {
        return Mistake::at(span, format!("{name} holds bytes, which have no value to compare"))
            .hint("\"text\", /regex/ and hex:0d0a look into the packet")
            .fail();
    }
    multispace0.void().parse_next(input)?;
    let condition = match operator {
        Sign::Colon if peek(opt(literal("["))).parse_next(input)?.is_some() => range(input, field)?,
        Sign::Colon => is(input, field)?,
        Sign::Compare(comparison) => compared(input, field, comparison)?,
    };
    Ok(Some(Predicate::Field(FieldTest { field: id, condition })))
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Sign {
    Colon,
    Compare(Comparison),
}

fn operator(input: &mut Text<'_>) -> Parsed<Sign> {
    alt((
        literal(":").value(Sign::Colon),
        literal(">=").value(Sign::Compare(Comparison::GreaterOrEqual)),
        literal("<=").value(Sign::Compare(Comparison::LessOrEqual)),
        literal(">").value(Sign::Compare(Comparison::Greater)),
        literal("<").value(Sign::Compare(Comparison::Less)),
    ))
    .parse_next(input)
}

fn unknown(name: &str, span: Range<usize>) -> Mistake {
    let mistake = Mistake::at(span, format!("no field is named {name}"));
    let known = || FieldId::ALL.iter().map(|id| id.field().name);
    let last = name.rsplit('.').next().unwrap_or(name);
    let first = name.split('.').next().unwrap_or(name);
    let mut similar: Vec<&str> =
        known().filter(|known| known.split('.').any(|part| part == last)).take(4).collect();
    if similar.is_empty() {
        similar = known().filter(|known| known.split('.').next() == Some(first)).take(4).collect();
    }
    if matches!(name, "host" | "net" | "port" | "proto" | "src" | "dst") {
        return mistake.hint(format!("{name} is written without a colon"));
    }
    if similar.is_empty() {
        return mistake.hint("the README lists all fields");
    }
    mistake.hint(format!("there is {}", similar.join(", ")))
}

/// A value as it is written: a star in quotes, or behind a backslash, is a star.
struct Written {
    /// What stands between the stars.
    parts: Vec<String>,
    span: Range<usize>,
}

impl Written {
    fn text(&self) -> String {
        self.parts.join("*")
    }
}

fn written(input: &mut Text<'_>, ends: &str) -> Parsed<Written> {
    let start = input.current_token_start();
    if input.starts_with('"') {
        let parts = vec![quoted::string(input)?];
        return Ok(Written { parts, span: start..input.previous_token_end() });
    }
    let mut parts = vec![String::new()];
    while let Some(c) = input.chars().next() {
        let is_operator = input.starts_with("&&") || input.starts_with("||");
        if c.is_whitespace() || ends.contains(c) || is_operator {
            break;
        }
        input.next_token();
        match c {
            '*' => parts.push(String::new()),
            '\\' => {
                let escaped = input.next_token();
                last(&mut parts).extend(escaped);
            }
            c => last(&mut parts).push(c),
        }
    }
    let end = start.max(input.previous_token_end());
    if parts.len() == 1 && parts[0].is_empty() {
        return Mistake::at(start..start, "expected a value").fail();
    }
    Ok(Written { parts, span: start..end })
}

fn last(parts: &mut [String]) -> &mut String {
    // There is always one.
    let at = parts.len() - 1;
    &mut parts[at]
}

fn is(input: &mut Text<'_>, field: &Field) -> Parsed<FieldCondition> {
    let written = written(input, "()")?;
    if written.parts.len() > 1 {
        if written.parts.iter().all(String::is_empty) {
            return Ok(FieldCondition::Exists);
        }
        if field.kind == Kind::Keyword {
            return Ok(FieldCondition::Like(Wildcard { parts: written.parts }));
        }
        let hint = match field.kind {
            Kind::Ip => format!("write a network: {}:10.0.0.0/8", field.name),
            _ => format!("write a range: {0}:[1 to 5], or {0}:* for any value", field.name),
        };
        let message = format!("stars are for text, and {} is none", field.name);
        return Mistake::at(written.span, message).hint(hint).fail();
    }
    let text = written.text();
    match field.kind {
        Kind::Ip if text.contains('/') => match text.parse::<IpNet>() {
            Ok(network) => Ok(FieldCondition::InNetwork(network.trunc())),
            Err(_) => wrong(field, &written).fail(),
        },
        // A day, not its first moment.
        Kind::Time | Kind::Date => match (time(&text, Edge::Earliest), time(&text, Edge::Latest)) {
            (Some(first), Some(last)) if first == last => {
                Ok(FieldCondition::Equals(Value::Time(first)))
            }
            (Some(first), Some(last)) => {
                Ok(FieldCondition::Between(Value::Time(first), Value::Time(last)))
            }
            _ => wrong(field, &written).fail(),
        },
        _ => value(field, &written, Edge::Earliest).map(FieldCondition::Equals),
    }
}

fn compared(input: &mut Text<'_>, field: &Field, comparison: Comparison) -> Parsed<FieldCondition> {
    let written = written(input, "()")?;
    has_order(field, &written.span)?;
    // After a day is after its last moment, before a day is before its first.
    let edge = match comparison {
        Comparison::Greater | Comparison::LessOrEqual => Edge::Latest,
        _ => Edge::Earliest,
    };
    Ok(FieldCondition::Compared(comparison, value(field, &written, edge)?))
}

/// `[FIRST to LAST]`
fn range(input: &mut Text<'_>, field: &Field) -> Parsed<FieldCondition> {
    let start = input.current_token_start();
    terminated(literal("["), multispace0).void().parse_next(input)?;
    let first = written(input, "()]")?;
    has_order(field, &(start..first.span.end))?;
    let to: Parsed<_> = (multispace1, literal(Caseless("to")), multispace1).parse_next(input);
    if to.is_err() {
        let at = input.current_token_start();
        return Mistake::at(at..at, "expected to and the end of the range")
            .hint(format!("write {}:[1 to 5]", field.name))
            .fail();
    }
    let last = written(input, "()]")?;
    let closed: Parsed<_> = (multispace0, literal("]")).parse_next(input);
    if closed.is_err() {
        return Mistake::at(start..start + 1, "the range is not closed").fail();
    }
    let condition = FieldCondition::Between(
        value(field, &first, Edge::Earliest)?,
        value(field, &last, Edge::Latest)?,
    );
    match &condition {
        FieldCondition::Between(from, to) if from.order(to).is_some_and(Ordering::is_gt) => {
            let span = start..input.previous_token_end();
            Mistake::at(span, "the range ends before it begins").fail()
        }
        _ => Ok(condition),
    }
}

fn has_order(field: &Field, span: &Range<usize>) -> Parsed<()> {
    match field.kind {
        Kind::Keyword | Kind::Boolean => {
            let message = format!("{} has no order: it is no number, time or address", field.name);
            let hint = format!("{}:VALUE compares, also with stars", field.name);
            Mistake::at(span.clone(), message).hint(hint).fail()
        }
        _ => Ok(()),
    }
}

fn value(field: &Field, written: &Written, edge: Edge) -> Parsed<Value<'static>> {
    let text = written.text();
    let value = match field.kind {
        Kind::Time | Kind::Date => time(&text, edge).map(Value::Time),
        Kind::Ip => text.parse::<IpAddr>().ok().map(Value::Ip),
        Kind::Long | Kind::Integer | Kind::Short => text.parse().ok().map(Value::Number),
        Kind::Boolean => text.parse().ok().map(Value::Boolean),
        Kind::Keyword | Kind::Binary | Kind::Terms => Some(Value::Text(text.into())),
    };
    value.map_or_else(|| wrong(field, written).fail(), Ok)
}

/// As on the command line; what is shown of a year beyond four digits begins with a sign.
fn time(text: &str, edge: Edge) -> Option<Timestamp> {
    time::parse(text.strip_prefix('@').unwrap_or(text), edge).ok()
}

fn wrong(field: &Field, written: &Written) -> Mistake {
    let values = match field.kind {
        Kind::Time | Kind::Date => "times, such as 2026-11-23T10:00:00Z or 2026-11-23",
        Kind::Ip => "addresses, such as 192.0.2.1; 192.0.2.0/24 is a network of them",
        Kind::Boolean => "true and false",
        _ => "numbers",
    };
    let text = written.text();
    Mistake::at(written.span.clone(), format!("{text} is no value of {}", field.name))
        .hint(format!("its values are {values}"))
}
