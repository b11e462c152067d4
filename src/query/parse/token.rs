use std::net::Ipv6Addr;
use std::ops::Range;

use winnow::stream::{Stream as _, TokenSlice};

use super::mistake::Mistake;
use crate::packet::MacAddress;
use crate::query::Predicate;

/// The tokens that are still to be read. The last one is always [`Kind::End`].
pub(super) type Tokens<'t> = TokenSlice<'t, Token<'t>>;

/// What is still to be read.
pub(super) fn rest<'t>(input: &Tokens<'t>) -> &'t [Token<'t>] {
    input.peek_finish()
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token<'t> {
    pub(super) kind: Kind,
    /// Its bytes in the whole text.
    pub(super) span: Range<usize>,
    /// As it is written.
    pub(super) text: &'t str,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// A keyword or a name.
    Word,
    /// A name behind a backslash, which is never a keyword.
    Name,
    /// A number, or a constant's name.
    Number(u32),
    /// Two to four numbers with dots between them: the beginning of an IPv4 address.
    Dotted,
    /// An IPv6 address.
    Ipv6(Ipv6Addr),
    /// An address of the link layer.
    Mac(MacAddress),
    /// An operator or a bracket; `and`, `or` and `not` in words.
    Sign(&'static str),
    /// A condition that is told by its spelling: of a field, of the payload, of the archive.
    Condition(Box<Predicate>),
    /// Behind the last token.
    End,
}

impl Token<'_> {
    pub(super) fn is_sign(&self, sign: &str) -> bool {
        matches!(self.kind, Kind::Sign(known) if known == sign)
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text == word
    }

    /// The name that it is, whether a keyword or not.
    pub(super) fn name(&self) -> Option<&str> {
        match self.kind {
            Kind::Word => Some(self.text),
            Kind::Name => self.text.strip_prefix('\\'),
            _ => None,
        }
    }

    pub(super) fn mistake(&self, message: impl Into<String>) -> Mistake {
        Mistake::at(self.span.clone(), message)
    }

    /// Something else was expected here.
    pub(super) fn unexpected(&self, expected: &str) -> Mistake {
        match self.kind {
            Kind::End => self.mistake(format!("expected {expected}, found the end")),
            _ => self.mistake(format!("expected {expected}, found {}", self.text)),
        }
    }
}
