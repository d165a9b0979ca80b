//! What reading and writing a call costs, in every form.
//!
//! `cargo bench -p codec-thrift`; words on the command line choose cases by name.

use std::{hint::black_box, time::Instant};

use bytes::BytesMut;
use codec_thrift::{
    Thrift, ThriftConfig,
    wire::{Form, MessageBuilder},
};
use meta_core::{
    Codec, Decoded, EncodeContext, Extension, FrameBuf, Limits, Message, Mutation, Role, WireId,
};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let chosen: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    println!(
        "{:42} {:>9} {:>12} {:>12}",
        "ns per message", "bytes", "decode", "encode"
    );
    for form in Form::ALL {
        for (what, call) in cases(form) {
            let name = format!("{form}, {what}");
            if chosen.is_empty() || chosen.iter().any(|word| name.contains(word)) {
                let call = call.build();
                let [decode, encode] = measure(&call);
                let bytes = call.len();
                println!("{name:42} {bytes:>9} {decode:>12.1} {encode:>12.1}");
            }
        }
    }
    if chosen.is_empty() || chosen.iter().any(|word| "byte by byte".contains(&**word)) {
        println!();
        println!(
            "{:42} {:>9} {:>12}",
            "ns per byte, byte by byte", "bytes", "decode"
        );
        for form in Form::ALL {
            for fields in [100, 10_000] {
                let call = many(form, fields).build();
                let (bytes, cost) = (call.len(), byte_by_byte(&call));
                println!("{:42} {bytes:>9} {cost:>12.1}", form.to_string());
            }
        }
    }
}

fn cases(form: Form) -> Vec<(&'static str, MessageBuilder)> {
    vec![
        ("a string of 128 B", call(form).string(1, &"x".repeat(128))),
        ("10 fields, 128 B", few(form)),
        (
            "a string of 1 KiB",
            call(form).string(1, &"x".repeat(1 << 10)),
        ),
        ("1,000 fields", many(form, 1_000)),
        (
            "a string of 1 MiB",
            call(form).string(1, &"x".repeat(1 << 20)),
        ),
    ]
}

fn call(form: Form) -> MessageBuilder {
    MessageBuilder::call(form, "sayHello").seqid(7)
}

/// Short strings and numbers, which are most of what is sent.
fn few(form: Form) -> MessageBuilder {
    (1..=5).fold(call(form), |call, n| {
        call.string(2 * n, "a short one").int(2 * n + 1, 70_000)
    })
}

fn many(form: Form, fields: i16) -> MessageBuilder {
    (1..=fields).fold(call(form), |call, n| call.int(n, i32::from(n) * 1000))
}

/// Nanoseconds for decoding and for encoding under another id: the best of
/// several rounds.
fn measure(call: &[u8]) -> [f64; 2] {
    let factory = Thrift
        .configure(ThriftConfig::default())
        .expect("a good configuration");
    let mut reader = factory.codec(Role::Downstream, &Limits::default());
    let mut writer = factory.codec(Role::Upstream, &Limits::default());
    // As many as one read may bring.
    let batch = ((16 << 10) / call.len()).clamp(1, 16);
    // Short, so that some of them are not interrupted on a busy machine.
    let rounds = ((1 << 20) / (batch * call.len())).clamp(1, 100);
    let mut best = [f64::MAX; 2];
    let calls = call.repeat(batch);
    let mut messages = Vec::with_capacity(batch);
    let mut dst = FrameBuf::new();
    for _ in 0..200 {
        let mut spent = [0; 2];
        for _ in 0..rounds {
            let mut src = BytesMut::from(&calls[..]);
            messages.clear();
            spent[0] += timed(|| decode_all(&mut *reader, &mut src, &mut messages));
            spent[1] += timed(|| encode_all(&mut *writer, &messages, &mut dst));
            dst.advance(dst.len());
        }
        for (best, spent) in best.iter_mut().zip(spent) {
            *best = best.min(spent as f64 / (batch * rounds) as f64);
        }
    }
    best
}

fn timed(work: impl FnOnce()) -> u128 {
    let start = Instant::now();
    work();
    start.elapsed().as_nanos()
}

fn decode_all(codec: &mut dyn Codec, src: &mut BytesMut, messages: &mut Vec<Message>) {
    while !src.is_empty() {
        match codec.decode(src) {
            Ok(Decoded::Message(message)) => messages.push(message),
            other => panic!("a whole message, not {other:?}"),
        }
    }
}

fn encode_all(codec: &mut dyn Codec, messages: &[Message], dst: &mut FrameBuf) {
    for message in messages {
        let context = EncodeContext {
            id: WireId(8),
            mutation: &Mutation::new(),
            request: None,
        };
        let encoded = codec.encode(message, &context, dst);
        black_box(encoded.expect("it can be written"));
    }
}

/// Nanoseconds for each byte of a message that comes one byte at a time. They
/// should not depend on how long it is.
fn byte_by_byte(call: &[u8]) -> f64 {
    let factory = Thrift
        .configure(ThriftConfig::default())
        .expect("a good configuration");
    let mut best = f64::MAX;
    for _ in 0..20 {
        let mut reader = factory.codec(Role::Downstream, &Limits::default());
        let mut src = BytesMut::with_capacity(call.len());
        let spent = timed(|| {
            for byte in call {
                src.extend_from_slice(&[*byte]);
                black_box(reader.decode(&mut src).expect("it is right"));
            }
        });
        assert!(src.is_empty(), "it is whole");
        best = best.min(spent as f64 / call.len() as f64);
    }
    best
}
