//! Which index a packet belongs to.
//!
//! `create` refuses a known id within one index only, so the index must follow from the packet
//! and from what never changes: the day of the setup and the length of a partition.

use std::ops::Range;

use jiff::civil::{Date, DateTime, date};
use jiff::tz::TimeZone;
use jiff::{ToSpan as _, Unit};

use crate::packet::Timestamp;
use crate::store::Partition;

/// The indices of one archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Partitions {
    /// Index names begin with it.
    pub(super) prefix: String,
    /// How much time shares an index.
    pub(super) partition: Partition,
    /// Start of the day (UTC) of the setup. What is older shares one index per month: an old
    /// corpus must not open a thousand of them.
    pub(super) set_up: Timestamp,
}

/// One index and the time it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Period {
    /// Name of the index.
    pub(super) index: String,
    /// Nanoseconds since the epoch.
    pub(super) time: Range<i128>,
}

impl Partitions {
    /// The index of a packet that was captured at `time`.
    pub(super) fn period_of(&self, time: Timestamp) -> Period {
        let time = Timestamp::from_nanoseconds(time.indexed().into());
        let partition = if time < self.set_up { Partition::Month } else { self.partition };
        let civil = civil(time);
        let start = match partition {
            Partition::Hour => civil.date().at(civil.hour(), 0, 0, 0),
            Partition::Day => civil.date().at(0, 0, 0, 0),
            Partition::Month => civil.date().first_of_month().at(0, 0, 0, 0),
        };
        let mut period = period(&self.prefix, start, partition);
        // The month of the setup is shared by days before and partitions after.
        if time < self.set_up {
            period.time.end = period.time.end.min(self.set_up.nanoseconds());
        } else {
            period.time.start = period.time.start.max(self.set_up.nanoseconds());
        }
        period
    }

    /// The same index with the time that it really holds: what was captured since the setup is
    /// not in the setup's month, unless all partitions are months.
    pub(super) fn narrowed(&self, mut period: Period) -> Period {
        if self.partition != Partition::Month && period.time.start < self.set_up.nanoseconds() {
            period.time.end = period.time.end.min(self.set_up.nanoseconds());
        }
        period
    }
}

/// The time that `index` holds, if it is a partition of the archive `prefix`.
pub(super) fn parse(prefix: &str, index: &str) -> Option<Period> {
    let suffix = index.strip_prefix(prefix)?.strip_prefix('-')?;
    let numbers = suffix.split('.').map(digits).collect::<Option<Vec<i16>>>()?;
    let narrow = |number: i16| i8::try_from(number).ok();
    let (start, partition) = match *numbers.as_slice() {
        [year, month] => {
            let day = Date::new(year, narrow(month)?, 1).ok()?;
            (day.at(0, 0, 0, 0), Partition::Month)
        }
        [year, month, day] => {
            let day = Date::new(year, narrow(month)?, narrow(day)?).ok()?;
            (day.at(0, 0, 0, 0), Partition::Day)
        }
        [year, month, day, hour] => {
            let day = Date::new(year, narrow(month)?, narrow(day)?).ok()?;
            (
                DateTime::new(day.year(), day.month(), day.day(), narrow(hour)?, 0, 0, 0).ok()?,
                Partition::Hour,
            )
        }
        _ => return None,
    };
    let period = period(prefix, start, partition);
    (period.index == index).then_some(period)
}

fn digits(text: &str) -> Option<i16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn period(prefix: &str, start: DateTime, partition: Partition) -> Period {
    let (format, length) = match partition {
        Partition::Hour => ("%Y.%m.%d.%H", 1.hour()),
        Partition::Day => ("%Y.%m.%d", 1.day()),
        Partition::Month => ("%Y.%m", 1.month()),
    };
    let end = nanoseconds(start.saturating_add(length));
    // The last partition also holds what is too late for the index's clock.
    let end = if end > i128::from(i64::MAX) { i128::MAX } else { end };
    let index = format!("{prefix}-{}", start.strftime(format));
    Period { index, time: nanoseconds(start)..end }
}

/// Start of the day (UTC) of `time`.
pub(super) fn day_of(time: Timestamp) -> Timestamp {
    Timestamp::from_nanoseconds(nanoseconds(civil(time).date().at(0, 0, 0, 0)))
}

/// The day (UTC) of `time`, for people.
pub(super) fn day_name(time: Timestamp) -> String {
    civil(time).date().to_string()
}

