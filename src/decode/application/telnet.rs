//! Telnet (RFC 854): a negotiation at its port.

use super::{Found, Ports};

const TELNET: u16 = 23;
/// "Interpret as command", and the commands that negotiate: SB, WILL, WON'T, DO, DON'T.
const COMMAND: u8 = 255;
const NEGOTIATION: std::ops::RangeInclusive<u8> = 250..=254;

pub(super) fn decode(ports: Ports, payload: &[u8]) -> Option<Found> {
    let [COMMAND, verb, ..] = payload else { return None };
    (ports.any(&[TELNET]) && NEGOTIATION.contains(verb)).then(|| Found::named(&["telnet"]))
}
