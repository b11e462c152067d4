//! The one table of what can be asked. The router and the OpenAPI description are made from it.

use std::sync::Arc;

use axum::Router;
use axum::routing::MethodRouter;
use axum::routing::get;
use schemars::{Schema, SchemaGenerator};

use crate::web::{App, capture, conversation, histogram, openapi, packets, status, summary};
use crate::web::vocabulary;

/// One thing that can be asked.
pub(super) struct Route {
    pub(super) path: &'static str,
    pub(super) method: &'static str,
    pub(super) summary: &'static str,
    pub(super) answer: Answer,
    handler: MethodRouter<Arc<App>>,
}

/// What comes back.
pub(super) enum Answer {
    /// JSON of this form.
    Json(fn(&mut SchemaGenerator) -> Schema),
    /// A file of this media type.
    File(&'static str),
    /// Nothing but the status.
    Nothing,
    /// Any JSON object.
    Object,
}

/// A parameter of a request.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) description: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Texts,
    Number { usual: usize, most: usize },
    OneOf(&'static [&'static str]),
    /// A part of the path.
    Path,
}

const Q: Parameter = Parameter {
    name: "q",
    kind: Kind::Text,
    description: "Filter, in the language of `fetch --filter`; empty selects everything",
};
const WORDS: Parameter = Parameter {
    name: "words",
    kind: Kind::Texts,
    description: "Terms as `fetch TERM…` takes them; all must hold",
};
const SINCE: Parameter = Parameter {
    name: "since",
    kind: Kind::Text,
    description: "Not captured before: RFC 3339, a date, seconds since 1970, or an age such as 15m",
};
const UNTIL: Parameter =
    Parameter { name: "until", kind: Kind::Text, description: "Not captured after: likewise" };
const ORDER: Parameter = Parameter {
    name: "order",
    kind: Kind::OneOf(&["time", "frame"]),
    description: "By time, or by capture file and frame number",
};
const CURSOR: Parameter = Parameter {
    name: "cursor",
    kind: Kind::Text,
    description: "`next` of the answer before",
};
const ID: Parameter = Parameter { name: "id", kind: Kind::Path, description: "Id of a packet" };
const COMMUNITY_ID: Parameter = Parameter {
    name: "community_id",
    kind: Kind::Path,
    description: "Community ID of a conversation",
};
pub(super) const LIMIT: Parameter = Parameter {
    name: "limit",
    kind: Kind::Number { usual: 200, most: 1000 },
    description: "Packets in the answer",
};
pub(super) const BUCKETS: Parameter = Parameter {
    name: "buckets",
    kind: Kind::Number { usual: 120, most: 500 },
    description: "Not more buckets than this",
};

/// Parameters of the route with this path; none where there is no such route.
pub(super) fn parameters_of(path: &str) -> &'static [Parameter] {
    match path {
        "/api/v1/check" => &[Q],
        "/api/v1/packets" => &[Q, WORDS, SINCE, UNTIL, ORDER, LIMIT, CURSOR],
        "/api/v1/packets/{id}" => &[ID, SINCE, UNTIL],
        "/api/v1/histogram" => &[Q, WORDS, SINCE, UNTIL, BUCKETS],
        "/api/v1/summary" => &[Q, WORDS, SINCE, UNTIL],
        "/api/v1/conversation/{community_id}" => &[COMMUNITY_ID, SINCE, UNTIL, CURSOR],
        "/api/v1/pcap" | "/api/v1/pcapng" => &[Q, WORDS, SINCE, UNTIL, ORDER],
        _ => &[],
    }
}

/// All of them.
pub(super) fn table() -> Vec<Route> {
    let route = |path, summary, answer, handler| Route {
        path,
        method: "get",
        summary,
        answer,
        handler,
    };
    let json = Answer::Json;
    vec![
        route(
            "/api/v1/status",
            "What the archive holds, and what one request may cost",
            json(SchemaGenerator::subschema_for::<status::Status>),
            get(status::status),
        ),
        route(
            "/api/v1/fields",
            "Fields and words of the filter language",
            json(SchemaGenerator::subschema_for::<vocabulary::Vocabulary>),
            get(vocabulary::fields),
        ),
        route(
            "/api/v1/check",
            "Whether a filter is understood",
            json(SchemaGenerator::subschema_for::<vocabulary::Checked>),
            get(vocabulary::check),
        ),
        route(
            "/api/v1/packets",
            "A page of the packets that are selected",
            json(SchemaGenerator::subschema_for::<packets::Page>),
            get(packets::list),
        ),
        route(
            "/api/v1/packets/{id}",
            "One packet with its layers, fields and bytes",
            json(SchemaGenerator::subschema_for::<packets::View>),
            get(packets::one),
        ),
        route(
            "/api/v1/histogram",
            "Packets over time, by protocol",
            json(SchemaGenerator::subschema_for::<histogram::Histogram>),
            get(histogram::histogram),
        ),
        route(
            "/api/v1/summary",
            "Packets, bytes, time covered, and the most frequent hosts, ports and protocols",
            json(SchemaGenerator::subschema_for::<summary::Summary>),
            get(summary::summary),
        ),
        route(
            "/api/v1/conversation/{community_id}",
            "What both ends of a conversation said, packet by packet",
            json(SchemaGenerator::subschema_for::<conversation::Conversation>),
            get(conversation::conversation),
        ),
        route(
            "/api/v1/pcap",
            "The selected packets as a pcap file",
            Answer::File("application/vnd.tcpdump.pcap"),
            get(capture::pcap),
        ),
        route(
            "/api/v1/pcapng",
            "The selected packets as a pcapng file",
            Answer::File("application/x-pcapng"),
            get(capture::pcapng),
        ),
        route(
            "/api/v1/openapi.json",
            "This description",
            Answer::Object,
            get(openapi::description),
        ),
        route("/healthz", "Whether the server runs", Answer::Nothing, get(status::alive)),
        route(
            "/readyz",
            "Whether the archive answers; 503 and the reason if not",
            Answer::Nothing,
            get(status::ready),
        ),
    ]
}

impl Route {
    pub(super) fn add_to(self, router: Router<Arc<App>>) -> Router<Arc<App>> {
        router.route(self.path, self.handler)
    }
}
