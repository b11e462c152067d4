use std::sync::Arc;

use crate::capture::pcapng_fields::{Fields, Options};
use crate::packet::{Extras, Interface, LinkType, Timestamp};

// Option codes of interface description blocks (draft-ietf-opsawg-pcapng, section 4.2).
pub(super) const IF_NAME: u16 = 2;
pub(super) const IF_DESCRIPTION: u16 = 3;
pub(super) const IF_TSRESOL: u16 = 9;
pub(super) const IF_FCSLEN: u16 = 13;
pub(super) const IF_TSOFFSET: u16 = 14;

const NANOSECONDS_PER_SECOND: i128 = 1_000_000_000;

/// Extras of an interface that are kept for the next packets: enough for both directions and
/// the reception types.
const RECENT_EXTRAS: usize = 4;

/// An interface of the section at hand.
pub(super) struct SectionInterface {
    pub(super) link_type: LinkType,
    pub(super) interface: Arc<Interface>,
    pub(super) clock: Clock,
    recent: Vec<Arc<Extras>>,
}

impl SectionInterface {
    /// Reads the body of an interface description block. `note` is told of options that cannot
    /// be read; `None` when the body is too short to say anything.
    pub(super) fn read(id: u32, mut body: Fields<'_>, mut note: impl FnMut(&str)) -> Option<Self> {
        let link_type = LinkType(body.u16()?);
        body.u16()?;
        let snap_length = body.u32()?;
        let mut interface =
            Interface { id, snap_length, name: None, description: None, fcs_length: None };
        let mut clock = Clock::MICROSECONDS;
        let mut options = Options::new(body);
        loop {
            match options.next() {
                Ok(Some((code, value))) => {
                    if let Err(reason) = take_option(code, value, &mut interface, &mut clock) {
                        note(reason);
                    }
                }
                Ok(None) => break,
                Err(reason) => {
                    note(reason);
                    break;
                }
            }
        }
        Some(Self { link_type, interface: Arc::new(interface), clock, recent: Vec::new() })
    }

    /// Wraps what is said of a packet, and shares it with recent packets of which the same is
    /// said: nearly always all of them.
    pub(super) fn share(&mut self, extras: Extras) -> Arc<Extras> {
        if let Some(known) = self.recent.iter().find(|known| ***known == extras) {
            return Arc::clone(known);
        }
        let extras = Arc::new(extras);
        if self.recent.len() == RECENT_EXTRAS {
            self.recent.remove(0);
        }
        self.recent.push(Arc::clone(&extras));
        extras
    }
}

fn take_option(
    code: u16,
    mut value: Fields<'_>,
    interface: &mut Interface,
    clock: &mut Clock,
) -> Result<(), &'static str> {
    match code {
        IF_NAME | IF_DESCRIPTION => {
            let (mut text, is_valid) = value.text();
            // Some programs end their names with a NUL, which is no part of them.
            text.truncate(text.trim_end_matches('\0').len());
            let field =
                if code == IF_NAME { &mut interface.name } else { &mut interface.description };
            *field = Some(text);
            if !is_valid {
                return Err("a name or description of an interface is not UTF-8; replaced in part");
            }
        }
        IF_TSRESOL => clock.resolution = value.u8().ok_or("if_tsresol is empty")?,
        IF_FCSLEN => interface.fcs_length = Some(value.u8().ok_or("if_fcslen is empty")?),
        IF_TSOFFSET => clock.offset = value.i64().ok_or("if_tsoffset has less than 8 bytes")?,
        _ => {}
    }
    Ok(())
}

/// How the times of an interface are counted: its `if_tsresol` and `if_tsoffset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Clock {
    /// Units per second: a power of ten or, with the highest bit set, of two.
    pub(super) resolution: u8,
    /// Seconds to be added.
    pub(super) offset: i64,
}

impl Clock {
    /// The clock of an interface that says nothing about it.
    pub(super) const MICROSECONDS: Self = Self { resolution: 6, offset: 0 };
    pub(super) const NANOSECONDS: Self = Self { resolution: 9, offset: 0 };

    /// The time at so many units. What is finer than a nanosecond is cut off.
    pub(super) fn time(self, units: u64) -> Timestamp {
        let offset = i128::from(self.offset) * NANOSECONDS_PER_SECOND;
        Timestamp::from_nanoseconds(self.nanoseconds(units) + offset)
    }

