//! Text → [`Filter`].

use crate::query::{Filter, ParseError};

/// Reads an expression.
///
/// # Errors
/// Where and why it cannot be understood.
pub fn parse(text: &str) -> Result<Filter, ParseError> {
    if text.trim().is_empty() {
        return Ok(Filter::All);
    }
    Err(ParseError {
        text: text.to_owned(),
        offset: 0,
        length: text.len(),
        message: "expressions are not read yet".to_owned(),
        hint: None,
    })
}

/// Whether a name needs no backslash before it.
pub(super) fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
}
