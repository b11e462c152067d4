//! What a packet is, before anybody has looked inside: pure values, no I/O.
//!
//! The words are those of libpcap and of the pcapng draft: link type, captured length,
//! original length, interface.

mod application;
mod community_id;
mod interface;
mod layers;
mod link_type;
mod mac;
mod packet_id;
mod timestamp;
mod trail;

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub use application::{
    Application, Certificate, Challenger, Dhcp, Dns, DnsQuestion, DnsRecord, Exchange, Http,
    Message, Quic, Tls, TlsClient, TlsServer, User,
};
pub use community_id::CommunityId;
pub use interface::Interface;
pub use layers::{
    Fragment, Icmp, Layers, NetworkKind, NetworkLayer, Stop, TcpFlags, Transport, Tunnel, TunnelId,
};
pub use link_type::LinkType;
pub use mac::{MacAddress, ParseMacError};
pub use packet_id::{Fingerprint, PacketId};
pub use timestamp::Timestamp;
pub use trail::{Digest, Mark, Trail};

/// One packet as it stood in its capture. `fetch` gives back exactly this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapturedPacket {
    /// When it was captured.
    pub timestamp: Timestamp,
    /// How to read the first byte (LINKTYPE_ of the capture file or of the interface).
    pub link_type: LinkType,
    /// Length on the wire in bytes; may be larger than `data`, and in damaged captures smaller.
    pub original_length: u32,
    /// The captured bytes; their number is the captured length.
    pub data: Bytes,
    /// What only pcapng records: interface, comments, flags. `None` for classic pcap.
    pub extras: Option<Arc<Extras>>,
}

/// What pcapng can say of a packet and classic pcap cannot.
///
/// Shared between packets, since most packets of an interface carry no word of their own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Extras {
    /// The interface that saw the packet.
    pub interface: Option<Arc<Interface>>,
    /// `opt_comment` of the packet block, in order.
    pub comments: Vec<String>,
    /// `epb_flags`: direction, reception type, FCS length and link-layer errors, as one word.
    pub flags: Option<u32>,
    /// The block had no time (a simple packet block): the time is that of the packet before it.
    pub time_inherited: bool,
}

impl CapturedPacket {
    /// The captured length in bytes.
    ///
    /// No reader accepts packets of 4 GiB, so the length always fits.
    #[must_use]
    pub fn captured_length(&self) -> u32 {
        u32::try_from(self.data.len()).unwrap_or(u32::MAX)
    }

    /// The interface that saw the packet, when the capture names one.
    #[must_use]
    pub fn interface(&self) -> Option<&Arc<Interface>> {
        self.extras.as_ref()?.interface.as_ref()
    }

    /// The packet's own comments.
    #[must_use]
    pub fn comments(&self) -> &[String] {
        self.extras.as_ref().map_or(&[], |extras| &extras.comments)
    }

    /// `epb_flags` of the packet's block.
    #[must_use]
    pub fn flags(&self) -> Option<u32> {
        self.extras.as_ref()?.flags
    }

    /// Whether the time was taken from the packet before.
    #[must_use]
    pub fn time_inherited(&self) -> bool {
        self.extras.as_ref().is_some_and(|extras| extras.time_inherited)
    }
}

/// Where a packet came from: its place in a capture.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The capture it stood in, whatever that file is called today.
    pub capture: Fingerprint,
    /// Frame number in the capture, from 1, as Wireshark counts.
    pub frame: u64,
    /// Name and sensor; the same for all packets of a file.
    pub source: Arc<Source>,
}

/// The file and the sensor that packets came from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Source {
    /// Base name of the file, `-` for a stream.
    pub file_name: String,
    /// The path below the folder that was named on the command line, or as it was named.
    pub file_path: String,
    /// `--sensor`: who captured it. Never guessed from the host name.
    pub sensor: Option<String>,
}

/// A packet with its identity and its place: what a store keeps and gives back.
#[derive(Debug, Clone)]
pub struct StoredPacket {
    /// Empty until someone asks: to hash a packet takes longer than to read it.
    id: OnceLock<PacketId>,
    /// The packet itself.
    pub packet: CapturedPacket,
    /// Where it came from.
    pub origin: Origin,
}

impl StoredPacket {
    /// A packet with its place. Its identity is made of both, when it is asked for.
    #[must_use]
    pub fn new(packet: CapturedPacket, origin: Origin) -> Self {
        Self { id: OnceLock::new(), packet, origin }
    }

    /// A packet that a store keeps under this identity.
    #[must_use]
    pub fn with_id(id: PacketId, packet: CapturedPacket, origin: Origin) -> Self {
        Self { id: id.into(), packet, origin }
    }

    /// The packet's identity in the archive.
    #[must_use]
    pub fn id(&self) -> PacketId {
        *self.id.get_or_init(|| PacketId::of(self.origin.capture, self.origin.frame, &self.packet))
    }

    /// Whether both have the same identity. Most packets differ by their place already.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.origin.frame == other.origin.frame
            && self.origin.capture == other.origin.capture
            && self.id() == other.id()
    }
}

impl PartialEq for StoredPacket {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) && self.packet == other.packet && self.origin == other.origin
    }
}

impl Eq for StoredPacket {}

/// A stored packet with what decoding found in it: what is handed to a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PacketRecord {
    /// Identity, packet and origin.
    pub stored: StoredPacket,
    /// What decoding found.
    pub layers: Layers,
}
