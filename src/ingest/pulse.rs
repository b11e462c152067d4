//! The log line of a run that goes on for months: how fast, how far behind, how full.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tracing::info;

use crate::ingest::{Budget, Progress};
use crate::packet::Timestamp;

/// Logs one line in each `period` while `work` goes on.
pub(super) async fn during<T>(
    period: Duration,
    progress: &Progress,
    budget: &Budget,
    work: impl Future<Output = T>,
) -> T {
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut work = std::pin::pin!(work);
    let mut before = (Instant::now(), 0);
    loop {
        tokio::select! {
            done = &mut work => return done,
            now = ticks.tick() => {
                let stored = progress.packets_stored.load(Ordering::Relaxed);
                let rate = rate(stored - before.1, now.duration_since(before.0));
                before = (now, stored);
                beat(progress, budget, stored, rate);
            }
        }
    }
}

fn beat(progress: &Progress, budget: &Budget, stored: u64, rate: u64) {
    let newest = progress.newest_stored.load(Ordering::Relaxed);
    let lag = lag(newest, Timestamp::now());
    info!(
        packets_per_second = rate,
        lag_seconds = lag,
        packets_stored = stored,
        packets_in_flight = progress.in_flight(),
        bytes_in_flight = budget.in_flight(),
        files_waiting = progress.files_waiting.load(Ordering::Relaxed),
        "ingest"
    );
}

fn rate(packets: u64, time: Duration) -> u64 {
    let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
    packets.saturating_mul(1000) / milliseconds
}

/// How long ago the newest stored packet was captured, in seconds; `none` before the first.
fn lag(newest: i64, now: Timestamp) -> String {
    if newest == 0 {
        return "none".to_owned();
    }
    let nanoseconds = (now.nanoseconds() - i128::from(newest)).max(0);
    (nanoseconds / 1_000_000_000).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_lag_are_for_people() {
        assert_eq!(rate(3000, Duration::from_secs(30)), 100);
        assert_eq!(rate(5, Duration::ZERO), 5000);
        assert_eq!(lag(0, Timestamp::from_parts(9, 0)), "none");
        assert_eq!(lag(7_500_000_000, Timestamp::from_parts(9, 0)), "1");
        assert_eq!(lag(9_500_000_000, Timestamp::from_parts(9, 0)), "0", "a clock that is ahead");
    }
}
