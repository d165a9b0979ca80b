//! What the targets check of each message.

use bytes::BytesMut;
use meta_core::{
    Codec, CodecFactory, Decoded, EncodeContext, FrameBuf, Limits, Message, Mutation, Role, WireId,
};

/// What holds for any codec; besides, a message under another id is the same message,
/// and can be given back its own.
pub(crate) fn check(factory: &dyn CodecFactory, data: &[u8]) {
    meta_codec_test::fuzz(factory, data);
    for role in [Role::Downstream, Role::Upstream] {
        let codec = || factory.codec(role, &Limits::default());
        let other = match role {
            Role::Downstream => Role::Upstream,
            Role::Upstream => Role::Downstream,
        };
        for message in read(&mut *codec(), data) {
            let own = message.metadata.id;
            for id in [0, 5, 70_000, 0xffff_fff0].map(WireId) {
                let write = |message: &Message, id| {
                    let mut codec = factory.codec(other, &Limits::default());
                    written(&mut *codec, message, id)
                };
                let bytes = write(&message, id);
                let found = read(&mut *codec(), &bytes);
                let [found] = &found[..] else {
                    panic!("{} messages in {bytes:02x?}", found.len());
                };
                let (was, is) = (&message.metadata, &found.metadata);
                assert_eq!(is.id, id);
                assert_eq!(is.operation(), was.operation());
                assert_eq!(
                    (is.kind, is.status, is.form),
                    (was.kind, was.status, was.form)
                );
                assert!(is.attributes.iter().eq(was.attributes.iter()));
                // An id may have come in more bytes than it takes.
                let back = write(found, own);
                assert!(back.len() <= message.frame.len(), "{back:02x?}");
                let back = read(&mut *codec(), &back);
                assert_eq!(back.first().map(|back| back.metadata.id), Some(own));
            }
        }
    }
}

/// The messages with which `bytes` begin.
fn read(codec: &mut dyn Codec, bytes: &[u8]) -> Vec<Message> {
    let mut src = BytesMut::from(bytes);
    let mut messages = Vec::new();
    while let Ok(Decoded::Message(message)) = codec.decode(&mut src) {
        messages.push(message);
    }
    messages
}

fn written(codec: &mut dyn Codec, message: &Message, id: WireId) -> Vec<u8> {
    let context = EncodeContext {
        id,
        mutation: &Mutation::new(),
        request: None,
    };
    let mut dst = FrameBuf::new();
    codec
        .encode(message, &context, &mut dst)
        .expect("the id fits");
    dst.to_vec()
}
