//! Packets inside of packets, behind an IP or UDP header.

mod gre;
mod l2tp;
mod overlay;
mod pim;
mod security;

use crate::decode::Step;
use crate::packet::Layers;
pub(super) use gre::gre;
pub(super) use l2tp::over_ip as l2tp_over_ip;
pub(super) use pim::pim;

/// UDP ports (IANA; 8472 is what Linux used before VXLAN had a number).
const L2TP: u16 = 1701;
const GTP_USER: u16 = 2152;
const TEREDO: u16 = 3544;
const IPSEC_NAT: u16 = 4500;
const GRE_IN_UDP: u16 = 4754;
const VXLAN: u16 = 4789;
const VXLAN_GPE: u16 = 4790;
const GENEVE: u16 = 6081;
const MPLS_IN_UDP: u16 = 6635;
const VXLAN_LINUX: u16 = 8472;

/// What a datagram on these ports wraps; `None` when it is an ordinary datagram. A port alone
/// decides nothing: the header has to be one of the tunnel.
pub(super) fn over_udp<'a>(
    source: u16,
    destination: u16,
    data: &'a [u8],
    layers: &mut Layers,
) -> Option<Step<'a>> {
    of_port(destination, data, layers).or_else(|| of_port(source, data, layers))
}

fn of_port<'a>(port: u16, data: &'a [u8], layers: &mut Layers) -> Option<Step<'a>> {
    match port {
        L2TP => l2tp::over_udp(data, layers),
        GTP_USER => overlay::gtp(data, layers),
        TEREDO => overlay::teredo(data, layers),
        IPSEC_NAT => security::over_udp(data, layers),
        GRE_IN_UDP => gre::over_udp(data, layers),
        VXLAN | VXLAN_LINUX => overlay::vxlan(data, layers),
        VXLAN_GPE => overlay::vxlan_gpe(data, layers),
        GENEVE => overlay::geneve(data, layers),
        MPLS_IN_UDP => overlay::mpls(data, layers),
        _ => None,
    }
}
