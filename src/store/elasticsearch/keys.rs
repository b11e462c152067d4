//! The three API keys of an archive, each with no more rights than its work needs.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::answer::Failure;
use super::archive::Archive;
use super::client::{Client, Request};
use crate::store::{DEFAULT_INDEX, Secret, StoreError, StoreErrorKind, StoreResult};

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Stores packets; can neither read nor change nor remove them.
    Publish,
    /// Reads packets.
    Read,
    /// Removes whole partitions; can neither read nor store.
    Prune,
}

impl Role {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Publish, Self::Read, Self::Prune];

    /// Its name, also of its file.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Read => "read",
            Self::Prune => "prune",
        }
    }

    /// Its rights, for an API key that is to be made.
    pub(super) fn descriptor(self, archive: &Archive) -> Result<Json, serde_json::Error> {
        let text = match self {
            Self::Publish => include_str!("../../../elastic-setup/role-publish.json"),
            Self::Read => include_str!("../../../elastic-setup/role-read.json"),
            Self::Prune => include_str!("../../../elastic-setup/role-prune.json"),
        };
        let mut descriptor: Json = serde_json::from_str(text)?;
        for rights in descriptor["indices"].as_array_mut().into_iter().flatten() {
            if rights["names"] == json!(["{indices}"]) {
                rights["names"] = json!(index_names(archive));
            }
        }
        Ok(descriptor)
    }

    /// Its file.
    pub(super) fn path(self, keys_dir: &Path) -> PathBuf {
        keys_dir.join(format!("{}.key", self.name()))
    }
}

/// The default archive's keys may serve all archives called `pcap-…`; another's only itself.
fn index_names(archive: &Archive) -> Vec<String> {
    if archive.name == DEFAULT_INDEX {
        vec!["pcap-*".to_owned()]
    } else {
        vec![archive.name.clone(), format!("{}-*", archive.name)]
    }
}

/// An API key.
#[derive(Debug, Clone)]
pub(super) struct Key {
    /// Its public half.
    pub(super) id: String,
    /// Base64 of `id:key`, as it is sent and as the file holds it.
    pub(super) encoded: Secret,
}

#[derive(Deserialize)]
struct Created {
    id: String,
    encoded: String,
}

#[derive(Deserialize)]
struct KeyList {
    api_keys: Vec<ListedKey>,
}

#[derive(Deserialize)]
struct ListedKey {
    id: String,
    invalidated: bool,
    metadata: Json,
    #[serde(default)]
    role_descriptors: Json,
}

/// Makes a key.
pub(super) async fn create(client: &Client, archive: &Archive, role: Role) -> Result<Key, Failure> {
    let descriptor =
        role.descriptor(archive).map_err(|error| Failure::NotUnderstood(error.to_string()))?;
    let body = json!({
        "name": format!("{} {}", archive.name, role.name()),
        "role_descriptors": { role.name(): descriptor },
        "metadata": metadata(archive, role),
    });
    // A key that was made and not told would stay for ever.
    let request = Request::post("_security/api_key?refresh=true").json(&body).once();
    let created: Created = client.ask(request).await?;
    Ok(Key { id: created.id, encoded: Secret::new(created.encoded) })
}

/// What a key is recognised by later.
fn metadata(archive: &Archive, role: Role) -> Json {
    json!({ "application": "pcap-archiver", "archive": archive.name, "role": role.name() })
}

/// Ids of the valid keys that setup made for a role of this archive.
pub(super) async fn existing(
    client: &Client,
    archive: &Archive,
    role: Role,
) -> Result<Vec<String>, Failure> {
    let keys = list(client, "active_only=true").await?;
    let ours =
        keys.into_iter().filter(|key| !key.invalidated && key.metadata == metadata(archive, role));
    Ok(ours.map(|key| key.id).collect())
}

async fn list(client: &Client, query: &str) -> Result<Vec<ListedKey>, Failure> {
    let keys: KeyList = client.ask(Request::get(format!("_security/api_key?{query}"))).await?;
    Ok(keys.api_keys)
}

/// Makes keys useless.
pub(super) async fn invalidate(client: &Client, ids: &[String]) -> Result<(), Failure> {
    if ids.is_empty() {
        return Ok(());
    }
    let request = Request::delete("_security/api_key").json(&json!({ "ids": ids }));
    let answer: Json = client.ask(request).await?;
    match answer["error_count"].as_u64() {
        Some(0) => Ok(()),
        _ => Err(Failure::NotUnderstood("not all API keys could be invalidated".to_owned())),
    }
}

