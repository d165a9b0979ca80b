use proptest::prelude::*;

use super::*;
use crate::head::put_varint;

const LIMIT: usize = 1 << 20;
const DEPTH: usize = 64;

/// Bytes that decide what is generated; zeros when they run out.
struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    fn below(&mut self, end: u8) -> u8 {
        self.0.next().map_or(0, |byte| byte % end)
    }
}

/// The same body in both protocols.
#[derive(Default)]
struct Body {
    binary: Vec<u8>,
    compact: Vec<u8>,
}

/// The types, as numbered in binary and in compact.
const TYPES: [(u8, u8); 12] = [
    (2, 1),
    (3, 3),
    (6, 4),
    (8, 5),
    (10, 6),
    (4, 7),
    (16, 13),
    (11, 8),
    (12, 12),
    (13, 11),
    (14, 10),
    (15, 9),
];

impl Body {
    fn both(&mut self, bytes: &[u8]) {
        self.binary.extend(bytes);
        self.compact.extend(bytes);
    }

    fn varint(&mut self, value: u32) {
        put_varint(value, |byte| self.compact.push(byte));
    }

    fn structure(&mut self, choices: &mut Choices<'_>, depth: u8) {
        for _ in 0..choices.below(5) {
            let kind = TYPES[usize::from(choices.below(12))];
            let step = choices.below(20);
            self.binary.push(kind.0);
            self.binary.extend([0, step]);
            let compact = match kind.1 {
                1 => 1 + choices.below(2),
                kind => kind,
            };
            match step {
                1..=15 => self.compact.push(step << 4 | compact),
                _ => {
                    self.compact.push(compact);
                    self.varint(u32::from(step) * 100);
                }
            }
            if kind.1 == 1 {
                self.binary.push(choices.below(2));
            } else {
                self.value(kind, choices, depth);
            }
        }
        self.both(&[0]);
    }

    fn value(&mut self, kind: (u8, u8), choices: &mut Choices<'_>, depth: u8) {
        let small = choices.below(u8::MAX);
        match kind.1 {
            1 => self.both(&[1 + small % 2]),
            3 => self.both(&[small]),
            4..=6 => {
                let width = match kind.0 {
                    6 => 2,
                    8 => 4,
                    _ => 8,
                };
                self.binary.extend(&[small; 8][..width]);
                self.varint(u32::from(small) << (small % 24));
            }
            7 => self.both(&[small; 8]),
            13 => self.both(&[small; 16]),
            8 => {
                self.binary.extend(u32::from(small).to_be_bytes());
                self.varint(small.into());
                self.both(&vec![0xfe; small.into()]);
            }
            12 => self.structure(choices, depth + 1),
            11 => self.map(choices, depth),
            _ => self.list(choices, depth),
        }
    }

    fn list(&mut self, choices: &mut Choices<'_>, depth: u8) {
        let (kind, count) = element(choices, depth);
        self.binary.push(kind.0);
        self.binary.extend(u32::from(count).to_be_bytes());
        match count {
            0..15 => self.compact.push(count << 4 | kind.1),
            _ => {
                self.compact.push(0xf0 | kind.1);
                self.varint(count.into());
            }
        }
        for _ in 0..count {
            self.value(kind, choices, depth + 1);
        }
    }

    fn map(&mut self, choices: &mut Choices<'_>, depth: u8) {
        let (key, _) = element(choices, depth);
        let (value, count) = element(choices, depth);
        self.binary.extend([key.0, value.0]);
        self.binary.extend(u32::from(count).to_be_bytes());
        self.varint(count.into());
        if count > 0 {
            self.compact.push(key.1 << 4 | value.1);
        }
        for _ in 0..count {
            self.value(key, choices, depth + 1);
            self.value(value, choices, depth + 1);
        }
    }
}

fn element(choices: &mut Choices<'_>, depth: u8) -> ((u8, u8), u8) {
    let kinds = if depth > 4 { 8 } else { 12 };
    let kind = TYPES[usize::from(choices.below(kinds))];
    (kind, choices.below(20))
}

fn walk(protocol: Protocol, body: &[u8]) -> Result<Walked, CodecError> {
    let mut walker = Walker::default();
    walker.start(protocol, 0);
    walker.walk(body, LIMIT, DEPTH)
}

