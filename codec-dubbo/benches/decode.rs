//! What reading and writing a request costs.
//!
//! `cargo bench -p codec-dubbo`; words on the command line choose cases by name.

use std::{hint::black_box, time::Instant};

use bytes::BytesMut;
use codec_dubbo::{
    Dubbo, DubboConfig,
    wire::{RequestBuilder, Serialization, Value, message},
};
use meta_core::{
    Codec, Decoded, EncodeContext, Extension, FrameBuf, Limits, Message, Mutation, Role, WireId,
};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Stands for a number that is another one in each request.
const NUMBER: &str = "0000000000000000";

fn main() {
    let chosen: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    println!(
        "{:34} {:>9} {:>12} {:>12} {:>12}",
        "ns per message", "bytes", "decode", "encode", "set one"
    );
    for (name, request) in cases() {
        if chosen.is_empty() || chosen.iter().any(|word| name.contains(word)) {
            let [decode, encode, set] = measure(&request);
            let bytes = request.len();
            println!("{name:34} {bytes:>9} {decode:>12.1} {encode:>12.1} {set:>12.1}");
        }
    }
}

fn cases() -> Vec<(String, Vec<u8>)> {
    let mut cases = Vec::new();
    for (size, bytes) in [("128 B", 128), ("1 KiB", 1 << 10), ("1 MiB", 1 << 20)] {
        for form in [Serialization::Hessian2, Serialization::Fastjson2] {
            let name = |what: &str| format!("{form:?}, {size}, {what}");
            cases.push((
                name("string"),
                call(form).argument("x".repeat(bytes)).build(),
            ));
            cases.push((name("objects"), call(form).argument(orders(bytes)).build()));
        }
        let hessian = Serialization::Hessian2;
        let chinese = call(hessian).argument("中".repeat(bytes / 3)).build();
        cases.push((format!("Hessian2, {size}, Chinese string"), chinese));
        let text = "x".repeat(bytes);
        for form in [Serialization::Hessian2, Serialization::Fastjson2] {
            let traced = call(form).argument(&*text).attachment("trace", NUMBER);
            cases.push((format!("{form:?}, {size}, string, traced"), traced.build()));
        }
        let unread = message(0xc0, 0, 7, Serialization::Other(7), &vec![1; bytes + 200]);
        cases.push((format!("unread, {size}"), unread));
    }
    cases
}

/// A call as a 3.x client sends it.
fn call(form: Serialization) -> RequestBuilder {
    RequestBuilder::new("com.example.Greeter", "sayHello")
        .id(7)
        .serialization(form)
        .attachment("timeout", "3000")
        .attachment("remote.application", "consumer")
}

/// A list of objects of about so many bytes.
fn orders(bytes: usize) -> Value {
    let order = |number| {
        Value::object(
            "com.example.Order",
            [
                ("number", Value::Int(number)),
                ("customer", "a customer's name".into()),
                ("price", Value::Double(0.25)),
                ("at", Value::Date(1_700_000_000_000)),
                ("paid", true.into()),
            ],
        )
    };
    Value::List((0..).map(order).take(bytes.div_ceil(41)).collect())
}

/// Nanoseconds for decoding, encoding under another id, and encoding with an
/// attachment set: the best of several rounds.
fn measure(request: &[u8]) -> [f64; 3] {
    let factory = Dubbo
        .configure(DubboConfig::default())
        .expect("a good configuration");
    let mut reader = factory.codec(Role::Downstream, &Limits::default());
    let mut writer = factory.codec(Role::Upstream, &Limits::default());
    // As many as one read may bring.
    let batch = ((16 << 10) / request.len()).clamp(1, 16);
    // Short, so that some of them are not interrupted on a busy machine.
    let rounds = ((2 << 20) / (batch * request.len())).clamp(1, 100);
    let untouched = Mutation::new();
    let mut set = Mutation::new();
    set.set("tag", "canary");
    let mut best = [f64::MAX; 3];
    let mut requests = request.repeat(batch);
    let mut next = 0;
    let mut messages = Vec::with_capacity(batch);
    let mut dst = FrameBuf::new();
    for _ in 0..300 {
        let mut spent = [0; 3];
        for _ in 0..rounds {
            number(&mut requests, &mut next);
            let mut src = BytesMut::from(&requests[..]);
            messages.clear();
            spent[0] += timed(|| decode_all(&mut *reader, &mut src, &mut messages));
            for (spent, mutation) in spent[1..].iter_mut().zip([&untouched, &set]) {
                *spent += timed(|| encode_all(&mut *writer, &messages, mutation, &mut dst));
                dst.advance(dst.len());
            }
        }
        for (best, spent) in best.iter_mut().zip(spent) {
            *best = best.min(spent as f64 / (batch * rounds) as f64);
        }
    }
    best
}

/// Gives each request that has a number the next one.
fn number(requests: &mut [u8], next: &mut u64) {
    let mut rest = requests;
    let is_number = |bytes: &[u8]| bytes.starts_with(b"trace");
    while let Some(at) = rest.windows(5).position(is_number) {
        let behind = &mut rest[at + 6..];
        let (number, behind) = behind.split_at_mut(NUMBER.len());
        number.copy_from_slice(format!("{next:016}").as_bytes());
        *next += 1;
        rest = behind;
    }
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

fn encode_all(
    codec: &mut dyn Codec,
    messages: &[Message],
    mutation: &Mutation,
    dst: &mut FrameBuf,
) {
    for message in messages {
        let context = EncodeContext {
            id: WireId(8),
            mutation,
            request: None,
        };
        let encoded = codec.encode(message, &context, dst);
        black_box(encoded.expect("it can be written"));
    }
}
