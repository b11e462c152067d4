//! Every stored field, once. The Elasticsearch mapping, the embedded schema and the table in the
//! README are made from, or tested against, this list.
//!
//! Names and types are those of ECS 9; what ECS has no name for stands under `packet.*`.

/// How a field's values are stored and indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Nanoseconds since the epoch (`date_nanos`).
    Time,
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
}

impl Kind {
    /// The name of the type in an Elasticsearch mapping.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Time => "date_nanos",
            Self::Ip => "ip",
            Self::Keyword => "keyword",
            Self::Long => "long",
            Self::Integer => "integer",
            Self::Short => "short",
            Self::Boolean => "boolean",
            Self::Binary => "binary",
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
    EventSequence = "event.sequence": Long, "Frame number in its capture file, from 1";
    FileName = "file.name": Keyword, "Base name of the capture file, `-` for a stream";
    FilePath = "file.path": Keyword, "Path of the capture file below the folder that was given";
    NetworkBytes = "network.bytes": Long, "Length on the wire";
    NetworkCommunityId = "network.community_id": Keyword, "Community ID of the innermost conversation, version 1";
    NetworkIanaNumber = "network.iana_number": Keyword, "IANA protocol number, as text";
    NetworkInnerVlanId = "network.inner.vlan.id": Keyword, "Inner VLAN id";
    NetworkProtocol = "network.protocol": Keyword, "What is spoken: `dns`, `http`, `tls` …";
    NetworkTransport = "network.transport": Keyword, "`tcp`, `udp`, `icmp`, `ipv6-icmp` …";
    NetworkType = "network.type": Keyword, "`ipv4`, `ipv6`, `arp`, `rarp`, innermost";
    NetworkVlanId = "network.vlan.id": Keyword, "Outer VLAN id";
    ObserverInterfaceId = "observer.ingress.interface.id": Keyword, "Number of the pcapng interface in its section";
    ObserverInterfaceName = "observer.ingress.interface.name": Keyword, "Name of the capture interface";
    ObserverName = "observer.name": Keyword, "Sensor, as given by `--sensor`";
    PacketCapture = "packet.capture": Keyword, "Fingerprint of the capture: a hash of its first packet";
    PacketCapturedLength = "packet.captured_length": Integer, "Bytes captured";
    PacketComment = "packet.comment": Keyword many, "Comments from pcapng";
    PacketData = "packet.data": Binary kept, "The captured bytes";
    PacketDecodeError = "packet.decode_error": Keyword, "Layer at which decoding ended early, and why";
    PacketEtherType = "packet.ether_type": Integer, "EtherType of the payload, behind all tags";
    PacketFlags = "packet.flags": Long kept, "`epb_flags` of pcapng: direction, reception, link-layer errors";
    PacketFragment = "packet.fragment": Boolean, "True when the packet is an IP fragment";
    PacketFragmentPorts = "packet.fragment_ports": Boolean, "True when the ports are those of the datagram's first fragment, and not in this packet";
    PacketIcmpCode = "packet.icmp.code": Short, "ICMP or ICMPv6 code";
    PacketIcmpType = "packet.icmp.type": Short, "ICMP or ICMPv6 type";
    PacketInterfaceDescription = "packet.interface.description": Keyword, "Description of the capture interface";
    PacketInterfaceFcsLength = "packet.interface.fcs_length": Short kept, "Bytes of frame check sequence at the end of each packet";
    PacketInterfaceSnapLength = "packet.interface.snap_length": Long kept, "Snapshot length of the interface, 0 when unlimited";
    PacketIpProtocols = "packet.ip_protocols": Short many, "IANA protocol numbers of all IP layers and extension headers";
    PacketIpsecSpi = "packet.ipsec.spi": Long many, "Security parameter indexes of AH and ESP";
    PacketLayers = "packet.layers": Keyword many, "Layers that were recognised, outermost first";
    PacketLength = "packet.length": Long, "Length on the wire";
    PacketLinkType = "packet.link_type": Integer, "LINKTYPE_ number";
    PacketLinkTypeName = "packet.link_type_name": Keyword, "LINKTYPE_ name";
    PacketMplsLabel = "packet.mpls.label": Integer many, "MPLS labels, outermost first";
    PacketOuterDestinationIp = "packet.outer.destination.ip": Ip many, "Destination addresses around the innermost, outermost first";
    PacketOuterDestinationPort = "packet.outer.destination.port": Integer many, "Destination ports around the innermost, outermost first";
    PacketOuterSourceIp = "packet.outer.source.ip": Ip many, "Source addresses around the innermost, outermost first";
    PacketOuterSourcePort = "packet.outer.source.port": Integer many, "Source ports around the innermost, outermost first";
    PacketPayloadLength = "packet.payload_length": Long, "Bytes above the TCP or UDP header, by the lengths in the headers";
    PacketTcpFlags = "packet.tcp.flags": Keyword many, "TCP flags that are set";
    PacketTime = "packet.time": Keyword kept, "Nanoseconds since 1970 when `@timestamp` cannot hold them";
    PacketTimeInherited = "packet.time_inherited": Boolean kept, "True when the capture gave no time and that of the packet before was taken";
    PacketTunnelId = "packet.tunnel.id": Keyword many, "Key, VNI, TEID or session of each tunnel that has one, outermost first";
    PacketTunnelType = "packet.tunnel.type": Keyword many, "Tunnels, outermost first: `gre`, `vxlan`, `gtp`, `6in4` …";
    RelatedIp = "related.ip": Ip many, "Every address in the packet, also outer ones, and those that ARP and ICMP speak of";
    SourceIp = "source.ip": Ip, "Source address, innermost";
    SourceMac = "source.mac": Keyword, "Source MAC address, `00-00-5E-00-53-23`";
    SourcePort = "source.port": Integer, "Source port, innermost";
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
