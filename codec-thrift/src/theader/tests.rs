//! What is hard to see from outside.

use proptest::prelude::*;

use super::{
    area::{Area, FIXED_BYTES, Fixed},
    pairs::Pairs,
    zlib::{self, Inflater},
};

/// The frame up to its payload, with this header area.
fn before(area: &[u8]) -> Vec<u8> {
    [&[0; FIXED_BYTES], area].concat()
}

fn refused(area: &[u8]) -> String {
    let before = before(area);
    let area = Area::read(&before);
    let error = area.and_then(|area| area.pairs().try_for_each(|pair| pair.map(drop)));
    error.expect_err("it is wrong").to_string()
}

#[test]
fn errors_say_what_was_found_and_where() {
    for (area, expected) in [
        (
            &b""[..],
            "the header ends within its protocol id (at byte 14)",
        ),
        (
            b"\x01\0\0\0",
            "Thrift's JSON protocol in THeader, expected binary or compact, plain or by zlib \
             (at byte 14)",
        ),
        (b"\0\x05\x01\0", "5 transforms in 2 bytes (at byte 15)"),
        (
            b"\0\x01\x80\x80",
            "the header ends within its transform id (at byte 16)",
        ),
        (
            b"\0\xff\xff\xff\xff\x0f\0\0",
            "number of transforms 4294967295, expected a positive 32-bit number (at byte 15)",
        ),
        (
            b"\0\0\x01\x05\x01a\x01b",
            "5 info headers in 4 bytes (at byte 17)",
        ),
        (
            b"\0\0\x01\x01\x02ab\x09c\0\0\0",
            "info header's value of 9 bytes in 4 (at byte 21)",
        ),
    ] {
        assert_eq!(refused(area), expected);
    }
}

#[test]
fn a_frame_s_beginning_is_read_once_it_is_there() {
    let frame = b"\0\0\0\x20\x0f\xff\0\0\xff\xff\xff\xf5\0\x02";
    for end in 0..frame.len() {
        assert_eq!(Fixed::read(&frame[..end]).ok(), Some(None), "{end}");
    }
    let fixed = Fixed {
        total: 36,
        id: 0xffff_fff5,
        payload_at: 22,
    };
    assert_eq!(Fixed::read(frame).ok(), Some(Some(fixed)));
}

#[test]
fn what_is_inflated_is_what_was_deflated() {
    let text: Vec<u8> = (0..100_000u32).flat_map(u32::to_be_bytes).collect();
    for bytes in [0, 1, 255, 256, 257, 70_000, text.len()] {
        let text = &text[..bytes];
        let (begin, end) = text.split_at(bytes / 2);
        let deflated = zlib::deflate([begin, b"", end]).expect("it is deflated");
        assert_eq!(zlib::inflate(&deflated, bytes).ok().as_deref(), Some(text));
        if bytes > 0 {
            let error = zlib::inflate(&deflated, bytes - 1).expect_err("too long");
            assert!(error.to_string().contains("inflated message"), "{error}");
        }
        let error = zlib::inflate(&deflated[..deflated.len() - 1], bytes);
        assert!(error.is_err(), "{bytes}");
    }
}

#[test]
fn no_more_is_inflated_than_is_asked_for() {
    let zeros = vec![0; 1 << 20];
    let deflated = zlib::deflate([&zeros, b"", b""]).expect("it is deflated");
    let mut inflater = Inflater::new(&deflated);
    for bytes in [1, 2, 300, 100_000] {
        assert_eq!(inflater.fill(bytes).ok(), Some(true));
        let found = inflater.inflated().len();
        assert!((bytes..=bytes.max(64)).contains(&found), "{found}");
        assert!(!inflater.is_at_end());
    }
    // A stream left in the middle leaves nothing to the next.
    drop(inflater);
    assert_eq!(zlib::inflate(&deflated, 1 << 20).ok(), Some(zeros));
}

proptest! {
    #[test]
    fn no_bytes_make_pairs_overrun(area in proptest::collection::vec(any::<u8>(), 0..64)) {
        let mut pairs = Pairs::new(&area, 0);
        let mut last = 0;
        for pair in pairs.by_ref().map_while(Result::ok) {
            prop_assert!(last <= pair.start && pair.start < pair.key.start);
            prop_assert!(pair.key.end < pair.value.start && pair.value.end <= area.len());
            last = pair.value.end;
        }
        prop_assert!(pairs.rest().start >= last && pairs.rest().end == area.len());
    }

    #[test]
    fn no_bytes_inflate_beyond_a_limit(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let bytes = [&b"\x78\x01"[..], &bytes].concat();
        if let Ok(inflated) = zlib::inflate(&bytes, 100) {
            prop_assert!(inflated.len() <= 100);
        }
    }
}
