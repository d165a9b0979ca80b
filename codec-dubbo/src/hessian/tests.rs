use proptest::prelude::*;

use super::{write::put_string, *};
use crate::{
    head::Serialization,
    wire::{self, Writer},
};

/// Skips the one value that `bytes` are; how far that came.
fn skipped(bytes: &[u8]) -> Result<usize, Stop> {
    let mut classes = Classes::default();
    let mut reader = Reader::new(bytes, 0, &mut classes, MAX_DEPTH);
    reader.skip().map(|()| reader.at)
}

#[track_caller]
fn whole(bytes: &[u8]) {
    assert_eq!(skipped(bytes), Ok(bytes.len()), "{bytes:02x?}");
    // What follows is not looked at.
    let more = [bytes, b"Zx"].concat();
    assert_eq!(skipped(&more), Ok(bytes.len()), "{bytes:02x?} and more");
    for cut in 0..bytes.len() {
        let part = &bytes[..cut];
        assert_eq!(skipped(part), Err(Stop::Unreadable), "{part:02x?}");
    }
}

#[test]
fn simple_values_are_skipped() {
    for bytes in [
        // null, booleans
        &b"N"[..],
        b"T",
        b"F",
        // int: one, two and three bytes, and five
        b"\x80",
        b"\xbf",
        b"\xc0\x00",
        b"\xcf\xff",
        b"\xd0\x00\x00",
        b"\xd7\xff\xff",
        b"I\0\0\0\x07",
        // long: one, two, three and five bytes, and nine
        b"\xd8",
        b"\xef",
        b"\xf0\0",
        b"\xff\xff",
        b"\x38\0\0",
        b"\x3f\xff\xff",
        b"Y\0\0\0\x07",
        b"L\0\0\0\0\0\0\0\x07",
        // double: zero, one, one byte, two, four, eight
        b"\x5b",
        b"\x5c",
        b"\x5d\x80",
        b"\x5e\x80\0",
        b"\x5f\0\0\0\x01",
        b"D\x40\x28\0\0\0\0\0\0",
        // date: milliseconds, minutes
        b"J\0\0\0\0\0\0\0\x07",
        b"K\0\0\0\x07",
        // reference
        b"Q\x90",
        b"QI\0\x01\0\0",
    ] {
        whole(bytes);
    }
}

#[test]
fn strings_and_binaries_are_skipped_in_all_their_pieces() {
    for bytes in [
        &b"\0"[..],
        b"\x03abc",
        b"\x02\xc3\xbc\xe4\xb8\xad",
        b"\x02\xed\xa0\xbd\xed\xb8\x80",
        b"\x30\x03abc",
        b"S\0\x03abc",
        b"R\0\x01aR\0\x01bS\0\x01c",
        b"R\0\x01a\x01b",
        b"R\0\0\0",
        b"\x20",
        b"\x23abc",
        b"\x34\x03abc",
        b"B\0\x03abc",
        b"A\0\x01aA\0\x01bB\0\x01c",
        b"A\0\x01a\x21b",
        b"A\0\x01a\x34\x01b",
    ] {
        whole(bytes);
    }
    whole(&[&b"\x33\xff"[..], &[b'x'; 0x3ff]].concat());
    whole(&[&b"\x37\xff"[..], &[0xff; 0x3ff]].concat());
}

#[test]
fn lists_and_maps_are_skipped() {
    for bytes in [
        // typed and untyped, of variable length
        &b"U\x04listNTZ"[..],
        b"WNTZ",
        b"WZ",
        // of fixed length
        b"V\x04list\x92NT",
        b"X\x92NT",
        b"X\x90",
        b"\x70\x04list",
        b"\x72\x04listNT",
        b"\x77\x04listNTNTNTN",
        b"\x78",
        b"\x7aNT",
        b"\x7fNTNTNTN",
        // a type that was named before
        b"\x71\x90N",
        b"U\x90NZ",
        // maps
        b"HZ",
        b"H\x01a\x91\x01b\x92Z",
        b"M\x03map\x91\x01aZ",
        b"M\x90\x91\x01aZ",
        // in one another
        b"\x7aWH\x01a\x79NZZN",
    ] {
        whole(bytes);
    }
}

#[test]
fn objects_are_skipped_by_their_classes() {
    for bytes in [
        &b"C\x03car\x90\x60"[..],
        b"C\x03car\x92\x01a\x01b\x60\x91\x01x",
        b"C\x03car\x92\x01a\x01bO\x90\x91\x01x",
        // several definitions before one value
        b"C\x01a\x90C\x01b\x91\x01x\x61N",
        // of one another, and again
        b"\x7aC\x01a\x91\x01xC\x01b\x90\x60\x61\x60N",
        b"\x7aC\x01a\x91\x01x\x60N\x60T",
        b"H\x01kC\x01a\x91\x01x\x60\x60NZ",
    ] {
        assert_eq!(skipped(bytes), Ok(bytes.len()), "{bytes:02x?}");
    }
    // Sixteen classes, and one more.
    let mut bytes = b"W".to_vec();
    for class in 0..17_u8 {
        bytes.extend(b"C\x01c\x90");
        match class {
            16 => bytes.extend(b"O\xa0"),
            _ => bytes.push(0x60 + class),
        }
    }
    bytes.push(b'Z');
    whole(&bytes);
}

