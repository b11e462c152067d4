use std::fmt;

/// How to read the first byte of a packet: a LINKTYPE_ number.
///
/// Unknown numbers are kept as they are; a capture with a link type that nobody has heard of is
/// still evidence. Source: <https://www.tcpdump.org/linktypes.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: address family in the byte order of the host.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// PPP, with or without its address and control bytes.
    pub const PPP: Self = Self(9);
    /// Raw IP, as BSD kernels numbered it.
    pub const RAW_BSD: Self = Self(12);
    /// Raw IP, as OpenBSD numbers it.
    pub const RAW_OPENBSD: Self = Self(14);
    /// PPP in HDLC-like framing, or Cisco's HDLC: the first byte tells.
    pub const PPP_HDLC: Self = Self(50);
    /// PPPoE without the Ethernet header.
    pub const PPP_ETHER: Self = Self(51);
    /// Raw IP, version by the first four bits.
    pub const RAW: Self = Self(101);
    /// Cisco HDLC.
    pub const C_HDLC: Self = Self(104);
    /// IEEE 802.11.
    pub const IEEE802_11: Self = Self(105);
    /// Frame Relay.
    pub const FRELAY: Self = Self(107);
    /// OpenBSD loopback: address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux cooked capture.
    pub const LINUX_SLL: Self = Self(113);
    /// IEEE 802.11 behind a Prism header.
    pub const IEEE802_11_PRISM: Self = Self(119);
    /// IEEE 802.11 behind a radiotap header.
    pub const IEEE802_11_RADIOTAP: Self = Self(127);
    /// For private use; what Apple's systems wrote for [`LinkType::PKTAP`] before it had a number.
    pub const USER2: Self = Self(149);
    /// IEEE 802.11 behind an AVS header.
    pub const IEEE802_11_AVS: Self = Self(163);
    /// PPP of Linux's pppd: the address byte tells the direction.
    pub const PPP_PPPD: Self = Self(166);
    /// Any other link type behind a header of its own.
    pub const PPI: Self = Self(192);
    /// PPP behind a byte with the direction.
    pub const PPP_WITH_DIR: Self = Self(204);
    /// Cisco HDLC behind a byte with the direction.
    pub const C_HDLC_WITH_DIR: Self = Self(205);
    /// Frame Relay behind a byte with the direction.
    pub const FRELAY_WITH_DIR: Self = Self(206);
    /// MPLS.
    pub const MPLS: Self = Self(219);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// D-Bus messages, up to 128 MiB each.
    pub const DBUS: Self = Self(231);
    /// Packets from Linux's netfilter log.
    pub const NFLOG: Self = Self(239);
    /// IP over InfiniBand.
    pub const IPOIB: Self = Self(242);
    /// USB packets as `USBPcap` writes them, up to 128 MiB each.
    pub const USBPCAP: Self = Self(249);
    /// Apple's packets of any link type.
    pub const PKTAP: Self = Self(258);
    /// Linux cooked capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);
    /// Elektrobit high speed capture, up to 8 MiB each.
    pub const EBHSCR: Self = Self(279);

    /// Its name without the `LINKTYPE_` in front; `None` for a number without a name.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        NAMES
            .iter()
            .find_map(|(first, names)| names.get(usize::from(self.0.checked_sub(*first)?)).copied())
    }
}

/// The name, or `LINKTYPE_` and the number.
impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "LINKTYPE_{}", self.0),
        }
    }
}

