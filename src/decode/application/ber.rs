//! Elements of ASN.1's basic encoding rules (X.690): what LDAP, SNMP and Kerberos are made of.
//!
//! By hand and not with a parser of whole values: an outer element that goes on beyond the packet
//! still has its first members.

use super::Cursor;

pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const OBJECT_ID: u8 = 0x06;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const SEQUENCE: u8 = 0x30;
/// Identifiers with this number go on; none of these protocols has one.
const LONG_TAG: u8 = 0x1f;

/// An identifier octet and the content, as much of it as was captured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: Cursor<'a>,
    /// Whether all of it was captured.
    pub(super) is_whole: bool,
}

/// The element at the front.
pub(super) fn next<'a>(data: &mut Cursor<'a>) -> Option<Element<'a>> {
    let tag = data.u8()?;
    if tag & LONG_TAG == LONG_TAG {
        return None;
    }
    let length = match data.u8()? {
        short @ ..=0x7f => usize::from(short),
        // Of four bytes at most; the indefinite form (0x80) is not used by any of them.
        long @ 0x81..=0x84 => {
            let bytes = data.take(usize::from(long & 0x7f))?;
            bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
        }
        _ => return None,
    };
    let content = data.take_up_to(length);
    Some(Element { tag, content: Cursor(content), is_whole: content.len() == length })
}

/// The content of the element at the front, if it has this tag.
pub(super) fn expect<'a>(data: &mut Cursor<'a>, tag: u8) -> Option<Cursor<'a>> {
    let mut ahead = *data;
    let element = next(&mut ahead)?;
    (element.tag == tag).then(|| {
        *data = ahead;
        element.content
    })
}

/// A number of at most four bytes.
pub(super) fn integer(data: &mut Cursor<'_>, tag: u8) -> Option<i64> {
    let bytes = expect(data, tag)?.0;
    let first = *bytes.first()?;
    (bytes.len() <= 4).then(|| {
        let sign = if first & 0x80 != 0 { -1 } else { 0 };
        bytes.iter().fold(sign, |number: i64, byte| number << 8 | i64::from(*byte))
    })
}

/// The text in the element at the front, if it has this tag and is whole: half a name is another
/// name.
pub(super) fn text(data: &mut Cursor<'_>, tag: u8) -> Option<String> {
    let mut ahead = *data;
    let element = next(&mut ahead)?;
    (element.tag == tag && element.is_whole).then(|| {
        *data = ahead;
        super::text(element.content.0)
    })?
}

/// The content of the member with this tag, among those that follow; it is whole.
pub(super) fn member(mut data: Cursor<'_>, tag: u8) -> Option<Cursor<'_>> {
    while let Some(element) = next(&mut data) {
        if element.tag == tag {
            return element.is_whole.then_some(element.content);
        }
    }
    None
}

/// `1.3.6.1.2.1.1.1.0`
pub(super) fn object_id(bytes: &[u8]) -> Option<String> {
    let mut text = String::new();
    let mut number: u64 = 0;
    for byte in bytes {
        number = number.checked_mul(128)? + u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if text.is_empty() {
                let first = (number / 40).min(2);
                text = format!("{first}.{}", number - first * 40);
            } else {
                text.push('.');
                text.push_str(itoa::Buffer::new().format(number));
            }
            number = 0;
        }
    }
    (!text.is_empty()).then_some(text)
}
