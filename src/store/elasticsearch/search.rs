//! What the server is asked for a query: its packets, their number and weight, an explanation.

use futures::future;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use serde_json::{Value as Json, json};

use super::answer::{self, Failure};
use super::archive::Archive;
use super::client::Client;
use super::paging::{self, Search};
use super::{dsl, numbers};
use crate::document::fields::FieldId;
use crate::packet::StoredPacket;
use crate::query::Query;
use crate::store::pushdown::{Abilities, Plan};
use crate::store::{Estimate, Explanation, Layout, StoreResult};

/// Everything that `query` finds in an archive, in its order.
pub(super) fn fetch(
    client: Client,
    archive: Archive,
    query: &Query,
) -> BoxStream<'static, StoreResult<StoredPacket>> {
    let query = query.clone();
    let search = async move {
        let clause = clause(&client, &archive, &query).await?;
        let layout = archive.layout(&client).await?;
        Ok(paging::packets(Search {
            clause,
            layout,
            order: query.order,
            client,
            index: archive.name,
        }))
    };
    stream::once(search).try_flatten().boxed()
}

/// What the server is asked for `query`.
pub(super) async fn clause(client: &Client, archive: &Archive, query: &Query) -> StoreResult<Json> {
    let layout = archive.layout(client).await?;
    Ok(dsl::query(&plan(client, archive, query).await?.condition, &query.time, layout))
}

/// How the server is asked for `query`.
pub(super) async fn plan(client: &Client, archive: &Archive, query: &Query) -> StoreResult<Plan> {
    let payload = Abilities::is_about_text(&query.filter) && archive.meta(client).await?.payload;
    Ok(Plan::new(query, &dsl::abilities(payload, archive.layout(client).await?)))
}

/// How many packets `query` finds in an archive; all of them, unlike the total of a search.
pub(super) async fn count(client: &Client, archive: &Archive, query: &Query) -> StoreResult<u64> {
    let clause = clause(client, archive, query).await?;
    if archive.layout(client).await? == Layout::Singles {
        return count_of(client, archive, &clause).await;
    }
    // A packet may stand in two stretches: only the packets tell.
    fetch(client.clone(), archive.clone(), query)
        .try_fold(0, |packets, _| future::ready(Ok(packets + 1)))
        .await
}

/// What all of an archive answers to a search.
pub(super) async fn ask(client: &Client, archive: &Archive, body: &Json) -> Result<Json, Failure> {
    answer::parse(&client.search(&archive.name, body).await?)
}

/// How many documents the server finds for a clause.
pub(super) async fn count_of(
    client: &Client,
    archive: &Archive,
    clause: &Json,
) -> StoreResult<u64> {
    let body = json!({ "size": 0, "query": clause, "track_total_hits": true });
    let answer = client.search(&archive.name, &body).await;
    answer.and_then(|answer| numbers::total(&answer)).map_err(|failure| {
        failure.during_opening(format!("count in {}/{}", client.address(), archive.name))
    })
}

/// How many packets `query` finds, and their captured bytes.
pub(super) async fn estimate(
    client: &Client,
    archive: &Archive,
    query: &Query,
) -> StoreResult<Estimate> {
    let clause = clause(client, archive, query).await?;
    let layout = archive.layout(client).await?;
    weigh(client, archive, &clause, layout).await.map_err(|failure| {
        failure.during(format!("count in {}/{}", client.address(), archive.name))
    })
}

/// The same for a clause, in an archive of this layout.
pub(super) async fn weigh(
    client: &Client,
    archive: &Archive,
    clause: &Json,
    layout: Layout,
) -> Result<Estimate, Failure> {
    let body = json!({
        "size": 0,
        "query": clause,
        "track_total_hits": true,
        "aggs": {
            "bytes": dsl::sum(FieldId::PacketCapturedLength),
            "packets": dsl::sum(FieldId::NetworkPackets),
        },
    });
    numbers::estimate(&client.search(&archive.name, &body).await?, layout)
}

/// How the archive goes about `query`: the search as it is sent, without page and snapshot.
pub(super) async fn explain(
    client: &Client,
    archive: &Archive,
    query: &Query,
) -> StoreResult<Explanation> {
    let plan = plan(client, archive, query).await?;
    let layout = archive.layout(client).await?;
    let clause = dsl::query(&plan.condition, &query.time, layout);
    let body = json!({ "query": clause, "sort": dsl::sort(query.order) });
    let request = format!("GET /{}/_search\n{body:#}", archive.name);
    Ok(Explanation { plan, request })
}
