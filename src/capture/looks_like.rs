/// First bytes of files that lie about in capture folders.
const KNOWN: &[(&[u8], &str)] = &[
    (b"snoop\0\0\0", "a snoop capture"),
    (b"RTSS", "a Microsoft Network Monitor 1 capture"),
    (b"GMBU", "a Microsoft Network Monitor 2 capture"),
    (b"XCP\0", "a NetXRay capture"),
    (b"TRSNIFF data", "a Sniffer capture"),
    (b"iptrace ", "an AIX iptrace capture"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\0", "a database"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
];

/// A guess at what a file is that is no capture, from as many first bytes as there are.
pub(super) fn looks_like(head: &[u8]) -> &'static str {
    let known = KNOWN.iter().find(|(magic, _)| head.starts_with(magic));
    match known {
        Some((_, name)) => name,
        None if is_text(head) => "text",
        None => "binary data of an unknown kind",
    }
}

/// UTF-8 without control characters; the last character may be cut.
fn is_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !valid.is_empty() && !valid.chars().any(|c| c.is_control() && !c.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_lies_about_in_capture_folders() {
        assert_eq!(looks_like(b"snoop\0\0\0\0\0\0\x02"), "a snoop capture");
        assert_eq!(looks_like("# Notes\nü".as_bytes()), "text");
        assert_eq!(looks_like(b"cut \xc3"), "text");
        assert_eq!(looks_like(b"latin-1 \xfc ?"), "binary data of an unknown kind");
        assert_eq!(looks_like(b"\x00\x01\x02\x03"), "binary data of an unknown kind");
    }
}
