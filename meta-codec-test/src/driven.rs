//! Driven: a codec driven as a connection would, every call checked.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::{Buf, BytesMut};
use meta_core::{
    Codec, CodecError, Control, Decoded, EncodeContext, Encoded, FrameBuf, LocalReply, Message,
    Metadata, Mutation, WireId,
};

use crate::{
    alloc::{Usage, measure},
    failure::{Failure, Method, Scene},
    seen::first_difference,
};

/// A codec, the bytes it has been given, and what is being checked.
pub(crate) struct Driven<'a> {
    pub(crate) scene: Scene<'a>,
    pub(crate) src: BytesMut,
    /// What the last call of `decode` allocated.
    pub(crate) usage: Usage,
    codec: Box<dyn Codec>,
    taken: usize,
    limit: usize,
}

/// What one call of `decode` gave.
#[derive(Debug)]
pub(crate) enum Step {
    Message(Message),
    Need(Option<usize>),
    Refused(CodecError),
}

impl<'a> Driven<'a> {
    pub(crate) fn new(scene: Scene<'a>, codec: Box<dyn Codec>, limit: usize) -> Self {
        Self {
            scene,
            src: BytesMut::new(),
            usage: Usage::default(),
            codec,
            taken: 0,
            limit,
        }
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.src.extend_from_slice(bytes);
    }

    /// Throws away what is in the buffer, and with it a message that was refused.
    pub(crate) fn skip(&mut self) {
        self.taken += self.src.len();
        self.src.clear();
    }

    /// How many bytes the codec has been given.
    pub(crate) fn offset(&self) -> usize {
        self.taken + self.src.len()
    }

    pub(crate) fn fail(&self, detail: impl Into<String>) -> Failure {
        self.scene.fail(Method::Decode, self.offset(), detail)
    }

    /// Calls `decode` once and checks what holds for each of its answers.
    pub(crate) fn decode(&mut self) -> Result<Step, Failure> {
        let before = self.src.to_vec();
        let offset = self.offset();
        let fail =
            |scene: Scene<'_>, detail: String| Err(scene.fail(Method::Decode, offset, detail));
        let (decoded, usage) = guard(self.scene, Method::Decode, offset, || {
            measure(|| self.codec.decode(&mut self.src))
        })?;
        self.usage = usage;
        let message = match decoded {
            Ok(Decoded::Message(message)) => message,
            Ok(Decoded::Need(need)) => {
                if self.src != before {
                    return fail(
                        self.scene,
                        "wants more bytes, but changed the buffer".into(),
                    );
                }
                let need = need.map(usize::from);
                return match need {
                    Some(need) if need <= before.len() => {
                        let have = before.len();
                        fail(
                            self.scene,
                            format!("needs {need} bytes and has {have}: a stall"),
                        )
                    }
                    Some(need) if need > self.limit => {
                        let limit = self.limit;
                        fail(
                            self.scene,
                            format!("needs {need} bytes, the limit is {limit}"),
                        )
                    }
                    need => Ok(Step::Need(need)),
                };
            }
            Err(_) if self.src != before => {
                return fail(self.scene, "refuses, but changed the buffer".into());
            }
            Err(error) => return Ok(Step::Refused(error)),
        };
        let taken = before.len().saturating_sub(self.src.len());
        self.taken += taken;
        let wrong = if taken == 0 {
            "a message that took no bytes off the buffer".to_owned()
        } else if message.frame.len() != taken {
            format!("took {taken} bytes for a frame of {}", message.frame.len())
        } else if let Some(at) = first_difference(&before[..taken], &message.frame) {
            format!("the frame differs from what came at byte {at}")
        } else if before[taken..] != self.src[..] {
            "changed the bytes behind the message".to_owned()
        } else if message.metadata.total_bytes != taken {
            let total = message.metadata.total_bytes;
            format!("total_bytes is {total}, the frame has {taken}")
        } else if message.metadata.header_bytes > taken {
            let header = message.metadata.header_bytes;
            format!("header_bytes is {header}, the frame has {taken}")
        } else {
            return Ok(Step::Message(message));
        };
        fail(self.scene, wrong)
    }

    /// A whole message must be there.
    pub(crate) fn message(&mut self) -> Result<Message, Failure> {
        match self.decode()? {
            Step::Message(message) => Ok(message),
            Step::Need(need) => Err(self.fail(format!("wants more ({need:?}) of a whole message"))),
            Step::Refused(error) => Err(self.fail(format!("refuses a whole message: {error}"))),
        }
    }

