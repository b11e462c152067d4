use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::*;
use crate::packet::{
    Application, CapturedPacket, DnsQuestion, DnsRecord, Fingerprint, LinkType, Origin,
    PacketRecord, Source, StoredPacket, TlsClient, User,
};

fn document(application: Application, protocol: &'static str) -> Json {
    let packet = CapturedPacket {
        timestamp: Timestamp::default(),
        link_type: LinkType::ETHERNET,
        original_length: 0,
        data: Bytes::new(),
        extras: None,
    };
    let source = Source { file_name: "a".into(), file_path: "a".into(), sensor: None };
    let origin = Origin { capture: Fingerprint([0; 16]), frame: 1, source: Arc::new(source) };
    let layers = Layers {
        application: Some(protocol),
        details: Some(Box::new(application)),
        ..Layers::default()
    };
    let record = PacketRecord { stored: StoredPacket::new(packet, origin), layers };
    let mut json = Vec::new();
    Document::of(&record).write_json(&mut json);
    serde_json::from_slice(&json).unwrap()
}

fn http(method: &str, target: &str, host: Option<&str>) -> Json {
    let http = Http {
        method: Some(method.into()),
        target: Some(target.into()),
        host: host.map(str::to_owned),
        ..Http::default()
    };
    document(Application::of(Message::Http(Box::new(http))), "http")["url"].take()
}

#[test]
fn urls_are_taken_apart() {
    assert_eq!(
        http("GET", "/a/b?c=d?e", Some("Example.com:8080")),
        json!({ "domain": "Example.com", "full": "http://Example.com:8080/a/b?c=d?e",
            "original": "/a/b?c=d?e", "path": "/a/b", "query": "c=d?e" })
    );
    assert_eq!(
        http("GET", "http://other.example/x", Some("example.com")),
        json!({ "domain": "other.example", "full": "http://other.example/x",
            "original": "http://other.example/x", "path": "/x" })
    );
    assert_eq!(
        http("CONNECT", "[2001:db8::1]:443", None),
        json!({ "domain": "[2001:db8::1]", "original": "[2001:db8::1]:443" })
    );
    assert_eq!(
        http("GET", "http://bob:***@host:8080/x@y", None),
        json!({ "domain": "host", "full": "http://bob:***@host:8080/x@y",
            "original": "http://bob:***@host:8080/x@y", "path": "/x@y" })
    );
    assert_eq!(http("CONNECT", "bob:***@host:443", None)["domain"], "host");
    assert_eq!(http("OPTIONS", "*", None), json!({ "original": "*" }));
    assert_eq!(http("GET", "/", None), json!({ "original": "/", "path": "/" }));
}

#[test]
fn what_proxies_add_is_stored() {
    let http = Http {
        status: Some(404),
        phrase: Some("Not Found".into()),
        via: vec!["1.1 one".into(), "1.1 two".into()],
        powered_by: Some("PHP".into()),
        forwarded_host: Some("Shop.example.com:8443, inner.example.com".into()),
        forwarded_proto: Some("https".into()),
        ..Http::default()
    };
    let json = document(Application::of(Message::Http(Box::new(http))), "http");
    assert_eq!(
        json["packet"]["http"],
        json!({ "forwarded_host": "Shop.example.com:8443, inner.example.com",
            "forwarded_proto": "https", "powered_by": "PHP", "status_phrase": "Not Found",
            "via": ["1.1 one", "1.1 two"] })
    );
    assert_eq!(json["related"]["hosts"], json!(["inner.example.com", "shop.example.com"]));
}

#[test]
fn names_are_found_in_any_spelling() {
    let question = DnsQuestion { name: "WwW.Example.com".into(), kind: "A".into() };
    let record = DnsRecord {
        name: "WwW.Example.com".into(),
        data: "192.0.2.1".into(),
        addresses: vec![[192, 0, 2, 1].into()],
        ..DnsRecord::default()
    };
    let mentioned = DnsRecord {
        name: "ns.example.net".into(),
        addresses: vec![[192, 0, 2, 2].into()],
        ..DnsRecord::default()
    };
    let dns = Dns {
        id: 7,
        is_answer: true,
        questions: vec![question],
        answers: vec![record],
        mentioned: vec![mentioned],
        ..Dns::default()
    };
    let json = document(Application::of(Message::Dns(Box::new(dns))), "dns");
    assert_eq!(json["dns"]["question"]["name"], "WwW.Example.com");
    assert_eq!(json["dns"]["id"], "7");
    assert_eq!(json["dns"]["type"], "answer");
    assert_eq!(json["dns"]["resolved_ip"], json!(["192.0.2.1"]));
    assert_eq!(json["related"]["hosts"], json!(["ns.example.net", "www.example.com"]));
    assert_eq!(json["related"]["ip"], json!(["192.0.2.1", "192.0.2.2"]));
}

