//! Ethernet, and what its EtherType or its logical link control announces.

use etherparse::Ethernet2HeaderSlice;

use crate::decode::{Next, Step, cut, internet, ppp, stop, tags};
use crate::packet::{Layers, MacAddress, NetworkKind};

/// EtherTypes (IEEE Registration Authority).
pub(super) const IPV4: u16 = 0x0800;
pub(super) const IPV6: u16 = 0x86dd;
pub(super) const ARP: u16 = 0x0806;
const RARP: u16 = 0x8035;
pub(super) const MPLS: u16 = 0x8847;
pub(super) const MPLS_UPSTREAM: u16 = 0x8848;
const PPPOE_DISCOVERY: u16 = 0x8863;
const PPPOE_SESSION: u16 = 0x8864;
const BACKBONE: u16 = 0x88e7;
const MACSEC: u16 = 0x88e5;
const METADATA: u16 = 0x8909;
const VIRTUAL_NIC: u16 = 0x8926;
pub(super) const SERVICE: u16 = 0x894f;
const TRANSPARENT_BRIDGING: u16 = 0x6558;

/// Below this an EtherType is a length, and an 802.2 header follows (IEEE 802.3, 3.2.6).
const FIRST_ETHER_TYPE: u16 = 0x0600;
/// The largest length.
const LARGEST_LENGTH: u16 = 1500;

/// What is only named, by its EtherType.
const NAMED: &[(u16, &str)] = &[
    (0x0842, "wol"),
    (0x2000, "cdp"),
    (0x809b, "ddp"),
    (0x80f3, "aarp"),
    (0x8137, "ipx"),
    (0x8809, "slow"),
    (0x888e, "eapol"),
    (0x8892, "profinet"),
    (0x88a4, "ethercat"),
    (0x88b8, "goose"),
    (0x88ba, "sv"),
    (0x88cc, "lldp"),
    (0x88f7, "ptp"),
    (0x8902, "cfm"),
    (0x8906, "fcoe"),
    (0x9000, "loop"),
];

/// Service access points of IEEE 802.2.
const SAP_IP: u8 = 0x06;
const SAP_SNAP: u8 = 0xaa;
/// What is only named, by its destination service access point.
const SAP_NAMED: &[(u8, &str)] = &[(0x42, "stp"), (0xe0, "ipx"), (0xf0, "netbios"), (0xfe, "osi")];
/// Unnumbered information: the control byte in front of IP and SNAP.
const UNNUMBERED: u8 = 0x03;

/// Organisations of the Subnetwork Access Protocol (RFC 1042; IEEE 802.1H).
const ENCAPSULATED: [u8; 3] = [0, 0, 0];
const BRIDGE_TUNNEL: [u8; 3] = [0, 0, 0xf8];
const CISCO: [u8; 3] = [0, 0, 0x0c];
const BRIDGED: [u8; 3] = [0, 0x80, 0xc2];
/// Cisco's protocols that are only named.
const CISCO_NAMED: &[(u16, &str)] = &[
    (0x0104, "stp"),
    (0x010b, "stp"),
    (0x0111, "udld"),
    (0x2000, "cdp"),
    (0x2003, "vtp"),
    (0x2004, "dtp"),
];
/// Bridged Ethernet with and without its frame check sequence (RFC 2684).
const BRIDGED_ETHERNET: [u16; 2] = [0x0001, 0x0007];

/// An Ethernet frame. Its addresses are those of the packet if it is the outermost.
pub(super) fn frame<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    let header = Ethernet2HeaderSlice::from_slice(data).map_err(|error| stop("ethernet", error))?;
    layers.names.push("ethernet");
    if layers.destination_mac.is_none() && layers.source_mac.is_none() {
        layers.destination_mac = Some(MacAddress(header.destination()));
        layers.source_mac = Some(MacAddress(header.source()));
    }
    let payload = data.get(header.slice().len()..).unwrap_or_default();
    type_or_length(header.ether_type().0, payload)
}

