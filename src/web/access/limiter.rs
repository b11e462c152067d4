//! Wrong passwords have to wait, longer and longer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Wrong ones that anybody may have without waiting.
const FREE: u32 = 5;
/// The same for all users that one address tries.
const FREE_FOR_ADDRESS: u32 = 30;
/// After the first that has to wait; doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// Forgotten after so long.
const MEMORY: Duration = Duration::from_mins(15);
/// What is remembered; the oldest goes.
const MOST: usize = 16_384;

/// Who tries: an address, and as whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key(IpAddr, Option<String>);

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
    until: Instant,
}

/// Counts wrong passwords.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    failures: Mutex<HashMap<Key, Failures>>,
}

impl Limiter {
    /// How long this one has to wait before another try.
    pub(super) fn pause(&self, address: IpAddr, user: &str) -> Option<Duration> {
        let now = Instant::now();
        let failures = self.failures();
        let of = |key: Key| failures.get(&key).map(|failures| failures.until);
        let until = of(Key(address, None)).max(of(Key(address, Some(user.to_owned()))))?;
        until.checked_duration_since(now).filter(|pause| !pause.is_zero())
    }

    /// A try is under way: it counts as wrong until [`Self::succeeded`], so that many at once do
    /// not count as one.
    pub(super) fn begun(&self, address: IpAddr, user: &str) {
        let now = Instant::now();
        let mut failures = self.failures();
        failures
            .retain(|_, failures| now - failures.last < MEMORY.max(failures.until - failures.last));
        if failures.len() >= MOST
            && let Some(oldest) = failures.iter().min_by_key(|(_, failures)| failures.last)
        {
            let oldest = oldest.0.clone();
            failures.remove(&oldest);
        }
        for (key, free) in
            [(Key(address, Some(user.to_owned())), FREE), (Key(address, None), FREE_FOR_ADDRESS)]
        {
            let nothing = Failures { count: 0, last: now, until: now };
            let failures = failures.entry(key).or_insert(nothing);
            failures.count += 1;
            failures.last = now;
            failures.until = now + pause_after(failures.count, free);
        }
    }

    /// The password was right.
    pub(super) fn succeeded(&self, address: IpAddr, user: &str) {
        let mut failures = self.failures();
        failures.remove(&Key(address, Some(user.to_owned())));
        if let Some(of_address) = failures.get_mut(&Key(address, None)) {
            of_address.count = of_address.count.saturating_sub(1);
            of_address.until = of_address.last;
        }
    }

    fn failures(&self) -> MutexGuard<'_, HashMap<Key, Failures>> {
        // Nothing is left half done by a panic: each change is one call.
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pause_after(count: u32, free: u32) -> Duration {
    match count.checked_sub(free) {
        None => Duration::ZERO,
        Some(more) => FIRST_PAUSE.saturating_mul(1 << more.min(16)).min(LONGEST_PAUSE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn many_wrong_ones_have_to_wait() {
        let limiter = Limiter::default();
        for _ in 1..FREE {
            limiter.begun(ADDRESS, "anna");
            assert_eq!(limiter.pause(ADDRESS, "anna"), None);
        }
        limiter.begun(ADDRESS, "anna");
        assert!(limiter.pause(ADDRESS, "anna").unwrap() <= FIRST_PAUSE);
        assert_eq!(limiter.pause(ADDRESS, "berta"), None);
        limiter.succeeded(ADDRESS, "anna");
        assert_eq!(limiter.pause(ADDRESS, "anna"), None);
    }

    #[test]
    fn trying_all_users_has_to_wait_too() {
        let limiter = Limiter::default();
        for user in 0..FREE_FOR_ADDRESS {
            assert_eq!(limiter.pause(ADDRESS, "anna"), None);
            limiter.begun(ADDRESS, &user.to_string());
        }
        assert!(limiter.pause(ADDRESS, "anna").is_some());
    }

    #[test]
    fn pauses_grow_and_end() {
        assert_eq!(pause_after(FREE - 1, FREE), Duration::ZERO);
        assert_eq!(pause_after(FREE + 1, FREE), 2 * FIRST_PAUSE);
        assert_eq!(pause_after(u32::MAX, FREE), LONGEST_PAUSE);
    }
}
