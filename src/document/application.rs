//! The fields of what applications say.

mod related;

use crate::document::fields::FieldId;
use crate::document::{Document, Value};
use crate::packet::{
    Certificate, Challenger, Dhcp, Dns, Exchange, Http, Layers, Message, Quic, Timestamp, Tls,
};

pub use related::related_addresses;
use related::{domain, hosts};

/// The latest time that text and stores can hold; certificates without an end say more
/// (RFC 5280, section 4.1.2.5). 9999-12-30T22:00:00Z.
const LATEST: Timestamp = Timestamp::from_parts(253_402_207_200, 0);

/// Where a certificate is stored.
struct CertificateFields {
    sha256: FieldId,
    subject: FieldId,
    issuer: FieldId,
    alternative_names: FieldId,
}

const OF_SERVER: CertificateFields = CertificateFields {
    sha256: FieldId::TlsServerHashSha256,
    subject: FieldId::TlsServerSubject,
    issuer: FieldId::TlsServerIssuer,
    alternative_names: FieldId::TlsServerAlternativeNames,
};

const OF_CLIENT: CertificateFields = CertificateFields {
    sha256: FieldId::TlsClientHashSha256,
    subject: FieldId::TlsClientSubject,
    issuer: FieldId::TlsClientIssuer,
    alternative_names: FieldId::TlsClientAlternativeNames,
};

impl<'a> Document<'a> {
    /// The fields of `layers.details`.
    pub(super) fn add_application(&mut self, layers: &'a Layers) {
        let Some(application) = layers.details.as_deref() else { return };
        match &application.message {
            Message::Dns(dns) => self.add_dns(dns),
            Message::Http(http) => self.add_http(http),
            Message::Tls(tls) => self.add_tls(tls),
            Message::Quic(quic) => self.add_quic(quic),
            Message::Dhcp(dhcp) => self.add_dhcp(dhcp),
            Message::Exchange(exchange) => self.add_exchange(layers.application, exchange),
        }
        let user = &application.user;
        self.add_some(FieldId::UserName, user.name.as_deref());
        self.add_some(FieldId::RelatedUser, user.name.as_deref());
        self.add_some(FieldId::UserDomain, user.domain.as_deref());
        self.add_some(FieldId::PacketUserWorkstation, user.workstation.as_deref());
        if let Some(challenger) = application.challenger.as_deref() {
            self.add_challenger(challenger);
        }
        for host in hosts(application) {
            self.add_text(FieldId::RelatedHosts, host);
        }
        for note in &application.notes {
            self.add_text(FieldId::PacketDecodeNote, *note);
        }
    }

    fn add_dns(&mut self, dns: &'a Dns) {
        self.add_text(FieldId::DnsId, dns.id.to_string());
        self.add_text(FieldId::DnsType, if dns.is_answer { "answer" } else { "query" });
        self.add_text(FieldId::DnsOpCode, &dns.operation);
        self.add_some(FieldId::DnsResponseCode, dns.response_code.as_deref());
        for flag in &dns.flags {
            self.add_text(FieldId::DnsHeaderFlags, *flag);
        }
        if let Some(question) = dns.questions.first() {
            self.add_text(FieldId::DnsQuestionName, &question.name);
            self.add_text(FieldId::DnsQuestionType, &question.kind);
        }
        for record in &dns.answers {
            self.add_text(FieldId::DnsAnswersName, &record.name);
            self.add_text(FieldId::DnsAnswersType, &record.kind);
            self.add_number(FieldId::DnsAnswersTtl, record.ttl);
            self.add_some(FieldId::DnsAnswersData, Some(&record.data));
            for address in &record.addresses {
                self.add(FieldId::DnsResolvedIp, Value::Ip(*address));
            }
        }
    }

