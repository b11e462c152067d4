//! What a store holds, counted from its columns.

use std::collections::BTreeSet;

use tantivy::error::DataCorruption;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet as _, Searcher, SegmentReader, TERMINATED};

use crate::document::fields::FieldId;
use crate::packet::Timestamp;
use crate::store::embedded::document::{is_at_an_end, time_of_exact};
use crate::store::embedded::schema::LAYOUT;
use crate::store::embedded::search::Stretches;

const NANOSECONDS_PER_DAY: i64 = 86_400_000_000_000;

/// When the packets of a store were captured.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    pub(super) packets: u64,
    pub(super) earliest: Option<Timestamp>,
    pub(super) latest: Option<Timestamp>,
    /// Days since 1970 on which something was captured.
    days: BTreeSet<i64>,
}

impl Coverage {
    pub(super) fn of(searcher: &Searcher) -> tantivy::Result<Self> {
        let mut coverage = Self::default();
        for segment in searcher.segment_readers() {
            coverage.add_column(segment)?;
            coverage.add_exact_times(segment)?;
        }
        Ok(coverage)
    }

    fn add_column(&mut self, segment: &SegmentReader) -> tantivy::Result<()> {
        let name = FieldId::Timestamp.field().name;
        let times = segment.fast_fields().column_first_or_default::<i64>(name)?;
        let stretches = Stretches::of(segment)?;
        // The day that was seen last, since neighbours share it.
        let (mut day, mut earliest, mut latest) = (None, i64::MAX, i64::MIN);
        for document in segment.doc_ids_alive() {
            let time = times.get_val(document);
            let of_document = Some(time / NANOSECONDS_PER_DAY);
            if day != of_document {
                day = of_document;
                self.days.extend(day);
            }
            self.packets += stretches.packets(document);
            for time in [time, stretches.end(document).unwrap_or(time)] {
                if !is_at_an_end(time) {
                    earliest = earliest.min(time);
                    latest = latest.max(time);
                }
            }
        }
        if earliest <= latest {
            self.add(Timestamp::from_nanoseconds(earliest.into()));
            self.add(Timestamp::from_nanoseconds(latest.into()));
        }
        Ok(())
    }

    /// At the ends of the index, the exact times tell.
    fn add_exact_times(&mut self, segment: &SegmentReader) -> tantivy::Result<()> {
        let index = segment.inverted_index(LAYOUT.exact_time)?;
        let mut terms = index.terms().stream()?;
        while terms.advance() {
            let mut postings =
                index.read_postings_from_terminfo(terms.value(), IndexRecordOption::Basic)?;
            let mut document = postings.doc();
            while document != TERMINATED && segment.is_deleted(document) {
                document = postings.advance();
            }
            if document != TERMINATED {
                let time = time_of_exact(terms.key())
                    .ok_or_else(|| DataCorruption::comment_only("an exact time is no time"))?;
                self.add(time);
            }
        }
        Ok(())
    }

    fn add(&mut self, time: Timestamp) {
        self.earliest = Some(self.earliest.map_or(time, |earliest| earliest.min(time)));
        self.latest = Some(self.latest.map_or(time, |latest| latest.max(time)));
    }

    /// Days without a packet, as `first day..last day`.
    pub(super) fn gaps(&self) -> Vec<String> {
        let next = self.days.iter().skip(1);
        let neighbours = self.days.iter().zip(next).filter(|(day, next)| *day + 1 < **next);
        neighbours.map(|(day, next)| format!("{}..{}", date(day + 1), date(next - 1))).collect()
    }
}

/// `2023-11-14`
fn date(day: i64) -> String {
    let nanoseconds = i128::from(day) * i128::from(NANOSECONDS_PER_DAY);
    Timestamp::from_nanoseconds(nanoseconds).to_string().chars().take(10).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_whole_days_with_both_ends() {
        let coverage = Coverage { days: [0, 1, 3, 10].into(), ..Coverage::default() };
        assert_eq!(coverage.gaps(), ["1970-01-03..1970-01-03", "1970-01-05..1970-01-10"]);
        assert_eq!(Coverage::default().gaps(), Vec::<String>::new());
    }
}
