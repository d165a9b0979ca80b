//! Requests.

use super::{Serialization, Value, Writer, message};
use crate::head::{REQUEST, TWO_WAY};

/// Builds one request.
///
/// Attachments begin as those that Dubbo's own clients send: `path`, `interface`
/// and `version`.
#[derive(Clone, Debug)]
pub struct RequestBuilder {
    id: u64,
    flags: u8,
    serialization: Serialization,
    dubbo_version: Option<String>,
    path: String,
    version: Option<String>,
    method: String,
    descriptor: Option<String>,
    arguments: Vec<Value>,
    attachments: Vec<(String, Value)>,
}

impl RequestBuilder {
    /// A two-way request in hessian2 of id 0, without arguments.
    pub fn new(interface: impl Into<String>, method: impl Into<String>) -> Self {
        let path = interface.into();
        let attachments = ["path", "interface"].map(|key| (key.into(), Value::from(&*path)));
        Self {
            id: 0,
            flags: REQUEST | TWO_WAY,
            serialization: Serialization::Hessian2,
            dubbo_version: Some("2.0.2".into()),
            attachments: attachments.into(),
            path,
            version: None,
            method: method.into(),
            descriptor: None,
            arguments: Vec::new(),
        }
        .version("0.0.0")
    }

    /// The id.
    #[must_use]
    pub fn id(mut self, id: u64) -> Self {
        self.id = id;
        self
    }

    /// A call that wants no answer.
    #[must_use]
    pub fn one_way(mut self) -> Self {
        self.flags = REQUEST;
        self
    }

    /// The serialization, hessian2 unless said.
    #[must_use]
    pub fn serialization(mut self, serialization: Serialization) -> Self {
        self.serialization = serialization;
        self
    }

    /// The protocol's version, `2.0.2` unless said; `None` for null.
    #[must_use]
    pub fn dubbo_version(mut self, version: Option<&str>) -> Self {
        self.dubbo_version = version.map(str::to_owned);
        self
    }

    /// The service's version, in the body and among the attachments; `0.0.0`
    /// unless said.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        self.version = Some(version.to_owned());
        self.attachment("version", version)
    }

    /// The service's version in the body alone; `None` for null.
    #[must_use]
    pub fn body_version(mut self, version: Option<&str>) -> Self {
        self.version = version.map(str::to_owned);
        self
    }

    /// The path in the body alone.
    #[must_use]
    pub fn body_path(mut self, path: &str) -> Self {
        self.path = path.to_owned();
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn argument(mut self, value: impl Into<Value>) -> Self {
        self.arguments.push(value.into());
        self
    }

    /// The parameters' types, where they are not those that the arguments look
    /// like.
    #[must_use]
    pub fn descriptor(mut self, descriptor: &str) -> Self {
        self.descriptor = Some(descriptor.to_owned());
        self
    }

    /// Sets an attachment.
    #[must_use]
    pub fn attachment(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.attachments.retain(|(other, _)| other != key);
        self.duplicate_attachment(key, value)
    }

    /// Adds an attachment, although there may be one of this key.
    #[must_use]
    pub fn duplicate_attachment(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.attachments.push((key.to_owned(), value.into()));
        self
    }

    /// Takes out all attachments.
    #[must_use]
    pub fn without_attachments(mut self) -> Self {
        self.attachments.clear();
        self
    }

    /// The message's bytes.
    ///
    /// # Panics
    ///
    /// If they are more than 4 GiB.
    pub fn build(&self) -> Vec<u8> {
        let mut body = Writer::new(self.serialization);
        body.optional(self.dubbo_version.as_deref());
        body.string(&self.path);
        body.optional(self.version.as_deref());
        body.string(&self.method);
        match &self.descriptor {
            Some(descriptor) => body.string(descriptor),
            None => {
                let types = self.arguments.iter().map(Value::descriptor);
                body.string(&types.collect::<String>());
            }
        }
        for argument in &self.arguments {
            body.value(argument);
        }
        body.attachments(&self.attachments);
        message(
            self.flags,
            0,
            self.id,
            self.serialization,
            &body.into_bytes(),
        )
    }
}
