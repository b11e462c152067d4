//! DNS over UDP and TCP (RFC 1035), mDNS (RFC 6762), LLMNR (RFC 4795).

use std::net::IpAddr;

use domain::base::iana::{Class, Opcode, OptRcode, Rtype};
use domain::base::message::RecordSection;
use domain::base::name::ToLabelIter;
use domain::base::wire::ParseError;
use domain::base::{Message, ParsedName, ParsedRecord, Question};
use domain::rdata::AllRecordData;
use domain::rdata::svcb::SvcParams;
use domain::rdata::svcb::value::AllValues;

use super::{Found, Ports, netbios};
use crate::packet::{self, Application, Dns, DnsQuestion, DnsRecord};

const DNS: u16 = 53;
const MDNS: u16 = 5353;
const LLMNR: u16 = 5355;
/// RFC 1035, section 4.1.1.
const HEADER: usize = 12;
/// A root name, type, class, TTL and length.
const SMALLEST_RECORD: usize = 11;
/// Operations that IANA has assigned end with DSO.
const LAST_OPERATION: u8 = 6;
/// Questions that are kept of a message. DNS itself has one; mDNS asks for what it knows.
const MOST_QUESTIONS: usize = 32;
/// Records that are kept of each part of a message: a message of 64 KiB may hold thousands.
const MOST_RECORDS: usize = 64;
/// Addresses that are kept of a record: of 64 KiB thousands are possible.
const MOST_ADDRESSES: usize = 64;
/// mDNS uses the highest bit of the class for itself (RFC 6762, sections 5.4 and 10.2).
const CLASS: u16 = 0x7fff;
/// "DNSSEC OK" in the TTL of an OPT record (RFC 3225).
const DNSSEC_OK: u32 = 0x8000;

const CUT: &str = "dns: the message was cut or is damaged; what stands before that is kept";
const MORE_QUESTIONS: &str = "dns: questions beyond the first 32 are left out";
const MORE_ADDRESSES: &str = "dns: addresses of a record beyond the first 64 are left out";
const MORE_RECORDS: &str = "dns: records of a section beyond the first 64 are left out";

type Name<'a> = ParsedName<&'a [u8]>;

