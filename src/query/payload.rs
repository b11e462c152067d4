use memchr::memmem;
use regex::bytes::{Regex, RegexBuilder};

/// Bytes to be found anywhere in a packet, ready to be looked for.
#[derive(Debug, Clone)]
pub struct Payload {
    pattern: Pattern,
    search: Search,
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// Text as UTF-8 or as UTF-16 in little-endian order.
    Text {
        /// The text; never empty.
        text: String,
        /// Whether upper and lower case are the same.
        ignore_case: bool,
    },
    /// A regular expression on bytes, as the `regex` crate reads it.
    Regex {
        /// The expression.
        pattern: String,
        /// Whether upper and lower case are the same.
        ignore_case: bool,
    },
    /// These bytes; never empty.
    Bytes(Vec<u8>),
}

#[derive(Debug, Clone)]
enum Search {
    Finders(Vec<memmem::Finder<'static>>),
    Regex(Regex),
}

/// Bytes that a compiled regular expression may take.
const REGEX_LIMIT: usize = 256 << 10;

impl Payload {
    /// Text in either encoding, as it is written.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        let encodings = [text.clone().into_bytes(), utf16(&text)];
        let finder = |bytes: &Vec<u8>| memmem::Finder::new(bytes).into_owned();
        let search = Search::Finders(encodings.iter().map(finder).collect());
        Self { pattern: Pattern::Text { text, ignore_case: false }, search }
    }

    /// Text in either encoding, in upper or lower case.
    ///
    /// # Errors
    /// The reason, when the text is too long.
    pub fn text_in_any_case(text: impl Into<String>) -> Result<Self, String> {
        let text = text.into();
        let utf8 = |letter: char| letter.to_string().into_bytes();
        let utf16 = |letter: char| utf16(letter.encode_utf8(&mut [0; 4]));
        let expression = format!("{}|{}", in_any_case(&text, utf8), in_any_case(&text, utf16));
        let search = Search::Regex(compiled(&expression, false)?);
        Ok(Self { pattern: Pattern::Text { text, ignore_case: true }, search })
    }

    /// These bytes.
    #[must_use]
    pub fn bytes(bytes: Vec<u8>) -> Self {
        let search = Search::Finders(vec![memmem::Finder::new(&bytes).into_owned()]);
        Self { pattern: Pattern::Bytes(bytes), search }
    }

    /// A regular expression.
    ///
    /// # Errors
    /// The reason, when it is none, or is too large.
    pub fn regex(pattern: impl Into<String>, ignore_case: bool) -> Result<Self, String> {
        let pattern = pattern.into();
        let regex = compiled(&pattern, ignore_case)?;
        let pattern = Pattern::Regex { pattern, ignore_case };
        Ok(Self { pattern, search: Search::Regex(regex) })
    }

    /// What is looked for.
    #[must_use]
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// Whether it is in these bytes.
    #[must_use]
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        match &self.search {
            Search::Finders(finders) => finders.iter().any(|finder| finder.find(bytes).is_some()),
            Search::Regex(regex) => regex.is_match(bytes),
        }
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern
    }
}

impl Eq for Payload {}

fn compiled(expression: &str, ignore_case: bool) -> Result<Regex, String> {
    RegexBuilder::new(expression)
        .unicode(false)
        .case_insensitive(ignore_case)
        .size_limit(REGEX_LIMIT)
        .build()
        .map_err(|error| reason(&error))
}

/// The last line of what is otherwise drawn over several lines.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error:").trim().to_owned()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A regular expression for the text in one encoding: each letter, its upper or its lower case,
/// where that is one letter too.
fn in_any_case(text: &str, encode: impl Fn(char) -> Vec<u8>) -> String {
    let mut expression = String::new();
    for letter in text.chars() {
        let mut cases = vec![letter];
        cases.extend(only(letter.to_lowercase()));
        cases.extend(only(letter.to_uppercase()));
        cases.sort_unstable();
        cases.dedup();
        let bytes = |letter: &char| -> String {
            encode(*letter).iter().flat_map(|byte| escaped(*byte)).collect()
        };
        expression += "(?:";
        expression += &cases.iter().map(bytes).collect::<Vec<_>>().join("|");
        expression += ")";
    }
    expression
}

fn escaped(byte: u8) -> [char; 4] {
    let digit = |number: u8| char::from_digit(number.into(), 16).unwrap_or('0');
    ['\\', 'x', digit(byte >> 4), digit(byte & 15)]
}

fn only(mut letters: impl Iterator<Item = char>) -> Option<char> {
    let letter = letters.next()?;
    letters.next().is_none().then_some(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_found_in_both_encodings() {
        let payload = Payload::text("Ünï");
        assert!(payload.is_in("xxÜnïxx".as_bytes()));
        assert!(payload.is_in(b"x\xdc\0n\0\xef\0"));
        assert!(!payload.is_in("ünï".as_bytes()));
        let payload = Payload::text_in_any_case("Ünï.").unwrap();
        for bytes in ["ünï.".as_bytes(), "ÜNÏ.".as_bytes(), b"\xfc\0N\0\xef\0.\0"] {
            assert!(payload.is_in(bytes), "{bytes:?}");
        }
        assert!(!payload.is_in("ünïx".as_bytes()), "a dot is a dot");
    }

    #[test]
    fn a_regular_expression_sees_bytes() {
        assert!(Payload::regex(r"\xff.\x00", false).unwrap().is_in(b"a\xffb\0"));
        assert!(Payload::regex("get /", true).unwrap().is_in(b"GET /"));
        assert_eq!(Payload::regex("(a", false).unwrap_err(), "unclosed group");
        assert!(Payload::regex("(a{1000}){1000}", false).unwrap_err().contains("size limit"));
    }
}
