//! Bytes → layers.
