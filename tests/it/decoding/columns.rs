//! What is compared. A new column is one entry in [`COLUMNS`].

use super::ours::Ours;
use super::tshark::{Theirs, WALKED};

/// One thing that both find in a packet.
pub struct Column {
    /// Its name in the report: that of the stored field, where it is one.
    pub name: &'static str,
    /// The fields that tshark is asked for.
    pub fields: &'static [&'static str],
    /// The values that this program finds.
    pub ours: fn(&Ours) -> Vec<String>,
    /// The same values as tshark finds them, in the same words.
    pub theirs: fn(&Theirs) -> Vec<String>,
    /// Percent of packets that must be equal in all captures, explained or not.
    pub wanted: Option<f64>,
}

pub const COLUMNS: &[Column] = &[
    Column {
        name: "source.ip",
        fields: WALKED,
        ours: |ours| ours.stored("source.ip"),
        theirs: |theirs| theirs.walk().innermost().map(|n| n.source.clone()).into_iter().collect(),
        wanted: None,
    },
    Column {
        name: "destination.ip",
        fields: WALKED,
        ours: |ours| ours.stored("destination.ip"),
        theirs: |theirs| {
            theirs.walk().innermost().map(|n| n.destination.clone()).into_iter().collect()
        },
        wanted: None,
    },
    Column {
        name: "addresses of all layers",
        fields: WALKED,
        ours: |ours| {
            let networks = ours.layers().networks.iter();
            networks.flat_map(|n| [n.source.to_string(), n.destination.to_string()]).collect()
        },
        theirs: |theirs| {
            let networks = theirs.walk().networks;
            networks.into_iter().flat_map(|n| [n.source, n.destination]).collect()
        },
        wanted: None,
    },
    Column {
        name: "source.port",
        fields: WALKED,
        ours: |ours| ours.stored("source.port"),
        theirs: |theirs| ports(theirs).map(|ports| ports.0).into_iter().collect(),
        wanted: None,
    },
    Column {
        name: "destination.port",
        fields: WALKED,
        ours: |ours| ours.stored("destination.port"),
        theirs: |theirs| ports(theirs).map(|ports| ports.1).into_iter().collect(),
        wanted: None,
    },
];

fn ports(theirs: &Theirs) -> Option<(String, String)> {
    theirs.walk().innermost()?.ports.clone()
}
