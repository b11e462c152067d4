//! The packets that `matches` selects are those that tcpdump selects.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bytes::Bytes;
use pcap_archiver::packet::{CapturedPacket, PacketRecord};
use pcap_archiver::query::{Matcher, Query, parse};
use tempfile::TempDir;

use crate::decoding::frames;
use crate::support::expressions::{
    Corpus, EXPRESSIONS, OUTERMOST, corpora, corpus, is_plain, is_tagged,
};
use crate::support::records::records;
use crate::support::say;

/// Numbers of the packets that tcpdump selects; `None` when it cannot filter this link type so.
pub fn selected_by_tcpdump(
    file: &Path,
    options: &[&str],
    expression: &str,
) -> Option<BTreeSet<u64>> {
    let run = Command::new("tcpdump")
        .args(["-r", &file.display().to_string(), "-w", "-", "--time-stamp-precision=nano"])
        .args(options)
        .args(["--", expression])
        .output()
        .unwrap_or_else(|error| panic!("tcpdump is needed for this test: {error}"));
    let stderr = String::from_utf8_lossy(&run.stderr);
    assert!(!stderr.contains("syntax error"), "{expression}: {stderr}");
    let found = records(&run.stdout);
    run.status.success().then(|| found.iter().map(|record| record.nanoseconds / SECOND).collect())
}

const SECOND: u64 = 1_000_000_000;

/// The same by `matches`.
pub fn selected_by_matches(corpus: &Corpus, expression: &str) -> BTreeSet<u64> {
    let filter = parse(expression)
        .unwrap_or_else(|error| panic!("{error}\n{}\n{:?}", error.caret(), error.hint));
    assert_eq!(parse(&filter.to_string()).as_ref(), Ok(&filter), "{expression}: {filter}");
    let query = Query { filter, ..Query::all() };
    let matcher = Matcher::new(&query);
    let selected = corpus.records.iter().filter(|record| matcher.matches(record));
    selected.map(|record| record.stored.origin.frame).collect()
}

/// Compares every expression on every corpus, and returns how many comparisons there were, and
/// in how many of them something was selected, and something was not.
pub fn compare(
    corpora: &[Corpus],
    folder: &Path,
    expressions: &[impl AsRef<str> + Sync],
) -> (usize, usize) {
    let files: Vec<PathBuf> = corpora
        .iter()
        .enumerate()
        .map(|(number, corpus)| {
            let file = folder.join(format!("corpus-{number}.pcap"));
            corpus.write(&file);
            file
        })
        .collect();
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Result<bool, String>>> = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(expression) = expressions.get(number / corpora.len()) else { break };
                    let place = number % corpora.len();
                    let one = compare_one(&corpora[place], &files[place], expression.as_ref());
                    results.lock().unwrap().extend(one);
                }
            });
        }
    });
    let results = results.into_inner().unwrap();
    let failures: Vec<&str> =
        results.iter().filter_map(|result| result.as_ref().err().map(String::as_str)).collect();
    assert!(failures.is_empty(), "{} differences\n{}", failures.len(), failures.join("\n"));
    let telling = results.iter().filter(|result| **result == Ok(true)).count();
    (results.len(), telling)
}

/// libpcap 1.10 keeps the length of an 802.11 header in the same place as the numbers of these,
/// and then finds nothing.
const WRONG_ON_WIRELESS: &[&str] = &["7 - 2 - 1 = 4 and udp", "1 | 2 ^ 3 = 1 and ip"];

