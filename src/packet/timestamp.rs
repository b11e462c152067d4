use std::fmt;

const NANOSECONDS_PER_MILLISECOND: i128 = 1_000_000;
const NANOSECONDS_PER_SECOND: i128 = 1_000_000_000;

/// When a packet was captured: nanoseconds since 1970-01-01T00:00:00Z.
///
/// Wider than 64 bits, because pcapng can hold (and damaged captures do hold) times outside the
/// 1678–2262 that 64-bit nanoseconds reach, and a packet is kept with the time it came with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(i128);

impl Timestamp {
    /// From nanoseconds since the epoch.
    #[must_use]
    pub const fn from_nanoseconds(nanoseconds: i128) -> Self {
        Self(nanoseconds)
    }

    /// From milliseconds since the epoch.
    #[must_use]
    pub const fn from_milliseconds(milliseconds: i64) -> Self {
        Self(milliseconds as i128 * NANOSECONDS_PER_MILLISECOND)
    }

    /// From seconds and a fraction in nanoseconds. A fraction of a second or more is carried
    /// over, as real captures hold such.
    #[must_use]
    pub const fn from_parts(seconds: i64, nanoseconds: u64) -> Self {
        Self(seconds as i128 * NANOSECONDS_PER_SECOND + nanoseconds as i128)
    }

    /// The time of this machine's clock.
    #[must_use]
    pub fn now() -> Self {
        Self(jiff::Timestamp::now().as_nanosecond())
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn nanoseconds(self) -> i128 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down, and the nanoseconds above them.
    #[must_use]
    pub fn parts(self) -> (i128, u32) {
        let fraction = self.0.rem_euclid(NANOSECONDS_PER_SECOND);
        (self.0.div_euclid(NANOSECONDS_PER_SECOND), u32::try_from(fraction).unwrap_or_default())
    }

    /// The time by which every store sorts and partitions: nanoseconds since the epoch, brought
    /// into 1970-01-01 … 2262-04-11, the range of Elasticsearch's `date_nanos`.
    #[must_use]
    pub fn indexed(self) -> i64 {
        i64::try_from(self.0.clamp(0, i128::from(i64::MAX))).unwrap_or(i64::MAX)
    }

    /// Whether [`Self::indexed`] is the very time.
    #[must_use]
    pub fn is_indexable(self) -> bool {
        i128::from(self.indexed()) == self.0
    }
}

/// RFC 3339 in UTC with nine digits; years beyond four digits as `@` and seconds since the epoch.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Ok(time) = jiff::Timestamp::from_nanosecond(self.0) {
            return write!(f, "{time:.9}");
        }
        let (seconds, nanoseconds) = self.parts();
        write!(f, "@{seconds}.{nanoseconds:09}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_nine_digits_in_utc() {
        let time = Timestamp::from_parts(1_700_000_000, 5);
        assert_eq!(time.to_string(), "2023-11-14T22:13:20.000000005Z");
    }

    #[test]
    fn a_fraction_above_a_second_is_carried() {
        assert_eq!(Timestamp::from_parts(1, 8_916_227_000).parts(), (9, 916_227_000));
    }

    #[test]
    fn times_outside_the_index_are_kept_and_clamped_for_sorting() {
        let before = Timestamp::from_parts(-1, 1);
        assert_eq!((before.indexed(), before.is_indexable()), (0, false));
        let far = Timestamp::from_parts(i64::MAX, 0);
        assert_eq!((far.indexed(), far.is_indexable()), (i64::MAX, false));
        assert_eq!(far.to_string(), "@9223372036854775807.000000000");
        assert_eq!(before.parts(), (-1, 1));
    }
}
