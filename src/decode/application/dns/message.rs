//! A message: header, questions and the three sections of records (RFC 1035, section 4).

use domain::base::iana::{Opcode, OptRcode, Rtype};
use domain::base::message::RecordSection;
use domain::base::wire::ParseError;
use domain::base::{Message, Question};

use super::record::{Name, dotted};
use super::{HEADER, netbios};
use crate::packet::{self, Application, Dns, DnsQuestion};

/// Operations that IANA has assigned end with DSO.
const LAST_OPERATION: u8 = 6;
/// Questions that are kept of a message. DNS itself has one; mDNS asks for what it knows.
const MOST_QUESTIONS: usize = 32;
/// Records that are kept of each part of a message: a message of 64 KiB may hold thousands.
const MOST_RECORDS: usize = 64;
/// Questions and records that are stepped over on the way to what stands behind them.
const MOST_SKIPPED: usize = 1024;
/// "DNSSEC OK" in the TTL of an OPT record (RFC 3225).
const DNSSEC_OK: u32 = 0x8000;

pub(super) const CUT: &str =
    "dns: the message was cut or is damaged; what stands before that is kept";
const MORE_QUESTIONS: &str = "dns: questions beyond the first 32 are left out";
const MORE_RECORDS: &str = "dns: records of a section beyond the first 64 are left out";
const TOO_MANY: &str = "dns: so much is left out that what stands behind it is, too";

pub(super) fn decode(payload: &[u8], is_netbios: bool) -> Option<Application> {
    let message = Message::from_slice(payload).ok()?;
    let (header, counts) = (message.header(), message.header_counts());
    let is_empty =
        [counts.qdcount(), counts.ancount(), counts.nscount(), counts.arcount()] == [0; 4];
    let is_foreign = header.opcode().to_int() > LAST_OPERATION;
    if (is_foreign && !is_netbios) || (is_empty && payload.len() > HEADER) {
        return None;
    }
    let mut reading = Reading { is_netbios, ..Reading::default() };
    match reading.sections(message) {
        // The one bit that nobody has given a meaning: a message that sets it has to be whole.
        Err(_) if header.z() && !is_netbios => return None,
        Err(error) => reading.cut(error)?,
        Ok(()) => {}
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
pub(super) struct Reading {
    pub(super) is_netbios: bool,
    dns: Dns,
    /// Upper eight bits of the response code, and the flag, from an OPT record (RFC 6891).
    code_high: u8,
    dnssec_ok: bool,
    /// Questions and records that were stepped over.
    skipped: usize,
    notes: Vec<&'static str>,
}

impl Reading {
    /// Reads from the front until the message ends, cannot be read any further, or has shown
    /// enough of itself.
    fn sections(&mut self, message: &Message<[u8]>) -> Result<(), ParseError> {
        let mut questions = message.question();
        for question in questions.by_ref() {
            let question = question?;
            if self.dns.questions.len() == MOST_QUESTIONS {
                if self.skip(MORE_QUESTIONS).is_none() {
                    return Ok(());
                }
                continue;
            }
            self.dns.questions.push(self.question(&question));
        }
        let mut answers = questions.answer()?;
        if self.records(&mut answers, true)?.is_none() {
            return Ok(());
        }
        let Some(mut authority) = answers.next_section()? else { return Ok(()) };
        if self.records(&mut authority, false)?.is_none() {
            return Ok(());
        }
        let Some(mut additional) = authority.next_section()? else { return Ok(()) };
        self.records(&mut additional, false)?;
        Ok(())
    }

    /// Steps over a question or record, for the `note`d reason; `None` when that was the last.
    fn skip(&mut self, note: &'static str) -> Option<()> {
        self.note(note);
        self.skipped += 1;
        if self.skipped > MOST_SKIPPED {
            self.note(TOO_MANY);
            return None;
        }
        Some(())
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
        DnsQuestion { name: self.name(question.qname()), kind: self.kind(question.qtype()) }
    }

    /// `None` when so much was left out that nothing behind it is read.
    fn records(
        &mut self,
        section: &mut RecordSection<'_, [u8]>,
        is_answer: bool,
    ) -> Result<Option<()>, ParseError> {
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
                if self.skip(MORE_RECORDS).is_none() {
                    return Ok(None);
                }
                continue;
            }
            let record = self.record(&record);
            if is_answer {
                self.dns.answers.push(record);
            } else {
                self.dns.mentioned.push(record);
            }
        }
        Ok(Some(()))
    }

    pub(super) fn name(&self, name: &Name<'_>) -> String {
        let text = dotted(name);
        if self.is_netbios { netbios::name(&text).unwrap_or(text) } else { text }
    }

    pub(super) fn kind(&self, kind: Rtype) -> String {
        match netbios::kind(kind) {
            Some(name) if self.is_netbios => name.to_owned(),
            _ => kind.to_string(),
        }
    }

    pub(super) fn note(&mut self, note: &'static str) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}
