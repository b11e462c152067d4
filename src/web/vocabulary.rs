//! The filter language: its fields, its words, and whether a filter is understood.

use axum::Json;
use schemars::JsonSchema;
use serde::Serialize;

use crate::document::fields::FIELDS;
use crate::web::access::Caller;
use crate::web::error::ApiError;
use crate::web::parameters::Parameters;

/// What a filter can be made of.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Vocabulary {
    fields: Vec<Entry>,
    words: Vec<Word>,
}

/// A stored field that can be searched.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Entry {
    name: &'static str,
    /// Elasticsearch's name of its type.
    #[serde(rename = "type")]
    kind: &'static str,
    description: &'static str,
}

/// A keyword.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Word {
    word: &'static str,
    description: &'static str,
}

/// A filter that is understood.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Checked {
    /// Its normal form.
    filter: String,
}

pub(super) async fn fields(_: Caller) -> Json<Vocabulary> {
    let fields = FIELDS.iter().filter(|field| field.indexed).map(|field| Entry {
        name: field.name,
        kind: field.kind.name(),
        description: field.description,
    });
    let words = WORDS.iter().map(|(word, description)| Word { word, description });
    Json(Vocabulary { fields: fields.collect(), words: words.collect() })
}

pub(super) async fn check(_: Caller, parameters: Parameters) -> Result<Json<Checked>, ApiError> {
    Ok(Json(Checked { filter: parameters.query()?.filter.to_string() }))
}

const WORDS: &[(&str, &str)] = &[
    ("arp", "Address resolution"),
    ("dns", "DNS, recognised by its content"),
    ("http", "HTTP, recognised by its content"),
    ("icmp", "ICMP"),
    ("icmp6", "ICMPv6"),
    ("ip", "IPv4"),
    ("ip6", "IPv6"),
    ("ipv4", "IPv4"),
    ("ipv6", "IPv6"),
    ("sctp", "SCTP"),
    ("tcp", "TCP"),
    ("tls", "TLS, recognised by its content"),
    ("udp", "UDP"),
];
