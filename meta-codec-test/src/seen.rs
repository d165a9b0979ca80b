//! Seen: all that a message shows, for comparing.

use std::time::Duration;

use bytes::Bytes;
use meta_core::{Message, MessageKind, Status, WireForm, WireId};

/// What a message shows to whoever looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) kind: MessageKind,
    pub(crate) id: WireId,
    pub(crate) stream_id: Option<u64>,
    pub(crate) status: Status,
    pub(crate) timeout: Option<Duration>,
    pub(crate) binds_session: bool,
    pub(crate) form: WireForm,
    pub(crate) header_bytes: usize,
    pub(crate) operation: String,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) frame: Bytes,
}

impl Seen {
    pub(crate) fn of(message: &Message) -> Self {
        let metadata = &message.metadata;
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        Self {
            kind: metadata.kind,
            id: metadata.id,
            stream_id: metadata.stream_id,
            status: metadata.status,
            timeout: metadata.timeout,
            binds_session: metadata.binds_session,
            form: metadata.form,
            header_bytes: metadata.header_bytes,
            operation: metadata.operation().into_owned(),
            attributes: metadata.attributes.iter().map(owned).collect(),
            frame: message.frame.clone(),
        }
    }

    /// The body, as far as the protocol tells where it begins.
    pub(crate) fn body(&self) -> &[u8] {
        self.frame.get(self.header_bytes..).unwrap_or_default()
    }

    /// The first field that differs, `self` being what was expected.
    pub(crate) fn difference(&self, found: &Self) -> Option<String> {
        macro_rules! first {
            ($($field:ident),*) => {
                $(if self.$field != found.$field {
                    let name = stringify!($field);
                    let (expected, found) = (&self.$field, &found.$field);
                    return Some(format!("{name} is {found:?}, expected {expected:?}"));
                })*
            };
        }
        first!(kind, id, stream_id, status, timeout, binds_session, form);
        first!(header_bytes, operation, attributes);
        let at = first_difference(&self.frame, &found.frame)?;
        Some(format!("the frame differs at byte {at}"))
    }
}

/// The offset of the first byte in which the two differ.
pub(crate) fn first_difference(a: &[u8], b: &[u8]) -> Option<usize> {
    let differing = a.iter().zip(b).position(|(a, b)| a != b);
    differing.or_else(|| (a.len() != b.len()).then(|| a.len().min(b.len())))
}
