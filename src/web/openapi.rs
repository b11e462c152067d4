//! The OpenAPI description, made from the table of routes.

use axum::Json;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::web::access::Caller;
use crate::web::error::Refusal;
use crate::web::routes::{self, Answer, Kind, Parameter, Route};

pub(super) async fn description(_: Caller) -> Json<Value> {
    Json(document())
}

/// OpenAPI 3.1, whose schemas are JSON Schema 2020-12.
fn document() -> Value {
    let mut schemas = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator();
    let refusal = schemas.subschema_for::<Refusal>();
    let mut paths = Map::new();
    for route in routes::table() {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method] = operation(&route, &mut schemas, &refusal);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "pcap-archiver",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Questions to a packet archive. Times are RFC 3339 in UTC with nine \
                            digits. `stopped` tells that a budget ended the work: then the answer \
                            is partial.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas.take_definitions(true),
            "securitySchemes": {
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "pcap_archiver",
                    "description": "What POST /api/v1/login sets; over TLS its name is \
                                    __Host-pcap_archiver. With `--auth none` there is none.",
                },
            },
        },
        "security": [{ "session": [] }, {}],
    })
}

fn operation(route: &Route, schemas: &mut SchemaGenerator, refusal: &schemars::Schema) -> Value {
    let success = match &route.answer {
        Answer::Json(schema) => json!({
            "description": "The answer",
            "content": { "application/json": { "schema": schema(schemas) } },
        }),
        Answer::Object => json!({
            "description": "The answer",
            "content": { "application/json": { "schema": { "type": "object" } } },
        }),
        Answer::File(media_type) => json!({
            "description": "The file. A connection that breaks off means that it is not whole.",
            "headers": {
                "Content-Disposition": {
                    "schema": { "type": "string" },
                    "description": "The name of the file",
                },
                "X-Pcap-Archiver-Packets": {
                    "schema": { "type": "integer" },
                    "description": "Its packets, where the store can count them before",
                },
                "X-Pcap-Archiver-Bytes": {
                    "schema": { "type": "integer" },
                    "description": "Its length, likewise; of pcap only",
                },
            },
            "content": { *media_type: {} },
        }),
        Answer::Nothing => json!({ "description": "Done" }),
    };
    let parameters: Vec<Value> = routes::parameters_of(route.path).iter().map(parameter).collect();
    let mut operation = json!({
        "summary": route.summary,
        "operationId": operation_id(route),
        "parameters": parameters,
        "responses": {
            (if route.method == "post" { "204" } else { "200" }): success,
            "default": {
                "description": "Why not",
                "content": { "application/json": { "schema": refusal } },
            },
        },
    });
    if let Some(body) = route.body {
        let schema = body(schemas);
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    }
    operation
}

/// A name that generators of clients can use: `get_packets_id`.
fn operation_id(route: &Route) -> String {
    let path = route.path.trim_start_matches("/api/v1");
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    std::iter::once(route.method).chain(words).collect::<Vec<_>>().join("_")
}

fn parameter(parameter: &Parameter) -> Value {
    let is_path = parameter.kind == Kind::Path;
    let schema = match parameter.kind {
        Kind::Text | Kind::Path => json!({ "type": "string" }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Number { usual, most } => {
            json!({ "type": "integer", "minimum": 1, "maximum": most, "default": usual })
        }
        Kind::OneOf(values) => json!({ "type": "string", "enum": values }),
    };
    json!({
        "name": parameter.name,
        "in": if is_path { "path" } else { "query" },
        "required": is_path,
        "description": parameter.description,
        "schema": schema,
    })
}
