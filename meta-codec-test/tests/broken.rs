//! Tests that the tests can fail: each way of breaking a codec breaks its rule.

use bytes::{Bytes, BytesMut};
use meta_codec_test::{
    Failure, Hostile, Kit, LengthField, Method, Rule, Sample,
    alloc::Counting,
    toy::{Frame, Toy},
};
use meta_core::{
    Attributes, Capabilities, Codec, CodecError, CodecErrorKind, CodecFactory, Control, Decoded,
    EncodeContext, Encoded, FrameBuf, Limits, LocalReply, Message, MessageKind, Metadata, Mutation,
    Role, WireId,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The toy protocol, broken in one way.
struct Broken {
    toy: Toy,
    fault: Fault,
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    RefusesFragments,
    DropsTheRest,
    WaitsOnShortLengths,
    MessageOfNothing,
    WaitsForHuge,
    SilentOverLimit,
    NeverSaysHowMuch,
    ReservesWhatIsAnnounced,
    WaitsOnGarbage,
    PanicsOnUnknownKinds,
    AsksForWhatItHas,
    ForgetsAttributes,
    NoPong,
    GoodbyeIsAPing,
    PinsTheFrame,
    ChangesTheBody,
    KeepsItsId,
    IgnoresMutations,
    LosesHeadersOnMutation,
    KeepsItsLengthOnMutation,
    SilentErrors,
    ErrorsUnderIdZero,
    AnswersOneWay,
}

impl CodecFactory for Broken {
    fn name(&self) -> &str {
        self.toy.name()
    }

    fn capabilities(&self) -> &Capabilities {
        self.toy.capabilities()
    }

    fn codec(&self, role: Role, limits: &Limits) -> Box<dyn Codec> {
        Box::new(BrokenCodec {
            inner: self.toy.codec(role, limits),
            fault: self.fault,
        })
    }
}

struct BrokenCodec {
    inner: Box<dyn Codec>,
    fault: Fault,
}

impl Codec for BrokenCodec {
    fn decode(&mut self, src: &mut BytesMut) -> Result<Decoded, CodecError> {
        let decoded = self.inner.decode(src);
        match decoded {
            Ok(Decoded::Message(mut message)) => {
                let metadata = message.metadata.get_mut().expect("no one shares it yet");
                match self.fault {
                    Fault::DropsTheRest => src.clear(),
                    Fault::ForgetsAttributes => metadata.attributes = Attributes::new(),
                    Fault::PinsTheFrame => metadata.slot.set_value(message.frame.clone()),
                    _ => {}
                }
                Ok(Decoded::Message(message))
            }
            Ok(Decoded::Need(need)) => match self.fault {
                Fault::RefusesFragments if !src.is_empty() => Err(CodecError::malformed("short")),
                Fault::NeverSaysHowMuch => Ok(Decoded::Need(None)),
                Fault::AsksForWhatItHas => Ok(Decoded::need(src.len())),
                Fault::ReservesWhatIsAnnounced => {
                    let room = Vec::<u8>::with_capacity(need.map_or(0, usize::from));
                    drop(std::hint::black_box(room));
                    Ok(Decoded::Need(need))
                }
                _ => Ok(Decoded::Need(need)),
            },
            Err(error) => self.refuse(error),
        }
    }

    fn encode(
        &mut self,
        message: &Message,
        context: &EncodeContext<'_>,
        dst: &mut FrameBuf,
    ) -> Result<Encoded, CodecError> {
        let mut context = *context;
        let none = Mutation::new();
        match self.fault {
            Fault::KeepsItsId => context.id = message.metadata.id,
            Fault::IgnoresMutations => context.mutation = &none,
            _ => {}
        }
        let mut out = FrameBuf::new();
        let encoded = self.inner.encode(message, &context, &mut out)?;
        let mut bytes = out.to_vec();
        match (self.fault, bytes.last_mut()) {
            (Fault::ChangesTheBody, Some(last)) => *last ^= 1,
            (Fault::LosesHeadersOnMutation, _) if !context.mutation.is_empty() => {
                let mut frame = Frame::decode(&mut BytesMut::from(&bytes[..])).expect("a frame");
                let own = |key: &str| context.mutation.last(key).is_some();
                frame.headers.retain(|(key, _)| own(key));
                bytes = frame.encode();
            }
            (Fault::KeepsItsLengthOnMutation, _) if !context.mutation.is_empty() => bytes.push(0),
            _ => {}
        }
        dst.put_bytes(Bytes::from(bytes));
        Ok(encoded)
    }

    fn on_error(
        &mut self,
        request: &Metadata,
        reply: &LocalReply,
        dst: &mut FrameBuf,
    ) -> Result<(), CodecError> {
        match self.fault {
            Fault::SilentErrors => Ok(()),
            Fault::ErrorsUnderIdZero => {
                let request = Metadata::new(request.kind, WireId(0));
                self.inner.on_error(&request, reply, dst)
            }
            Fault::AnswersOneWay => {
                let request = Metadata::new(MessageKind::Request, request.id);
                self.inner.on_error(&request, reply, dst)
            }
            _ => self.inner.on_error(request, reply, dst),
        }
    }

    fn control(&mut self, control: Control<'_>, dst: &mut FrameBuf) -> Result<bool, CodecError> {
        match (self.fault, control) {
            (Fault::NoPong, Control::Pong { .. }) => Ok(false),
            (Fault::GoodbyeIsAPing, Control::Goodbye) => {
                self.inner.control(Control::Ping { id: WireId(1) }, dst)
            }
            _ => self.inner.control(control, dst),
        }
    }
}

impl BrokenCodec {
    fn refuse(&self, error: CodecError) -> Result<Decoded, CodecError> {
        let short = error.offset() == Some(4) && error.kind() == CodecErrorKind::Malformed;
        match (self.fault, error.kind()) {
            (Fault::WaitsOnShortLengths, _) if short => Ok(Decoded::Need(None)),
            (Fault::MessageOfNothing, _) if short => {
                let metadata = Metadata::new(MessageKind::Request, WireId(0));
                Ok(Decoded::Message(Message::new(metadata, Bytes::new())))
            }
            (Fault::WaitsForHuge, CodecErrorKind::TooLarge) => Ok(Decoded::Need(None)),
            (Fault::SilentOverLimit, CodecErrorKind::TooLarge) => {
                Err(CodecError::new(error.kind(), error.to_string()))
            }
            (Fault::WaitsOnGarbage, CodecErrorKind::Malformed) => Ok(Decoded::Need(None)),
            (Fault::PanicsOnUnknownKinds, CodecErrorKind::Unsupported) => panic!("unknown kind"),
            _ => Err(error),
        }
    }
}

fn check(fault: Fault, rule: Rule) -> Result<(), Failure> {
    let toy = Toy::by_id();
    let call = Frame::request(7, "body").header("method", "greet");
    let length = LengthField::new(4, 4).smallest(12);
    let ping = Frame::new(MessageKind::Ping, 5, "");
    let one_way = Frame::new(MessageKind::OneWay, 8, "");
    Kit::new(Broken { toy, fault })
        .samples([
            Sample::request("call", call.encode())
                .id(7)
                .attribute("method", "greet")
                .mutable()
                .length_field(length),
            Sample::one_way("one-way", one_way.encode()).id(8).mutable(),
            Sample::response("answer", Frame::response(7, "hello").encode())
                .id(7)
                .mutable(),
            Sample::new("ping", Role::Downstream, MessageKind::Ping, ping.encode())
                .id(5)
                .mutable(),
        ])
        .hostile(Hostile::bomb(
            "a frame of 32 MiB",
            Role::Upstream,
            *b"TY\x02\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        ))
        .large(|bytes| {
            let frame = Frame::request(0, vec![b'x'; bytes]);
            Sample::request("large", frame.encode()).length_field(LengthField::new(4, 4))
        })
        .check(rule)
}

#[track_caller]
fn breaks(fault: Fault, rule: Rule, method: Method, detail: &str) {
    let failure = check(fault, rule).expect_err("the rule is broken");
    assert_eq!(failure.rule(), rule);
    assert_eq!(failure.method(), method, "{failure}");
    assert!(failure.detail().contains(detail), "{failure}");
}

#[test]
fn reading() {
    use Method::Decode;
    breaks(
        Fault::RefusesFragments,
        Rule::Splits,
        Decode,
        "refuses the beginning",
    );
    breaks(Fault::RefusesFragments, Rule::AnyPieces, Decode, "refuses");
    breaks(Fault::AsksForWhatItHas, Rule::Splits, Decode, "a stall");
    breaks(
        Fault::DropsTheRest,
        Rule::Sequence,
        Decode,
        "for a frame of",
    );
    breaks(
        Fault::ForgetsAttributes,
        Rule::Reading,
        Decode,
        "attribute \"method\" is None",
    );
    breaks(
        Fault::NeverSaysHowMuch,
        Rule::LargeMessage,
        Decode,
        "its length field says",
    );
    breaks(Fault::PinsTheFrame, Rule::Memory, Decode, "stay behind");
}

#[test]
fn refusing() {
    use Method::Decode;
    breaks(
        Fault::WaitsOnShortLengths,
        Rule::ShortLengths,
        Decode,
        "waits for more",
    );
    breaks(
        Fault::MessageOfNothing,
        Rule::ShortLengths,
        Decode,
        "took no bytes",
    );
    breaks(Fault::WaitsForHuge, Rule::Hostile, Decode, "waits for more");
    breaks(Fault::WaitsForHuge, Rule::Limit, Decode, "waits for more");
    breaks(
        Fault::SilentOverLimit,
        Rule::Limit,
        Decode,
        "carries no message",
    );
    breaks(
        Fault::ReservesWhatIsAnnounced,
        Rule::Bombs,
        Decode,
        "allocates 335",
    );
    breaks(
        Fault::WaitsOnGarbage,
        Rule::Garbage,
        Decode,
        "waits for more",
    );
    breaks(
        Fault::PanicsOnUnknownKinds,
        Rule::AnyBytes,
        Decode,
        "panics: unknown kind",
    );
}

#[test]
fn writing() {
    use Method::{Control, Encode, OnError};
    breaks(Fault::ChangesTheBody, Rule::Untouched, Encode, "differs");
    breaks(
        Fault::KeepsItsId,
        Rule::Untouched,
        Encode,
        "id is WireId(7)",
    );
    breaks(
        Fault::IgnoresMutations,
        Rule::Mutation,
        Encode,
        "reads back as None",
    );
    breaks(
        Fault::LosesHeadersOnMutation,
        Rule::Mutation,
        Encode,
        "operation is",
    );
    breaks(
        Fault::KeepsItsLengthOnMutation,
        Rule::Mutation,
        Encode,
        "what it wrote cannot be read back: left 1 bytes",
    );
    breaks(
        Fault::SilentErrors,
        Rule::LocalErrors,
        OnError,
        "the caller hangs",
    );
    breaks(
        Fault::ErrorsUnderIdZero,
        Rule::LocalErrors,
        OnError,
        "has id 0",
    );
    breaks(
        Fault::AnswersOneWay,
        Rule::LocalErrors,
        OnError,
        "no one waits",
    );
    breaks(Fault::NoPong, Rule::Control, Control, "no pong");
    breaks(
        Fault::GoodbyeIsAPing,
        Rule::Control,
        Control,
        "reads as Ping",
    );
}

#[test]
fn failures_name_rule_sample_byte_and_method() {
    let failure = check(Fault::RefusesFragments, Rule::Splits).expect_err("it is broken");
    assert_eq!(
        failure.to_string(),
        "rule 1 (Splits), sample \"call\", byte 1, Codec::decode: \
         refuses the beginning of a message: short"
    );
    assert_eq!((failure.sample(), failure.offset()), ("call", 1));
}

#[test]
fn a_kit_without_samples_is_no_proof() {
    let kit = Kit::new(Toy::by_id());
    for rule in [
        Rule::Reading,
        Rule::LargeMessage,
        Rule::Memory,
        Rule::Control,
    ] {
        let failure = kit.check(rule).expect_err("nothing to check with");
        assert_eq!(failure.method(), Method::Kit, "{failure}");
    }
}
