//! A condition on a packet → what the store is asked.
//!
//! What is certain is said only where the stored fields tell all that [`crate::query::matches`]
//! looks at: packets with tunnels, extension headers or fragments are left to it.

use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::document::Value;
use crate::document::fields::{FieldId, KEYWORD_LIMIT};
use crate::packet::LinkType;
use crate::query::{
    AddressProtocol, Addresses, Arithmetic, Carrier, Cast, Direction, Host, HostDirection, Mac,
    Ports, Predicate, Protocol, Scope,
};
use crate::store::pushdown::bounds::Bounds;
use crate::store::pushdown::{Abilities, Condition, text};

/// IP protocols behind which the fixed header does not tell what is carried, and those that have
/// ports which tcpdump's `port` does not look at: extension headers, AH, DCCP, UDP-Lite.
const EXTENDED: [u8; 8] = [0, 33, 43, 44, 51, 60, 135, 136];
/// RFC 8926, section 3.3.
const GENEVE_PORT: u16 = 6081;
/// IEEE 802 numbers.
const IPV4: u32 = 0x0800;
const ARP: u32 = 0x0806;
const RARP: u32 = 0x8035;
const IPV6: u32 = 0x86dd;
const NETWORKS: [u32; 4] = [IPV4, ARP, RARP, IPV6];

/// Ethernet, raw IP, and what Linux writes for any interface.
const PLAIN_LINK_TYPES: [u16; 7] = [1, 12, 101, 113, 228, 229, 276];
/// Layers in which decoding finds IP and libpcap does not.
const WRAPPING: [&str; 9] = ["llc", "mpls", "pppoe", "ppp", "macsec", "cmd", "vntag", "nsh", "pbb"];

/// What a condition looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sight {
    /// What is stored.
    Fields,
    /// Headers that decoding has read, too.
    Headers,
    /// Any bytes. Where the packet ends before them, the whole expression selects nothing.
    Bytes,
}

impl Sight {
    pub(super) fn of(predicate: &Predicate) -> Self {
        match predicate {
            Predicate::Field(_)
            | Predicate::Payload(_)
            | Predicate::File(_)
            | Predicate::Capture(_)
            | Predicate::Id(_) => Self::Fields,
            Predicate::Protocol(_, protocol) if !is_decoded(*protocol) => Self::Bytes,
            Predicate::Carries(_, Carrier::Link, number) if !NETWORKS.contains(number) => {
                Self::Bytes
            }
            Predicate::Carries(_, Carrier::Iso | Carrier::Isis, _) => Self::Bytes,
            Predicate::Host(_)
            | Predicate::Port(_)
            | Predicate::Protocol(..)
            | Predicate::Carries(..)
            | Predicate::Vlan(_) => Self::Headers,
            Predicate::Relation(relation) if is_of_length(&relation.left, &relation.right) => {
                Self::Fields
            }
            _ => Self::Bytes,
        }
    }
}

/// Whether decoding names it; the others may stand behind an LLC header that is cut.
fn is_decoded(protocol: Protocol) -> bool {
    let is_network =
        matches!(protocol, Protocol::Ip | Protocol::Ip6 | Protocol::Arp | Protocol::Rarp);
    is_network || protocol.ip_number().is_some()
}

fn is_of_length(left: &Arithmetic, right: &Arithmetic) -> bool {
    let is_simple = |side: &Arithmetic| matches!(side, Arithmetic::Number(_) | Arithmetic::Length);
    is_simple(left) && is_simple(right)
}

impl Abilities {
    /// Behind `geneve` and `pppoes` a condition is about what they enter, wherever that is.
    pub(super) fn predicate(&self, predicate: &Predicate, has_entered: bool) -> Bounds {
        let bounds = self.decoded(predicate);
        match Sight::of(predicate) {
            Sight::Fields => bounds,
            _ if has_entered => Bounds::UNKNOWN,
            Sight::Headers | Sight::Bytes => {
                Bounds::any([bounds, self.unread().superset()]).certain_if(self.unread().negated())
            }
        }
    }

    /// Packets whose bytes tcpdump's conditions may read in another way than decoding did.
    pub(super) fn unread(&self) -> Bounds {
        let unread = Value::Boolean(true);
        self.field(FieldId::PacketUnread, |field| Condition::Equals(field, unread.clone()))
    }

