//! Rules 1 and 8 for pieces and bytes of any kind.

use meta_core::Role;
use proptest::{
    prelude::*,
    test_runner::{Config, TestError, TestRunner},
};

use crate::{
    driven::Step,
    failure::{Failure, Scene},
    fuzz,
    kit::Kit,
    rule::Rule,
    rules::read::groups,
    sample::Sample,
    seen::Seen,
};

const CASES: u32 = 256;

/// Any samples that may follow each other, in pieces of any size, read the same.
pub(crate) fn pieces(kit: &Kit) -> Result<(), Failure> {
    for group in groups(kit, Rule::AnyPieces)? {
        let picks = proptest::collection::vec(0..group.len(), 1..6);
        let sizes = proptest::collection::vec(1usize..200, 1..20);
        search((picks, sizes), |(picks, sizes)| {
            let samples: Vec<&Sample> = picks
                .iter()
                .filter_map(|n| group.get(*n).copied())
                .collect();
            let names: Vec<&str> = samples.iter().map(|sample| &*sample.name).collect();
            let name = format!("{} in pieces of {sizes:?}", names.join(" + "));
            in_pieces(kit, &name, &samples, &sizes)
        })?;
    }
    Ok(())
}

fn in_pieces(kit: &Kit, name: &str, samples: &[&Sample], sizes: &[usize]) -> Result<(), Failure> {
    let scene = Scene {
        rule: Rule::AnyPieces,
        sample: name,
    };
    let Some(role) = samples.first().map(|sample| sample.role) else {
        return Ok(());
    };
    let mut reader = kit.reader(scene, role, samples)?;
    let bytes: Vec<u8> = samples
        .iter()
        .flat_map(|sample| sample.bytes.clone())
        .collect();
    let mut rest = &bytes[..];
    let mut found = Vec::new();
    for size in sizes.iter().cycle() {
        let (piece, behind) = rest.split_at((*size).min(rest.len()));
        reader.feed(piece);
        rest = behind;
        loop {
            match reader.decode()? {
                Step::Message(message) => found.push(message),
                Step::Need(_) => break,
                Step::Refused(error) => return Err(reader.fail(format!("refuses: {error}"))),
            }
        }
        if rest.is_empty() {
            break;
        }
    }
    reader.done()?;
    if found.len() != samples.len() {
        let detail = format!("{} messages, expected {}", found.len(), samples.len());
        return Err(reader.fail(detail));
    }
    for (sample, found) in samples.iter().zip(&found) {
        let expected = Seen::of(&kit.read(scene, sample)?);
        if let Some(wrong) = expected.difference(&Seen::of(found)) {
            return Err(reader.fail(wrong));
        }
    }
    Ok(())
}

/// Bytes without sense, and samples with bytes changed: no panic, no stall, and
/// the same messages in whatever pieces they come.
pub(crate) fn bytes(kit: &Kit) -> Result<(), Failure> {
    let roles = prop_oneof![Just(Role::Downstream), Just(Role::Upstream)];
    let junk = proptest::collection::vec(any::<u8>(), 0..300);
    let piece = 1usize..40;
    search((roles, junk, piece.clone()), |(role, bytes, piece)| {
        fuzz::run(&*kit.factory, role, &bytes, piece, Rule::AnyBytes)
    })?;
    if kit.samples.is_empty() {
        return Ok(());
    }
    let changes = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5);
    let cut = any::<prop::sample::Index>();
    let samples = 0..kit.samples.len();
    search(
        (samples, changes, cut, piece),
        |(n, changes, cut, piece)| {
            let Some(sample) = kit.samples.get(n) else {
                return Ok(());
            };
            let mut bytes = sample.bytes.repeat(2);
            for (at, byte) in changes {
                // Beginnings matter most: half of all changes fall into the first bytes.
                let within = if byte % 2 == 0 {
                    bytes.len().min(24)
                } else {
                    bytes.len()
                };
                let at = at.index(within);
                bytes[at] = byte;
            }
            let end = sample.bytes.len() + cut.index(sample.bytes.len());
            fuzz::run(
                &*kit.factory,
                sample.role,
                &bytes[..end],
                piece,
                Rule::AnyBytes,
            )
        },
    )
}

/// Looks for an input that makes `check` fail, and for the smallest such.
fn search<S: Strategy>(
    inputs: S,
    check: impl Fn(S::Value) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut config = Config::with_cases(CASES);
    config.failure_persistence = None;
    let mut last = None;
    let found = std::cell::RefCell::new(&mut last);
    let result = TestRunner::new(config).run(&inputs, |input| {
        check(input).map_err(|failure| {
            let reason = failure.to_string();
            **found.borrow_mut() = Some(failure);
            TestCaseError::fail(reason)
        })
    });
    match (result, last) {
        // The last to fail is the smallest.
        (Err(TestError::Fail(..)), Some(failure)) => Err(failure),
        _ => Ok(()),
    }
}
