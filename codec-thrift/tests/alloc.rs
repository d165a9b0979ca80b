//! What messages cost in memory.

use bytes::BytesMut;
use codec_thrift::{
    Thrift, ThriftConfig,
    wire::{Form, MessageBuilder, Transport},
};
use meta_codec_test::alloc::{Counting, Usage, measure};
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

/// Calls as they stand in a read buffer that has been used before.
fn buffer(form: Form, count: usize, body: usize) -> BytesMut {
    let call = MessageBuilder::call(form, "Greeter:sayHello")
        .seqid(7)
        .string(1, &"x".repeat(body))
        .string(2, "y");
    let mut src = BytesMut::from(&call.build().repeat(count + 1)[..]);
    drop(src.split_to(call.build().len()));
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
fn decoding_allocates_the_metadata_and_at_most_a_short_header() {
    for form in Form::ALL {
        let mut codec = codec(Role::Downstream);
        let mut src = buffer(form, 3, 128);
        for n in 0..3 {
            let (message, usage) = decode(&mut *codec, &mut src);
            assert_eq!(message.metadata.get("service"), Some("Greeter"));
            // The first unframed message brings the walker along, and the last has
            // the buffer to itself.
            let walker = form.transport == Transport::Unframed && n == 0;
            let most = 1 + u64::from(walker) + u64::from(n == 2);
            assert!(usage.allocations <= most, "{form}, message {n}: {usage:?}");
        }
    }
}

#[test]
fn a_large_message_costs_a_copy_of_its_header() {
    for form in Form::ALL {
        let mut codec = codec(Role::Downstream);
        let mut src = buffer(form, 2, 1 << 20);
        drop(decode(&mut *codec, &mut src));
        let (message, usage) = decode(&mut *codec, &mut src);
        assert!(usage.allocated_bytes < 1024, "{form}: {usage:?}");
        // The buffer goes with the message, whoever keeps the metadata.
        let metadata = message.metadata.clone();
        let ((), usage) = measure(|| drop((message, src)));
        assert!(usage.kept_bytes < -(1 << 20), "{form}: {usage:?}");
        assert_eq!(metadata.get("method"), Some("sayHello"));
    }
}

#[test]
fn waiting_allocates_nothing() {
    for form in Form::ALL {
        let mut codec = codec(Role::Downstream);
        let mut src = buffer(form, 2, 300);
        drop(decode(&mut *codec, &mut src));
        let all = src.split();
        for byte in all.iter().take(all.len() - 1) {
            src.extend_from_slice(&[*byte]);
            let (decoded, usage) = measure(|| codec.decode(&mut src));
            assert!(matches!(decoded, Ok(Decoded::Need(_))), "{form}");
            assert_eq!(usage.allocations, 0, "{form}");
        }
    }
}

#[test]
fn encoding_allocates_nothing() {
    for form in Form::ALL {
        let mut downstream = codec(Role::Downstream);
        let mut upstream = codec(Role::Upstream);
        let (message, _) = decode(&mut *downstream, &mut buffer(form, 1, 128));
        let mut dst = FrameBuf::new();
        dst.put_slice(&[0; 8 << 10]);
        dst.truncate(0);
        let mutation = Mutation::new();
        for id in [7, 1, 70_000] {
            let context = EncodeContext {
                id: WireId(id),
                mutation: &mutation,
                request: Some(&message.metadata),
            };
            let (encoded, usage) = measure(|| upstream.encode(&message, &context, &mut dst));
            encoded.expect("it can be written");
            assert_eq!(usage.allocations, 0, "{form} under id {id}");
        }
    }
}
