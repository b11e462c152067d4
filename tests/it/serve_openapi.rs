//! The description that the server gives of itself, and whether its answers are so.

use std::collections::BTreeSet;

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::support::served::Served;
use crate::support::{Sandbox, conversations};

/// The schema of an answer, with what it refers to.
fn schema(document: &Value, path: &str) -> Validator {
    let answer = &document["paths"][path]["get"]["responses"]["200"];
    let mut schema = answer["content"]["application/json"]["schema"].clone();
    assert!(schema.is_object(), "{path}: {answer}");
    schema["components"] = document["components"].clone();
    jsonschema::draft202012::new(&schema).unwrap()
}

#[tokio::test]
async fn every_answer_is_of_the_form_that_is_described() {
    let sandbox = Sandbox::embedded();
    sandbox.file("a.pcap", &conversations());
    sandbox.ok(&["ingest", "a.pcap"]);
    let served = Served::start(&sandbox, &["--max-packets", "150"]);
    let document = served.json("/api/v1/openapi.json").await;
    assert_eq!(document["openapi"], "3.1.0");
    let schemas = json!({ "$defs": document["components"]["schemas"] });
    assert!(jsonschema::meta::is_valid(&schemas), "{schemas}");

    let page = served.json("/api/v1/packets?words=tcp&limit=1").await;
    let (id, community_id) = (&page["packets"][0]["id"], &page["packets"][0]["community_id"]);
    let community_id: String =
        url::form_urlencoded::byte_serialize(community_id.as_str().unwrap().as_bytes()).collect();
    let of_packet = format!("/api/v1/packets/{}", id.as_str().unwrap());
    let of_conversation = format!("/api/v1/conversation/{community_id}");
    let asked = [
        ("/api/v1/session", "/api/v1/session"),
        ("/api/v1/status", "/api/v1/status"),
        ("/api/v1/fields", "/api/v1/fields"),
        ("/api/v1/check", "/api/v1/check"),
        ("/api/v1/packets", "/api/v1/packets?limit=20"),
        // The budget ends this one.
        ("/api/v1/packets", "/api/v1/packets?words=nowhere-to-be-found"),
        ("/api/v1/packets/{id}", of_packet.as_str()),
        ("/api/v1/histogram", "/api/v1/histogram"),
        ("/api/v1/summary", "/api/v1/summary"),
        ("/api/v1/conversation/{community_id}", of_conversation.as_str()),
    ];
    for (path, question) in asked {
        let answer = served.json(question).await;
        let schema = schema(&document, path);
        let wrong: Vec<String> =
            schema.iter_errors(&answer).map(|wrong| wrong.to_string()).collect();
        assert!(wrong.is_empty(), "{question}: {wrong:?}\n{answer}");
        // A schema that takes anything would prove nothing.
        assert!(!schema.is_valid(&json!({ "anything": 1 })), "{path}");
    }

    let described: BTreeSet<&str> =
        document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let with_json = asked.iter().map(|(path, _)| *path);
    let others = [
        "/api/v1/login",
        "/api/v1/logout",
        "/api/v1/pcap",
        "/api/v1/pcapng",
        "/api/v1/openapi.json",
        "/healthz",
        "/readyz",
    ];
    assert_eq!(described, with_json.chain(others).collect());
}

#[tokio::test]
async fn refusals_are_of_the_form_that_is_described() {
    let sandbox = Sandbox::embedded();
    sandbox.file("a.pcap", &conversations());
    sandbox.ok(&["ingest", "a.pcap"]);
    let served = Served::start(&sandbox, &[]);
    let document = served.json("/api/v1/openapi.json").await;
    let refusal = &document["paths"]["/api/v1/packets"]["get"]["responses"]["default"];
    let mut schema = refusal["content"]["application/json"]["schema"].clone();
    schema["components"] = document["components"].clone();
    let schema = jsonschema::draft202012::new(&schema).unwrap();
    for question in ["/api/v1/packets?limit=x", "/api/v1/packets?words=10.0.0.0/99"] {
        let (status, answer) = served.answer(question).await;
        assert_eq!(status, 400, "{answer}");
        assert!(schema.is_valid(&answer), "{question}: {answer}");
    }
    assert!(!schema.is_valid(&json!({})));
}
