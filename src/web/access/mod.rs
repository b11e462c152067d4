//! Who may ask, and with which rights.

mod limiter;
mod login;
mod sessions;
mod users;
mod users_file;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use futures::future::BoxFuture;
use tokio::sync::Semaphore;

use crate::store::{Credentials, PacketStore, Secret, StoreResult};
use crate::web::App;
use crate::web::error::ApiError;
use limiter::Limiter;
pub(super) use login::{Login, SessionState, log_in, log_out, session};
use sessions::{Session, Sessions};
pub use users::{Users, UsersError};
pub use users_file::UsersFile;

/// Passwords that are hashed at the same time: each takes 19 MB and a core.
const HASHED_AT_ONCE: usize = 2;

/// Opens the store with somebody's own credentials.
pub type OpenStore =
    Arc<dyn Fn(Credentials) -> BoxFuture<'static, StoreResult<Arc<dyn PacketStore>>> + Send + Sync>;

/// Who may ask.
pub enum Access {
    /// Everybody who reaches the server.
    Anybody {
        /// What they ask.
        store: Arc<dyn PacketStore>,
    },
    /// Users with passwords.
    Users {
        /// What they ask.
        store: Arc<dyn PacketStore>,
        /// Who may log in, and stay so.
        file: UsersFile,
        /// Who is logged in.
        logins: Logins,
    },
    /// Accounts and API keys of Elasticsearch, with which the queries then run.
    Elasticsearch {
        /// How to ask as somebody.
        open: OpenStore,
        /// Who is logged in.
        logins: Logins,
    },
}

/// Who is logged in, and who has tried to.
pub struct Logins {
    sessions: Sessions,
    limiter: Limiter,
    hashing: Semaphore,
    is_secure: bool,
}

impl Logins {
    /// Nobody yet. `is_secure`: the server is reached by TLS alone.
    #[must_use]
    pub fn new(longest_session: Duration, is_secure: bool) -> Self {
        Self {
            sessions: Sessions::new(longest_session),
            limiter: Limiter::default(),
            hashing: Semaphore::new(HASHED_AT_ONCE),
            is_secure,
        }
    }

    /// With this prefix a browser takes the cookie only over TLS and for this host alone.
    fn cookie_name(&self) -> &'static str {
        if self.is_secure { "__Host-pcap_archiver" } else { "pcap_archiver" }
    }

    /// What the browser shall keep; for `seconds`.
    fn cookie(&self, token: &str, seconds: u64) -> String {
        let name = self.cookie_name();
        let secure = if self.is_secure { "; Secure" } else { "" };
        format!("{name}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
    }

    fn token<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let cookies =
            headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut cookies = cookies.flat_map(|cookies| cookies.split(';'));
        cookies.find_map(|cookie| {
            let (name, value) = cookie.trim().split_once('=')?;
            (name == self.cookie_name()).then_some(value)
        })
    }

    fn session(&self, headers: &HeaderMap) -> Option<Session> {
        self.sessions.find(self.token(headers)?)
    }

    fn end_session(&self, headers: &HeaderMap) {
        self.token(headers).into_iter().for_each(|token| self.sessions.end(token));
    }
}

impl Access {
    fn logins(&self) -> Option<&Logins> {
        match self {
            Self::Anybody { .. } => None,
            Self::Users { logins, .. } | Self::Elasticsearch { logins, .. } => Some(logins),
        }
    }

    /// The session of a request. It ends with the user, and with the password that began it.
    fn session(&self, headers: &HeaderMap) -> Result<Option<Session>, ApiError> {
        let Some(logins) = self.logins() else { return Ok(None) };
        let Some(session) = logins.session(headers) else { return Ok(None) };
        if let Self::Users { file, .. } = self {
            // Not worth another thread: almost always this asks only whether the file has changed.
            let users = file.users().map_err(|error| cannot_be_checked(&error))?;
            if users.hash(&session.user) != session.checked_against.as_ref().map(Secret::expose) {
                logins.end_session(headers);
                return Ok(None);
            }
        }
        Ok(Some(session))
    }

    /// Forgets what is over; to be called now and then.
    pub(super) fn sweep(&self) {
        self.logins().into_iter().for_each(|logins| logins.sessions.sweep());
    }

    /// The store, when it is asked in nobody's name.
    pub(super) async fn unauthenticated(&self) -> StoreResult<Arc<dyn PacketStore>> {
        match self {
            Self::Anybody { store } | Self::Users { store, .. } => Ok(store.clone()),
            Self::Elasticsearch { open, .. } => open(Credentials::None).await,
        }
    }
}

/// Why, the log says: paths are nobody's business who is not logged in.
fn cannot_be_checked(why: &(dyn std::error::Error + 'static)) -> ApiError {
    tracing::error!(why, "log-in");
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "log in: the server cannot check it")
}

/// Never shows who is logged in, nor with what.
impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anybody { .. } => "Anybody",
            Self::Users { .. } => "Users",
            Self::Elasticsearch { .. } => "Elasticsearch",
        })
    }
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logins").finish_non_exhaustive()
    }
}

/// Who asks.
pub(super) struct Caller {
    /// `None` where nobody logs in.
    pub(super) user: Option<String>,
    /// The store as they may see it.
    pub(super) store: Arc<dyn PacketStore>,
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        if let Access::Anybody { store } = &app.access {
            return Ok(Self { user: None, store: store.clone() });
        }
        match app.access.session(&parts.headers)? {
            Some(Session { user, store, .. }) => Ok(Self { user: Some(user), store }),
            None => Err(ApiError::new(StatusCode::UNAUTHORIZED, "log in first")),
        }
    }
}
