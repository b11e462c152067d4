/// The protocols that tcpdump's language has a word for.
///
/// Source: pcap-filter(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// The link layer: `ether`, `link`, `wlan` … It is a qualifier and no condition.
    Link,
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
    /// Address resolution.
    Arp,
    /// Reverse address resolution.
    Rarp,
    /// Carried by IPv4 or IPv6.
    Tcp,
    /// Carried by IPv4 or IPv6.
    Udp,
    /// Carried by IPv4 or IPv6.
    Sctp,
    /// Carried by IPv4.
    Icmp,
    /// Carried by IPv6.
    Icmp6,
    /// Carried by IPv4.
    Igmp,
    /// Carried by IPv4.
    Igrp,
    /// Carried by IPv4 or IPv6.
    Pim,
    /// Carried by IPv4.
    Vrrp,
    /// Carried by IPv4, under the number of VRRP.
    Carp,
    /// Carried by IPv4 or IPv6.
    Ah,
    /// Carried by IPv4 or IPv6.
    Esp,
    /// AppleTalk.
    Atalk,
    /// AppleTalk address resolution.
    Aarp,
    /// DECnet phase IV.
    Decnet,
    /// DEC local area transport.
    Lat,
    /// DEC system communication architecture.
    Sca,
    /// DEC dump and load.
    Mopdl,
    /// DEC remote console.
    Moprc,
    /// OSI network protocols over LLC.
    Iso,
    /// OSI connectionless network protocol.
    Clnp,
    /// OSI end system to intermediate system.
    Esis,
    /// OSI intermediate system to intermediate system.
    Isis,
    /// IS-IS of level 1.
    IsisL1,
    /// IS-IS of level 2.
    IsisL2,
    /// IS-IS hello.
    IsisIih,
    /// IS-IS link state.
    IsisLsp,
    /// IS-IS sequence numbers, complete or partial.
    IsisSnp,
    /// IS-IS complete sequence numbers.
    IsisCsnp,
    /// IS-IS partial sequence numbers.
    IsisPsnp,
    /// Spanning tree.
    Stp,
    /// Novell's network protocol.
    Ipx,
    /// NetBEUI.
    Netbeui,
    /// The header that a radio puts before an 802.11 frame. It is a qualifier and no condition.
    Radio,
    /// PPPoE discovery.
    Pppoed,
}

/// Words and protocols; of several words for one, the first is shown.
const WORDS: &[(&str, Protocol)] = &[
    ("ether", Protocol::Link),
    ("link", Protocol::Link),
    ("ppp", Protocol::Link),
    ("slip", Protocol::Link),
    ("fddi", Protocol::Link),
    ("tr", Protocol::Link),
    ("wlan", Protocol::Link),
    ("ip", Protocol::Ip),
    ("ip6", Protocol::Ip6),
    ("arp", Protocol::Arp),
    ("rarp", Protocol::Rarp),
    ("tcp", Protocol::Tcp),
    ("udp", Protocol::Udp),
    ("sctp", Protocol::Sctp),
    ("icmp", Protocol::Icmp),
    ("icmp6", Protocol::Icmp6),
    ("igmp", Protocol::Igmp),
    ("igrp", Protocol::Igrp),
    ("pim", Protocol::Pim),
    ("vrrp", Protocol::Vrrp),
    ("carp", Protocol::Carp),
    ("ah", Protocol::Ah),
    ("esp", Protocol::Esp),
    ("atalk", Protocol::Atalk),
    ("aarp", Protocol::Aarp),
    ("decnet", Protocol::Decnet),
    ("lat", Protocol::Lat),
    ("sca", Protocol::Sca),
    ("mopdl", Protocol::Mopdl),
    ("moprc", Protocol::Moprc),
    ("iso", Protocol::Iso),
    ("clnp", Protocol::Clnp),
    ("esis", Protocol::Esis),
    ("es-is", Protocol::Esis),
    ("isis", Protocol::Isis),
    ("is-is", Protocol::Isis),
    ("l1", Protocol::IsisL1),
    ("l2", Protocol::IsisL2),
    ("iih", Protocol::IsisIih),
    ("lsp", Protocol::IsisLsp),
    ("snp", Protocol::IsisSnp),
    ("csnp", Protocol::IsisCsnp),
    ("psnp", Protocol::IsisPsnp),
    ("stp", Protocol::Stp),
    ("ipx", Protocol::Ipx),
    ("netbeui", Protocol::Netbeui),
    ("radio", Protocol::Radio),
    ("pppoed", Protocol::Pppoed),
];

impl Protocol {
    /// The protocol of a word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        WORDS.iter().find(|(known, _)| *known == word).map(|(_, protocol)| *protocol)
    }

    /// The word of tcpdump's language.
    #[must_use]
    pub fn word(self) -> &'static str {
        WORDS.iter().find(|(_, known)| *known == self).map_or("", |(word, _)| word)
    }

    /// The number in an IP header that stands for it, for protocols that IP carries.
    #[must_use]
    pub fn ip_number(self) -> Option<u8> {
        Some(match self {
            Self::Icmp => 1,
            Self::Igmp => 2,
            Self::Tcp => 6,
            Self::Igrp => 9,
            Self::Udp => 17,
            Self::Esp => 50,
            Self::Ah => 51,
            Self::Icmp6 => 58,
            Self::Pim => 103,
            Self::Vrrp | Self::Carp => 112,
            Self::Sctp => 132,
            _ => return None,
        })
    }
}