#[test]
fn what_is_no_value_is_refused() {
    for bytes in [
        &b"@"[..],
        b"E",
        b"G",
        b"P",
        b"Z",
        b"",
        // an odd map, a class without definition, a count below zero
        b"H\x01aZ",
        b"\x60",
        b"O\x90",
        b"X\x8fN",
        b"C\x01a\x8f\x60",
        b"C\x01a\x91\x91\x60",
        // counts and lengths beyond all bytes
        b"XI\x7f\xff\xff\xff",
        b"V\x01aI\x7f\xff\xff\xff",
        b"C\x01aI\x7f\xff\xff\xff",
        b"S\xff\xffabc",
        b"B\xff\xffabc",
        // a string's chunk with something else behind it
        b"R\0\x01aN",
        b"A\0\x01aN",
        // a type that is neither name nor number
        b"M\x5bZ",
        b"UNZ",
    ] {
        assert_eq!(skipped(bytes), Err(Stop::Unreadable), "{bytes:02x?}");
    }
}

#[test]
fn nesting_has_an_end() {
    for open in [
        &b"\x79"[..],
        b"W",
        b"H\x01a",
        b"X\x91",
        b"\x71\x01t",
        b"C\x01c\x91\x01f\x60",
    ] {
        let close = if open[0] == b'W' || open[0] == b'H' {
            b"Z".repeat(64)
        } else {
            Vec::new()
        };
        let fits = [open.repeat(64), b"N".to_vec(), close].concat();
        let classes = open[0] != b'C';
        if classes {
            assert_eq!(skipped(&fits), Ok(fits.len()), "{open:02x?}");
        }
        let deep = open.repeat(10_000);
        let stop = skipped(&deep).expect_err("too deep");
        assert!(stop == Stop::TooDeep || !classes, "{open:02x?}: {stop:?}");
    }
}

#[test]
fn classes_have_an_end() {
    let bytes = b"C\0\x90".repeat(MAX_CLASSES + 1);
    assert_eq!(skipped(&bytes), Err(Stop::TooManyClasses));
}

#[test]
fn numbers_are_read() {
    let mut classes = Classes::default();
    for (bytes, number) in [
        (&b"\x80"[..], -16),
        (b"\x90", 0),
        (b"\xbf", 47),
        (b"\xc0\0", -2048),
        (b"\xc8\0", 0),
        (b"\xcf\xff", 2047),
        (b"\xd0\0\0", -262_144),
        (b"\xd7\xff\xff", 262_143),
        (b"I\xff\xff\xff\xff", -1),
        (b"\xd8", -8),
        (b"\xe0", 0),
        (b"\xef", 15),
        (b"\xf0\0", -2048),
        (b"\xff\xff", 2047),
        (b"\x38\0\0", -262_144),
        (b"\x3f\xff\xff", 262_143),
        (b"Y\xff\xff\xff\xfe", -2),
        (b"L\x80\0\0\0\0\0\0\0", i64::MIN),
    ] {
        let mut reader = Reader::new(bytes, 0, &mut classes, MAX_DEPTH);
        let tag = reader.byte().expect("a tag");
        assert_eq!(reader.value(tag), Ok(Value::Number(number)), "{bytes:02x?}");
    }
}

fn values() -> impl Strategy<Value = wire::Value> {
    let leaf = prop_oneof![
        Just(wire::Value::Null),
        any::<bool>().prop_map(wire::Value::Bool),
        any::<i32>().prop_map(wire::Value::Int),
        (-3000..3000).prop_map(wire::Value::Int),
        any::<i64>().prop_map(wire::Value::Long),
        any::<f64>().prop_map(wire::Value::Double),
        any::<i64>().prop_map(wire::Value::Date),
        "(\\PC|[a-z]|中|😀){0,80}".prop_map(wire::Value::String),
        prop::collection::vec(any::<u8>(), 0..80).prop_map(wire::Value::Binary),
    ];
    leaf.prop_recursive(6, 60, 10, |inner| {
        let fields = prop::collection::vec(("[a-z]{1,9}", inner.clone()), 0..6);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..12).prop_map(wire::Value::List),
            prop::collection::vec((inner.clone(), inner), 0..6).prop_map(wire::Value::Map),
            ("[a-z.]{1,20}", fields).prop_map(|(class, fields)| wire::Value::Object(class, fields)),
        ]
    })
}

proptest! {
    #[test]
    fn values_end_where_they_were_written_to(values in prop::collection::vec(values(), 1..4)) {
        let mut writer = Writer::new(Serialization::Hessian2);
        let mut ends = Vec::new();
        for value in &values {
            writer.value(value);
            ends.push(writer.clone().into_bytes().len());
        }
        let bytes = writer.into_bytes();
        let mut classes = Classes::default();
        let mut reader = Reader::new(&bytes, 0, &mut classes, MAX_DEPTH);
        for end in ends {
            prop_assert_eq!(reader.skip(), Ok(()));
            prop_assert_eq!(reader.at, end);
        }
    }

    #[test]
    fn any_bytes_are_skipped_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(end) = skipped(&bytes) {
            prop_assert!(end <= bytes.len());
        }
    }

    #[test]
    fn strings_read_as_they_were_written(text in "(\\PC|[a-z]|中|😀){0,100}", times in 1usize..600) {
        let text = text.repeat(times);
        let mut bytes = Vec::new();
        put_string(&mut bytes, &text);
        let mut classes = Classes::default();
        let mut reader = Reader::new(&bytes, 0, &mut classes, 0);
        let read = reader.string().expect("a string").expect("not null");
        prop_assert_eq!(reader.at, bytes.len());
        prop_assert_eq!(read.read(&bytes), text);
    }
}