/// Clamped like [`Timestamp::indexed`], so it is within the calendar's range.
fn civil(time: Timestamp) -> DateTime {
    let time = jiff::Timestamp::from_nanosecond(time.indexed().into()).unwrap_or_default();
    time.to_zoned(TimeZone::UTC).datetime()
}

fn nanoseconds(civil: DateTime) -> i128 {
    const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);
    civil
        .since((Unit::Second, EPOCH))
        .map_or(i128::MAX, |span| i128::from(span.get_seconds()) * 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_nanoseconds(text.parse::<jiff::Timestamp>().unwrap().as_nanosecond())
    }

    fn partitions(partition: Partition) -> Partitions {
        let set_up = day_of(at("2026-11-23T21:30:00Z"));
        Partitions { prefix: "pcap-singles".to_owned(), partition, set_up }
    }

    #[test]
    fn the_index_follows_from_time_and_setup() {
        for (partition, time, index) in [
            (Partition::Day, "2026-11-23T00:00:00Z", "pcap-singles-2026.11.23"),
            (Partition::Day, "2026-11-23T23:59:59.999999999Z", "pcap-singles-2026.11.23"),
            (Partition::Day, "2026-11-24T00:00:00Z", "pcap-singles-2026.11.24"),
            (Partition::Day, "2026-11-22T23:59:59.999999999Z", "pcap-singles-2026.11"),
            (Partition::Day, "2015-03-09T01:02:03Z", "pcap-singles-2015.03"),
            (Partition::Hour, "2026-11-23T05:00:00Z", "pcap-singles-2026.11.23.05"),
            (Partition::Hour, "2026-11-22T05:00:00Z", "pcap-singles-2026.11"),
            (Partition::Month, "2026-12-24T05:00:00Z", "pcap-singles-2026.12"),
            (Partition::Month, "2026-11-23T05:00:00Z", "pcap-singles-2026.11"),
            (Partition::Day, "1969-12-31T23:00:00Z", "pcap-singles-1970.01"),
            (Partition::Day, "9999-01-01T00:00:00Z", "pcap-singles-2262.04.11"),
        ] {
            let period = partitions(partition).period_of(at(time));
            assert_eq!(period.index, index, "{partition:?} {time}");
            let clamped = i128::from(at(time).indexed());
            assert!(period.time.contains(&clamped), "{partition:?} {time} {period:?}");
        }
    }

    #[test]
    fn the_month_of_the_setup_ends_with_it() {
        for (partition, index, end) in [
            (Partition::Day, "pcap-singles-2026.11", "2026-11-23T00:00:00Z"),
            (Partition::Hour, "pcap-singles-2026.11", "2026-11-23T00:00:00Z"),
            (Partition::Month, "pcap-singles-2026.11", "2026-12-01T00:00:00Z"),
            (Partition::Day, "pcap-singles-2026.10", "2026-11-01T00:00:00Z"),
            (Partition::Day, "pcap-singles-2026.11.23", "2026-11-24T00:00:00Z"),
        ] {
            let period = parse("pcap-singles", index).unwrap();
            let narrowed = partitions(partition).narrowed(period);
            assert_eq!(narrowed.time.end, at(end).nanoseconds(), "{partition:?} {index}");
        }
    }

    #[test]
    fn names_tell_the_time_they_hold() {
        for (index, start, end) in [
            ("pcap-singles-2015.03", "2015-03-01T00:00:00Z", "2015-04-01T00:00:00Z"),
            ("pcap-singles-2024.02.29", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"),
            ("pcap-singles-2026.12.31.23", "2026-12-31T23:00:00Z", "2027-01-01T00:00:00Z"),
        ] {
            let expected = at(start).nanoseconds()..at(end).nanoseconds();
            assert_eq!(parse("pcap-singles", index).unwrap().time, expected, "{index}");
        }
        let last = parse("pcap-singles", "pcap-singles-2262.04.11").unwrap();
        assert_eq!(last.time.end, i128::MAX, "holds everything later as well");
    }

    #[test]
    fn other_indices_are_not_ours() {
        for index in [
            "pcap-singles",
            "pcap-singles-setup",
            "pcap-singles-2015",
            "pcap-singles-2015.3",
            "pcap-singles-2015.13",
            "pcap-singles-2023.02.29",
            "pcap-singles-2023.02.01.24",
            "pcap-singles-2023.02.01.00.00",
            "pcap-singles-+015.03",
            "pcap-singles-other-2015.03",
            "pcap-flows-2015.03",
        ] {
            assert_eq!(parse("pcap-singles", index), None, "{index}");
        }
    }
}
