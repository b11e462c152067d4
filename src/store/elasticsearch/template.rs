//! The index template: settings, mapping and alias of every partition.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::archive::{Archive, Meta};
use crate::document::fields::FieldId;
use crate::store::{Codec, SetupOptions};

const TEMPLATE: &str = include_str!("../../../elastic-setup/index-template.json");

/// What of a template may change from partition to partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    /// Primary shards.
    pub(super) shards: u32,
    /// `index.codec`
    pub(super) codec: String,
}

impl Settings {
    /// What is asked for; else what the template has; else one shard, and what is quick to read: a
    /// page would decompress a large block for each of its documents.
    pub(super) fn new(options: &SetupOptions, existing: Option<&Json>) -> Self {
        let before = existing.map(|template| &template["template"]["settings"]["index"]);
        let shards = before.and_then(|index| index["number_of_shards"].as_str()?.parse().ok());
        let codec = before.and_then(|index| index["codec"].as_str());
        Self {
            shards: options.shards.or(shards).unwrap_or(1),
            codec: options
                .codec
                .map(Codec::name)
                .or(codec)
                .unwrap_or(Codec::Default.name())
                .to_owned(),
        }
    }
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
    use crate::store::{Layout, Partition};

    fn rendered(meta: &Meta) -> Json {
        let settings = Settings { shards: 3, codec: "default".to_owned() };
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
        let settings = |options: &SetupOptions| Settings::new(options, Some(&template));
        let kept = settings(&SetupOptions::default());
        assert_eq!((kept.shards, kept.codec.as_str()), (3, "default"));
        let codec = Some(Codec::BestCompression);
        let changed = settings(&SetupOptions { shards: Some(2), codec, ..SetupOptions::default() });
        assert_eq!((changed.shards, changed.codec.as_str()), (2, "best_compression"));
        assert!(!template.to_string().contains("{index}"));
    }

    #[test]
    fn numbers_as_text_are_the_same_and_changes_are_seen() {
        let one = json!({ "a": { "b": 1, "c": false, "d": [1] }, "e": {} });
        assert!(is_same(&one, &json!({ "e": {}, "a": { "b": "1", "c": "false", "d": [1] } })));
        assert!(!is_same(&one, &json!({ "a": { "b": 2, "c": false, "d": [1] }, "e": {} })));
        assert!(!is_same(&one, &json!({ "a": { "b": 1, "c": false }, "e": {} })));
    }
}
