//! Message: metadata and the frame as it came.

use bytes::{Bytes, BytesMut};

use crate::metadata::{MessageKind, Metadata, SharedMetadata};

/// One whole message: what was read of it, and its bytes as they came.
///
/// Cloning is cheap and shares both, so that retries, hedges and mirrors send
/// one message under several ids. Bodies are never copied: an encoder writes a
/// new head where it must and passes slices of `frame` on.
#[derive(Clone, Debug)]
pub struct Message {
    /// What the decoder read.
    pub metadata: SharedMetadata,
    /// The whole frame, headers and all.
    pub frame: Bytes,
}

impl Message {
    /// A message of the given parts.
    pub fn new(metadata: Metadata, frame: Bytes) -> Self {
        Self {
            metadata: metadata.into(),
            frame,
        }
    }

    /// What the message is.
    pub fn kind(&self) -> MessageKind {
        self.metadata.kind
    }
}

/// Takes the first `length` bytes off `src`, without copying them. For decoders:
/// where these are all there is, it saves what sharing the buffer would cost.
///
/// # Panics
///
/// Where `src` is shorter.
pub fn take_frame(src: &mut BytesMut, length: usize) -> Bytes {
    if src.len() == length {
        return std::mem::take(src).freeze();
    }
    src.split_to(length).freeze()
}
