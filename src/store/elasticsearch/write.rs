//! Appending packets and making them visible, with no more than the publish key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::Value as Json;
use tokio::sync::OnceCell;

use super::answer::Failure;
use super::archive::Archive;
use super::buffers::Buffers;
use super::bulk::{self, Body, Form, Item, Reply, Unit, Verdict};
use super::client::{Client, Request};
use super::partition::Partitions;
use crate::document::fields::FieldId;
use crate::packet::PacketRecord;
use crate::store::{AppendOutcome, Layout, Rejection, StoreError, StoreErrorKind, StoreResult};

/// Requests of one batch under way at once: one is written while the server works on another.
const REQUESTS_AT_ONCE: usize = 2;

/// What has been written through one store and is to be made visible.
#[derive(Debug, Default)]
pub(super) struct Writer {
    target: OnceCell<Target>,
    buffers: Buffers,
    /// Indices that were written to since the last flush.
    unflushed: Mutex<BTreeSet<String>>,
}

/// Where packets go.
#[derive(Debug)]
struct Target {
    partitions: Arc<Partitions>,
    layout: Layout,
    /// Whether packets have the terms of their payload with them.
    payload: bool,
    /// Whether an index takes these terms: one that was made before it was asked for does not.
    takes_payload: Mutex<BTreeMap<String, bool>>,
}

/// One batch on its way.
struct Batch<'a> {
    writer: &'a Writer,
    client: &'a Client,
    target: &'a Target,
    records: Arc<Vec<PacketRecord>>,
}

impl Writer {
    /// Stores a batch.
    pub(super) async fn append(
        &self,
        client: &Client,
        archive: &Archive,
        records: Arc<Vec<PacketRecord>>,
    ) -> StoreResult<AppendOutcome> {
        let target = self.target(client, archive).await?;
        let operation = format!("store {} packets at {}", records.len(), client.address());
        let batch = Batch { writer: self, client, target, records };
        let bodies = batch.cut().await.map_err(|failure| failure.during_writing(&operation))?;
        let mut outcome = AppendOutcome::default();
        let mut stored =
            stream::iter(bodies).map(|units| batch.store(units)).buffered(REQUESTS_AT_ONCE);
        while let Some(part) =
            stored.try_next().await.map_err(|failure| failure.during_writing(&operation))?
        {
            merge(&mut outcome, part);
        }
        Ok(outcome)
    }

    async fn target(&self, client: &Client, archive: &Archive) -> StoreResult<&Target> {
        let target = self.target.get_or_try_init(|| async {
            let meta = archive.meta(client).await?;
            Ok(Target {
                partitions: Arc::new(meta.partitions(archive)?),
                layout: meta.layout(),
                payload: meta.payload,
                takes_payload: Mutex::default(),
            })
        });
        target.await
    }

    fn unflushed(&self) -> MutexGuard<'_, BTreeSet<String>> {
        // A set of names is never half changed by a panic.
        self.unflushed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes visible what was appended. It is durable already: the server answers a bulk request
    /// after it has synchronised its log to disk (`index.translog.durability`, by default).
    pub(super) async fn flush(&self, client: &Client, archive: &Archive) -> StoreResult<()> {
        // What stays busy soon has them again.
        self.buffers.clear();
        let indices = std::mem::take(&mut *self.unflushed()).into_iter().collect();
        let mut taken = Taken { writer: self, indices };
        if taken.indices.is_empty() {
            return Ok(());
        }
        refresh(client, archive, &taken.indices).await?;
        taken.indices.clear();
        Ok(())
    }
}

/// Indices that a flush has taken: they are still to be flushed when it fails or is given up.
struct Taken<'a> {
    writer: &'a Writer,
    indices: Vec<String>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.writer.unflushed().extend(self.indices.drain(..));
    }
}

impl Target {
    /// Those of the indices that take terms of the payload.
    async fn with_payload(
        &self,
        client: &Client,
        indices: BTreeSet<String>,
    ) -> Result<BTreeSet<String>, Failure> {
        let mut with_payload = BTreeSet::new();
        for index in indices {
            let known = self.takes_payload().get(&index).copied();
            let takes = if let Some(takes) = known {
                takes
            } else {
                let takes = takes_payload(client, &index).await?;
                self.takes_payload().insert(index.clone(), takes);
                takes
            };
            if takes {
                with_payload.insert(index);
            }
        }
        Ok(with_payload)
    }

    fn takes_payload(&self) -> MutexGuard<'_, BTreeMap<String, bool>> {
        // A map of names is never half changed by a panic.
        self.takes_payload.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an index has a field for the terms, or is not there yet: the template has it.
async fn takes_payload(client: &Client, index: &str) -> Result<bool, Failure> {
    let field = FieldId::PacketPayloadTerms.field().name;
    let path = format!("{index}/_mapping/field/{field}");
    match client.ask::<Json>(Request::get(path)).await {
        Ok(answer) => Ok(answer[index]["mappings"].get(field).is_some()),
        Err(failure) if failure.has_status(404) => Ok(true),
        Err(failure) => Err(failure),
    }
}

/// See [`bulk::write_nudges`].
async fn refresh(client: &Client, archive: &Archive, indices: &[String]) -> StoreResult<()> {
    let operation = || format!("make packets visible at {}", client.address());
    let shards = archive.shards(client, indices).await;
    let shards = shards.map_err(|failure| failure.during_writing(operation()))?;
    let mut lines = Vec::new();
    let mut expected = 0;
    for (index, shards) in &shards {
        expected += bulk::write_nudges(&mut lines, index, *shards);
    }
    if expected == 0 {
        return Ok(());
    }
    let request = Request::post(format!("{}&refresh=true", bulk::PATH)).lines(Bytes::from(lines));
    let reply = client.ask(request).await;
    let reply: Reply = reply.map_err(|failure| failure.during_writing(operation()))?;
    if reply.items.len() != expected {
        return Err(StoreError::new(StoreErrorKind::Busy, operation(), "an incomplete answer"));
    }
    for item in reply.items {
        match item.verdict() {
            Verdict::Refused(_) => {}
            Verdict::Busy(reason) => {
                return Err(StoreError::new(StoreErrorKind::Busy, operation(), reason));
            }
            Verdict::Failed(refusal) => return Err(Failure::Refused(refusal).during(operation())),
            Verdict::Stored | Verdict::Duplicate => {
                let reason = "an index has not the mapping of the archive's template";
                return Err(StoreError::new(StoreErrorKind::Corrupt, operation(), reason));
            }
        }
    }
    Ok(())
}

impl Batch<'_> {
    async fn cut(&self) -> Result<Vec<Vec<Unit>>, Failure> {
        let (records, partitions) = (self.records.clone(), self.target.partitions.clone());
        let (layout, payload) = (self.target.layout, self.target.payload);
        let cut =
            tokio::task::spawn_blocking(move || bulk::cut(&records, layout, payload, &partitions));
        cut.await.map_err(|error| Failure::NotUnderstood(error.to_string()))
    }

