use std::ops::Range;

use winnow::error::{ErrMode, ParserError};
use winnow::stream::{LocatingSlice, Location as _, Stream as _, TokenSlice};

use super::token::Token;
use crate::query::ParseError;

/// What is wrong, at which bytes of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// What a parser returns. `Backtrack` lets another one try, `Cut` is final.
pub(super) type Parsed<T> = Result<T, ErrMode<Mistake>>;

impl Mistake {
    pub(super) fn at(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// No other parser need try.
    pub(super) fn fail<T>(self) -> Parsed<T> {
        Err(ErrMode::Cut(self))
    }

    pub(super) fn of_mode(mode: ErrMode<Self>) -> Self {
        match mode {
            ErrMode::Backtrack(mistake) | ErrMode::Cut(mistake) => mistake,
            // Of partial input only, and no input here is.
            ErrMode::Incomplete(_) => Self::at(0..0, "the expression is not complete"),
        }
    }

    pub(super) fn within(self, text: &str) -> ParseError {
        ParseError {
            text: text.to_owned(),
            offset: self.span.start,
            length: self.span.len(),
            message: in_one_line(&self.message),
            hint: self.hint.as_deref().map(in_one_line),
        }
    }
}

/// What is quoted from a text may hold line ends, and commands for a terminal.
fn in_one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl<'t> ParserError<TokenSlice<'t, Token<'t>>> for Mistake {
    type Inner = Self;

    fn from_input(input: &TokenSlice<'t, Token<'t>>) -> Self {
        let (span, found) =
            input.first().map_or((0..0, ""), |token| (token.span.clone(), token.text));
        Self::at(span, format!("{found:?} is not understood here"))
    }

    fn into_inner(self) -> Result<Self, Self> {
        Ok(self)
    }
}

impl ParserError<LocatingSlice<&str>> for Mistake {
    type Inner = Self;

    fn from_input(input: &LocatingSlice<&str>) -> Self {
        let start = input.current_token_start();
        let found = input.peek_token();
        let message = match found {
            Some(c) => format!("{c:?} is not understood here"),
            None => "the expression ends here".to_owned(),
        };
        Self::at(start..start + found.map_or(0, char::len_utf8), message)
    }

    fn into_inner(self) -> Result<Self, Self> {
        Ok(self)
    }
}
