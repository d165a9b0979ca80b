//! Bounds on messages, and large ones within them.

use codec_dubbo::wire::{ResponseBuilder, Serialization, message};
use serde_json::json;

use crate::{
    provider::Provider,
    scene::{Scene, Setup, eventually},
    wire::{Frame, HEAD_BYTES, Wire, answer, error, hello, said, say},
};

const LIMIT: usize = 1000;

async fn limited(provider: &Provider) -> Scene {
    let setup = Setup::to(provider).codec(json!({ "max_payload_bytes": LIMIT }));
    setup.start().await
}

/// A call whose body is of that length.
fn of_length(id: u64, length: usize) -> Vec<u8> {
    let least = say(id, &"x".repeat(600)).len() - HEAD_BYTES - 600;
    let call = say(id, &"x".repeat(length - least));
    assert_eq!(call.len() - HEAD_BYTES, length);
    call
}

fn too_large(reply: &Frame, id: u64) {
    let reply = reply.answer();
    assert_eq!((reply.id, error(&reply).0), (id, 40));
    assert!(
        error(&reply).1.starts_with("message_too_large: "),
        "{reply:?}"
    );
}

#[tokio::test]
async fn a_call_over_the_limit_is_answered_and_not_sent() {
    let provider = Provider::bind().await;
    let scene = limited(&provider).await;
    let mut client = scene.connect().await;
    client.send(of_length(1, LIMIT + 1)).await;
    too_large(&client.next().await, 1);
    client.send(of_length(2, LIMIT)).await;
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    assert_eq!(call.with_id(2).0, of_length(2, LIMIT));
    // Before it, behind it, and between others, in one write.
    let calls = [
        say(3, "a"),
        of_length(4, LIMIT + 1),
        say(5, &"x".repeat(200_000)),
        say(6, "b"),
        of_length(7, LIMIT + 1),
    ];
    client.send(calls.concat()).await;
    for id in [4, 5, 7] {
        too_large(&client.next().await, id);
    }
    for text in ["a", "b"] {
        assert_eq!(upstream.next().await.text(), text);
    }
    assert_eq!(scene.count("request_too_large"), 4);
    upstream.send(answer(&call, "at the limit")).await;
    assert_eq!(said(&client.next().await.answer()), "at the limit");
}

#[tokio::test]
async fn it_may_come_in_pieces() {
    let provider = Provider::bind().await;
    let scene = limited(&provider).await;
    let mut client = scene.connect().await;
    let long = say(1, &"x".repeat(30_000));
    for piece in [&long[..10], &long[10..16], &long[16..17], &long[17..20_000]] {
        client.send(piece).await;
        tokio::task::yield_now().await;
    }
    too_large(&client.next().await, 1);
    client.send([&long[20_000..], &say(2, "a")].concat()).await;
    let mut upstream = provider.accept().await;
    assert_eq!(upstream.next().await.text(), "a");
}

#[tokio::test]
async fn a_reply_to_one_keeps_its_place_among_equal_ids() {
    let provider = Provider::bind().await;
    let scene = limited(&provider).await;
    let mut client = scene.connect().await;
    client
        .send([say(1, "a"), of_length(1, LIMIT + 1), say(1, "b")].concat())
        .await;
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    upstream.send(answer(&call, "first")).await;
    assert_eq!(said(&client.next().await.answer()), "first");
    too_large(&client.next().await, 1);
    let call = upstream.next().await;
    upstream.send(answer(&call, "third")).await;
    assert_eq!(said(&client.next().await.answer()), "third");
}

#[tokio::test]
async fn the_limit_is_hessians_and_all_others() {
    let provider = Provider::bind().await;
    let scene = limited(&provider).await;
    let mut client = scene.connect().await;
    for number in 0..32 {
        let form = Frame(vec![0, 0, number]).serialization();
        client
            .send(message(0xc0, 0, 5, form, &[0; LIMIT + 1]))
            .await;
        too_large(&client.next().await, 5);
    }
    assert_eq!(scene.upstream("rq_total"), 0);
}

