//! The HTTP API on the embedded store, as a browser sees it.

use std::net::SocketAddr;

use pcap_archiver::testing::udp_frame;
use serde_json::Value;

use crate::support::served::Served;
use crate::support::{Pcap, Sandbox, conversations};

fn filled() -> Sandbox {
    let sandbox = Sandbox::embedded();
    sandbox.file("a.pcap", &conversations());
    sandbox.ok(&["ingest", "a.pcap"]);
    sandbox
}

/// The values of a field of each object in a list.
fn each<'a>(list: &'a Value, field: &str) -> Vec<&'a Value> {
    list.as_array().unwrap().iter().map(|value| &value[field]).collect()
}

fn each_text(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|value| value.as_str().unwrap()).collect()
}

#[tokio::test]
async fn pages_of_packets_are_what_fetch_gives() {
    let sandbox = filled();
    let served = Served::start(&sandbox, &[]);
    let expected: Vec<String> = sandbox
        .ok(&["fetch", "53", "--json"])
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["@timestamp"].to_string())
        .collect();
    assert!(expected.len() > 50);

    let mut found = Vec::new();
    let mut next = String::new();
    loop {
        let page = served.json(&format!("/api/v1/packets?words=53&limit=30&cursor={next}")).await;
        assert_eq!(page["stopped"], Value::Null);
        found.extend(
            each(&page["packets"], "timestamp").iter().map(std::string::ToString::to_string),
        );
        match &page["next"] {
            Value::String(cursor) => next.clone_from(cursor),
            next => break assert_eq!(*next, Value::Null),
        }
    }
    assert_eq!(found, expected);
}

#[tokio::test]
async fn downloads_are_what_fetch_writes() {
    let sandbox = filled();
    let served = Served::start(&sandbox, &[]);
    for format in ["pcap", "pcapng"] {
        for words in ["", "192.168.99.101"] {
            let arguments: Vec<&str> = ["fetch", "--format", format, "-w", "out"]
                .into_iter()
                .chain(words.split_whitespace())
                .collect();
            sandbox.ok(&arguments);
            let path = format!("/api/v1/{format}?words={words}");
            let path = if words.is_empty() { path.replace("?words=", "") } else { path };
            let expected = std::fs::read(sandbox.path("out")).unwrap();
            assert_eq!(served.bytes(&path).await, expected, "{path}");
        }
    }
    let response = served.get("/api/v1/pcap").await;
    let disposition = response.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert!(disposition.starts_with("attachment; filename=\"fetch-2"), "{disposition}");
}

#[tokio::test]
async fn figures_are_those_of_the_packets() {
    let sandbox = filled();
    let served = Served::start(&sandbox, &[]);
    let summary = served.json("/api/v1/summary").await;
    assert_eq!((&summary["packets"], &summary["exact"]), (&200.into(), &true.into()));
    let histogram = served.json("/api/v1/histogram?buckets=50").await;
    let buckets = &histogram["buckets"];
    let sum = |field| each(buckets, field).iter().map(|n| n.as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("packets"), sum("bytes")), (200, summary["bytes"].as_u64().unwrap()));
    for bucket in buckets.as_array().unwrap() {
        let protocols = bucket["protocols"].as_object().unwrap().values();
        let parts: u64 = protocols.map(|packets| packets.as_u64().unwrap()).sum();
        assert_eq!(bucket["packets"], parts, "{bucket}");
    }
}

#[tokio::test]
async fn a_packet_is_shown_whole_and_its_conversation() {
    let sandbox = filled();
    let served = Served::start(&sandbox, &[]);
    let page = served.json("/api/v1/packets?words=http&limit=1").await;
    let row = &page["packets"][0];
    let view = served.json(&format!("/api/v1/packets/{}", row["id"].as_str().unwrap())).await;
    assert_eq!(&view["packet"], row);
    let names = each(&view["layers"], "name");
    assert_eq!(names, ["ethernet", "ipv4", "tcp", "http"]);
    assert_eq!(view["fields"]["user_agent"]["original"], "Mozilla/5.0");

    let id = row["community_id"].as_str().unwrap();
    let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
    let conversation = served.json(&format!("/api/v1/conversation/{id}")).await;
    let text = conversation["segments"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("GET / HTTP/1.1\nUser-Agent: Mozilla/5.0\n"), "{text}");
}

