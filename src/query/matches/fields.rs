//! Conditions on stored fields.

use std::cmp::Ordering;

use crate::document::{Document, Value};
use crate::query::{FieldCondition, FieldTest};

/// Whether one of the field's values satisfies the condition.
pub(super) fn hold(document: &Document<'_>, test: &FieldTest) -> bool {
    let mut values = document.values().iter().filter(|(field, _)| *field == test.field);
    values.any(|(_, value)| test.condition.holds(value))
}

impl FieldCondition {
    /// Whether a value satisfies it.
    #[must_use]
    pub fn holds(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Self::Exists, _) => true,
            (Self::Equals(wanted), _) => value == wanted,
            (Self::Like(wildcard), Value::Text(text)) => wildcard.matches(text),
            (Self::InNetwork(network), Value::Ip(address)) => network.contains(address),
            (Self::Compared(comparison, other), _) => {
                value.order(other).is_some_and(|order| comparison.holds(&order, &Ordering::Equal))
            }
            (Self::Between(first, last), _) => {
                value.order(first).is_some_and(Ordering::is_ge)
                    && value.order(last).is_some_and(Ordering::is_le)
            }
            _ => false,
        }
    }
}
