//! What is no Dubbo, or not the whole of it.

use codec_dubbo::wire::{Serialization, ping, pong};

use crate::{
    provider::{Greeter, Provider},
    scene::{Setup, eventually},
    wire::{HEAD_BYTES, Wire, answer, error, hello, said, say},
};

/// A header that announces so many bytes.
fn head(flags: u8, id: u64, length: u32) -> Vec<u8> {
    let form = Serialization::Hessian2;
    let mut head = codec_dubbo::wire::message(flags, 0, id, form, b"");
    head[12..].copy_from_slice(&length.to_be_bytes());
    head
}

#[tokio::test]
async fn garbage_ends_its_connection_alone() {
    let greeter = Greeter::start("v1").await;
    let scene = Setup::to_greeters([&greeter]).start().await;
    let mut other = scene.connect().await;
    let garbage: [&[u8]; 8] = [
        b"status\r\n",
        b"\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x02\0",
        b"\xda",
        b"\xda\xbc",
        b"\xbb\xda\xc2\0",
        &[0; 100],
    ];
    for (n, garbage) in (1..).zip(garbage) {
        let mut client = scene.connect().await;
        client.send(ping(1)).await;
        assert_eq!(client.next().await.0, pong(1));
        client.send(garbage).await;
        if garbage == b"\xda" {
            // It could still be Dubbo.
            client.send(b"\xda").await;
        }
        client.end().await;
        let errors = || scene.count("request_decoding_error");
        eventually("it is counted", || errors() == n).await;
        assert_eq!(other.say(n, "a").await, "v1: a");
    }
    assert_eq!(scene.count("response_error_caused_connection_close"), 8);
}

#[tokio::test]
async fn calls_before_garbage_are_answered() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    client.send([&say(1, "a")[..], b"quit\r\n"].concat()).await;
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    upstream.send(answer(&call, "b")).await;
    assert_eq!(said(&client.next().await.answer()), "b");
    client.end().await;
}

#[tokio::test]
async fn a_call_cut_off_reaches_nobody() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let call = say(2, "b");
    for (n, cut) in (1..).zip([1, 3, HEAD_BYTES, HEAD_BYTES + 1, call.len() - 1]) {
        let mut client = scene.connect().await;
        client.send(&call[..cut]).await;
        client.finish().await;
        client.end().await;
        assert_eq!(scene.count("request_decoding_error"), n);
    }
    assert_eq!(scene.count("request"), 0);
    assert_eq!(scene.upstream("rq_total"), 0);
}

#[tokio::test]
async fn lengths_that_cannot_be_are_refused_at_once() {
    let greeter = Greeter::start("v1").await;
    let scene = Setup::to_greeters([&greeter]).start().await;
    let mut other = scene.connect().await;
    for length in [u32::MAX, u32::MAX - 16, 1 << 31, i32::MAX as u32] {
        let mut client = scene.connect().await;
        client.send(head(0xc0, 9, length)).await;
        let reply = client.next().await.answer();
        assert_eq!((reply.id, error(&reply).0), (9, 40));
        assert!(
            error(&reply).1.starts_with("message_too_large: "),
            "{reply:?}"
        );
        client.end().await;
        let mut client = scene.connect().await;
        client.send(head(0x80, 9, length)).await;
        client.end().await;
        assert_eq!(other.say(1, "a").await, "v1: a");
    }
    assert_eq!(scene.count("request_too_large"), 8);
}

#[tokio::test]
async fn a_call_without_a_body_is_refused() {
    let greeter = Greeter::start("v1").await;
    let scene = Setup::to_greeters([&greeter]).start().await;
    let mut client = scene.connect().await;
    client.send([head(0xc0, 9, 0), say(10, "a")].concat()).await;
    let reply = client.next().await.answer();
    assert_eq!((reply.id, error(&reply).0), (9, 40));
    assert_eq!(said(&client.next().await.answer()), "v1: a");
}

