//! The zlib transform.

use super::*;

/// Bytes behind a good call of `sayHello` under id 7 that inflate to 1 GiB of zeros.
fn bomb() -> Vec<u8> {
    let call = b"\x80\x01\0\x01\0\0\0\x08sayHello\0\0\0\x07\x0b\0\x01\x3f\xff\xff\xff\0";
    let mut bits = Bits::default();
    // The last block, of the fixed codes.
    bits.put(0b011, 3);
    for byte in call {
        match *byte {
            byte @ 0..144 => bits.put_code(0x30 + u32::from(byte), 8),
            byte => bits.put_code(0x190 + u32::from(byte - 144), 9),
        }
    }
    // Runs of 258 bytes, each a copy of the byte before it.
    for _ in 0..(1 << 30) / 258 {
        bits.put_code(0b1100_0101, 8);
        bits.put_code(0, 5);
    }
    frame(b"\0\x01\x01\0", &[&b"\x78\x9c"[..], &bits.bytes].concat())
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    word: u32,
    count: u32,
}

impl Bits {
    fn put(&mut self, bits: u32, count: u32) {
        self.word |= bits << self.count;
        self.count += count;
        while self.count >= 8 {
            self.bytes.push(self.word as u8);
            self.word >>= 8;
            self.count -= 8;
        }
    }

    /// Codes come with their first bit first.
    fn put_code(&mut self, code: u32, count: u32) {
        self.put(code.reverse_bits() >> (32 - count), count);
    }
}

#[test]
fn a_message_is_itself_under_another_id() {
    let text = "many a word and another ".repeat(5000);
    for form in [BINARY, COMPACT, OLD_BINARY] {
        let sent = MessageBuilder::call(form, "Greeter:sayHello")
            .zlib()
            .info("tenant", "blue")
            .seqid(300)
            .string(1, &text);
        let request = call(&sent.build());
        assert_eq!(
            forward(&request, 300, &Mutation::new()).ok(),
            Some(sent.build())
        );
        for id in [1, 128, i32::MAX as u64, 0xffff_ffff] {
            let written = forward(&request, id, &Mutation::new()).expect("it can be written");
            assert!(written.len() < text.len() / 20, "it is compressed");
            let found = Parsed::read(&written).expect("a message");
            let id = id as u32 as i32;
            assert_eq!((found.form, found.seqid), (form, id));
            assert_eq!(found.header_id, Some(id));
            assert_eq!(found.name, "Greeter:sayHello");
            assert_eq!(found.string(1), Some(&*text));
            assert_eq!(call(&written).metadata.get("tenant"), Some("blue"));
        }
    }
}

#[test]
fn headers_change_without_the_payload() {
    let sent = MessageBuilder::call(BINARY, "a")
        .zlib()
        .seqid(7)
        .info("k", "v");
    let sent = sent.string(1, &"x".repeat(5000)).build();
    let mut mutation = Mutation::new();
    mutation.set("k", "a longer one");
    let written = forward(&call(&sent), 7, &mutation).expect("it can be written");
    assert_eq!(call(&written).metadata.get("k"), Some("a longer one"));
    let payload = sent.len() - 26;
    assert_eq!(written[written.len() - payload..], sent[26..]);
}

#[test]
fn the_status_of_a_compressed_answer_is_told() {
    let request = call(&MessageBuilder::call(BINARY, "a").zlib().build());
    for form in [BINARY, COMPACT] {
        let good = MessageBuilder::reply(form, "a").zlib();
        for (bytes, status) in [
            (good.clone().string(0, "fine").build(), Status::Ok),
            (good.clone().build(), Status::Ok),
            (
                good.clone().string(1, "not fine").build(),
                Status::BusinessException,
            ),
            (
                good.clone().string(3000, "not fine").build(),
                Status::BusinessException,
            ),
            (
                MessageBuilder::new(form, MessageType::Exception, "a")
                    .zlib()
                    .build(),
                Status::Error,
            ),
        ] {
            let found = reply(&request, &bytes).expect("a reply");
            assert_eq!(found.metadata.status, status);
        }
    }
}

#[test]
fn an_answer_may_come_uncompressed() {
    let request = MessageBuilder::call(BINARY, "a").zlib().seqid(5).build();
    let request = call(&request);
    let good = MessageBuilder::reply(BINARY, "a").string(0, "fine");
    let found = reply(&request, &good.clone().seqid(1).build()).expect("a reply");
    assert_eq!(answer(&found, &request).ok(), Some(good.seqid(5).build()));
}

#[test]
fn names_longer_than_most_are_read() {
    for length in [200, 250, 300, 5000, 65_536] {
        let name = "n".repeat(length);
        let sent = MessageBuilder::call(COMPACT, &*name).zlib().build();
        assert_eq!(call(&sent).metadata.operation(), name);
    }
    let sent = MessageBuilder::call(COMPACT, "n".repeat(65_537)).zlib();
    let error = decode(&mut *codec(Role::Downstream), &sent.build()).expect_err("too long");
    assert!(error.to_string().contains("65537 bytes"), "{error}");
    assert_eq!(error.kind(), CodecErrorKind::TooLarge);
}

