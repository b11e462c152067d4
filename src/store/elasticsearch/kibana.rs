//! Kibana's view of an archive, by its documented HTTP API: data view, saved search, dashboard.
//!
//! Source: Kibana 8.19 API, "Data views" and "Import saved objects".

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use tokio::time::{Instant, sleep};
use tracing::info;

use super::answer::Failure;
use super::archive::Archive;
use super::client::{Client, Request};
use crate::store::{
    Access, KibanaOptions, Layout, SetupStep, StoreError, StoreErrorKind, StoreResult,
};

/// Kibana takes one to two minutes for its first start, on a small machine longer.
const PATIENCE: Duration = Duration::from_mins(5);
const INTERVAL: Duration = Duration::from_secs(2);

/// What divides the parts of an import; none of the objects holds it.
const BOUNDARY: &str = "pcap-archiver-saved-objects";
const IMPORT_TYPE: &str = "multipart/form-data; boundary=pcap-archiver-saved-objects";

/// What shows an archive in Kibana.
struct Objects {
    data_view: &'static str,
    /// Each refers to those before it.
    saved: [(&'static str, &'static str); 2],
}

/// Documents that are packets are counted; of stretches, their packets and bytes are added up.
const fn objects(layout: Layout) -> Objects {
    match layout {
        Layout::Singles => Objects {
            data_view: include_str!("../../../elastic-setup/kibana/singles/data-view.json"),
            saved: [
                (
                    "saved search",
                    include_str!("../../../elastic-setup/kibana/singles/saved-search.ndjson"),
                ),
                (
                    "dashboard",
                    include_str!("../../../elastic-setup/kibana/singles/dashboard.ndjson"),
                ),
            ],
        },
        Layout::Flows => Objects {
            data_view: include_str!("../../../elastic-setup/kibana/flows/data-view.json"),
            saved: [
                (
                    "saved search",
                    include_str!("../../../elastic-setup/kibana/flows/saved-search.ndjson"),
                ),
                ("dashboard", include_str!("../../../elastic-setup/kibana/flows/dashboard.ndjson")),
            ],
        },
    }
}

/// Makes what is missing. What is there may be somebody's work and stays as it is; only what
/// leads from the data view to the web page is kept up to date.
pub(super) async fn setup(
    access: &Access,
    archive: &Archive,
    layout: Layout,
    options: &KibanaOptions,
) -> StoreResult<Vec<SetupStep>> {
    let kibana = Client::new(&options.url, access).await?;
    let operation = |what: &str| format!("make {what} in Kibana at {}", kibana.address());
    let failed = |failure: Failure| failure.during(format!("open Kibana at {}", kibana.address()));
    wait_until_ready(&kibana).await.map_err(failed)?;
    let mut steps = Vec::new();
    let mut done = |what: &str, outcome: &str| {
        let what = format!("Kibana: {what} {}", archive.name);
        steps.push(SetupStep { what, outcome: outcome.to_owned() });
    };
    let objects = objects(layout);
    let wanted = data_view(objects.data_view, archive, &options.web_url)
        .map_err(|error| StoreError::new(StoreErrorKind::Other, operation("data view"), error))?;
    let made = make_data_view(&kibana, wanted).await;
    done("data view", made.map_err(|failure| failure.during(operation("data view")))?);
    for (what, object) in objects.saved {
        let made = import(&kibana, &object.replace("{index}", &archive.name)).await;
        done(what, made.map_err(|failure| failure.during(operation(what)))?);
    }
    Ok(steps)
}

async fn wait_until_ready(kibana: &Client) -> Result<(), Failure> {
    let deadline = Instant::now() + PATIENCE;
    let mut told = false;
    loop {
        let status = kibana.ask::<Json>(Request::get("api/status")).await;
        let failure = match status {
            Ok(status) if status["status"]["overall"]["level"] == "available" => return Ok(()),
            Ok(status) => Failure::Lost(format!(
                "it says that it is {}",
                status["status"]["overall"]["level"]
            )),
            Err(failure) if may_come(&failure) => failure,
            Err(failure) => return Err(failure),
        };
        if Instant::now() >= deadline {
            return Err(failure);
        }
        if !told {
            info!(patience = ?PATIENCE, reason = %failure, "waiting for Kibana");
            told = true;
        }
        sleep(INTERVAL).await;
    }
}

