//! The link type of a capture → its first layer.

use crate::decode::{Step, behind, ethernet, internet, local, ppp, tags, wireless};
use crate::packet::{Layers, LinkType};

/// Bytes of direction in front of some link types.
const DIRECTION: usize = 1;

/// Reads a packet as it was captured, without its last `missing` bytes.
pub(super) fn captured<'a>(
    link_type: LinkType,
    data: &'a [u8],
    missing: usize,
    layers: &mut Layers,
) -> Step<'a> {
    match link_type {
        LinkType::IEEE802_11_RADIOTAP => wireless::radiotap(data, missing, layers),
        _ => decode(link_type, data, layers),
    }
}

/// Reads the link layer that `link_type` names.
pub(super) fn decode<'a>(link_type: LinkType, data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    match link_type {
        LinkType::ETHERNET => ethernet::frame(data, layers),
        LinkType::RAW | LinkType::RAW_BSD | LinkType::RAW_OPENBSD => internet::ip(data, layers),
        LinkType::IPV4 => internet::ipv4(data, layers),
        LinkType::IPV6 => internet::ipv6(data, layers),
        LinkType::NULL | LinkType::LOOP => local::loopback(data, layers),
        LinkType::LINUX_SLL => local::cooked(data, layers),
        LinkType::LINUX_SLL2 => local::cooked_2(data, layers),
        LinkType::NFLOG => local::netfilter_log(data, layers),
        LinkType::PKTAP => local::pktap(data, layers),
        LinkType::USER2 if local::is_pktap(data) => local::pktap(data, layers),
        LinkType::IPOIB => local::infiniband(data, layers),
        LinkType::PPI => local::per_packet_information(data, layers),
        LinkType::PPP | LinkType::PPP_HDLC => ppp::hdlc(data, layers),
        LinkType::PPP_ETHER => ppp::over_ethernet(data, layers),
        LinkType::PPP_PPPD => ppp::pppd(data, layers),
        LinkType::PPP_WITH_DIR => ppp::frame(behind("ppp", data, DIRECTION)?, layers),
        LinkType::C_HDLC => ppp::cisco(data, layers),
        LinkType::C_HDLC_WITH_DIR => ppp::cisco(behind("chdlc", data, DIRECTION)?, layers),
        LinkType::FRELAY => ppp::frame_relay(data, layers),
        LinkType::FRELAY_WITH_DIR => ppp::frame_relay(behind("fr", data, DIRECTION)?, layers),
        LinkType::MPLS => tags::mpls(data, layers),
        LinkType::IEEE802_11 => wireless::frame(data, layers),
        LinkType::IEEE802_11_RADIOTAP => wireless::radiotap(data, 0, layers),
        LinkType::IEEE802_11_PRISM => wireless::prism(data, layers),
        LinkType::IEEE802_11_AVS => wireless::avs(data, layers),
        // Stored as it is; its name stands in the document.
        _ => Ok(None),
    }
}