/// Walks `body` in pieces, with other bytes behind it.
fn in_pieces(protocol: Protocol, body: &[u8], sizes: &[usize]) -> Result<usize, String> {
    let mut all = body.to_vec();
    all.extend([0xaa; 300]);
    let mut walker = Walker::default();
    walker.start(protocol, 0);
    let mut have = 0;
    for size in sizes.iter().cycle() {
        have = (have + size).min(all.len());
        match walker.walk(&all[..have], LIMIT, DEPTH) {
            Ok(Walked::End(end)) => return Ok(end),
            Ok(Walked::Need(need)) if need <= have => return Err("a stall".into()),
            Ok(Walked::Need(need)) if need > body.len() => {
                return Err(format!("needs {need} of {}", body.len()));
            }
            Ok(Walked::Need(_)) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Err("no sizes".into())
}

proptest! {
    #[test]
    fn every_value_is_walked_to_its_end(
        choices in proptest::collection::vec(any::<u8>(), 0..400),
        sizes in proptest::collection::vec(1usize..50, 1..10),
    ) {
        let mut body = Body::default();
        body.structure(&mut Choices(choices.iter()), 0);
        prop_assume!(body.binary.len() < LIMIT && body.compact.len() < LIMIT);
        for (protocol, bytes) in [
            (Protocol::Binary, &body.binary),
            (Protocol::Compact, &body.compact),
        ] {
            prop_assert_eq!(in_pieces(protocol, bytes, &sizes), Ok(bytes.len()));
            prop_assert_eq!(in_pieces(protocol, bytes, &[1]), Ok(bytes.len()));
            prop_assert_eq!(in_pieces(protocol, bytes, &[1 << 20]), Ok(bytes.len()));
        }
    }
}

#[test]
fn a_bool_is_a_byte_in_containers_and_nothing_in_fields() {
    // Field 1: a list of three bools; field 2: true; field 3: a map of a byte to a bool.
    let body = b"\x19\x31\x01\x02\x01\x11\x1b\x01\x31\x05\x02\0";
    assert_eq!(
        walk(Protocol::Compact, body).ok(),
        Some(Walked::End(body.len()))
    );
}

#[test]
fn empty_containers_may_name_any_type() {
    let list = b"\x0f\0\x01\0\0\0\0\0\0";
    assert_eq!(
        walk(Protocol::Binary, list).ok(),
        Some(Walked::End(list.len()))
    );
    let map = b"\x1b\0\0";
    assert_eq!(
        walk(Protocol::Compact, map).ok(),
        Some(Walked::End(map.len()))
    );
}

#[test]
fn what_is_skipped_is_asked_for_at_once() {
    let body = b"\x0b\0\x01\0\0\x10\0";
    let walked = walk(Protocol::Binary, body).expect("it is the beginning of a string");
    assert_eq!(walked, Walked::Need(7 + 4096 + 1));
}

#[test]
fn elements_that_cannot_fit_are_refused() {
    for (what, protocol, body) in [
        (
            "strings",
            Protocol::Binary,
            &b"\x0f\0\x01\x0b\0\x10\0\0"[..],
        ),
        ("bytes", Protocol::Binary, b"\x0f\0\x01\x03\0\x10\0\0"),
        ("pairs", Protocol::Binary, b"\x0d\0\x01\x08\x08\0\x03\0\0"),
        ("structs", Protocol::Compact, b"\x19\xfc\x80\x80\x80\x08"),
        ("a string", Protocol::Compact, b"\x18\x80\x80\x80\x08"),
    ] {
        let error = walk(protocol, body).expect_err(what);
        assert_eq!(error.kind(), CodecErrorKind::TooLarge, "{what}: {error}");
    }
}

#[test]
fn nesting_ends_at_the_limit() {
    // Structs in field 1 of structs, closed again.
    let nested = |depth: usize| [b"\x0c\0\x01".repeat(depth), vec![0; depth + 1]].concat();
    let fits = nested(DEPTH);
    assert_eq!(
        walk(Protocol::Binary, &fits).ok(),
        Some(Walked::End(fits.len()))
    );
    let error = walk(Protocol::Binary, &nested(DEPTH + 1)).expect_err("too deep");
    assert_eq!(error.kind(), CodecErrorKind::TooLarge);
    // Lists of one list each.
    let lists = [&b"\x19"[..], &b"\x19".repeat(DEPTH + 1)].concat();
    walk(Protocol::Compact, &lists).expect_err("too deep");
    let mut walker = Walker::default();
    walker.start(Protocol::Binary, 0);
    walker
        .walk(&nested(3), LIMIT, 2)
        .expect_err("a lower limit");
}

#[test]
fn the_limit_is_that_of_the_whole_message() {
    let body = b"\x0b\0\x01\0\0\0\x02ab\0";
    let walk = |limit: usize| {
        let mut walker = Walker::default();
        walker.start(Protocol::Binary, 0);
        walker.walk(body, limit, DEPTH)
    };
    assert_eq!(walk(body.len()).ok(), Some(Walked::End(body.len())));
    walk(body.len() - 1).expect_err("a byte too many");
}
