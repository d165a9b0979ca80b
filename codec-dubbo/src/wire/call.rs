//! Requests read.

use super::Serialization;
use crate::{
    body::{self, Body, Stop},
    descriptor::parameters,
    head::{EVENT, HEAD_BYTES, Head, REQUEST, TWO_WAY},
    hessian::{self, Classes},
    jsonb,
    text::Str,
};

/// What [`Call::read`] finds in a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The id, which the answer carries too.
    pub id: u64,
    /// Whether an answer is wanted.
    pub two_way: bool,
    /// How its body is encoded.
    pub serialization: Serialization,
    /// The path in the body, mostly the interface.
    pub path: String,
    /// The method.
    pub method: String,
    /// The arguments, as far as they are strings.
    pub arguments: Vec<Option<String>>,
    attachments: Vec<(String, String)>,
}

impl Call {
    /// Reads a whole request in hessian2 or fastjson2; `None` for anything else.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let head = Head::parse(bytes).ok()??;
        let frame = bytes.get(..head.total())?;
        if !head.has(REQUEST) || head.has(EVENT) {
            return None;
        }
        let mut classes = Classes::default();
        let call = match head.serialization() {
            Serialization::Hessian2 => {
                let body = hessian::Reader::new(frame, HEAD_BYTES, &mut classes, usize::MAX);
                Self::of(&head, body)
            }
            Serialization::Fastjson2 => {
                Self::of(&head, jsonb::Reader::new(frame, HEAD_BYTES, usize::MAX))
            }
            Serialization::Other(_) => return None,
        };
        call.ok()
    }

    fn of(head: &Head, mut body: impl Body) -> Result<Self, Stop> {
        let owned = |body: &dyn Body, text: Str| text.read(body.frame()).into_owned();
        let string = |body: &mut dyn Body| {
            let text = body.string()?;
            Ok(text.map(|text| owned(body, text)).unwrap_or_default())
        };
        let _dubbo_version = string(&mut body)?;
        let path = string(&mut body)?;
        let _version = string(&mut body)?;
        let method = string(&mut body)?;
        let descriptor = string(&mut body)?;
        let count = parameters(descriptor.as_bytes()).ok_or(Stop::Unreadable)?;
        let mut arguments = Vec::new();
        for _ in 0..count {
            let text = body.string_or_skip()?;
            arguments.push(text.map(|text| owned(&body, text)));
        }
        let mut attachments = Vec::new();
        if body.open()? {
            while let Some(entry) = body.entry()? {
                if let body::Value::String(value) = entry.value {
                    attachments.push((owned(&body, entry.key), owned(&body, value)));
                }
            }
        }
        Ok(Self {
            id: head.id,
            two_way: head.has(TWO_WAY),
            serialization: head.serialization(),
            path,
            method,
            arguments,
            attachments,
        })
    }

    /// The attachment under `key`, where it is a string.
    pub fn attachment(&self, key: &str) -> Option<&str> {
        let mut attachments = self.attachments.iter().rev();
        let (_, value) = attachments.find(|(name, _)| name == key)?;
        Some(value)
    }
}
