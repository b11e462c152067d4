//! Every stored field, once. The Elasticsearch mapping, the embedded schema and the table in the
//! README are made from, or tested against, this list.
//!
//! Names and types are those of ECS 9; what ECS has no name for stands under `packet.*`.

/// How a field's values are stored and indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Nanoseconds since the epoch (`date_nanos`).
    Time,
    /// A day and time within the years 0 to 9999, to the millisecond (`date`).
    Date,
    /// IPv4 or IPv6 address (`ip`).
    Ip,
    /// Exact text (`keyword`); longer than [`KEYWORD_LIMIT`] it is stored and not indexed.
    Keyword,
    /// 64-bit signed number (`long`).
    Long,
    /// 32-bit signed number (`integer`).
    Integer,
    /// 16-bit signed number (`short`).
    Short,
    /// `true` or `false` (`boolean`).
    Boolean,
    /// Bytes, stored and not indexed (`binary`).
    Binary,
    /// Terms that find a packet (`text`): indexed and not stored, and only where the store was set
    /// up to have them.
    Terms,
}

impl Kind {
    /// The name of the type in an Elasticsearch mapping.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Time => "date_nanos",
            Self::Date => "date",
            Self::Ip => "ip",
            Self::Keyword => "keyword",
            Self::Long => "long",
            Self::Integer => "integer",
            Self::Short => "short",
            Self::Boolean => "boolean",
            Self::Binary => "binary",
            Self::Terms => "text",
        }
    }
}

/// Characters up to which a keyword is indexed, as in ECS's own template.
pub const KEYWORD_LIMIT: usize = 1024;

/// One stored field.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its dotted name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Whether a packet may have several values; then it is always written as a list.
    pub many: bool,
    /// Whether it can be searched; otherwise it is only kept.
    pub indexed: bool,
    /// What it means, for the README.
    pub description: &'static str,
}

macro_rules! fields {
    ($($id:ident = $name:literal: $kind:ident $($flag:ident)*, $description:literal;)*) => {
        /// A stored field by its Rust name, in the order of [`FIELDS`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum FieldId {
            $(#[doc = $description] $id,)*
        }

        /// All stored fields. Names with a common beginning stand together, so that a document
        /// can be written as nested objects in one pass.
        pub const FIELDS: &[Field] = &[
            $(Field {
                name: $name,
                kind: Kind::$kind,
                many: fields!(@has many $($flag)*),
                indexed: !fields!(@has kept $($flag)*),
                description: $description,
            },)*
        ];

        impl FieldId {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$id,)*];
        }
    };
    (@has many many $($rest:ident)*) => { true };
    (@has kept kept $($rest:ident)*) => { true };
    (@has $flag:ident $other:ident $($rest:ident)*) => { fields!(@has $flag $($rest)*) };
    (@has $flag:ident) => { false };
}

