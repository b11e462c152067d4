//! The second and third message of NTLM (MS-NLMP, section 2.2.1), wherever they are carried: which
//! server asks, and who logs on.

use memchr::memmem;

use super::{Cursor, text, text_utf16};
use crate::packet::{Challenger, User};

const SIGNATURE: &[u8] = b"NTLMSSP\0";
const CHALLENGE: u32 = 2;
const AUTHENTICATE: u32 = 3;
/// The negotiated text is UTF-16.
const UNICODE: u32 = 1;
/// Where the fields of the third message stand, from the signature: domain, user, workstation.
const FIELDS: [usize; 3] = [28, 36, 44];
const FLAGS: usize = 60;
/// The same of the second: the target, and what else is said of it.
const TARGET: usize = 12;
const TARGET_FLAGS: usize = 20;
const TARGET_INFORMATION: usize = 40;
/// Kinds of what is said of the target (MS-NLMP, section 2.2.2.1); always in UTF-16.
const END: u16 = 0;
const NETBIOS_COMPUTER: u16 = 1;
const NETBIOS_DOMAIN: u16 = 2;
const DNS_COMPUTER: u16 = 3;
const DNS_DOMAIN: u16 = 4;
/// Messages that are looked at: several requests may stand in one packet.
const MOST_MESSAGES: usize = 8;

/// The first account and the first server that messages in `data` name.
pub(super) fn read(data: &[u8]) -> (Option<User>, Option<Box<Challenger>>) {
    let (mut first_user, mut first_challenger) = (None, None);
    for at in memmem::find_iter(data, SIGNATURE).take(MOST_MESSAGES) {
        let message = &data[at..];
        match message.get(SIGNATURE.len()..).and_then(|rest| Cursor(rest).u32_le()) {
            Some(CHALLENGE) if first_challenger.is_none() => {
                first_challenger = challenger(message).map(Box::new);
            }
            Some(AUTHENTICATE) if first_user.is_none() => first_user = user(message),
            _ => {}
        }
    }
    (first_user, first_challenger)
}

fn user(message: &[u8]) -> Option<User> {
    // Messages of old clients end before the flags; their text is of the machine's code page.
    let read = reader(Cursor(message.get(FLAGS..)?).u32_le().unwrap_or_default());
    let [domain, name, workstation] = FIELDS.map(|at| read(field(message, at)?));
    Some(User { name, domain, workstation })
}

fn challenger(message: &[u8]) -> Option<Challenger> {
    let read = reader(Cursor(message.get(TARGET_FLAGS..)?).u32_le()?);
    let target = field(message, TARGET).and_then(read);
    let mut found = Challenger { target, ..Challenger::default() };
    let mut pairs = Cursor(field(message, TARGET_INFORMATION).unwrap_or_default());
    while let (Some(kind), Some(length)) = (pairs.u16_le(), pairs.u16_le()) {
        let Some(value) = pairs.take(length.into()) else { break };
        match kind {
            END => break,
            NETBIOS_COMPUTER => found.netbios_computer = text_utf16(value),
            NETBIOS_DOMAIN => found.netbios_domain = text_utf16(value),
            DNS_COMPUTER => found.dns_computer = text_utf16(value),
            DNS_DOMAIN => found.dns_domain = text_utf16(value),
            _ => {}
        }
    }
    Some(found).filter(|found| *found != Challenger::default())
}

fn reader(flags: u32) -> fn(&[u8]) -> Option<String> {
    if flags & UNICODE != 0 { text_utf16 } else { text }
}

/// The bytes whose length and offset stand at `at`.
fn field(message: &[u8], at: usize) -> Option<&[u8]> {
    let mut field = Cursor(message.get(at..)?);
    let length = usize::from(field.u16_le()?);
    field.u16_le()?;
    let offset = usize::try_from(field.u32_le()?).ok()?;
    message.get(offset..offset.checked_add(length)?)
}
