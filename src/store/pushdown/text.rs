//! Bytes to be found in a packet → terms that such a packet has.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

use crate::document::payload;
use crate::query::Pattern;
use crate::store::pushdown::Condition;

/// Alternatives that are looked up, at most: Elasticsearch limits the clauses of a query.
const MOST_ALTERNATIVES: usize = 16;

/// What every packet with the pattern satisfies, in a store with an index of the payload.
pub(super) fn needed(pattern: &Pattern) -> Condition {
    match pattern {
        Pattern::Text { text, .. } => terms(text.as_bytes()),
        Pattern::Bytes(bytes) => terms(bytes),
        Pattern::Regex { pattern, ignore_case } => {
            // As the expression is compiled for the search itself.
            let mut parser = ParserBuilder::new();
            parser.unicode(false).utf8(false).case_insensitive(*ignore_case);
            parser.build().parse(pattern).map_or(Condition::All, |hir| of_expression(&hir))
        }
    }
}

fn terms(text: &[u8]) -> Condition {
    match payload::needed(text) {
        terms if terms.is_empty() => Condition::All,
        terms => Condition::Terms(terms),
    }
}

fn of_expression(hir: &Hir) -> Condition {
    let mut needs = Needs::default();
    needs.add(hir);
    needs.end_text();
    Condition::all(needs.conditions)
}

/// What was found so far in an expression that is read from left to right.
#[derive(Default)]
struct Needs {
    conditions: Vec<Condition>,
    /// Text that goes on.
    text: Vec<u8>,
}

impl Needs {
    fn add(&mut self, hir: &Hir) {
        match hir.kind() {
            HirKind::Literal(literal) => self.text.extend_from_slice(&literal.0),
            HirKind::Class(class) => match only_letter(class) {
                Some(letter) => self.text.push(letter),
                None => self.end_text(),
            },
            HirKind::Concat(parts) => parts.iter().for_each(|part| self.add(part)),
            HirKind::Capture(capture) => self.add(&capture.sub),
            HirKind::Repetition(repetition) => {
                self.end_text();
                if repetition.min > 0 {
                    self.conditions.push(of_expression(&repetition.sub));
                }
            }
            HirKind::Alternation(parts) if parts.len() > MOST_ALTERNATIVES => self.end_text(),
            HirKind::Alternation(parts) => {
                self.end_text();
                self.conditions.push(Condition::any(parts.iter().map(of_expression)));
            }
            // Nothing stands between what is before and what is behind.
            HirKind::Empty | HirKind::Look(_) => {}
        }
    }

    fn end_text(&mut self) {
        self.conditions.push(terms(&self.text));
        self.text.clear();
    }
}

/// The letter of a class that has no other, in either case.
fn only_letter(class: &Class) -> Option<u8> {
    let Class::Bytes(class) = class else { return None };
    let mut letters =
        class.iter().flat_map(|range| range.start()..=range.end()).map(|b| b.to_ascii_lowercase());
    let first = letters.next()?;
    letters.all(|letter| letter == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pattern: &str, ignore_case: bool) -> String {
        let pattern = Pattern::Regex { pattern: pattern.to_owned(), ignore_case };
        needed(&pattern).to_string().replace("packet.payload_terms:", "")
    }

    #[test]
    fn what_an_expression_cannot_do_without_is_looked_up() {
        for (pattern, expected) in [
            ("login", "(gin log ogi)"),
            ("(?i)^Host: x", "(:Sx hos ost st: t:S)"),
            ("root.*shell", "(oot roo) and (ell hel she)"),
            ("(abcd|efgh)+", "(abc bcd) or (efg fgh)"),
            ("(abcd|e)", "all"),
            ("abcd?", "all"),
            ("abcd(efgh)?", "(abc bcd)"),
            (r"user\b=x", "(er= r=x ser use)"),
            (r"[ab]cdefg", "(cde def efg)"),
            (r"\xff\x00", "all"),
        ] {
            assert_eq!(shown(pattern, false), expected, "{pattern}");
        }
        assert_eq!(shown("LOGIN", true), "(gin log ogi)");
        assert_eq!(shown("(", false), "all");
    }
}