fields! {
    Timestamp = "@timestamp": Time, "When the packet was captured, to the nanosecond, UTC";
    DestinationIp = "destination.ip": Ip, "Destination address, innermost";
    DestinationMac = "destination.mac": Keyword, "Destination MAC address, `00-00-5E-00-53-23`";
    DestinationPort = "destination.port": Integer, "Destination port, innermost";
    DnsAnswersData = "dns.answers.data": Keyword many, "Their values: addresses, names, or text as in a zone file; of a NetBIOS node its names";
    DnsAnswersName = "dns.answers.name": Keyword many, "The names that they belong to";
    DnsAnswersTtl = "dns.answers.ttl": Long many, "Seconds that they may be kept";
    DnsAnswersType = "dns.answers.type": Keyword many, "Their types: `A`, `CNAME` …";
    DnsHeaderFlags = "dns.header_flags": Keyword many, "Flags that are set: `AA TC RD RA AD CD DO`";
    DnsId = "dns.id": Keyword, "Identifier that query and answer share, as text";
    DnsOpCode = "dns.op_code": Keyword, "Operation: `QUERY`, `UPDATE` …";
    DnsQuestionName = "dns.question.name": Keyword, "Name of the first question, in the spelling of the wire; `related.hosts` has all names, in lower case";
    DnsQuestionType = "dns.question.type": Keyword, "Type of the first question";
    DnsResolvedIp = "dns.resolved_ip": Ip many, "Addresses of the answer section";
    DnsResponseCode = "dns.response_code": Keyword, "Response code: `NOERROR`, `NXDOMAIN` …";
    DnsType = "dns.type": Keyword, "`query` or `answer`";
    EmailFrom = "email.from.address": Keyword many, "Sender in an SMTP command";
    EmailTo = "email.to.address": Keyword many, "Recipients in SMTP commands";
    EventDuration = "event.duration": Long, "Nanoseconds between the first and the last packet; of a stretch of packets (`--layout flows`)";
    EventEnd = "event.end": Time, "When its last packet was captured; of a stretch";
    EventSequence = "event.sequence": Long, "Frame number in its capture file, from 1";
    FileName = "file.name": Keyword, "Base name of the capture file, `-` for a stream";
    FilePath = "file.path": Keyword, "Path of the capture file below the folder that was given";
    HttpRequestBodyBytes = "http.request.body.bytes": Long, "Content-Length of a request";
    HttpRequestMethod = "http.request.method": Keyword, "Method, as sent";
    HttpRequestMimeType = "http.request.mime_type": Keyword, "Content-Type of a request, without parameters";
    HttpRequestReferrer = "http.request.referrer": Keyword, "Referer";
    HttpResponseBodyBytes = "http.response.body.bytes": Long, "Content-Length of a response";
    HttpResponseMimeType = "http.response.mime_type": Keyword, "Content-Type of a response, without parameters";
    HttpResponseStatusCode = "http.response.status_code": Long, "Status code";
    HttpVersion = "http.version": Keyword, "`1.0` or `1.1`";
    NetworkBytes = "network.bytes": Long, "Length on the wire";
    NetworkCommunityId = "network.community_id": Keyword, "Community ID of the innermost conversation, version 1";
    NetworkForwardedIp = "network.forwarded_ip": Ip, "The client, as a proxy tells it: the first address of Forwarded, X-Forwarded-For or X-Real-IP";
    NetworkIanaNumber = "network.iana_number": Keyword, "IANA protocol number, as text";
    NetworkInnerVlanId = "network.inner.vlan.id": Keyword, "Inner VLAN id of the same frame; of more than two tags the last, and those between are not stored";
    NetworkPackets = "network.packets": Long, "Its packets; of a stretch";
    NetworkProtocol = "network.protocol": Keyword, "What is spoken: `dns`, `http`, `tls` …";
    NetworkTransport = "network.transport": Keyword, "`tcp`, `udp`, `icmp`, `ipv6-icmp` …";
    NetworkType = "network.type": Keyword, "`ipv4`, `ipv6`, `arp`, `rarp`, innermost";
    NetworkVlanId = "network.vlan.id": Keyword, "Outer VLAN id of the outermost frame that has one";
    ObserverInterfaceId = "observer.ingress.interface.id": Keyword, "Number of the pcapng interface in its section";
    ObserverInterfaceName = "observer.ingress.interface.name": Keyword, "Name of the capture interface";
    ObserverName = "observer.name": Keyword, "Sensor, as given by `--sensor`";
    PacketArgument = "packet.argument": Keyword, "What `packet.operation` is about: the rest of a command's or answer's line, a path, a topic, a name, an object";
    PacketCapture = "packet.capture": Keyword, "Fingerprint of the capture: a hash of its first packet";
    PacketCapturedLength = "packet.captured_length": Integer, "Bytes captured";
    PacketComment = "packet.comment": Keyword many, "Comments from pcapng";
    PacketData = "packet.data": Binary kept, "The captured bytes";
    PacketDecodeError = "packet.decode_error": Keyword, "Layer at which decoding ended early, and why";
    PacketDecodeNote = "packet.decode_note": Keyword many, "What was cut or left out of the fields of the application";
    PacketDhcpAssignedIp = "packet.dhcp.assigned_ip": Ip many, "Addresses that the client is given or has";
    PacketDhcpClientMac = "packet.dhcp.client_mac": Keyword, "Hardware address of the client";
    PacketDhcpDomain = "packet.dhcp.domain": Keyword, "Domain that the server gives out";
    PacketDhcpHostName = "packet.dhcp.host_name": Keyword, "The client's name: option 12 or 81, of DHCPv6 option 39";
    PacketDhcpMessageType = "packet.dhcp.message_type": Keyword, "`discover`, `offer` …; of DHCPv6 `solicit`, `advertise` …";
    PacketDhcpRequestedIp = "packet.dhcp.requested_ip": Ip, "Address that the client asks for";
    PacketDhcpServerIp = "packet.dhcp.server_ip": Ip, "The server that is meant, or that answers";
    PacketDhcpVendorClass = "packet.dhcp.vendor_class": Keyword, "What the client calls its software";
    PacketEtherType = "packet.ether_type": Integer, "EtherType of the payload, behind all tags";
    PacketFlags = "packet.flags": Long kept, "`epb_flags` of pcapng: direction, reception, link-layer errors";
    PacketFragment = "packet.fragment": Boolean, "True when the packet is an IP fragment";
    PacketFragmentPorts = "packet.fragment_ports": Boolean, "True when the ports are those of the datagram's first fragment, and not in this packet";
    PacketHttpAccept = "packet.http.accept": Keyword, "Accept";
    PacketHttpAcceptEncoding = "packet.http.accept_encoding": Keyword, "Accept-Encoding";
    PacketHttpAcceptLanguage = "packet.http.accept_language": Keyword, "Accept-Language";
    PacketHttpCookies = "packet.http.cookies": Keyword many, "Names of the cookies that are sent or set; never their values";
    PacketHttpForwardedFor = "packet.http.forwarded_for": Keyword many, "Forwarded, X-Forwarded-For and X-Real-IP as they were sent";
    PacketHttpForwardedHost = "packet.http.forwarded_host": Keyword, "X-Forwarded-Host";
    PacketHttpForwardedProto = "packet.http.forwarded_proto": Keyword, "X-Forwarded-Proto";
    PacketHttpLocation = "packet.http.location": Keyword, "Location";
    PacketHttpPoweredBy = "packet.http.powered_by": Keyword, "X-Powered-By";
    PacketHttpStatusPhrase = "packet.http.status_phrase": Keyword, "Reason phrase of a response";
    PacketHttpVia = "packet.http.via": Keyword many, "Via as it was sent";
    PacketIcmpCode = "packet.icmp.code": Short, "ICMP or ICMPv6 code";
    PacketIcmpType = "packet.icmp.type": Short, "ICMP or ICMPv6 type";
    PacketInterfaceDescription = "packet.interface.description": Keyword, "Description of the capture interface";
    PacketInterfaceFcsLength = "packet.interface.fcs_length": Short kept, "Bytes of frame check sequence at the end of each packet";
    PacketInterfaceSnapLength = "packet.interface.snap_length": Long kept, "Snapshot length of the interface, 0 when unlimited";
    PacketIpProtocols = "packet.ip_protocols": Short many, "IANA protocol numbers of all IP layers and extension headers";
    PacketIpsecSpi = "packet.ipsec.spi": Long many, "Security parameter indexes of AH and ESP";
    PacketKerberosService = "packet.kerberos.service": Keyword, "Service that a Kerberos ticket is for";
    PacketLayers = "packet.layers": Keyword many, "Layers that were recognised, outermost first";
    PacketLength = "packet.length": Long, "Length on the wire";
    PacketLinkType = "packet.link_type": Integer, "LINKTYPE_ number";
    PacketLinkTypeName = "packet.link_type_name": Keyword, "LINKTYPE_ name";
    PacketMplsLabel = "packet.mpls.label": Integer many, "MPLS labels, outermost first";
    PacketNtlmComputerName = "packet.ntlm.computer_name": Keyword many, "NetBIOS and full name of a server that asks for a log-on with NTLM";
    PacketNtlmDomainName = "packet.ntlm.domain_name": Keyword many, "What it lets log on to: the target that it names, NetBIOS and full name of its domain";
    PacketNtpStratum = "packet.ntp.stratum": Short, "Stratum of an NTP server";
    PacketOperation = "packet.operation": Keyword many, "What a message does: command of FTP, SMTP, POP3, IMAP, SMB; method of SIP; operation of LDAP; type of an SNMP, Kerberos, RADIUS, MQTT, NTP, RDP message";
    PacketOuterDestinationIp = "packet.outer.destination.ip": Ip many, "Destination addresses around the innermost, outermost first";
    PacketOuterDestinationPort = "packet.outer.destination.port": Integer many, "Destination ports around the innermost, outermost first";
    PacketOuterSourceIp = "packet.outer.source.ip": Ip many, "Source addresses around the innermost, outermost first";
    PacketOuterSourcePort = "packet.outer.source.port": Integer many, "Source ports around the innermost, outermost first";
    PacketPayloadLength = "packet.payload_length": Long, "Bytes above the TCP or UDP header, by the lengths in the headers";
    PacketPayloadTerms = "packet.payload_terms": Terms, "Trigrams of the packet's text, with `setup --index-payload`; in the index only, and in no document";
    PacketProtocolVersion = "packet.protocol_version": Keyword, "Version or dialect of SSH, SNMP, SMB, NTP, SIP, MQTT";
    PacketQuicConnectionIds = "packet.quic.connection_ids": Keyword many, "Destination and source connection id, as hexadecimal digits";
    PacketQuicPackets = "packet.quic.packets": Keyword many, "`initial`, `0-rtt`, `handshake`, `retry`, `version_negotiation`";
    PacketQuicVersion = "packet.quic.version": Keyword, "`1`, `2`, `draft-29` …, or the number";
    PacketSession = "packet.session": Keyword, "SIP Call-ID, MQTT client identifier";
    PacketSipFrom = "packet.sip.from": Keyword, "Who calls";
    PacketSipTo = "packet.sip.to": Keyword many, "Who is called";
    PacketSoftware = "packet.software": Keyword, "Software that the speaker names: Server of HTTP and SIP, banner of SSH";
    PacketStatus = "packet.status": Keyword, "Outcome, as the protocol writes it: reply code of SMTP, FTP, SIP, LDAP, Kerberos, MQTT, NT status of SMB";
    PacketTcpFlags = "packet.tcp.flags": Keyword many, "TCP flags that are set";
    PacketTime = "packet.time": Keyword kept, "Nanoseconds since 1970 when `@timestamp` cannot hold them";
    PacketTimeInherited = "packet.time_inherited": Boolean kept, "True when the capture gave no time and that of the packet before was taken";
    PacketTlsAlert = "packet.tls.alert": Keyword, "Level and description of an alert: `fatal handshake_failure`";
    PacketTlsAlpn = "packet.tls.alpn": Keyword many, "Application protocols that the client offers";
    PacketTlsJa4 = "packet.tls.ja4": Keyword, "JA4 of a whole ClientHello, over TCP or QUIC";
    PacketTlsMessages = "packet.tls.messages": Keyword many, "Handshake messages and alerts in the packet: `client_hello`, `certificate` …";
    PacketTunnelId = "packet.tunnel.id": Keyword many, "Key, VNI, TEID or session of each tunnel that has one, outermost first; not of the tunnel at the same place in `packet.tunnel.type`";
    PacketTunnelType = "packet.tunnel.type": Keyword many, "Tunnels, outermost first: `gre`, `vxlan`, `gtp`, `6in4` …";
    PacketUnread = "packet.unread": Boolean, "True when a tcpdump filter may see more in the bytes than the fields tell: cut, damaged, encrypted, or of a link type that is not decoded";
    PacketUserWorkstation = "packet.user_workstation": Keyword, "Machine that a user logs on from, as NTLM tells it";
    RelatedHosts = "related.hosts": Keyword many, "Every name of a host in the packet, in lower case: DNS, TLS, HTTP, certificates, DHCP, NTLM";
    RelatedIp = "related.ip": Ip many, "Every address in the headers, also outer ones, those of a route, and those that ARP and ICMP speak of; and those that DNS, HTTP, DHCP, FTP, RADIUS and certificates name";
    RelatedUser = "related.user": Keyword many, "Every account in the packet";
    SourceIp = "source.ip": Ip, "Source address, innermost";
    SourceMac = "source.mac": Keyword, "Source MAC address, `00-00-5E-00-53-23`";
    SourcePort = "source.port": Integer, "Source port, innermost";
    TlsCipher = "tls.cipher": Keyword, "Cipher suite that the server chose, IANA's name";
    TlsClientHashSha256 = "tls.client.hash.sha256": Keyword, "SHA-256 of the client's certificate";
    TlsClientIssuer = "tls.client.issuer": Keyword, "Issuer of the client's certificate";
    TlsClientJa3 = "tls.client.ja3": Keyword, "JA3 of a whole ClientHello";
    TlsClientServerName = "tls.client.server_name": Keyword, "Server name indication";
    TlsClientSubject = "tls.client.subject": Keyword, "Subject of the client's certificate";
    TlsClientSupportedCiphers = "tls.client.supported_ciphers": Keyword many, "Cipher suites that the client offers, IANA's names";
    TlsClientAlternativeNames = "tls.client.x509.alternative_names": Keyword many, "Names and addresses that the client's certificate is valid for";
    TlsNextProtocol = "tls.next_protocol": Keyword, "Application protocol that the server chose";
    TlsServerHashSha256 = "tls.server.hash.sha256": Keyword, "SHA-256 of the server's certificate";
    TlsServerIssuer = "tls.server.issuer": Keyword, "Issuer of the server's certificate";
    TlsServerJa3s = "tls.server.ja3s": Keyword, "JA3S of a whole ServerHello";
    TlsServerNotAfter = "tls.server.not_after": Date, "End of the certificate's validity; the year 9999 stands for no end";
    TlsServerNotBefore = "tls.server.not_before": Date, "Beginning of the certificate's validity";
    TlsServerSubject = "tls.server.subject": Keyword, "Subject of the server's certificate";
    TlsServerAlternativeNames = "tls.server.x509.alternative_names": Keyword many, "Names and addresses that the certificate is valid for";
    TlsVersion = "tls.version": Keyword, "`1.2`, `1.3` …: agreed upon in a ServerHello, newest offered in a ClientHello";
    TlsVersionProtocol = "tls.version_protocol": Keyword, "`tls` or `ssl`";
    UrlDomain = "url.domain": Keyword, "Host of an HTTP request, without the port";
    UrlFull = "url.full": Keyword, "The whole URL, where the host is known";
    UrlOriginal = "url.original": Keyword, "Target of an HTTP or SIP request, as sent, with `***` for a password";
    UrlPath = "url.path": Keyword, "Path of the target";
    UrlQuery = "url.query": Keyword, "Query of the target, without the question mark";
    UserDomain = "user.domain": Keyword, "Windows domain or Kerberos realm of the user";
    UserName = "user.name": Keyword, "Account: HTTP, FTP, POP3, IMAP, NTLM, Kerberos, LDAP, RADIUS, RDP, SNMP, MQTT; never a password";
    UserAgentOriginal = "user_agent.original": Keyword, "User-Agent of HTTP and SIP";
}

impl FieldId {
    /// The field's entry in [`FIELDS`].
    #[must_use]
    pub fn field(self) -> &'static Field {
        &FIELDS[self as usize]
    }

    /// The field with this dotted name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|id| id.field().name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_so_that_documents_nest() {
        let paths: Vec<Vec<&str>> = FIELDS.iter().map(|f| f.name.split('.').collect()).collect();
        assert!(paths.is_sorted(), "FIELDS must be sorted by name, part by part");
        assert!(FIELDS.len() < 150);
    }

    #[test]
    fn ids_and_table_agree() {
        for id in FieldId::ALL {
            assert_eq!(FieldId::named(id.field().name), Some(*id));
        }
    }
}
