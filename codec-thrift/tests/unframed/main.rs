//! Messages of every shape, framed and unframed, as streams really arrive: whole,
//! byte by byte, several in one piece, one over many.

mod body;

use bytes::BytesMut;
use codec_thrift::{
    Thrift, ThriftConfig,
    wire::{Form, MessageBuilder, MessageType, Protocol, Transport},
};
use meta_core::{
    Codec, Decoded, EncodeContext, Extension, FrameBuf, Limits, Message, Mutation, Role, WireId,
};
use proptest::prelude::*;

use crate::body::{Body, Kind};

const ROLES: [(Role, MessageType); 2] = [
    (Role::Downstream, MessageType::Call),
    (Role::Upstream, MessageType::Reply),
];

fn codec(role: Role) -> Box<dyn Codec> {
    let config = ThriftConfig::default();
    let factory = Thrift.configure(config).expect("a good configuration");
    factory.codec(role, &Limits::default())
}

/// A message whose struct of arguments, or of results, is `body`.
fn message(form: Form, kind: MessageType, seqid: i32, body: &Body) -> Vec<u8> {
    let bare = Form::new(Transport::Unframed, form.protocol);
    let mut bytes = MessageBuilder::new(bare, kind, "f").seqid(seqid).build();
    let (empty, end): (&[u8], &[u8]) = match form.protocol {
        Protocol::Json => (b"{}]", b"]"),
        _ => (b"\0", b""),
    };
    assert!(bytes.ends_with(empty));
    bytes.truncate(bytes.len() - empty.len());
    bytes.extend(body.bytes(form.protocol));
    bytes.extend(end);
    match form.transport {
        Transport::Framed => [&(bytes.len() as u32).to_be_bytes(), &bytes[..]].concat(),
        _ => bytes,
    }
}

/// All messages in `bytes`, which come in pieces of these sizes.
fn read(codec: &mut dyn Codec, bytes: &[u8], sizes: &[usize]) -> Vec<Message> {
    let mut src = BytesMut::new();
    let (mut rest, mut messages) = (bytes, Vec::new());
    for size in sizes.iter().cycle() {
        let (piece, behind) = rest.split_at((*size).min(rest.len()));
        src.extend_from_slice(piece);
        rest = behind;
        while !src.is_empty() {
            match codec.decode(&mut src).expect("it is right") {
                Decoded::Message(message) => messages.push(message),
                Decoded::Need(need) => {
                    assert!(need.is_none_or(|need| need.get() > src.len()), "a stall");
                    break;
                }
            }
        }
        if rest.is_empty() {
            break;
        }
    }
    assert!(src.is_empty(), "{} bytes are left", src.len());
    messages
}

fn written(message: &Message, role: Role, id: u64) -> Vec<u8> {
    let other = match role {
        Role::Downstream => Role::Upstream,
        Role::Upstream => Role::Downstream,
    };
    let context = EncodeContext {
        id: WireId(id),
        mutation: &Mutation::new(),
        request: None,
    };
    let mut dst = FrameBuf::new();
    let encoded = codec(other).encode(message, &context, &mut dst);
    encoded.expect("it can be written");
    dst.to_vec()
}

/// In every form and both roles: it is read whole, in pieces of `sizes` and among
/// others, and leaves as it came but for its id.
fn passes(what: &str, body: &Body, sizes: &[usize]) {
    for form in Form::ALL {
        for (role, kind) in ROLES {
            let one = message(form, kind, 7, body);
            let small = MessageBuilder::new(form, kind, "g").seqid(8).build();
            let all = [&small[..], &one, &one, &small].concat();
            for size in sizes {
                let found = read(&mut *codec(role), &all, &[*size]);
                let frames: Vec<_> = found.iter().map(|message| &message.frame[..]).collect();
                let right = frames == [&small[..], &one, &one, &small];
                assert!(right, "{what}, {form}, {role:?}, in pieces of {size}");
                let renamed = message(form, kind, 70_000, body);
                assert!(written(&found[1], role, 7) == one, "{what}, {form}");
                assert!(
                    written(&found[2], role, 70_000) == renamed,
                    "{what}, {form}"
                );
            }
        }
    }
}

fn text(text: &str) -> Body {
    Body::Text(text.into())
}

fn structure(fields: Vec<Body>) -> Body {
    Body::Struct((1..).zip(fields).collect())
}

const PIECES: [usize; 5] = [usize::MAX, 4096, 61, 3, 1];