/// While it starts nobody listens, then it answers 503.
fn may_come(failure: &Failure) -> bool {
    matches!(failure, Failure::Lost(_))
        || [502, 503, 504].iter().any(|status| failure.has_status(*status))
}

/// The data view `text` of an archive, whose links lead to the web page.
fn data_view(text: &str, archive: &Archive, web_url: &str) -> Result<Json, serde_json::Error> {
    let mut body: Json = serde_json::from_str(&text.replace("{index}", &archive.name))?;
    for (_, format) in body["data_view"]["fieldFormats"].as_object_mut().into_iter().flatten() {
        if let Some(template) = format["params"]["urlTemplate"].as_str() {
            format["params"]["urlTemplate"] = Json::from(template.replace("{web}", web_url));
        }
    }
    Ok(body["data_view"].take())
}

async fn make_data_view(kibana: &Client, wanted: Json) -> Result<&'static str, Failure> {
    let id = wanted["id"].as_str().unwrap_or_default();
    let path = format!("api/data_views/data_view/{id}");
    let found = match kibana.ask::<Json>(Request::get(path).for_kibana()).await {
        Ok(mut answer) => Some(answer["data_view"].take()),
        Err(failure) if failure.has_status(404) => None,
        Err(failure) => return Err(failure),
    };
    let (outcome, view) = match found {
        None => ("created", wanted),
        Some(found) if has_links(&found, &wanted) => return Ok("unchanged"),
        Some(found) => ("updated", with_links(&found, &wanted)),
    };
    let body = serde_json::json!({ "data_view": view, "override": outcome == "updated" });
    let request = Request::post("api/data_views/data_view").json(&body).for_kibana();
    kibana.send(request).await?;
    Ok(outcome)
}

fn has_links(found: &Json, wanted: &Json) -> bool {
    links(wanted).all(|(field, format)| found["fieldFormats"][field] == *format)
}

/// The formats that are links.
fn links(view: &Json) -> impl Iterator<Item = (&String, &Json)> {
    let formats = view["fieldFormats"].as_object().into_iter().flatten();
    formats.filter(|(_, format)| format["id"] == "url")
}

/// What is there, with the wanted links. Kibana can only replace a data view as a whole.
fn with_links(found: &Json, wanted: &Json) -> Json {
    let mut view = Map::new();
    for name in [
        "id",
        "title",
        "name",
        "timeFieldName",
        "sourceFilters",
        "fieldFormats",
        "runtimeFieldMap",
        "fieldAttrs",
        "allowNoIndex",
        "allowHidden",
    ] {
        if let Some(value) = found.get(name) {
            view.insert(name.to_owned(), value.clone());
        }
    }
    let mut view = Json::from(view);
    for (field, format) in links(wanted) {
        view["fieldFormats"][field] = format.clone();
    }
    view
}

#[derive(Deserialize)]
struct Imported {
    success: bool,
    #[serde(default)]
    errors: Vec<Json>,
}

/// Imports one saved object, unless there is one with its id. An import with errors is answered
/// with status 200 as well.
async fn import(kibana: &Client, object: &str) -> Result<&'static str, Failure> {
    let request = Request::post("api/saved_objects/_import?overwrite=false");
    let request = request.body(IMPORT_TYPE, form(object)).for_kibana();
    let imported: Imported = kibana.ask(request).await?;
    if imported.success {
        return Ok("created");
    }
    let mut reasons = imported.errors.iter().map(|error| &error["error"]);
    if !imported.errors.is_empty() && reasons.clone().all(|reason| reason["type"] == "conflict") {
        return Ok("unchanged");
    }
    let reason = reasons.find(|reason| reason["type"] != "conflict");
    Err(Failure::NotUnderstood(reason.map_or("no reason".to_owned(), Json::to_string)))
}

/// The form with one file that an import is.
fn form(object: &str) -> Bytes {
    let form = format!(
        "--{BOUNDARY}\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"objects.ndjson\"\r\n\
         Content-Type: application/ndjson\r\n\r\n\
         {object}\r\n--{BOUNDARY}--\r\n"
    );
    Bytes::from(form)
}

#[cfg(test)]
mod tests;
