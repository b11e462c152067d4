//! What is said above the transport: names, addresses and words, as they stood on the wire.
//!
//! Texts are kept in their spelling; bytes that are no UTF-8 became U+FFFD.

use std::net::IpAddr;

use crate::packet::{MacAddress, Timestamp};

/// What decoding found above the transport.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Application {
    /// What the protocol says.
    pub message: Message,
    /// Who says it.
    pub user: User,
    /// Whom an NTLM challenge comes from.
    pub challenger: Option<Box<Challenger>>,
    /// What was left out of this value, and why: caps and cuts, for people.
    pub notes: Vec<&'static str>,
}

/// What a protocol says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// RFC 1035, and what is built like it: mDNS, LLMNR, the name service of NetBIOS.
    Dns(Box<Dns>),
    /// RFC 9112, and SSDP.
    Http(Box<Http>),
    /// RFC 8446 and before.
    Tls(Box<Tls>),
    /// RFC 9000, with the TLS inside of it.
    Quic(Box<Quic>),
    /// RFC 2131, RFC 8415.
    Dhcp(Box<Dhcp>),
    /// Every protocol that needs only few words.
    Exchange(Box<Exchange>),
}

impl Default for Message {
    fn default() -> Self {
        Self::Exchange(Box::default())
    }
}

/// An account, as far as a packet names it. Passwords are never kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct User {
    /// The account's name.
    pub name: Option<String>,
    /// Its Windows domain or Kerberos realm.
    pub domain: Option<String>,
    /// The machine that it logs on from.
    pub workstation: Option<String>,
}

/// A server as the second message of NTLM names it (MS-NLMP, section 2.2.1.2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Challenger {
    /// The realm that is logged on to: a domain, or a machine of its own.
    pub target: Option<String>,
    /// The machine's NetBIOS name.
    pub netbios_computer: Option<String>,
    /// Its domain's NetBIOS name.
    pub netbios_domain: Option<String>,
    /// The machine's full name.
    pub dns_computer: Option<String>,
    /// Its domain's full name.
    pub dns_domain: Option<String>,
}

/// A DNS message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dns {
    /// Identifier that query and answer share.
    pub id: u16,
    /// Whether it is an answer.
    pub is_answer: bool,
    /// Mnemonic of the operation, such as `QUERY`.
    pub operation: String,
    /// Mnemonic of the response code, such as `NXDOMAIN`; of answers only.
    pub response_code: Option<String>,
    /// Mnemonics of the flags that are set: `AA`, `TC`, `RD`, `RA`, `AD`, `CD`, `DO`.
    pub flags: Vec<&'static str>,
    /// What is asked.
    pub questions: Vec<DnsQuestion>,
    /// The answer section.
    pub answers: Vec<DnsRecord>,
    /// Addresses and names of the authority and additional sections.
    pub mentioned: Vec<DnsRecord>,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DnsQuestion {
    /// The name, without the dot of the root behind it.
    pub name: String,
    /// Mnemonic of the type, such as `AAAA`.
    pub kind: String,
}

/// A resource record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DnsRecord {
    /// The name that it belongs to.
    pub name: String,
    /// Mnemonic of the type.
    pub kind: String,
    /// Seconds that it may be kept.
    pub ttl: u32,
    /// Its value as text, in the form of a zone file.
    pub data: String,
    /// The addresses in it: of an address record one, of a name of NetBIOS and in the hints of a
    /// service (RFC 9460) perhaps several.
    pub addresses: Vec<IpAddr>,
    /// The name that the record points at (CNAME, NS, PTR, MX, SRV …); of the state of a NetBIOS
    /// node the node's own.
    pub target: Option<String>,
}

/// The head of an HTTP message, as far as it stood in the packet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Http {
    /// `1.0` or `1.1`.
    pub version: Option<String>,
    /// Of a request.
    pub method: Option<String>,
    /// The request target as it was sent, but for a password in it.
    pub target: Option<String>,
    /// Of a response.
    pub status: Option<u16>,
    /// What the server says beside the status.
    pub phrase: Option<String>,
    /// `Host`.
    pub host: Option<String>,
    /// `User-Agent`.
    pub user_agent: Option<String>,
    /// `Referer`, without a password.
    pub referrer: Option<String>,
    /// `Accept`.
    pub accept: Option<String>,
    /// `Accept-Encoding`.
    pub accept_encoding: Option<String>,
    /// `Accept-Language`.
    pub accept_language: Option<String>,
    /// `Content-Type`, without its parameters.
    pub mime_type: Option<String>,
    /// `Content-Length`.
    pub body_length: Option<u64>,
    /// `Location`, without a password.
    pub location: Option<String>,
    /// `Server`.
    pub server: Option<String>,
    /// `X-Powered-By`.
    pub powered_by: Option<String>,
    /// `Via`: the proxies on the way, as they were sent.
    pub via: Vec<String>,
    /// `X-Forwarded-Host`.
    pub forwarded_host: Option<String>,
    /// `X-Forwarded-Proto`.
    pub forwarded_proto: Option<String>,
    /// `X-Forwarded-For`, `Forwarded`, `X-Real-IP`: the values as they were sent.
    pub forwarded_for: Vec<String>,
    /// The addresses in them, the first client first.
    pub forwarded_addresses: Vec<IpAddr>,
    /// Names of the cookies that are sent or set. Their values are secrets.
    pub cookies: Vec<String>,
}

