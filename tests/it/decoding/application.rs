//! Columns of what applications say.

use pcap_archiver::packet::{DnsRecord, Message};

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

const DNS: &[&str] = &["dns", "mdns", "llmnr"];
const HTTP: &[&str] = &["http", "ssdp"];

/// Names of applications: tshark's, and this program's.
pub const APPLICATIONS: &[(&str, &str)] = &[
    ("cldap", "ldap"),
    ("dhcp", "dhcp"),
    ("dhcpv6", "dhcpv6"),
    ("dns", "dns"),
    ("ftp", "ftp"),
    ("http", "http"),
    ("imap", "imap"),
    ("kerberos", "kerberos"),
    ("ldap", "ldap"),
    ("llmnr", "llmnr"),
    ("mdns", "mdns"),
    ("mqtt", "mqtt"),
    ("nbns", "nbns"),
    ("ntp", "ntp"),
    ("pop", "pop3"),
    ("quic", "quic"),
    ("radius", "radius"),
    ("rdp", "rdp"),
    ("sip", "sip"),
    ("smb", "smb"),
    ("smb2", "smb"),
    ("smtp", "smtp"),
    ("snmp", "snmp"),
    ("ssdp", "ssdp"),
    ("ssh", "ssh"),
    ("telnet", "telnet"),
    ("tls", "tls"),
];

pub const COLUMNS: &[Column] = &[
    Column {
        name: "network.protocol",
        fields: &[],
        ours: |ours| {
            let protocol = ours.layers().application;
            let known = protocol.filter(|name| APPLICATIONS.iter().any(|(_, our)| our == name));
            known.map(str::to_owned).into_iter().collect()
        },
        theirs: |theirs| {
            let known = theirs
                .layers()
                .iter()
                .find_map(|layer| APPLICATIONS.iter().find(|(their, _)| *their == layer.protocol));
            known.map(|(_, our)| (*our).to_owned()).into_iter().collect()
        },
        wanted: None,
    },
    same!("tls.client.server_name", "tls.handshake.extensions_server_name"),
    same!("tls.client.ja3", "tls.handshake.ja3"),
    same!("tls.server.ja3s", "tls.handshake.ja3s"),
    same!("http.request.method", "http.request.method"),
    same!("http.response.status_code", "http.response.code"),
    same!("http.request.referrer", "http.referer"),
    same!("packet.http.location", "http.location"),
    same!("packet.ntp.stratum", "ntp.stratum"),
    Column {
        name: "dns.question.name",
        fields: &["dns.qry.name", "dns.count.queries"],
        ours: |ours| of(ours, DNS, "dns.question.name"),
        theirs: |theirs| match first(theirs, "dns.count.queries").first() {
            // Multicast records that are sent unasked have a name of their own there.
            Some(number) if number != "0" => dns_names(first(theirs, "dns.qry.name")),
            _ => Vec::new(),
        },
        wanted: None,
    },
    Column {
        name: "url.original",
        fields: &["http.request.uri"],
        ours: |ours| of(ours, HTTP, "url.original"),
        theirs: |theirs| first(theirs, "http.request.uri"),
        wanted: None,
    },
    Column {
        name: "user_agent.original",
        fields: &["http.user_agent"],
        ours: |ours| of(ours, HTTP, "user_agent.original"),
        theirs: |theirs| first(theirs, "http.user_agent"),
        wanted: None,
    },
    Column {
        name: "packet.dhcp.host_name",
        fields: &["dhcp.option.hostname"],
        ours: |ours| of(ours, &["dhcp"], "packet.dhcp.host_name"),
        theirs: |theirs| first(theirs, "dhcp.option.hostname"),
        wanted: None,
    },
    Column {
        name: "dns.id",
        fields: &["dns.id"],
        ours: |ours| of(ours, DNS, "dns.id"),
        theirs: |theirs| {
            let id = first(theirs, "dns.id").pop();
            let id = id.map(|id| u16::from_str_radix(id.trim_start_matches("0x"), 16).unwrap());
            id.map(|id| id.to_string()).into_iter().collect()
        },
        wanted: None,
    },
    Column {
        name: "dns.type",
        fields: &["dns.flags.response"],
        ours: |ours| of(ours, DNS, "dns.type"),
        theirs: |theirs| {
            let is_answer = first(theirs, "dns.flags.response").pop();
            let word = |bit: &str| if bit == "1" { "answer" } else { "query" };
            is_answer.map(|bit| word(&bit).to_owned()).into_iter().collect()
        },
        wanted: None,
    },
    Column {
        name: "dns.response_code",
        fields: &["dns.flags.rcode"],
        ours: |ours| of(ours, DNS, "dns.response_code"),
        theirs: |theirs| {
            let code = first(theirs, "dns.flags.rcode").pop();
            let code = code.map(|code| response_code(code.parse().unwrap()));
            code.into_iter().collect()
        },
        wanted: None,
    },
    Column {
        name: "addresses in DNS records",
        fields: &["dns.a", "dns.aaaa"],
        ours: |ours| {
            let records = dns_records(ours).filter(|r| ["A", "AAAA"].contains(&r.kind.as_str()));
            sorted(records.flat_map(|r| &r.addresses).map(ToString::to_string))
        },
        theirs: |theirs| {
            let is_quoted = theirs.has("icmp") || theirs.has("icmpv6");
            let found = [theirs.all("dns.a"), theirs.all("dns.aaaa")].concat();
            sorted(found.into_iter().filter(|_| !is_quoted).map(str::to_owned))
        },
        wanted: None,
    },
    Column {
        name: "tls.version",
        fields: &["tls.handshake.version", "tls.handshake.extensions.supported_version"],
        ours: |ours| ours.stored("tls.version"),
        theirs: |theirs| {
            let offered = theirs.all("tls.handshake.extensions.supported_version").into_iter();
            let offered = offered.map(hexadecimal).filter(|version| !is_grease(*version));
            let version = offered.max().or_else(|| {
                let version = first(theirs, "tls.handshake.version").pop();
                version.map(|version| hexadecimal(&version))
            });
            version.map(tls_version).into_iter().collect()
        },
        wanted: None,
    },
    Column {
        name: "tls.cipher",
        fields: &["tls.handshake.ciphersuite", "tls.handshake.type"],
        ours: |ours| ours.stored("tls.cipher"),
        theirs: |theirs| {
            let is_server = first(theirs, "tls.handshake.type") == ["2"];
            let cipher = first(theirs, "tls.handshake.ciphersuite").pop().filter(|_| is_server);
            let name = |cipher: String| {
                let number = hexadecimal(&cipher);
                let suite = tls_parser::TlsCipherSuite::from_id(number);
                suite.map_or_else(|| format!("0x{number:04x}"), |suite| suite.name.to_owned())
            };
            cipher.map(name).into_iter().collect()
        },
        wanted: None,
    },
    Column {
        name: "number of answers in DNS",
        fields: &["dns.count.answers"],
        ours: |ours| {
            let number = of(ours, DNS, "dns.answers.name").len();
            if number == 0 { Vec::new() } else { vec![number.to_string()] }
        },
        theirs: |theirs| {
            let is_quoted = theirs.has("icmp") || theirs.has("icmpv6");
            let numbers = theirs.all("dns.count.answers").into_iter().filter(|_| !is_quoted);
            // A segment may hold several messages.
            let number: usize = numbers.map(|number| number.parse::<usize>().unwrap()).sum();
            if number == 0 { Vec::new() } else { vec![number.to_string()] }
        },
        wanted: None,
    },
    Column {
        name: "url.domain",
        fields: &["http.host"],
        ours: |ours| of(ours, HTTP, "url.domain"),
        theirs: |theirs| {
            let host = first(theirs, "http.host").pop();
            host.map(|host| without_port(&host).to_owned()).into_iter().collect()
        },
        wanted: None,
    },
    Column {
        name: "packet.tls.alpn",
        fields: &["tls.handshake.extensions_alpn_str", "tls.handshake.type", "quic.crypto.offset"],
        ours: |ours| ours.stored("packet.tls.alpn"),
        theirs: |theirs| {
            let is_client = first(theirs, "tls.handshake.type") == ["1"];
            let values = theirs.all("tls.handshake.extensions_alpn_str").into_iter();
            values.filter(|_| is_client).map(str::to_owned).collect()
        },
        wanted: None,
    },
];

