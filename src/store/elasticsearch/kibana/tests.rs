use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::*;
use crate::document::fields::{FIELDS, Kind};

fn archive() -> Archive {
    Archive::new("pcap-x").unwrap()
}

fn saved_object(place: usize) -> Json {
    serde_json::from_str(&SAVED_OBJECTS[place].1.replace("{index}", "pcap-x")).unwrap()
}

/// The text inside an attribute, which is JSON as well.
fn inside(text: &Json) -> Json {
    serde_json::from_str(text.as_str().unwrap()).unwrap()
}

/// What there is to count and to group by.
fn is_aggregatable(name: &str) -> bool {
    let field = FIELDS.iter().find(|field| field.name == name);
    field.is_some_and(|field| field.indexed && ![Kind::Binary, Kind::Terms].contains(&field.kind))
}

#[test]
fn links_lead_to_the_web_page() {
    let view = data_view(&archive(), "https://web.example.org/packets").unwrap();
    assert_eq!((&view["id"], &view["title"]), (&json!("pcap-x"), &json!("pcap-x")));
    let links: BTreeMap<_, _> =
        links(&view).map(|(field, format)| (field.as_str(), &format["params"])).collect();
    assert_eq!(links["_id"]["urlTemplate"], "https://web.example.org/packets/?id={{value}}");
    assert_eq!(
        links["network.community_id"]["urlTemplate"],
        "https://web.example.org/packets/?community_id={{value}}"
    );
    for field in view["fieldFormats"].as_object().unwrap().keys() {
        assert!(field == "_id" || is_aggregatable(field), "{field}");
    }
}

#[test]
fn new_links_leave_the_rest_of_a_data_view_as_it_is() {
    let wanted = data_view(&archive(), "http://new").unwrap();
    let mut found = data_view(&archive(), "http://old").unwrap();
    found["name"] = json!("Ours");
    found["fieldFormats"]["packet.length"] = json!({ "id": "bytes" });
    found["runtimeFieldMap"] = json!({ "day": { "type": "keyword" } });
    found["version"] = json!("WzEsMV0=");
    assert!(!has_links(&found, &wanted));
    let merged = with_links(&found, &wanted);
    assert!(has_links(&merged, &wanted));
    assert_eq!(merged["name"], "Ours");
    assert_eq!(merged["fieldFormats"]["packet.length"], json!({ "id": "bytes" }));
    assert_eq!(merged["runtimeFieldMap"], found["runtimeFieldMap"]);
    assert_eq!(merged.get("version"), None, "a new one is made by Kibana");
}

#[test]
fn saved_objects_are_one_line_each_and_refer_to_what_there_is() {
    let known = BTreeSet::from([
        ("index-pattern".to_owned(), "pcap-x".to_owned()),
        ("search".to_owned(), "pcap-x-packets".to_owned()),
    ]);
    for (place, (what, text)) in SAVED_OBJECTS.iter().enumerate() {
        assert_eq!(text.trim_end().lines().count(), 1, "{what}");
        assert!(!text.contains(BOUNDARY), "{what}");
        for reference in saved_object(place)["references"].as_array().unwrap() {
            let of = |name: &str| reference[name].as_str().unwrap().to_owned();
            assert!(known.contains(&(of("type"), of("id"))), "{what}: {reference}");
        }
    }
}

#[test]
fn the_saved_search_shows_fields_that_there_are() {
    let search = saved_object(0);
    for column in search["attributes"]["columns"].as_array().unwrap() {
        let column = column.as_str().unwrap();
        assert!(column == "_id" || is_aggregatable(column), "{column}");
    }
    let source = inside(&search["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"]);
    assert_eq!(source["indexRefName"], search["references"][0]["name"]);
}

#[test]
fn each_panel_is_complete() {
    let dashboard = saved_object(1);
    let panels = inside(&dashboard["attributes"]["panelsJSON"]);
    let references: BTreeSet<&str> = dashboard["references"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reference| reference["name"].as_str().unwrap())
        .collect();
    let mut shown = BTreeSet::new();
    let mut expected = BTreeSet::new();
    for panel in panels.as_array().unwrap() {
        let name = panel["panelIndex"].as_str().unwrap();
        assert_eq!(panel["gridData"]["i"], name);
        if panel["type"] == "search" {
            expected.insert(format!("{name}:{}", panel["panelRefName"].as_str().unwrap()));
            continue;
        }
        let attributes = &panel["embeddableConfig"]["attributes"];
        let layers = &attributes["state"]["datasourceStates"]["formBased"]["layers"];
        let (layer, columns) = layers.as_object().unwrap().iter().next().unwrap();
        expected.insert(format!("{name}:indexpattern-datasource-layer-{layer}"));
        let inner = attributes["references"][0]["name"].as_str().unwrap();
        assert_eq!(inner, format!("indexpattern-datasource-layer-{layer}"));
        let named: BTreeSet<&str> = columns["columnOrder"]
            .as_array()
            .unwrap()
            .iter()
            .map(|column| column.as_str().unwrap())
            .collect();
        let columns = columns["columns"].as_object().unwrap();
        assert_eq!(named, columns.keys().map(String::as_str).collect(), "{name}");
        for column in columns.values() {
            let field = column["sourceField"].as_str().unwrap();
            assert!(field == "___records___" || is_aggregatable(field), "{name}: {field}");
            let by = column["params"]["orderBy"]["columnId"].as_str();
            assert!(by.is_none_or(|by| named.contains(by)), "{name}: {by:?}");
            shown.insert(field.to_owned());
        }
        let drawn = attributes["state"]["visualization"].to_string();
        assert!(named.iter().all(|column| drawn.contains(&format!("\"{column}\""))), "{name}");
    }
    assert_eq!(references, expected.iter().map(String::as_str).collect());
    for field in [
        "@timestamp",
        "___records___",
        "network.bytes",
        "source.ip",
        "network.protocol",
        "destination.port",
        "dns.question.name",
        "tls.client.server_name",
        "network.community_id",
    ] {
        assert!(shown.contains(field), "{field} is shown");
    }
}

#[test]
fn an_import_is_a_form_with_one_file() {
    let form = form("{}");
    let form = std::str::from_utf8(&form).unwrap();
    let boundary = IMPORT_TYPE.split_once("boundary=").unwrap().1;
    assert_eq!(boundary, BOUNDARY);
    assert!(form.starts_with(&format!("--{boundary}\r\n")));
    assert!(form.ends_with(&format!("\r\n\r\n{{}}\r\n--{boundary}--\r\n")));
}
