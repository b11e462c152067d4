//! The floor of a fetch: the same pages, one after the other, without a look at the packets.

use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use memchr::memmem;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, Method};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::server;

/// Bytes of a page, documents of the first one, and of a page at most: as in the archiver.
const PAGE_BYTES: usize = 12 << 20;
/// See [`PAGE_BYTES`].
const FIRST_PAGE: usize = 100;
/// See [`PAGE_BYTES`].
const LARGEST_PAGE: usize = 10_000;

/// How answers are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Answers {
    Json,
    Smile,
}

struct Pager {
    client: Client,
    url: String,
    authorization: String,
    answers: Answers,
}

/// What was read.
#[derive(Default)]
struct Read {
    documents: usize,
    first: Option<Duration>,
    bytes: usize,
}

#[tokio::main(flavor = "current_thread")]
pub(super) async fn run(
    index: &str,
    key: &Path,
    host: Option<&str>,
    answers: Answers,
) -> Result<(), Box<dyn Error>> {
    let (url, client) = server::of_environment()?;
    let authorization = format!("ApiKey {}", fs::read_to_string(key)?.trim());
    let pager = Pager { client, url, authorization, answers };
    let Read { documents, first, bytes } = pager.read(index, host).await?;
    let first = first.unwrap_or_default().as_secs_f64();
    writeln!(std::io::stdout(), "{documents} {first:.4} {bytes}")?;
    Ok(())
}

impl Pager {
    async fn read(&self, index: &str, host: Option<&str>) -> Result<Read, Box<dyn Error>> {
        let begun = Instant::now();
        let opened =
            self.send(Method::POST, &format!("{index}/_pit?keep_alive=5m"), &json!(null)).await?;
        let opened: Json = serde_json::from_slice(&opened)?;
        let pit = json!({ "id": opened["id"], "keep_alive": "5m" });
        let mut filter = vec![json!({ "exists": { "field": "@timestamp" } })];
        filter.extend(host.map(|host| json!({ "term": { "related.ip": host } })));
        let mut search = json!({
            "pit": pit,
            "size": FIRST_PAGE,
            "query": { "bool": { "filter": filter } },
            "sort": [
                { "@timestamp": { "order": "asc", "format": "strict_date_optional_time_nanos" } },
                { "event.sequence": "asc" },
            ],
            "track_total_hits": false,
        });
        let (mut read, mut size) = (Read::default(), FIRST_PAGE);
        loop {
            let path = "_search?allow_partial_search_results=false";
            let page = self.send(Method::POST, path, &search).await?;
            read.first.get_or_insert_with(|| begun.elapsed());
            let (found, last) = match self.answers {
                Answers::Json => hits(&page)?,
                Answers::Smile => hits_in_smile(&page)?,
            };
            read.documents += found;
            read.bytes += page.len();
            if found < size {
                break;
            }
            search["search_after"] = last;
            size = (PAGE_BYTES / (page.len() / found).max(1)).clamp(1, LARGEST_PAGE);
            search["size"] = json!(size);
        }
        self.send(Method::DELETE, "_pit", &json!({ "id": opened["id"] })).await?;
        Ok(read)
    }

    async fn send(&self, method: Method, path: &str, body: &Json) -> reqwest::Result<Bytes> {
        let request = self.client.request(method, format!("{}/{path}", self.url));
        let mut request = request.header(AUTHORIZATION, &self.authorization);
        if self.answers == Answers::Smile && path.starts_with("_search") {
            request = request.header(ACCEPT, "application/smile");
        }
        let request = match body {
            Json::Null => request,
            body => request.header(CONTENT_TYPE, "application/json").body(body.to_string()),
        };
        request.send().await?.error_for_status()?.bytes().await
    }
}

/// Stands once in each hit: within a text its quotes would be escaped.
const SORT: &[u8] = br#""sort":["#;

/// How many hits there are, and where the page behind them begins.
fn hits(page: &[u8]) -> Result<(usize, Json), Box<dyn Error>> {
    let Some(place) = memmem::rfind(page, SORT) else { return Ok((0, Json::Null)) };
    let values = &page[place + SORT.len() - 1..];
    let end = memchr::memchr(b']', values).ok_or("a page that ends early")?;
    Ok((memmem::find_iter(page, SORT).count(), serde_json::from_slice(&values[..=end])?))
}

#[derive(Deserialize)]
struct SmilePage {
    hits: SmileHits,
}

#[derive(Deserialize)]
struct SmileHits {
    hits: Vec<SmileHit>,
}

#[derive(Deserialize)]
struct SmileHit {
    sort: Json,
}

/// Nothing in SMILE can be looked for without reading what is before it.
fn hits_in_smile(page: &[u8]) -> Result<(usize, Json), Box<dyn Error>> {
    let page: SmilePage = serde_smile::from_slice(page)?;
    let last = page.hits.hits.last().map_or(Json::Null, |hit| hit.sort.clone());
    Ok((page.hits.hits.len(), last))
}
