use std::error::Error;
use std::fmt;

/// Why a text cannot be understood, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// The whole text.
    pub text: String,
    /// Byte at which the part begins that is not understood.
    pub offset: usize,
    /// Bytes of that part; 0 where something is missing.
    pub length: usize,
    /// What is wrong with it, or what was expected.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl ParseError {
    /// The same with what to write instead.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The text and, in a second line, carets below the part that is not understood. Whatever
    /// would not show as one character is shown as a space.
    #[must_use]
    pub fn caret(&self) -> String {
        let shown: String =
            self.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let count = |text: Option<&str>| text.map_or(0, |text| text.chars().count());
        let before = count(self.text.get(..self.offset));
        let below = count(self.text.get(self.offset..self.offset + self.length)).max(1);
        format!("{shown}\n{}{}", " ".repeat(before), "^".repeat(below))
    }
}

/// In one line.
impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for ParseError {}
