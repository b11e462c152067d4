//! Capture files and streams ↔ packets.
