//! Wrong passwords have to wait, longer and longer.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Wrong ones that anybody may have without waiting.
const FREE: u32 = 5;
/// The same for all users that one address tries.
const FREE_FOR_ADDRESS: u32 = 30;
/// After the first that has to wait; doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// For all that come from one address: many people may be behind it, and nobody shall lock them out.
const LONGEST_PAUSE_OF_ADDRESS: Duration = Duration::from_secs(10);
/// Forgotten after so long.
const MEMORY: Duration = Duration::from_mins(15);
/// What is remembered; the oldest goes.
const MOST: usize = 16_384;

/// Who tries: an address, and as whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key(IpAddr, Option<String>);

impl Key {
    /// Both that count: the address with this name, and with any.
    fn both(address: IpAddr, user: &str) -> [Self; 2] {
        let network = network(address);
        [Self(network, Some(user.to_owned())), Self(network, None)]
    }
}

/// Who has one address of IPv6 has all of the network that it is in.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
    until: Instant,
    /// Somebody came before it was over.
    is_told: bool,
}

impl Failures {
    /// Whether they are long enough ago to be forgotten.
    fn are_over(&self, now: Instant) -> bool {
        now - self.last >= MEMORY.max(self.until - self.last)
    }
}

/// How long somebody has to wait.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pause {
    pub(super) left: Duration,
    /// Whether this pause stops somebody for the first time: who tries on and on, which costs
    /// nothing, must not fill the audit.
    pub(super) is_news: bool,
}

/// Counts wrong passwords.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    failures: Mutex<HashMap<Key, Failures>>,
}

impl Limiter {
    /// How long this one has to wait before another try.
    pub(super) fn pause(&self, address: IpAddr, user: &str) -> Option<Pause> {
        let now = Instant::now();
        let mut failures = self.failures();
        let keys = Key::both(address, user);
        let until = keys.iter().filter_map(|key| Some(failures.get(key)?.until)).max()?;
        let left = until.checked_duration_since(now).filter(|left| !left.is_zero())?;
        let reasons = keys.iter().filter_map(|key| {
            let failures = failures.get_mut(key).filter(|failures| failures.until > now)?;
            Some(std::mem::replace(&mut failures.is_told, true))
        });
        // All of them are told of now.
        let is_news = reasons.filter(|is_told| !is_told).count() > 0;
        Some(Pause { left, is_news })
    }

    /// A try is under way: it counts as wrong until [`Self::succeeded`], so that many at once do
    /// not count as one.
    pub(super) fn begun(&self, address: IpAddr, user: &str) {
        let now = Instant::now();
        let mut failures = self.failures();
        if failures.len() + 2 > MOST {
            failures.retain(|_, failures| !failures.are_over(now));
        }
        while failures.len() + 2 > MOST
            && let Some(oldest) = failures.iter().min_by_key(|(_, failures)| failures.last)
        {
            let oldest = oldest.0.clone();
            failures.remove(&oldest);
        }
        for (key, limit) in Key::both(address, user).into_iter().zip(LIMITS) {
            let nothing = Failures { count: 0, last: now, until: now, is_told: false };
            let failures = failures.entry(key).or_insert(nothing);
            if failures.are_over(now) {
                *failures = nothing;
            }
            failures.count += 1;
            failures.last = now;
            failures.is_told = false;
            failures.until = now + limit.pause_after(failures.count);
        }
    }

    /// The password was right.
    pub(super) fn succeeded(&self, address: IpAddr, user: &str) {
        let [of_user, _] = Key::both(address, user);
        self.undone(address, user);
        self.failures().remove(&of_user);
    }

    /// Whether it was right could not be told, so it counts for nothing.
    pub(super) fn undone(&self, address: IpAddr, user: &str) {
        let mut failures = self.failures();
        for (key, limit) in Key::both(address, user).into_iter().zip(LIMITS) {
            if let Some(failures) = failures.get_mut(&key) {
                failures.count = failures.count.saturating_sub(1);
                failures.until = failures.last + limit.pause_after(failures.count);
            }
        }
    }

    fn failures(&self) -> MutexGuard<'_, HashMap<Key, Failures>> {
        // Nothing is left half done by a panic: each change is one call.
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many wrong ones cost nothing, and what the next do.
struct Limit {
    free: u32,
    longest: Duration,
}

/// In the order of [`Key::both`].
const LIMITS: [Limit; 2] = [
    Limit { free: FREE, longest: LONGEST_PAUSE },
    Limit { free: FREE_FOR_ADDRESS, longest: LONGEST_PAUSE_OF_ADDRESS },
];

impl Limit {
    fn pause_after(&self, count: u32) -> Duration {
        match count.checked_sub(self.free) {
            None => Duration::ZERO,
            Some(more) => FIRST_PAUSE.saturating_mul(1 << more.min(16)).min(self.longest),
        }
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
        let pause = limiter.pause(ADDRESS, "anna").unwrap();
        assert!(pause.left <= FIRST_PAUSE && pause.is_news);
        assert!(!limiter.pause(ADDRESS, "anna").unwrap().is_news, "each pause is told of once");
        limiter.begun(ADDRESS, "anna");
        assert!(limiter.pause(ADDRESS, "anna").unwrap().is_news);
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
        let [of_user, of_address] = LIMITS;
        assert_eq!(of_user.pause_after(FREE - 1), Duration::ZERO);
        assert_eq!(of_user.pause_after(FREE + 1), 2 * FIRST_PAUSE);
        assert_eq!(of_user.pause_after(u32::MAX), LONGEST_PAUSE);
        assert_eq!(of_address.pause_after(u32::MAX), LONGEST_PAUSE_OF_ADDRESS);
    }

    #[test]
    fn an_address_is_its_network_and_what_cannot_be_told_does_not_count() {
        let limiter = Limiter::default();
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        for host in 0..=FREE {
            limiter.begun(address(&format!("2001:db8::{host:x}")), "anna");
        }
        assert!(limiter.pause(address("2001:db8::ffff"), "anna").is_some());
        assert!(limiter.pause(address("2001:db8:0:1::1"), "anna").is_none());
        for _ in 0..=FREE {
            limiter.begun(address("::ffff:192.0.2.1"), "anna");
        }
        assert!(limiter.pause(address("192.0.2.1"), "anna").is_some());
        for _ in 0..=FREE {
            limiter.begun(ADDRESS, "berta");
            limiter.undone(ADDRESS, "berta");
        }
        assert!(limiter.pause(ADDRESS, "berta").is_none());
        limiter.begun(address("192.0.2.1"), "anna");
        limiter.undone(address("192.0.2.1"), "anna");
        assert!(limiter.pause(address("192.0.2.1"), "anna").is_some(), "what was wrong stays");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let limiter = Limiter::default();
        for address in 0..u32::try_from(MOST / 2 + 20).unwrap() {
            limiter.begun(std::net::Ipv4Addr::from_bits(address).into(), "anna");
        }
        assert!(limiter.failures().len() <= MOST);
    }
}
