//! Who is logged in. Nothing of it outlives the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64_simd::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use subtle::ConstantTimeEq as _;

use crate::store::{PacketStore, Secret};

/// A session ends when nothing is asked for so long.
const IDLE: Duration = Duration::from_hours(1);
/// More than people; the oldest goes.
const MOST: usize = 4_096;
/// Of one user; the oldest goes.
const MOST_OF_USER: usize = 16;
/// Bytes of a token: nobody guesses one.
const TOKEN_BYTES: usize = 32;

/// What the browser keeps, in text form.
#[derive(Debug, Clone)]
pub(super) struct Token(pub(super) String);

/// Somebody who is logged in.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) user: String,
    /// What requests that change something have to bring along.
    pub(super) csrf: String,
    /// The store as this person sees it.
    pub(super) store: Arc<dyn PacketStore>,
    /// The hash of the user's password; none where Elasticsearch checks each question itself.
    pub(super) checked_against: Option<Secret>,
    began: Instant,
    last_used: Instant,
}

/// The sessions, by a hash of their token: the time that looking one up takes tells nothing of
/// the tokens.
#[derive(Debug)]
pub(super) struct Sessions {
    longest: Duration,
    by_token: Mutex<HashMap<[u8; 32], Session>>,
}

impl Sessions {
    /// No session is longer.
    pub(super) fn new(longest: Duration) -> Self {
        Self { longest, by_token: Mutex::default() }
    }

    /// Begins a session. `None` when the system has no random numbers.
    pub(super) fn begin(
        &self,
        user: String,
        store: Arc<dyn PacketStore>,
        checked_against: Option<Secret>,
    ) -> Option<Token> {
        let (token, csrf) = (random()?, random()?);
        let now = Instant::now();
        self.sweep();
        let mut sessions = self.sessions();
        make_room(&mut sessions, MOST_OF_USER, |session| session.user == user);
        make_room(&mut sessions, MOST, |_| true);
        let session = Session { user, csrf, store, checked_against, began: now, last_used: now };
        sessions.insert(hash(&token), session);
        Some(Token(token))
    }

    /// Forgets the sessions that are over, and with them the credentials that they hold.
    pub(super) fn sweep(&self) {
        let now = Instant::now();
        self.sessions().retain(|_, session| !self.is_over(session, now));
    }

    /// The session that a token belongs to, which is used now.
    pub(super) fn find(&self, token: &str) -> Option<Session> {
        let now = Instant::now();
        let mut sessions = self.sessions();
        let key = hash(token);
        if sessions.get(&key).is_some_and(|session| self.is_over(session, now)) {
            sessions.remove(&key);
        }
        let session = sessions.get_mut(&key)?;
        session.last_used = now;
        Some(session.clone())
    }

    pub(super) fn end(&self, token: &str) {
        self.sessions().remove(&hash(token));
    }

    /// How long a session lasts at most.
    pub(super) fn longest(&self) -> Duration {
        self.longest
    }

    fn is_over(&self, session: &Session, now: Instant) -> bool {
        now - session.last_used > IDLE.min(self.longest) || now - session.began > self.longest
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<[u8; 32], Session>> {
        // Nothing is left half done by a panic: each change is one call.
        self.by_token.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the sessions that have not been used for longest, until there are fewer of them than `most`.
fn make_room(
    sessions: &mut HashMap<[u8; 32], Session>,
    most: usize,
    is_of: impl Fn(&Session) -> bool,
) {
    while sessions.values().filter(|session| is_of(session)).count() >= most {
        let of = sessions.iter().filter(|(_, session)| is_of(session));
        let Some(oldest) = of.min_by_key(|(_, session)| session.last_used).map(|of| *of.0) else {
            return;
        };
        sessions.remove(&oldest);
    }
}

impl Session {
    /// Whether a request that changes something comes from the page.
    pub(super) fn has_csrf(&self, token: &[u8]) -> bool {
        self.csrf.as_bytes().ct_eq(token).into()
    }
}

fn random() -> Option<String> {
    let mut bytes = [0; TOKEN_BYTES];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode_to_string(bytes))
}

fn hash(token: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::MemoryStore;

    #[test]
    fn a_session_ends() {
        let store: Arc<dyn PacketStore> = Arc::new(MemoryStore::default());
        let sessions = Sessions::new(Duration::from_hours(1));
        let first = sessions.begin("anna".into(), store.clone(), None).unwrap();
        let second = sessions.begin("berta".into(), store.clone(), None).unwrap();
        let anna = sessions.find(&first.0).unwrap();
        assert_eq!(anna.user, "anna");
        assert!(anna.has_csrf(anna.csrf.as_bytes()) && !anna.has_csrf(b""));
        sessions.end(&first.0);
        assert!(sessions.find(&first.0).is_none());
        assert_eq!(sessions.find(&second.0).unwrap().user, "berta");
        assert!(sessions.find("").is_none());

        let short = Sessions::new(Duration::ZERO);
        let token = short.begin("anna".into(), store, None).unwrap();
        assert!(short.find(&token.0).is_none());
        short.begin("anna".into(), Arc::new(MemoryStore::default()), None).unwrap();
        short.sweep();
        assert!(short.sessions().is_empty());
    }

    #[test]
    fn nobody_ends_the_sessions_of_others() {
        let store: Arc<dyn PacketStore> = Arc::new(MemoryStore::default());
        let sessions = Sessions::new(Duration::from_hours(1));
        let anna = sessions.begin("anna".into(), store.clone(), None).unwrap();
        let first = sessions.begin("berta".into(), store.clone(), None).unwrap();
        for _ in 0..MOST_OF_USER {
            sessions.begin("berta".into(), store.clone(), None).unwrap();
        }
        assert!(sessions.find(&anna.0).is_some() && sessions.find(&first.0).is_none());
        assert_eq!(sessions.sessions().len(), 1 + MOST_OF_USER);
    }
}
