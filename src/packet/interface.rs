use serde::{Deserialize, Serialize};

/// A capture interface as a pcapng interface description block describes it; its link type is
/// that of its packets.
///
/// Source: pcapng draft, section 4.2.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Interface {
    /// Its number within its section, from 0.
    pub id: u32,
    /// Snapshot length in bytes, 0 when unlimited.
    pub snap_length: u32,
    /// `if_name`, such as `eth0`.
    pub name: Option<String>,
    /// `if_description`.
    pub description: Option<String>,
    /// `if_fcslen`: bytes of frame check sequence at the end of each packet.
    pub fcs_length: Option<u8>,
}
