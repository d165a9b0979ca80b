//! Samples: messages of the protocol, and what they should read as.

use std::{ops::Range, time::Duration};

use meta_core::{MessageKind, Role, Status, WireId};

/// One whole message and what it should read as.
///
/// A handful suffices: one for each form and kind that the protocol has.
#[derive(Clone, Debug)]
pub struct Sample {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) bytes: Vec<u8>,
    pub(crate) kind: MessageKind,
    pub(crate) id: WireId,
    pub(crate) stream_id: Option<u64>,
    pub(crate) status: Status,
    pub(crate) timeout: Option<Duration>,
    pub(crate) operation: Option<String>,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) answers: Option<Vec<u8>>,
    pub(crate) mutable: bool,
    pub(crate) length: Option<LengthField>,
    pub(crate) inner_lengths: Vec<LengthField>,
}

impl Sample {
    /// A message of the given kind, read by a codec in `role`: `Downstream` for
    /// what clients send, `Upstream` for what servers send.
    pub fn new(
        name: impl Into<String>,
        role: Role,
        kind: MessageKind,
        bytes: impl Into<Vec<u8>>,
    ) -> Self {
        Self {
            name: name.into(),
            role,
            bytes: bytes.into(),
            kind,
            id: WireId(0),
            stream_id: None,
            status: Status::Ok,
            timeout: None,
            operation: None,
            attributes: Vec::new(),
            answers: None,
            mutable: false,
            length: None,
            inner_lengths: Vec::new(),
        }
    }

    /// A client's request.
    pub fn request(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(name, Role::Downstream, MessageKind::Request, bytes)
    }

    /// A client's one-way call.
    pub fn one_way(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(name, Role::Downstream, MessageKind::OneWay, bytes)
    }

    /// A server's response.
    pub fn response(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(name, Role::Upstream, MessageKind::Response, bytes)
    }

    /// The id it carries; 0 unless said.
    #[must_use]
    pub fn id(mut self, id: u64) -> Self {
        self.id = WireId(id);
        self
    }

    /// The stream it belongs to.
    #[must_use]
    pub fn stream(mut self, stream_id: u64) -> Self {
        self.stream_id = Some(stream_id);
        self
    }

    /// How the call ended; well, unless said.
    #[must_use]
    pub fn status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    /// How long its sender waits.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The name of its operation; not checked unless said.
    #[must_use]
    pub fn operation(mut self, name: impl Into<String>) -> Self {
        self.operation = Some(name.into());
        self
    }

    /// An attribute that is read off it; it may have others.
    #[must_use]
    pub fn attribute(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.push((key.into(), value.into()));
        self
    }

    /// The request that this response answers: written by the upstream codec
    /// before it reads the response, and known to the downstream codec that
    /// writes it.
    #[must_use]
    pub fn answers(mut self, request: impl Into<Vec<u8>>) -> Self {
        self.answers = Some(request.into());
        self
    }

    /// Says that this form has room for mutations. Without it, a mutation must
    /// leave the message as it is and be reported as not applied.
    #[must_use]
    pub fn mutable(mut self) -> Self {
        self.mutable = true;
        self
    }

    /// Where the message announces how long it is. The kit fills it with lies, and
    /// expects a message over the limit to be refused as soon as its header area
    /// is there, with the request that is to be answered.
    #[must_use]
    pub fn length_field(mut self, field: LengthField) -> Self {
        self.length = Some(field);
        self
    }

    /// Where it announces the length of a part of it, within its header area. The
    /// kit fills it with lies.
    #[must_use]
    pub fn inner_length_field(mut self, field: LengthField) -> Self {
        self.inner_lengths.push(field);
        self
    }

    pub(crate) fn length_fields(&self) -> impl Iterator<Item = &LengthField> {
        self.length.iter().chain(&self.inner_lengths)
    }
}

/// Where a message announces a length, as a big-endian number unless said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LengthField {
    offset: usize,
    width: usize,
    smallest: u64,
    little_endian: bool,
}

impl LengthField {
    /// The `width` bytes at `offset`. Zero is refused there.
    ///
    /// # Panics
    ///
    /// Unless `width` is between 1 and 8.
    pub fn new(offset: usize, width: usize) -> Self {
        assert!((1..=8).contains(&width), "a length has 1 to 8 bytes");
        Self {
            offset,
            width,
            smallest: 1,
            little_endian: false,
        }
    }

    /// The number's last byte comes first.
    #[must_use]
    pub fn little_endian(mut self) -> Self {
        self.little_endian = true;
        self
    }

    /// The smallest number that is not refused; 1 unless said.
    #[must_use]
    pub fn smallest(mut self, smallest: u64) -> Self {
        self.smallest = smallest;
        self
    }

    /// Numbers too small to be true.
    pub(crate) fn too_small(&self) -> Vec<u64> {
        let mut lies: Vec<u64> = (0..self.smallest).collect();
        if lies.len() > 8 {
            lies.drain(4..lies.len() - 4);
        }
        lies
    }

    /// Numbers too large to be true, the largest of the field's width first.
    pub(crate) fn too_large(&self, limit: usize) -> Vec<u64> {
        let all = u64::MAX >> (64 - 8 * self.width);
        let lies = [all, all - 1, all - 7, all / 2, all / 2 + 1];
        lies.into_iter().filter(|lie| *lie > limit as u64).collect()
    }

    /// `bytes` with `lie` in this field; `None` where it is not within them.
    pub(crate) fn forge(&self, bytes: &[u8], lie: u64) -> Option<Vec<u8>> {
        let mut forged = bytes.to_vec();
        let field = forged.get_mut(self.range())?;
        field.copy_from_slice(lie.to_be_bytes().get(8 - self.width..)?);
        if self.little_endian {
            field.reverse();
        }
        Some(forged)
    }

    pub(crate) fn range(&self) -> Range<usize> {
        self.offset..self.offset.saturating_add(self.width)
    }
}

/// Bytes that must be refused.
#[derive(Clone, Debug)]
pub struct Hostile {
    pub(crate) what: String,
    pub(crate) role: Role,
    pub(crate) bytes: Vec<u8>,
    pub(crate) bomb: bool,
}

impl Hostile {
    /// `bytes` that a codec in `role` must refuse at the latest when it has all
    /// of them.
    pub fn new(what: impl Into<String>, role: Role, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            what: what.into(),
            role,
            bytes: bytes.into(),
            bomb: false,
        }
    }

    /// `bytes` that announce much more than they are. A codec may refuse them or
    /// wait for more, but must not allocate what they announce.
    pub fn bomb(what: impl Into<String>, role: Role, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            bomb: true,
            ..Self::new(what, role, bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lies_are_told_in_the_order_of_the_field() {
        let field = LengthField::new(1, 3);
        assert_eq!(field.forge(&[9; 5], 0x010203), Some(vec![9, 1, 2, 3, 9]));
        let field = field.little_endian();
        assert_eq!(field.forge(&[9; 5], 0x010203), Some(vec![9, 3, 2, 1, 9]));
        assert_eq!(field.forge(&[9; 3], 1), None);
    }
}
