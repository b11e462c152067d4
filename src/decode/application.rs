//! Which protocol a payload speaks, by its first bytes; ports alone decide nothing.

/// Methods of HTTP/1 (RFC 9110, section 9; PATCH: RFC 5789).
const HTTP_METHODS: [&[u8]; 9] = [
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"PUT ",
    b"DELETE ",
    b"CONNECT ",
    b"OPTIONS ",
    b"TRACE ",
    b"PATCH ",
];
/// A TLS record holds at most 2^14 + 2048 bytes (RFC 5246, section 6.2.3).
const LONGEST_TLS_RECORD: u16 = (1 << 14) + 2048;
/// RFC 1035, section 4.1.1.
const DNS_HEADER: usize = 12;
const DNS: u16 = 53;
const MDNS: u16 = 5353;

pub(super) fn over_tcp(source: u16, destination: u16, payload: &[u8]) -> Option<&'static str> {
    if HTTP_METHODS.iter().any(|method| payload.starts_with(method))
        || payload.starts_with(b"HTTP/1.")
    {
        Some("http")
    } else if is_tls(payload) {
        Some("tls")
    } else if payload.starts_with(b"SSH-") {
        Some("ssh")
    } else if [source, destination].contains(&DNS) && payload.get(2..).is_some_and(is_dns) {
        Some("dns")
    } else {
        None
    }
}

pub(super) fn over_udp(source: u16, destination: u16, payload: &[u8]) -> Option<&'static str> {
    let ports = [source, destination];
    if !is_dns(payload) {
        None
    } else if ports.contains(&DNS) {
        Some("dns")
    } else if ports.contains(&MDNS) {
        Some("mdns")
    } else {
        None
    }
}

/// A record header: content type, version 3.x, length.
fn is_tls(payload: &[u8]) -> bool {
    let [content_type, 3, minor, high, low, ..] = *payload else { return false };
    (20..=24).contains(&content_type)
        && minor <= 4
        && (1..=LONGEST_TLS_RECORD).contains(&u16::from_be_bytes([high, low]))
}

/// A header whose reserved bit is zero and whose operation code is assigned.
fn is_dns(payload: &[u8]) -> bool {
    payload.len() >= DNS_HEADER && payload[2] >> 3 & 0x0f <= 6 && payload[3] & 0x40 == 0
}
