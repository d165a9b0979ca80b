//! Rules 5 and 7: limits hold from what is announced, before memory is spent.

use meta_core::{CodecError, CodecErrorKind, Limits, MessageKind, Mutation, Role};

use crate::{
    alloc::Usage,
    driven::{Driven, Step},
    failure::{Failure, Scene},
    kit::Kit,
    rule::Rule,
    rules::{
        read::scene,
        refuse::{outside, refused_at_once},
    },
    sample::Sample,
};

/// What refusing a message, or waiting for it, may cost.
const SPARE_BYTES: u64 = 16 << 10;

/// A message over the limit is refused, from its length field where it has one.
pub(crate) fn limit(kit: &Kit) -> Result<(), Failure> {
    for sample in &kit.samples {
        let scene = scene(Rule::Limit, sample);
        let message = kit.read(scene, sample)?;
        let total = sample.bytes.len();
        let mut limits = Limits::default();
        limits.message_bytes = total;
        let mut reader = ready(kit, scene, sample, limits)?;
        reader.feed(&sample.bytes);
        reader.message()?;

        limits.message_bytes = total - 1;
        let mut reader = ready(kit, scene, sample, limits)?;
        let seen = match sample.length {
            Some(_) => &sample.bytes[..message.metadata.header_bytes],
            None => &sample.bytes[..],
        };
        let error = refused_at_once(&mut reader, seen)?;
        if error.kind() != CodecErrorKind::TooLarge {
            let detail = format!("refuses a message over the limit as {:?}", error.kind());
            return Err(reader.fail(detail));
        }
        frugal(&reader)?;
        answered(kit, &mut reader, sample, &error)?;
        if let Some(skip) = error.skip() {
            if skip != total as u64 {
                let detail = format!("says to skip {skip} bytes of a message of {total}");
                return Err(reader.fail(detail));
            }
            reader.skip();
            refused_at_once(&mut reader, seen)?;
        }

        if let Some(field) = &sample.length {
            let limit = Limits::default().message_bytes;
            for lie in field.too_large(limit) {
                let forged = field
                    .forge(&sample.bytes, lie)
                    .ok_or_else(|| outside(scene))?;
                let end = field.range().end.max(message.metadata.header_bytes);
                let seen = forged.get(..end).ok_or_else(|| outside(scene))?;
                let mut reader = ready(kit, scene, sample, Limits::default())?;
                let error = refused_at_once(&mut reader, seen)?;
                frugal(&reader)?;
                answered(kit, &mut reader, sample, &error)?;
            }
        }
    }
    Ok(())
}

/// Where the error carries the message, it is that message; a reply to a request
/// reaches the caller.
fn answered(
    kit: &Kit,
    reader: &mut Driven<'_>,
    sample: &Sample,
    error: &CodecError,
) -> Result<(), Failure> {
    let called = sample.kind.is_call() && sample.role == Role::Downstream;
    let Some(message) = error.message() else {
        return match called && error.kind() == CodecErrorKind::TooLarge {
            true => Err(reader.fail("the head was there, but the error carries no message")),
            false => Ok(()),
        };
    };
    if message.id != sample.id || message.kind != sample.kind {
        let (kind, id) = (message.kind, message.id);
        let detail = format!(
            "the error carries {kind:?} {id}, not {:?} {}",
            sample.kind, sample.id
        );
        return Err(reader.fail(detail));
    }
    if sample.kind == MessageKind::Request {
        super::errors::answer(kit, reader, sample, message)?;
    }
    Ok(())
}

/// What announces much more than it is allocates nothing.
pub(crate) fn bombs(kit: &Kit) -> Result<(), Failure> {
    for bomb in kit.hostile.iter().filter(|hostile| hostile.bomb) {
        let scene = Scene {
            rule: Rule::Bombs,
            sample: &bomb.what,
        };
        for piece in [bomb.bytes.len().max(1), 1] {
            let mut reader = kit.driven(scene, bomb.role);
            for piece in bomb.bytes.chunks(piece) {
                reader.feed(piece);
                let step = reader.decode()?;
                frugal(&reader)?;
                match step {
                    Step::Need(_) => {}
                    Step::Refused(_) => break,
                    Step::Message(_) => return Err(reader.fail("reads a message")),
                }
            }
        }
    }
    Ok(())
}

fn frugal(reader: &Driven<'_>) -> Result<(), Failure> {
    let Usage {
        allocated_bytes, ..
    } = reader.usage;
    match allocated_bytes > SPARE_BYTES {
        true => Err(reader.fail(format!("allocates {allocated_bytes} bytes"))),
        false => Ok(()),
    }
}

/// A reader of other limits. What is large for it was not when the request that
/// it answers was written.
fn ready<'a>(
    kit: &Kit,
    scene: Scene<'a>,
    sample: &Sample,
    limits: Limits,
) -> Result<Driven<'a>, Failure> {
    let mut reader = kit.limited(scene, sample.role, limits);
    if let Some(request) = kit.answered(scene, sample)? {
        let id = request.metadata.id;
        reader.encode(&request, id, &Mutation::new(), None)?;
    }
    Ok(reader)
}
