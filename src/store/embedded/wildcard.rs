//! Texts of a form such as `*.example.com`, looked for among all the terms of a field.

use std::sync::Arc;

use tantivy::query::{AutomatonWeight, EnableScoring, Query, Weight};
use tantivy::schema::Field;
use tantivy_fst::Automaton;

use crate::query::Wildcard;

/// Documents with a term of this form.
#[derive(Debug, Clone)]
pub(super) struct WildcardQuery {
    field: Field,
    form: Arc<Form>,
}

impl WildcardQuery {
    pub(super) fn new(field: Field, wildcard: &Wildcard) -> Self {
        Self { field, form: Arc::new(Form::new(wildcard)) }
    }
}

impl Query for WildcardQuery {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(AutomatonWeight::<Form>::new(self.field, self.form.clone())))
    }
}

/// The parts between the stars, in their order. The first begins the text, the last ends it; each
/// of the others is taken where it is found first, which leaves the most room for those behind it.
#[derive(Debug)]
struct Form {
    parts: Vec<Part>,
}

/// A part, and for each beginning of it the length of the longest other beginning that ends it: so
/// that no byte is looked at twice (Knuth, Morris, Pratt).
#[derive(Debug)]
struct Part {
    bytes: Vec<u8>,
    borders: Vec<usize>,
}

/// How far a text has come: the part it is in, and the bytes of it; `None` when it has another
/// beginning.
type Progress = Option<(usize, usize)>;

impl Form {
    fn new(wildcard: &Wildcard) -> Self {
        Self { parts: wildcard.parts.iter().map(|part| Part::new(part.as_bytes())).collect() }
    }

    fn last(&self) -> usize {
        self.parts.len() - 1
    }

    /// Goes to the next part where one is complete, but for the last.
    fn settled(&self, (mut part, mut length): (usize, usize)) -> (usize, usize) {
        while part < self.last() && length == self.parts[part].bytes.len() {
            (part, length) = (part + 1, 0);
        }
        (part, length)
    }
}

impl Part {
    fn new(bytes: &[u8]) -> Self {
        let mut part = Self { bytes: bytes.to_vec(), borders: vec![0; bytes.len() + 1] };
        let mut border = 0;
        for (end, byte) in bytes.iter().enumerate().skip(1) {
            border = part.after(border, *byte);
            part.borders[end + 1] = border;
        }
        part
    }

    /// The length of the longest beginning of the part that ends with this byte, after one of
    /// `length` bytes.
    fn after(&self, mut length: usize, byte: u8) -> usize {
        loop {
            if self.bytes.get(length) == Some(&byte) {
                return length + 1;
            }
            if length == 0 {
                return 0;
            }
            length = self.borders[length];
        }
    }
}

impl Automaton for Form {
    type State = Progress;

    fn start(&self) -> Progress {
        Some(self.settled((0, 0)))
    }

    fn is_match(&self, progress: &Progress) -> bool {
        *progress == Some((self.last(), self.parts[self.last()].bytes.len()))
    }

    fn can_match(&self, progress: &Progress) -> bool {
        progress.is_some()
    }

    fn will_always_match(&self, progress: &Progress) -> bool {
        self.is_match(progress) && self.parts[self.last()].bytes.is_empty()
    }

    fn accept(&self, progress: &Progress, byte: u8) -> Progress {
        let (part, length) = (*progress)?;
        if part == 0 {
            let goes_on = self.parts[0].bytes.get(length) == Some(&byte);
            return goes_on.then(|| self.settled((0, length + 1)));
        }
        Some(self.settled((part, self.parts[part].after(length, byte))))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_match(form: &Form, text: &str) -> bool {
        let end = text.bytes().fold(form.start(), |progress, byte| form.accept(&progress, byte));
        form.is_match(&end)
    }

    proptest! {
        /// As [`Wildcard::matches`], which decides.
        #[test]
        fn a_form_is_what_a_wildcard_is(
            parts in prop::collection::vec("[ab]{0,3}", 2..5),
            texts in prop::collection::vec("[abc]{0,9}", 20),
        ) {
            let wildcard = Wildcard { parts };
            let form = Form::new(&wildcard);
            let whole = wildcard.parts.concat();
            for text in texts.iter().chain([&whole]) {
                prop_assert_eq!(is_match(&form, text), wildcard.matches(text), "{} {}", wildcard, text);
            }
        }
    }
}