    /// What the stored fields say of a condition, for a packet that was decoded to the end.
    fn decoded(&self, predicate: &Predicate) -> Bounds {
        match predicate {
            Predicate::Host(host) => self.host(host),
            Predicate::Port(ports) => self.ports(ports),
            Predicate::Mac(mac) => self.mac(*mac),
            Predicate::Protocol(scope, protocol) => self.protocol(*scope, *protocol),
            Predicate::Carries(scope, carrier, number) => self.carries(*scope, *carrier, *number),
            Predicate::Cast(cast) => self.cast(*cast),
            Predicate::Vlan(id) => self.vlan(*id),
            Predicate::Mpls(label) => self.mpls(*label),
            Predicate::Pppoes(_) => self.layer("pppoe").superset(),
            Predicate::Geneve(_) => {
                let field = [FieldId::DestinationPort, FieldId::PacketOuterDestinationPort];
                self.any_number(&field, GENEVE_PORT).superset()
            }
            Predicate::Relation(relation) => self.relation(relation),
            Predicate::Field(test) => self.field_test(test),
            Predicate::Payload(payload) if self.payload => {
                Bounds::at_most(text::needed(payload.pattern()))
            }
            Predicate::File(name) => self.file(name),
            Predicate::Capture(capture) => {
                self.field(FieldId::PacketCapture, |id| Condition::is(id, capture.to_string()))
            }
            // The ids of packets stand in their own documents only.
            Predicate::Id(_) if self.several_packets => Bounds::UNKNOWN,
            Predicate::Id(id) => Bounds::exact(Condition::Ids(vec![*id])),
            Predicate::Chain(..)
            | Predicate::Way(_)
            | Predicate::InterfaceIndex(_)
            | Predicate::Llc(_)
            | Predicate::Wlan(_)
            | Predicate::Payload(_) => Bounds::UNKNOWN,
        }
    }

    fn host(&self, host: &Host) -> Bounds {
        let network = match &host.addresses {
            Addresses::Network(network) => *network,
            Addresses::Masked(address, mask) => common_network(*address, *mask),
            Addresses::Name(_) => return Bounds::exact(Condition::NONE),
        };
        let at = |ends: [FieldId; 2]| Bounds::any(ends.map(|end| self.addresses(end, network)));
        let source = || at([FieldId::SourceIp, FieldId::PacketOuterSourceIp]);
        let destination = || at([FieldId::DestinationIp, FieldId::PacketOuterDestinationIp]);
        let bounds = match host.direction {
            // One term instead of four; it finds packets that speak of the address, too.
            Direction::Either => Bounds {
                upper: self.addresses(FieldId::RelatedIp, network).upper,
                lower: Bounds::any([source(), destination()]).lower,
            },
            Direction::Source => source(),
            Direction::Destination => destination(),
            Direction::Both => Bounds::all([source(), destination()]),
        };
        let bounds = bounds.certain_if(self.tells_apart(network));
        let Some(protocol) = host.protocol else {
            return match (&host.addresses, host.direction, host.scope) {
                (Addresses::Masked(..), ..) | (_, Direction::Both, _) => bounds.superset(),
                (_, _, Scope::Any) => bounds,
                (_, _, Scope::Outer) => bounds.certain_if(self.plain()),
            };
        };
        let layer = match protocol {
            AddressProtocol::Ip => "ipv4",
            AddressProtocol::Ip6 => "ipv6",
            AddressProtocol::Arp => "arp",
            AddressProtocol::Rarp => "rarp",
        };
        Bounds::all([bounds, self.layer(layer)]).superset()
    }

    fn addresses(&self, field: FieldId, network: IpNet) -> Bounds {
        self.field(field, |field| Condition::InNetwork(field, network))
    }

