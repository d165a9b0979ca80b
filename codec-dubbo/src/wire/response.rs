//! Responses.

use super::{Serialization, Value, Writer, message};
use crate::head::OK;

/// What a response of status 20 brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// An exception.
    Exception = 0,
    /// A value.
    Value = 1,
    /// Null, or nothing at all.
    Null = 2,
    /// An exception and attachments.
    ExceptionWithAttachments = 3,
    /// A value and attachments.
    ValueWithAttachments = 4,
    /// Null and attachments.
    NullWithAttachments = 5,
}

impl Kind {
    /// The kind of the number `kind`.
    pub fn of(kind: u8) -> Option<Self> {
        Some(match kind {
            0 => Self::Exception,
            1 => Self::Value,
            2 => Self::Null,
            3 => Self::ExceptionWithAttachments,
            4 => Self::ValueWithAttachments,
            5 => Self::NullWithAttachments,
            _ => return None,
        })
    }
}

/// Builds one response.
#[derive(Clone, Debug)]
pub struct ResponseBuilder {
    id: u64,
    status: u8,
    serialization: Serialization,
    what: What,
    attachments: Option<Vec<(String, Value)>>,
}

#[derive(Clone, Debug)]
enum What {
    Exception(Value),
    Value(Value),
    Null,
    Error(String),
}

impl ResponseBuilder {
    fn new(status: u8, what: What) -> Self {
        Self {
            id: 0,
            status,
            serialization: Serialization::Hessian2,
            what,
            attachments: None,
        }
    }

    /// A result, of id 0, in hessian2, without attachments.
    pub fn value(value: impl Into<Value>) -> Self {
        match value.into() {
            Value::Null => Self::null(),
            value => Self::new(OK, What::Value(value)),
        }
    }

    /// The result null, or none.
    pub fn null() -> Self {
        Self::new(OK, What::Null)
    }

    /// An exception.
    pub fn exception(exception: impl Into<Value>) -> Self {
        Self::new(OK, What::Exception(exception.into()))
    }

    /// An error of a status other than 20.
    pub fn error(status: u8, text: impl Into<String>) -> Self {
        Self::new(status, What::Error(text.into()))
    }

    /// The id.
    #[must_use]
    pub fn id(mut self, id: u64) -> Self {
        self.id = id;
        self
    }

    /// The serialization, hessian2 unless said.
    #[must_use]
    pub fn serialization(mut self, serialization: Serialization) -> Self {
        self.serialization = serialization;
        self
    }

    /// Makes it one with attachments, which an error never is.
    #[must_use]
    pub fn with_attachments(mut self) -> Self {
        self.attachments.get_or_insert_default();
        self
    }

    /// Adds an attachment.
    #[must_use]
    pub fn attachment(mut self, key: &str, value: impl Into<Value>) -> Self {
        let attachments = self.attachments.get_or_insert_default();
        attachments.push((key.to_owned(), value.into()));
        self
    }

    /// The message's bytes.
    ///
    /// # Panics
    ///
    /// If they are more than 4 GiB.
    pub fn build(&self) -> Vec<u8> {
        let mut body = Writer::new(self.serialization);
        let (kind, value) = match &self.what {
            What::Exception(exception) => (Kind::Exception, Some(exception)),
            What::Value(value) => (Kind::Value, Some(value)),
            What::Null => (Kind::Null, None),
            What::Error(text) => {
                body.string(text);
                return self.message(body);
            }
        };
        let more = if self.attachments.is_some() { 3 } else { 0 };
        body.kind(kind as u8 + more);
        if let Some(value) = value {
            body.value(value);
        }
        if let Some(attachments) = &self.attachments {
            body.attachments(attachments);
        }
        self.message(body)
    }

    fn message(&self, body: Writer) -> Vec<u8> {
        message(
            0,
            self.status,
            self.id,
            self.serialization,
            &body.into_bytes(),
        )
    }
}
