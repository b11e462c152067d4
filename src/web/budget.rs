//! What one request may cost. A budget that ends the work is told in the answer.

use std::time::Duration;

use axum::http::StatusCode;
use futures::stream::{BoxStream, TryStreamExt as _};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::{Instant, timeout, timeout_at};

use crate::fetch;
use crate::packet::PacketRecord;
use crate::query::Query;
use crate::store::{PacketStore, StoreResult};
use crate::web::error::ApiError;
use crate::web::place::Place;

/// What may be looked at; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Budget {
    /// Packets that the store reads.
    pub packets: Option<u64>,
    /// Their captured bytes.
    pub bytes: Option<u64>,
    /// How long it may take.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    #[schemars(with = "Option<f64>")]
    pub time: Option<Duration>,
}

/// What requests may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Budgets {
    /// Each request that is answered with JSON.
    pub query: Budget,
    /// Each download.
    pub download: Budget,
}

impl Budget {
    /// The answer, if it comes in time.
    pub(super) async fn in_time<T>(&self, answer: impl Future<Output = T>) -> Result<T, ApiError> {
        let Some(time) = self.time else { return Ok(answer.await) };
        timeout(time, answer).await.map_err(|_| {
            let seconds = time.as_secs_f64();
            let error = format!("stopped after {seconds} seconds: there is no answer yet");
            ApiError::new(StatusCode::GATEWAY_TIMEOUT, error)
                .hint("ask for less: a shorter time, or a narrower filter")
        })
    }
}

#[expect(clippy::ref_option, reason = "serde asks for it so")]
fn seconds<S: serde::Serializer>(
    time: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs_f64()).serialize(serializer)
}

/// A budget that ended the work early.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct Stopped {
    /// Which one.
    pub(super) reason: Limit,
    /// Packets that had been looked at.
    pub(super) examined: u64,
    /// For people.
    pub(super) message: String,
    /// The last one of them.
    #[serde(skip)]
    pub(super) last: Option<Place>,
}

/// The parts of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Limit {
    Packets,
    Bytes,
    Time,
}

/// The packets that a query selects, as far as a budget reaches.
pub(super) struct Packets {
    looked_at: BoxStream<'static, StoreResult<(PacketRecord, bool)>>,
    budget: Budget,
    began: Instant,
    examined: u64,
    last: Option<Place>,
    bytes: u64,
    stopped: Option<Stopped>,
}

impl Packets {
    pub(super) fn new(store: &dyn PacketStore, query: &Query, budget: Budget) -> Self {
        Self {
            looked_at: fetch::looked_at(store, query),
            budget,
            began: Instant::now(),
            examined: 0,
            last: None,
            bytes: 0,
            stopped: None,
        }
    }

    /// The next one; `None` at the end, or when the budget is used up.
    pub(super) async fn next(&mut self) -> StoreResult<Option<PacketRecord>> {
        while self.stopped.is_none() {
            let deadline = self.budget.time.and_then(|time| self.began.checked_add(time));
            let next = self.looked_at.try_next();
            let next = match deadline {
                None => next.await,
                Some(deadline) if deadline <= Instant::now() => return Ok(self.stop(Limit::Time)),
                Some(deadline) => match timeout_at(deadline, next).await {
                    Ok(next) => next,
                    Err(_) => return Ok(self.stop(Limit::Time)),
                },
            };
            let Some((record, is_wanted)) = next? else { return Ok(None) };
            self.bytes += u64::from(record.stored.packet.captured_length());
            if self.budget.packets.is_some_and(|most| self.examined >= most) {
                return Ok(self.stop(Limit::Packets));
            }
            if self.budget.bytes.is_some_and(|most| self.bytes > most) {
                return Ok(self.stop(Limit::Bytes));
            }
            self.examined += 1;
            self.last = Some(Place::of(&record));
            if is_wanted {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// Whether the budget ended it.
    pub(super) fn stopped(&self) -> Option<Stopped> {
        self.stopped.clone()
    }

    fn stop(&mut self, reason: Limit) -> Option<PacketRecord> {
        let Budget { packets, bytes, time } = self.budget;
        let limit = match reason {
            Limit::Packets => format!("{} packets", packets.unwrap_or_default()),
            Limit::Bytes => format!("{} bytes", bytes.unwrap_or_default()),
            Limit::Time => format!("{} seconds", time.unwrap_or_default().as_secs_f64()),
        };
        let examined = self.examined;
        let message = format!("stopped after {limit}: {examined} packets were looked at, not all");
        self.stopped = Some(Stopped { reason, examined, message, last: self.last });
        None
    }
}
