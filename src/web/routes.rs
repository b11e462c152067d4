//! The one table of what can be asked. The router and the OpenAPI description are made from it.

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, get, post};
use schemars::{Schema, SchemaGenerator};

use crate::web::access::{self, Login, SessionState};
use crate::web::vocabulary;
use crate::web::{App, conversation, download, histogram, openapi, packets, status, summary};

/// One thing that can be asked.
pub(super) struct Route {
    pub(super) path: &'static str,
    pub(super) method: &'static str,
    pub(super) summary: &'static str,
    /// What has to be sent along, as JSON.
    pub(super) body: Option<fn(&mut SchemaGenerator) -> Schema>,
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
    Number {
        usual: usize,
        most: usize,
    },
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
const CURSOR: Parameter =
    Parameter { name: "cursor", kind: Kind::Text, description: "`next` of the answer before" };
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
    let mut table = Vec::from(of_access());
    table.extend(of_archive());
    table.extend(of_packets());
    table.extend(of_server());
    table
}

fn route(
    path: &'static str,
    summary: &'static str,
    answer: Answer,
    handler: MethodRouter<Arc<App>>,
) -> Route {
    Route { path, method: "get", summary, body: None, answer, handler }
}

fn of_access() -> [Route; 3] {
    let session = Answer::Json(SchemaGenerator::subschema_for::<SessionState>);
    let post_without_answer = |path, summary, handler| Route {
        method: "post",
        ..route(path, summary, Answer::Nothing, handler)
    };
    [
        route("/api/v1/session", "Who is logged in, and how", session, get(access::session)),
        Route {
            body: Some(SchemaGenerator::subschema_for::<Login>),
            ..post_without_answer(
                "/api/v1/login",
                "Begins a session; the answer sets its cookie",
                post(access::log_in),
            )
        },
        post_without_answer(
            "/api/v1/logout",
            "Ends the session; needs the header X-CSRF-Token",
            post(access::log_out),
        ),
    ]
}

fn of_archive() -> [Route; 3] {
    [
        route(
            "/api/v1/status",
            "What the archive holds, and what one request may cost",
            Answer::Json(SchemaGenerator::subschema_for::<status::Status>),
            get(status::status),
        ),
        route(
            "/api/v1/fields",
            "Fields and words of the filter language",
            Answer::Json(SchemaGenerator::subschema_for::<vocabulary::Vocabulary>),
            get(vocabulary::fields),
        ),
        route(
            "/api/v1/check",
            "Whether a filter is understood",
            Answer::Json(SchemaGenerator::subschema_for::<vocabulary::Checked>),
            get(vocabulary::check),
        ),
    ]
}

fn of_packets() -> [Route; 7] {
    [
        route(
            "/api/v1/packets",
            "A page of the packets that are selected",
            Answer::Json(SchemaGenerator::subschema_for::<packets::Page>),
            get(packets::list),
        ),
        route(
            "/api/v1/packets/{id}",
            "One packet with its layers, fields and bytes",
            Answer::Json(SchemaGenerator::subschema_for::<packets::View>),
            get(packets::one),
        ),
        route(
            "/api/v1/histogram",
            "Packets over time, by protocol",
            Answer::Json(SchemaGenerator::subschema_for::<histogram::Histogram>),
            get(histogram::histogram),
        ),
        route(
            "/api/v1/summary",
            "Packets, bytes, time covered, and the most frequent hosts, ports and protocols",
            Answer::Json(SchemaGenerator::subschema_for::<summary::Summary>),
            get(summary::summary),
        ),
        route(
            "/api/v1/conversation/{community_id}",
            "What both ends of a conversation said, packet by packet",
            Answer::Json(SchemaGenerator::subschema_for::<conversation::Conversation>),
            get(conversation::conversation),
        ),
        route(
            "/api/v1/pcap",
            "The selected packets as a pcap file",
            Answer::File("application/vnd.tcpdump.pcap"),
            get(download::pcap),
        ),
        route(
            "/api/v1/pcapng",
            "The selected packets as a pcapng file",
            Answer::File("application/x-pcapng"),
            get(download::pcapng),
        ),
    ]
}

fn of_server() -> [Route; 3] {
    [
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