    /// No whole message may be there yet.
    pub(crate) fn need(&mut self) -> Result<Option<usize>, Failure> {
        match self.decode()? {
            Step::Need(need) => Ok(need),
            Step::Message(_) => Err(self.fail("a message before its last byte")),
            Step::Refused(error) => {
                Err(self.fail(format!("refuses the beginning of a message: {error}")))
            }
        }
    }

    /// Nothing may be left.
    pub(crate) fn done(&mut self) -> Result<(), Failure> {
        match self.src.is_empty() {
            true => Ok(()),
            false => Err(self.fail(format!("left {} bytes", self.src.len()))),
        }
    }

    /// `bytes`, which `method` of another codec wrote, must be one message.
    pub(crate) fn read_back(&mut self, bytes: &[u8], method: Method) -> Result<Message, Failure> {
        self.feed(bytes);
        let message = self
            .message()
            .and_then(|message| self.done().map(|()| message));
        message.map_err(|failure| failure.written_by(method))
    }

    pub(crate) fn encode(
        &mut self,
        message: &Message,
        id: WireId,
        mutation: &Mutation,
        request: Option<&Metadata>,
    ) -> Result<(Encoded, Vec<u8>), Failure> {
        self.try_encode(message, id, mutation, request)?
            .map_err(|error| {
                let detail = format!("refuses to write under id {id}: {error}");
                self.scene.fail(Method::Encode, 0, detail)
            })
    }

    /// The same, for a message that the codec may find that it cannot write.
    pub(crate) fn try_encode(
        &mut self,
        message: &Message,
        id: WireId,
        mutation: &Mutation,
        request: Option<&Metadata>,
    ) -> Result<Result<(Encoded, Vec<u8>), CodecError>, Failure> {
        let context = EncodeContext {
            id,
            mutation,
            request,
        };
        let (result, bytes) = self.write(Method::Encode, |codec, dst| {
            codec.encode(message, &context, dst)
        })?;
        Ok(result.map(|encoded| (encoded, bytes)))
    }

    pub(crate) fn on_error(
        &mut self,
        request: &Metadata,
        reply: &LocalReply,
    ) -> Result<Vec<u8>, Failure> {
        let (result, bytes) = self.write(Method::OnError, |codec, dst| {
            codec.on_error(request, reply, dst)
        })?;
        match result {
            Ok(()) => Ok(bytes),
            Err(error) => {
                let detail = format!("refuses to write \"{reply}\": {error}");
                Err(self.scene.fail(Method::OnError, 0, detail))
            }
        }
    }

    /// What was written, or `None` where the protocol has no such message.
    pub(crate) fn control(&mut self, control: Control<'_>) -> Result<Option<Vec<u8>>, Failure> {
        let (result, bytes) =
            self.write(Method::Control, |codec, dst| codec.control(control, dst))?;
        let detail = match result {
            Ok(true) if bytes.is_empty() => format!("wrote nothing for {control:?}"),
            Ok(true) => return Ok(Some(bytes)),
            Ok(false) if bytes.is_empty() => return Ok(None),
            Ok(false) => format!("wrote bytes for {control:?}, but says it did not"),
            Err(error) => format!("refuses to write {control:?}: {error}"),
        };
        Err(self.scene.fail(Method::Control, 0, detail))
    }

    fn write<R>(
        &mut self,
        method: Method,
        write: impl FnOnce(&mut dyn Codec, &mut FrameBuf) -> R,
    ) -> Result<(R, Vec<u8>), Failure> {
        // Something stands in the buffer already, as on a busy connection.
        const BEFORE: &[u8] = b"another message";
        let mut dst = FrameBuf::new();
        dst.put_slice(BEFORE);
        let result = guard(self.scene, method, 0, || write(&mut *self.codec, &mut dst))?;
        let mut bytes = &dst.to_vec()[..];
        if !bytes.starts_with(BEFORE) {
            let detail = "changed what another message had left in the buffer";
            return Err(self.scene.fail(method, 0, detail));
        }
        bytes.advance(BEFORE.len());
        Ok((result, bytes.to_vec()))
    }
}

/// Makes a failure of a panic.
fn guard<R>(
    scene: Scene<'_>,
    method: Method,
    offset: usize,
    call: impl FnOnce() -> R,
) -> Result<R, Failure> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        scene.fail(method, offset, format!("panics: {}", text.unwrap_or("?")))
    })
}
