//! Where tshark and this program may differ in what applications say, and why.

use super::application::APPLICATIONS;
use super::differences::Difference;

/// Names of columns whose values the application gives.
const NAMES: &[&str] = &[
    "addresses in DNS records",
    "dns.id",
    "dns.question.name",
    "dns.response_code",
    "dns.type",
    "http.request.method",
    "http.request.referrer",
    "http.response.status_code",
    "number of answers in DNS",
    "packet.dhcp.host_name",
    "packet.http.location",
    "packet.ntp.stratum",
    "packet.tls.alpn",
    "tls.cipher",
    "tls.client.ja3",
    "tls.client.server_name",
    "tls.server.ja3s",
    "tls.version",
    "url.domain",
    "url.original",
    "user_agent.original",
];
const DNS_NAMES: &[&str] = &[
    "addresses in DNS records",
    "dns.id",
    "dns.question.name",
    "dns.response_code",
    "dns.type",
    "number of answers in DNS",
];
const HTTP_NAMES: &[&str] = &[
    "http.request.method",
    "http.request.referrer",
    "http.response.status_code",
    "packet.http.location",
    "url.domain",
    "url.original",
    "user_agent.original",
];
const TLS_NAMES: &[&str] = &[
    "packet.tls.alpn",
    "tls.cipher",
    "tls.client.ja3",
    "tls.client.server_name",
    "tls.server.ja3s",
    "tls.version",
];

pub const DIFFERENCES: &[Difference] = &[
    Difference {
        columns: &["network.protocol"],
        applies: |pair| {
            let ours = pair.ours.stored("network.protocol");
            ours == ["tls"] && pair.theirs.has("http") || ours == ["http"] && pair.theirs.has("ssh")
        },
        reason: "TLS through a proxy of HTTP, and HTTP at a port of SSH: tshark stays with what \
                 the conversation began as, here the payload tells",
    },
    Difference {
        columns: &["network.protocol"],
        applies: |pair| pair.ours.layers().application.is_none(),
        reason: "the middle of a message, or a port alone: tshark goes by the conversation and the \
                 port, here the payload itself has to tell",
    },
    Difference {
        columns: &["network.protocol"],
        applies: |pair| {
            let layers = pair.theirs.layers();
            let known = |name: &str| APPLICATIONS.iter().any(|(their, _)| *their == name);
            !layers.iter().any(|layer| known(layer.protocol))
        },
        reason: "tshark takes the conversation for another protocol, or leaves the packet unnamed",
    },
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
        columns: &["tls.version"],
        applies: |pair| {
            let messages = pair.ours.stored("packet.tls.messages");
            let has_hello = messages.iter().any(|name| name.ends_with("_hello"));
            has_hello && pair.ours.stored("tls.version").is_empty()
        },
        reason: "newer versions stand in an extension, which a hello that is cut or damaged may \
                 have lost: it has no version here",
    },
    Difference {
        columns: &["tls.version"],
        applies: |pair| {
            let chosen = pair.theirs.all("tls.handshake.extensions.supported_version");
            chosen.iter().any(|version| !version.starts_with("0x03") && version.contains("0x00"))
        },
        reason: "an empty extension: tshark reads what stands behind it as a version",
    },
    Difference {
        columns: &["tls.version"],
        applies: |pair| {
            let is_hello = pair.theirs.all("tls.handshake.type") == ["1"];
            is_hello && pair.ours.layers().application.is_none()
        },
        reason: "a hello in the form of SSL 2 (RFC 5246, appendix E.2) is not decoded",
    },
    Difference {
        columns: &["dns.response_code"],
        applies: |pair| pair.ours.stored("dns.response_code") == ["BADVERS"],
        reason: "the upper bits of a response code stand in another record; tshark shows them \
                 apart",
    },
    Difference {
        columns: &["addresses in DNS records", "number of answers in DNS"],
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