#[tokio::test]
async fn an_answer_over_the_limit_fails_its_call_alone() {
    let provider = Provider::bind().await;
    let scene = limited(&provider).await;
    let (mut client, mut other) = (scene.connect().await, scene.connect().await);
    client.send(say(1, "a")).await;
    let mut upstream = provider.accept().await;
    let long = upstream.next().await;
    client.send(say(2, "b")).await;
    let short = upstream.next().await;
    other.send(say(1, "c")).await;
    let others = upstream.next().await;
    let answers = [
        answer(&long, &"x".repeat(100_000)),
        answer(&others, "for the other"),
        answer(&short, "short"),
    ];
    upstream.send(answers.concat()).await;
    let reply = client.next().await.answer();
    assert_eq!(reply.id, 1);
    assert_ne!(reply.status, 20);
    let text = format!("message_too_large: response of {}: ", provider.address);
    assert!(error(&reply).1.starts_with(&text), "{reply:?}");
    assert_eq!(said(&client.next().await.answer()), "short");
    assert_eq!(said(&other.next().await.answer()), "for the other");
    // One that nobody waits for, a byte at a time.
    let stray = ResponseBuilder::value("x".repeat(2000)).id(1 << 40).build();
    for piece in stray.chunks(100) {
        upstream.send(piece).await;
    }
    client.send(say(3, "d")).await;
    let call = upstream.next().await;
    upstream.send(answer(&call, "d")).await;
    assert_eq!(said(&client.next().await.answer()), "d");
    assert_eq!(scene.upstream("cx_total"), 1);
    assert_eq!(scene.upstream("rq_unknown_response"), 1);
}

#[tokio::test]
async fn a_call_that_a_mutation_makes_too_long_is_not_sent() {
    let provider = Provider::bind().await;
    let setup = Setup::to(&provider).codec(json!({ "max_payload_bytes": LIMIT }));
    let setup = setup.route(|route| route.request_mutation.set("added", "by the route"));
    let scene = setup.start().await;
    let mut client = scene.connect().await;
    client.send(say(1, "a")).await;
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    assert_eq!(call.call().attachment("added"), Some("by the route"));
    client.send(of_length(2, LIMIT - 3)).await;
    too_large(&client.next().await, 2);
    upstream.send(answer(&call, "b")).await;
    assert_eq!(said(&client.next().await.answer()), "b");
}

async fn there_and_back(client: &mut Wire, provider: &Provider, bodies: &[&[u8]]) {
    let form = Serialization::Other(8);
    let mut upstream = None;
    for body in bodies {
        let call = message(0xc0, 0, 7, form, body);
        let answer = message(0, 20, 7, form, body);
        let serving = async {
            let upstream = match &mut upstream {
                Some(upstream) => upstream,
                none => none.insert(provider.accept().await),
            };
            let came = upstream.next().await;
            assert!(came.with_id(7).0 == call, "as it came");
            upstream
                .send(Frame(answer.clone()).with_id(came.id()).0)
                .await;
        };
        let calling = async {
            let (mut reading, mut writing) = client.stream.split();
            let mut came = vec![0; answer.len()];
            let write = tokio::io::AsyncWriteExt::write_all(&mut writing, &call);
            let read = tokio::io::AsyncReadExt::read_exact(&mut reading, &mut came);
            let (written, read) = tokio::join!(write, read);
            written.expect("it is taken");
            read.expect("it is answered");
            came
        };
        let (came, ()) = tokio::join!(calling, serving);
        assert!(came == answer, "as it came back");
    }
}

#[tokio::test]
async fn megabytes_pass_both_ways() {
    let body: Vec<u8> = (0..8u32 << 20).map(|n| (n ^ n >> 11) as u8).collect();
    for exclusive in [false, true] {
        let provider = Provider::bind().await;
        let setup = Setup::to(&provider);
        let setup = if exclusive { setup.exclusive() } else { setup };
        let scene = setup.start().await;
        let mut client = scene.connect().await;
        let bodies = [&body[..1 << 20], &body, &body[..70_000], &body[..1]];
        there_and_back(&mut client, &provider, &bodies).await;
        assert_eq!(scene.upstream("cx_total"), 1);
    }
}

#[tokio::test]
async fn the_limit_is_eight_mebibytes_and_can_be_raised() {
    let body = vec![7; (8 << 20) + 1];
    let form = Serialization::Other(8);
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    client.send(message(0xc0, 0, 1, form, &body)).await;
    too_large(&client.next().await, 1);
    eventually("it is skipped", || {
        scene.count("downstream_cx_rx_bytes_total") > 8 << 20
    })
    .await;

    let raised = Setup::to(&provider).codec(json!({ "max_payload_bytes": 16 << 20 }));
    let scene = raised.start().await;
    let mut client = scene.connect().await;
    there_and_back(&mut client, &provider, &[&body]).await;
}

#[tokio::test]
async fn long_texts_pass_in_both_serializations() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    let text = "Grüße, 世界 😀. ".repeat(20_000);
    client.send(say(0, "a")).await;
    let mut upstream = provider.accept().await;
    upstream.next().await;
    for form in [Serialization::Hessian2, Serialization::Fastjson2] {
        let call = hello(1).serialization(form).argument(text.as_str());
        client.send(call.build()).await;
        let call = upstream.next().await;
        assert!(call.text() == text);
        upstream.send(answer(&call, &text)).await;
        assert!(said(&client.next().await.answer()) == text);
    }
}
