use std::net::IpAddr;

use crate::query::{Addresses, Host, Predicate};

/// A tree of conditions. They are looked at from left to right, as tcpdump does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Every packet.
    All,
    /// All of these; with none of them, every packet.
    And(Vec<Filter>),
    /// At least one of these; with none of them, no packet.
    Or(Vec<Filter>),
    /// The opposite.
    Not(Box<Filter>),
    /// One condition.
    Is(Predicate),
}

impl Filter {
    /// No packet.
    pub const NONE: Self = Self::Or(Vec::new());

    /// All of these, without needless levels.
    #[must_use]
    pub fn all_of(filters: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Vec::new();
        for filter in filters {
            match filter {
                Self::All => {}
                Self::And(more) => all.extend(more),
                other => all.push(other),
            }
        }
        match all.len() {
            0 => Self::All,
            1 => all.remove(0),
            _ => Self::And(all),
        }
    }

    /// One of these, without needless levels.
    #[must_use]
    pub fn any_of(filters: impl IntoIterator<Item = Self>) -> Self {
        let mut any = Vec::new();
        for filter in filters {
            match filter {
                Self::Or(more) => any.extend(more),
                other => any.push(other),
            }
        }
        if any.len() == 1 { any.remove(0) } else { Self::Or(any) }
    }

    /// The opposite.
    #[must_use]
    pub fn negated(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// The names of hosts that have to be resolved before the filter finds their packets, each
    /// once.
    #[must_use]
    pub fn host_names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.each(&mut |predicate| {
            if let Predicate::Host(Host { addresses: Addresses::Name(name), .. }) = predicate {
                names.push(name.as_str());
            }
        });
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Puts addresses in the place of host names. A name without an address is no host's, so it
    /// selects nothing.
    #[must_use]
    pub fn resolved(self, addresses_of: &impl Fn(&str) -> Vec<IpAddr>) -> Self {
        let list = |filters: Vec<Self>| -> Vec<Self> {
            filters.into_iter().map(|filter| filter.resolved(addresses_of)).collect()
        };
        match self {
            Self::All => Self::All,
            Self::And(filters) => Self::And(list(filters)),
            Self::Or(filters) => Self::Or(list(filters)),
            Self::Not(filter) => filter.resolved(addresses_of).negated(),
            Self::Is(Predicate::Host(host)) => match &host.addresses {
                Addresses::Name(name) => Self::any_of(addresses_of(name).into_iter().map(|ip| {
                    let addresses = Addresses::Network(ip.into());
                    Self::Is(Predicate::Host(Host { addresses, ..host.clone() }))
                })),
                _ => Self::Is(Predicate::Host(host)),
            },
            Self::Is(predicate) => Self::Is(predicate),
        }
    }

    /// Shows every condition, from left to right.
    fn each<'a>(&'a self, look: &mut impl FnMut(&'a Predicate)) {
        match self {
            Self::All => {}
            Self::And(filters) | Self::Or(filters) => {
                for filter in filters {
                    filter.each(look);
                }
            }
            Self::Not(filter) => filter.each(look),
            Self::Is(predicate) => look(predicate),
        }
    }
}

impl From<Predicate> for Filter {
    fn from(predicate: Predicate) -> Self {
        Self::Is(predicate)
    }
}
