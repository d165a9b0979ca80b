//! Kit: a codec, samples of its protocol, and the rules to check with them.

use std::sync::Arc;

use meta_core::{
    CodecFactory, Correlation, Limits, Message, MessageKind, Metadata, Mutation, Role, WireId,
};

use crate::{
    driven::Driven,
    failure::{Failure, Method, Scene},
    rule::Rule,
    rules,
    sample::{Hostile, Sample},
};

/// A codec and samples of its protocol.
///
/// [`conformance!`](crate::conformance) makes a test of each [`Rule`];
/// [`Kit::check`] runs one.
#[derive(Clone)]
pub struct Kit {
    pub(crate) factory: Arc<dyn CodecFactory>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) hostile: Vec<Hostile>,
    pub(crate) garbage: Vec<Vec<u8>>,
    pub(crate) large: Option<fn(usize) -> Sample>,
}

impl Kit {
    /// A kit for the codecs that `factory` makes, without samples.
    pub fn new(factory: impl CodecFactory) -> Self {
        Self::of(Arc::new(factory))
    }

    /// The same, for what an `Extension` configures.
    pub fn of(factory: Arc<dyn CodecFactory>) -> Self {
        Self {
            factory,
            samples: Vec::new(),
            hostile: Vec::new(),
            garbage: vec![
                b"GET / HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\n\r\n".to_vec(),
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS client says hello".to_vec(),
                vec![0; 64],
                vec![0xff; 64],
            ],
            large: None,
        }
    }

    /// Adds a sample.
    #[must_use]
    pub fn sample(mut self, sample: Sample) -> Self {
        self.samples.push(sample);
        self
    }

    /// Adds samples.
    #[must_use]
    pub fn samples(mut self, samples: impl IntoIterator<Item = Sample>) -> Self {
        self.samples.extend(samples);
        self
    }

    /// Adds bytes that must be refused.
    #[must_use]
    pub fn hostile(mut self, hostile: Hostile) -> Self {
        self.hostile.push(hostile);
        self
    }

    /// How to make a sample of at least the given number of bytes, which are in
    /// its body.
    #[must_use]
    pub fn large(mut self, make: fn(usize) -> Sample) -> Self {
        self.large = Some(make);
        self
    }

    /// Replaces the bytes of other protocols that must be refused: an HTTP
    /// request, a TLS client's hello, zeros, ones.
    #[must_use]
    pub fn garbage(mut self, garbage: Vec<Vec<u8>>) -> Self {
        self.garbage = garbage;
        self
    }

    /// Checks one rule.
    ///
    /// # Errors
    ///
    /// The first way in which the codec breaks it.
    pub fn check(&self, rule: Rule) -> Result<(), Failure> {
        match rule {
            Rule::Splits => rules::read::splits(self),
            Rule::AnyPieces => rules::any::pieces(self),
            Rule::Sequence => rules::read::sequence(self),
            Rule::ShortLengths => rules::refuse::short_lengths(self),
            Rule::Hostile => rules::refuse::hostile(self),
            Rule::Limit => rules::limit::limit(self),
            Rule::LargeMessage => rules::memory::large_message(self),
            Rule::Bombs => rules::limit::bombs(self),
            Rule::Garbage => rules::refuse::garbage(self),
            Rule::AnyBytes => rules::any::bytes(self),
            Rule::Reading => rules::read::reading(self),
            Rule::Control => rules::control::control(self),
            Rule::Memory => rules::memory::memory(self),
            Rule::Untouched => rules::write::untouched(self),
            Rule::Mutation => rules::write::mutation(self),
            Rule::LocalErrors => rules::errors::local_errors(self),
        }
    }

    /// Checks one rule, for tests.
    ///
    /// # Panics
    ///
    /// If the codec breaks it.
    #[track_caller]
    pub fn assert(&self, rule: Rule) {
        if let Err(failure) = self.check(rule) {
            panic!("{failure}");
        }
    }

    pub(crate) fn driven<'a>(&self, scene: Scene<'a>, role: Role) -> Driven<'a> {
        self.limited(scene, role, Limits::default())
    }

    pub(crate) fn limited<'a>(&self, scene: Scene<'a>, role: Role, limits: Limits) -> Driven<'a> {
        let codec = self.factory.codec(role, &limits);
        Driven::new(scene, codec, limits.message_bytes)
    }

    /// A codec that is ready to read `samples`: those that answer a request have
    /// had it written.
    pub(crate) fn reader<'a>(
        &self,
        scene: Scene<'a>,
        role: Role,
        samples: &[&Sample],
    ) -> Result<Driven<'a>, Failure> {
        let mut reader = self.driven(scene, role);
        for sample in samples {
            if let Some(request) = self.answered(scene, sample)? {
                reader.encode(&request, request.metadata.id, &Mutation::new(), None)?;
            }
        }
        Ok(reader)
    }

    /// The request that `sample` answers.
    pub(crate) fn answered(
        &self,
        scene: Scene<'_>,
        sample: &Sample,
    ) -> Result<Option<Message>, Failure> {
        let Some(request) = &sample.answers else {
            return Ok(None);
        };
        let mut reader = self.driven(scene, opposite(sample.role));
        reader.feed(request);
        reader.message().map(Some)
    }

    /// The sample, read whole.
    pub(crate) fn read(&self, scene: Scene<'_>, sample: &Sample) -> Result<Message, Failure> {
        let mut reader = self.reader(scene, sample.role, &[sample])?;
        reader.feed(&sample.bytes);
        let message = reader.message()?;
        reader.done()?;
        Ok(message)
    }

    /// Writes `message`, which `sample` was read as, as its receiver will get it.
    pub(crate) fn write(
        &self,
        scene: Scene<'_>,
        sample: &Sample,
        message: &Message,
        id: WireId,
        mutation: &Mutation,
    ) -> Result<(meta_core::Encoded, Vec<u8>), Failure> {
        let mut writer = self.driven(scene, opposite(sample.role));
        let request = match &sample.answers {
            Some(request) => {
                writer.feed(request);
                Some(writer.message()?)
            }
            None => None,
        };
        let request: Option<&Metadata> = request.as_ref().map(|request| &*request.metadata);
        writer.encode(message, id, mutation, request)
    }

    pub(crate) fn large_sample(&self, rule: Rule, bytes: usize) -> Result<Sample, Failure> {
        let scene = Scene { rule, sample: "" };
        let sample = self.large.map(|make| make(bytes)).ok_or_else(|| {
            scene.fail(Method::Kit, 0, "no large sample: give one by `Kit::large`")
        })?;
        match sample.bytes.len() >= bytes {
            true => Ok(sample),
            false => Err(scene.fail(Method::Kit, 0, "the large sample is not large enough")),
        }
    }

    /// Requests among the samples.
    pub(crate) fn requests(&self) -> impl Iterator<Item = &Sample> {
        let calls = |sample: &&Sample| sample.kind == MessageKind::Request;
        self.samples.iter().filter(calls)
    }

    /// Whether messages carry ids.
    pub(crate) fn has_ids(&self) -> bool {
        let correlation = self.factory.capabilities().correlation;
        matches!(correlation, Correlation::ById(_))
    }
}

impl std::fmt::Debug for Kit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kit")
            .field("factory", &self.factory.name())
            .field("samples", &self.samples.len())
            .finish_non_exhaustive()
    }
}

/// The side that reads what this one writes.
pub(crate) fn opposite(role: Role) -> Role {
    match role {
        Role::Downstream => Role::Upstream,
        Role::Upstream => Role::Downstream,
    }
}
