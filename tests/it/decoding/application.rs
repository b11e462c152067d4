//! Columns of what applications say.

use super::columns::Column;
use super::differences::Difference;
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

pub const COLUMNS: &[Column] = &[
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
        name: "dns.answers.data",
        fields: &["dns.count.answers"],
        ours: |ours| {
            let number = of(ours, DNS, "dns.answers.data").len();
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

/// Names of columns whose values the application gives.
const NAMES: &[&str] = &[
    "dns.answers.data",
    "dns.id",
    "dns.question.name",
    "http.request.method",
    "http.request.referrer",
    "http.response.status_code",
    "packet.dhcp.host_name",
    "packet.http.location",
    "packet.ntp.stratum",
    "packet.tls.alpn",
    "tls.client.ja3",
    "tls.client.server_name",
    "tls.server.ja3s",
    "url.domain",
    "url.original",
    "user_agent.original",
];
const DNS_NAMES: &[&str] = &["dns.answers.data", "dns.id", "dns.question.name"];
const HTTP_NAMES: &[&str] = &[
    "http.request.method",
    "http.request.referrer",
    "http.response.status_code",
    "packet.http.location",
    "url.domain",
    "url.original",
    "user_agent.original",
];
const TLS_NAMES: &[&str] =
    &["packet.tls.alpn", "tls.client.ja3", "tls.client.server_name", "tls.server.ja3s"];

pub const DIFFERENCES: &[Difference] = &[
    Difference {
        columns: NAMES,
        applies: |pair| ["sctp", "ipcomp", "capwap.data"].iter().any(|name| pair.theirs.has(name)),
        reason: "HTTP over SCTP, compressed packets and CAPWAP are not looked into",
    },
    Difference {
        columns: TLS_NAMES,
        applies: |pair| ["openvpn", "rdpudp", "dtls"].iter().any(|name| pair.theirs.has(name)),
        reason: "OpenVPN, RDP over UDP and DTLS are not looked into",
    },
    Difference {
        columns: TLS_NAMES,
        applies: |pair| {
            let is_found = TLS_NAMES.iter().any(|name| !pair.ours.stored(name).is_empty());
            pair.theirs.has("quic") && is_found
        },
        reason: "QUIC: pieces of a handshake in another order within a packet are joined only here",
    },
    Difference {
        columns: TLS_NAMES,
        applies: |pair| {
            let is_beginning = pair.theirs.all("quic.crypto.offset").contains(&"0");
            let is_server = pair.theirs.all("tls.handshake.type").contains(&"2");
            pair.theirs.has("quic") && (is_server || !is_beginning)
        },
        reason: "QUIC: tshark has the keys of a server from the client's packet, and joins \
                 handshakes over several packets",
    },
    Difference {
        columns: TLS_NAMES,
        applies: |pair| {
            let is_found = TLS_NAMES.iter().any(|name| !pair.ours.stored(name).is_empty());
            is_found
                && !pair
                    .theirs
                    .all("tls.handshake.type")
                    .iter()
                    .any(|kind| ["1", "2"].contains(kind))
        },
        reason: "tshark leaves out TLS records that go on beyond the packet, retransmissions, and \
                 what it holds for another protocol since the conversation began as that",
    },
    Difference {
        columns: &["tls.client.ja3", "tls.server.ja3s"],
        applies: |pair| {
            let fingerprints = ["tls.client.ja3", "tls.server.ja3s"];
            fingerprints.iter().all(|name| pair.ours.stored(name).is_empty())
        },
        reason: "a damaged hello has no fingerprint here",
    },
    Difference {
        columns: &["dns.answers.data"],
        applies: |pair| !pair.ours.stored("packet.decode_note").is_empty(),
        reason: "of a message that is cut, or has more than 64 answers, those that are kept",
    },
    Difference {
        columns: &["url.original"],
        applies: |pair| pair.theirs.all("http.request.uri") == ["HTTP/1.1"],
        reason: "a request line without a target",
    },
    Difference {
        columns: DNS_NAMES,
        applies: |pair| pair.ours.layers().application.is_none(),
        reason: "tshark takes for DNS whatever stands at port 53; here it must read as DNS",
    },
    Difference {
        columns: DNS_NAMES,
        applies: |pair| pair.ours.stored("dns.op_code") == ["UPDATE"],
        reason: "the zone and the prerequisites of an update stand where a query has question and \
                 answers; tshark has other fields for them",
    },
    Difference {
        columns: &["dns.question.name"],
        applies: |pair| {
            pair.ours.stored("dns.question.name").iter().any(|n| n.contains('\u{fffd}'))
        },
        reason: "names that are no text: another replacement",
    },
    Difference {
        columns: HTTP_NAMES,
        applies: |pair| {
            let is_found = HTTP_NAMES.iter().any(|name| !pair.ours.stored(name).is_empty());
            is_found && (!pair.theirs.has("http") || pair.theirs.has("websocket"))
        },
        reason: "tshark holds the conversation for another protocol since it began as that",
    },
    Difference {
        columns: HTTP_NAMES,
        applies: |pair| pair.ours.stored("http.request.method") == ["PRI"],
        reason: "the first line of HTTP/2",
    },
    Difference {
        columns: HTTP_NAMES,
        applies: |pair| pair.ours.layers().application.is_none() && pair.theirs.has("http"),
        reason: "lines of a head that began in an earlier packet, or that do not follow HTTP: \
                 tshark goes by the port",
    },
    Difference {
        columns: HTTP_NAMES,
        applies: |pair| pair.theirs.all("http.response.code").len() > 1 || pair.theirs.has("data"),
        reason: "a second message behind the first one's body",
    },
];
