//! What an archive is in Elasticsearch: names of its parts, and what setup wrote down about it.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::answer::Failure;
use super::client::{Client, Request};
use super::partition::{self, Partitions, Period, day_of};
use crate::packet::Timestamp;
use crate::store::{Layout, Partition, StoreError, StoreErrorKind, StoreResult};

/// Version of the documents and of the naming of indices.
pub(super) const FORMAT: u32 = 2;

/// A list of names in a URL stays below the server's 4 KB for the first line of a request.
pub(super) const NAMES_IN_A_REQUEST: usize = 40;

/// Names of an archive's parts. Template and alias have the name of the archive itself.
#[derive(Debug, Clone)]
pub(super) struct Archive {
    /// Name of the template and of the alias, and what index names begin with.
    pub(super) name: String,
    /// Once [`Archive::meta`] has told it; it never changes.
    layout: Arc<OnceLock<Layout>>,
}

/// What setup writes down, as `_meta` of the template and of the index of [`Archive::setup_index`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Meta {
    /// When the archive was set up, RFC 3339 in UTC.
    pub(super) set_up: String,
    /// `singles` or `flows`.
    pub(super) layout: String,
    /// `hour`, `day` or `month`.
    pub(super) partition: String,
    /// [`FORMAT`].
    pub(super) format: u32,
    /// Whether partitions made from now on index the text in packets.
    #[serde(default)]
    pub(super) payload: bool,
}

