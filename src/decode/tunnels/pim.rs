//! Protocol independent multicast (RFC 7761): a register message holds a packet to a group, on its
//! way to the router where senders and receivers meet.

use crate::decode::{Next, enter};
use crate::packet::Layers;

/// Version 2, type 1. One that only asks whether somebody listens holds the header of such a
/// packet (section 4.9.3).
const REGISTER: u8 = 0x21;
const REGISTER_HEADER: usize = 8;

pub(in crate::decode) fn pim<'a>(data: &'a [u8], layers: &mut Layers) -> Option<Next<'a>> {
    layers.names.push("pim");
    let is_register = data.first() == Some(&REGISTER);
    let packet = data.get(REGISTER_HEADER..).filter(|packet| is_register && !packet.is_empty())?;
    enter("pim-register", None, layers);
    Some(Next::Ip(packet))
}
