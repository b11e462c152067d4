//! The layer two tunnelling protocol, version 2 (RFC 2661) and 3 (RFC 3931).

use crate::decode::{Next, Step, behind, cut, enter, tags, u16_at, u32_at};
use crate::packet::{Layers, Tunnel, TunnelId};

/// Bits of the first two bytes.
const CONTROL: u16 = 0x8000;
const LENGTH: u16 = 0x4000;
const SEQUENCE: u16 = 0x0800;
const OFFSET: u16 = 0x0200;
/// Must be zero.
const RESERVED: u16 = 0x34f0;
const VERSION: u16 = 0x000f;

/// Version 3 does not say how long its cookie is (none, 4 or 8 bytes), nor whether a sublayer of
/// 4 bytes follows.
const BEFORE_FRAME: [usize; 4] = [0, 4, 8, 12];
/// Over UDP: flags, four bytes of which two are reserved, and the session.
const SESSION_OVER_UDP: usize = 4;

pub(super) fn over_udp<'a>(data: &'a [u8], layers: &mut Layers) -> Option<Step<'a>> {
    let flags = u16_at(data, 0)?;
    match flags & VERSION {
        2 if flags & RESERVED == 0 => version_2(flags, data, layers),
        3 if flags & CONTROL != 0 => {
            layers.names.push("l2tp");
            Some(Ok(None))
        }
        3 if flags & !VERSION == 0 => {
            let session = u32_at(data, SESSION_OVER_UDP)?;
            let rest = data.get(SESSION_OVER_UDP + 4..)?;
            Some(Ok(version_3(session, rest, layers)))
        }
        _ => None,
    }
}

fn version_2<'a>(flags: u16, data: &'a [u8], layers: &mut Layers) -> Option<Step<'a>> {
    let mut at = 2;
    let mut end = data.len();
    if flags & LENGTH != 0 {
        let length = u16_at(data, at)?;
        if layers.payload_length.is_some_and(|most| u32::from(length) > most) {
            return None;
        }
        end = end.min(usize::from(length));
        at += 2;
    }
    let (tunnel, session) = (u16_at(data, at)?, u16_at(data, at + 2)?);
    at += 4;
    if flags & SEQUENCE != 0 {
        at += 4;
    }
    if flags & OFFSET != 0 {
        at += 2 + usize::from(u16_at(data, at)?);
    }
    layers.names.push("l2tp");
    if flags & CONTROL != 0 {
        return Some(Ok(None));
    }
    let id = Some(TunnelId::Session(tunnel, session));
    layers.tunnels.push(Tunnel { kind: "l2tp", id });
    let payload = data.get(..end).unwrap_or(data);
    Some(behind("l2tp", payload, at).map(|payload| Some(Next::Ppp(payload))))
}

/// Version 3 right over IP: session 0 is the control connection (section 4.1.1).
pub(in crate::decode) fn over_ip<'a>(data: &'a [u8], layers: &mut Layers) -> Step<'a> {
    match u32_at(data, 0) {
        Some(0) => {
            layers.names.push("l2tp");
            Ok(None)
        }
        Some(session) => Ok(version_3(session, &data[4..], layers)),
        None => {
            layers.names.push("l2tp");
            Err(cut("l2tp"))
        }
    }
}

/// What a session carries was agreed upon elsewhere: an Ethernet frame is looked for where it
/// can begin.
fn version_3<'a>(session: u32, data: &'a [u8], layers: &mut Layers) -> Option<Next<'a>> {
    enter("l2tp", Some(session), layers);
    let at = BEFORE_FRAME.into_iter().find(|at| tags::has_ether_type(data, *at));
    at.and_then(|at| data.get(at..)).map(Next::Ethernet)
}