impl Archive {
    /// Checks the name: what Elasticsearch wants of index names, and no wildcards.
    pub(super) fn new(name: &str) -> StoreResult<Self> {
        let first_is_fine =
            name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let rest_is_fine =
            name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c));
        // 255 bytes is the limit for an index; its name goes on with a time.
        if !first_is_fine || !rest_is_fine || name.len() > 200 {
            return Err(StoreError::new(
                StoreErrorKind::InvalidConfiguration,
                format!("use index name {name:?}"),
                "it must be of lower-case letters, digits, hyphens, underscores and dots, begin \
                 with a letter or digit, and have no more than 200 of them",
            ));
        }
        Ok(Self { name: name.to_owned(), layout: Arc::default() })
    }

    /// An index without packets that setup makes. It tells keys which may not read templates
    /// that, and how, the archive was set up, and makes the alias exist before the first packet.
    pub(super) fn setup_index(&self) -> String {
        format!("{}-setup", self.name)
    }

    /// What the probe indices of setup begin with.
    pub(super) fn probe_prefix(&self) -> String {
        format!("{}-probe-", self.name)
    }

    /// What setup wrote down.
    pub(super) async fn meta(&self, client: &Client) -> StoreResult<Meta> {
        let found = match self.template(client).await {
            Ok(template) => Ok(template.map(|template| template["_meta"].clone())),
            Err(failure) if failure.has_status(403) => self.meta_of_index(client).await,
            Err(failure) => Err(failure),
        };
        let operation = || format!("open archive {} at {}", self.name, client.address());
        let Some(meta) = found.map_err(|failure| failure.during_opening(operation()))? else {
            return Err(StoreError::new(StoreErrorKind::NotSetUp, operation(), "it is not set up"));
        };
        let corrupt =
            |reason: String| StoreError::new(StoreErrorKind::Corrupt, operation(), reason);
        let meta: Meta = serde_json::from_value(meta)
            .map_err(|error| corrupt(format!("its _meta is not understood: {error}")))?;
        if meta.format != FORMAT || Layout::parse(&meta.layout).is_none() {
            let Meta { format, layout, .. } = &meta;
            return Err(corrupt(format!(
                "format {format} with layout {layout} is of another version of this program"
            )));
        }
        self.layout.get_or_init(|| meta.layout());
        Ok(meta)
    }

    /// What a document of the archive is.
    pub(super) async fn layout(&self, client: &Client) -> StoreResult<Layout> {
        match self.layout.get() {
            Some(layout) => Ok(*layout),
            None => Ok(self.meta(client).await?.layout()),
        }
    }

    /// The archive's template, as Elasticsearch shows it; `None` when there is none.
    pub(super) async fn template(&self, client: &Client) -> Result<Option<Json>, Failure> {
        let request = Request::get(format!("_index_template/{}", self.name));
        match client.ask::<Json>(request).await {
            Ok(mut answer) => match answer.pointer_mut("/index_templates/0/index_template") {
                Some(template) => Ok(Some(template.take())),
                None => Err(Failure::NotUnderstood("it shows no template".to_owned())),
            },
            Err(failure) if failure.has_status(404) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// What setup wrote down where every key may read it.
    pub(super) async fn meta_of_index(&self, client: &Client) -> Result<Option<Json>, Failure> {
        let index = self.setup_index();
        match client.ask::<Json>(Request::get(format!("{index}/_mapping"))).await {
            Ok(mut answer) => match answer.get_mut(&index) {
                Some(found) => {
                    let meta = found.pointer_mut("/mappings/_meta");
                    Ok(Some(meta.map(Json::take).unwrap_or_default()))
                }
                None => Err(Failure::NotUnderstood("it shows no mapping".to_owned())),
            },
            Err(failure) if failure.has_status(404) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Names of all indices that belong to the archive: those with its alias whose name begins
    /// as it should.
    pub(super) async fn indices(&self, client: &Client) -> Result<Vec<String>, Failure> {
        let path = format!("{}-*/_alias?expand_wildcards=all", self.name);
        let answer: Json = client.ask(Request::get(path)).await?;
        let with_alias = answer.as_object().into_iter().flatten().filter(|(index, found)| {
            found["aliases"].get(&self.name).is_some() && self.owns(index)
        });
        Ok(with_alias.map(|(index, _)| index.clone()).collect())
    }

    /// The archive's partitions, oldest first.
    pub(super) async fn partitions(&self, client: &Client) -> Result<Vec<Period>, Failure> {
        let indices = self.indices(client).await?;
        let mut periods: Vec<Period> =
            indices.iter().filter_map(|index| partition::parse(&self.name, index)).collect();
        periods.sort_by_key(|period| period.time.start);
        Ok(periods)
    }

    fn owns(&self, index: &str) -> bool {
        partition::parse(&self.name, index).is_some()
            || index == self.setup_index()
            || index.starts_with(&self.probe_prefix())
    }

    /// Deletes these indices; one that is gone already is no error.
    pub(super) async fn delete(&self, client: &Client, indices: &[String]) -> Result<(), Failure> {
        for names in indices.chunks(NAMES_IN_A_REQUEST) {
            let path = format!("{}?ignore_unavailable=true", names.join(","));
            client.send(Request::delete(path)).await?;
        }
        Ok(())
    }

    /// Shards of these indices; an index that is gone is left out.
    pub(super) async fn shards(
        &self,
        client: &Client,
        indices: &[String],
    ) -> Result<Vec<(String, u32)>, Failure> {
        let mut shards = Vec::new();
        for names in indices.chunks(NAMES_IN_A_REQUEST) {
            let path = format!(
                "{}/_settings/index.number_of_shards?ignore_unavailable=true",
                names.join(",")
            );
            let answer: Json = client.ask(Request::get(path)).await?;
            for (index, found) in answer.as_object().into_iter().flatten() {
                let number = found["settings"]["index"]["number_of_shards"].as_str();
                let number = number.and_then(|number| number.parse().ok());
                let unknown = || Failure::NotUnderstood(format!("{index} has no shards"));
                shards.push((index.clone(), number.ok_or_else(unknown)?));
            }
        }
        Ok(shards)
    }
}

impl Meta {
    /// Of an archive that is set up now.
    pub(super) fn new(partition: Partition, layout: Layout) -> Self {
        let now = jiff::Timestamp::now();
        Self {
            set_up: now.to_string(),
            layout: layout.name().to_owned(),
            partition: partition_name(partition).to_owned(),
            format: FORMAT,
            payload: false,
        }
    }

    /// What a document of this archive is; other names were refused when this was read.
    pub(super) fn layout(&self) -> Layout {
        Layout::parse(&self.layout).unwrap_or_default()
    }

    /// How packets of this archive are distributed over indices.
    pub(super) fn partitions(&self, archive: &Archive) -> StoreResult<Partitions> {
        let corrupt = |reason: String| {
            let operation = format!("read _meta of archive {}", archive.name);
            StoreError::new(StoreErrorKind::Corrupt, operation, reason)
        };
        let set_up: jiff::Timestamp = self
            .set_up
            .parse()
            .map_err(|error| corrupt(format!("set_up {:?}: {error}", self.set_up)))?;
        let partition = [Partition::Hour, Partition::Day, Partition::Month]
            .into_iter()
            .find(|partition| partition_name(*partition) == self.partition)
            .ok_or_else(|| corrupt(format!("partition {:?}", self.partition)))?;
        Ok(Partitions {
            prefix: archive.name.clone(),
            partition,
            set_up: day_of(Timestamp::from_nanoseconds(set_up.as_nanosecond())),
        })
    }
}

/// As `_meta` and the command line have it.
pub(super) fn partition_name(partition: Partition) -> &'static str {
    match partition {
        Partition::Hour => "hour",
        Partition::Day => "day",
        Partition::Month => "month",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_names_have_no_room_for_wildcards() {
        assert!(Archive::new("pcap-singles").is_ok());
        for name in ["", "*", "a,b", "-a", "_all", "A", "a/b", "a?b", "a b", &"a".repeat(201)] {
            let error = Archive::new(name).unwrap_err();
            assert_eq!(error.kind, StoreErrorKind::InvalidConfiguration, "{name}");
        }
    }

    #[test]
    fn meta_survives_and_damage_is_told() {
        let archive = Archive::new("pcap-singles").unwrap();
        for partition in [Partition::Hour, Partition::Day, Partition::Month] {
            let meta = Meta::new(partition, Layout::Singles);
            assert_eq!(meta.partitions(&archive).unwrap().partition, partition);
        }
        let weekly =
            Meta { partition: "week".to_owned(), ..Meta::new(Partition::Day, Layout::Singles) };
        assert_eq!(weekly.partitions(&archive).unwrap_err().kind, StoreErrorKind::Corrupt);
        let undated =
            Meta { set_up: "today".to_owned(), ..Meta::new(Partition::Day, Layout::Singles) };
        assert_eq!(undated.partitions(&archive).unwrap_err().kind, StoreErrorKind::Corrupt);
    }
}
