use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::*;
use crate::document::fields::{FIELDS, Kind};

const LAYOUTS: [Layout; 2] = [Layout::Singles, Layout::Flows];

fn archive() -> Archive {
    Archive::new("pcap-x").unwrap()
}

fn view(layout: Layout, web_url: &str) -> Json {
    data_view(objects(layout).data_view, &archive(), web_url).unwrap()
}

fn saved_object(layout: Layout, place: usize) -> Json {
    serde_json::from_str(&objects(layout).saved[place].1.replace("{index}", "pcap-x")).unwrap()
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
    for layout in LAYOUTS {
        let view = view(layout, "https://web.example.org/packets");
        assert_eq!((&view["id"], &view["title"]), (&json!("pcap-x"), &json!("pcap-x")));
        let links: BTreeMap<_, _> = links(&view)
            .map(|(field, format)| (field.as_str(), format["params"]["urlTemplate"].clone()))
            .collect();
        let packet = json!("https://web.example.org/packets/?id={{value}}");
        let conversation = json!("https://web.example.org/packets/?community_id={{value}}");
        let mut expected = BTreeMap::from([("network.community_id", conversation)]);
        // The page knows packets by their ids; a stretch has another.
        if layout == Layout::Singles {
            expected.insert("_id", packet);
        }
        assert_eq!(links, expected, "{layout:?}");
        for field in view["fieldFormats"].as_object().unwrap().keys() {
            assert!(field == "_id" || is_aggregatable(field), "{field}");
        }
    }
}

#[test]
fn the_duration_of_a_stretch_is_shown_as_one() {
    let format = view(Layout::Flows, "")["fieldFormats"]["event.duration"].take();
    assert_eq!(format["id"], "duration");
    assert_eq!(format["params"]["inputFormat"], "nanoseconds");
}

#[test]
fn new_links_leave_the_rest_of_a_data_view_as_it_is() {
    let wanted = view(Layout::Singles, "http://new");
    let mut found = view(Layout::Singles, "http://old");
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
    for layout in LAYOUTS {
        let mut known = BTreeSet::from([("index-pattern".to_owned(), "pcap-x".to_owned())]);
        for (place, (what, text)) in objects(layout).saved.iter().enumerate() {
            assert_eq!(text.trim_end().lines().count(), 1, "{what}");
            assert!(!text.contains(BOUNDARY), "{what}");
            let object = saved_object(layout, place);
            let of = |of: &Json, name: &str| of[name].as_str().unwrap().to_owned();
            for reference in object["references"].as_array().unwrap() {
                let reference = (of(reference, "type"), of(reference, "id"));
                assert!(known.contains(&reference), "{what}: {reference:?}");
            }
            known.insert((of(&object, "type"), of(&object, "id")));
        }
    }
}

#[test]
fn the_saved_search_shows_fields_that_there_are() {
    for layout in LAYOUTS {
        let search = saved_object(layout, 0);
        let columns: Vec<&str> = search["attributes"]["columns"]
            .as_array()
            .unwrap()
            .iter()
            .map(|column| column.as_str().unwrap())
            .collect();
        let mut fields = columns.iter().filter(|column| **column != "_id");
        assert!(fields.all(|column| is_aggregatable(column)), "{columns:?}");
        let of_stretches = ["network.packets", "event.duration"];
        let has_them = of_stretches.iter().all(|field| columns.contains(field));
        assert_eq!(has_them, layout == Layout::Flows, "{columns:?}");
        let source = inside(&search["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"]);
        assert_eq!(source["indexRefName"], search["references"][0]["name"]);
    }
}

/// The fields that a dashboard shows.
fn shown(dashboard: &Json) -> BTreeSet<String> {
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
    shown
}

#[test]
fn each_panel_is_complete_and_measures_what_documents_are() {
    for layout in LAYOUTS {
        let shown = shown(&saved_object(layout, 1));
        for field in [
            "@timestamp",
            "network.bytes",
            "source.ip",
            "network.protocol",
            "destination.port",
            "dns.question.name",
            "tls.client.server_name",
            "network.community_id",
        ] {
            assert!(shown.contains(field), "{layout:?}: {field} is shown");
        }
        // A number of stretches would say nothing: how long one is follows from how it was cut.
        for (field, of) in [
            ("___records___", Layout::Singles),
            ("network.packets", Layout::Flows),
            ("event.duration", Layout::Flows),
        ] {
            assert_eq!(shown.contains(field), layout == of, "{layout:?}: {field}");
        }
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
