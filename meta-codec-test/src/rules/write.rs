//! Rule 12: what leaves is what came, but for what was asked for.

use meta_core::{Correlation, Encoded, Message, Mutation, WireId};

use crate::{
    failure::{Failure, Method, Scene},
    kit::Kit,
    rule::Rule,
    rules::read::scene,
    sample::Sample,
    seen::{Seen, first_difference},
};

/// An untouched message leaves as it came, but for its id.
pub(crate) fn untouched(kit: &Kit) -> Result<(), Failure> {
    for sample in &kit.samples {
        let scene = scene(Rule::Untouched, sample);
        let message = kit.read(scene, sample)?;
        let own = message.metadata.id;
        let untouched = Mutation::new();
        let (encoded, bytes) = kit.write(scene, sample, &message, own, &untouched)?;
        whole(scene, encoded)?;
        identical(scene, &sample.bytes, &bytes)?;
        for id in ids(kit, own) {
            let (encoded, bytes) = kit.write(scene, sample, &message, id, &untouched)?;
            whole(scene, encoded)?;
            if !kit.has_ids() {
                identical(scene, &sample.bytes, &bytes)?;
                continue;
            }
            let found = Seen::of(&received(kit, scene, sample, &bytes)?);
            let mut expected = Seen::of(&message);
            expected.id = id;
            if expected.stream_id.is_some() {
                expected.stream_id = found.stream_id;
            }
            same_but_head(scene, &expected, &found)?;
        }
    }
    Ok(())
}

/// A mutation changes the header area and the lengths alone.
pub(crate) fn mutation(kit: &Kit) -> Result<(), Failure> {
    for sample in &kit.samples {
        let scene = scene(Rule::Mutation, sample);
        let message = kit.read(scene, sample)?;
        if !sample.mutable {
            not_applied(kit, scene, sample, &message)?;
            continue;
        }
        let mut change = Mutation::new();
        change.set("x-kit-new", "once");
        change.set("x-kit-new", "value");
        let with_new = applied(kit, scene, sample, &message, &change)?;

        // Set, then removed: where it was read, and where it never was.
        let mut change = Mutation::new();
        change.remove("x-kit-new");
        change.remove("x-kit-absent");
        let without = mutated(kit, scene, sample, &with_new, &change)?;
        expect(scene, &without, "x-kit-new", None)?;
        same_but_head(scene, &Seen::of(&message), &Seen::of(&without))?;

        let mut change = Mutation::new();
        change.set("x-kit-gone", "value");
        change.remove("x-kit-gone");
        let without = mutated(kit, scene, sample, &message, &change)?;
        expect(scene, &without, "x-kit-gone", None)?;

        let mut change = Mutation::new();
        change.set("x-kit-new", "überschrieben");
        applied(kit, scene, sample, &with_new, &change)?;

        let mut change = Mutation::new();
        change.set("k".repeat(16 << 10), "a key of 16 KiB");
        change.set("x-kit-long", "v".repeat(16 << 10));
        change.set("x-kit-empty", "");
        applied(kit, scene, sample, &message, &change)?;
    }
    Ok(())
}

/// Each key of `change` reads as its last change says; the rest is as it was.
fn applied(
    kit: &Kit,
    scene: Scene<'_>,
    sample: &Sample,
    message: &Message,
    change: &Mutation,
) -> Result<Message, Failure> {
    let found = mutated(kit, scene, sample, message, change)?;
    let mut expected = Seen::of(message);
    let mut seen = Seen::of(&found);
    for key in change.iter().map(|change| &**change.key()) {
        expect(scene, &found, key, change.last(key).flatten())?;
        expected.attributes.retain(|(other, _)| other != key);
        seen.attributes.retain(|(other, _)| other != key);
    }
    same_but_head(scene, &expected, &seen)?;
    Ok(found)
}

fn mutated(
    kit: &Kit,
    scene: Scene<'_>,
    sample: &Sample,
    message: &Message,
    change: &Mutation,
) -> Result<Message, Failure> {
    let own = message.metadata.id;
    let (encoded, bytes) = kit.write(scene, sample, message, own, change)?;
    whole(scene, encoded)?;
    received(kit, scene, sample, &bytes)
}

fn not_applied(
    kit: &Kit,
    scene: Scene<'_>,
    sample: &Sample,
    message: &Message,
) -> Result<(), Failure> {
    let mut change = Mutation::new();
    change.set("x-kit-new", "value");
    let own = message.metadata.id;
    let (encoded, bytes) = kit.write(scene, sample, message, own, &change)?;
    if encoded != Encoded::WithoutMutation {
        let detail = "a mutation this form has no room for is not reported; \
                      declare the sample mutable if it has room";
        return Err(scene.fail(Method::Encode, 0, detail));
    }
    identical(scene, &sample.bytes, &bytes)
}

fn expect(
    scene: Scene<'_>,
    found: &Message,
    key: &str,
    expected: Option<&str>,
) -> Result<(), Failure> {
    let found = found.metadata.get(key);
    if found == expected {
        return Ok(());
    }
    let short = |text: Option<&str>| text.map(|text| text.chars().take(40).collect::<String>());
    let (key, found, expected) = (short(Some(key)), short(found), short(expected));
    let key = key.unwrap_or_default();
    let detail = format!("attribute {key:?} reads back as {found:?}, expected {expected:?}");
    Err(scene.fail(Method::Encode, 0, detail))
}

/// Reads what was written as its receiver does.
fn received(
    kit: &Kit,
    scene: Scene<'_>,
    sample: &Sample,
    bytes: &[u8],
) -> Result<Message, Failure> {
    let mut receiver = kit.reader(scene, sample.role, &[sample])?;
    receiver.read_back(bytes, Method::Encode)
}

/// Two messages that may differ in the bytes of their header area alone.
fn same_but_head(scene: Scene<'_>, expected: &Seen, found: &Seen) -> Result<(), Failure> {
    if let Some(at) = first_difference(expected.body(), found.body()) {
        let offset = found.header_bytes + at;
        let detail = format!("the body differs at its byte {at}");
        return Err(scene.fail(Method::Encode, offset, detail));
    }
    let mut expected = expected.clone();
    expected.header_bytes = found.header_bytes;
    expected.frame = found.frame.clone();
    match expected.difference(found) {
        Some(wrong) => Err(scene.fail(Method::Encode, 0, wrong)),
        None => Ok(()),
    }
}

fn whole(scene: Scene<'_>, encoded: Encoded) -> Result<(), Failure> {
    match encoded {
        Encoded::Whole => Ok(()),
        Encoded::WithoutMutation => {
            let detail = "did not apply the mutation, or reports so where there is none";
            Err(scene.fail(Method::Encode, 0, detail))
        }
    }
}

fn identical(scene: Scene<'_>, expected: &[u8], found: &[u8]) -> Result<(), Failure> {
    match first_difference(expected, found) {
        Some(at) => Err(scene.fail(Method::Encode, at, "differs from what came")),
        None => Ok(()),
    }
}

/// Ids the proxy may choose, and those that clients among the samples chose.
fn ids(kit: &Kit, own: WireId) -> Vec<WireId> {
    let last = match kit.factory.capabilities().correlation {
        Correlation::ById(space) => space.last,
        Correlation::InOrder | Correlation::OneAtATime => u64::MAX,
    };
    let chosen = [1, 127, 128, 300, 70_000, last / 2, last - 1, last];
    let chosen = chosen.into_iter().filter(|id| (1..=last).contains(id));
    let clients = kit.requests().map(|request| request.id.0);
    let ids = chosen.chain(clients).map(WireId);
    ids.filter(|id| *id != own).collect()
}
