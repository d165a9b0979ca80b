//! Rules 3, 4 and 8: what must be refused.

use meta_core::{CodecError, Limits, Role};

use crate::{
    driven::{Driven, Step},
    failure::{Failure, Method, Scene},
    kit::Kit,
    rule::Rule,
    sample::LengthField,
};

/// A length of 0, or smaller than what it must cover, is refused.
pub(crate) fn short_lengths(kit: &Kit) -> Result<(), Failure> {
    forged(kit, Rule::ShortLengths, |field| field.too_small())
}

/// Lengths beyond reason and bytes that contradict themselves are refused.
pub(crate) fn hostile(kit: &Kit) -> Result<(), Failure> {
    let limit = Limits::default().message_bytes;
    forged(kit, Rule::Hostile, |field| field.too_large(limit))?;
    for hostile in kit.hostile.iter().filter(|hostile| !hostile.bomb) {
        let scene = Scene {
            rule: Rule::Hostile,
            sample: &hostile.what,
        };
        refused_however(kit, scene, hostile.role, &hostile.bytes)?;
    }
    Ok(())
}

/// Bytes of another protocol are refused.
pub(crate) fn garbage(kit: &Kit) -> Result<(), Failure> {
    for garbage in &kit.garbage {
        let name = format!("garbage {:?}", String::from_utf8_lossy(garbage));
        let scene = Scene {
            rule: Rule::Garbage,
            sample: &name,
        };
        for role in [Role::Downstream, Role::Upstream] {
            refused_however(kit, scene, role, garbage)?;
        }
    }
    Ok(())
}

/// Whether in one piece or byte by byte.
fn refused_however(kit: &Kit, scene: Scene<'_>, role: Role, bytes: &[u8]) -> Result<(), Failure> {
    let mut reader = kit.driven(scene, role);
    refused(&mut reader, bytes, bytes.len())?;
    let mut reader = kit.driven(scene, role);
    refused(&mut reader, bytes, 1)
}

/// A codec that reads `bytes` in pieces of `piece` refuses them at some point.
fn refused(reader: &mut Driven<'_>, bytes: &[u8], piece: usize) -> Result<(), Failure> {
    for piece in bytes.chunks(piece.max(1)) {
        reader.feed(piece);
        match reader.decode()? {
            Step::Need(_) => {}
            Step::Refused(_) => return Ok(()),
            Step::Message(_) => return Err(reader.fail("reads a message, expected an error")),
        }
    }
    Err(reader.fail("waits for more, expected an error"))
}

fn forged(kit: &Kit, rule: Rule, lies: impl Fn(&LengthField) -> Vec<u64>) -> Result<(), Failure> {
    for sample in &kit.samples {
        for field in sample.length_fields() {
            for lie in lies(field) {
                let range = field.range();
                let name = format!("{} with {lie:#x} at bytes {range:?}", sample.name);
                let scene = Scene {
                    rule,
                    sample: &name,
                };
                let Some(bytes) = field.forge(&sample.bytes, lie) else {
                    return Err(outside(scene));
                };
                let mut reader = kit.reader(scene, sample.role, &[sample])?;
                refused(&mut reader, &bytes, bytes.len())?;
                let mut reader = kit.reader(scene, sample.role, &[sample])?;
                refused(&mut reader, &bytes, 1)?;
            }
        }
    }
    Ok(())
}

pub(crate) fn outside(scene: Scene<'_>) -> Failure {
    let detail = "the length field is not within the sample";
    scene.fail(Method::Kit, 0, detail)
}

/// `bytes`, the beginning of `sample` or more, must be refused at once.
pub(crate) fn refused_at_once(
    reader: &mut Driven<'_>,
    bytes: &[u8],
) -> Result<CodecError, Failure> {
    reader.feed(bytes);
    match reader.decode()? {
        Step::Refused(error) => Ok(error),
        Step::Need(need) => {
            Err(reader.fail(format!("waits for more ({need:?}), expected an error")))
        }
        Step::Message(_) => Err(reader.fail("reads a message, expected an error")),
    }
}
