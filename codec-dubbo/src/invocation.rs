//! Invocation: what a request's body says, up to and with its attachments.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use meta_core::{Attributes, CodecError, CodecErrorKind, Limits, Metadata, Text};

use crate::{
    body::{Body, Stop},
    config::OnMismatch,
    head::{HEAD_BYTES, Slot},
    text::Str,
};

mod attached;
mod front;

use self::attached::{Attached, Override};
pub(crate) use self::front::Front;

/// Messages up to this length are kept whole for their attributes; of longer
/// ones names and attachments are copied, so that metadata do not pin a large
/// body.
const KEEP_WHOLE_BYTES: usize = 4096;

/// What a version goes by that is null or empty on the wire.
const NO_VERSION: &str = "0.0.0";

/// What was read of a request, but for the attributes that its attachments are.
/// Filled in where it stays: moving it costs as much as reading it.
#[derive(Debug, Default)]
pub(crate) struct Invocation {
    front: Front,
    attached: Attached,
    /// What the provider acts on, as the next two.
    path: Option<Str>,
    version: Option<Str>,
    group: Option<Str>,
    /// How many bytes before the attachments are not kept for attributes.
    shift: usize,
}

/// Why a request is not passed on as it was read.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Nobody knows what a provider would make of it: it passes, unread.
    Unreadable,
    /// Its caller is told.
    Refused(CodecError),
}

impl From<Stop> for Refusal {
    fn from(stop: Stop) -> Self {
        let detail = match stop {
            Stop::Unreadable => return Self::Unreadable,
            Stop::TooDeep => "values nested too deeply",
            Stop::TooManyClasses => "too many class definitions",
        };
        Self::Refused(CodecError::new(CodecErrorKind::TooLarge, detail))
    }
}

impl Invocation {
    /// Reads a request's body to its end. Attachments whose values are strings
    /// go to `attributes`, which get their head from [`Invocation::fill`].
    pub(crate) fn read(
        &mut self,
        mut body: impl Body,
        limits: &Limits,
        on_mismatch: OnMismatch,
        attributes: &mut Attributes,
    ) -> Result<(), Refusal> {
        self.front.read(&mut body)?;
        let length = body.frame().len();
        if length > KEEP_WHOLE_BYTES {
            self.shift = body.at() - self.front.end;
        }
        self.attached
            .read(&mut body, limits, self.shift, attributes)?;
        let header = (self.front.end - HEAD_BYTES).saturating_add(self.attached.range.len());
        if header > limits.header_bytes {
            return Err(too_large(
                "names and attachments",
                header,
                limits.header_bytes,
            ));
        }
        if body.at() != length {
            return Err(Refusal::Unreadable);
        }
        self.settle(body.frame(), on_mismatch)
    }

    /// The provider acts on what the attachments say.
    fn settle(&mut self, frame: &[u8], on_mismatch: OnMismatch) -> Result<(), Refusal> {
        let refuse = on_mismatch == OnMismatch::Refuse;
        self.path = match self.attached.path {
            Override::Absent => self.front.path,
            Override::String(path) => {
                if refuse && !same(self.front.path, Some(path), frame) {
                    return Err(mismatch("path", self.front.path, Some(path), frame));
                }
                Some(path)
            }
            Override::Null | Override::Other => return Err(no_string("path")),
        };
        let own = self.front.version;
        let version = match self.attached.version {
            Override::Absent => own,
            Override::Null => None,
            Override::String(version) => Some(version),
            Override::Other => return Err(no_string("version")),
        };
        let none = |text: Option<Str>| text.is_none_or(|text| is_no_version(text, frame));
        if refuse && !same(own, version, frame) && !(none(own) && none(version)) {
            return Err(mismatch("version", own, version, frame));
        }
        self.version = version.filter(|text| text.with(frame, |text| !text.is_empty()));
        self.group = match self.attached.group {
            Override::Absent | Override::Null => None,
            Override::String(group) => Some(group).filter(|text| !text.is_empty()),
            Override::Other => return Err(no_string("group")),
        };
        Ok(())
    }

