//! Failure: which rule, which sample, which method, at which byte.

use std::fmt;

use crate::rule::Rule;

/// A rule that a codec does not keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    rule: Rule,
    sample: String,
    method: Method,
    offset: usize,
    detail: String,
}

/// The trait method at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `Codec::decode`
    Decode,
    /// `Codec::encode`
    Encode,
    /// `Codec::on_error`
    OnError,
    /// `Codec::control`
    Control,
    /// None: what the kit was given does not suffice.
    Kit,
}

impl Method {
    fn as_str(self) -> &'static str {
        match self {
            Self::Decode => "Codec::decode",
            Self::Encode => "Codec::encode",
            Self::OnError => "Codec::on_error",
            Self::Control => "Codec::control",
            Self::Kit => "Kit",
        }
    }
}

impl Failure {
    /// The rule that was broken.
    pub fn rule(&self) -> Rule {
        self.rule
    }

    /// The sample it was broken with.
    pub fn sample(&self) -> &str {
        &self.sample
    }

    /// The method at fault.
    pub fn method(&self) -> Method {
        self.method
    }

    /// For `decode`: how many bytes the codec had been given. For what it
    /// writes: the first byte that is wrong, 0 where it is about the whole.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// What was found and what was expected.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Lays what `decode` found at the door of the method that wrote it.
    pub(crate) fn written_by(self, method: Method) -> Self {
        match self.method {
            Method::Decode => Self {
                method,
                detail: format!("what it wrote cannot be read back: {}", self.detail),
                ..self
            },
            _ => self,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, sample, .. } = self;
        let (method, offset) = (self.method.as_str(), self.offset);
        write!(f, "{rule}, sample \"{sample}\", byte {offset}, {method}: ")?;
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Failure {}

/// What is being checked; makes failures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) rule: Rule,
    pub(crate) sample: &'a str,
}

impl Scene<'_> {
    pub(crate) fn fail(&self, method: Method, offset: usize, detail: impl Into<String>) -> Failure {
        Failure {
            rule: self.rule,
            sample: self.sample.to_owned(),
            method,
            offset,
            detail: detail.into(),
        }
    }
}
