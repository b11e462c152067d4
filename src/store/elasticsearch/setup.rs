//! Making the server ready, and undoing it.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::answer::Failure;
use super::archive::{Archive, Meta, partition_name};
use super::client::{Client, Request};
use super::keys::{self, Key, Role};
use super::{probe, template};
use crate::store::{
    Layout, SetupOptions, SetupReport, SetupStep, StoreError, StoreErrorKind, StoreResult,
};

/// While a new server makes its security index, it refuses every login for some seconds; a wrong
/// password is called wrong after this.
const LOGIN_PATIENCE: Duration = Duration::from_secs(20);
const LOGIN_INTERVAL: Duration = Duration::from_secs(1);

/// Makes template, alias and keys; changes nothing that is as it should be.
pub(super) async fn setup(
    client: &Client,
    archive: &Archive,
    options: &SetupOptions,
) -> StoreResult<SetupReport> {
    let operation = || format!("set up archive {} at {}", archive.name, client.address());
    let has_security = wait_for_login(client).await;
    let has_security = has_security.map_err(|failure| failure.during(operation()))?;
    refuse_conflict(client, archive).await?;
    let mut steps = make_template(client, archive, options).await?;
    match &options.keys_dir {
        None => {}
        Some(_) if !has_security => {
            steps.push(step("API keys", "not made: the server runs without security"));
        }
        Some(keys_dir) => {
            steps.extend(make_keys(client, archive, keys_dir, options.rotate_keys).await?);
        }
    }
    Ok(SetupReport { steps })
}

fn step(what: impl Into<String>, outcome: impl Into<String>) -> SetupStep {
    SetupStep { what: what.into(), outcome: outcome.into() }
}