#[test]
fn hellos_users_and_notes() {
    let client = TlsClient { server_name: Some("A.example".into()), ..TlsClient::default() };
    let certificate = Certificate {
        sha256: "AB".into(),
        subject: String::new(),
        issuer: "CN=ca".into(),
        not_before: Timestamp::from_parts(-631_152_000, 0),
        not_after: Timestamp::from_parts(253_402_300_799, 0),
        alternative_names: vec!["b.example".into()],
    };
    let tls = Tls {
        messages: vec!["client_hello"],
        version: Some(0x0303),
        client: Some(client),
        certificate: Some(certificate),
        ..Tls::default()
    };
    let application = Application {
        user: User { name: Some("bob".into()), ..User::default() },
        notes: vec!["cut"],
        ..Application::of(Message::Tls(Box::new(tls)))
    };
    let json = document(application, "tls");
    assert_eq!(json["tls"]["version"], "1.2");
    assert_eq!(json["tls"]["client"], json!({ "server_name": "A.example" }));
    assert_eq!(
        json["tls"]["server"],
        json!({ "hash": { "sha256": "AB" }, "issuer": "CN=ca",
            "not_after": "9999-12-30T22:00:00.000000000Z",
            "not_before": "1950-01-01T00:00:00.000000000Z",
            "x509": { "alternative_names": ["b.example"] } }),
        "no empty subject, no year 10000"
    );
    assert_eq!(json["related"]["hosts"], json!(["a.example", "b.example"]));
    assert_eq!(json["related"]["user"], json!(["bob"]));
    assert_eq!(json["packet"]["decode_note"], json!(["cut"]));
}

#[test]
fn a_client_has_a_certificate_of_its_own() {
    let certificate = |subject: &str, name: &str| Certificate {
        sha256: "AB".into(),
        subject: subject.into(),
        issuer: "CN=ca".into(),
        not_before: Timestamp::default(),
        not_after: Timestamp::default(),
        alternative_names: vec![name.into()],
    };
    let tls =
        Tls { client_certificate: Some(certificate("CN=bob", "192.0.2.9")), ..Tls::default() };
    let json = document(Application::of(Message::Tls(Box::new(tls))), "tls");
    assert_eq!(
        json["tls"],
        json!({ "client": { "hash": { "sha256": "AB" }, "issuer": "CN=ca",
            "subject": "CN=bob", "x509": { "alternative_names": ["192.0.2.9"] } } })
    );
    assert_eq!(json["related"]["ip"], json!(["192.0.2.9"]));
}

#[test]
fn who_asks_for_a_password_is_named() {
    let challenger = Challenger {
        target: Some("DOM".into()),
        netbios_computer: Some("SRV".into()),
        netbios_domain: Some("DOM".into()),
        dns_computer: Some("Srv.dom.example".into()),
        dns_domain: Some("dom.example".into()),
    };
    let challenger = Some(Box::new(challenger));
    let json = document(Application { challenger, ..Application::default() }, "smb");
    assert_eq!(
        json["packet"]["ntlm"],
        json!({ "computer_name": ["SRV", "Srv.dom.example"],
            "domain_name": ["DOM", "dom.example"] })
    );
    assert_eq!(json["related"]["hosts"], json!(["srv", "srv.dom.example"]));
}

#[test]
fn what_is_spoken_of_is_related() {
    let exchange = Exchange { addresses: vec![[192, 0, 2, 3].into()], ..Exchange::default() };
    let json = document(exchange.into(), "ftp");
    assert_eq!(json["related"]["ip"], json!(["192.0.2.3"]));
    let dhcp = Dhcp { mentioned: vec![[192, 0, 2, 4].into()], ..Dhcp::default() };
    let json = document(Application::of(Message::Dhcp(Box::new(dhcp))), "dhcp");
    assert_eq!(json["related"]["ip"], json!(["192.0.2.4"]));
}

#[test]
fn who_mails_is_not_who_calls() {
    let exchange = Exchange {
        from: Some("a@example.com".into()),
        to: vec!["b@example.org".into()],
        ..Exchange::default()
    };
    let mail = document(exchange.clone().into(), "smtp");
    assert_eq!(mail["email"]["from"]["address"], json!(["a@example.com"]));
    assert_eq!(mail["email"]["to"]["address"], json!(["b@example.org"]));
    let call = document(exchange.into(), "sip");
    assert_eq!(call["packet"]["sip"], json!({ "from": "a@example.com", "to": ["b@example.org"] }));
    assert!(call.get("email").is_none());
}
