//! Where tshark and this program may differ, and why. A difference that is not listed fails.

use super::Pair;

/// A kind of packet in which some columns differ.
pub struct Difference {
    /// Names of columns.
    pub columns: &'static [&'static str],
    /// Which packets: as narrow as the reason.
    pub applies: fn(&Pair) -> bool,
    /// For the report.
    pub reason: &'static str,
}

pub const DIFFERENCES: &[Difference] = &[];

/// Captures of which tshark reads another number of packets. The packets that both read are
/// compared.
pub const COUNTS: &[(&str, &str)] = &[
    ("brcm-tag-stp", "tshark 4.0 does not know the link type"),
    ("dsa-high-vid", "tshark 4.0 does not know the link type"),
    ("sidx.pcap", "tshark 4.0 does not know the link type"),
    ("bug-6875-01-fuzz", "the second record says 16 MB, which tshark cuts and then calls damaged"),
    ("timestamps_issue", "tshark 4.0 ends at a Bluetooth packet without its pseudo-header"),
];