fn dns_records(ours: &Ours) -> impl Iterator<Item = &DnsRecord> {
    let is_wanted = ours.layers().application.is_some_and(|name| DNS.contains(&name));
    let message = ours.layers().details.as_ref().map(|details| &details.message);
    let dns = match message {
        Some(Message::Dns(dns)) if is_wanted => Some(dns),
        _ => None,
    };
    dns.into_iter().flat_map(|dns| dns.answers.iter().chain(&dns.mentioned))
}

fn sorted(values: impl Iterator<Item = String>) -> Vec<String> {
    let mut values: Vec<String> = values.collect();
    values.sort_unstable();
    values
}

/// IANA, "DNS RCODEs".
fn response_code(code: usize) -> String {
    const NAMES: [&str; 11] = [
        "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET",
        "NXRRSET", "NOTAUTH", "NOTZONE",
    ];
    NAMES.get(code).map_or_else(|| code.to_string(), |name| (*name).to_owned())
}

fn hexadecimal(number: &str) -> u16 {
    u16::from_str_radix(number.trim_start_matches("0x"), 16).unwrap()
}

/// RFC 8701.
fn is_grease(number: u16) -> bool {
    let [high, low] = number.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

fn tls_version(version: u16) -> String {
    match version.to_be_bytes() {
        [3, 0] => "3.0".to_owned(),
        [3, minor] => format!("1.{}", minor - 1),
        [0x7f, draft] => format!("1.3 draft {draft}"),
        _ => format!("0x{version:04x}"),
    }
}

/// tshark's word for the root.
fn dns_names(mut names: Vec<String>) -> Vec<String> {
    for name in names.iter_mut().filter(|name| *name == "<Root>") {
        ".".clone_into(name);
    }
    names
}

fn without_port(host: &str) -> &str {
    match host.rfind(':') {
        Some(colon) if !host.ends_with(']') => &host[..colon],
        _ => host,
    }
}

fn first(theirs: &Theirs, field: &str) -> Vec<String> {
    let is_quoted = theirs.has("icmp") || theirs.has("icmpv6");
    let values = theirs.all(field).into_iter().filter(|_| !is_quoted);
    values.take(1).map(|value| value.trim().to_owned()).collect()
}

fn of(ours: &Ours, protocols: &[&str], field: &str) -> Vec<String> {
    let is_wanted = ours.layers().application.is_some_and(|name| protocols.contains(&name));
    if is_wanted { ours.stored(field) } else { Vec::new() }
}