    fn add_http(&mut self, http: &'a Http) {
        let is_response = http.status.is_some() || http.method.is_none();
        let (mime_type, length) = if is_response {
            (FieldId::HttpResponseMimeType, FieldId::HttpResponseBodyBytes)
        } else {
            (FieldId::HttpRequestMimeType, FieldId::HttpRequestBodyBytes)
        };
        if let Some(status) = http.status {
            self.add_number(FieldId::HttpResponseStatusCode, status);
        }
        // What a header claims; no body has 2^63 bytes.
        if let Some(bytes) = http.body_length.and_then(|bytes| i64::try_from(bytes).ok()) {
            self.add_number(length, bytes);
        }
        for (field, value) in [
            (FieldId::HttpVersion, &http.version),
            (FieldId::HttpRequestMethod, &http.method),
            (FieldId::HttpRequestReferrer, &http.referrer),
            (mime_type, &http.mime_type),
            (FieldId::UserAgentOriginal, &http.user_agent),
            (FieldId::PacketHttpAccept, &http.accept),
            (FieldId::PacketHttpAcceptEncoding, &http.accept_encoding),
            (FieldId::PacketHttpAcceptLanguage, &http.accept_language),
            (FieldId::PacketHttpLocation, &http.location),
            (FieldId::PacketHttpStatusPhrase, &http.phrase),
            (FieldId::PacketHttpPoweredBy, &http.powered_by),
            (FieldId::PacketHttpForwardedHost, &http.forwarded_host),
            (FieldId::PacketHttpForwardedProto, &http.forwarded_proto),
            (FieldId::PacketSoftware, &http.server),
        ] {
            self.add_some(field, value.as_deref());
        }
        for name in &http.cookies {
            self.add_text(FieldId::PacketHttpCookies, name);
        }
        for value in &http.via {
            self.add_text(FieldId::PacketHttpVia, value);
        }
        for value in &http.forwarded_for {
            self.add_text(FieldId::PacketHttpForwardedFor, value);
        }
        if let Some(address) = http.forwarded_addresses.first() {
            self.add(FieldId::NetworkForwardedIp, Value::Ip(*address));
        }
        self.add_url(http);
    }

