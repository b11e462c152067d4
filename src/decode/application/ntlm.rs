//! The third message of NTLM (MS-NLMP, section 2.2.1.3), wherever it is carried: who logs on.

use memchr::memmem;

use super::{Cursor, text, text_utf16};
use crate::packet::User;

const SIGNATURE: &[u8] = b"NTLMSSP\0";
const AUTHENTICATE: u32 = 3;
/// The negotiated text is UTF-16.
const UNICODE: u32 = 1;
/// Where the fields stand, from the signature: domain, user, workstation.
const FIELDS: [usize; 3] = [28, 36, 44];
const FLAGS: usize = 60;

/// The account in the first message of this kind that stands in `data`.
pub(super) fn user(data: &[u8]) -> Option<User> {
    let message = &data[memmem::find(data, SIGNATURE)?..];
    if (Cursor(message.get(SIGNATURE.len()..)?)).u32_le()? != AUTHENTICATE {
        return None;
    }
    // Messages of old clients end before the flags; their text is of the machine's code page.
    let flags = Cursor(message.get(FLAGS..)?).u32_le().unwrap_or_default();
    let read = if flags & UNICODE != 0 { text_utf16 } else { text };
    let [domain, name, workstation] = FIELDS.map(|at| {
        let mut field = Cursor(message.get(at..)?);
        let length = usize::from(field.u16_le()?);
        field.u16_le()?;
        let offset = usize::try_from(field.u32_le()?).ok()?;
        read(message.get(offset..offset.checked_add(length)?)?)
    });
    Some(User { name, domain, workstation })
}
