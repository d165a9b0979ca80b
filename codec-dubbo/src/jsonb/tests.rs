use proptest::prelude::*;

use super::{value::Cursor, *};
use crate::{
    head::Serialization,
    wire::{self, Writer},
};

fn skipped(bytes: &[u8]) -> Result<(Value, usize), Stop> {
    let mut cursor = Cursor::new(bytes, 0, 0);
    let tag = cursor.byte()?;
    let value = cursor.value(tag, MAX_DEPTH)?;
    Ok((value, cursor.at()))
}

#[test]
fn every_type_is_skipped() {
    for bytes in [
        // null, booleans, doubles, floats
        &b"\xaf"[..],
        b"\xb0",
        b"\xb1",
        b"\xb2",
        b"\xb3",
        b"\xb4\x07",
        b"\xb4\xbe\0\0\0\0\0\0\0\x07",
        b"\xb5\0\0\0\0\0\0\0\0",
        b"\xb6\x07",
        b"\xb7\0\0\0\0",
        // int and long
        b"\0",
        b"\x2f",
        b"\xf0",
        b"\xff",
        b"\x30\0",
        b"\x3f\xff",
        b"\x40\0\0",
        b"\x47\xff\xff",
        b"\x48\0\0\0\0",
        b"\xbc\0\0",
        b"\xbd\0",
        b"\xbe\0\0\0\0\0\0\0\0",
        b"\xbf\0\0\0\0",
        b"\xc0\0\0",
        b"\xc8\0",
        b"\xd8",
        b"\xef",
        // decimals and big integers
        b"\xb8\x07",
        b"\xb9\x02\xbb\x02\0\x01",
        b"\xb9\x02\x07",
        b"\xba\xd8",
        b"\xbb\x02\0\x01",
        // character, bytes
        b"\x90\x38\x61",
        b"\x91\x03abc",
        // times
        b"\xa7\0\0\0\0",
        b"\xa8\0\0\0\0\0\0\0\0",
        b"\xa9\0\0\0\0",
        b"\xaa\0\0\0\0\0\0\0\0\x4cUTC",
        b"\xab\0\0\0\0\0\0\0\0",
        b"\xac\0\0\0\0",
        b"\xad\0\0\0\0",
        b"\xae\0\0\0\0\0\0\0\0\0",
        // strings
        b"\x49",
        b"\x4cabc",
        b"\x79\x03abc",
        b"\x7a\x02\xc3\xbc",
        b"\x7c\x02a\0",
        b"\x7d\x02\0a",
        // reference, typed value, lists, objects
        b"\x93\x4a$",
        b"\x92\x4aa\0\xa6\xa5",
        b"\x92\xff\xa6\xa5",
        b"\x94",
        b"\x96\xaf\xb1",
        b"\xa4\x02\xaf\xb1",
        b"\xa6\xa5",
        b"\xa6\x4aa\xaf\x4ab\xa6\xa5\xa5",
        b"\xa6\x7f\x4aa\x01\xaf\x7f\x01\xb1\xa5",
        b"\xa6\x07\xaf\xa5",
    ] {
        let end = skipped(bytes).map(|(_, end)| end);
        assert_eq!(end, Ok(bytes.len()), "{bytes:02x?}");
        for cut in 0..bytes.len() {
            let part = &bytes[..cut];
            assert_eq!(skipped(part), Err(Stop::Unreadable), "{part:02x?}");
        }
    }
}

#[test]
fn what_is_no_value_is_refused() {
    for bytes in [
        &b"\xa5"[..],
        b"\x7b\x01a",
        b"\x7e\x01a",
        b"\x7f\x4aa\0",
        b"\xa4\x48\x7f\xff\xff\xff",
        b"\xa4\xff",
        b"\x91\x48\x7f\xff\xff\xff",
        b"\x79\x48\x7f\xff\xff\xffabc",
        b"\xa6\x4aa\xa5",
        b"\x93\x07",
    ] {
        assert_eq!(skipped(bytes), Err(Stop::Unreadable), "{bytes:02x?}");
    }
    for open in [&b"\x95"[..], b"\xa6\x4aa", b"\x92\xff", b"\xa4\x01"] {
        assert_eq!(
            skipped(&open.repeat(100)),
            Err(Stop::TooDeep),
            "{open:02x?}"
        );
    }
}

#[test]
fn numbers_are_read() {
    for (bytes, number) in [
        (&b"\x2f"[..], 47),
        (b"\xf0", -16),
        (b"\xff", -1),
        (b"\x30\0", -2048),
        (b"\x3f\xff", 2047),
        (b"\x40\0\0", -262_144),
        (b"\x47\xff\xff", 262_143),
        (b"\xd8", -8),
        (b"\xef", 15),
        (b"\xc8\0", -2048),
        (b"\xc0\0\0", -262_144),
        (b"\xbd\xff", -1),
    ] {
        let found = skipped(bytes).map(|(value, _)| value);
        assert_eq!(found, Ok(Value::Number(number)), "{bytes:02x?}");
    }
}

proptest! {
    #[test]
    fn lengths_read_as_they_were_written(length in 0usize..1 << 31) {
        let mut bytes = Vec::new();
        write::put_int(&mut bytes, length);
        prop_assert_eq!(Cursor::new(&bytes, 0, 0).int(), Ok(length as i32));
    }

    #[test]
    fn any_bytes_are_skipped_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok((_, end)) = skipped(&bytes) {
            prop_assert!(end <= bytes.len());
        }
    }

    #[test]
    fn values_end_where_they_were_written_to(
        text in "(\\PC|[a-z]|中|😀){0,100}",
        number in any::<i64>(),
        bytes in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let list = wire::Value::List(vec![text.into(), number.into(), wire::Value::Binary(bytes)]);
        let map = wire::Value::Map(vec![("a".into(), list.clone()), ("b".into(), list)]);
        let mut writer = Writer::new(Serialization::Fastjson2);
        writer.value(&wire::Value::object("com.example.A", [("map", map)]));
        let bytes = writer.into_bytes();
        let end = skipped(&bytes[4..]).map(|(_, end)| end);
        prop_assert_eq!(end, Ok(bytes.len() - 4));
    }
}