#[test]
fn a_bomb_is_not_set_off() {
    let bomb = bomb();
    let message = call(&bomb);
    assert_eq!(message.metadata.operation(), "sayHello");
    // The server may refuse it.
    let written = forward(&message, 7, &Mutation::new()).expect("it is passed as it came");
    assert!(written == bomb);
    let error = forward(&message, 8, &Mutation::new()).expect_err("1 GiB");
    assert_eq!(error.kind(), CodecErrorKind::TooLarge);
}

#[test]
fn what_is_broken_behind_the_header_is_found_only_where_it_is_needed() {
    let text: String = (0..2000).map(|n| format!("{n} ")).collect();
    let sent = MessageBuilder::call(BINARY, "sayHello").seqid(7).zlib();
    let sent = sent.string(1, &text).build();
    let mut cut = sent[..sent.len() - 20].to_vec();
    let length = cut.len() as u32 - 4;
    cut[..4].copy_from_slice(&length.to_be_bytes());
    let mut wrong = sent.clone();
    *wrong.last_mut().expect("not empty") ^= 1;
    for broken in [cut, wrong] {
        let message = call(&broken);
        assert_eq!(forward(&message, 7, &Mutation::new()).ok(), Some(broken));
        let error = forward(&message, 8, &Mutation::new()).expect_err("it is broken");
        assert_eq!(error.kind(), CodecErrorKind::Malformed, "{error}");
    }
}

#[test]
fn what_cannot_be_inflated_is_answered_and_skipped() {
    let good = MessageBuilder::call(BINARY, "sayHello").seqid(8).build();
    for (payload, why) in [
        (&b"\x78\x9c\xff\xff\xff\xff"[..], "cannot inflate"),
        (b"", "too early"),
        (b"\x78\x9c", "too early"),
        (b"\x78\x9c\x03\0\0\0\0\x01", "shorter than its header"),
    ] {
        let broken = frame(b"\0\x01\x01\0", payload);
        let mut downstream = codec(Role::Downstream);
        let error = decode(&mut *downstream, &broken).expect_err(why);
        assert_eq!(error.kind(), CodecErrorKind::Malformed);
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(error.skip(), Some(broken.len() as u64));
        let request = error.message().expect("its header has an id");
        assert_eq!(
            (request.kind, request.id),
            (MessageKind::Request, WireId(7))
        );
        let found = on_error(request).expect("an answer");
        assert_eq!((found.seqid, found.header_id), (7, Some(7)));
        decode(&mut *downstream, &good).expect("the call behind it");

        let sent = call(&good);
        let error = reply(&sent, &broken).expect_err(why);
        let message = error.message().expect("its header has an id");
        assert_eq!(
            (message.kind, message.id),
            (MessageKind::Response, WireId(7))
        );
    }
}

#[test]
fn over_the_limit_its_caller_is_known_from_the_beginning() {
    let text: String = (0..20_000).map(|n| format!("{n} ")).collect();
    for builder in [
        MessageBuilder::call(BINARY, "Greeter:sayHello"),
        MessageBuilder::new(BINARY, MessageType::OneWay, "Greeter:sayHello"),
    ] {
        let sent = builder.zlib().seqid(7).string(1, &text).build();
        let factory = factory(|config| config.max_message_bytes = 20_000);
        let mut codec = factory.codec(Role::Downstream, &Limits::default());
        let mut src = BytesMut::new();
        let error = sent.chunks(10).find_map(|piece| {
            src.extend_from_slice(piece);
            codec.decode(&mut src).err()
        });
        let error = error.expect("it is too long");
        assert_eq!(error.kind(), CodecErrorKind::TooLarge);
        assert!(src.len() < 1000, "{} bytes", src.len());
        assert_eq!(error.skip(), Some(sent.len() as u64));
        let message = error.message().expect("its head was there");
        assert_eq!(message.get("service"), Some("Greeter"));
        assert_eq!(message.kind, call(&sent).metadata.kind);
    }
}

#[test]
fn a_stream_that_yields_nothing_is_given_up() {
    let empty_blocks = b"\0\0\0\xff\xff".repeat(100_000);
    let sent = frame(b"\0\x01\x01\0", &[&b"\x78\x01"[..], &empty_blocks].concat());
    let factory = factory(|config| config.max_message_bytes = 200_000);
    for mut codec in [
        codec(Role::Downstream),
        factory.codec(Role::Downstream, &Limits::default()),
    ] {
        let mut src = BytesMut::new();
        let error = sent.chunks(8 << 10).find_map(|piece| {
            src.extend_from_slice(piece);
            codec.decode(&mut src).err()
        });
        let error = error.expect("it holds no message");
        assert!(error.to_string().contains("hold no header"), "{error}");
    }
}
