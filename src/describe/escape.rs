//! Text from packets: it must not be able to command a terminal, nor to look like something else.

use std::fmt::{self, Write as _};

/// Shows control characters, and those that turn the direction of writing, as `\u{1b}`; text that
/// is too long is cut, with `…` behind it.
pub(super) struct Escaped<'a>(pub(super) &'a str);

/// The same for the path of a file, which is never cut.
#[derive(Debug)]
pub struct Path<'a>(pub &'a str);

/// Characters of one text in a line.
const LONGEST: usize = 120;

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cut = self.0.char_indices().nth(LONGEST);
        Path(cut.map_or(self.0, |(end, _)| &self.0[..end])).fmt(f)?;
        if cut.is_some() { f.write_char('…') } else { Ok(()) }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if is_harmful(character) {
                write!(f, "{}", character.escape_unicode())?;
            } else {
                f.write_char(character)?;
            }
        }
        Ok(())
    }
}

/// Control characters of both ranges, line separators, and marks of direction (Unicode Standard
/// Annex #9).
#[must_use]
pub fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// JSON in which control characters and marks of direction are written as `\u001b`, which means the same.
///
/// A JSON writer escapes the control characters below U+0020 and no others.
#[must_use]
pub fn harmless_json(json: Vec<u8>) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(&json) else { return json };
    if !text.chars().any(is_harmful) {
        return json;
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_harmful(character) {
            // All of them lie below U+10000: one unit of UTF-16.
            write!(escaped, "\\u{:04x}", u32::from(character))
                .unwrap_or_else(|_| unreachable!("a string takes any text"));
        } else {
            escaped.push(character);
        }
    }
    escaped.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_commands_the_terminal() {
        let text = "a\u{1b}[31m\u{9b}2J\u{202e}b\u{7f}é\r\n";
        let shown = Escaped(text).to_string();
        assert_eq!(shown, r"a\u{1b}[31m\u{9b}2J\u{202e}b\u{7f}é\u{d}\u{a}");
        assert!(!shown.chars().any(is_harmful));
        assert_eq!(Escaped(&"x".repeat(200)).to_string().chars().count(), LONGEST + 1);
        assert_eq!(Path(&"x".repeat(200)).to_string().len(), 200);
    }

    #[test]
    fn escaped_json_means_the_same() {
        let value = serde_json::json!({ "a": "\u{1b}\u{9b}\u{7f}\u{202e} é \"" });
        let escaped = harmless_json(serde_json::to_vec(&value).unwrap());
        assert!(!std::str::from_utf8(&escaped).unwrap().chars().any(is_harmful));
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&escaped).unwrap(), value);
    }
}
