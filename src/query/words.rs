//! Words of the command line → [`Filter`].

use std::net::IpAddr;

use ipnet::IpNet;

use crate::document::Value;
use crate::document::fields::FieldId;
use crate::packet::MacAddress;
use crate::query::{
    Carrier, FieldCondition, FieldTest, Filter, ParseError, Payload, Predicate, Protocol, Scope,
};

/// The words that select packets, as the command line has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// Every one must hold.
    pub all: Vec<String>,
    /// At least one must hold, if there are any.
    pub any: Vec<String>,
    /// Each must be found in the packet as it is, whatever it looks like.
    pub strings: Vec<String>,
    /// Upper and lower case are the same in what is looked for as text.
    pub ignore_case: bool,
    /// Only packets of this capture file.
    pub file: Option<String>,
    /// Expressions that must hold too.
    pub filters: Vec<Filter>,
}

impl Words {
    /// The filter that the words mean.
    ///
    /// # Errors
    /// When a word is empty, or a number or network that cannot be one.
    pub fn filter(&self) -> Result<Filter, ParseError> {
        let mut filters = Vec::new();
        for word in &self.all {
            filters.push(self.word(word)?.into());
        }
        if !self.any.is_empty() {
            let any = self.any.iter().map(|word| self.word(word).map(Filter::Is));
            filters.push(Filter::any_of(any.collect::<Result<Vec<_>, _>>()?));
        }
        for text in &self.strings {
            filters.push(self.text(text)?.into());
        }
        if let Some(file) = &self.file {
            filters.push(Predicate::File(file.clone()).into());
        }
        filters.extend(self.filters.iter().cloned());
        Ok(Filter::all_of(filters))
    }

    /// An address or network, a MAC address, a port, a protocol word, or else text.
    fn word(&self, word: &str) -> Result<Predicate, ParseError> {
        if let Ok(address) = word.parse::<IpAddr>() {
            return Ok(Predicate::host(IpNet::from(address)));
        }
        if let Some(network) = network(word)? {
            return Ok(Predicate::host(network));
        }
        if let Ok(mac) = word.parse::<MacAddress>() {
            return Ok(Predicate::mac(mac));
        }
        if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()) {
            let port = word.parse().map_err(|_| {
                wrong(word, format!("{word} is no port: ports end at 65535"))
                    .hint(format!("--string {word} looks for the digits"))
            })?;
            return Ok(Predicate::port(port));
        }
        match protocol(&word.to_ascii_lowercase()) {
            Some(predicate) => Ok(predicate),
            None => self.text(word),
        }
    }

    fn text(&self, text: &str) -> Result<Predicate, ParseError> {
        if text.is_empty() {
            return Err(wrong(text, "an empty word selects nothing"));
        }
        let payload = if self.ignore_case {
            Payload::text_in_any_case(text).map_err(|reason| wrong(text, reason))?
        } else {
            Payload::text(text)
        };
        Ok(Predicate::Payload(payload))
    }
}

fn wrong(word: &str, message: impl Into<String>) -> ParseError {
    ParseError {
        text: word.to_owned(),
        offset: 0,
        length: word.len(),
        message: message.into(),
        hint: None,
    }
}

/// `192.0.2.0/24`; `None` when it does not begin with an address.
fn network(word: &str) -> Result<Option<IpNet>, ParseError> {
    let Some((address, _)) = word.split_once('/') else { return Ok(None) };
    if address.parse::<IpAddr>().is_err() {
        return Ok(None);
    }
    let network: IpNet = word.parse().map_err(|_| {
        wrong(word, format!("{word} is no network: the prefix length does not fit"))
    })?;
    // As tcpdump: bits below the prefix are a mistake, not a wish.
    if network.addr() != network.network() {
        let message = format!("{word} is no network: bits are set below the prefix length");
        return Err(wrong(word, message).hint(format!("the network is {}", network.trunc())));
    }
    Ok(Some(network))
}

/// What a protocol's word means, in any layer.
fn protocol(word: &str) -> Option<Predicate> {
    let protocol = match word {
        "dns" | "http" | "tls" | "ssh" => {
            let value = Value::Text(word.to_owned().into());
            let condition = FieldCondition::Equals(value);
            let field = FieldId::NetworkProtocol;
            return Some(Predicate::Field(FieldTest { field, condition }));
        }
        "ipv4" | "ip" => Protocol::Ip,
        "ipv6" | "ip6" => Protocol::Ip6,
        "icmp6" | "icmpv6" => Protocol::Icmp6,
        "gre" => return Some(Predicate::Carries(Scope::Any, Carrier::AnyIp, 47)),
        "ospf" => return Some(Predicate::Carries(Scope::Any, Carrier::AnyIp, 89)),
        "arp" => Protocol::Arp,
        "rarp" => Protocol::Rarp,
        _ => Protocol::of_word(word).filter(|protocol| protocol.ip_number().is_some())?,
    };
    Some(Predicate::Protocol(Scope::Any, protocol))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(word: &str) -> Result<Predicate, ParseError> {
        Words::default().word(word)
    }

    #[test]
    fn each_word_is_what_it_looks_like() {
        let host = |text: &str| Predicate::host(text.parse().unwrap());
        let protocol = |protocol| Predicate::Protocol(Scope::Any, protocol);
        for (text, expected) in [
            ("192.168.99.100", host("192.168.99.100/32")),
            ("10.0.0.0/8", host("10.0.0.0/8")),
            ("2001:db8::1", host("2001:db8::1/128")),
            ("::1", host("::1/128")),
            ("00:00:5e:00:53:23", Predicate::mac(MacAddress([0, 0, 0x5e, 0, 0x53, 0x23]))),
            ("53", Predicate::port(53)),
            ("0", Predicate::port(0)),
            ("TCP", protocol(Protocol::Tcp)),
            ("ipv4", protocol(Protocol::Ip)),
            ("tcpdump", Predicate::text("tcpdump")),
            ("1.2.3", Predicate::text("1.2.3")),
            ("a/b", Predicate::text("a/b")),
        ] {
            assert_eq!(word(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (text, message) in [
            ("", "an empty word selects nothing"),
            ("65536", "65536 is no port: ports end at 65535"),
            ("10.0.0.1/8", "10.0.0.1/8 is no network: bits are set below the prefix length"),
            ("10.0.0.0/33", "10.0.0.0/33 is no network: the prefix length does not fit"),
        ] {
            assert_eq!(word(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn all_words_and_one_of_the_others() {
        let words = Words {
            all: vec!["53".into()],
            any: vec!["udp".into(), "tcp".into()],
            ..Words::default()
        };
        let Ok(Filter::And(filters)) = words.filter() else { panic!("two conditions") };
        assert_eq!(filters[0], Filter::Is(Predicate::port(53)));
        assert!(matches!(&filters[1], Filter::Or(any) if any.len() == 2));
        assert_eq!(Words::default().filter(), Ok(Filter::All));
    }
}
