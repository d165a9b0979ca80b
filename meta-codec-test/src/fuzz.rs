//! Fuzzing: what holds for any bytes whatever.

use meta_core::{
    CodecErrorKind, CodecFactory, Limits, LocalReply, Message, Mutation, ReplyKind, Role, WireId,
};

use crate::{
    driven::{Driven, Step},
    failure::{Failure, Method, Scene},
    kit::opposite,
    rule::Rule,
    seen::{Seen, first_difference},
};

/// The body of a fuzz target: reads `data` in both roles, whole and in pieces,
/// and writes again what it read.
///
/// ```no_run
/// # use meta_codec_test::toy::Toy;
/// # let data: &[u8] = &[];
/// // In a target of cargo-fuzz: `fuzz_target!(|data: &[u8]| { … });`
/// meta_codec_test::fuzz(&Toy::by_id(), data);
/// ```
///
/// # Panics
///
/// If the codec panics, stalls, loses its place, reads otherwise in pieces than
/// at once, or does not write untouched what it read.
pub fn fuzz(factory: &dyn CodecFactory, data: &[u8]) {
    let piece = data.last().map_or(1, |byte| usize::from(*byte % 32) + 1);
    for role in [Role::Downstream, Role::Upstream] {
        if let Err(failure) = run(factory, role, data, piece, Rule::AnyBytes) {
            panic!("{failure}");
        }
    }
}

/// Reads `bytes` at once and in pieces and compares; checks every message.
pub(crate) fn run(
    factory: &dyn CodecFactory,
    role: Role,
    bytes: &[u8],
    piece: usize,
    rule: Rule,
) -> Result<(), Failure> {
    let name = format!("{bytes:02x?} read as {role:?} in pieces of {piece}");
    let scene = Scene {
        rule,
        sample: &name,
    };
    let mut limits = Limits::default();
    limits.message_bytes = 1 << 20;
    let whole = read(scene, factory, role, limits, bytes, bytes.len())?;
    let pieces = read(scene, factory, role, limits, bytes, piece)?;
    for (n, (whole, pieces)) in whole.messages.iter().zip(&pieces.messages).enumerate() {
        if let Some(wrong) = Seen::of(whole).difference(&Seen::of(pieces)) {
            let detail = format!("message {n} reads otherwise in pieces: {wrong}");
            return Err(scene.fail(Method::Decode, bytes.len(), detail));
        }
    }
    if whole.messages.len() != pieces.messages.len() || whole.refused != pieces.refused {
        let detail = format!("at once {whole}, in pieces {pieces}");
        return Err(scene.fail(Method::Decode, bytes.len(), detail));
    }
    let mut offset = 0;
    for message in &whole.messages {
        written(scene, factory, role, message, offset)?;
        offset += message.frame.len();
    }
    Ok(())
}

/// All that was read, and whether it ended in an error.
struct Read {
    messages: Vec<Message>,
    refused: bool,
}

impl std::fmt::Display for Read {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let end = if self.refused { " and an error" } else { "" };
        write!(f, "{} messages{end}", self.messages.len())
    }
}

fn read(
    scene: Scene<'_>,
    factory: &dyn CodecFactory,
    role: Role,
    limits: Limits,
    bytes: &[u8],
    piece: usize,
) -> Result<Read, Failure> {
    let codec = factory.codec(role, &limits);
    let mut reader = Driven::new(scene, codec, limits.message_bytes);
    let mut messages = Vec::new();
    for piece in bytes.chunks(piece.max(1)) {
        reader.feed(piece);
        loop {
            match reader.decode()? {
                Step::Message(message) => messages.push(message),
                Step::Need(_) => break,
                Step::Refused(error) => {
                    if let Some(request) = error.message().filter(|m| m.kind.is_call()) {
                        let reply = LocalReply::new(ReplyKind::TooLarge, error.to_string());
                        reader.on_error(request, &reply)?;
                    }
                    let refused = true;
                    return Ok(Read { messages, refused });
                }
            }
        }
    }
    let refused = false;
    Ok(Read { messages, refused })
}

/// What was read can be written: as it came, under another id, mutated, answered.
fn written(
    scene: Scene<'_>,
    factory: &dyn CodecFactory,
    role: Role,
    message: &Message,
    offset: usize,
) -> Result<(), Failure> {
    let limits = Limits::default();
    let writer = || {
        let codec = factory.codec(opposite(role), &limits);
        Driven::new(scene, codec, limits.message_bytes)
    };
    let own = message.metadata.id;
    let mut mutation = Mutation::new();
    let (_, bytes) = writer().encode(message, own, &mutation, None)?;
    // That a connection ends is not passed on.
    let is_same = !message.metadata.ends_connection;
    if let Some(at) = first_difference(&message.frame, &bytes).filter(|_| is_same) {
        let detail = format!("differs at its byte {at} from what came");
        return Err(scene.fail(Method::Encode, offset + at, detail));
    }
    // What a codec need not look into to carry it, such as what is compressed, may
    // turn out to be broken only where it has to be changed; what is signed cannot be.
    if let Err(error) = writer().try_encode(message, WireId(1), &mutation, None)?
        && !matches!(
            error.kind(),
            CodecErrorKind::Malformed | CodecErrorKind::TooLarge | CodecErrorKind::Unsupported
        )
    {
        let detail = format!("refuses to write under another id: {error}");
        return Err(scene.fail(Method::Encode, offset, detail));
    }
    mutation.set("key", "value");
    mutation.remove("other");
    writer().encode(message, own, &mutation, None)?;
    let reply = LocalReply::new(ReplyKind::NoRoute, "no route");
    let codec = factory.codec(role, &limits);
    Driven::new(scene, codec, limits.message_bytes).on_error(&message.metadata, &reply)?;
    Ok(())
}
