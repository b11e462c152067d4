//! `docs/decoding.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::columns::COLUMNS;
use super::differences::{COUNTS, DIFFERENCES};

/// What was compared so far.
pub struct Tally {
    pub captures: usize,
    pub packets: usize,
    /// One for each of [`COLUMNS`].
    pub columns: Vec<Count>,
    /// For each of [`DIFFERENCES`]: how often, by column.
    pub reasons: Vec<BTreeMap<&'static str, usize>>,
    pub unexplained: Vec<String>,
    /// Files that this program does not take for captures, and why.
    pub unread: Vec<(String, String)>,
}

/// Packets in which at least one side has a value.
#[derive(Debug, Default)]
pub struct Count {
    pub matched: usize,
    /// Explained differences: only this program has a value, only tshark has, or both have.
    pub only_ours: usize,
    pub only_theirs: usize,
    pub otherwise: usize,
    pub total: usize,
}

impl Count {
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    pub fn rate(&self) -> f64 {
        if self.total == 0 { 100.0 } else { self.matched as f64 / self.total as f64 * 100.0 }
    }
}

impl Tally {
    pub fn new() -> Self {
        Self {
            captures: 0,
            packets: 0,
            columns: COLUMNS.iter().map(|_| Count::default()).collect(),
            reasons: DIFFERENCES.iter().map(|_| BTreeMap::new()).collect(),
            unexplained: Vec::new(),
            unread: Vec::new(),
        }
    }

    /// Both must read the same number of packets, but for [`COUNTS`].
    pub fn packets(&mut self, capture: &str, ours: usize, theirs: usize) {
        self.captures += 1;
        self.packets += ours;
        let expected = COUNTS.iter().any(|(name, _)| capture.contains(name));
        if ours != theirs && !expected {
            self.unexplained.push(format!("{capture}: {ours} packets, tshark {theirs}"));
        }
    }
}

pub fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/decoding.md")
}

/// The report as Markdown.
pub fn write(tally: &Tally) -> String {
    let mut text = String::from(HEAD);
    writeln!(
        text,
        "{} packets of {} captures: those that the tests make, one for each kind of packet, and \
         public captures of other projects that are not part of this one.\n\n\
         | what | equal | of | % | only here | only tshark | otherwise |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        tally.packets, tally.captures
    )
    .unwrap();
    for (column, count) in COLUMNS.iter().zip(&tally.columns) {
        let Count { matched, only_ours, only_theirs, otherwise, total } = count;
        let (name, rate) = (column.name, count.rate());
        writeln!(
            text,
            "| {name} | {matched} | {total} | {rate:.3} | {only_ours} | {only_theirs} | {otherwise} |"
        )
        .unwrap();
    }
    text.push_str("\n## Differences\n\n| packets | what | reason |\n| ---: | --- | --- |\n");
    for (difference, counts) in DIFFERENCES.iter().zip(&tally.reasons) {
        let packets = counts.values().max().copied().unwrap_or(0);
        let columns: Vec<&str> = counts.keys().copied().collect();
        writeln!(text, "| {packets} | {} | {} |", columns.join(", "), difference.reason).unwrap();
    }
    text.push_str("\n## Captures that tshark reads otherwise\n\n");
    for (capture, reason) in COUNTS {
        writeln!(text, "- `{capture}`: {reason}").unwrap();
    }
    text.push_str("\n## Captures that this program does not read\n\n");
    // What describes the captures is none.
    for (capture, reason) in tally.unread.iter().filter(|(name, _)| !name.ends_with("SOURCES.md")) {
        writeln!(text, "- `{capture}`: {reason}").unwrap();
    }
    text
}

const HEAD: &str = "\
# Decoding beside tshark

Made by `cargo test --features testing --test it decoding -- --ignored`; do not edit. For each
packet and each line of the table both programs say what they find; packets in which neither finds
anything are not counted. tshark runs without reassembly, so that it too sees one packet at a time.
A difference without a reason fails the tests; all of them are counted under \"only here\", \"only
tshark\" (has a value) and \"otherwise\" (both have, and not the same), and explained below.

";
