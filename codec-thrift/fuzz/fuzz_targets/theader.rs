//! Reads any bytes as the header area or the payload of a THeader frame, plain or by
//! zlib, in both roles, and writes what it read under another id and with other info
//! headers. The first byte says which.

#![no_main]

use std::sync::{Arc, LazyLock};

use bytes::BytesMut;
use codec_thrift::{
    Thrift, ThriftConfig,
    wire::{Form, MessageBuilder, Protocol, Transport},
};
use libfuzzer_sys::fuzz_target;
use meta_core::{
    CodecFactory, Decoded, EncodeContext, Encoded, Extension, FrameBuf, Limits, Message, Mutation,
    Role,
};

static FACTORY: LazyLock<Arc<dyn CodecFactory>> = LazyLock::new(|| {
    Thrift
        .configure(ThriftConfig::default())
        .expect("the default configuration is good")
});

const CALL: &[u8] = b"\x80\x01\0\x01\0\0\0\x03s:m\0\0\0\x07\x08\0\x01\0\0\0\x05\0";

fuzz_target!(|data: &[u8]| {
    let Some((which, data)) = data.split_first() else {
        return;
    };
    let frame = match which % 9 {
        0 => data.to_vec(),
        1 => frame(data, CALL),
        2 => frame(data, &stored(CALL)),
        3 => frame(&[0, 0], data),
        4 => frame(&[2, 0, 1, 1, 1, b'k', 1, b'v'], data),
        5 => frame(&[0, 1, 1], data),
        6 => frame(&[0, 1, 1], &stored(data)),
        7 => frame(&[2, 1, 1], &stored(data)),
        _ => with_info(data),
    };
    meta_codec_test::fuzz(&**FACTORY, &frame);
    for role in [Role::Downstream, Role::Upstream] {
        mutated(&frame, role);
    }
});

fn frame(area: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut area = area[..area.len().min(1 << 16)].to_vec();
    area.resize(area.len().next_multiple_of(4), 0);
    let length = 10 + area.len() + payload.len();
    let mut frame = (length as u32).to_be_bytes().to_vec();
    frame.extend(b"\x0f\xff\0\0\0\0\0\x07");
    frame.extend(((area.len() / 4) as u16).to_be_bytes());
    frame.extend(area);
    frame.extend(payload);
    frame
}

/// A zlib stream of one block that is not compressed.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let bytes = &bytes[..bytes.len().min(0xffff)];
    let length = bytes.len() as u16;
    let (mut a, mut b) = (1u32, 0u32);
    for byte in bytes {
        a = (a + u32::from(*byte)) % 65521;
        b = (b + a) % 65521;
    }
    let mut stream = b"\x78\x01\x01".to_vec();
    stream.extend(length.to_le_bytes());
    stream.extend((!length).to_le_bytes());
    stream.extend(bytes);
    stream.extend((b << 16 | a).to_be_bytes());
    stream
}

/// A call with info headers of these bytes.
fn with_info(data: &[u8]) -> Vec<u8> {
    let form = Form::new(Transport::Header, Protocol::Compact);
    let call = MessageBuilder::call(form, "m").seqid(300);
    let texts: Vec<String> = data
        .split(|byte| *byte == b'=')
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .collect();
    let pairs = texts.chunks(2).take(200);
    let call = pairs.fold(call, |call, pair| {
        call.info(pair[0].clone(), pair.last().expect("a pair").clone())
    });
    match data.len() {
        0..50_000 => call.build(),
        _ => frame(&[0, 0], CALL),
    }
}

fn decode(bytes: &[u8], role: Role) -> Option<Message> {
    let mut codec = FACTORY.codec(role, &Limits::default());
    match codec.decode(&mut BytesMut::from(bytes)) {
        Ok(Decoded::Message(message)) => Some(message),
        _ => None,
    }
}

/// What was read takes a mutation, and nothing but that.
fn mutated(frame: &[u8], role: Role) {
    let Some(message) = decode(frame, role) else {
        return;
    };
    let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    let was: Vec<_> = message.metadata.attributes.iter().map(owned).collect();
    let mut mutation = Mutation::new();
    mutation.set("k", "set");
    mutation.remove("gone");
    if let Some((key, _)) = was.first().filter(|(key, _)| key != "method") {
        mutation.remove(&**key);
        mutation.set(&**key, "again");
    }
    let context = EncodeContext {
        id: message.metadata.id,
        mutation: &mutation,
        request: None,
    };
    let other = match role {
        Role::Downstream => Role::Upstream,
        Role::Upstream => Role::Downstream,
    };
    let mut writer = FACTORY.codec(other, &Limits::default());
    let mut dst = FrameBuf::new();
    let encoded = writer
        .encode(&message, &context, &mut dst)
        .expect("its id stays");
    if encoded == Encoded::WithoutMutation {
        assert!(dst.to_vec() == message.frame);
        return;
    }
    let written = dst.to_vec();
    let found = match decode(&written, role) {
        Some(found) => found,
        // One more than is read.
        None if was.len() >= Limits::default().attributes => return,
        None => panic!("{written:02x?} cannot be read"),
    };
    assert_eq!(found.metadata.id, message.metadata.id);
    assert_eq!(found.metadata.operation(), message.metadata.operation());
    assert_eq!(found.metadata.status, message.metadata.status);
    let of_call = |key: &str| message.kind().is_call() && ["method", "service"].contains(&key);
    for change in mutation.iter().map(|change| &**change.key()) {
        if !of_call(change) {
            let expected = mutation.last(change).flatten();
            let mut pairs = found.metadata.attributes.iter().rev();
            let value = pairs.find(|(key, _)| *key == change).map(|pair| pair.1);
            // A key that is no text is another than it reads as.
            assert!(value == expected || change.contains('\u{fffd}'));
        }
    }
    let untouched = |(key, _): &(String, String)| mutation.last(key).is_none();
    let was: Vec<_> = was.into_iter().filter(untouched).collect();
    let is = found.metadata.attributes.iter().map(owned);
    let is: Vec<_> = is.filter(untouched).collect();
    assert_eq!(is, was);
}
