use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::packet::{CapturedPacket, Fingerprint, LinkType, Origin, Source, TcpFlags};

fn document(layers: Layers) -> serde_json::Value {
    let packet = CapturedPacket {
        timestamp: Timestamp::default(),
        link_type: LinkType::ETHERNET,
        original_length: 60,
        data: Bytes::new(),
        extras: None,
    };
    let source = Source { file_name: "a".into(), file_path: "a".into(), sensor: None };
    let origin = Origin { capture: Fingerprint([0; 16]), frame: 7, source: Arc::new(source) };
    let record = PacketRecord { stored: StoredPacket::new(packet, origin), layers };
    let mut json = Vec::new();
    Document::of(&record).write_json(&mut json);
    serde_json::from_slice(&json).unwrap()
}

#[test]
fn what_is_around_the_innermost_packet_is_outer() {
    let network = |last: u8, ports: (u16, u16)| NetworkLayer {
        kind: crate::packet::NetworkKind::Ipv4,
        source: [192, 0, 2, last].into(),
        destination: [198, 51, 100, last].into(),
        next_header: 17,
        protocol: 17,
        fragment: None,
        transport: Some(Transport::Udp { source: ports.0, destination: ports.1 }),
    };
    let tunnel = |kind| crate::packet::Tunnel { kind, id: None };
    let json = document(Layers {
        names: vec!["ethernet", "vlan", "ipv4", "udp", "vxlan", "ethernet", "vlan", "vlan"].into(),
        vlan_ids: vec![5, 6, 7],
        networks: vec![network(1, (50_000, 4789)), network(2, (1, 2)), network(3, (53, 54))].into(),
        tunnels: vec![tunnel("vxlan"), tunnel("geneve")],
        passed: vec![[203, 0, 113, 1].into()],
        ..Layers::default()
    });
    assert_eq!(
        json["packet"]["outer"],
        serde_json::json!({
            "destination": { "ip": ["198.51.100.1", "198.51.100.2"], "port": [4789, 2] },
            "source": { "ip": ["192.0.2.1", "192.0.2.2"], "port": [50_000, 1] },
        })
    );
    assert_eq!(
        (json["source"]["ip"].as_str(), &json["source"]["port"]),
        (Some("192.0.2.3"), &serde_json::json!(53))
    );
    assert_eq!(json["network"]["vlan"]["id"], "5");
    assert_eq!(json["network"]["inner"], serde_json::Value::Null, "tags of another frame");
    let related = json["related"]["ip"].as_array().unwrap();
    assert!(related.len() == 7 && related.contains(&"203.0.113.1".into()));
}

#[test]
fn fields_nest_and_lists_stay_lists() {
    let packet = CapturedPacket {
        timestamp: Timestamp::from_nanoseconds(1_700_000_000_000_000_001),
        link_type: LinkType::ETHERNET,
        original_length: 60,
        data: Bytes::from_static(b"ab"),
        extras: None,
    };
    let source = Source { file_name: "a \"b\"".into(), file_path: "x/a".into(), sensor: None };
    let origin = Origin { capture: Fingerprint([0; 16]), frame: 7, source: Arc::new(source) };
    let network = NetworkLayer {
        kind: crate::packet::NetworkKind::Ipv4,
        source: "192.0.2.1".parse().unwrap(),
        destination: "192.0.2.2".parse().unwrap(),
        next_header: 6,
        protocol: 6,
        fragment: None,
        transport: Some(Transport::Tcp { source: 1, destination: 2, flags: Some(TcpFlags(0x12)) }),
    };
    let layers =
        Layers { names: vec!["ethernet"].into(), networks: [network].into(), ..Layers::default() };
    let record = PacketRecord { stored: StoredPacket::new(packet, origin), layers };
    let mut json = Vec::new();
    Document::of(&record).write_json(&mut json);
    let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(value["@timestamp"], "2023-11-14T22:13:20.000000001Z");
    assert_eq!(value["event"]["sequence"], 7);
    assert_eq!(value["file"]["name"], "a \"b\"");
    assert_eq!(value["packet"]["data"], "YWI=");
    assert_eq!(value["packet"]["tcp"]["flags"], serde_json::json!(["syn", "ack"]));
    assert_eq!(value["packet"]["layers"], serde_json::json!(["ethernet"]));
    assert_eq!(value["related"]["ip"], serde_json::json!(["192.0.2.1", "192.0.2.2"]));
    assert_eq!(value["source"]["port"], 1);
    assert!(value.get("observer").is_none(), "absent is absent");
}