#[tokio::test]
async fn values_nested_without_end_are_refused() {
    let greeter = Greeter::start("v1").await;
    let scene = Setup::to_greeters([&greeter]).start().await;
    let mut client = scene.connect().await;
    let body = |tag: u8| {
        let mut call = hello(9)
            .descriptor("Ljava/util/List;")
            .without_attachments();
        call = call.argument("PLACE");
        let bytes = call.build();
        let at = bytes
            .windows(5)
            .position(|at| at == b"PLACE")
            .expect("it is there");
        let body = [&bytes[HEAD_BYTES..at - 1], &[tag; 100_000]].concat();
        codec_dubbo::wire::message(0xc0, 0, 9, Serialization::Hessian2, &body)
    };
    // Lists of one list, and maps whose first key is a map.
    for tag in [0x79, b'H', b'W'] {
        let reply = client.ask(body(tag)).await;
        assert_eq!((reply.id, error(&reply).0), (9, 40), "{tag}");
        assert_eq!(client.say(1, "a").await, "v1: a");
    }
}

#[tokio::test]
async fn attachments_beyond_measure_are_refused() {
    let greeter = Greeter::start("v1").await;
    let scene = Setup::to_greeters([&greeter]).start().await;
    let mut client = scene.connect().await;
    let many = (0..1100).fold(hello(9), |call, n| {
        call.attachment(&format!("key {n}"), "a")
    });
    let long = hello(9).attachment("key", "x".repeat(70_000));
    for call in [many, long] {
        let reply = client.ask(call.build()).await;
        assert_eq!((reply.id, error(&reply).0), (9, 40));
        assert!(
            error(&reply).1.starts_with("message_too_large: "),
            "{reply:?}"
        );
        assert_eq!(client.say(1, "a").await, "v1: a");
    }
    let within = hello(9).argument("a").attachment("key", "x".repeat(60_000));
    let answer = client.ask(within.build()).await;
    assert_eq!(said(&answer), "v1: a");
}

/// Sends a call, has its answer be `bytes`, and returns the error that the
/// client gets.
async fn answered_with(provider: &Provider, client: &mut Wire, bytes: &[u8]) -> (u8, String) {
    client.send(say(3, "a")).await;
    let mut upstream = provider.accept().await;
    upstream.next().await;
    upstream.send(bytes).await;
    let reply = client.next().await.answer();
    assert_eq!(reply.id, 3);
    upstream.end().await;
    let (status, text) = error(&reply);
    (status, text.to_owned())
}

#[tokio::test]
async fn garbage_from_a_provider_fails_its_calls_alone() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    let unknown = 77;
    for garbage in [
        &b"dubbo>"[..],
        b"Unsupported command: status\r\ndubbo>",
        &[0; 64],
        &head(0, unknown, u32::MAX),
        &head(0, unknown, 1 << 31),
    ] {
        let (status, text) = answered_with(&provider, &mut client, garbage).await;
        assert!(status == 50 || status == 40, "{status} {text}");
        let address = provider.address.to_string();
        assert!(text.contains(&address), "{text}");
    }
    assert_eq!(scene.upstream("cx_protocol_error"), 5);
    client.send(say(4, "a")).await;
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    upstream.send(answer(&call, "b")).await;
    assert_eq!(said(&client.next().await.answer()), "b");
    scene.at_rest().await;
}

#[tokio::test]
async fn an_answer_without_a_body_fails_its_call_alone() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    client.send([say(1, "a"), say(2, "b")].concat()).await;
    let mut upstream = provider.accept().await;
    let (empty, good) = (upstream.next().await, upstream.next().await);
    let mut nothing = head(0, empty.id(), 0);
    nothing[3] = 20;
    upstream.send([nothing, answer(&good, "b")].concat()).await;
    let reply = client.next().await.answer();
    assert_eq!((reply.id, error(&reply).0), (1, 50));
    assert_eq!(said(&client.next().await.answer()), "b");
}

#[tokio::test]
async fn an_event_of_a_providers_that_is_too_long_is_skipped() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    client.send(say(1, "a")).await;
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    let form = Serialization::Hessian2;
    let event = codec_dubbo::wire::message(0xa0, 0, 1, form, b"\x0fREGISTRY_CHANGED");
    upstream.send([event, answer(&call, "b")].concat()).await;
    let answered = client.next().await.answer();
    assert_eq!((answered.status, said(&answered)), (20, "b"));
}
