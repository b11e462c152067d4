use std::fmt;
use std::str::FromStr;

/// An EUI-48 address. Shown as ECS wants it: `00-00-5E-00-53-23`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MacAddress(pub [u8; 6]);

/// Two addresses are written for each packet; the formatter would take six times as long for one.
const DIGITS: &[u8; 16] = b"0123456789ABCDEF";

/// The text is no MAC address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a MAC address: six bytes in hexadecimal, such as 00:00:5e:00:53:23")]
pub struct ParseMacError;

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [b'-'; 17];
        for (place, byte) in text.chunks_mut(3).zip(self.0) {
            place[0] = DIGITS[usize::from(byte >> 4)];
            place[1] = DIGITS[usize::from(byte & 15)];
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// Reads `00:00:5e:00:53:23`, with colons or hyphens, one or two digits a byte.
impl FromStr for MacAddress {
    type Err = ParseMacError;

    fn from_str(text: &str) -> Result<Self, ParseMacError> {
        let separator = if text.contains('-') { '-' } else { ':' };
        let mut bytes = [0; 6];
        let mut parts = text.split(separator);
        for byte in &mut bytes {
            let part = parts.next().ok_or(ParseMacError)?;
            if part.is_empty() || part.len() > 2 || part.starts_with('+') {
                return Err(ParseMacError);
            }
            *byte = u8::from_str_radix(part, 16).map_err(|_| ParseMacError)?;
        }
        if parts.next().is_some() { Err(ParseMacError) } else { Ok(Self(bytes)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_notations_and_shows_one() {
        let expected = MacAddress([0, 0, 0x5e, 0, 0x53, 0x23]);
        for text in ["00:00:5e:00:53:23", "00-00-5E-00-53-23", "0:0:5e:0:53:23"] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        assert_eq!(expected.to_string(), "00-00-5E-00-53-23");
    }

    #[test]
    fn refuses_what_is_no_mac() {
        for text in ["", "::1", "00:00:5e:00:53", "00:00:5e:00:53:23:01", "00:00:5e:00:53:+3"] {
            assert_eq!(text.parse::<MacAddress>(), Err(ParseMacError), "{text}");
        }
    }
}
