//! Rules 1, 2 and 9: samples read as they are declared, however they arrive.

use meta_core::{Message, MessageKind, WireForm};

use crate::{
    driven::Step,
    failure::{Failure, Method, Scene},
    kit::Kit,
    rule::Rule,
    sample::Sample,
    seen::Seen,
};

/// Every message split at every byte offset reads the same.
pub(crate) fn splits(kit: &Kit) -> Result<(), Failure> {
    for sample in &kit.samples {
        let scene = scene(Rule::Splits, sample);
        let expected = Seen::of(&kit.read(scene, sample)?);
        let total = sample.bytes.len();
        for offset in offsets(total) {
            let mut reader = kit.reader(scene, sample.role, &[sample])?;
            reader.feed(&sample.bytes[..offset]);
            if let Some(need) = reader.need()?.filter(|need| *need > total) {
                let detail = format!("needs {need} bytes for a message of {total}");
                return Err(reader.fail(detail));
            }
            reader.feed(&sample.bytes[offset..]);
            let found = reader.message()?;
            reader.done()?;
            same(scene, offset, &expected, &found)?;
        }
        let mut reader = kit.reader(scene, sample.role, &[sample])?;
        let Some((last, bytes)) = sample.bytes.split_last() else {
            return Err(scene.fail(Method::Kit, 0, "the sample is empty"));
        };
        for byte in bytes {
            reader.feed(&[*byte]);
            reader.need()?;
        }
        reader.feed(&[*last]);
        let found = reader.message()?;
        same(scene, total, &expected, &found)?;
    }
    Ok(())
}

/// Several messages in one read come out in order, and a message and a half
/// leaves the half.
pub(crate) fn sequence(kit: &Kit) -> Result<(), Failure> {
    for group in groups(kit, Rule::Sequence)? {
        for first in &group {
            for second in &group {
                sequence_of(kit, &[first, second, first])?;
                message_and_part(kit, first, second)?;
            }
        }
        let all: Vec<&Sample> = group
            .iter()
            .copied()
            .cycle()
            .take(3 * group.len())
            .collect();
        sequence_of(kit, &all)?;
    }
    Ok(())
}

fn sequence_of(kit: &Kit, samples: &[&Sample]) -> Result<(), Failure> {
    let names: Vec<&str> = samples.iter().map(|sample| &*sample.name).collect();
    let names = names.join(" + ");
    let scene = Scene {
        rule: Rule::Sequence,
        sample: &names,
    };
    let Some(role) = samples.first().map(|sample| sample.role) else {
        return Ok(());
    };
    let mut reader = kit.reader(scene, role, samples)?;
    for sample in samples {
        reader.feed(&sample.bytes);
    }
    for sample in samples {
        let expected = Seen::of(&kit.read(scene, sample)?);
        let found = reader.message()?;
        same(scene, reader.offset() - reader.src.len(), &expected, &found)?;
    }
    reader.done()
}

fn message_and_part(kit: &Kit, first: &Sample, second: &Sample) -> Result<(), Failure> {
    let scene = scene(Rule::Sequence, first);
    for part in [1, second.bytes.len() / 2, second.bytes.len() - 1] {
        let mut reader = kit.reader(scene, first.role, &[first, second])?;
        let (begin, end) = second.bytes.split_at(part);
        reader.feed(&first.bytes);
        reader.feed(begin);
        reader.message()?;
        reader.need()?;
        if reader.src != begin {
            return Err(reader.fail("did not leave the beginning of the next message"));
        }
        reader.feed(end);
        let expected = Seen::of(&kit.read(scene, second)?);
        let found = reader.message()?;
        reader.done()?;
        same(scene, reader.offset(), &expected, &found)?;
    }
    Ok(())
}

/// Every sample reads as it is declared.
pub(crate) fn reading(kit: &Kit) -> Result<(), Failure> {
    for kind in [MessageKind::Request, MessageKind::Response] {
        if !kit.samples.iter().any(|sample| sample.kind == kind) {
            let scene = Scene {
                rule: Rule::Reading,
                sample: "",
            };
            let detail = format!("there is no sample of a {kind:?}");
            return Err(scene.fail(Method::Kit, 0, detail));
        }
    }
    for sample in &kit.samples {
        let scene = scene(Rule::Reading, sample);
        let message = kit.read(scene, sample)?;
        if let Some(wrong) = misread(sample, &message) {
            return Err(scene.fail(Method::Decode, sample.bytes.len(), wrong));
        }
        // What is asked for too early is not an error.
        let mut reader = kit.driven(scene, sample.role);
        if let Step::Refused(error) = reader.decode()? {
            return Err(reader.fail(format!("refuses an empty buffer: {error}")));
        }
    }
    Ok(())
}

fn misread(sample: &Sample, message: &Message) -> Option<String> {
    let metadata = &message.metadata;
    macro_rules! check {
        ($($field:ident),*) => {
            $(if metadata.$field != sample.$field {
                let name = stringify!($field);
                let (found, expected) = (&metadata.$field, &sample.$field);
                return Some(format!("{name} is {found:?}, expected {expected:?}"));
            })*
        };
    }
    check!(kind, id, stream_id, status, timeout);
    let operation = metadata.operation();
    if let Some(expected) = sample.operation.as_ref().filter(|name| **name != operation) {
        return Some(format!("operation is {operation:?}, expected {expected:?}"));
    }
    let wrong = |(key, value): &&(String, String)| metadata.get(key) != Some(value);
    let (key, value) = sample.attributes.iter().find(wrong)?;
    let found = metadata.get(key);
    Some(format!(
        "attribute {key:?} is {found:?}, expected {value:?}"
    ))
}

/// Samples that may follow each other on one connection: same role, same form.
pub(crate) fn groups(kit: &Kit, rule: Rule) -> Result<Vec<Vec<&Sample>>, Failure> {
    let mut groups: Vec<(WireForm, Vec<&Sample>)> = Vec::new();
    for sample in &kit.samples {
        let form = kit.read(scene(rule, sample), sample)?.metadata.form;
        let fits = |(of, group): &&mut (WireForm, Vec<&Sample>)| {
            *of == form && group.iter().all(|other| other.role == sample.role)
        };
        match groups.iter_mut().find(fits) {
            Some((_, group)) => group.push(sample),
            None => groups.push((form, vec![sample])),
        }
    }
    Ok(groups.into_iter().map(|(_, group)| group).collect())
}

fn same(scene: Scene<'_>, offset: usize, expected: &Seen, found: &Message) -> Result<(), Failure> {
    match expected.difference(&Seen::of(found)) {
        Some(wrong) => Err(scene.fail(Method::Decode, offset, wrong)),
        None => Ok(()),
    }
}

/// Every offset of a short message; of a long one those near its ends and some
/// between.
fn offsets(total: usize) -> impl Iterator<Item = usize> {
    let near =
        move |offset: &usize| *offset < 1024 || total - offset < 64 || offset.is_multiple_of(251);
    (0..total).filter(near)
}

pub(crate) fn scene(rule: Rule, sample: &Sample) -> Scene<'_> {
    Scene {
        rule,
        sample: &sample.name,
    }
}
