//! Printable text of packets as terms of an index: which ones a packet has, and which ones a
//! packet must have to contain a text.
//!
//! The terms are trigrams, so that a text is found also in the middle of a word: every packet
//! with the text has all its trigrams, in whatever order, and the exact search looks at those
//! packets only. Letters are lower-cased, so that one index serves a search with and without
//! regard to case; text in UTF-16LE gives the same trigrams as in ASCII.
//!
//! Source: Russ Cox, "Regular Expression Matching with a Trigram Index" (2012).

use std::collections::BTreeSet;

/// Characters of text that stand together, at least: as strings(1). Random bytes look like text
/// of three characters in nearly every packet, of four in few.
pub const SHORTEST: usize = 4;
/// Characters in a term.
const CHARACTERS: usize = 3;
/// Terms of a text that are looked up, at most: more cost time and hardly leave out a packet.
const MOST_TERMS: usize = 48;

/// A term that every packet has whose text was indexed. Those without were stored before.
pub const MARK: &str = "P";

/// The packet's terms, with spaces between them; never without [`MARK`].
#[must_use]
pub fn terms(data: &[u8]) -> String {
    let mut grams = Vec::new();
    for run in data.split(|byte| !is_printable(*byte)) {
        add_grams(&mut grams, run.iter().copied());
    }
    for run in utf16_runs(data) {
        add_grams(&mut grams, run.iter().step_by(2).copied());
    }
    grams.sort_unstable();
    grams.dedup();
    let mut terms = String::with_capacity(MARK.len() + grams.len() * (CHARACTERS + 1));
    terms.push_str(MARK);
    for gram in grams {
        terms.push(' ');
        terms.extend(gram.map(char::from));
    }
    terms
}

/// Terms that every packet has which contains `text` in any case, as it is or in UTF-16LE; none
/// when nothing in it is long enough to be indexed.
#[must_use]
pub fn needed(text: &[u8]) -> Vec<String> {
    let mut grams = Vec::new();
    for run in text.split(|byte| !is_printable(*byte)) {
        add_grams(&mut grams, run.iter().copied());
    }
    let grams: BTreeSet<Gram> = grams.into_iter().collect();
    let text = |gram: Gram| gram.iter().copied().map(char::from).collect();
    grams.into_iter().take(MOST_TERMS).map(text).collect()
}

type Gram = [u8; CHARACTERS];

fn add_grams(grams: &mut Vec<Gram>, run: impl ExactSizeIterator<Item = u8>) {
    if run.len() < SHORTEST {
        return;
    }
    let mut gram = Gram::default();
    for (position, character) in run.enumerate() {
        gram.rotate_left(1);
        gram[CHARACTERS - 1] = spelled(character);
        if position + 1 >= CHARACTERS {
            grams.push(gram);
        }
    }
}

fn is_printable(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte)
}

/// In lower case. Terms are told apart by spaces and travel as JSON, so a space and what JSON
/// escapes are written as letters that are not in use otherwise.
fn spelled(character: u8) -> u8 {
    match character {
        b' ' => b'S',
        b'"' => b'Q',
        b'\\' => b'B',
        other => other.to_ascii_lowercase(),
    }
}

/// Stretches of printable characters with a zero behind each.
fn utf16_runs(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = data;
    std::iter::from_fn(move || {
        loop {
            let start = rest.windows(2).position(is_utf16)?;
            let (_, found) = rest.split_at(start);
            let pairs = found.chunks_exact(2).take_while(|pair| is_utf16(pair)).count();
            let (run, behind) = found.split_at(pairs * 2);
            rest = behind;
            if pairs >= SHORTEST {
                return Some(run);
            }
        }
    })
}

fn is_utf16(pair: &[u8]) -> bool {
    is_printable(pair[0]) && pair[1] == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn has_all(data: &[u8], text: &[u8]) -> bool {
        let terms = terms(data);
        let terms: Vec<&str> = terms.split(' ').collect();
        needed(text).iter().all(|term| terms.contains(&term.as_str()))
    }

    #[test]
    fn text_becomes_trigrams_once_each() {
        assert_eq!(terms(b"\x01GET /\xff"), "P etS get tS/");
        assert_eq!(terms(b"aaaaaa"), "P aaa");
        assert_eq!(terms(b"abc\x00def\x00"), "P", "too short");
        assert_eq!(terms(&utf16("xRoot")), "P oot roo xro");
        assert_eq!(terms(&[b"\x07", &utf16("root")[..]].concat()), "P oot roo", "at any place");
        assert_eq!(needed(b"Root"), ["oot", "roo"]);
        assert_eq!(needed(b"\"a\\b"), ["QaB", "aBb"]);
        assert_eq!(needed("Zürich".as_bytes()), ["ich", "ric"]);
        assert_eq!(needed(b"abc"), [""; 0]);
        assert_eq!(needed(&(b' '..=b'~').collect::<Vec<u8>>()).len(), MOST_TERMS);
    }

    #[test]
    fn another_text_lacks_a_term() {
        assert!(!has_all(b"GET /index.html", b"POST"));
        assert!(!has_all(b"logon", b"login"));
    }

    proptest! {
        /// Whatever stands around it.
        #[test]
        fn a_packet_has_the_terms_of_every_text_in_it(
            before in prop::collection::vec(any::<u8>(), 0..9),
            text in "[ -~]{1,12}|\\PC{1,8}",
            after in prop::collection::vec(any::<u8>(), 0..9),
        ) {
            let spellings =
                [text.clone(), text.to_ascii_uppercase(), text.to_ascii_lowercase()];
            for spelling in spellings {
                for bytes in [spelling.as_bytes().to_vec(), utf16(&spelling)] {
                    let data = [&before[..], &bytes, &after].concat();
                    prop_assert!(has_all(&data, text.as_bytes()));
                }
            }
        }
    }
}
