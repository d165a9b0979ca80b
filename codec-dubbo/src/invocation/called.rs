//! Called: what was read of a call, as metadata hold it.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use meta_core::{Attributes, Text};

use super::Invocation;
use crate::text::Str;

/// What a version goes by that is null or empty on the wire.
const NO_VERSION: &str = "0.0.0";

/// What metadata tell of a call.
#[derive(Debug)]
pub(crate) struct Called {
    pub(crate) interface: Text,
    pub(crate) method: Text,
    pub(crate) timeout: Option<Duration>,
    /// Whether an argument is a callback.
    pub(crate) callback: bool,
    /// Whether the caller reads attachments in the answer.
    pub(crate) answer_attachments: bool,
    /// How many attachments there are.
    pub(crate) attachments: usize,
    pub(crate) attributes: Attributes,
}

impl Invocation {
    /// Whether all that was read stands in the names and the attachments, and
    /// means the same wherever it comes.
    pub(crate) fn is_plain(&self) -> bool {
        self.real_method.is_none() && !self.has_objects && !self.differs
    }

    /// What was read off `frame`, for metadata; the attributes go with it.
    pub(crate) fn called(&mut self, frame: &Bytes) -> Called {
        let mut attributes = std::mem::take(&mut self.attributes);
        let text = |text: Option<Str>| text.map_or(Text::from(""), |text| self.text(text, frame));
        let method = text(self.real_method.or(self.names.method));
        let interface = text(self.path);
        attributes.set_head(self.kept(frame));
        if self.real_method.is_some() {
            attributes.insert_utf8("invoked_method", text(self.names.method));
        }
        if self.names.dubbo_version.is_some() {
            attributes.insert_utf8("dubbo_version", text(self.names.dubbo_version));
        }
        if self.group.is_some() {
            attributes.insert_utf8("group", text(self.group));
        }
        let version = match self.version {
            None => Text::from(NO_VERSION),
            version => text(version),
        };
        attributes.insert_utf8("version", version);
        attributes.insert_utf8("method", method.clone());
        attributes.insert_utf8("interface", interface.clone());
        let reads = |version: Str| version.with(frame, reads_attachments);
        Called {
            timeout: self.timeout,
            callback: self.callback,
            answer_attachments: self.names.dubbo_version.is_some_and(reads),
            attachments: self.attached,
            attributes,
            interface,
            method,
        }
    }

    /// What was read, as attributes hold it.
    #[inline]
    fn text(&self, text: Str, frame: &[u8]) -> Text {
        // What attachments say in the body's place stands among them.
        match text.starts_before(self.front_end) {
            true => text.text(frame, 0),
            false => text.text(frame, self.shift),
        }
    }

    /// The bytes that attributes point into: the frame, or a copy of what matters.
    fn kept(&self, frame: &Bytes) -> Bytes {
        match self.shift {
            0 => frame.clone(),
            _ => self.copied(frame),
        }
    }

    fn copied(&self, frame: &[u8]) -> Bytes {
        let front = frame.get(..self.front_end).unwrap_or_default();
        let attachments = frame.get(self.attachments.clone()).unwrap_or_default();
        let mut kept = BytesMut::with_capacity(front.len() + attachments.len());
        kept.extend_from_slice(front);
        kept.extend_from_slice(attachments);
        kept.freeze()
    }
}

/// Whether a client of this version reads attachments in answers.
fn reads_attachments(version: &[u8]) -> bool {
    matches!(
        version,
        [b'2', b'.', b'0', b'.', b'2'..=b'9'] | [b'2', b'.', b'0', b'.', b'1'..=b'9', b'0'..=b'9']
    )
}
