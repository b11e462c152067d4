//! What the decoder finds, packet by packet, beside what tshark finds.
//!
//! A column compares one thing (`columns.rs`); where the two may differ is listed with its reason
//! (`differences.rs`), and everything else must be equal.

mod application;
mod application_differences;
mod columns;
mod differences;
pub mod frames;
pub mod mutated;
mod ours;
mod payloads;
mod places;
mod report;
mod tshark;

use std::path::{Path, PathBuf};

use crate::support::{Sandbox, outside_captures, read_all};
use columns::COLUMNS;
use differences::DIFFERENCES;
use ours::Ours;
use report::Tally;
use tshark::{Theirs, Tshark};

/// Unexplained differences that are shown before the rest is only counted.
const SHOWN: usize = 20;

/// A packet as both see it.
pub struct Pair<'a> {
    /// File name of the capture.
    pub capture: &'a str,
    pub ours: &'a Ours,
    pub theirs: &'a Theirs<'a>,
}

/// Captures that are made here, with everything that can be decoded.
fn own_captures(sandbox: &Sandbox) -> Vec<PathBuf> {
    let captures = frames::joined_captures();
    captures.into_iter().map(|(name, bytes)| sandbox.file(&name, &bytes)).collect()
}

/// Adds a capture to the tally; returns how many packets were compared.
fn compare(path: &Path, tally: &mut Tally) -> usize {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let ours = match ours::read(path) {
        Ok(ours) => ours,
        Err(reason) => {
            tally.unread.push((name, reason));
            return 0;
        }
    };
    let tshark = Tshark::of(path, &COLUMNS);
    let theirs = tshark.rows();
    tally.packets(&name, ours.len(), theirs.len());
    for (frame, (ours, theirs)) in (1..).zip(ours.iter().zip(&theirs)) {
        let pair = Pair { capture: &name, ours, theirs };
        for (column, count) in COLUMNS.iter().zip(&mut tally.columns) {
            let (our_values, their_values) = ((column.ours)(ours), (column.theirs)(theirs));
            if our_values.is_empty() && their_values.is_empty() {
                continue;
            }
            count.total += 1;
            if our_values == their_values {
                count.matched += 1;
                continue;
            }
            let reason = DIFFERENCES
                .iter()
                .position(|d| d.columns.contains(&column.name) && (d.applies)(&pair));
            if let Some(reason) = reason {
                match (our_values.is_empty(), their_values.is_empty()) {
                    (false, true) => count.only_ours += 1,
                    (true, false) => count.only_theirs += 1,
                    _ => count.otherwise += 1,
                }
                *tally.reasons[reason].entry(column.name).or_default() += 1;
                continue;
            }
            tally.unexplained.push(format!(
                "{name} frame {frame}, {}: {our_values:?}, tshark {their_values:?} ({})",
                column.name,
                theirs.protocols(),
            ));
        }
    }
    ours.len()
}

fn assert_explained(tally: &Tally) {
    let number = tally.unexplained.len();
    let shown = tally.unexplained.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("\n");
    assert_eq!(number, 0, "differences that no reason is given for:\n{shown}");
}

#[test]
fn own_captures_decode_as_tshark_decodes_them() {
    let sandbox = Sandbox::embedded();
    let mut tally = Tally::new();
    for capture in own_captures(&sandbox) {
        let packets = compare(&capture, &mut tally);
        assert!(packets > 0, "{} has packets", capture.display());
    }
    assert_explained(&tally);
    for (column, count) in COLUMNS.iter().zip(&tally.columns) {
        assert!(count.matched > 0, "no own capture has a {}", column.name);
    }
}

/// Also: nine hundred and ninety-nine of a thousand packets agree, whatever reasons are given.
#[test]
fn captures_of_the_world_decode_as_tshark_decodes_them() {
    let mut tally = Tally::new();
    for capture in outside_captures() {
        compare(&capture, &mut tally);
    }
    assert_explained(&tally);
    for (column, count) in COLUMNS.iter().zip(&tally.columns) {
        let wanted = column.wanted.unwrap_or(0.0);
        assert!(count.rate() >= wanted, "{}: {count:?}", column.name);
    }
}

/// `cargo test --features testing --test it decoding -- --ignored` writes the report.
#[test]
#[ignore = "writes docs/decoding.md"]
fn write_report() {
    let sandbox = Sandbox::embedded();
    let mut tally = Tally::new();
    for capture in own_captures(&sandbox).into_iter().chain(outside_captures()) {
        compare(&capture, &mut tally);
    }
    assert_explained(&tally);
    for (difference, counts) in DIFFERENCES.iter().zip(&tally.reasons) {
        assert!(!counts.is_empty(), "occurs nowhere: {}", difference.reason);
    }
    std::fs::write(report::path(), report::write(&tally)).unwrap();
}

/// `cargo test --features testing --test it fuzz_corpus -- --ignored` seeds the fuzz targets.
#[test]
#[ignore = "writes fuzz/corpus"]
fn fuzz_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let (packets, captures) = (corpus.join("decode"), corpus.join("capture_reader"));
    for folder in [&packets, &captures] {
        std::fs::create_dir_all(folder).unwrap();
    }
    let sandbox = Sandbox::embedded();
    for (name, bytes) in frames::captures() {
        std::fs::write(captures.join(&name), &bytes).unwrap();
        let read = read_all(&sandbox.file(&name, &bytes));
        for (number, packet) in read.iter().enumerate() {
            // The target takes the link type from the first two bytes.
            let seed = [&packet.link_type.0.to_be_bytes()[..], &packet.data].concat();
            std::fs::write(packets.join(format!("{name}-{number}")), seed).unwrap();
        }
    }
}

#[test]
fn report_has_every_column() {
    let report = std::fs::read_to_string(report::path()).unwrap();
    for column in COLUMNS.iter() {
        assert!(report.contains(&format!("| {} |", column.name)), "{} is missing", column.name);
    }
}
