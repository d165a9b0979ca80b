//! What Apache Thrift 0.25.0 writes, as recorded.

use super::*;

/// A call `sayHello("world", 5)` under id 7, with the header `tenant: blue`.
const PYTHON_BINARY: &str = "\
    000000420fff0000000000070004000001010674656e616e7404626c756580010001\
    0000000873617948656c6c6f000000070b000100000005776f726c640800020000000500";
const PYTHON_COMPACT: &str = "\
    000000300fff0000000000070004020001010674656e616e7404626c756582210708\
    73617948656c6c6f1805776f726c64150a00";
const PYTHON_BINARY_ZLIB: &str = "\
    000000470fff000000000007000500010101010674656e616e7404626c7565000000\
    789c6b606460646060e0284eacf448cdc9c907b2d9b9c142ace5f94539291c0c4c203603\
    008c2e061b";
const PYTHON_COMPACT_ZLIB: &str = "\
    0000003c0fff000000000007000502010101010674656e616e7404626c7565000000\
    789c6b5264e7284eacf448cdc9c997602dcf2fca4911e56200004cca0658";
/// Go ends its streams with an empty block.
const GO_BINARY_ZLIB: &str = "\
    0000004d0fff000000000007000500010101010674656e616e7404626c7565000000\
    789c6a606460646060e0284eacf448cdc9c967606060e7060bb196e717e5a470303081d80c\
    80000000ffff8c2e061b";
const GO_COMPACT_ZLIB: &str = "\
    000000400fff000000000007000502010101010674656e616e7404626c7565000000\
    789c6a5264e7284eacf448cdc9c997602dcf2fca4911e56200040000ffff4cca0658";

const ALL: [&str; 6] = [
    PYTHON_BINARY,
    PYTHON_COMPACT,
    PYTHON_BINARY_ZLIB,
    PYTHON_COMPACT_ZLIB,
    GO_BINARY_ZLIB,
    GO_COMPACT_ZLIB,
];

fn bytes_of(hex: &str) -> Vec<u8> {
    let byte = |n| u8::from_str_radix(&hex[n..n + 2], 16).expect("two digits");
    (0..hex.len()).step_by(2).map(byte).collect()
}

fn expected(form: Form) -> MessageBuilder {
    MessageBuilder::call(form, "sayHello")
        .seqid(7)
        .info("tenant", "blue")
        .string(1, "world")
        .int(2, 5)
}

#[test]
fn are_read() {
    for sent in ALL {
        let message = call(&bytes_of(sent));
        let metadata = &message.metadata;
        assert_eq!(
            (metadata.kind, metadata.id),
            (MessageKind::Request, WireId(7))
        );
        assert_eq!(metadata.operation(), "sayHello");
        let attributes: Vec<_> = metadata.attributes.iter().collect();
        assert_eq!(attributes, [("tenant", "blue"), ("method", "sayHello")]);
    }
}

#[test]
fn are_written() {
    for (form, sent) in [(BINARY, PYTHON_BINARY), (COMPACT, PYTHON_COMPACT)] {
        assert_eq!(expected(form).build(), bytes_of(sent));
    }
}

#[test]
fn leave_under_another_id_and_are_the_same_besides() {
    for sent in ALL {
        let sent = bytes_of(sent);
        let written = forward(&call(&sent), 70_000, &Mutation::new()).expect("it can be written");
        let (was, is) = (Parsed::read(&sent), Parsed::read(&written));
        let (was, is) = (was.expect("a message"), is.expect("a message"));
        assert_eq!((is.seqid, is.header_id), (70_000, Some(70_000)));
        assert_eq!((is.form, &is.name), (was.form, &was.name));
        assert_eq!(is.info("tenant"), Some("blue"));
        assert_eq!((is.string(1), is.int(2)), (Some("world"), Some(5)));
    }
}

#[test]
fn any_padding_is_read_and_kept() {
    let message = b"\x82\x21\x07\x01a\0";
    // C++ pads with four bytes where the others need none.
    for area in [
        &b"\x02\0\x01\x01\x01k\x01v"[..],
        b"\x02\0\x01\x01\x01k\x01v\0\0\0\0",
        b"\x02\0\x01\x01\x01k\x01v\0\x01\x01\0\0\x01\x01\0",
    ] {
        let sent = frame(area, message);
        let found = call(&sent);
        let attributes: Vec<_> = found.metadata.attributes.iter().collect();
        assert_eq!(attributes, [("k", "v"), ("method", "a")]);
        let written = forward(&found, 8, &Mutation::new()).expect("it can be written");
        assert_eq!(written[14..14 + area.len()], *area);
    }
    let none = call(&frame(b"\x02\0\0\0", message));
    assert_eq!(none.metadata.attributes.len(), 1);
}
