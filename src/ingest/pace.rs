use std::time::{Duration, Instant};

/// Keeps a reader below a rate: `--max-rate`.
#[derive(Debug)]
pub(super) struct Pace {
    packets_per_second: f64,
    /// When the packets so far are paid for.
    paid_until: Instant,
}

impl Pace {
    pub(super) fn new(packets_per_second: u32) -> Self {
        Self { packets_per_second: f64::from(packets_per_second), paid_until: Instant::now() }
    }

    /// How long to wait before these packets are handed on. Time in which nothing was read is
    /// not saved up.
    pub(super) fn pause(&mut self, packets: usize, now: Instant) -> Duration {
        let begin = self.paid_until.max(now);
        let packets = f64::from(u32::try_from(packets).unwrap_or(u32::MAX));
        self.paid_until = begin + Duration::from_secs_f64(packets / self.packets_per_second);
        begin.duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept_and_idle_time_is_not_saved_up() {
        let start = Instant::now();
        let mut pace = Pace::new(100);
        pace.paid_until = start;
        assert_eq!(pace.pause(50, start), Duration::ZERO);
        assert_eq!(pace.pause(50, start), Duration::from_millis(500));
        assert_eq!(pace.pause(1, start + Duration::from_millis(300)), Duration::from_millis(700));
        let later = start + Duration::from_mins(1);
        assert_eq!(pace.pause(100, later), Duration::ZERO);
        assert_eq!(pace.pause(100, later), Duration::from_secs(1));
    }
}
