//! The index template: settings, mapping and alias of every partition.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::archive::{Archive, Meta};
use crate::document::fields::FieldId;
use crate::store::{Codec, IndexSort, Layout, SetupOptions};

const TEMPLATE: &str = include_str!("../../../elastic-setup/index-template.json");

/// What of a template may change from partition to partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    /// Primary shards.
    pub(super) shards: u32,
    /// `index.codec`
    pub(super) codec: String,
    /// `index.sort`, or nothing.
    pub(super) sort: Option<Json>,
}

impl Settings {
    /// What is asked for; else what the template has; else one shard, and what was best for the
    /// layout when it was measured. Of single packets, a host's lie far from each other, and a large
    /// block would be decompressed for each; stretches are fewer, and by far most of their bytes.
    pub(super) fn new(options: &SetupOptions, existing: Option<&Json>, layout: Layout) -> Self {
        let (usual_codec, usual_sort) = match layout {
            Layout::Singles => (Codec::Default, IndexSort::None),
            Layout::Flows => (Codec::BestCompression, IndexSort::Time),
        };
        let before = existing.map(|template| &template["template"]["settings"]["index"]);
        let shards = before.and_then(|index| index["number_of_shards"].as_str()?.parse().ok());
        let codec = before.and_then(|index| index["codec"].as_str());
        let sort = match (options.sort, before) {
            (Some(sort), _) => sort_setting(sort),
            (None, Some(index)) => index.get("sort").cloned(),
            (None, None) => sort_setting(usual_sort),
        };
        Self {
            shards: options.shards.or(shards).unwrap_or(1),
            codec: options
                .codec
                .map(Codec::name)
                .or(codec)
                .unwrap_or(usual_codec.name())
                .to_owned(),
            sort,
        }
    }
}

/// `index.sort`, as Elasticsearch gives it back.
fn sort_setting(sort: IndexSort) -> Option<Json> {
    let time = [FieldId::Timestamp, FieldId::EventSequence];
    let fields = match sort {
        IndexSort::Time => time.to_vec(),
        IndexSort::Conversation => [&[FieldId::NetworkCommunityId], &time[..]].concat(),
        IndexSort::None => return None,
    };
    let names: Vec<&str> = fields.iter().map(|field| field.field().name).collect();
    let order = vec!["asc"; names.len()];
    Some(json!({ "field": names, "order": order }))
}

/// The template of an archive.
pub(super) fn render(
    archive: &Archive,
    meta: &Meta,
    settings: &Settings,
) -> Result<Json, serde_json::Error> {
    let mut template: Json = serde_json::from_str(&TEMPLATE.replace("{index}", &archive.name))?;
    let index = &mut template["template"]["settings"]["index"];
    index["number_of_shards"] = json!(settings.shards.to_string());
    index["codec"] = json!(settings.codec);
    if let Some(sort) = &settings.sort {
        index["sort"] = sort.clone();
    }
    // Of two archives whose names begin alike, the one with the longer name has its indices.
    let priority = template["priority"].as_u64().unwrap_or_default() + archive.name.len() as u64;
    template["priority"] = json!(priority);
    template["_meta"] = serde_json::to_value(meta)?;
    if meta.payload {
        add_payload_terms(&mut template["template"]["mappings"]);
    }
    Ok(template)
}

/// Terms are indexed as they come, and left out of what is stored.
fn add_payload_terms(mappings: &mut Json) {
    let name = FieldId::PacketPayloadTerms.field().name;
    let pointer = name.replace('.', "/properties/");
    let (parent, field) = pointer.rsplit_once('/').unwrap_or_default();
    if let Some(parent) = mappings["properties"].pointer_mut(&format!("/{parent}")) {
        parent[field] = json!({
            "type": FieldId::PacketPayloadTerms.field().kind.name(),
            "analyzer": "whitespace",
            "index_options": "docs",
            "norms": false,
        });
    }
    mappings["_source"] = json!({ "excludes": [name] });
}

/// Body of the request that makes [`Archive::setup_index`]; the rest comes from the template.
pub(super) fn setup_index(meta: &Meta) -> Json {
    json!({
        "settings": { "index": { "number_of_shards": "1" } },
        "mappings": { "_meta": meta },
    })
}

/// Whether two templates say the same. Elasticsearch writes some numbers and booleans as text.
pub(super) fn is_same(one: &Json, other: &Json) -> bool {
    let leaves = |template: &Json| {
        let mut leaves = BTreeMap::new();
        collect_leaves(template, String::new(), &mut leaves);
        leaves
    };
    leaves(one) == leaves(other)
}

