//! Protocol independent multicast (RFC 7761): a register message holds a packet to a group, on its
//! way to the router where senders and receivers meet.

use crate::decode::{Next, Step, enter, u32_at};
use crate::packet::Layers;

/// Version 2, type 1 (section 4.9.3).
const REGISTER: u8 = 0x21;
/// Bit of the word behind the header: only asks whether somebody listens.
const NULL_REGISTER: u32 = 0x4000_0000;
const REGISTER_HEADER: usize = 8;

pub(in crate::decode) fn pim<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    layers.names.push("pim");
    let is_register = data.first() == Some(&REGISTER)
        && u32_at(data, 4).is_some_and(|flags| flags & NULL_REGISTER == 0);
    let packet = data.get(REGISTER_HEADER..).filter(|packet| is_register && !packet.is_empty());
    Ok(packet.map(|packet| {
        enter("pim-register", None, layers);
        Next::Ip(packet)
    }))
}
