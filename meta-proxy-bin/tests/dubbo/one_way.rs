//! Calls that want no answer.

use codec_dubbo::wire::{Serialization, message};

use crate::{
    provider::{Greeter, Provider},
    scene::Setup,
    wire::{REQUEST, Wire, answer, error, hello, said, say},
};

fn notice(id: u64, text: &str) -> Vec<u8> {
    hello(id).one_way().argument(text).build()
}

#[tokio::test]
async fn they_keep_their_place_among_other_calls() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    let mut bytes = Vec::new();
    for n in 0..200u64 {
        let text = n.to_string();
        match n % 3 {
            0 => bytes.extend(say(n, &text)),
            _ => bytes.extend(notice(n, &text)),
        }
    }
    client.send(bytes).await;
    let mut upstream = provider.accept().await;
    for n in 0..200 {
        let call = upstream.next().await;
        assert_eq!(call.text(), n.to_string());
        assert_eq!(call.call().two_way, n % 3 == 0);
        if n % 3 == 0 {
            upstream.send(answer(&call, "a")).await;
        }
    }
    for n in (0..200).step_by(3) {
        assert_eq!(client.next().await.answer().id, n);
    }
    assert_eq!(scene.upstream("cx_total"), 1);
    scene.at_rest().await;
}

#[tokio::test]
async fn an_answer_to_one_goes_nowhere() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    client.send(notice(1, "a")).await;
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    upstream.send(answer(&call, "unasked")).await;
    client.send(say(1, "b")).await;
    let call = upstream.next().await;
    upstream.send(answer(&call, "asked")).await;
    assert_eq!(said(&client.next().await.answer()), "asked");
    assert_eq!(scene.upstream("rq_unknown_response"), 1);
}

/// What comes back after many failed one-way calls is the answer to the call.
async fn first_reply(client: &mut Wire) -> (u64, u8) {
    let reply = client.ask(say(99, "a")).await;
    (reply.id, error(&reply).0)
}

#[tokio::test]
async fn their_errors_are_kept_from_the_client() {
    let free = Provider::bind().await;
    let setup = Setup::to(&free).codec(serde_json::json!({ "max_payload_bytes": 500 }));
    drop(free);
    let scene = setup.start().await;
    let mut client = scene.connect().await;
    for id in 0..3 {
        client.send(notice(id, "nobody is there")).await;
        client.send(notice(id, &"too long".repeat(100))).await;
        let mismatch = hello(id).one_way().body_path("other");
        client.send(mismatch.build()).await;
        let empty = message(REQUEST, 0, id, Serialization::Hessian2, b"");
        client.send(empty).await;
    }
    assert_eq!(first_reply(&mut client).await, (99, 80));
    assert_eq!(scene.count("request_too_large"), 3);
    scene.at_rest().await;
}

#[tokio::test]
async fn many_of_them_leave_nothing() {
    const MANY: u64 = 20_000;
    let greeter = Greeter::start("v1").await;
    let scene = Setup::to_greeters([&greeter]).start().await;
    let (mut notes, mut calls) = (scene.connect().await, scene.connect().await);
    let all: Vec<u8> = (0..100).flat_map(|id| notice(id, "take note")).collect();
    for _ in 0..MANY / 100 {
        notes.send(&all).await;
        assert_eq!(calls.say(1, "a").await, "v1: a");
    }
    assert_eq!(notes.say(7, "the end").await, "v1: the end");
    assert_eq!(greeter.calls(), MANY + MANY / 100 + 1);
    assert_eq!(scene.count("request_oneway"), MANY);
    assert_eq!(scene.upstream("cx_total"), 1);
    scene.at_rest().await;
}
