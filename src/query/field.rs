use std::fmt;

use ipnet::IpNet;

use crate::document::Value;
use crate::document::fields::FieldId;
use crate::query::Comparison;

/// A condition on a stored field. It holds when one of the field's values satisfies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldTest {
    /// The field.
    pub field: FieldId,
    /// What its value has to be.
    pub condition: FieldCondition,
}

/// What a field's value has to be. The kind of a value is that of its field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldCondition {
    /// There is one: `FIELD:*`.
    Exists,
    /// This very value: `FIELD:VALUE`.
    Equals(Value<'static>),
    /// Text of this form: `FIELD:*.example.com`.
    Like(Wildcard),
    /// An address of this network: `FIELD:192.0.2.0/24`.
    InNetwork(IpNet),
    /// `FIELD>VALUE`, `>=`, `<`, `<=`; never equal or not equal.
    Compared(Comparison, Value<'static>),
    /// Both ends belong to it: `FIELD:[1 to 5]`.
    Between(Value<'static>, Value<'static>),
}

/// Text with `*` for any run of characters, also for none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Wildcard {
    /// What stands between the stars, one more than there are stars; at least two.
    pub parts: Vec<String>,
}

impl Wildcard {
    /// Whether the whole text has this form.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.parts.split_first() else { return false };
        let Some((last, middle)) = rest.split_last() else { return text == first };
        let Some(text) = text.strip_prefix(first.as_str()) else { return false };
        let Some(mut text) = text.strip_suffix(last.as_str()) else { return false };
        // The earliest place for each part leaves the most room for those that follow.
        for part in middle {
            let Some(at) = text.find(part.as_str()) else { return false };
            text = &text[at + part.len()..];
        }
        true
    }
}

/// As it is compared: nothing is escaped.
impl fmt::Display for Wildcard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts.join("*"))
    }
}
