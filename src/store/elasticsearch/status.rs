//! What the archive holds, as far as the caller's key may know.

use serde_json::{Value as Json, json};

use super::answer::Failure;
use super::archive::{Archive, Meta};
use super::client::{Client, Request};
use super::partition::day_name;
use super::{dsl, search};
use crate::document::fields::FieldId;
use crate::packet::Timestamp;
use crate::query::TimeRange;
use crate::store::pushdown::Condition;
use crate::store::{Layout, StoreErrorKind, StoreResult, StoreStatus};

const DAY: i128 = 86_400 * 1_000_000_000;
/// Days in one answer; a thousand years come in forty of them.
const DAYS_IN_AN_ANSWER: u64 = 10_000;

/// Looks at everything the caller may look at; what it may not stays `None`.
pub(super) async fn status(client: &Client, archive: &Archive) -> StoreResult<StoreStatus> {
    let operation = || format!("look at archive {} at {}", archive.name, client.address());
    let meta = match archive.meta(client).await {
        Ok(meta) => Some(meta),
        Err(error) if error.kind == StoreErrorKind::NotSetUp => None,
        Err(error) => return Err(error),
    };
    let found = look(client, archive, meta.as_ref()).await;
    found.map_err(|failure| failure.during(operation()))
}

async fn look(
    client: &Client,
    archive: &Archive,
    meta: Option<&Meta>,
) -> Result<StoreStatus, Failure> {
    let rights = Rights::of(client, archive).await?;
    let mut status = StoreStatus {
        store: server(client).await?,
        set_up: meta.is_some(),
        payload_index: meta.is_some_and(|meta| meta.payload),
        may_append: Some(rights.append),
        may_read: Some(rights.read),
        may_prune: Some(rights.prune),
        ..StoreStatus::default()
    };
    let Some(meta) = meta else { return Ok(status) };
    if let Some(partitions) = allowed(archive.partitions(client).await)? {
        status.partitions = Some(partitions.len() as u64);
    }
    let layout = meta.layout();
    status.layout = Some(layout);
    if let Some((documents, bytes)) = allowed(statistics(client, archive).await)? {
        status.packets = (layout == Layout::Singles).then_some(documents);
        status.bytes = Some(bytes);
    }
    if rights.read {
        let last = match layout {
            Layout::Singles => FieldId::Timestamp,
            Layout::Flows => FieldId::EventEnd,
        };
        let (documents, earliest) = outermost(client, archive, FieldId::Timestamp, "asc").await?;
        let (_, latest) = outermost(client, archive, last, "desc").await?;
        status.packets = match layout {
            Layout::Singles => Some(documents),
            // One that stands in two stretches counts twice.
            Layout::Flows => {
                let all = dsl::query(&Condition::All, &TimeRange::default(), layout);
                Some(search::weigh(client, archive, &all, layout).await?.packets)
            }
        };
        (status.earliest, status.latest) = (earliest, latest);
        status.gaps = gaps(client, archive).await?;
    }
    Ok(status)
}