/// Runs of consecutive numbers: the first number and the names from there on.
const NAMES: &[(u16, &[&str])] = &[
    (
        0,
        &[
            "NULL",
            "ETHERNET",
            "EXP_ETHERNET",
            "AX25",
            "PRONET",
            "CHAOS",
            "IEEE802_5",
            "ARCNET_BSD",
            "SLIP",
            "PPP",
            "FDDI",
        ],
    ),
    (50, &["PPP_HDLC", "PPP_ETHER"]),
    (
        99,
        &[
            "SYMANTEC_FIREWALL",
            "ATM_RFC1483",
            "RAW",
            "SLIP_BSDOS",
            "PPP_BSDOS",
            "C_HDLC",
            "IEEE802_11",
            "ATM_CLIP",
            "FRELAY",
            "LOOP",
            "ENC",
            "LANE8023",
            "HIPPI",
            "NETBSD_HDLC",
            "LINUX_SLL",
            "LTALK",
            "ECONET",
            "IPFILTER",
            "PFLOG",
            "CISCO_IOS",
            "IEEE802_11_PRISM",
            "IEEE802_11_AIRONET",
            "HHDLC",
            "IP_OVER_FC",
            "SUNATM",
            "RIO",
            "PCI_EXP",
            "AURORA",
            "IEEE802_11_RADIOTAP",
            "TZSP",
            "ARCNET_LINUX",
            "JUNIPER_MLPPP",
            "JUNIPER_MLFR",
            "JUNIPER_ES",
            "JUNIPER_GGSN",
            "JUNIPER_MFR",
            "JUNIPER_ATM2",
            "JUNIPER_SERVICES",
            "JUNIPER_ATM1",
            "APPLE_IP_OVER_IEEE1394",
            "MTP2_WITH_PHDR",
            "MTP2",
            "MTP3",
            "SCCP",
            "DOCSIS",
            "LINUX_IRDA",
            "IBM_SP",
            "IBM_SN",
            "USER0",
            "USER1",
            "USER2",
            "USER3",
            "USER4",
            "USER5",
            "USER6",
            "USER7",
            "USER8",
            "USER9",
            "USER10",
            "USER11",
            "USER12",
            "USER13",
            "USER14",
            "USER15",
            "IEEE802_11_AVS",
            "JUNIPER_MONITOR",
            "BACNET_MS_TP",
            "PPP_PPPD",
            "JUNIPER_PPPOE",
            "JUNIPER_PPPOE_ATM",
            "GPRS_LLC",
            "GPF_T",
            "GPF_F",
            "GCOM_T1E1",
            "GCOM_SERIAL",
            "JUNIPER_PIC_PEER",
            "ERF_ETH",
            "ERF_POS",
            "LINUX_LAPD",
            "JUNIPER_ETHER",
            "JUNIPER_PPP",
            "JUNIPER_FRELAY",
            "JUNIPER_CHDLC",
            "MFR",
            "JUNIPER_VP",
            "A429",
            "A653_ICM",
            "USB_FREEBSD",
            "BLUETOOTH_HCI_H4",
            "IEEE802_16_MAC_CPS",
            "USB_LINUX",
            "CAN20B",
            "IEEE802_15_4_LINUX",
            "PPI",
            "IEEE802_16_MAC_CPS_RADIO",
            "JUNIPER_ISM",
            "IEEE802_15_4",
            "SITA",
            "ERF",
            "RAIF1",
            "IPMB_KONTRON",
            "JUNIPER_ST",
            "BLUETOOTH_HCI_H4_WITH_PHDR",
            "AX25_KISS",
            "LAPD",
            "PPP_WITH_DIR",
            "C_HDLC_WITH_DIR",
            "FRELAY_WITH_DIR",
            "LAPB_WITH_DIR",
        ],
    ),
    (
        209,
        &[
            "IPMB_LINUX",
            "FLEXRAY",
            "MOST",
            "LIN",
            "X2E_SERIAL",
            "X2E_XORAYA",
            "IEEE802_15_4_NONASK_PHY",
            "LINUX_EVDEV",
            "GSMTAP_UM",
            "GSMTAP_ABIS",
            "MPLS",
            "USB_LINUX_MMAPPED",
            "DECT",
            "AOS",
            "WIHART",
            "FC_2",
            "FC_2_WITH_FRAME_DELIMS",
            "IPNET",
            "CAN_SOCKETCAN",
            "IPV4",
            "IPV6",
            "IEEE802_15_4_NOFCS",
            "DBUS",
            "JUNIPER_VS",
            "JUNIPER_SRX_E2E",
            "JUNIPER_FIBRECHANNEL",
            "DVB_CI",
            "MUX27010",
            "STANAG_5066_D_PDU",
            "JUNIPER_ATM_CEMIC",
            "NFLOG",
            "NETANALYZER",
            "NETANALYZER_TRANSPARENT",
            "IPOIB",
            "MPEG_2_TS",
            "NG40",
            "NFC_LLCP",
            "PFSYNC",
            "INFINIBAND",
            "SCTP",
            "USBPCAP",
            "RTAC_SERIAL",
            "BLUETOOTH_LE_LL",
            "WIRESHARK_UPPER_PDU",
            "NETLINK",
            "BLUETOOTH_LINUX_MONITOR",
            "BLUETOOTH_BREDR_BB",
            "BLUETOOTH_LE_LL_WITH_PHDR",
            "PROFIBUS_DL",
            "PKTAP",
            "EPON",
            "IPMI_HPM_2",
            "ZWAVE_R1_R2",
            "ZWAVE_R3",
            "WATTSTOPPER_DLM",
            "ISO_14443",
            "RDS",
            "USB_DARWIN",
            "OPENFLOW",
            "SDLC",
            "TI_LLN_SNIFFER",
            "LORATAP",
            "VSOCK",
            "NORDIC_BLE",
            "DOCSIS31_XRA31",
            "ETHERNET_MPACKET",
            "DISPLAYPORT_AUX",
            "LINUX_SLL2",
            "SERCOS_MONITOR",
            "OPENVIZSLA",
            "EBHSCR",
            "VPP_DISPATCH",
            "DSA_TAG_BRCM",
            "DSA_TAG_BRCM_PREPEND",
            "IEEE802_15_4_TAP",
            "DSA_TAG_DSA",
            "DSA_TAG_EDSA",
            "ELEE",
            "Z_WAVE_SERIAL",
            "USB_2_0",
            "ATSC_ALP",
            "ETW",
            "NETANALYZER_NG",
            "ZBOSS_NCP",
            "USB_2_0_LOW_SPEED",
            "USB_2_0_FULL_SPEED",
            "USB_2_0_HIGH_SPEED",
            "AUERSWALD_LOG",
            "ZWAVE_TAP",
            "SILABS_DEBUG_CHANNEL",
            "FIRA_UCI",
            "MDB",
            "DECT_NR",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_at_their_numbers() {
        for (link_type, name) in [
            (LinkType::NULL, "NULL"),
            (LinkType::ETHERNET, "ETHERNET"),
            (LinkType::RAW, "RAW"),
            (LinkType::LINUX_SLL, "LINUX_SLL"),
            (LinkType::DBUS, "DBUS"),
            (LinkType::USBPCAP, "USBPCAP"),
            (LinkType::LINUX_SLL2, "LINUX_SLL2"),
            (LinkType::EBHSCR, "EBHSCR"),
            (LinkType(208), "LINKTYPE_208"),
            (LinkType(65535), "LINKTYPE_65535"),
        ] {
            assert_eq!(link_type.to_string(), name);
        }
    }
}