/// Handshake messages and alerts of TLS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// Names of the handshake messages and other records, in order, each once.
    pub messages: Vec<&'static str>,
    /// Version that was agreed upon, or that the client offers: the two bytes on the wire.
    pub version: Option<u16>,
    /// An alert: level and description.
    pub alert: Option<String>,
    /// What the client offers.
    pub client: Option<TlsClient>,
    /// What the server chose.
    pub server: Option<TlsServer>,
    /// The server's own certificate, where the packet holds it whole.
    pub certificate: Option<Certificate>,
    /// The client's.
    pub client_certificate: Option<Certificate>,
}

/// A ClientHello.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsClient {
    /// Server name indication (RFC 6066).
    pub server_name: Option<String>,
    /// Cipher suites in the client's order, by IANA's name, without GREASE.
    pub ciphers: Vec<String>,
    /// Application protocols (RFC 7301).
    pub alpn: Vec<String>,
    /// MD5 of the JA3 text. Only of a whole hello.
    pub ja3: Option<String>,
    /// JA4 (FoxIO). Only of a whole hello.
    pub ja4: Option<String>,
}

/// A ServerHello.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsServer {
    /// The cipher suite, by IANA's name.
    pub cipher: Option<String>,
    /// The application protocol that was chosen.
    pub alpn: Option<String>,
    /// MD5 of the JA3S text. Only of a whole hello.
    pub ja3s: Option<String>,
}

/// An X.509 certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of its DER, as upper-case hexadecimal digits.
    pub sha256: String,
    /// Distinguished name of the subject.
    pub subject: String,
    /// Distinguished name of the issuer.
    pub issuer: String,
    /// Beginning of its validity.
    pub not_before: Timestamp,
    /// End of its validity.
    pub not_after: Timestamp,
    /// Names and addresses that it is valid for.
    pub alternative_names: Vec<String>,
}

/// QUIC packets with a long header.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Quic {
    /// The version on the wire.
    pub version: u32,
    /// Types of the packets in the datagram: `initial`, `0-rtt`, `handshake`, `retry`,
    /// `version_negotiation`.
    pub packets: Vec<&'static str>,
    /// Destination and source connection id, as hexadecimal digits.
    pub connection_ids: Vec<String>,
    /// The handshake in the Initial packets, where it can be read.
    pub tls: Option<Tls>,
}

/// DHCP for IPv4 or IPv6.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dhcp {
    /// `discover`, `offer` …, of DHCPv6 `solicit`, `advertise` …
    pub message: Option<String>,
    /// The client's hardware address.
    pub client_mac: Option<MacAddress>,
    /// The address that the client is given or has.
    pub assigned: Vec<IpAddr>,
    /// The address that the client asks for.
    pub requested: Option<IpAddr>,
    /// The server that is meant, or that answers.
    pub server: Option<IpAddr>,
    /// Other addresses in the message: relays, the server of the next step, routers and name
    /// servers.
    pub mentioned: Vec<IpAddr>,
    /// The client's name: option 12 or 81, of DHCPv6 option 39.
    pub host_name: Option<String>,
    /// The domain that the server gives out.
    pub domain: Option<String>,
    /// What the client calls its software.
    pub vendor_class: Option<String>,
}

/// One message of a protocol that needs only few words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exchange {
    /// What is done: a command, a method, the type of a message.
    pub operations: Vec<String>,
    /// What it is done with: the rest of the line, a topic, a name, a path.
    pub argument: Option<String>,
    /// The outcome: a status code or its name.
    pub status: Option<String>,
    /// Version of the protocol.
    pub version: Option<String>,
    /// Software that the speaker names.
    pub software: Option<String>,
    /// `User-Agent` of SIP.
    pub user_agent: Option<String>,
    /// Who a call or a mail is from.
    pub from: Option<String>,
    /// Whom it is for.
    pub to: Vec<String>,
    /// What joins the messages of one call or session.
    pub session: Option<String>,
    /// Kerberos service.
    pub service: Option<String>,
    /// Stratum of an NTP server.
    pub stratum: Option<u8>,
    /// Addresses that it speaks of: where FTP sends a file to, what RADIUS gives out.
    pub addresses: Vec<IpAddr>,
}

impl Application {
    /// Of a message alone.
    #[must_use]
    pub fn of(message: Message) -> Self {
        Self { message, ..Self::default() }
    }

    /// What TLS says, also inside QUIC.
    #[must_use]
    pub fn tls(&self) -> Option<&Tls> {
        match &self.message {
            Message::Tls(tls) => Some(tls),
            Message::Quic(quic) => quic.tls.as_ref(),
            _ => None,
        }
    }
}

impl From<Exchange> for Application {
    fn from(exchange: Exchange) -> Self {
        Self::of(Message::Exchange(Box::new(exchange)))
    }
}