/// Whether something was selected and something was not; the difference from tcpdump, if there is
/// one; nothing where tcpdump cannot filter.
fn compare_one(corpus: &Corpus, file: &Path, expression: &str) -> Option<Result<bool, String>> {
    let is_wireless = [105, 119, 127, 163].contains(&corpus.link_type);
    if is_wireless && WRONG_ON_WIRELESS.contains(&expression) {
        return None;
    }
    let mut expected = selected_by_tcpdump(file, &[], expression)?;
    let found = selected_by_matches(corpus, expression);
    if found != expected {
        // libpcap's optimizer leaves out what does not decide, also where it looks beyond the end
        // of a packet, which otherwise selects nothing. Both are what tcpdump means.
        expected = selected_by_tcpdump(file, &["-O"], expression)?;
    }
    let Some(frame) = found.symmetric_difference(&expected).next() else {
        return Some(Ok(!found.is_empty() && found.len() < corpus.records.len()));
    };
    let record = &corpus.records[usize::try_from(*frame).unwrap() - 1];
    Some(Err(format!(
        "{expression:?} on link type {}: tcpdump {}, matches {}; {} packet {frame}, {:?} {:02x?}",
        corpus.link_type,
        expected.len(),
        found.len(),
        if found.contains(frame) { "too much:" } else { "missing:" },
        record.layers.names,
        &record.stored.packet.data[..record.stored.packet.data.len().min(80)],
    )))
}

/// The packets of the corpora that are wanted.
pub fn only(corpora: &[Corpus], wanted: impl Fn(&PacketRecord) -> bool) -> Vec<Corpus> {
    let packets = |corpus: &Corpus| -> Vec<CapturedPacket> {
        let wanted = corpus.records.iter().filter(|record| wanted(record));
        wanted.map(|record| record.stored.packet.clone()).collect()
    };
    let kept = corpora.iter().map(packets).filter(|packets| !packets.is_empty());
    kept.map(|packets| corpus(&packets)).collect()
}

pub fn all_corpora(folder: &Path) -> Vec<Corpus> {
    corpora(&frames::joined_captures(), folder)
}

/// Every packet cut at some length.
fn cut(corpora: &[Corpus]) -> Vec<Corpus> {
    let shortened = |(number, record): (usize, &PacketRecord)| {
        let packet = &record.stored.packet;
        let length = number * 7 % packet.data.len().clamp(1, 90);
        CapturedPacket { data: Bytes::copy_from_slice(&packet.data[..length]), ..packet.clone() }
    };
    let cut = |corpus: &Corpus| -> Vec<CapturedPacket> {
        corpus.records.iter().enumerate().map(shortened).collect()
    };
    corpora.iter().map(|one| corpus(&cut(one))).collect()
}

#[test]
fn plain_packets_are_selected_as_tcpdump_selects_them() {
    let folder = TempDir::new().unwrap();
    let corpora = only(&all_corpora(folder.path()), is_plain);
    let (compared, telling) = compare(&corpora, folder.path(), EXPRESSIONS);
    let packets: usize = corpora.iter().map(|corpus| corpus.records.len()).sum();
    say(&format!(
        "filters: {} expressions as in tcpdump on {packets} packets of {} link types: {compared} \
         comparisons, {telling} select some of the packets",
        EXPRESSIONS.len(),
        corpora.len()
    ));
    assert!(EXPRESSIONS.len() >= 150);
    assert!(compared > 2_000 && telling > 300, "{compared} {telling}");
}

#[test]
fn packets_that_are_cut_short_are_selected_as_tcpdump_selects_them() {
    let folder = TempDir::new().unwrap();
    let mut plain = only(&all_corpora(folder.path()), is_plain);
    plain.retain(|corpus| [0, 1, 9, 101, 105, 113, 127, 276].contains(&corpus.link_type));
    let (compared, telling) = compare(&cut(&plain), folder.path(), EXPRESSIONS);
    assert!(compared > 1_000 && telling > 100, "{compared} {telling}");
}

#[test]
fn the_outside_of_tunnels_is_selected_as_tcpdump_selects_it() {
    let folder = TempDir::new().unwrap();
    let tunnelled =
        only(&all_corpora(folder.path()), |record| !is_plain(record) && !is_tagged(record));
    let (compared, telling) = compare(&tunnelled, folder.path(), OUTERMOST);
    assert!(compared > 30 && telling > 10, "{compared} {telling}");
}
