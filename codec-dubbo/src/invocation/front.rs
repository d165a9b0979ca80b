//! Front: what a request's body begins with, up to its attachments.

use super::Refusal;
use crate::{body::Body, descriptor::parameters, text::Str};

/// What a request's body says before its attachments.
#[derive(Debug, Default)]
pub(crate) struct Front {
    pub(super) dubbo_version: Option<Str>,
    pub(super) path: Option<Str>,
    pub(super) version: Option<Str>,
    pub(super) method: Option<Str>,
    /// The method that a generic call is for.
    pub(super) real_method: Option<Str>,
    /// Where what was read ends, and what was skipped begins.
    pub(super) end: usize,
}

impl Front {
    /// Reads a request up to its attachments.
    #[inline]
    pub(crate) fn read(&mut self, body: &mut impl Body) -> Result<(), Refusal> {
        self.dubbo_version = body.string()?;
        self.path = body.string()?;
        self.version = body.string()?;
        self.method = body.string()?;
        let descriptor = body.string()?.ok_or(Refusal::Unreadable)?;
        let frame = body.frame();
        let mut arguments = descriptor
            .with(frame, parameters)
            .ok_or(Refusal::Unreadable)?;
        let is_generic = arguments == 3
            && self
                .method
                .is_some_and(|method| method.with(frame, is_generic));
        self.end = body.at();
        if is_generic {
            arguments -= 1;
            // What is no string is skipped as any other argument.
            let real = body.string_or_skip()?;
            if let Some(name) = real.filter(|name| !name.is_empty()) {
                self.real_method = Some(name);
                self.end = body.at();
            }
        }
        for _ in 0..arguments {
            body.skip()?;
        }
        Ok(())
    }
}

fn is_generic(method: &[u8]) -> bool {
    matches!(method, b"$invoke" | b"$invokeAsync")
}
