use meta_core::Mutation;
use proptest::{collection::vec, prelude::*};

use super::{
    header::FIXED_BYTES,
    info::{Key, Pair, Reader},
    keys::Target,
    rewrite::{Changes, rewrite},
};

/// Keys that mean something and keys that do not, of every kind.
const KEYS: [&str; 10] = [
    "a",
    "b",
    "isn",
    "crrst",
    "to_method",
    "9",
    "rpc_timeout",
    "12",
    "60000",
    "acl_token",
];

fn target() -> impl Strategy<Value = Target<'static>> {
    (0..KEYS.len()).prop_map(|n| Target::of(KEYS[n]))
}

fn pair() -> impl Strategy<Value = (Target<'static>, String)> {
    (target(), "[a-z]{0,5}")
}

/// A header area with a block of its own for each run of pairs of a kind.
fn area(blocks: &[Vec<(Target<'static>, String)>], padding: usize) -> Vec<u8> {
    let mut out = vec![0; FIXED_BYTES];
    out.extend([0, 1, 0x55]);
    for block in blocks {
        let strings = block.iter().filter_map(|(target, value)| match target {
            Target::String(key) => Some([text(key), text(value)].concat()),
            _ => None,
        });
        let integers = block.iter().filter_map(|(target, value)| match target {
            Target::Integer(key) => Some([key.to_be_bytes().to_vec(), text(value)].concat()),
            _ => None,
        });
        for (kind, pairs) in [(0x01, Vec::from_iter(strings)), (0x10, integers.collect())] {
            out.push(kind);
            out.extend(u16::try_from(pairs.len()).unwrap().to_be_bytes());
            out.extend(pairs.concat());
        }
        for (target, value) in block {
            if *target == Target::Token {
                out.push(0x11);
                out.extend(text(value));
            }
        }
        out.extend(vec![0; padding]);
    }
    out
}

fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    [&length.to_be_bytes()[..], text.as_bytes()].concat()
}

/// All pairs in order, read back.
fn pairs(area: &[u8]) -> Vec<(Target<'_>, &str)> {
    let mut reader = Reader::new(area, FIXED_BYTES + 3);
    let mut found = Vec::new();
    while let Some(Pair { key, value, .. }) = reader.next().expect("it is well-formed") {
        let text = |range| std::str::from_utf8(&area[range]).expect("it is text");
        let target = match key {
            Key::String(key) => Target::String(text(key)),
            Key::Integer(number) => Target::Integer(number),
            Key::Token => Target::Token,
        };
        found.push((target, text(value)));
    }
    found
}

proptest! {
    #[test]
    fn each_pair_is_as_its_last_change_says(
        blocks in vec(vec(pair(), 0..6), 0..4),
        padding in 0usize..4,
        changes in vec((0..KEYS.len(), proptest::option::of("[a-z]{0,5}")), 0..6),
    ) {
        let area = area(&blocks, padding);
        let mut mutation = Mutation::new();
        for (n, value) in &changes {
            match value {
                Some(value) => mutation.set(KEYS[*n], value.as_str()),
                None => mutation.remove(KEYS[*n]),
            }
        }
        let mut planned = Changes::default();
        planned.extend(&mutation);
        let info = rewrite(&area, FIXED_BYTES, FIXED_BYTES + 3, &mut planned);
        let info = info.expect("it fits");
        prop_assert_eq!(info.len() % 4, 0);
        prop_assert_eq!(&info[..3], &[0, 1, 0x55]);

        let written = [&area[..FIXED_BYTES], &info[..]].concat();
        let (before, after) = (pairs(&area), pairs(&written));
        let last = |target: Target<'_>| {
            let mut changes = changes.iter().rev();
            let found = changes.find(|(n, _)| Target::of(KEYS[*n]) == target);
            found.map(|(_, value)| value.as_deref())
        };
        // What nothing is said of stays, in its order.
        let untouched = |pairs: &[(Target<'_>, &str)]| -> Vec<String> {
            let pairs = pairs.iter().filter(|(target, _)| last(*target).is_none());
            pairs.map(|pair| format!("{pair:?}")).collect()
        };
        prop_assert_eq!(untouched(&before), untouched(&after));
        // What something is said of is there once, or not at all.
        for key in KEYS {
            let target = Target::of(key);
            if let Some(value) = last(target) {
                let found = after.iter().filter(|(other, _)| *other == target);
                let found: Vec<_> = found.map(|(_, value)| *value).collect();
                prop_assert_eq!(found, Vec::from_iter(value), "{}", key);
            }
        }
    }
}
