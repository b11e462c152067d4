//! Names in the encoding of DNS without its compression, as DHCP carries them (RFC 8415,
//! section 10).

use super::Cursor;

/// Labels up to the root, or as far as they go: a client may send part of a name.
pub(super) fn dotted(bytes: &[u8]) -> Option<String> {
    let mut rest = Cursor(bytes);
    let mut name = String::new();
    while let Some(label) = rest.sized_u8().filter(|label| !label.is_empty()) {
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(&String::from_utf8_lossy(label));
    }
    (!name.is_empty()).then_some(name)
}