#[test]
fn every_type_passes() {
    let scalars = || {
        structure(vec![
            Body::Bool(true),
            Body::Bool(false),
            Body::Byte(-1),
            Body::Short(-2),
            Body::Int(i32::MIN),
            Body::Long(i64::MIN),
            Body::Double(-0.25),
            Body::Uuid([0xa5; 16]),
            text("}]\"\\[{\u{1}中"),
            text(""),
        ])
    };
    passes("scalars", &scalars(), &PIECES);
    let bools = vec![Body::Bool(true), Body::Bool(false), Body::Bool(true)];
    let flags = vec![
        (text("on"), Body::Bool(true)),
        (text("off"), Body::Bool(false)),
    ];
    let uuids = vec![Body::Uuid([1; 16]), Body::Uuid([0x22; 16])];
    let numbers = vec![(Body::Int(-5), scalars()), (Body::Int(70_000), scalars())];
    let containers = structure(vec![
        Body::List(Kind::Bool, bools.clone()),
        Body::Set(Kind::Bool, bools.clone()),
        Body::Map(Kind::Text, Kind::Bool, flags),
        Body::List(Kind::Uuid, uuids.clone()),
        Body::Set(Kind::Uuid, uuids),
        Body::Map(Kind::Int, Kind::Struct, numbers),
        Body::List(Kind::List, vec![Body::List(Kind::Bool, bools); 20]),
        Body::List(Kind::Struct, Vec::new()),
        Body::Map(Kind::Int, Kind::Int, Vec::new()),
    ]);
    passes("containers", &containers, &PIECES);
}

#[test]
fn unions_pass() {
    // One field of many, and none.
    let union = |id, value| Body::Struct(vec![(id, value)]);
    let unions = vec![
        union(1, Body::Int(5)),
        union(300, text("the 300th")),
        union(i16::MAX, Body::Bool(false)),
        union(-1, Body::Uuid([9; 16])),
        Body::Struct(Vec::new()),
    ];
    let list = Body::List(Kind::Struct, unions.clone());
    passes("unions", &structure([vec![list], unions].concat()), &PIECES);
}

#[test]
fn deep_structs_pass() {
    let mut nested = structure(vec![text("the innermost"), Body::Int(1)]);
    for _ in 0..64 {
        nested = structure(vec![Body::Bool(true), nested, Body::Int(7)]);
    }
    passes("64 structs", &nested, &PIECES);
    let mut nested = Body::Int(0);
    let mut kind = Kind::Int;
    for _ in 0..64 {
        nested = Body::List(kind, vec![nested]);
        kind = Kind::List;
    }
    passes("64 lists", &structure(vec![nested]), &PIECES);
    let mut nested = structure(vec![Body::Int(1)]);
    for _ in 0..31 {
        let map = Body::Map(Kind::Text, Kind::Struct, vec![(text("key"), nested)]);
        nested = structure(vec![map]);
    }
    passes("31 structs in maps", &nested, &PIECES);
}

#[test]
fn wide_structs_pass() {
    let fields = (1..=10_000).map(|id| match id % 3 {
        0 => (id, Body::Int(id.into())),
        1 => (id, text("a field of many")),
        _ => (id, Body::Bool(true)),
    });
    let wide = Body::Struct(fields.collect());
    passes("10,000 fields", &wide, &[usize::MAX, 64 << 10, 61]);
}

#[test]
fn long_lists_pass() {
    let numbers = Body::List(Kind::Int, (0..1_000_000).map(Body::Int).collect());
    let numbers = structure(vec![numbers]);
    for form in Form::ALL {
        let sent = message(form, MessageType::Call, 7, &numbers);
        let found = read(&mut *codec(Role::Downstream), &sent, &[64 << 10]);
        assert!(found[0].frame == sent, "{form}");
        assert!(written(&found[0], Role::Downstream, 7) == sent, "{form}");
    }
    let element = |n| structure(vec![Body::Int(n), Body::Bool(true)]);
    let structs = Body::List(Kind::Struct, (0..10_000).map(element).collect());
    passes("structs", &structure(vec![structs]), &[64 << 10, 61]);
}

/// Hundreds of thousands of bytes, one by one: were any looked at again, this would not end.
#[test]
fn nothing_is_read_twice() {
    let texts = Body::List(Kind::Text, vec![text("16 bytes of text"); 15_000]);
    let body = structure(vec![texts]);
    for form in Form::ALL {
        let message = message(form, MessageType::Call, 7, &body);
        let found = read(&mut *codec(Role::Downstream), &message, &[1]);
        assert_eq!(found[0].frame.len(), message.len(), "{form}");
    }
}

proptest! {
    /// The protocol may change with every message, the transport stays.
    #[test]
    fn mixed_messages_are_kept_apart(
        picks in prop::collection::vec((0usize..4, 0usize..3000, any::<i32>()), 1..12),
        sizes in prop::collection::vec(1usize..900, 1..12),
        (framed, reply) in (any::<bool>(), any::<bool>()),
    ) {
        let transport = if framed { Transport::Framed } else { Transport::Unframed };
        let (role, kind) = ROLES[usize::from(reply)];
        let protocols = [Protocol::Binary, Protocol::OldBinary, Protocol::Compact, Protocol::Json];
        let sent: Vec<Vec<u8>> = picks
            .iter()
            .map(|(protocol, bytes, seqid)| {
                let form = Form::new(transport, protocols[*protocol]);
                let builder = MessageBuilder::new(form, kind, "method").seqid(*seqid);
                builder.string(0, &"]\"".repeat(bytes / 2)).int(1, *seqid).build()
            })
            .collect();
        let found = read(&mut *codec(role), &sent.concat(), &sizes);
        let found: Vec<Vec<u8>> = found.iter().map(|message| message.frame.to_vec()).collect();
        prop_assert!(found == sent);
    }
}
