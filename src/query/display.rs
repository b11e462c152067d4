//! A filter as text, in one form for each: `parse` reads it back as the same filter.

use std::fmt::{self, Display, Formatter};

use ipnet::IpNet;

use crate::document::Value;
use crate::packet::MacAddress;
use crate::query::parse::is_plain_name;
use crate::query::{
    AddressProtocol, Addresses, Arithmetic, Carrier, Cast, Direction, FieldCondition, FieldTest,
    Filter, Host, HostDirection, Llc, Pattern, Payload, Ports, Predicate, Relation, Scope,
    Transport, Way, Wildcard, Wlan,
};

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Or(filters) if filters.is_empty() => f.write_str("none"),
            Self::And(filters) => list(f, filters, " and "),
            Self::Or(filters) => list(f, filters, " or "),
            Self::Not(filter) => {
                f.write_str("not ")?;
                grouped(f, filter)
            }
            Self::Is(predicate) => predicate.fmt(f),
        }
    }
}

fn list(f: &mut Formatter<'_>, filters: &[Filter], between: &str) -> fmt::Result {
    for (position, filter) in filters.iter().enumerate() {
        if position > 0 {
            f.write_str(between)?;
        }
        grouped(f, filter)?;
    }
    Ok(())
}

fn grouped(f: &mut Formatter<'_>, filter: &Filter) -> fmt::Result {
    match filter {
        Filter::And(filters) | Filter::Or(filters) if !filters.is_empty() => {
            write!(f, "({filter})")
        }
        _ => write!(f, "{filter}"),
    }
}

impl Display for Predicate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => host.fmt(f),
            Self::Port(ports) => ports.fmt(f),
            Self::Mac(mac) => {
                let address = colons(mac.address);
                match mac.direction {
                    HostDirection::Ends(direction) => {
                        write!(f, "ether {}host {address}", word(direction))
                    }
                    HostDirection::Field(number) => write!(f, "wlan addr{number} {address}"),
                    HostDirection::Receiver => write!(f, "wlan ra {address}"),
                    HostDirection::Transmitter => write!(f, "wlan ta {address}"),
                }
            }
            Self::Protocol(scope, protocol) => {
                write!(f, "{}{}", outer_unless_said(*scope), protocol.word())
            }
            Self::Carries(scope, carrier, number) => {
                write!(f, "{}{}proto {number}", outer_unless_said(*scope), carrier_word(*carrier))
            }
            Self::Chain(carrier, number) => {
                write!(f, "{}protochain {number}", carrier_word(*carrier))
            }
            Self::Cast(cast) => f.write_str(match cast {
                Cast::Broadcast => "ether broadcast",
                Cast::Multicast => "ether multicast",
                Cast::IpBroadcast => "ip broadcast",
                Cast::IpMulticast => "ip multicast",
                Cast::Ip6Multicast => "ip6 multicast",
            }),
            Self::Vlan(id) => numbered(f, "vlan", id.as_ref()),
            Self::Mpls(label) => numbered(f, "mpls", label.as_ref()),
            Self::Pppoes(session) => numbered(f, "pppoes", session.as_ref()),
            Self::Geneve(network) => numbered(f, "geneve", network.as_ref()),
            Self::Way(Way::Inbound) => f.write_str("inbound"),
            Self::Way(Way::Outbound) => f.write_str("outbound"),
            Self::InterfaceIndex(index) => write!(f, "ifindex {index}"),
            Self::Llc(llc) => llc.fmt(f),
            Self::Wlan(wlan) => wlan.fmt(f),
            Self::Relation(relation) => relation.fmt(f),
            Self::Field(test) => test.fmt(f),
            Self::Payload(payload) => payload.fmt(f),
            Self::File(name) => write!(f, "file:{}", Quoted(name)),
            Self::Capture(capture) => write!(f, "capture:{capture}"),
            Self::Id(id) => write!(f, "id:{id}"),
        }
    }
}

impl Display for Host {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let protocol = match self.protocol {
            None => "",
            Some(AddressProtocol::Ip) => "ip ",
            Some(AddressProtocol::Ip6) => "ip6 ",
            Some(AddressProtocol::Arp) => "arp ",
            Some(AddressProtocol::Rarp) => "rarp ",
        };
        write!(f, "{}{protocol}{}", any_unless_said(self.scope), word(self.direction))?;
        match &self.addresses {
            Addresses::Network(network) if is_single(network) => {
                write!(f, "host {}", network.addr())
            }
            Addresses::Network(network) => write!(f, "net {network}"),
            Addresses::Masked(address, mask) => write!(f, "net {address} mask {mask}"),
            Addresses::Name(name) if is_plain_name(name) => write!(f, "host {name}"),
            Addresses::Name(name) => write!(f, "host \\{name}"),
        }
    }
}

fn is_single(network: &IpNet) -> bool {
    network.prefix_len() == network.max_prefix_len()
}

impl Display for Ports {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let transport = match self.transport {
            None => "",
            Some(Transport::Tcp) => "tcp ",
            Some(Transport::Udp) => "udp ",
            Some(Transport::Sctp) => "sctp ",
        };
        write!(f, "{}{transport}{}", any_unless_said(self.scope), word(self.direction))?;
        let (first, last) = (self.range.start(), self.range.end());
        if first == last {
            write!(f, "port {first}")
        } else {
            write!(f, "portrange {first}-{last}")
        }
    }
}

