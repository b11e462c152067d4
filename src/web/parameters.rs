//! The parameters of a request.

use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::request::Parts;
use url::form_urlencoded;

use crate::fetch;
use crate::packet::Timestamp;
use crate::query::{self, Order, Query, TimeRange, Words};
use crate::store::PacketStore;
use crate::time::{self, Edge};
use crate::web::budget::Budget;
use crate::web::error::ApiError;
use crate::web::routes::{self, Kind, Parameter};

/// What stands behind the question mark, in order. A name that the route does not know is an
/// error: a filter that is misspelt must not select everything.
#[derive(Debug)]
pub(super) struct Parameters(Vec<(String, String)>);

/// What is asked for, and what has to be said about it.
pub(super) struct Resolved {
    pub(super) query: Query,
    pub(super) notes: Vec<String>,
}

impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let text = parts.uri.query().unwrap_or_default();
        let pairs: Vec<(String, String)> =
            form_urlencoded::parse(text.as_bytes()).into_owned().collect();
        let path = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let known = routes::parameters_of(path);
        match pairs.iter().find(|(name, _)| !known.iter().any(|known| known.name == *name)) {
            Some((name, _)) => Err(ApiError::parameter(name, "there is none of this name here")),
            None => Ok(Self(pairs)),
        }
    }
}

impl Parameters {
    /// The value of one that may stand once; an empty one is none.
    pub(super) fn one(&self, name: &str) -> Result<Option<&str>, ApiError> {
        let mut values = self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(ApiError::parameter(name, "it stands twice")),
            (value, None) => Ok(value.map(String::as_str).filter(|value| !value.is_empty())),
        }
    }

    /// The value of a parameter that is a number; its usual one when it is absent.
    pub(super) fn number(&self, parameter: &Parameter) -> Result<usize, ApiError> {
        let Kind::Number { usual, most } = parameter.kind else {
            unreachable!("{} is declared as a number", parameter.name)
        };
        let Some(text) = self.one(parameter.name)? else { return Ok(usual) };
        let number = text.parse().ok().filter(|number| (1..=most).contains(number));
        number.ok_or_else(|| {
            ApiError::parameter(parameter.name, format_args!("not a number from 1 to {most}"))
        })
    }

    /// `since` and `until`.
    pub(super) fn time(&self) -> Result<TimeRange, ApiError> {
        let read = |name, edge| -> Result<Option<Timestamp>, ApiError> {
            let Some(text) = self.one(name)? else { return Ok(None) };
            time::parse(text, edge).map(Some).map_err(|why| ApiError::parameter(name, why))
        };
        Ok(TimeRange {
            earliest: read("since", Edge::Earliest)?,
            latest: read("until", Edge::Latest)?,
        })
    }

    /// `q`, `words`, `since`, `until` and `order`.
    pub(super) fn query(&self) -> Result<Query, ApiError> {
        let order = match self.one("order")? {
            None | Some("time") => Order::Time,
            Some("frame") => Order::Frame,
            Some(_) => return Err(ApiError::parameter("order", "neither time nor frame")),
        };
        let filters = self.one("q")?.map(query::parse).transpose()?;
        let words = self.0.iter().filter(|(name, _)| name == "words");
        let words = Words {
            all: words.map(|(_, word)| word.clone()).collect(),
            filters: filters.into_iter().collect(),
            ..Words::default()
        };
        Ok(Query { filter: words.filter()?, time: self.time()?, order })
    }

    /// The same, with the addresses of the hosts that it names, as the archive's own DNS answers
    /// tell them.
    pub(super) async fn resolved_query(
        &self,
        store: &dyn PacketStore,
        budget: Budget,
    ) -> Result<Resolved, ApiError> {
        let resolved = budget.in_time(fetch::resolved(store, self.query()?)).await?;
        let (query, unknown) = resolved?;
        let notes = unknown.iter().map(|name| fetch::unknown_host(name)).collect();
        Ok(Resolved { query, notes })
    }
}
