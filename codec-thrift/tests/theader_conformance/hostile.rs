//! Frames that must be refused.

use codec_thrift::wire::MessageBuilder;
use meta_codec_test::{Hostile, Kit};
use meta_core::Role;

use super::BINARY;

/// A frame of this header area and payload.
fn frame(area: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut area = area.to_vec();
    area.resize(area.len().next_multiple_of(4), 0);
    let length = 10 + area.len() + payload.len();
    let mut frame = (length as u32).to_be_bytes().to_vec();
    frame.extend(b"\x0f\xff\0\0\0\0\0\x07");
    frame.extend(((area.len() / 4) as u16).to_be_bytes());
    frame.extend(area);
    frame.extend(payload);
    frame
}

/// All that must be refused, however the codec is configured.
pub(crate) fn hostile(kit: Kit) -> Kit {
    const CALL: &[u8] = b"\x80\x01\0\x01\0\0\0\x01a\0\0\0\x07\0";
    const COMPACT_CALL: &[u8] = b"\x82\x21\x07\x01a\0";
    let with_area = |area: &[u8]| frame(area, CALL);
    let compact = |payload: &[u8]| frame(b"\x02\0", payload);
    let zlib = |payload: &[u8]| frame(b"\0\x01\x01", payload);
    let deflated = MessageBuilder::call(BINARY, "sayHello").zlib().build()[18..].to_vec();
    // An empty message, and one that is no message.
    let empty = b"\x78\x9c\x03\0\0\0\0\x01";
    let dots = b"\x78\x9c\xd3\xd3\xd3\xd3\xd3\xd3\xd3\xd3\x03\0\x0a\xa7\x01\x71";
    let refused: Vec<(&str, Vec<u8>)> = vec![
        (
            "negative length",
            b"\xff\xff\xff\xf0\x0f\xff\0\0\0\0\0\x07\0\x01\0\0\0\0".into(),
        ),
        ("length 4", b"\0\0\0\x04\x0f\xff\0\0".into()),
        ("length 9", b"\0\0\0\x09\x0f\xff\0\0\0\0\0\x07\0".into()),
        (
            "words beyond the frame",
            b"\0\0\0\x1c\x0f\xff\0\0\0\0\0\x07\x10\0\0\0\0\0".into(),
        ),
        (
            "words beyond any frame",
            b"\0\0\0\x1c\x0f\xff\0\0\0\0\0\x07\xff\xff\0\0\0\0".into(),
        ),
        ("no words", with_area(b"")),
        ("no payload", frame(b"\0\0", b"")),
        ("one byte of payload", frame(b"\0\0", b"\x80")),
        (
            "protocol id that does not end",
            with_area(b"\x80\x80\x80\x80"),
        ),
        (
            "endless protocol id",
            with_area(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        ),
        ("negative protocol id", with_area(b"\xff\xff\xff\xff\x0f\0")),
        ("JSON", with_area(b"\x01\0")),
        ("protocol 7", with_area(b"\x07\0")),
        ("transforms beyond the header", with_area(b"\0\x05\x01")),
        ("2^31 transforms", with_area(b"\0\x80\x80\x80\x80\x08")),
        ("negative transforms", with_area(b"\0\xff\xff\xff\xff\x0f")),
        ("HMAC", with_area(b"\0\x01\x02")),
        ("snappy", with_area(b"\0\x01\x03")),
        ("transform 99", with_area(b"\0\x01\x63")),
        ("zlib twice", with_area(b"\0\x02\x01\x01")),
        ("2^31 - 1 pairs", with_area(b"\0\0\x01\xff\xff\xff\xff\x07")),
        ("2^31 pairs", with_area(b"\0\0\x01\x80\x80\x80\x80\x08")),
        ("-1 pairs", with_area(b"\0\0\x01\xff\xff\xff\xff\x0f")),
        (
            "pairs that are not there",
            with_area(b"\0\0\x01\x03\x01a\x01b"),
        ),
        ("a key beyond the header", with_area(b"\0\0\x01\x01\x40ab")),
        (
            "a value beyond the header",
            with_area(b"\0\0\x01\x01\x01a\x02b"),
        ),
        (
            "a negative key",
            with_area(b"\0\0\x01\x01\xff\xff\xff\xff\x0f\0"),
        ),
        (
            "a second block that is not whole",
            with_area(b"\0\0\x01\x01\x01a\x01b\x01\x7f"),
        ),
        ("an info id that does not end", with_area(b"\0\0\x80\x80")),
        ("more pairs than attributes", {
            let mut area = b"\0\0\x01\x81\x08".to_vec();
            area.extend(b"\x01a\x01b".repeat(1025));
            with_area(&area)
        }),
        ("a header area over the limit", {
            let mut area = b"\0\0\x01\x01\x01a\x80\x80\x04".to_vec();
            area.extend([b'x'; 65536]);
            with_area(&area)
        }),
        ("compact that says binary", frame(b"\0\0", COMPACT_CALL)),
        ("binary that says compact", compact(CALL)),
        (
            "a frame in a frame",
            frame(b"\0\0", &with_area(b"\0\0")[4..]),
        ),
        (
            "unknown version",
            frame(b"\0\0", b"\x80\x02\0\x01\0\0\0\x01a\0\0\0\x07\0"),
        ),
        (
            "unknown type",
            frame(b"\0\0", b"\x80\x01\0\x09\0\0\0\x01a\0\0\0\x07\0"),
        ),
        (
            "a name beyond the frame",
            frame(b"\0\0", b"\x80\x01\0\x01\0\0\0\x40a\0\0\0\x07\0"),
        ),
        (
            "a negative name",
            frame(b"\0\0", b"\x80\x01\0\x01\xff\xff\xff\xff\0\0\0\x07\0"),
        ),
        (
            "compact, endless id",
            compact(b"\x82\x21\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        ),
        (
            "compact, a name beyond the frame",
            compact(b"\x82\x21\x07\x40a\0"),
        ),
        ("zlib of nothing", zlib(b"")),
        ("zlib that is none", zlib(CALL)),
        ("an empty message by zlib", zlib(empty)),
        ("no message by zlib", zlib(dots)),
        ("zlib that ends in the header", zlib(&deflated[..8])),
        (
            "zlib that ends behind the header",
            zlib(&deflated[..deflated.len() - 8]),
        ),
        ("zlib within zlib", frame(b"\0\x02\x01\x01", &deflated)),
    ];
    let kit = refused.into_iter().fold(kit, both_roles);
    kit.hostile(Hostile::bomb(
        "a frame of 15 MiB",
        Role::Downstream,
        *b"\0\xf0\0\0\x0f\xff\0\0\0\0\0\x07\xff\xff\0\0",
    ))
    .hostile(Hostile::bomb(
        "a frame of 15 MiB with 2^31 pairs",
        Role::Downstream,
        *b"\0\xf0\0\0\x0f\xff\0\0\0\0\0\x07\0\x03\0\0\x01\xff\xff\xff\xff\x07\0\0\0\0",
    ))
}

/// Adds bytes that clients and servers may send.
pub(crate) fn both_roles(kit: Kit, (what, bytes): (&str, Vec<u8>)) -> Kit {
    kit.hostile(Hostile::new(what, Role::Downstream, &bytes[..]))
        .hostile(Hostile::new(what, Role::Upstream, bytes))
}
