//! Bounds a codec must keep.

/// What a codec refuses to go beyond, whatever a peer announces.
///
/// A message over `message_bytes` is refused from its length field, before it is
/// buffered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest message, headers included. Default: 64 MiB; a codec's own
    /// configuration may lower it to what its protocol's servers take.
    pub message_bytes: usize,
    /// The largest header area. Default: 64 KiB.
    pub header_bytes: usize,
    /// Attributes of one message. Default: 1024.
    pub attributes: usize,
    /// Nesting of values, where a body has to be walked. Default: 64.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 64 << 20,
            header_bytes: 64 << 10,
            attributes: 1024,
            depth: 64,
        }
    }
}