/// Whether there are logins at all.
async fn wait_for_login(client: &Client) -> Result<bool, Failure> {
    let deadline = Instant::now() + LOGIN_PATIENCE;
    loop {
        match client.send(Request::get("_security/_authenticate")).await {
            Ok(_) => return Ok(true),
            Err(failure) if failure.has_status(401) && Instant::now() < deadline => {
                info!(
                    patience = ?LOGIN_PATIENCE,
                    "login refused, trying again in case the server has just started"
                );
                sleep(LOGIN_INTERVAL).await;
            }
            // "no handler found for uri": the security feature is off.
            Err(failure) if failure.has_status(400) || failure.has_status(405) => {
                return Ok(false);
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// An index or data stream with the name of the alias leaves no place for it.
async fn refuse_conflict(client: &Client, archive: &Archive) -> StoreResult<()> {
    let name = &archive.name;
    let operation = format!("make alias {name}");
    let answer = client.ask::<Json>(Request::get(format!("_resolve/index/{name}"))).await;
    let answer: Json = match answer {
        Ok(answer) => answer,
        Err(failure) if failure.has_status(404) => return Ok(()),
        Err(failure) => return Err(failure.during(operation)),
    };
    let has_name = |kind: &str| {
        let found = answer[kind].as_array().into_iter().flatten();
        found.into_iter().any(|one| one["name"] == name.as_str())
    };
    for (kind, word) in [("indices", "an index"), ("data_streams", "a data stream")] {
        if has_name(kind) {
            let reason = format!(
                "{word} has that name, perhaps made by an older tool: choose another name with \
                 --index NAME, or delete it"
            );
            return Err(StoreError::new(StoreErrorKind::Conflict, operation, reason));
        }
    }
    Ok(())
}

async fn make_template(
    client: &Client,
    archive: &Archive,
    options: &SetupOptions,
) -> StoreResult<Vec<SetupStep>> {
    let operation = || format!("make index template {}", archive.name);
    let failed = |failure: Failure| failure.during(operation());
    let existing = archive.template(client).await.map_err(failed)?;
    let mut meta = match &existing {
        // What decides over the index of a packet must never change.
        Some(_) => archive.meta(client).await?,
        None => Meta::new(options.partition, options.layout.unwrap_or_default()),
    };
    let payload_is_new = options.index_payload && !meta.payload;
    meta.payload |= options.index_payload;
    let settings = template::Settings::new(options, existing.as_ref(), meta.layout());
    let wanted = template::render(archive, &meta, &settings)
        .map_err(|error| StoreError::new(StoreErrorKind::Other, operation(), error))?;
    let outcome = match &existing {
        Some(existing) if template::is_same(existing, &wanted) => "unchanged",
        Some(_) => "updated",
        None => "created",
    };
    if outcome != "unchanged" {
        let path = format!("_index_template/{}", archive.name);
        client.send(Request::put(path).json(&wanted)).await.map_err(failed)?;
    }
    let mut steps = vec![step(format!("index template {}", archive.name), outcome)];
    if existing.is_some() && meta.partition != partition_name(options.partition) {
        let outcome = format!("stays {}: packets stored so far would not be found", meta.partition);
        steps.push(step("partition", outcome));
    }
    if options.layout.is_some_and(|layout| layout != meta.layout()) {
        let outcome = format!(
            "stays {}: packets would be stored a second time; another archive (--index NAME) may \
             have another",
            meta.layout
        );
        steps.push(step("layout", outcome));
    } else if meta.layout() != Layout::default() {
        steps.push(step("layout", meta.layout.clone()));
    }
    if meta.payload {
        let outcome = match (payload_is_new, existing.is_some()) {
            (true, true) => "begins with indices that are made from now on",
            (true, false) => "created",
            (false, _) => "unchanged",
        };
        steps.push(step("index of the text in packets", outcome));
    }
    steps.push(make_setup_index(client, archive, &meta).await?);
    Ok(steps)
}

async fn make_setup_index(
    client: &Client,
    archive: &Archive,
    meta: &Meta,
) -> StoreResult<SetupStep> {
    let index = archive.setup_index();
    let request = Request::put(&index).json(&template::setup_index(meta));
    let what = format!("alias {} with index {index}", archive.name);
    match client.send(request).await {
        Ok(_) => Ok(step(what, "created")),
        Err(Failure::Refused(refusal)) if refusal.name == "resource_already_exists_exception" => {
            let outcome = update_setup_index(client, archive, meta).await;
            let outcome = outcome.map_err(|failure| failure.during(format!("look at {index}")))?;
            Ok(step(what, outcome))
        }
        Err(failure) => Err(failure.during(format!("make index {index}"))),
    }
}

async fn update_setup_index(
    client: &Client,
    archive: &Archive,
    meta: &Meta,
) -> Result<&'static str, Failure> {
    let written = archive.meta_of_index(client).await?;
    if written.and_then(|found| serde_json::from_value(found).ok()).as_ref() == Some(meta) {
        return Ok("unchanged");
    }
    let path = format!("{}/_mapping", archive.setup_index());
    client.send(Request::put(path).json(&json!({ "_meta": meta }))).await?;
    Ok("updated")
}

/// Keys are made and tried before any file is touched; the old ones end last.
async fn make_keys(
    client: &Client,
    archive: &Archive,
    keys_dir: &Path,
    rotate: bool,
) -> StoreResult<Vec<SetupStep>> {
    keys::make_dir(keys_dir)?;
    let mut steps = Vec::new();
    let mut all = Vec::new();
    let mut made = Vec::new();
    let mut old = Vec::new();
    for role in Role::ALL {
        let failed = |failure: Failure| failure.during(format!("make the {} key", role.name()));
        let kept = keys::valid_in_file(client, archive, role, keys_dir).await?;
        let what = format!("API key {}", role.path(keys_dir).display());
        if let Some(kept) = kept.filter(|_| !rotate) {
            all.push((role, kept));
            steps.push(step(what, "unchanged"));
            continue;
        }
        if rotate {
            old.extend(keys::existing(client, archive, role).await.map_err(failed)?);
        }
        let key = match keys::create(client, archive, role).await.map_err(failed) {
            Ok(key) => key,
            Err(error) => return Err(undo(client, &made, error).await),
        };
        all.push((role, key.clone()));
        made.push((role, key));
        steps.push(step(what, if rotate { "replaced" } else { "created" }));
    }
    if let Err(error) = probe::probe(client, archive, &all).await {
        return Err(undo(client, &made, error).await);
    }
    steps.push(step("rights of the keys", "tried: what must be allowed is, the rest is refused"));
    for (role, key) in &made {
        if let Err(error) = keys::write(key, *role, keys_dir) {
            return Err(undo(client, &made, error).await);
        }
    }
    let ended = keys::invalidate(client, &old).await;
    ended.map_err(|failure| failure.during("invalidate the old keys"))?;
    Ok(steps)
}

/// Leaves no key behind that is in no file.
async fn undo(client: &Client, made: &[(Role, Key)], error: StoreError) -> StoreError {
    let ids: Vec<String> = made.iter().map(|(_, key)| key.id.clone()).collect();
    if let Err(failure) = keys::invalidate(client, &ids).await {
        warn!(error = %failure, "new API keys could not be taken back");
    }
    error
}

/// Removes the archive: keys first, so that nothing comes in meanwhile.
pub(super) async fn destroy(client: &Client, archive: &Archive) -> StoreResult<()> {
    remove(client, archive).await.map_err(|failure| {
        failure.during(format!("remove archive {} at {}", archive.name, client.address()))
    })
}

async fn remove(client: &Client, archive: &Archive) -> Result<(), Failure> {
    if wait_for_login(client).await? {
        for role in Role::ALL {
            let ids = keys::existing(client, archive, role).await?;
            keys::invalidate(client, &ids).await?;
        }
    }
    let indices = archive.indices(client).await?;
    archive.delete(client, &indices).await?;
    match client.send(Request::delete(format!("_index_template/{}", archive.name))).await {
        Ok(_) => Ok(()),
        Err(failure) if failure.has_status(404) => Ok(()),
        Err(failure) => Err(failure),
    }
}
