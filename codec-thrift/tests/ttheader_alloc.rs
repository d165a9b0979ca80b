//! What messages in TTHeader cost in memory.

use bytes::BytesMut;
use codec_thrift::{
    Thrift, ThriftConfig,
    wire::{Form, MessageBuilder, Protocol, Transport},
};
use meta_codec_test::alloc::{Counting, measure};
use meta_core::{
    Codec, CodecFactory, Decoded, EncodeContext, Extension, FrameBuf, Limits, Message, Mutation,
    Role, WireId,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn codec(role: Role) -> Box<dyn Codec> {
    let factory: std::sync::Arc<dyn CodecFactory> = Thrift
        .configure(ThriftConfig::default())
        .expect("a good configuration");
    factory.codec(role, &Limits::default())
}

fn forms() -> impl Iterator<Item = Form> {
    let transports = [(false, false), (true, false), (false, true), (true, true)];
    transports
        .into_iter()
        .map(|(framed, mux)| Form::new(Transport::TtHeader { framed, mux }, Protocol::Binary))
}

fn call(form: Form, body: usize) -> Vec<u8> {
    MessageBuilder::call(form, "sayHello")
        .seqid(7)
        .info("isn", "Greeter")
        .int_info(22, "1")
        .int_info(9, "sayHello")
        .int_info(6, "greeter")
        .int_info(3, "client")
        .int_info(12, "20000")
        .string(1, &"x".repeat(body))
        .build()
}

/// A call in a read buffer that has been used before.
fn decode(form: Form, body: usize) -> (Message, meta_codec_test::alloc::Usage) {
    let mut codec = codec(Role::Downstream);
    let bytes = call(form, body);
    let mut src = BytesMut::from(&bytes.repeat(3)[..]);
    codec.decode(&mut src).expect("a call");
    let (decoded, usage) = measure(|| codec.decode(&mut src));
    let Ok(Decoded::Message(message)) = decoded else {
        panic!("a whole message, not {decoded:?}");
    };
    (message, usage)
}

#[test]
fn decoding_allocates_the_metadata_and_its_attributes() {
    for form in forms() {
        let (message, usage) = decode(form, 128);
        assert_eq!(message.metadata.get("to_method"), Some("sayHello"));
        assert!(usage.allocations <= 2, "{form}: {usage:?}");
    }
}

#[test]
fn a_large_message_costs_a_copy_of_its_header() {
    for form in forms() {
        let (_, usage) = decode(form, 1 << 20);
        assert!(usage.allocated_bytes < 2048, "{form}: {usage:?}");
    }
}

#[test]
fn waiting_allocates_nothing() {
    for form in forms() {
        let mut codec = codec(Role::Downstream);
        let bytes = call(form, 300);
        let mut src = BytesMut::with_capacity(4 * bytes.len());
        src.extend_from_slice(&bytes);
        codec.decode(&mut src).expect("a call");
        let mut src = BytesMut::with_capacity(bytes.len());
        for byte in &bytes[..bytes.len() - 1] {
            src.extend_from_slice(&[*byte]);
            let (decoded, usage) = measure(|| codec.decode(&mut src));
            assert!(matches!(decoded, Ok(Decoded::Need(Some(_)))), "{form}");
            assert_eq!(usage.allocations, 0, "{form}");
        }
    }
}

#[test]
fn encoding_allocates_nothing_unless_pairs_change() {
    for form in forms() {
        let (message, _) = decode(form, 128);
        let mut upstream = codec(Role::Upstream);
        let mut dst = FrameBuf::new();
        dst.put_slice(&[0; 8 << 10]);
        dst.truncate(0);
        let mut mutation = Mutation::new();
        let mut allocations = |id, mutation: &Mutation| {
            let context = EncodeContext {
                id: WireId(id),
                mutation,
                request: None,
            };
            let (encoded, usage) = measure(|| upstream.encode(&message, &context, &mut dst));
            encoded.expect("it can be written");
            usage.allocations
        };
        for id in [7, 1, 70_000] {
            assert_eq!(allocations(id, &mutation), 0, "{form} under id {id}");
        }
        mutation.set("rpc_timeout", "50");
        mutation.set("tag", "canary");
        let found = allocations(1, &mutation);
        assert!(found <= 2, "{form}: {found}");
    }
}
