//! Times as people write them.

use std::time::SystemTime;

use jiff::civil;
use jiff::tz::TimeZone;

use crate::packet::Timestamp;

/// Which end of a range a time is for: a date alone means the whole day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// The beginning.
    Earliest,
    /// The end.
    Latest,
}

/// Reads RFC 3339, a date, a date and time (UTC), seconds since 1970, or an age (`15m`).
///
/// # Errors
/// When it is none of these, in words for people.
pub fn parse(text: &str, edge: Edge) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Some(time) = epoch(text) {
        return Ok(time);
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(Timestamp::from_nanoseconds(time.as_nanosecond()));
    }
    let is_date = text.len() == "2020-01-01".len();
    if let (true, Ok(date)) = (is_date, text.parse::<civil::Date>()) {
        let time = match edge {
            Edge::Earliest => civil::Time::MIN,
            Edge::Latest => civil::Time::MAX,
        };
        return in_utc(date.to_datetime(time));
    }
    if let Ok(time) = text.parse::<civil::DateTime>() {
        return in_utc(time);
    }
    if let Ok(age) = humantime::parse_duration(text.trim_end_matches("ago").trim_end()) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let age = i128::try_from(age.as_nanos()).unwrap_or(i128::MAX);
        let now = i128::try_from(now.as_nanos()).unwrap_or(i128::MAX);
        return Ok(Timestamp::from_nanoseconds(now - age));
    }
    Err("neither a time (2026-11-23T10:00:00Z), a date, seconds since 1970, nor an age (15m)"
        .to_owned())
}

fn in_utc(time: civil::DateTime) -> Result<Timestamp, String> {
    let zoned = time.to_zoned(TimeZone::UTC).map_err(|error| error.to_string())?;
    Ok(Timestamp::from_nanoseconds(zoned.timestamp().as_nanosecond()))
}

/// `1700000000` or `1700000000.000000005`; digits beyond the ninth are dropped.
fn epoch(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if seconds.is_empty() || !digits(seconds) || !digits(fraction) {
        return None;
    }
    let fraction: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    Some(Timestamp::from_parts(seconds.parse().ok()?, fraction.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notation_is_read() {
        for (text, edge, expected) in [
            ("1700000000", Edge::Earliest, "2023-11-14T22:13:20.000000000Z"),
            ("1700000000.5", Edge::Latest, "2023-11-14T22:13:20.500000000Z"),
            ("1700000000.123456789", Edge::Latest, "2023-11-14T22:13:20.123456789Z"),
            ("2020-02-02T23:59:59Z", Edge::Latest, "2020-02-02T23:59:59.000000000Z"),
            ("2020-02-02T23:59:59+02:00", Edge::Latest, "2020-02-02T21:59:59.000000000Z"),
            ("2020-02-02T23:59:59.000000001Z", Edge::Latest, "2020-02-02T23:59:59.000000001Z"),
            ("2020-01-01T00:00:00", Edge::Earliest, "2020-01-01T00:00:00.000000000Z"),
            ("2020-01-01 10:30", Edge::Earliest, "2020-01-01T10:30:00.000000000Z"),
            ("2020-02-02", Edge::Earliest, "2020-02-02T00:00:00.000000000Z"),
            ("2020-02-02", Edge::Latest, "2020-02-02T23:59:59.999999999Z"),
        ] {
            assert_eq!(parse(text, edge).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn an_age_is_counted_from_now() {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        for text in ["1h", "1h ago", "60m"] {
            let age = i128::from(now.as_secs()) - parse(text, Edge::Earliest).unwrap().parts().0;
            assert!((3599..=3605).contains(&age), "{text}: {age} s");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "yesterday", "2020-13-01", "12:00", "-5", "1.2.3", "2020-02-02T25:00:00Z"]
        {
            assert!(parse(text, Edge::Earliest).is_err(), "{text}");
        }
    }
}
