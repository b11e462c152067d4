//! Logging in and out.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, FromRequest as _, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64_simd::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{Access, Logins, OpenStore, UsersFile, cannot_be_checked};
use crate::store::{Credentials, PacketStore, Secret, StoreErrorKind};
use crate::web::App;
use crate::web::error::ApiError;

/// What has to come with requests that change something.
const CSRF_HEADER: &str = "x-csrf-token";
/// A name and a password are one packet.
const SLOWEST_BODY: Duration = Duration::from_secs(10);
/// Bytes of a name; those of Elasticsearch are not longer.
const LONGEST_NAME: usize = 507;

/// Who is logged in.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::web) struct SessionState {
    /// `none`, `users` or `elasticsearch`.
    auth: &'static str,
    user: Option<String>,
    /// For the header `X-CSRF-Token`.
    csrf: Option<String>,
}

/// A name with its password, or an API key of Elasticsearch.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub(in crate::web) enum Login {
    Password { user: String, password: String },
    ApiKey { api_key: String },
}

pub(in crate::web) async fn session(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Json<SessionState>, ApiError> {
    let auth = match app.access {
        Access::Anybody { .. } => "none",
        Access::Users { .. } => "users",
        Access::Elasticsearch { .. } => "elasticsearch",
    };
    let session = app.access.session(&headers)?;
    let (user, csrf) = session.map(|session| (session.user, session.csrf)).unzip();
    Ok(Json(SessionState { auth, user, csrf }))
}

/// Only JSON is taken, which no other site's form can send.
pub(in crate::web) async fn log_in(
    State(app): State<Arc<App>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, ApiError> {
    let login = read(request, SLOWEST_BODY).await?;
    let (user, credentials) = credentials(login)?;
    let Some(logins) = app.access.logins() else {
        return Err(ApiError::new(StatusCode::NOT_FOUND, "log in: nobody has to log in here"));
    };
    if let Some(pause) = logins.limiter.pause(from.ip(), &user) {
        if pause.is_news {
            app.audit.log_in(&user, from.ip(), "has to wait");
        }
        return Err(too_many(pause.left.as_secs() + 1));
    }
    logins.limiter.begun(from.ip(), &user);
    match admit(&app.access, logins, &user, credentials).await {
        Ok(Some(admitted)) => welcome(&app, logins, user, from.ip(), admitted),
        Ok(None) => {
            app.audit.log_in(&user, from.ip(), "refused");
            Err(wrong())
        }
        Err(error) => {
            logins.limiter.undone(from.ip(), &user);
            app.audit.log_in(&user, from.ip(), "could not be checked");
            Err(error)
        }
    }
}

/// Whoever sends byte by byte would keep a connection for ever.
async fn read(request: Request, patience: Duration) -> Result<Login, ApiError> {
    let login = timeout(patience, Json::from_request(request, &())).await.map_err(|_| {
        let error = format!("log in: the request was not there after {} s", patience.as_secs());
        ApiError::new(StatusCode::REQUEST_TIMEOUT, error)
    })?;
    let login = login.map_err(|why: JsonRejection| {
        ApiError::new(StatusCode::BAD_REQUEST, format!("log in: {why}"))
    })?;
    Ok(login.0)
}

/// Somebody whose password is right.
struct Admitted {
    /// As they see it.
    store: Arc<dyn PacketStore>,
    /// The hash of the password, where the server itself checks it.
    checked_against: Option<Secret>,
}

/// `None` when the password is wrong.
async fn admit(
    access: &Access,
    logins: &Logins,
    user: &str,
    credentials: Credentials,
) -> Result<Option<Admitted>, ApiError> {
    let with = |store| Admitted { store, checked_against: None };
    match (access, credentials) {
        (Access::Anybody { store }, _) => Ok(Some(with(store.clone()))),
        (Access::Users { store, file, .. }, Credentials::Basic { password, .. }) => {
            let checked_against = right_hash(logins, file, user.to_owned(), password).await?;
            Ok(checked_against
                .map(|hash| Admitted { store: store.clone(), checked_against: Some(hash) }))
        }
        (Access::Users { .. }, Credentials::ApiKey(_) | Credentials::None) => Ok(None),
        (Access::Elasticsearch { open, .. }, credentials) => {
            Ok(open_as(open, credentials).await?.map(with))
        }
    }
}

pub(in crate::web) async fn log_out(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let logins = app.access.logins();
    let Some((logins, session)) = logins.and_then(|all| Some((all, all.session(&headers)?))) else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let csrf = headers.get(CSRF_HEADER).map(HeaderValue::as_bytes).unwrap_or_default();
    if !session.has_csrf(csrf) {
        let why = "log out: the header X-CSRF-Token is missing or wrong";
        return Err(ApiError::new(StatusCode::FORBIDDEN, why));
    }
    logins.end_session(&headers);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, logins.cookie("", 0))]).into_response())
}