/// The key in the file, if there is one that the server accepts and whose rights are those of
/// its role.
pub(super) async fn valid_in_file(
    client: &Client,
    archive: &Archive,
    role: Role,
    keys_dir: &Path,
) -> StoreResult<Option<Key>> {
    let path = role.path(keys_dir);
    let text = match tokio::fs::read_to_string(&path).await {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let operation = format!("read {}", path.display());
            return Err(StoreError::new(StoreErrorKind::Io, operation, error));
        }
    };
    let encoded = Secret::new(text.trim());
    // What is no key at all is replaced like one that is no longer valid.
    let Ok(key_client) = client.with_key(&encoded) else { return Ok(None) };
    let answer = key_client.ask::<Json>(Request::get("_security/_authenticate")).await;
    let operation = || format!("try the key in {}", path.display());
    let answer = match answer {
        Ok(answer) => answer,
        Err(failure) if failure.has_status(401) => return Ok(None),
        Err(failure) => return Err(failure.during(operation())),
    };
    let Some(id) = answer["api_key"]["id"].as_str() else { return Ok(None) };
    let listed = list(client, &format!("id={id}")).await;
    let listed = listed.map_err(|failure| failure.during(operation()))?;
    let descriptor = role
        .descriptor(archive)
        .map_err(|error| StoreError::new(StoreErrorKind::Other, operation(), error))?;
    let fits = listed.iter().any(|key| {
        key.metadata == metadata(archive, role)
            && has_rights(&key.role_descriptors[role.name()], &descriptor)
    });
    Ok(fits.then(|| Key { id: id.to_owned(), encoded }))
}

/// Whether a key's rights are exactly those wanted. Elasticsearch adds empty members.
fn has_rights(found: &Json, wanted: &Json) -> bool {
    let indices = |rights: &Json| -> Vec<(Json, Json)> {
        let indices = rights["indices"].as_array().into_iter().flatten();
        indices.map(|part| (part["names"].clone(), part["privileges"].clone())).collect()
    };
    found["cluster"] == wanted["cluster"] && indices(found) == indices(wanted)
}

/// Writes the key's file, which only its owner may read: whole, or not at all.
pub(super) fn write(key: &Key, role: Role, keys_dir: &Path) -> StoreResult<()> {
    let path = role.path(keys_dir);
    let failed = |error: std::io::Error| {
        StoreError::new(StoreErrorKind::Io, format!("write {}", path.display()), error)
    };
    // A temporary file is made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(keys_dir).map_err(failed)?;
    writeln!(file, "{}", key.encoded.expose()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(&path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Makes the folder for the keys, closed to others, if there is none.
pub(super) fn make_dir(keys_dir: &Path) -> StoreResult<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(keys_dir).map_err(|error| {
        StoreError::new(StoreErrorKind::Io, format!("make {}", keys_dir.display()), error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_those_of_the_role_and_no_more() {
        let default = Archive::new(DEFAULT_INDEX).unwrap();
        let other = Archive::new("pcap-other").unwrap();
        for (role, cluster, privileges) in [
            (
                Role::Publish,
                json!(["monitor"]),
                json!(["create_doc", "auto_configure", "view_index_metadata"]),
            ),
            (Role::Read, json!([]), json!(["read", "view_index_metadata"])),
            (Role::Prune, json!([]), json!(["delete_index", "monitor", "view_index_metadata"])),
        ] {
            let rights = |names: Json| {
                json!({
                    "cluster": cluster,
                    "indices": [{ "names": names, "privileges": privileges }],
                })
            };
            assert_eq!(role.descriptor(&default).unwrap(), rights(json!(["pcap-*"])));
            let names = json!(["pcap-other", "pcap-other-*"]);
            assert_eq!(role.descriptor(&other).unwrap(), rights(names));
        }
    }

    #[test]
    fn wider_or_narrower_rights_are_noticed() {
        let archive = Archive::new("pcap-x").unwrap();
        let wanted = Role::Read.descriptor(&archive).unwrap();
        let mut found = wanted.clone();
        found["indices"][0]["allow_restricted_indices"] = json!(false);
        found["run_as"] = json!([]);
        assert!(has_rights(&found, &wanted));
        found["indices"][0]["privileges"] = json!(["read", "view_index_metadata", "write"]);
        assert!(!has_rights(&found, &wanted));
        assert!(!has_rights(&json!(null), &wanted));
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let keys_dir = dir.path().join("new").join("keys");
        make_dir(&keys_dir).unwrap();
        let key = Key { id: "id".into(), encoded: Secret::new("aWQ6a2V5") };
        for _ in 0..2 {
            write(&key, Role::Read, &keys_dir).unwrap();
        }
        let path = keys_dir.join("read.key");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "aWQ6a2V5\n");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(&keys_dir).unwrap().count(), 1, "nothing else is left");
    }
}
