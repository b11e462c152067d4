//! NTP (RFC 5905).

use super::{Found, Ports};
use crate::packet::Exchange;

const NTP: u16 = 123;
const HEADER: usize = 48;
/// Names of the modes (RFC 5905, section 7.3; the last two: RFC 9327, and ntpd's own).
const MODES: [&str; 8] = [
    "reserved",
    "symmetric_active",
    "symmetric_passive",
    "client",
    "server",
    "broadcast",
    "control",
    "private",
];
/// Messages of these modes have another, shorter header.
const FIRST_OTHER_MODE: usize = 6;

pub(super) fn decode(ports: Ports, payload: &[u8]) -> Option<Found> {
    let [first, stratum, ..] = *payload else { return None };
    let (version, mode) = (first >> 3 & 0x07, usize::from(first & 0x07));
    let is_other = mode >= FIRST_OTHER_MODE;
    if !ports.any(&[NTP]) || !(1..=4).contains(&version) || mode == 0 {
        return None;
    }
    if !is_other && payload.len() < HEADER {
        return None;
    }
    let exchange = Exchange {
        operations: vec![MODES[mode].to_owned()],
        version: Some(version.to_string()),
        stratum: (!is_other).then_some(stratum),
        ..Exchange::default()
    };
    Some(Found::with(&["ntp"], exchange))
}