fn credentials(login: Login) -> Result<(String, Credentials), ApiError> {
    match login {
        // A colon would end the name on its way to Elasticsearch.
        Login::Password { user, .. } if user.len() > LONGEST_NAME || user.contains(':') => {
            Err(ApiError::new(StatusCode::BAD_REQUEST, "log in: this cannot be a name"))
        }
        Login::Password { user, password } => {
            let credentials =
                Credentials::Basic { username: user.clone(), password: Secret::new(password) };
            Ok((user, credentials))
        }
        Login::ApiKey { api_key } => {
            let api_key = api_key.trim();
            let decoded = STANDARD.decode_to_vec(api_key).ok();
            let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
            let id = decoded.as_deref().and_then(|text| Some(text.split_once(':')?.0.to_owned()));
            let id = id.ok_or_else(|| {
                let why = "log in: an API key is the base64 of `id:key`";
                ApiError::new(StatusCode::BAD_REQUEST, why)
            })?;
            Ok((format!("API key {id}"), Credentials::ApiKey(Secret::new(api_key))))
        }
    }
}

/// The hash that the password belongs to; `None` when it is wrong.
async fn right_hash(
    logins: &Logins,
    file: &UsersFile,
    user: String,
    password: Secret,
) -> Result<Option<Secret>, ApiError> {
    let permit = logins.hashing.acquire().await;
    let _permit = permit.map_err(|error| cannot_be_checked(&error))?;
    let users = file.users().map_err(|error| cannot_be_checked(&error))?;
    let checked = spawn_blocking(move || {
        // In this order: of a user that does not exist it takes as long.
        let is_right = users.verify(&user, &password);
        users.hash(&user).filter(|_| is_right).map(Secret::new)
    });
    checked.await.map_err(|error| cannot_be_checked(&error))
}

/// `None` when the server does not know these credentials.
async fn open_as(
    open: &OpenStore,
    credentials: Credentials,
) -> Result<Option<Arc<dyn PacketStore>>, ApiError> {
    let store = match open(credentials).await {
        Ok(store) => store,
        // A name or key of a form that cannot be one.
        Err(error) if error.kind == StoreErrorKind::InvalidConfiguration => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    match store.check().await {
        Ok(()) => Ok(Some(store)),
        // The account is right; that nothing is there yet, the page says.
        Err(error) if error.kind == StoreErrorKind::NotSetUp => Ok(Some(store)),
        Err(error) if error.kind == StoreErrorKind::Unauthorized => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn welcome(
    app: &App,
    logins: &Logins,
    user: String,
    address: IpAddr,
    Admitted { store, checked_against }: Admitted,
) -> Result<Response, ApiError> {
    logins.limiter.succeeded(address, &user);
    app.audit.log_in(&user, address, "logged in");
    let token = logins.sessions.begin(user, store, checked_against).ok_or_else(|| {
        let why = "log in: the system has no random numbers";
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, why)
    })?;
    let cookie = logins.cookie(&token.0, logins.sessions.longest().as_secs());
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// The same for a wrong name as for a wrong password.
fn wrong() -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "log in: name or password is wrong")
}

fn too_many(seconds: u64) -> ApiError {
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, "log in: too many wrong passwords")
        .hint(format!("wait {seconds} seconds"))
        .retry_after(seconds)
}

#[cfg(test)]
mod tests {
    use std::io;

    use axum::body::{Body, Bytes};
    use futures::stream;

    use super::*;

    #[tokio::test]
    async fn a_log_in_that_does_not_come_to_its_end_is_given_up() {
        let never = Body::from_stream(stream::pending::<io::Result<Bytes>>());
        let request = Request::builder().header(header::CONTENT_TYPE, "application/json");
        let request = request.body(never).unwrap();
        let Err(error) = read(request, Duration::from_millis(10)).await else {
            panic!("nothing was sent");
        };
        assert_eq!(error.into_response().status(), StatusCode::REQUEST_TIMEOUT);
    }
}