    fn add_url(&mut self, http: &'a Http) {
        let target = http.target.as_deref();
        self.add_some(FieldId::UrlOriginal, target);
        self.add_some(FieldId::UrlDomain, domain(http));
        let Some(path) = target.and_then(path_and_query) else { return };
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path, None),
        };
        self.add_some(FieldId::UrlPath, Some(path));
        self.add_some(FieldId::UrlQuery, query);
        match (target, &http.host) {
            (Some(target), Some(host)) if target.starts_with('/') => {
                self.add_text(FieldId::UrlFull, format!("http://{host}{target}"));
            }
            (Some(target), _) if target.contains("://") => {
                self.add_text(FieldId::UrlFull, target);
            }
            _ => {}
        }
    }

    fn add_tls(&mut self, tls: &'a Tls) {
        for name in &tls.messages {
            self.add_text(FieldId::PacketTlsMessages, *name);
        }
        if let Some((protocol, version)) = tls.version.map(tls_version) {
            self.add_text(FieldId::TlsVersionProtocol, protocol);
            self.add_text(FieldId::TlsVersion, version);
        }
        self.add_some(FieldId::PacketTlsAlert, tls.alert.as_deref());
        if let Some(client) = &tls.client {
            self.add_some(FieldId::TlsClientServerName, client.server_name.as_deref());
            self.add_some(FieldId::TlsClientJa3, client.ja3.as_deref());
            self.add_some(FieldId::PacketTlsJa4, client.ja4.as_deref());
            for cipher in &client.ciphers {
                self.add_text(FieldId::TlsClientSupportedCiphers, cipher);
            }
            for protocol in &client.alpn {
                self.add_text(FieldId::PacketTlsAlpn, protocol);
            }
        }
        if let Some(server) = &tls.server {
            self.add_some(FieldId::TlsCipher, server.cipher.as_deref());
            self.add_some(FieldId::TlsNextProtocol, server.alpn.as_deref());
            self.add_some(FieldId::TlsServerJa3s, server.ja3s.as_deref());
        }
        if let Some(certificate) = &tls.certificate {
            self.add_certificate(certificate, &OF_SERVER);
            let bounded = |time: Timestamp| Value::Time(time.min(LATEST));
            self.add(FieldId::TlsServerNotBefore, bounded(certificate.not_before));
            self.add(FieldId::TlsServerNotAfter, bounded(certificate.not_after));
        }
        if let Some(certificate) = &tls.client_certificate {
            self.add_certificate(certificate, &OF_CLIENT);
        }
    }

    fn add_certificate(&mut self, certificate: &'a Certificate, fields: &CertificateFields) {
        self.add_text(fields.sha256, &certificate.sha256);
        self.add_some(fields.subject, Some(&certificate.subject));
        self.add_some(fields.issuer, Some(&certificate.issuer));
        for name in &certificate.alternative_names {
            self.add_text(fields.alternative_names, name);
        }
    }

    fn add_challenger(&mut self, challenger: &'a Challenger) {
        let computer = [&challenger.netbios_computer, &challenger.dns_computer];
        let domain = [&challenger.target, &challenger.netbios_domain, &challenger.dns_domain];
        for (field, names) in [
            (FieldId::PacketNtlmComputerName, &computer[..]),
            (FieldId::PacketNtlmDomainName, &domain),
        ] {
            let mut names: Vec<&str> = names.iter().filter_map(|name| name.as_deref()).collect();
            // The target is mostly one of the others.
            names.dedup();
            for name in names {
                self.add_text(field, name);
            }
        }
    }

    fn add_quic(&mut self, quic: &'a Quic) {
        self.add_text(FieldId::PacketQuicVersion, quic_version(quic.version));
        for name in &quic.packets {
            self.add_text(FieldId::PacketQuicPackets, *name);
        }
        for id in &quic.connection_ids {
            self.add_text(FieldId::PacketQuicConnectionIds, id);
        }
        if let Some(tls) = &quic.tls {
            self.add_tls(tls);
        }
    }

    fn add_dhcp(&mut self, dhcp: &'a Dhcp) {
        self.add_some(FieldId::PacketDhcpMessageType, dhcp.message.as_deref());
        self.add_some(FieldId::PacketDhcpHostName, dhcp.host_name.as_deref());
        self.add_some(FieldId::PacketDhcpDomain, dhcp.domain.as_deref());
        self.add_some(FieldId::PacketDhcpVendorClass, dhcp.vendor_class.as_deref());
        if let Some(mac) = dhcp.client_mac {
            self.add_text(FieldId::PacketDhcpClientMac, mac.to_string());
        }
        let assigned =
            dhcp.assigned.iter().map(|address| (FieldId::PacketDhcpAssignedIp, *address));
        let requested = dhcp.requested.map(|address| (FieldId::PacketDhcpRequestedIp, address));
        let server = dhcp.server.map(|address| (FieldId::PacketDhcpServerIp, address));
        for (field, address) in assigned.chain(requested).chain(server) {
            self.add(field, Value::Ip(address));
        }
    }

    fn add_exchange(&mut self, protocol: Option<&str>, exchange: &'a Exchange) {
        let (from, to) = match protocol {
            Some("smtp") => (FieldId::EmailFrom, FieldId::EmailTo),
            _ => (FieldId::PacketSipFrom, FieldId::PacketSipTo),
        };
        for operation in &exchange.operations {
            self.add_text(FieldId::PacketOperation, operation);
        }
        for (field, value) in [
            (FieldId::PacketArgument, &exchange.argument),
            (FieldId::PacketStatus, &exchange.status),
            (FieldId::PacketProtocolVersion, &exchange.version),
            (FieldId::PacketSoftware, &exchange.software),
            (FieldId::UserAgentOriginal, &exchange.user_agent),
            (FieldId::PacketSession, &exchange.session),
            (FieldId::PacketKerberosService, &exchange.service),
            (from, &exchange.from),
        ] {
            self.add_some(field, value.as_deref());
        }
        for address in &exchange.to {
            self.add_text(to, address);
        }
        if protocol == Some("sip") && exchange.status.is_none() {
            self.add_some(FieldId::UrlOriginal, exchange.argument.as_deref());
        }
        if let Some(stratum) = exchange.stratum {
            self.add_number(FieldId::PacketNtpStratum, stratum);
        }
    }

    /// Absent is absent, and so is an empty text.
    fn add_some(&mut self, field: FieldId, text: Option<&'a str>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.add_text(field, text);
        }
    }
}

/// The target without scheme and host; `None` of `*` and of CONNECT.
fn path_and_query(target: &str) -> Option<&str> {
    if target.starts_with('/') {
        return Some(target);
    }
    let (_, rest) = target.split_once("://")?;
    Some(&rest[rest.find(['/', '?'])?..])
}

/// Protocol and version, as ECS divides them.
fn tls_version(version: u16) -> (&'static str, String) {
    match version.to_be_bytes() {
        [3, 0] => ("ssl", "3.0".to_owned()),
        [3, minor] => ("tls", format!("1.{}", minor - 1)),
        // Drafts of TLS 1.3 (RFC 8446 was the 28th).
        [0x7f, draft] => ("tls", format!("1.3 draft {draft}")),
        _ => ("tls", format!("0x{version:04x}")),
    }
}

fn quic_version(version: u32) -> String {
    match version {
        0 => "negotiation".to_owned(),
        1 => "1".to_owned(),
        0x6b33_43cf => "2".to_owned(),
        0xff00_0000..=0xff00_00ff => format!("draft-{}", version & 0xff),
        _ => format!("0x{version:08x}"),
    }
}

#[cfg(test)]
mod tests;