    fn nanoseconds(self, units: u64) -> i128 {
        let nanoseconds = i128::from(units) * NANOSECONDS_PER_SECOND;
        let exponent = u32::from(self.resolution & 0x7f);
        let is_power_of_two = self.resolution & 0x80 != 0;
        if is_power_of_two {
            return nanoseconds >> exponent;
        }
        // 10^39 units per second do not fit, and 64 bits of them are no nanosecond.
        10_i128.checked_pow(exponent).map_or(0, |units_per_second| nanoseconds / units_per_second)
    }

    /// The units at which a time is read back as this very time, if there are such.
    fn units(self, time: Timestamp) -> Option<u64> {
        let since_offset =
            time.nanoseconds().checked_sub(i128::from(self.offset) * NANOSECONDS_PER_SECOND)?;
        let exponent = u32::from(self.resolution & 0x7f);
        let units_per_second = match self.resolution & 0x80 {
            0 => 10_i128.checked_pow(exponent)?,
            _ => 2_i128.checked_pow(exponent)?,
        };
        let units = since_offset.checked_mul(units_per_second)? / NANOSECONDS_PER_SECOND;
        let units = u64::try_from(units).ok()?;
        (self.time(units) == time).then_some(units)
    }

    /// The clock that a time is written with, and its units: nanoseconds since the epoch, or
    /// with an offset where these do not fit, or coarser, but only as long as they are exact.
    pub(super) fn for_writing(time: Timestamp) -> Option<(Self, u64)> {
        if let Some(units) = Self::NANOSECONDS.units(time) {
            return Some((Self::NANOSECONDS, units));
        }
        // Offsets are multiples of 2^34 seconds, all of which fit into 64 bits of nanoseconds,
        // so that times near to each other share an interface.
        let stretch = time.parts().0 >> 34 << 34;
        let limits = i128::from(i64::MIN)..=i128::from(i64::MAX);
        let offset = i64::try_from(stretch.clamp(*limits.start(), *limits.end())).ok()?;
        let decimal = (0..=9).rev();
        let binary = (0x81..=0x89).rev();
        decimal.chain(binary).find_map(|resolution| {
            let clock = Self { resolution, offset };
            Some((clock, clock.units(time)?))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nanoseconds(resolution: u8, offset: i64, units: u64) -> i128 {
        Clock { resolution, offset }.time(units).nanoseconds()
    }

    #[test]
    fn any_resolution_and_offset_is_read() {
        assert_eq!(nanoseconds(6, 0, 1_500_000), 1_500_000_000);
        assert_eq!(nanoseconds(9, 0, u64::MAX), i128::from(u64::MAX));
        assert_eq!(nanoseconds(0, 0, 3), 3_000_000_000);
        assert_eq!(nanoseconds(3, -2, 1), -1_999_000_000);
        assert_eq!(nanoseconds(12, 0, 1_999), 1);
        assert_eq!(nanoseconds(127, 0, u64::MAX), 0);
        assert_eq!(nanoseconds(0x80, 0, 3), 3_000_000_000);
        assert_eq!(nanoseconds(0x80 | 32, 0, 3 << 31), 1_500_000_000);
        assert_eq!(nanoseconds(0xff, 0, u64::MAX), 0);
        let furthest = (i128::from(u64::MAX) + i128::from(i64::MAX)) * NANOSECONDS_PER_SECOND;
        assert_eq!(nanoseconds(0, i64::MAX, u64::MAX), furthest);
    }

    #[test]
    fn times_are_written_in_nanoseconds_as_long_as_they_fit() {
        let time = Timestamp::from_nanoseconds(i128::from(u64::MAX));
        assert_eq!(Clock::for_writing(time), Some((Clock::NANOSECONDS, u64::MAX)));
        let before_1970 = Timestamp::from_nanoseconds(-1);
        let (clock, units) = Clock::for_writing(before_1970).unwrap();
        assert_eq!((clock.resolution, clock.offset), (9, -(1 << 34)));
        assert_eq!(clock.time(units), before_1970);
    }

    #[test]
    fn a_time_beyond_pcapng_is_not_written_wrongly() {
        assert_eq!(Clock::for_writing(Timestamp::from_nanoseconds(i128::MAX)), None);
        assert_eq!(Clock::for_writing(Timestamp::from_nanoseconds(i128::MIN)), None);
    }

    proptest! {
        #[test]
        fn whatever_is_read_with_decimal_clocks_is_written_exactly(
            resolution in 0_u8..=9, offset: i64, units: u64,
        ) {
            let time = Clock { resolution, offset }.time(units);
            let (clock, written) = Clock::for_writing(time).unwrap();
            prop_assert_eq!(clock.time(written), time);
        }
    }
}
