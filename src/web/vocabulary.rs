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
    words: Vec<Keyword>,
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
pub(super) struct Keyword {
    word: &'static str,
    description: &'static str,
    /// A filter with it.
    example: &'static str,
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
    let words =
        WORDS.iter().map(|(word, description, example)| Keyword { word, description, example });
    Json(Vocabulary { fields: fields.collect(), words: words.collect() })
}

pub(super) async fn check(_: Caller, parameters: Parameters) -> Result<Json<Checked>, ApiError> {
    Ok(Json(Checked { filter: parameters.query()?.filter.to_string() }))
}

/// Word, meaning, and an example where the word needs something beside it.
const WORDS: &[(&str, &str, &str)] = &[
    ("and", "both hold", "tcp and port 80"),
    ("arp", "ARP", "arp"),
    ("broadcast", "sent to everybody, by Ethernet or IPv4", "ether broadcast"),
    ("dst", "the receiver", "dst host 192.0.2.1"),
    ("ether", "Ethernet addresses and types", "ether host 00:00:5e:00:53:23"),
    ("greater", "this long or longer", "greater 1000"),
    ("host", "an address, at either end", "host 192.0.2.1"),
    ("icmp", "ICMP", "icmp"),
    ("icmp6", "ICMPv6", "icmp6"),
    ("igmp", "IGMP", "igmp"),
    ("ip", "IPv4", "ip"),
    ("ip6", "IPv6", "ip6"),
    ("less", "this long or shorter", "less 100"),
    ("mpls", "an MPLS label", "mpls 1000"),
    ("multicast", "sent to many, by Ethernet, IPv4 or IPv6", "ip multicast"),
    ("net", "a network, at either end", "net 192.0.2.0/24"),
    ("not", "the opposite", "not port 53"),
    ("or", "one of both holds", "port 80 or port 443"),
    ("outer", "the outside of a tunnel", "outer host 192.0.2.1"),
    ("port", "a port, at either end", "port 53"),
    ("portrange", "a range of ports", "portrange 6000-6100"),
    ("proto", "a protocol by name or number", "ip proto 47"),
    ("rarp", "RARP", "rarp"),
    ("sctp", "SCTP", "sctp"),
    ("src", "the sender", "src host 192.0.2.1"),
    ("tcp", "TCP", "tcp"),
    ("udp", "UDP", "udp"),
    ("vlan", "a VLAN tag", "vlan 100"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query;

    #[test]
    fn each_word_is_one_of_the_language() {
        for (word, _, example) in WORDS {
            assert!(example.split(' ').any(|part| part == *word), "{example}");
            assert!(query::parse(example).is_ok(), "{example}");
        }
    }
}
