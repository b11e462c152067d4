//! Columns of what applications say.

use super::columns::Column;
use super::ours::Ours;
use super::tshark::Theirs;

/// Our stored field beside the first value of tshark's, in the packet itself and not in one that
/// an ICMP error quotes.
macro_rules! same {
    ($name:literal, $field:literal) => {
        Column {
            name: $name,
            fields: &[$field],
            ours: |ours| ours.stored($name).into_iter().take(1).collect(),
            theirs: |theirs| first(theirs, $field),
            wanted: None,
        }
    };
}

pub const COLUMNS: &[Column] = &[
    same!("dns.question.name", "dns.qry.name"),
    same!("tls.client.server_name", "tls.handshake.extensions_server_name"),
    same!("tls.client.ja3", "tls.handshake.ja3"),
    same!("tls.server.ja3s", "tls.handshake.ja3s"),
    same!("http.request.method", "http.request.method"),
    same!("http.response.status_code", "http.response.code"),
    same!("http.request.referrer", "http.referer"),
    same!("url.original", "http.request.uri"),
    same!("user_agent.original", "http.user_agent"),
    same!("packet.http.location", "http.location"),
    same!("packet.ntp.stratum", "ntp.stratum"),
    same!("packet.dhcp.host_name", "dhcp.option.hostname"),
    Column {
        name: "dns.id",
        fields: &["dns.id"],
        ours: |ours| of(ours, &["dns", "mdns", "llmnr"], "dns.id"),
        theirs: |theirs| {
            let id = first(theirs, "dns.id").pop();
            let id = id.map(|id| u16::from_str_radix(id.trim_start_matches("0x"), 16).unwrap());
            id.map(|id| id.to_string()).into_iter().collect()
        },
        wanted: None,
    },
    Column {
        name: "dns.answers.data",
        fields: &["dns.count.answers"],
        ours: |ours| {
            let number = of(ours, &["dns", "mdns", "llmnr"], "dns.answers.data").len();
            if number == 0 { Vec::new() } else { vec![number.to_string()] }
        },
        theirs: |theirs| {
            let mut number = first(theirs, "dns.count.answers");
            number.retain(|number| number != "0");
            number
        },
        wanted: None,
    },
    Column {
        name: "url.domain",
        fields: &["http.host"],
        ours: |ours| of(ours, &["http", "ssdp"], "url.domain"),
        theirs: |theirs| {
            let host = first(theirs, "http.host").pop();
            host.map(|host| host.split(':').next().unwrap().to_owned()).into_iter().collect()
        },
        wanted: None,
    },
    Column {
        name: "packet.tls.alpn",
        fields: &["tls.handshake.extensions_alpn_str", "tls.handshake.type"],
        ours: |ours| ours.stored("packet.tls.alpn"),
        theirs: |theirs| {
            let is_client = first(theirs, "tls.handshake.type") == ["1"];
            let values = theirs.all("tls.handshake.extensions_alpn_str").into_iter();
            values.filter(|_| is_client).map(str::to_owned).collect()
        },
        wanted: None,
    },
];

fn first(theirs: &Theirs, field: &str) -> Vec<String> {
    let is_quoted = theirs.has("icmp") || theirs.has("icmpv6");
    let values = theirs.all(field).into_iter().filter(|_| !is_quoted);
    values.take(1).map(str::to_owned).collect()
}

fn of(ours: &Ours, protocols: &[&str], field: &str) -> Vec<String> {
    let is_wanted = ours.layers().application.is_some_and(|name| protocols.contains(&name));
    if is_wanted { ours.stored(field) } else { Vec::new() }
}