pub(super) fn over_tcp(ports: Ports, payload: &[u8]) -> Option<Found> {
    if !ports.any(&[DNS]) {
        return None;
    }
    // A message begins with its length. Where the length stood alone in the segment before, the
    // message itself stands at the front.
    let (length, message) = payload.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes(*length));
    let message = message.get(..length).unwrap_or(message);
    let details = decode(message, false).or_else(|| decode(payload, false))?;
    Some(Found::with(&["dns"], details))
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
    let &[_, _, flags, _, 0, 1, ..] = payload else { return None };
    // A query or an answer to one.
    if flags & 0x78 != 0 || !is_exact(payload) {
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
    let most = payload.len() / SMALLEST_RECORD;
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

fn decode(payload: &[u8], is_netbios: bool) -> Option<Application> {
    let message = Message::from_slice(payload).ok()?;
    let (header, counts) = (message.header(), message.header_counts());
    let is_empty =
        [counts.qdcount(), counts.ancount(), counts.nscount(), counts.arcount()] == [0; 4];
    let is_foreign = header.z() || header.opcode().to_int() > LAST_OPERATION;
    if (is_foreign && !is_netbios) || (is_empty && payload.len() > HEADER) {
        return None;
    }
    let mut reading = Reading { is_netbios, ..Reading::default() };
    if let Err(error) = reading.sections(message) {
        reading.cut(error)?;
    }
    let flags = header.flags();
    let set = [
        (flags.aa, "AA"),
        (flags.tc, "TC"),
        (flags.rd, "RD"),
        (flags.ra, "RA"),
        (flags.ad, "AD"),
        (flags.cd, "CD"),
        (reading.dnssec_ok, "DO"),
    ];
    let code = OptRcode::from_parts(header.rcode(), reading.code_high);
    let dns = Dns {
        id: header.id(),
        is_answer: header.qr(),
        operation: operation(header.opcode(), is_netbios),
        response_code: header.qr().then(|| code.to_string()),
        flags: set.into_iter().filter(|(set, _)| *set).map(|(_, name)| name).collect(),
        ..reading.dns
    };
    let message = packet::Message::Dns(Box::new(dns));
    Some(Application { notes: reading.notes, ..Application::of(message) })
}

fn operation(operation: Opcode, is_netbios: bool) -> String {
    match operation.to_mnemonic_str() {
        _ if is_netbios => netbios::operation(operation.to_int()),
        Some(name) => name.to_owned(),
        None => format!("OPCODE{}", operation.to_int()),
    }
}

/// What was read so far.
#[derive(Debug, Default)]
struct Reading {
    is_netbios: bool,
    dns: Dns,
    /// Upper eight bits of the response code, and the flag, from an OPT record (RFC 6891).
    code_high: u8,
    dnssec_ok: bool,
    notes: Vec<&'static str>,
}

impl Reading {
    /// Reads from the front until the message ends, or cannot be read any further.
    fn sections(&mut self, message: &Message<[u8]>) -> Result<(), ParseError> {
        let mut questions = message.question();
        for question in questions.by_ref() {
            let question = question?;
            if self.dns.questions.len() == MOST_QUESTIONS {
                self.note(MORE_QUESTIONS);
                continue;
            }
            self.dns.questions.push(self.question(&question));
        }
        let mut answers = questions.answer()?;
        self.records(&mut answers, true)?;
        let Some(mut authority) = answers.next_section()? else { return Ok(()) };
        self.records(&mut authority, false)?;
        let Some(mut additional) = authority.next_section()? else { return Ok(()) };
        self.records(&mut additional, false)
    }

    /// A message whose first name cannot be one is no DNS; one that ends early is.
    fn cut(&mut self, error: ParseError) -> Option<()> {
        let is_some = !self.dns.questions.is_empty() || !self.dns.answers.is_empty();
        if !is_some && !matches!(error, ParseError::ShortInput) {
            return None;
        }
        self.note(CUT);
        Some(())
    }

    fn question(&self, question: &Question<Name<'_>>) -> DnsQuestion {
        DnsQuestion {
            name: self.name(question.qname()),
            kind: self.kind(question.qtype()),
            class: class(question.qclass()),
        }
    }

    fn records(
        &mut self,
        section: &mut RecordSection<'_, [u8]>,
        is_answer: bool,
    ) -> Result<(), ParseError> {
        let mut count = 0;
        for record in section.by_ref() {
            let record = record?;
            if record.rtype() == Rtype::OPT {
                let [code_high, ..] = record.ttl().as_secs().to_be_bytes();
                self.code_high = code_high;
                self.dnssec_ok = record.ttl().as_secs() & DNSSEC_OK != 0;
                continue;
            }
            count += 1;
            if count > MOST_RECORDS {
                self.note(MORE_RECORDS);
                continue;
            }
            let record = self.record(&record);
            if is_answer {
                self.dns.answers.push(record);
            } else {
                self.dns.mentioned.push(record);
            }
        }
        Ok(())
    }

    fn record(&mut self, record: &ParsedRecord<'_, [u8]>) -> DnsRecord {
        let mut found = DnsRecord {
            name: self.name(&record.owner()),
            kind: self.kind(record.rtype()),
            class: class(record.class()),
            ttl: record.ttl().as_secs(),
            ..DnsRecord::default()
        };
        // An update that removes records has empty ones (RFC 2136, section 2.5).
        if record.rdlen() == 0 {
            return found;
        }
        if self.is_netbios && record.rtype() == netbios::ADDRESS {
            found.addresses = netbios::addresses(record);
            found.data = joined(&found.addresses);
            self.bound(&mut found.addresses);
            return found;
        }
        match record.to_any_record::<AllRecordData<&[u8], Name<'_>>>() {
            Ok(record) => self.value(record.data(), &mut found),
            Err(_) => self.note(CUT),
        }
        self.bound(&mut found.addresses);
        found
    }

    fn value(&self, data: &AllRecordData<&[u8], Name<'_>>, found: &mut DnsRecord) {
        let target = match data {
            AllRecordData::A(address) => {
                found.addresses.push(IpAddr::V4(address.addr().octets().into()));
                None
            }
            AllRecordData::Aaaa(address) => {
                found.addresses.push(IpAddr::V6(address.addr().octets().into()));
                None
            }
            AllRecordData::Cname(name) => Some(name.cname()),
            AllRecordData::Dname(name) => Some(name.dname()),
            AllRecordData::Ns(name) => Some(name.nsdname()),
            AllRecordData::Ptr(name) => Some(name.ptrdname()),
            AllRecordData::Mx(exchange) => Some(exchange.exchange()),
            AllRecordData::Srv(service) => Some(service.target()),
            AllRecordData::Svcb(service) => {
                found.addresses = hints(service.params());
                Some(service.target())
            }
            AllRecordData::Https(service) => {
                found.addresses = hints(service.params());
                Some(service.target())
            }
            _ => None,
        };
        found.target = target.map(|name| self.name(name));
        found.data = match (data, &found.target) {
            (
                AllRecordData::Cname(_)
                | AllRecordData::Dname(_)
                | AllRecordData::Ns(_)
                | AllRecordData::Ptr(_),
                Some(name),
            ) => name.clone(),
            _ => data.to_string(),
        };
    }

    fn bound(&mut self, addresses: &mut Vec<IpAddr>) {
        if addresses.len() > MOST_ADDRESSES {
            addresses.truncate(MOST_ADDRESSES);
            self.note(MORE_ADDRESSES);
        }
    }

    fn name(&self, name: &Name<'_>) -> String {
        let text = dotted(name);
        if self.is_netbios { netbios::name(&text).unwrap_or(text) } else { text }
    }

    fn kind(&self, kind: Rtype) -> String {
        match netbios::kind(kind) {
            Some(name) if self.is_netbios => name.to_owned(),
            _ => kind.to_string(),
        }
    }

    fn note(&mut self, note: &'static str) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// Where a service can be reached, as far as its record says so (RFC 9460, section 7.3).
fn hints(parameters: &SvcParams<&[u8]>) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for value in parameters.iter_all().map_while(Result::ok) {
        match value {
            AllValues::Ipv4Hint(hint) => {
                addresses.extend(hint.iter().map(|address| IpAddr::V4(address.octets().into())));
            }
            AllValues::Ipv6Hint(hint) => {
                addresses.extend(hint.iter().map(|address| IpAddr::V6(address.octets().into())));
            }
            _ => {}
        }
    }
    addresses
}

fn joined(addresses: &[IpAddr]) -> String {
    let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    texts.join(" ")
}

fn class(class: Class) -> String {
    Class::from_int(class.to_int() & CLASS).to_string()
}

/// Labels with dots between them, in the spelling of the wire: the UTF-8 of mDNS stays readable.
fn dotted(name: &Name<'_>) -> String {
    let mut text = String::new();
    for label in name.iter_labels().filter(|label| !label.is_root()) {
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(&String::from_utf8_lossy(label.as_slice()));
    }
    if text.is_empty() { ".".to_owned() } else { text }
}
