//! Heartbeats are each connection's own.

use std::time::{Duration, Instant};

use codec_dubbo::wire::{Serialization, message, ping, ping_in, pong};
use meta_proxy::meta_codec::Heartbeat;

use crate::{
    provider::Provider,
    scene::Setup,
    wire::{EVENT, REQUEST, TWO_WAY, answer, error, hello, said, say},
};

const FAST: Heartbeat = Heartbeat {
    interval: Duration::from_millis(40),
    misses: 2,
};

fn callback_registration(id: u64) -> Vec<u8> {
    hello(id)
        .argument("listen")
        .attachment("sys_callback_arg-1", "7")
        .build()
}

/// Pings, each with its serialization's own null.
fn pings() -> Vec<Vec<u8>> {
    let flags = REQUEST | TWO_WAY | EVENT;
    let other = |number, body: &[u8]| {
        let serialization = Serialization::Other(number);
        message(flags, 0, 5, serialization, body)
    };
    vec![
        ping(0),
        ping(u64::MAX),
        ping_in(Serialization::Fastjson2, 23),
        other(8, b"\x01"),
        other(7, b"\xac\xed\0\x05p"),
        other(6, b"null"),
        other(21, b"123456789012345"),
        other(31, b""),
    ]
}

/// The answer to a ping that it has to be: the same, but for flags and status.
fn answered(ping: &[u8]) -> Vec<u8> {
    let mut pong = ping.to_vec();
    pong[2] &= !(REQUEST | TWO_WAY);
    pong[3] = 20;
    pong
}

#[tokio::test]
async fn a_clients_are_answered_and_go_no_further() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    for ping in pings() {
        client.send(&ping).await;
        assert_eq!(client.next().await.0, answered(&ping));
    }
    let together: Vec<u8> = pings().concat();
    client.send(&together).await;
    for ping in pings() {
        assert_eq!(client.next().await.0, answered(&ping));
    }
    client.send(say(1, "a")).await;
    let mut upstream = provider.accept().await;
    assert_eq!(upstream.next().await.text(), "a", "the first to come");
    // While it waits for its answer as well.
    client.send(ping(2)).await;
    assert_eq!(client.next().await.0, pong(2));
    assert_eq!(scene.count("request_event"), 2 * pings().len() as u64 + 1);
}

#[tokio::test]
async fn other_events_are_not_answered() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    client.send(pong(5)).await;
    let not_two_way = message(REQUEST | EVENT, 0, 6, Serialization::Hessian2, b"N");
    client.send(not_two_way).await;
    client.send(codec_dubbo::wire::readonly()).await;
    client.send(codec_dubbo::wire::writeable()).await;
    client.send(say(1, "a")).await;
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    assert_eq!(call.text(), "a");
    upstream.send(answer(&call, "b")).await;
    assert_eq!(said(&client.next().await.answer()), "b");
    assert_eq!(scene.count("request_event"), 4);
}

#[tokio::test]
async fn an_event_too_long_to_be_one_is_no_heartbeat() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    let flags = REQUEST | TWO_WAY | EVENT;
    let long = message(flags, 0, 1, Serialization::Hessian2, &[b'N'; 16]);
    client.send(long).await;
    client.send(ping(2)).await;
    assert_eq!(client.next().await.0, pong(2));
    assert_eq!(scene.count("request_decoding_error"), 1);
}

#[tokio::test]
async fn a_providers_are_answered_and_not_passed_on() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    for (id, first) in [(1, say(1, "a")), (2, callback_registration(2))] {
        client.send(first).await;
        let mut upstream = provider.accept().await;
        let call = upstream.next().await;
        for ping in pings() {
            upstream.send(&ping).await;
            assert_eq!(upstream.next().await.0, answered(&ping));
        }
        upstream.send(answer(&call, "b")).await;
        let answer = client.next().await.answer();
        assert_eq!((answer.id, said(&answer)), (id, "b"));
        // Nothing is in flight.
        upstream.send(ping(9)).await;
        assert_eq!(upstream.next().await.0, pong(9));
    }
}

#[tokio::test]
async fn ours_are_sent_when_a_provider_is_silent() {
    let provider = Provider::bind().await;
    let setup = Setup::to(&provider).cluster(|c| c.upstream.heartbeat = Some(FAST));
    let scene = setup.start().await;
    let mut client = scene.connect().await;
    client.send(say(1, "a")).await;
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    let began = Instant::now();
    for _ in 0..4 {
        let heard = upstream.next().await;
        assert_eq!(heard.0, ping(heard.id()));
        upstream.send(pong(heard.id())).await;
    }
    let silence = began.elapsed();
    assert!(silence >= 3 * FAST.interval, "{silence:?}");
    upstream.send(answer(&call, "b")).await;
    assert_eq!(said(&client.next().await.answer()), "b");
    assert_eq!(scene.upstream("cx_ping_timeout"), 0);
    assert_eq!(scene.upstream("rq_unknown_response"), 0);
}

#[tokio::test]
async fn a_dead_provider_is_noticed() {
    let provider = Provider::bind().await;
    let setup = Setup::to(&provider).cluster(|c| c.upstream.heartbeat = Some(FAST));
    let scene = setup.start().await;
    let (mut one, mut two) = (scene.connect().await, scene.connect().await);
    let began = Instant::now();
    one.send(say(1, "a")).await;
    two.send(say(1, "b")).await;
    let mut dead = provider.accept().await;
    for client in [&mut one, &mut two] {
        let reply = client.next().await.answer();
        assert_eq!((reply.id, error(&reply).0), (1, 35));
        assert!(
            error(&reply).1.contains("heartbeats unanswered"),
            "{reply:?}"
        );
    }
    let waited = began.elapsed();
    assert!(waited >= 2 * FAST.interval, "{waited:?}");
    assert!(waited < Duration::from_secs(2), "{waited:?}");
    assert_eq!(scene.upstream("cx_ping_timeout"), 1);
    for _ in 0..2 {
        dead.next().await.text();
    }
    for _ in 0..2 {
        let heard = dead.next().await;
        assert_eq!(heard.0, ping(heard.id()));
    }
    dead.end().await;
    one.send(say(2, "c")).await;
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    upstream.send(answer(&call, "c")).await;
    assert_eq!(said(&one.next().await.answer()), "c");
}

#[tokio::test]
async fn what_comes_behind_one_in_a_read_is_kept() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    let mut upstream = None;
    for cut in [1, 2, 15, 16, 17] {
        let call = say(cut as u64, "a");
        client.send([&ping(8), &call[..cut]].concat()).await;
        assert_eq!(client.next().await.0, pong(8));
        client.send(&call[cut..]).await;
        let upstream = match &mut upstream {
            Some(upstream) => upstream,
            none => none.insert(provider.accept().await),
        };
        let call = upstream.next().await;
        assert_eq!(call.text(), "a");
        let answer = answer(&call, "b");
        upstream.send([&ping(9), &answer[..cut]].concat()).await;
        assert_eq!(upstream.next().await.0, pong(9));
        upstream.send(&answer[cut..]).await;
        assert_eq!(said(&client.next().await.answer()), "b");
    }
}

#[tokio::test]
async fn one_and_an_answer_in_one_read_are_both_seen() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    client.send(say(1, "a")).await;
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    let all = [ping(3), answer(&call, "b"), ping(4)].concat();
    upstream.send(all).await;
    assert_eq!(said(&client.next().await.answer()), "b");
    assert_eq!(upstream.next().await.0, pong(3));
    assert_eq!(upstream.next().await.0, pong(4));
}