    /// Fills in what was read of `frame`.
    pub(crate) fn fill(&self, mut slot: Slot, frame: &Bytes, metadata: &mut Metadata) {
        slot.set_attachments_at(match self.attached.has_objects {
            // Their classes may be defined among the arguments.
            true => HEAD_BYTES,
            false => self.attached.range.start,
        });
        let reads = |version: Str| version.with(frame, reads_attachments);
        if self.front.dubbo_version.is_some_and(reads) {
            slot.set_answer_attachments();
        }
        metadata.slot = slot.into();
        metadata.timeout = self.attached.timeout;
        metadata.binds_session = self.attached.callback;
        // The header area lies around the arguments.
        metadata.header_bytes = frame.len();
        let attributes = &mut metadata.attributes;
        attributes.set_head(match self.shift {
            0 => frame.clone(),
            _ => self.copied(frame),
        });
        let text = |text: Option<Str>| text.map_or(Text::from(""), |text| self.text(text, frame));
        if self.front.real_method.is_some() {
            attributes.insert_utf8("invoked_method", text(self.front.method));
        }
        if self.front.dubbo_version.is_some() {
            attributes.insert_utf8("dubbo_version", text(self.front.dubbo_version));
        }
        if self.group.is_some() {
            attributes.insert_utf8("group", text(self.group));
        }
        match self.version {
            None => attributes.insert_utf8("version", NO_VERSION),
            version => attributes.insert_utf8("version", text(version)),
        }
        let method = self.front.real_method.or(self.front.method);
        attributes.insert_utf8("method", text(method));
        attributes.insert_utf8("interface", text(self.path));
        metadata.set_service_operation(text(self.path), text(method));
    }

    /// What was read, as attributes hold it.
    #[inline]
    fn text(&self, text: Str, frame: &[u8]) -> Text {
        // What attachments say in the body's place stands among them.
        match text.starts_before(self.front.end) {
            true => text.text(frame, 0),
            false => text.text(frame, self.shift),
        }
    }

    /// What matters of a large message.
    fn copied(&self, frame: &[u8]) -> Bytes {
        let front = frame.get(..self.front.end).unwrap_or_default();
        let attachments = frame.get(self.attached.range.clone()).unwrap_or_default();
        let mut kept = BytesMut::with_capacity(front.len() + attachments.len());
        kept.extend_from_slice(front);
        kept.extend_from_slice(attachments);
        kept.freeze()
    }
}

fn read(text: Option<Str>, frame: &[u8]) -> Cow<'_, str> {
    text.map_or(Cow::Borrowed(""), |text| text.read(frame))
}

/// Whether both are the same string; null is as an empty one.
fn same(a: Option<Str>, b: Option<Str>, frame: &[u8]) -> bool {
    let equal = |a: Str, b: Str| a.with(frame, |a| b.with(frame, |b| a == b));
    match (a, b) {
        (Some(a), Some(b)) if equal(a, b) => true,
        _ => read(a, frame) == read(b, frame),
    }
}

/// No version, to a provider, goes by three names.
fn is_no_version(version: Str, frame: &[u8]) -> bool {
    version.with(frame, |text| matches!(text, b"" | b"0.0.0"))
}

/// Whether a client of this version reads attachments in answers.
fn reads_attachments(version: &[u8]) -> bool {
    matches!(
        version,
        [b'2', b'.', b'0', b'.', b'2'..=b'9'] | [b'2', b'.', b'0', b'.', b'1'..=b'9', b'0'..=b'9']
    )
}

fn too_large(what: &str, found: usize, limit: usize) -> Refusal {
    let detail = format!("{found} {what}: over the limit of {limit}");
    Refusal::Refused(CodecError::new(CodecErrorKind::TooLarge, detail))
}

#[cold]
fn mismatch(what: &str, body: Option<Str>, attached: Option<Str>, frame: &[u8]) -> Refusal {
    let short = |text: Option<Str>| read(text, frame).chars().take(200).collect::<String>();
    let (body, attached) = (short(body), short(attached));
    refused(format!(
        "the attachments' {what} {attached:?} is not the body's {body:?}"
    ))
}

fn no_string(what: &str) -> Refusal {
    refused(format!("the attachments' {what} is not a string"))
}

fn refused(detail: String) -> Refusal {
    Refusal::Refused(CodecError::new(CodecErrorKind::Refused, detail))
}