fn collect_leaves(value: &Json, path: String, leaves: &mut BTreeMap<String, String>) {
    match value {
        Json::Object(object) if !object.is_empty() => {
            for (name, value) in object {
                collect_leaves(value, format!("{path}.{name}"), leaves);
            }
        }
        Json::String(text) => {
            leaves.insert(path, text.clone());
        }
        other => {
            leaves.insert(path, other.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::fields::{FIELDS, Field, KEYWORD_LIMIT, Kind};
    use crate::store::Partition;

    fn rendered(meta: &Meta) -> Json {
        let sort = sort_setting(IndexSort::Time);
        let settings = Settings { shards: 3, codec: "default".to_owned(), sort };
        render(&Archive::new("pcap-x").unwrap(), meta, &settings).unwrap()
    }

    fn template() -> Json {
        rendered(&Meta::new(Partition::Day, Layout::Singles))
    }

    fn template_with_payload() -> Json {
        rendered(&Meta { payload: true, ..Meta::new(Partition::Day, Layout::Singles) })
    }

    fn mapping_of(field: &Field) -> Json {
        let mut mapping = json!({ "type": field.kind.name() });
        // A binary field is neither indexed nor has it doc values by default.
        if !field.indexed && field.kind != Kind::Binary {
            mapping["index"] = json!(false);
            mapping["doc_values"] = json!(false);
        } else if field.kind == Kind::Keyword {
            mapping["ignore_above"] = json!(KEYWORD_LIMIT);
        }
        mapping
    }

    #[test]
    fn mapping_and_field_list_agree() {
        let mut expected = json!({});
        for field in FIELDS.iter().filter(|field| field.kind != Kind::Terms) {
            let mut at = &mut expected;
            let mut parts: Vec<&str> = field.name.split('.').collect();
            let last = parts.pop().unwrap();
            for part in parts {
                at = &mut at[part]["properties"];
            }
            at[last] = mapping_of(field);
        }
        let mappings = template()["template"]["mappings"].take();
        assert_eq!(mappings["properties"], expected);
        assert_eq!(mappings["dynamic"], json!(false));
    }

    #[test]
    fn an_index_of_the_payload_is_in_no_document() {
        let mut mappings = template_with_payload()["template"]["mappings"].take();
        let name = "packet.payload_terms";
        assert_eq!(mappings["_source"].take(), json!({ "excludes": [name] }));
        let packet = mappings["properties"]["packet"]["properties"].as_object_mut().unwrap();
        let terms = packet.remove("payload_terms").unwrap();
        assert_eq!((&terms["type"], &terms["norms"]), (&json!("text"), &json!(false)));
        mappings.as_object_mut().unwrap().remove("_source");
        assert_eq!(mappings, template()["template"]["mappings"], "and nothing else changes");
    }

    /// Lucene refuses a document with a term of more than 32,766 bytes.
    #[test]
    fn no_keyword_is_ever_too_long() {
        const { assert!(KEYWORD_LIMIT * 4 < 32_766) };
    }

    #[test]
    fn the_name_stands_wherever_it_belongs() {
        let template = template();
        assert_eq!(template["index_patterns"], json!(["pcap-x-*"]));
        assert_eq!(template["template"]["aliases"], json!({ "pcap-x": {} }));
        assert_eq!(template["_meta"]["layout"], "singles");
        let index = &template["template"]["settings"]["index"];
        assert_eq!((&index["number_of_shards"], &index["codec"]), (&json!("3"), &json!("default")));
        let settings =
            |options: &SetupOptions| Settings::new(options, Some(&template), Layout::Flows);
        let kept = settings(&SetupOptions::default());
        assert_eq!((kept.shards, kept.codec.as_str()), (3, "default"));
        assert_eq!(kept.sort, Some(index["sort"].clone()));
        let (codec, sort) = (Some(Codec::BestCompression), Some(IndexSort::None));
        let options = SetupOptions { shards: Some(2), codec, sort, ..SetupOptions::default() };
        let changed = settings(&options);
        assert_eq!((changed.shards, changed.codec.as_str()), (2, "best_compression"));
        assert_eq!(changed.sort, None);
        assert!(!template.to_string().contains("{index}"));
    }

    #[test]
    fn an_archive_from_before_stays_as_it_was_made_and_a_new_one_gets_what_its_layout_needs() {
        let settings = |existing: Option<&Json>, layout| {
            let settings = Settings::new(&SetupOptions::default(), existing, layout);
            (settings.codec, settings.sort)
        };
        let before = json!({ "template": { "settings": { "index": { "codec": "default" } } } });
        let plain = ("default".to_owned(), None);
        assert_eq!(settings(Some(&before), Layout::Flows), plain);
        assert_eq!(settings(None, Layout::Singles), plain);
        let fields = json!(["@timestamp", "event.sequence"]);
        let by_time = json!({ "field": fields, "order": ["asc", "asc"] });
        let new = settings(None, Layout::Flows);
        assert_eq!(new, ("best_compression".to_owned(), Some(by_time)));
    }

    #[test]
    fn numbers_as_text_are_the_same_and_changes_are_seen() {
        let one = json!({ "a": { "b": 1, "c": false, "d": [1] }, "e": {} });
        assert!(is_same(&one, &json!({ "e": {}, "a": { "b": "1", "c": "false", "d": [1] } })));
        assert!(!is_same(&one, &json!({ "a": { "b": 2, "c": false, "d": [1] }, "e": {} })));
        assert!(!is_same(&one, &json!({ "a": { "b": 1, "c": false }, "e": {} })));
    }
}