    fn ports(&self, ports: &Ports) -> Bounds {
        let (first, last) = (*ports.range.start(), *ports.range.end());
        if first > last {
            return Bounds::exact(Condition::NONE);
        }
        let at = |ends: [FieldId; 2]| {
            Bounds::any(ends.map(|end| {
                self.field(end, |end| {
                    let number = |port: u16| Some(Value::Number(port.into()));
                    if first == last {
                        Condition::number(end, first)
                    } else {
                        Condition::Between(end, number(first), number(last))
                    }
                })
            }))
        };
        let source = || at([FieldId::SourcePort, FieldId::PacketOuterSourcePort]);
        let destination = || at([FieldId::DestinationPort, FieldId::PacketOuterDestinationPort]);
        let bounds = match ports.direction {
            Direction::Either => Bounds::any([source(), destination()]),
            Direction::Source => source(),
            Direction::Destination => destination(),
            Direction::Both => Bounds::all([source(), destination()]).superset(),
        };
        let bounds = bounds.certain_if(self.plain_ip()).certain_if(self.no_fragment_ports());
        let bounds = match ports.scope {
            Scope::Any if ports.transport.is_none() => bounds,
            // With a tunnel, it may be another layer's.
            _ => bounds.certain_if(self.plain()),
        };
        match ports.transport {
            Some(transport) => Bounds::all([bounds, self.ip_number(transport.number())]),
            None => bounds,
        }
    }

    fn mac(&self, mac: Mac) -> Bounds {
        let HostDirection::Ends(direction) = mac.direction else { return Bounds::UNKNOWN };
        let at = |end| self.field(end, |end| Condition::is(end, mac.address.to_string()));
        let (source, destination) = (at(FieldId::SourceMac), at(FieldId::DestinationMac));
        match direction {
            Direction::Either => Bounds::any([source, destination]),
            Direction::Source => source,
            Direction::Destination => destination,
            Direction::Both => Bounds::all([source, destination]),
        }
        .superset()
    }

    pub(super) fn protocol(&self, scope: Scope, protocol: Protocol) -> Bounds {
        let layer = |name| match scope {
            Scope::Any => self.layer(name),
            Scope::Outer => self.layer(name).certain_if(self.plain()),
        };
        match protocol {
            Protocol::Ip => layer("ipv4"),
            Protocol::Ip6 => layer("ipv6"),
            Protocol::Arp => layer("arp"),
            Protocol::Rarp => layer("rarp"),
            _ => match (protocol.ip_number(), protocol) {
                (Some(number), Protocol::Icmp6) => self.carries(scope, Carrier::Ip6, number.into()),
                (
                    Some(number),
                    Protocol::Tcp
                    | Protocol::Udp
                    | Protocol::Sctp
                    | Protocol::Pim
                    | Protocol::Ah
                    | Protocol::Esp,
                ) => self.carries(scope, Carrier::AnyIp, number.into()),
                (Some(number), _) => self.carries(scope, Carrier::Ip, number.into()),
                (None, _) => Bounds::UNKNOWN,
            },
        }
    }

    fn carries(&self, scope: Scope, carrier: Carrier, number: u32) -> Bounds {
        let by_link = |name| self.layer(name).superset();
        let layer = match (carrier, number) {
            (Carrier::Link, IPV4) => return by_link("ipv4"),
            (Carrier::Link, IPV6) => return by_link("ipv6"),
            (Carrier::Link, ARP) => return by_link("arp"),
            (Carrier::Link, RARP) => return by_link("rarp"),
            (Carrier::Link | Carrier::Iso | Carrier::Isis, _) => return Bounds::UNKNOWN,
            (Carrier::Ip, _) => Some(("ipv4", "ipv6")),
            (Carrier::Ip6, _) => Some(("ipv6", "ipv4")),
            (Carrier::AnyIp, _) => None,
        };
        let Ok(number) = u8::try_from(number) else { return Bounds::exact(Condition::NONE) };
        let mut bounds = self.ip_number(number).certain_if(self.plain_ip());
        if let Some((this, other)) = layer {
            let only_this = self.layer(other).negated();
            bounds = Bounds::all([bounds, self.layer(this)]).certain_if(only_this);
        }
        match scope {
            Scope::Any => bounds,
            Scope::Outer => bounds.certain_if(self.plain()),
        }
    }