/// `None` when the caller may not know.
fn allowed<T>(answer: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(failure) if failure.has_status(403) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// What the caller may do with packets.
struct Rights {
    append: bool,
    read: bool,
    prune: bool,
}

impl Rights {
    async fn of(client: &Client, archive: &Archive) -> Result<Self, Failure> {
        let indices = format!("{}-*", archive.name);
        let body = json!({ "index": [
            { "names": [indices], "privileges": ["create_doc", "read", "delete_index"] },
        ] });
        let request = Request::post("_security/user/_has_privileges").json(&body);
        let answer: Json = match client.ask(request).await {
            Ok(answer) => answer,
            // The server runs without security: everybody may do everything.
            Err(failure) if failure.has_status(400) || failure.has_status(405) => {
                return Ok(Self { append: true, read: true, prune: true });
            }
            Err(failure) => return Err(failure),
        };
        let has = |right: &str| answer["index"][&indices][right].as_bool().unwrap_or(false);
        Ok(Self { append: has("create_doc"), read: has("read"), prune: has("delete_index") })
    }
}

/// `Elasticsearch 8.19.21 at https://localhost:9200`
async fn server(client: &Client) -> Result<String, Failure> {
    let request = Request::get("_nodes/_local?filter_path=nodes.*.version");
    let answer: Option<Json> = allowed(client.ask(request).await)?;
    let nodes = answer.as_ref().and_then(|answer| answer["nodes"].as_object());
    let version = nodes
        .and_then(|nodes| nodes.values().next())
        .and_then(|node| node["version"].as_str())
        .map(|version| format!("{version} "));
    Ok(format!("Elasticsearch {}at {}", version.unwrap_or_default(), client.address()))
}

/// Documents, and bytes on disk with all replicas.
async fn statistics(client: &Client, archive: &Archive) -> Result<(u64, u64), Failure> {
    let path = format!(
        "{}/_stats/docs,store?filter_path=_all.primaries.docs.count,_all.total.store.size_in_bytes",
        archive.name
    );
    let answer: Json = client.ask(Request::get(path)).await?;
    let all = &answer["_all"];
    let packets = all["primaries"]["docs"]["count"].as_u64().unwrap_or_default();
    let bytes = all["total"]["store"]["size_in_bytes"].as_u64().unwrap_or_default();
    Ok((packets, bytes))
}

/// How many documents there are, and the time of the first by this time and order.
async fn outermost(
    client: &Client,
    archive: &Archive,
    time: FieldId,
    order: &str,
) -> Result<(u64, Option<Timestamp>), Failure> {
    let field = time.field().name;
    let answer = search::ask(
        client,
        archive,
        &json!({
            "size": 1,
            "track_total_hits": true,
            "query": { "exists": { "field": field } },
            "sort": [{ field: order }],
            "_source": [field, FieldId::PacketTime.field().name],
        }),
    )
    .await?;
    let packets = answer["hits"]["total"]["value"].as_u64().unwrap_or_default();
    let source = &answer["hits"]["hits"][0]["_source"];
    Ok((packets, time_of(source, field)))
}

fn time_of(source: &Json, field: &str) -> Option<Timestamp> {
    if let Some(exact) = source["packet"]["time"].as_str() {
        return exact.parse().ok().map(Timestamp::from_nanoseconds);
    }
    let time = source.pointer(&format!("/{}", field.replace('.', "/")))?;
    let time: jiff::Timestamp = time.as_str()?.parse().ok()?;
    Some(Timestamp::from_nanoseconds(time.as_nanosecond()))
}

/// Days without packets between the first day and the last, in runs.
async fn gaps(client: &Client, archive: &Archive) -> Result<Vec<String>, Failure> {
    let field = FieldId::Timestamp.field().name;
    let mut gaps = Vec::new();
    let mut last_day: Option<i128> = None;
    let mut after: Option<Json> = None;
    loop {
        // Only days that have packets come back, unlike from a histogram, which has a limit.
        let mut composite = json!({
            "size": DAYS_IN_AN_ANSWER,
            "sources": [{ "day": { "date_histogram": { "field": field, "fixed_interval": "1d" } } }],
        });
        if let Some(after) = after.take() {
            composite["after"] = after;
        }
        let body = json!({ "size": 0, "aggs": { "days": { "composite": composite } } });
        let mut answer = search::ask(client, archive, &body).await?;
        let days = answer["aggregations"]["days"].take();
        for bucket in days["buckets"].as_array().into_iter().flatten() {
            let milliseconds = bucket["key"]["day"].as_i64().unwrap_or_default();
            let day = Timestamp::from_milliseconds(milliseconds).nanoseconds() / DAY;
            gaps.extend(last_day.and_then(|last| gap(last, day)));
            last_day = Some(day);
        }
        match days.get("after_key") {
            Some(key) => after = Some(key.clone()),
            None => return Ok(gaps),
        }
    }
}

/// The days between two days since the epoch.
fn gap(last: i128, next: i128) -> Option<String> {
    let name = |day: i128| day_name(Timestamp::from_nanoseconds(day * DAY));
    (next > last + 1).then(|| format!("{}..{}", name(last + 1), name(next - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_between_are_a_gap() {
        assert_eq!(gap(0, 1), None);
        assert_eq!(gap(0, 2).as_deref(), Some("1970-01-02..1970-01-02"));
        assert_eq!(gap(20_000, 20_010).as_deref(), Some("2024-10-05..2024-10-13"));
    }

    #[test]
    fn a_time_outside_the_index_is_told_exactly() {
        let source = json!({ "@timestamp": "1970-01-01T00:00:00.000000000Z",
            "packet": { "time": "-5" } });
        assert_eq!(time_of(&source, "@timestamp"), Some(Timestamp::from_nanoseconds(-5)));
        let source = json!({ "@timestamp": "1970-01-01T00:00:00.000000007Z" });
        assert_eq!(time_of(&source, "@timestamp"), Some(Timestamp::from_nanoseconds(7)));
        assert_eq!(time_of(&Json::Null, "@timestamp"), None);
    }
}
