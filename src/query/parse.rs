//! Words of the command line → [`Filter`].

use std::net::IpAddr;

use ipnet::IpNet;

use crate::packet::MacAddress;
use crate::query::{Filter, Predicate, Protocol};

/// The words that select packets, as the command line has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// Every one must hold.
    pub all: Vec<String>,
    /// At least one must hold, if there are any.
    pub any: Vec<String>,
    /// Each must be found in the packet as it is, whatever it looks like.
    pub strings: Vec<String>,
    /// Only packets of this capture file.
    pub file: Option<String>,
}

/// Why words cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// A word without a letter would be found in every packet.
    #[error("an empty word selects nothing")]
    Empty,
    /// Looks like a network and is none.
    #[error("{0:?} is no network: {1}")]
    Network(String, &'static str),
    /// Looks like a port and is none.
    #[error("{0} is no port: ports end at 65535")]
    Port(String),
}

impl Words {
    /// The filter that the words mean.
    ///
    /// # Errors
    /// When a word is empty, or a number or network that cannot be one.
    pub fn filter(&self) -> Result<Filter, ParseError> {
        let mut filters = Vec::new();
        for word in &self.all {
            filters.push(Filter::Is(predicate(word)?));
        }
        if !self.any.is_empty() {
            let any = self.any.iter().map(|word| predicate(word).map(Filter::Is));
            filters.push(Filter::Or(any.collect::<Result<_, _>>()?));
        }
        for text in &self.strings {
            filters.push(Filter::Is(text_predicate(text)?));
        }
        if let Some(file) = &self.file {
            filters.push(Filter::Is(Predicate::File(file.clone())));
        }
        Ok(match filters.len() {
            0 => Filter::All,
            1 => filters.remove(0),
            _ => Filter::And(filters),
        })
    }
}

/// An address or network, a MAC address, a port, a protocol word, or else text.
fn predicate(word: &str) -> Result<Predicate, ParseError> {
    if let Ok(address) = word.parse::<IpAddr>() {
        return Ok(Predicate::Host(IpNet::from(address)));
    }
    if let Some(network) = network(word)? {
        return Ok(Predicate::Host(network));
    }
    if let Ok(mac) = word.parse::<MacAddress>() {
        return Ok(Predicate::Mac(mac));
    }
    if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()) {
        let port = word.parse().map_err(|_| ParseError::Port(word.to_owned()))?;
        return Ok(Predicate::Port(port));
    }
    if let Some(protocol) = Protocol::from_word(word) {
        return Ok(Predicate::Protocol(protocol));
    }
    text_predicate(word)
}

/// `192.0.2.0/24`; `None` when it does not begin with an address.
fn network(word: &str) -> Result<Option<IpNet>, ParseError> {
    let Some((address, _)) = word.split_once('/') else { return Ok(None) };
    if address.parse::<IpAddr>().is_err() {
        return Ok(None);
    }
    let network: IpNet = word
        .parse()
        .map_err(|_| ParseError::Network(word.to_owned(), "the prefix length does not fit"))?;
    // As tcpdump: bits below the prefix are a mistake, not a wish.
    if network.addr() != network.network() {
        return Err(ParseError::Network(word.to_owned(), "bits are set below the prefix length"));
    }
    Ok(Some(network))
}

fn text_predicate(text: &str) -> Result<Predicate, ParseError> {
    if text.is_empty() { Err(ParseError::Empty) } else { Ok(Predicate::Text(text.into())) }
}

impl Protocol {
    /// The protocol that a word names, in any case.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let word = word.to_ascii_lowercase();
        WORDS.iter().find(|(name, _)| *name == word).map(|(_, protocol)| *protocol)
    }
}

/// Protocol words, with tcpdump's meaning where tcpdump has the word.
const WORDS: &[(&str, Protocol)] = &[
    ("ipv4", Protocol::Ipv4),
    ("ip", Protocol::Ipv4),
    ("ipv6", Protocol::Ipv6),
    ("ip6", Protocol::Ipv6),
    ("arp", Protocol::Arp),
    ("rarp", Protocol::Rarp),
    ("tcp", Protocol::Ip(6)),
    ("udp", Protocol::Ip(17)),
    ("sctp", Protocol::Ip(132)),
    ("icmp", Protocol::Ipv4Only(1)),
    ("igmp", Protocol::Ipv4Only(2)),
    ("igrp", Protocol::Ipv4Only(9)),
    ("vrrp", Protocol::Ipv4Only(112)),
    ("icmp6", Protocol::Ipv6Only(58)),
    ("icmpv6", Protocol::Ipv6Only(58)),
    ("pim", Protocol::Ip(103)),
    ("ah", Protocol::Ip(51)),
    ("esp", Protocol::Ip(50)),
    ("gre", Protocol::Ip(47)),
    ("ospf", Protocol::Ip(89)),
    ("dns", Protocol::Application("dns")),
    ("http", Protocol::Application("http")),
    ("tls", Protocol::Application("tls")),
    ("ssh", Protocol::Application("ssh")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_what_it_looks_like() {
        let host = |text: &str| Predicate::Host(text.parse().unwrap());
        for (word, expected) in [
            ("192.168.99.100", host("192.168.99.100/32")),
            ("10.0.0.0/8", host("10.0.0.0/8")),
            ("2001:db8::1", host("2001:db8::1/128")),
            ("::1", host("::1/128")),
            ("00:00:5e:00:53:23", Predicate::Mac(MacAddress([0, 0, 0x5e, 0, 0x53, 0x23]))),
            ("53", Predicate::Port(53)),
            ("0", Predicate::Port(0)),
            ("TCP", Predicate::Protocol(Protocol::Ip(6))),
            ("ipv4", Predicate::Protocol(Protocol::Ipv4)),
            ("tcpdump", Predicate::Text(b"tcpdump".to_vec())),
            ("1.2.3", Predicate::Text(b"1.2.3".to_vec())),
            ("a/b", Predicate::Text(b"a/b".to_vec())),
        ] {
            assert_eq!(predicate(word), Ok(expected), "{word}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        assert_eq!(predicate(""), Err(ParseError::Empty));
        assert_eq!(predicate("65536"), Err(ParseError::Port("65536".into())));
        assert!(matches!(predicate("10.0.0.1/8"), Err(ParseError::Network(..))));
        assert!(matches!(predicate("10.0.0.0/33"), Err(ParseError::Network(..))));
    }

    #[test]
    fn all_words_and_one_of_the_others() {
        let words = Words {
            all: vec!["53".into()],
            any: vec!["udp".into(), "tcp".into()],
            ..Words::default()
        };
        let Ok(Filter::And(filters)) = words.filter() else { panic!("two conditions") };
        assert_eq!(filters[0], Filter::Is(Predicate::Port(53)));
        assert!(matches!(&filters[1], Filter::Or(any) if any.len() == 2));
        assert_eq!(Words::default().filter(), Ok(Filter::All));
    }
}
