//! What messages in THeader cost in memory.

use bytes::BytesMut;
use codec_thrift::{
    Thrift, ThriftConfig,
    wire::{Form, MessageBuilder, Protocol, Transport},
};
use meta_codec_test::alloc::{Counting, Usage, measure};
use meta_core::{
    Codec, CodecFactory, Decoded, EncodeContext, Extension, FrameBuf, Limits, Message, Mutation,
    Role, WireId,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const BINARY: Form = Form::new(Transport::Header, Protocol::Binary);
const COMPACT: Form = Form::new(Transport::Header, Protocol::Compact);

fn codec(role: Role) -> Box<dyn Codec> {
    let factory: std::sync::Arc<dyn CodecFactory> = Thrift
        .configure(ThriftConfig::default())
        .expect("a good configuration");
    factory.codec(role, &Limits::default())
}

/// Calls as they stand in a read buffer that has been used before.
fn buffer(call: &MessageBuilder, count: usize) -> BytesMut {
    let call = call.build();
    let mut src = BytesMut::from(&call.repeat(count + 1)[..]);
    drop(src.split_to(call.len()));
    src
}

fn decode(codec: &mut dyn Codec, src: &mut BytesMut) -> (Message, Usage) {
    let (decoded, usage) = measure(|| codec.decode(src));
    let Ok(Decoded::Message(message)) = decoded else {
        panic!("a whole message, not {decoded:?}");
    };
    (message, usage)
}

#[test]
fn decoding_allocates_the_metadata_and_many_attributes_at_once() {
    for form in [BINARY, COMPACT] {
        let plain = MessageBuilder::call(form, "sayHello").seqid(7);
        let one = plain.clone().info("tenant", "blue");
        let many = (0..20).fold(plain.clone(), |call, n| {
            call.info(format!("key{n}"), "value")
        });
        for (call, most) in [(plain, 1), (one, 1), (many, 2)] {
            let mut codec = codec(Role::Downstream);
            let mut src = buffer(&call.string(1, &"x".repeat(128)), 2);
            for n in 0..2 {
                let (_, usage) = decode(&mut *codec, &mut src);
                // The last has the buffer to itself; its header, if short, is copied.
                let most = most + u64::from(n == 1);
                assert!(usage.allocations <= most, "{form}: {usage:?}");
            }
        }
    }
}

#[test]
fn a_large_message_costs_a_copy_of_its_header() {
    let call = MessageBuilder::call(BINARY, "sayHello").info("tenant", "blue");
    let mut codec = codec(Role::Downstream);
    let mut src = buffer(&call.string(1, &"x".repeat(1 << 20)), 2);
    drop(decode(&mut *codec, &mut src));
    let (message, usage) = decode(&mut *codec, &mut src);
    assert!(usage.allocated_bytes < 1024, "{usage:?}");
    // The buffer goes with the message, whoever keeps the metadata.
    let metadata = message.metadata.clone();
    let ((), usage) = measure(|| drop((message, src)));
    assert!(usage.kept_bytes < -(1 << 20), "{usage:?}");
    assert_eq!(metadata.get("tenant"), Some("blue"));
    assert_eq!(metadata.get("method"), Some("sayHello"));
}

#[test]
fn a_compressed_message_is_inflated_as_far_as_its_header() {
    let call = MessageBuilder::call(BINARY, "sayHello").zlib();
    let call = call.string(1, &"x".repeat(1 << 20));
    let mut codec = codec(Role::Downstream);
    let mut src = buffer(&call, 2);
    // The first brings a decompressor along.
    drop(decode(&mut *codec, &mut src));
    let (message, usage) = decode(&mut *codec, &mut src);
    assert!(usage.allocated_bytes < 2048, "{usage:?}");
    assert_eq!(message.metadata.get("method"), Some("sayHello"));
}

#[test]
fn waiting_allocates_nothing() {
    let call = MessageBuilder::call(COMPACT, "sayHello").info("tenant", "blue");
    for call in [call.clone(), call.zlib()] {
        let mut codec = codec(Role::Downstream);
        let mut src = buffer(&call, 2);
        drop(decode(&mut *codec, &mut src));
        let all = src.split();
        for byte in all.iter().take(all.len() - 1) {
            src.extend_from_slice(&[*byte]);
            let (decoded, usage) = measure(|| codec.decode(&mut src));
            assert!(matches!(decoded, Ok(Decoded::Need(Some(_)))));
            assert_eq!(usage.allocations, 0);
        }
    }
}

#[test]
fn encoding_allocates_nothing() {
    let mut changes = Mutation::new();
    changes.set("tenant", "green");
    changes.set("version", "2");
    for form in [BINARY, COMPACT] {
        let call = MessageBuilder::call(form, "sayHello").info("tenant", "blue");
        let (message, _) = decode(
            &mut *codec(Role::Downstream),
            &mut buffer(&call.seqid(7).string(1, &"x".repeat(128)), 1),
        );
        let mut upstream = codec(Role::Upstream);
        let mut dst = FrameBuf::new();
        dst.put_slice(&[0; 8 << 10]);
        dst.truncate(0);
        for mutation in [Mutation::new(), changes.clone()] {
            for id in [7, 1, 70_000] {
                let context = EncodeContext {
                    id: WireId(id),
                    mutation: &mutation,
                    request: None,
                };
                let (encoded, usage) = measure(|| upstream.encode(&message, &context, &mut dst));
                encoded.expect("it can be written");
                assert_eq!(usage.allocations, 0, "{form} under id {id}");
            }
        }
    }
}
