//! The floor of a fetch: the same pages, one after the other, without a look at the packets.

use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use memchr::memmem;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, Method};
use serde_json::{Value as Json, json};

use crate::server;

/// Bytes of a page, documents of the first one, and of a page at most: as in the archiver.
const PAGE_BYTES: usize = 12 << 20;
/// See [`PAGE_BYTES`].
const FIRST_PAGE: usize = 100;
/// See [`PAGE_BYTES`].
const LARGEST_PAGE: usize = 10_000;

struct Pager {
    client: Client,
    url: String,
    authorization: String,
}

#[tokio::main(flavor = "current_thread")]
pub(super) async fn run(index: &str, key: &Path, host: Option<&str>) -> Result<(), Box<dyn Error>> {
    let (url, client) = server::of_environment()?;
    let authorization = format!("ApiKey {}", fs::read_to_string(key)?.trim());
    let pager = Pager { client, url, authorization };
    let (documents, first) = pager.read(index, host).await?;
    writeln!(std::io::stdout(), "{documents} {:.4}", first.as_secs_f64())?;
    Ok(())
}

impl Pager {
    /// How many documents there are, and how long the first page took.
    async fn read(
        &self,
        index: &str,
        host: Option<&str>,
    ) -> Result<(usize, Duration), Box<dyn Error>> {
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
        let (mut documents, mut size, mut first) = (0, FIRST_PAGE, None);
        loop {
            let path = "_search?allow_partial_search_results=false";
            let page = self.send(Method::POST, path, &search).await?;
            first.get_or_insert_with(|| begun.elapsed());
            let found = memmem::find_iter(&page, SORT).count();
            documents += found;
            if found < size {
                break;
            }
            search["search_after"] = last_sort(&page)?;
            size = (PAGE_BYTES / (page.len() / found).max(1)).clamp(1, LARGEST_PAGE);
            search["size"] = json!(size);
        }
        self.send(Method::DELETE, "_pit", &json!({ "id": opened["id"] })).await?;
        Ok((documents, first.unwrap_or_default()))
    }

    async fn send(&self, method: Method, path: &str, body: &Json) -> reqwest::Result<Bytes> {
        let request = self.client.request(method, format!("{}/{path}", self.url));
        let request = request.header(AUTHORIZATION, &self.authorization);
        let request = match body {
            Json::Null => request,
            body => request.header(CONTENT_TYPE, "application/json").body(body.to_string()),
        };
        request.send().await?.error_for_status()?.bytes().await
    }
}

/// Stands once in each hit: within a text its quotes would be escaped.
const SORT: &[u8] = br#""sort":["#;

/// Where the page after this one begins.
fn last_sort(page: &[u8]) -> Result<Json, Box<dyn Error>> {
    let place = memmem::rfind(page, SORT).ok_or("a page without an order")?;
    let values = &page[place + SORT.len() - 1..];
    let end = memchr::memchr(b']', values).ok_or("a page that ends early")?;
    Ok(serde_json::from_slice(&values[..=end])?)
}
