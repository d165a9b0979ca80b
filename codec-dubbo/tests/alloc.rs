//! What messages cost in memory.

use bytes::BytesMut;
use codec_dubbo::{
    Dubbo, DubboConfig,
    wire::{RequestBuilder, ResponseBuilder, Serialization, Value},
};
use meta_codec_test::alloc::{Counting, Usage, measure};
use meta_core::{
    Codec, CodecFactory, Decoded, EncodeContext, Extension, FrameBuf, Limits, Message, Mutation,
    Role, WireId,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const READ: [Serialization; 2] = [Serialization::Hessian2, Serialization::Fastjson2];

fn codec(role: Role) -> Box<dyn Codec> {
    let factory: std::sync::Arc<dyn CodecFactory> = Dubbo
        .configure(DubboConfig::default())
        .expect("a good configuration");
    factory.codec(role, &Limits::default())
}

fn call(form: Serialization, trace: u32, body: usize) -> Vec<u8> {
    let line = Value::object("com.example.Line", [("name", "bolt".into())]);
    RequestBuilder::new("com.example.Greeter", "sayHello")
        .serialization(form)
        .argument("x".repeat(body))
        .argument(Value::List(vec![line; 3]))
        .attachment("remote.application", "consumer")
        .attachment("timeout", "3000")
        .attachment("trace", format!("{trace:032x}"))
        .build()
}

/// Messages as they stand in a read buffer that has been used before.
fn buffer(messages: &[Vec<u8>]) -> BytesMut {
    let mut src = BytesMut::from(&b"before"[..]);
    messages
        .iter()
        .for_each(|message| src.extend_from_slice(message));
    drop(src.split_to(6));
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
fn a_call_costs_its_metadata_and_the_table_of_its_attributes() {
    for form in READ {
        let mut codec = codec(Role::Downstream);
        let calls: Vec<_> = (0..10).map(|trace| call(form, trace, 128)).collect();
        let mut src = buffer(&calls);
        for n in 0..10 {
            let (message, usage) = decode(&mut *codec, &mut src);
            assert_eq!(message.metadata.get("method"), Some("sayHello"));
            // The first one brings room for classes along.
            if n > 0 {
                assert_eq!(usage.allocations, 2, "{form:?}, message {n}: {usage:?}");
            }
        }
    }
}

#[test]
fn a_large_call_costs_a_copy_of_its_header_area() {
    for form in READ {
        let mut codec = codec(Role::Downstream);
        let mut src = buffer(&[call(form, 1, 1 << 20), call(form, 2, 1 << 20)]);
        drop(decode(&mut *codec, &mut src));
        let (message, usage) = decode(&mut *codec, &mut src);
        assert!(usage.allocated_bytes < 4096, "{form:?}: {usage:?}");
        // The buffer goes with the message, whoever keeps the metadata.
        let metadata = message.metadata.clone();
        let ((), usage) = measure(|| drop((message, src)));
        assert!(usage.kept_bytes < -(1 << 20), "{form:?}: {usage:?}");
        assert_eq!(metadata.get("method"), Some("sayHello"));
        assert_eq!(metadata.get("remote.application"), Some("consumer"));
    }
}

#[test]
fn answers_are_not_walked() {
    let answer = ResponseBuilder::value("x".repeat(1 << 20))
        .attachment("a", "b")
        .build();
    let mut codec = codec(Role::Upstream);
    let mut src = buffer(&[answer.clone(), answer]);
    drop(decode(&mut *codec, &mut src));
    let (_, usage) = decode(&mut *codec, &mut src);
    assert_eq!(usage.allocations, 1, "{usage:?}");
}

#[test]
fn encoding_allocates_nothing() {
    for form in READ {
        let mut downstream = codec(Role::Downstream);
        let mut upstream = codec(Role::Upstream);
        let (message, _) = decode(&mut *downstream, &mut buffer(&[call(form, 1, 128)]));
        let mut dst = FrameBuf::new();
        dst.put_slice(&[0; 8 << 10]);
        dst.truncate(0);
        let untouched = Mutation::new();
        let mut set = Mutation::new();
        set.set("tag", "canary");
        for (mutation, rounds) in [(&untouched, 3), (&set, 3)] {
            for n in 0..rounds {
                let context = EncodeContext {
                    id: WireId(n),
                    mutation,
                    request: None,
                };
                let (encoded, usage) = measure(|| upstream.encode(&message, &context, &mut dst));
                encoded.expect("it can be written");
                // The first mutation brings room for attachments along.
                if mutation.is_empty() || n > 0 {
                    assert_eq!(usage.allocations, 0, "{form:?} under id {n}");
                }
            }
        }
    }
}

#[test]
fn hostile_counts_allocate_nothing() {
    let mut front = b"\x052.0.2\x01a\x050.0.0\x01m\x01J".to_vec();
    let counts: [&[u8]; 5] = [
        b"XI\x7f\xff\xff\xff",
        b"V\x01aI\x7f\xff\xff\xff",
        b"C\x01aI\x7f\xff\xff\xff",
        b"S\xff\xffabc",
        b"B\xff\xffabc",
    ];
    for count in counts {
        let length = front.len();
        front.extend_from_slice(count);
        let bytes = codec_dubbo::wire::message(0xc0, 0, 1, Serialization::Hessian2, &front);
        front.truncate(length);
        let mut codec = codec(Role::Downstream);
        let mut src = buffer(&[bytes.clone(), bytes]);
        drop(decode(&mut *codec, &mut src));
        let (message, usage) = decode(&mut *codec, &mut src);
        assert!(message.metadata.attributes.is_empty());
        assert_eq!(usage.allocations, 1, "{count:02x?}: {usage:?}");
    }
}