/// What follows the field that is a type or a length.
pub(super) fn type_or_length(number: u16, payload: &[u8]) -> Step<'_> {
    if number >= FIRST_ETHER_TYPE {
        return Ok(Some(Next::EtherType(number, payload)));
    }
    if number > LARGEST_LENGTH {
        return Err(stop("ethernet", format_args!("{number} is neither type nor length")));
    }
    // Without the padding of a short frame.
    Ok(Some(Next::Llc(payload.get(..usize::from(number)).unwrap_or(payload))))
}

pub(super) fn ether_type<'a>(number: u16, payload: &'a [u8], layers: &mut Layers) -> Step<'a> {
    // libpcap knows neither this tag nor frames in frames.
    layers.ambiguous |= matches!(number, tags::OLD_VLAN | TRANSPARENT_BRIDGING);
    if tags::VLAN.contains(&number) {
        return tags::vlan(payload, layers);
    }
    if layers.ether_type.is_none() {
        layers.ether_type = Some(number);
    }
    match number {
        IPV4 => internet::ipv4(payload, layers),
        IPV6 => internet::ipv6(payload, layers),
        ARP => internet::address_resolution(NetworkKind::Arp, payload, layers),
        RARP => internet::address_resolution(NetworkKind::Rarp, payload, layers),
        MPLS | MPLS_UPSTREAM => tags::mpls(payload, layers),
        BACKBONE => tags::backbone(payload, layers),
        MACSEC => tags::macsec(payload, layers),
        METADATA => tags::metadata(payload, layers),
        VIRTUAL_NIC => tags::virtual_nic(payload, layers),
        SERVICE => tags::service(payload, layers),
        PPPOE_SESSION => ppp::over_ethernet(payload, layers),
        PPPOE_DISCOVERY => {
            layers.names.push("pppoed");
            Ok(None)
        }
        TRANSPARENT_BRIDGING => Ok(Some(Next::Ethernet(payload))),
        _ => {
            name_by(NAMED, number, layers);
            Ok(None)
        }
    }
}

/// IEEE 802.2, and SNAP behind it.
pub(super) fn llc<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    // Novell's raw frames have no such header: they begin with the checksum of IPX.
    if data.starts_with(&[0xff, 0xff]) {
        name("ipx", layers);
        return Ok(None);
    }
    layers.names.push("llc");
    let [destination, _, control, payload @ ..] = data else { return Err(cut("llc")) };
    match (*destination, *control) {
        (SAP_SNAP, UNNUMBERED) => snap(payload, layers),
        (SAP_IP, UNNUMBERED) => Ok(Some(Next::Ip(payload))),
        (point, _) => {
            name_by(SAP_NAMED, point, layers);
            Ok(None)
        }
    }
}

fn snap<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    layers.names.push("snap");
    let [a, b, c, high, low, payload @ ..] = data else { return Err(cut("snap")) };
    let number = u16::from_be_bytes([*high, *low]);
    match [*a, *b, *c] {
        ENCAPSULATED | BRIDGE_TUNNEL => Ok(Some(Next::EtherType(number, payload))),
        CISCO => {
            name_by(CISCO_NAMED, number, layers);
            Ok(None)
        }
        BRIDGED if BRIDGED_ETHERNET.contains(&number) => Ok(Some(Next::Ethernet(payload))),
        _ => Ok(None),
    }
}

/// A protocol without anything above it: it is what is spoken.
pub(super) fn name(protocol: &'static str, layers: &mut Layers) {
    layers.names.push(protocol);
    layers.application = Some(protocol);
}

/// [`name`]s the protocol with this number, if it has a name.
pub(super) fn name_by<N: PartialEq + Copy>(
    names: &[(N, &'static str)],
    number: N,
    layers: &mut Layers,
) {
    if let Some((_, protocol)) = names.iter().find(|(named, _)| *named == number) {
        name(protocol, layers);
    }
}
