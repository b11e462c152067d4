//! Whether each key may do what it should, and is refused what it should not: asked, and tried.

use serde_json::{Value as Json, json};

use super::answer::Failure;
use super::archive::Archive;
use super::bulk;
use super::client::{Client, Request};
use super::keys::{Key, Role};
use crate::store::{StoreError, StoreErrorKind, StoreResult};

/// Rights on indices that are looked at for every key.
const INDEX_RIGHTS: [&str; 9] = [
    "create_doc",
    "auto_configure",
    "view_index_metadata",
    "read",
    "index",
    "delete",
    "delete_index",
    "monitor",
    "manage",
];
const CLUSTER_RIGHTS: [&str; 3] = ["monitor", "manage", "manage_security"];

impl Role {
    fn has_index_right(self, right: &str) -> bool {
        let rights: &[&str] = match self {
            Self::Publish => &["create_doc", "auto_configure", "view_index_metadata"],
            Self::Read => &["read", "view_index_metadata"],
            Self::Prune => &["delete_index", "monitor", "view_index_metadata"],
        };
        rights.contains(&right)
    }

    fn has_cluster_right(self, right: &str) -> bool {
        self == Self::Publish && right == "monitor"
    }
}

/// What a key tries on the probe index, in an order in which all of it makes sense.
const ATTEMPTS: [(Role, Action); 10] = [
    (Role::Read, Action::Create),
    (Role::Prune, Action::Create),
    (Role::Publish, Action::Create),
    (Role::Publish, Action::Search),
    (Role::Publish, Action::Delete),
    (Role::Read, Action::Search),
    (Role::Read, Action::Delete),
    (Role::Prune, Action::Search),
    (Role::Prune, Action::Count),
    (Role::Prune, Action::Delete),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Create,
    Search,
    Count,
    Delete,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Create => "create a document",
            Self::Search => "search",
            Self::Count => "read statistics",
            Self::Delete => "delete an index",
        }
    }

    fn is_allowed(self, role: Role) -> bool {
        match self {
            Self::Create => role == Role::Publish,
            Self::Search => role == Role::Read,
            Self::Count | Self::Delete => role == Role::Prune,
        }
    }

    /// Whether the server let it happen.
    async fn attempt(self, client: &Client, index: &str) -> Result<bool, Failure> {
        let answer = match self {
            Self::Create => return create(client, index).await,
            Self::Search => client.send(Request::get(format!("{index}/_search"))).await,
            Self::Count => client.send(Request::get(format!("{index}/_stats/docs"))).await,
            Self::Delete => client.send(Request::delete(index)).await,
        };
        match answer {
            Ok(_) => Ok(true),
            Err(failure) if failure.has_status(403) => Ok(false),
            Err(failure) => Err(failure),
        }
    }
}

/// As packets are stored: by a bulk request. Without a time it is no packet to any search.
async fn create(client: &Client, index: &str) -> Result<bool, Failure> {
    let lines = format!("{{\"create\":{{\"_index\":\"{index}\"}}}}\n{{}}\n");
    let answer: Json = match client.ask(Request::post(bulk::PATH).lines(lines.into())).await {
        Ok(answer) => answer,
        Err(failure) if failure.has_status(403) => return Ok(false),
        Err(failure) => return Err(failure),
    };
    let item = &answer["items"][0]["create"];
    match item["status"].as_u64() {
        Some(201) => Ok(true),
        Some(403) => Ok(false),
        _ => {
            let reason = item["error"]["reason"].as_str().unwrap_or("no answer");
            Err(Failure::NotUnderstood(reason.to_owned()))
        }
    }
}

/// Tries keys, one of each role. The caller's own credentials remove what is left.
pub(super) async fn probe(
    client: &Client,
    archive: &Archive,
    keys: &[(Role, Key)],
) -> StoreResult<()> {
    let index = format!("{}{:08x}", archive.probe_prefix(), rand::random::<u32>());
    let outcome = try_all(client, archive, keys, &index).await;
    let removed = archive.delete(client, std::slice::from_ref(&index)).await;
    outcome?;
    removed.map_err(|failure| failure.during(format!("remove probe index {index}")))
}

async fn try_all(
    client: &Client,
    archive: &Archive,
    keys: &[(Role, Key)],
    index: &str,
) -> StoreResult<()> {
    for (role, key) in keys {
        let client = client.with_key(&key.encoded)?;
        let wrong = wrong_rights(&client, archive, *role).await;
        let wrong = wrong.map_err(|failure| failure.during(operation(*role)))?;
        if !wrong.is_empty() {
            return Err(failed(*role, &wrong.join(", ")));
        }
    }
    for (role, action) in ATTEMPTS {
        let Some((_, key)) = keys.iter().find(|(of, _)| *of == role) else { continue };
        let client = client.with_key(&key.encoded)?;
        let happened = action.attempt(&client, index).await;
        let happened = happened.map_err(|failure| failure.during(operation(role)))?;
        if happened != action.is_allowed(role) {
            let verb = if happened { "can" } else { "cannot" };
            return Err(failed(role, &format!("it {verb} {}", action.name())));
        }
    }
    Ok(())
}

fn operation(role: Role) -> String {
    format!("try the {} key", role.name())
}

fn failed(role: Role, reason: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Forbidden, operation(role), reason)
}

/// Rights that the key has and should not have, or the other way round.
async fn wrong_rights(
    client: &Client,
    archive: &Archive,
    role: Role,
) -> Result<Vec<String>, Failure> {
    let indices = format!("{}-*", archive.name);
    let body = json!({
        "cluster": CLUSTER_RIGHTS,
        "index": [{ "names": [indices], "privileges": INDEX_RIGHTS }],
    });
    let request = Request::post("_security/user/_has_privileges").json(&body);
    let answer: Json = client.ask(request).await?;
    let mut wrong = Vec::new();
    let mut compare = |right: &str, found: &Json, wanted: bool| {
        if found.as_bool() != Some(wanted) {
            let verb = if wanted { "lacks" } else { "has" };
            wrong.push(format!("it {verb} the right {right}"));
        }
    };
    for right in CLUSTER_RIGHTS {
        compare(right, &answer["cluster"][right], role.has_cluster_right(right));
    }
    for right in INDEX_RIGHTS {
        compare(right, &answer["index"][&indices][right], role.has_index_right(right));
    }
    Ok(wrong)
}