/// Addresses and ports are looked for everywhere.
fn any_unless_said(scope: Scope) -> &'static str {
    match scope {
        Scope::Any => "",
        Scope::Outer => "outer ",
    }
}

/// Protocols are those of the outermost packet, as in tcpdump.
fn outer_unless_said(scope: Scope) -> &'static str {
    match scope {
        Scope::Any => "any ",
        Scope::Outer => "",
    }
}

fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::Either => "",
        Direction::Source => "src ",
        Direction::Destination => "dst ",
        Direction::Both => "src and dst ",
    }
}

fn carrier_word(carrier: Carrier) -> &'static str {
    match carrier {
        Carrier::Link => "ether ",
        Carrier::Ip => "ip ",
        Carrier::Ip6 => "ip6 ",
        Carrier::AnyIp => "",
        Carrier::Iso => "iso ",
        Carrier::Isis => "isis ",
    }
}

fn numbered(f: &mut Formatter<'_>, word: &str, number: Option<&impl Display>) -> fmt::Result {
    match number {
        Some(number) => write!(f, "{word} {number}"),
        None => f.write_str(word),
    }
}

fn colons(address: MacAddress) -> String {
    address.0.map(|byte| format!("{byte:02x}")).join(":")
}

impl Display for Llc {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("llc"),
            Self::Information => f.write_str("llc i"),
            Self::Supervisory => f.write_str("llc s"),
            Self::Unnumbered => f.write_str("llc u"),
            Self::SupervisoryKind(kind) => named(f, "llc", *kind, Self::SUPERVISORY_KINDS),
            Self::UnnumberedKind(kind) => named(f, "llc", *kind, Self::UNNUMBERED_KINDS),
        }
    }
}

fn named(f: &mut Formatter<'_>, word: &str, kind: u8, names: &[(&str, u8)]) -> fmt::Result {
    match names.iter().find(|(_, known)| *known == kind) {
        Some((name, _)) => write!(f, "{word} {name}"),
        None => write!(f, "{word} {kind}"),
    }
}

impl Display for Wlan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind { value, mask } if *mask == Self::TYPE => {
                write!(f, "type {}", value & Self::TYPE)
            }
            Self::Kind { value, .. } => {
                write!(f, "type {} subtype {}", value & Self::TYPE, value & Self::SUBTYPE)
            }
            Self::Direction(direction) => write!(f, "dir {direction}"),
        }
    }
}

impl Display for Relation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.left, self.comparison.sign(), self.right)
    }
}

impl Display for Arithmetic {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Length => f.write_str("len"),
            Self::Bytes(accessor) => {
                write!(f, "{}[{}", accessor.protocol.word(), accessor.offset)?;
                match accessor.size {
                    1 => f.write_str("]"),
                    size => write!(f, ":{size}]"),
                }
            }
            Self::Negative(number) => write!(f, "-{}", Operand(number)),
            Self::Binary(operator, operands) => {
                let (left, right) = operands.as_ref();
                write!(f, "{} {} {}", Operand(left), operator.sign(), Operand(right))
            }
        }
    }
}

/// In parentheses, where it is made of two.
struct Operand<'a>(&'a Arithmetic);

impl Display for Operand<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Arithmetic::Binary(..) | Arithmetic::Negative(_) => write!(f, "({})", self.0),
            _ => self.0.fmt(f),
        }
    }
}

impl Display for FieldTest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let name = self.field.field().name;
        match &self.condition {
            FieldCondition::Exists => write!(f, "{name}:*"),
            FieldCondition::Equals(value) => write!(f, "{name}:{}", Written(value)),
            FieldCondition::Like(wildcard) => write!(f, "{name}:{}", Stars(wildcard)),
            FieldCondition::InNetwork(network) => write!(f, "{name}:{network}"),
            FieldCondition::Compared(comparison, value) => {
                write!(f, "{name}{}{}", comparison.sign(), Written(value))
            }
            FieldCondition::Between(first, last) => {
                write!(f, "{name}:[{} to {}]", Written(first), Written(last))
            }
        }
    }
}

/// A field's value; text stands in quotes.
struct Written<'a>(&'a Value<'static>);

impl Display for Written<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Text(text) => Quoted(text).fmt(f),
            value => value.fmt(f),
        }
    }
}

/// A wildcard without quotes: whatever ends a word or means something has a backslash before it.
struct Stars<'a>(&'a Wildcard);

impl Display for Stars<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (position, part) in self.0.parts.iter().enumerate() {
            if position > 0 {
                f.write_str("*")?;
            }
            for c in part.chars() {
                if !(c.is_alphanumeric() || "_-.:/@".contains(c)) {
                    f.write_str("\\")?;
                }
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c if c.is_control() => write!(f, "\\u{{{:x}}}", u32::from(c))?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}

impl Display for Payload {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let case = |ignored: &bool| if *ignored { "i" } else { "" };
        match self.pattern() {
            Pattern::Text { text, ignore_case } => {
                write!(f, "{}{}", Quoted(text), case(ignore_case))
            }
            Pattern::Regex { pattern, ignore_case } => {
                write!(f, "/{}/{}", pattern.replace('/', "\\/"), case(ignore_case))
            }
            Pattern::Bytes(bytes) => {
                f.write_str("hex:")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}
