use crate::store::pushdown::Condition;

/// Two conditions with the packets of a filter between them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bounds {
    /// Selects all of them.
    pub(super) upper: Condition,
    /// Selects only them.
    pub(super) lower: Condition,
}

impl Bounds {
    /// Nothing can be said.
    pub(super) const UNKNOWN: Self = Self { upper: Condition::All, lower: Condition::NONE };

    /// The condition says it all.
    pub(super) fn exact(condition: Condition) -> Self {
        Self { upper: condition.clone(), lower: condition }
    }

    /// The condition selects all, and perhaps others.
    pub(super) fn at_most(condition: Condition) -> Self {
        Self { upper: condition, lower: Condition::NONE }
    }

    pub(super) fn all(bounds: impl IntoIterator<Item = Self>) -> Self {
        let (uppers, lowers): (Vec<_>, Vec<_>) = split(bounds);
        Self { upper: Condition::all(uppers), lower: Condition::all(lowers) }
    }

    pub(super) fn any(bounds: impl IntoIterator<Item = Self>) -> Self {
        let (uppers, lowers): (Vec<_>, Vec<_>) = split(bounds);
        Self { upper: Condition::any(uppers), lower: Condition::any(lowers) }
    }

    pub(super) fn negated(self) -> Self {
        Self { upper: self.lower.negated(), lower: self.upper.negated() }
    }

    /// The same packets and perhaps others, of which none is certain.
    pub(super) fn superset(self) -> Self {
        Self { lower: Condition::NONE, ..self }
    }

    /// Certain only of packets for which `guard` is certain too.
    pub(super) fn certain_if(self, guard: Self) -> Self {
        Self { upper: self.upper, lower: Condition::all([self.lower, guard.lower]) }
    }

    pub(super) fn is_exact(&self) -> bool {
        self.upper == self.lower
    }
}

fn split(bounds: impl IntoIterator<Item = Bounds>) -> (Vec<Condition>, Vec<Condition>) {
    bounds.into_iter().map(|Bounds { upper, lower }| (upper, lower)).unzip()
}
