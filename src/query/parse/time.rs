use jiff::civil;
use jiff::tz::TimeZone;

use crate::packet::Timestamp;

/// Which end of a range a time is for: a date alone means the whole day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// The first moment.
    Earliest,
    /// The last moment.
    Latest,
}

/// Reads RFC 3339, a date, a date and time (UTC), or seconds since 1970; `None` for anything
/// else.
#[must_use]
pub fn time(text: &str, edge: Edge) -> Option<Timestamp> {
    // Years of more than four digits are shown, and so read, with this sign.
    if let Some(time) = epoch(text.strip_prefix('@').unwrap_or(text)) {
        return Some(time);
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp::from_nanoseconds(time.as_nanosecond()));
    }
    let is_date = text.len() == "2020-01-01".len();
    if let (true, Ok(date)) = (is_date, text.parse::<civil::Date>()) {
        let time = match edge {
            Edge::Earliest => civil::Time::MIN,
            Edge::Latest => civil::Time::MAX,
        };
        return in_utc(date.to_datetime(time));
    }
    in_utc(text.parse::<civil::DateTime>().ok()?)
}

fn in_utc(time: civil::DateTime) -> Option<Timestamp> {
    let zoned = time.to_zoned(TimeZone::UTC).ok()?;
    Some(Timestamp::from_nanoseconds(zoned.timestamp().as_nanosecond()))
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