#[tokio::test]
async fn a_filter_is_read_as_fetch_reads_it_and_a_mistake_has_its_place() {
    let sandbox = filled();
    let served = Served::start(&sandbox, &[]);
    let page = served.json("/api/v1/packets?q=udp+port+53+and+src+host+8.8.8.8&limit=1000").await;
    let expected = sandbox.ok(&["fetch", "-f", "udp port 53 and src host 8.8.8.8", "--count"]);
    assert_eq!(page["packets"].as_array().unwrap().len().to_string(), expected.trim());
    let (first, second) = ("port 53 or 80", "port 53 or port 80");
    let normal = async |filter: &str| {
        let filter: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        served.json(&format!("/api/v1/check?q={filter}")).await["filter"].clone()
    };
    assert_eq!(normal(first).await, normal(second).await);

    // Bytes, not characters.
    let (status, body) = served.answer("/api/v1/check?q=%22%C3%A9%22+and+port+70000").await;
    assert_eq!((status, &body["parameter"]), (400, &"q".into()), "{body}");
    let text = "\"é\" and port 70000";
    assert_eq!(body["query"]["offset"], text.find("70000").unwrap(), "{body}");
    assert_eq!(body["query"]["length"], "70000".len(), "{body}");
}

#[tokio::test]
async fn a_conversation_has_the_same_ends_on_every_page() {
    let sandbox = Sandbox::embedded();
    let client: SocketAddr = "192.0.2.1:5000".parse().unwrap();
    let resolver: SocketAddr = "192.0.2.2:53".parse().unwrap();
    let question = udp_frame(client, resolver, b"a");
    let answer = udp_frame(resolver, client, b"b");
    let packets = [&question, &question, &answer, &answer, &question, &answer];
    let capture = (1..)
        .zip(packets)
        .fold(Pcap::new(1), |capture, (second, packet)| capture.packet(second, 0, packet));
    sandbox.file("a.pcap", &capture.bytes());
    sandbox.ok(&["ingest", "a.pcap"]);
    // Pages of two packets, and then of one.
    let served = Served::start(&sandbox, &["--max-packets", "2"]);
    let page = served.json("/api/v1/packets?limit=1").await;
    let id = page["packets"][0]["community_id"].as_str().unwrap();
    let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
    let (mut cursor, mut senders) = (String::new(), Vec::new());
    loop {
        let page = served.json(&format!("/api/v1/conversation/{id}?cursor={cursor}")).await;
        let ends = each_text(&page["ends"]);
        assert_eq!(ends, [client.to_string(), resolver.to_string()], "{page}");
        senders.extend(each(&page["segments"], "from").iter().map(|from| from.as_u64().unwrap()));
        let Some(next) = page["next"].as_str() else { break };
        next.clone_into(&mut cursor);
    }
    assert_eq!(senders, [0, 0, 1, 1, 0, 1]);
}

#[tokio::test]
async fn a_host_that_no_answer_names_is_noted() {
    let sandbox = filled();
    let served = Served::start(&sandbox, &[]);
    for path in ["packets", "summary"] {
        let unknown = served.json(&format!("/api/v1/{path}?q=host+nowhere.example")).await;
        let note = unknown["notes"][0].as_str().unwrap();
        assert!(note.contains("no DNS answer") && note.contains("nowhere.example"), "{note}");
        let known = served.json(&format!("/api/v1/{path}?q=host+8.8.8.8")).await;
        assert_eq!(known["notes"], Value::Array(Vec::new()));
    }
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let sandbox = filled();
    let served = Served::start(&sandbox, &[]);
    for (path, status, said) in [
        ("/api/v1/packets?limit=0", 400, "parameter limit: "),
        ("/api/v1/packets?limit=1001", 400, "parameter limit: "),
        ("/api/v1/packets?filter=x", 400, "parameter filter: "),
        ("/api/v1/packets?since=yesterday", 400, "parameter since: "),
        ("/api/v1/packets?q=&q=", 400, "parameter q: "),
        ("/api/v1/packets?cursor=x", 400, "parameter cursor: "),
        ("/api/v1/packets/AAAAAAAAAAAAAAAAAAAAAA", 404, "packet AAAAAAAAAAAAAAAAAAAAAA: "),
        ("/api/v1/packets/x", 404, "packet x: "),
        ("/api/v1/nothing", 404, "/api/v1/nothing: "),
    ] {
        let (found, body) = served.answer(path).await;
        assert_eq!(found, status, "{path}: {body}");
        assert!(body["error"].as_str().unwrap().starts_with(said), "{path}: {body}");
    }
}