    fn cast(&self, cast: Cast) -> Bounds {
        let to = |network: IpNet| self.addresses(FieldId::RelatedIp, network);
        let ipv4 = |address: [u8; 4], length: u8| {
            let network = Ipv4Net::new(address.into(), length).unwrap_or_default();
            to(IpNet::V4(network))
        };
        match cast {
            Cast::IpBroadcast => Bounds::any([ipv4([255; 4], 32), ipv4([0; 4], 32)]),
            Cast::IpMulticast => ipv4([224, 0, 0, 0], 3),
            Cast::Ip6Multicast => {
                let first = std::net::Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0);
                to(IpNet::V6(Ipv6Net::new(first, 8).unwrap_or_default()))
            }
            // Other links have addresses of their own.
            Cast::Broadcast => Bounds::any([
                self.field(FieldId::DestinationMac, |id| Condition::is(id, "FF-FF-FF-FF-FF-FF")),
                self.field(FieldId::PacketLinkType, |id| {
                    Condition::number(id, LinkType::ETHERNET.0)
                })
                .negated(),
            ]),
            Cast::Multicast => return Bounds::UNKNOWN,
        }
        .superset()
    }

    /// Of more than two tags, those between the first and the last are not stored, and of a frame
    /// in a tagged one, as behind `geneve`, none.
    fn vlan(&self, id: Option<u16>) -> Bounds {
        let tagged = self.layer("vlan").superset();
        let Some(id) = id else { return tagged };
        let fields = [FieldId::NetworkVlanId, FieldId::NetworkInnerVlanId];
        let has_id = fields.map(|field| self.field(field, |f| Condition::is(f, id.to_string())));
        let has_more = self.field(FieldId::NetworkInnerVlanId, Condition::Exists);
        let has_inner_frame = self.no_tunnel().negated();
        Bounds::any(has_id.into_iter().chain([has_more, has_inner_frame])).superset()
    }

    fn mpls(&self, label: Option<u32>) -> Bounds {
        match label {
            Some(label) => self
                .field(FieldId::PacketMplsLabel, |field| Condition::number(field, label))
                .superset(),
            None => self.layer("mpls").superset(),
        }
    }

    fn file(&self, name: &str) -> Bounds {
        let fields = [FieldId::FileName, FieldId::FilePath];
        if name.len() > KEYWORD_LIMIT {
            return Bounds::any(fields.map(|field| self.field(field, Condition::TooLong)))
                .superset();
        }
        Bounds::any(fields.map(|field| self.field(field, |field| Condition::is(field, name))))
    }

    /// A layer that decoding has recognised.
    pub(super) fn layer(&self, name: &str) -> Bounds {
        self.field(FieldId::PacketLayers, |field| Condition::is(field, name))
    }

    /// A protocol number in one of the IP headers, or behind it.
    pub(super) fn ip_number(&self, number: u8) -> Bounds {
        self.field(FieldId::PacketIpProtocols, |field| Condition::number(field, number))
    }

    /// What every IP header carries directly, the header itself tells.
    fn plain_ip(&self) -> Bounds {
        Bounds::any(EXTENDED.map(|number| self.ip_number(number))).negated()
    }

    /// There is one packet only, and tcpdump looks for it where it is.
    fn plain(&self) -> Bounds {
        let link_types = PLAIN_LINK_TYPES.map(|number| {
            self.field(FieldId::PacketLinkType, |field| Condition::number(field, number))
        });
        let wrapped = Bounds::any(WRAPPING.map(|name| self.layer(name)));
        Bounds::all([Bounds::any(link_types), wrapped.negated(), self.no_tunnel()])
    }

    /// There is one packet only.
    fn no_tunnel(&self) -> Bounds {
        self.field(FieldId::PacketTunnelType, Condition::Exists).negated()
    }

    fn any_number(&self, fields: &[FieldId], number: u16) -> Bounds {
        let has = |field: &FieldId| self.field(*field, |field| Condition::number(field, number));
        Bounds::any(fields.iter().map(has))
    }
}

/// The addresses that are equal as far as the mask has no holes.
fn common_network(address: Ipv4Addr, mask: Ipv4Addr) -> IpNet {
    let length = u8::try_from(mask.to_bits().leading_ones()).unwrap_or_default();
    IpNet::V4(Ipv4Net::new(address, length).unwrap_or_default().trunc())
}