    /// Stores the packets of `units`: first as they are; refused ones once more with less.
    async fn store(&self, units: Vec<Unit>) -> Result<AppendOutcome, Failure> {
        let mut outcome = AppendOutcome::default();
        let mut work = vec![(units, Form::Full)];
        while let Some((units, form)) = work.pop() {
            let items = match self.send(&units, form).await {
                Ok(items) => items,
                Err(failure) if failure.has_status(413) => {
                    let (first, second) = halves(units);
                    if let ([unit], true) = (first.as_slice(), second.is_empty()) {
                        self.reject(&mut outcome, unit, "it is larger than the server takes");
                    } else {
                        work.extend([(second, form), (first, form)]);
                    }
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            let mut refused = Vec::new();
            for (unit, item) in units.into_iter().zip(items) {
                let packets = unit.len() as u64;
                match item.verdict() {
                    Verdict::Stored => outcome.stored += packets,
                    Verdict::Duplicate => outcome.duplicates += packets,
                    Verdict::Busy(reason) => {
                        outcome.retry.extend(unit);
                        outcome.retry_reason.get_or_insert(reason);
                    }
                    Verdict::Refused(_) if form == Form::Full => refused.push(unit),
                    Verdict::Refused(_) if packets > 1 => {
                        let (first, second) = halves(vec![unit]);
                        work.extend([(second, form), (first, form)]);
                    }
                    Verdict::Refused(reason) => self.reject(&mut outcome, &unit, &reason),
                    Verdict::Failed(refusal) => return Err(Failure::Refused(refusal)),
                }
            }
            if !refused.is_empty() {
                work.push((refused, Form::Minimal));
            }
        }
        Ok(outcome)
    }

    async fn send(&self, units: &[Unit], form: Form) -> Result<Vec<Item>, Failure> {
        let body = self.encode(units, form).await?;
        let request = Request::post(bulk::PATH).lines(body.lines.clone());
        // Noted before it is sent: a request whose answer is lost may have stored packets; and once
        // more behind it, since a flush meanwhile comes too early for them.
        self.writer.unflushed().extend(body.indices.iter().cloned());
        let reply = self.client.ask(request).await;
        self.writer.buffers.give_back(body.lines);
        self.writer.unflushed().extend(body.indices);
        let reply: Reply = reply?;
        if reply.items.len() != units.len() {
            let reason = format!("{} documents, {} answers", units.len(), reply.items.len());
            return Err(Failure::NotUnderstood(reason));
        }
        Ok(reply.items)
    }

    /// Takes some milliseconds for each megabyte: too long for the async runtime.
    async fn encode(&self, units: &[Unit], form: Form) -> Result<Body, Failure> {
        let (records, partitions) = (self.records.clone(), self.target.partitions.clone());
        let mut with_payload = BTreeSet::new();
        if self.target.payload {
            let indices = bulk::indices(&records, units, &partitions);
            with_payload = self.target.with_payload(self.client, indices).await?;
        }
        let (units, layout) = (units.to_vec(), self.target.layout);
        let lines = self.writer.buffers.take();
        let written = tokio::task::spawn_blocking(move || {
            bulk::encode(lines, &records, &units, layout, form, &partitions, &with_payload)
        });
        let written = written.await.map_err(|error| Failure::NotUnderstood(error.to_string()))?;
        written.map_err(|error| Failure::NotUnderstood(error.to_string()))
    }

    fn reject(&self, outcome: &mut AppendOutcome, unit: &Unit, reason: &str) {
        for index in unit.iter().copied() {
            let id = self.records[index].stored.id();
            outcome.rejected.push(Rejection { index, id, reason: reason.to_owned() });
        }
    }
}

/// The first half of the documents and the second; of the packets of a single document.
fn halves(mut units: Vec<Unit>) -> (Vec<Unit>, Vec<Unit>) {
    if let [unit] = units.as_mut_slice() {
        let half = unit.len().div_ceil(2);
        let second = unit.split_off(half);
        if second.is_empty() {
            return (units, Vec::new());
        }
        return (units, vec![second]);
    }
    let second = units.split_off(units.len() / 2);
    (units, second)
}

fn merge(total: &mut AppendOutcome, part: AppendOutcome) {
    total.stored += part.stored;
    total.duplicates += part.duplicates;
    total.rejected.extend(part.rejected);
    total.retry.extend(part.retry);
    total.retry_reason = total.retry_reason.take().or(part.retry_reason);
}
