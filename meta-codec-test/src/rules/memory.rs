//! Rules 6 and 11: large messages.

use bytes::BytesMut;
use meta_core::{Codec, Decoded, EncodeContext, FrameBuf, Limits, Message, Mutation, WireId};

use crate::{
    alloc::{is_counting, measure},
    failure::{Failure, Method},
    kit::{Kit, opposite},
    rule::Rule,
    rules::read::scene,
    sample::Sample,
};

const LARGE_BYTES: usize = 1 << 20;
const READ_BYTES: usize = 8 << 10;

/// What a codec may keep after a large message, and what its metadata may weigh
/// beside its header area.
const SPARE_BYTES: usize = 16 << 10;

/// A message larger than a read buffer completes, and its whole length is asked
/// for once it is known.
pub(crate) fn large_message(kit: &Kit) -> Result<(), Failure> {
    let sample = kit.large_sample(Rule::LargeMessage, LARGE_BYTES)?;
    let scene = scene(Rule::LargeMessage, &sample);
    let total = sample.bytes.len();
    for read in [READ_BYTES, READ_BYTES - 1] {
        let mut reader = kit.reader(scene, sample.role, &[&sample])?;
        let mut pieces = sample.bytes.chunks(read).peekable();
        while let Some(piece) = pieces.next() {
            reader.feed(piece);
            if pieces.peek().is_none() {
                break;
            }
            let need = reader.need()?;
            if sample.length.is_some() && need != Some(total) {
                let found = need
                    .map_or("does not say how many bytes it needs".to_owned(), |need| {
                        format!("needs {need} bytes")
                    });
                let detail = format!("{found}, its length field says {total}");
                return Err(reader.fail(detail));
            }
        }
        reader.message()?;
        reader.done()?;
    }
    Ok(())
}

/// After a large message its memory comes back, and metadata do not pin it.
pub(crate) fn memory(kit: &Kit) -> Result<(), Failure> {
    let sample = kit.large_sample(Rule::Memory, LARGE_BYTES)?;
    let scene = scene(Rule::Memory, &sample);
    let whole = kit.read(scene, &sample)?;
    let header_bytes = whole.metadata.header_bytes;
    drop(whole);
    if !is_counting() {
        let detail = "memory is not counted: `conformance!` sets the allocator for it";
        return Err(scene.fail(Method::Kit, 0, detail));
    }
    let request = kit.answered(scene, &sample)?;
    let mut reader = kit.factory.codec(sample.role, &Limits::default());
    let mut writer = kit.factory.codec(opposite(sample.role), &Limits::default());
    let untouched = Mutation::new();
    if let Some(request) = &request {
        let context = context(request.metadata.id, &untouched);
        let _ = reader.encode(request, &context, &mut FrameBuf::new());
    }
    let (metadata, usage) = measure(|| {
        let message = receive(&mut *reader, &sample)?;
        let mut dst = FrameBuf::new();
        let id = other_id(message.metadata.id);
        let _ = writer.encode(&message, &context(id, &untouched), &mut dst);
        Some(message.metadata.clone())
    });
    let Some(metadata) = metadata else {
        return Err(scene.fail(Method::Decode, sample.bytes.len(), "reads no message"));
    };
    let kept = usize::try_from(usage.kept_bytes).unwrap_or_default();
    drop(metadata);
    if kept > header_bytes + SPARE_BYTES {
        let detail = format!(
            "{kept} bytes stay behind a message that is gone; its metadata outlive it: \
             copy the header area for their attributes where the frame is large"
        );
        return Err(scene.fail(Method::Decode, sample.bytes.len(), detail));
    }
    Ok(())
}

/// Reads the sample in pieces, as a connection would.
fn receive(codec: &mut dyn Codec, sample: &Sample) -> Option<Message> {
    let mut src = BytesMut::new();
    for piece in sample.bytes.chunks(READ_BYTES) {
        src.extend_from_slice(piece);
        match codec.decode(&mut src) {
            Ok(Decoded::Message(message)) => return Some(message),
            Ok(Decoded::Need(_)) => {}
            Err(_) => return None,
        }
    }
    None
}

fn context(id: WireId, mutation: &Mutation) -> EncodeContext<'_> {
    EncodeContext {
        id,
        mutation,
        request: None,
    }
}

/// An id that makes the encoder write a head of its own.
fn other_id(own: WireId) -> WireId {
    WireId(if own.0 == 1 { 2 } else { 1 })
}
