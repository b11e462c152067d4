//! DNS over UDP and TCP (RFC 1035), mDNS (RFC 6762), LLMNR (RFC 4795), names of NetBIOS.

mod message;
mod netbios;
mod record;

use domain::base::Message;
use domain::base::iana::Class;

use super::{Cursor, Found, Ports};
use crate::packet::{self, Application};
use message::decode;

const DNS: u16 = 53;
const MDNS: u16 = 5353;
const LLMNR: u16 = 5355;
/// RFC 1035, section 4.1.1.
const HEADER: usize = 12;
/// A root name, type, class, TTL and length.
const SMALLEST_RECORD: usize = 11;
/// Records that a message at another port may have.
const MOST_ANYWHERE: usize = 1024;
/// Messages of a segment that are read.
const MOST_MESSAGES: usize = 16;

const SEVERAL: &str =
    "dns: several messages; id, type, flags and response code are those of the first";
const MORE_MESSAGES: &str = "dns: messages of a segment beyond the first 16 are left out";

pub(super) fn over_tcp(ports: Ports, payload: &[u8]) -> Option<Found> {
    if !ports.any(&[DNS]) {
        return None;
    }
    // A message begins with its length. Where the length stood alone in the segment before, the
    // message itself stands at the front.
    let details = several(payload).or_else(|| decode(payload, false))?;
    Some(Found::with(&["dns"], details))
}

/// Messages behind each other, each behind its length: what they ask and answer, together.
fn several(payload: &[u8]) -> Option<Application> {
    let mut rest = Cursor(payload);
    let mut next = || {
        let length = usize::from(rest.u16()?);
        decode(rest.take_up_to(length), false)
    };
    let mut first = next()?;
    for count in 1.. {
        let Some(following) = next() else { break };
        if count == MOST_MESSAGES {
            first.notes.push(MORE_MESSAGES);
            break;
        }
        append(&mut first, following);
    }
    Some(first)
}

fn append(first: &mut Application, following: Application) {
    if let (packet::Message::Dns(dns), packet::Message::Dns(more)) =
        (&mut first.message, following.message)
    {
        dns.questions.extend(more.questions);
        dns.answers.extend(more.answers);
        dns.mentioned.extend(more.mentioned);
    }
    for note in following.notes.into_iter().chain([SEVERAL]) {
        if !first.notes.contains(&note) {
            first.notes.push(note);
        }
    }
}

pub(super) fn over_udp(ports: Ports, payload: &[u8]) -> Option<Found> {
    let names: &[&str] = match () {
        () if ports.any(&[DNS]) => &["dns"],
        () if ports.any(&[MDNS]) => &["mdns"],
        () if ports.any(&[LLMNR]) => &["llmnr"],
        () if ports.any(&[netbios::NAME_SERVICE]) => &["nbns"],
        () => return None,
    };
    decode(payload, names == ["nbns"]).map(|details| Found::with(names, details))
}

/// At any other port: nothing but one question of a known type and class, and what answers it,
/// up to the last byte.
pub(super) fn anywhere(payload: &[u8]) -> Option<Found> {
    let &[_, _, flags, more_flags, 0, 1, ..] = payload else { return None };
    // A query or an answer to one, without the bit that has no meaning.
    if flags & 0x78 != 0 || more_flags & 0x40 != 0 || !is_exact(payload) {
        return None;
    }
    decode(payload, false).map(|details| Found::with(&["dns"], details))
}

/// As [`anywhere`], behind the length that TCP needs.
pub(super) fn anywhere_over_tcp(payload: &[u8]) -> Option<Found> {
    let (length, message) = payload.split_first_chunk()?;
    if usize::from(u16::from_be_bytes(*length)) != message.len() {
        return None;
    }
    anywhere(message)
}

fn is_exact(payload: &[u8]) -> bool {
    let Ok(message) = Message::from_slice(payload) else { return false };
    let Ok(question) = message.sole_question() else { return false };
    let is_known = question.qtype().to_mnemonic_str().is_some()
        && question.qclass() == Class::IN
        && question.qname().label_count() > 1;
    let counts = message.header_counts();
    let records = [counts.ancount(), counts.nscount(), counts.arcount()];
    let most = (payload.len() / SMALLEST_RECORD).min(MOST_ANYWHERE);
    is_known
        && records.into_iter().map(usize::from).sum::<usize>() <= most
        && end(message) == Some(payload.len())
}

/// Where the message ends by its own counts.
fn end(message: &Message<[u8]>) -> Option<usize> {
    let mut section = message.answer().ok()?;
    loop {
        section.by_ref().try_for_each(|record| record.map(|_| ())).ok()?;
        let at = section.pos();
        match section.next_section().ok()? {
            Some(next) => section = next,
            None => return Some(at),
        }
    }
}
