//! Responses read.

use super::{Kind, Value};
use crate::{
    body::{self, Body},
    head::{EVENT, HEAD_BYTES, Head, OK, REQUEST, Serialization},
    hessian::{self, Classes},
    jsonb,
    text::Str,
};

/// What [`Answer::read`] finds in a response.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The id of the request that it answers.
    pub id: u64,
    /// 20 for a result or an exception of the service.
    pub status: u8,
    /// How its body is encoded.
    pub serialization: Serialization,
    /// What it brings, where its status is 20.
    pub kind: Option<Kind>,
    /// The text of an error, where its status is another.
    pub error: Option<String>,
    /// The value, where it is a string.
    pub value: Option<Value>,
    attachments: Vec<(String, String)>,
}

impl Answer {
    /// Reads a whole response in hessian2 or fastjson2; `None` for anything else.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let head = Head::parse(bytes).ok()??;
        let frame = bytes.get(..head.total())?;
        if head.has(REQUEST) || head.has(EVENT) {
            return None;
        }
        let mut classes = Classes::default();
        match head.serialization() {
            Serialization::Hessian2 => {
                let body = hessian::Reader::new(frame, HEAD_BYTES, &mut classes, usize::MAX);
                Self::of(&head, body)
            }
            Serialization::Fastjson2 => {
                Self::of(&head, jsonb::Reader::new(frame, HEAD_BYTES, usize::MAX))
            }
            Serialization::Other(_) => None,
        }
    }

    fn of(head: &Head, mut body: impl Body) -> Option<Self> {
        let mut answer = Self {
            id: head.id,
            status: head.status,
            serialization: head.serialization(),
            kind: None,
            error: None,
            value: None,
            attachments: Vec::new(),
        };
        let owned = |body: &dyn Body, text: Str| text.read(body.frame()).into_owned();
        if head.status != OK {
            let text = body.string().ok()??;
            answer.error = Some(owned(&body, text));
            return Some(answer);
        }
        let kind = Kind::of(body.kind().ok()?)?;
        answer.kind = Some(kind);
        if !matches!(kind, Kind::Null | Kind::NullWithAttachments) {
            let text = body.string_or_skip().ok()?;
            answer.value = text.map(|text| Value::String(owned(&body, text)));
        }
        if kind as u8 >= Kind::ExceptionWithAttachments as u8 && body.open().ok()? {
            while let Some(entry) = body.entry().ok()? {
                if let body::Value::String(value) = entry.value {
                    let pair = (owned(&body, entry.key), owned(&body, value));
                    answer.attachments.push(pair);
                }
            }
        }
        Some(answer)
    }

    /// The attachment under `key`, where it is a string.
    pub fn attachment(&self, key: &str) -> Option<&str> {
        let mut attachments = self.attachments.iter().rev();
        let (_, value) = attachments.find(|(name, _)| name == key)?;
        Some(value)
    }

    /// All attachments that are strings.
    pub fn attachments(&self) -> &[(String, String)] {
        &self.attachments
    }
}
