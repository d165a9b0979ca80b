//! Reads frames that are TTHeaders at first glance, in both roles, and writes what
//! it read under another id, with pairs changed and on a connection that ends; what
//! was written is read again.

#![no_main]

use std::sync::{Arc, LazyLock};

use bytes::BytesMut;
use codec_thrift::{Thrift, ThriftConfig, TransportChoice};
use libfuzzer_sys::fuzz_target;
use meta_core::{
    Codec, CodecFactory, Control, Decoded, EncodeContext, Encoded, Extension, FrameBuf, Limits,
    Message, MessageKind, Mutation, Role, WireId,
};

static FACTORY: LazyLock<Arc<dyn CodecFactory>> = LazyLock::new(|| {
    let mut config = ThriftConfig::default();
    config.transport = TransportChoice::TtHeader;
    Thrift.configure(config).expect("a good configuration")
});

fuzz_target!(|data: &[u8]| {
    let frame = framed(data);
    meta_codec_test::fuzz(&**FACTORY, &frame);
    for role in [Role::Downstream, Role::Upstream] {
        let Some(message) = decode(&mut *codec(role), &frame) else {
            continue;
        };
        // Under another id it would be none.
        if !matches!(message.kind(), MessageKind::Event(_)) {
            rewritten(role, &message);
        }
    }
});

/// `data` behind a true length, and with the magic, so that more of it is read.
fn framed(data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len() + 2).unwrap_or(u32::MAX);
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend([0x10, 0x00]);
    frame.extend(data);
    frame
}

fn codec(role: Role) -> Box<dyn Codec> {
    FACTORY.codec(role, &Limits::default())
}

fn decode(codec: &mut dyn Codec, bytes: &[u8]) -> Option<Message> {
    match codec.decode(&mut BytesMut::from(bytes)) {
        Ok(Decoded::Message(message)) => Some(message),
        _ => None,
    }
}

/// Writes the message otherwise, and reads that as its receiver does.
fn rewritten(role: Role, message: &Message) {
    let mut mutation = Mutation::new();
    mutation.set("key", "value");
    mutation.set("rpc_timeout", "50");
    mutation.remove("isn");
    mutation.set("acl_token", "secret");
    let mut writer = codec(match role {
        Role::Downstream => Role::Upstream,
        Role::Upstream => Role::Downstream,
    });
    let mut dst = FrameBuf::new();
    writer.control(Control::Goodbye, &mut dst).expect("it can be written");
    assert!(dst.is_empty(), "no call has come on this connection");
    let context = EncodeContext {
        id: WireId(0x0102_0304),
        mutation: &mutation,
        request: None,
    };
    let Ok(encoded) = writer.encode(message, &context, &mut dst) else {
        return;
    };
    let mut limits = Limits::default();
    limits.header_bytes = usize::MAX;
    limits.attributes = usize::MAX;
    let written = dst.to_vec();
    let mut generous = FACTORY.codec(role, &limits);
    let found = decode(&mut *generous, &written).expect("what was written can be read");
    assert_eq!(found.kind(), message.kind());
    assert_eq!(found.metadata.status, message.metadata.status);
    assert_eq!(found.metadata.form, message.metadata.form);
    let body = |message: &Message| message.frame.slice(message.metadata.header_bytes..);
    assert_eq!(body(&found), body(message));
    if encoded == Encoded::Whole {
        assert_eq!(found.metadata.get("key"), Some("value"));
        assert_eq!(found.metadata.get("12"), Some("50"));
        let mut pairs = found.metadata.attributes.iter();
        assert!(pairs.all(|(key, _)| key != "isn"));
    }
}
