//! Providers that call their clients.

use std::collections::HashSet;

use codec_dubbo::wire::{RequestBuilder, ResponseBuilder, Serialization, Value, message};

use crate::{
    provider::Provider,
    scene::{Scene, Setup},
    wire::{Frame, REQUEST, TWO_WAY, Wire, answer, error, hello, said, say},
};

const LISTENER: &str = "com.example.Listener";

/// A call that registers a callback.
fn register(id: u64) -> Vec<u8> {
    hello(id)
        .argument("me")
        .attachment("sys_callback_arg-0", "196612")
        .build()
}

/// What a provider calls a client back with.
pub(crate) fn call_back(id: u64, text: &str) -> RequestBuilder {
    RequestBuilder::new(LISTENER, "changed")
        .body_version(None)
        .id(id)
        .argument(text)
        .attachment("callback.service.instid", "196612")
}

/// A client that has registered a callback, and the connection it has got.
pub(crate) async fn registered(scene: &Scene, provider: &Provider) -> (Wire, Wire) {
    let mut client = scene.connect().await;
    client.send(register(0)).await;
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    assert_eq!(call.call().attachment("sys_callback_arg-0"), Some("196612"));
    upstream.send(answer(&call, "registered")).await;
    assert_eq!(said(&client.next().await.answer()), "registered");
    (client, upstream)
}

#[tokio::test]
async fn who_registers_one_gets_a_connection_of_its_own() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let (mut plain, mut bound) = (scene.connect().await, scene.connect().await);
    plain.send(say(1, "plain")).await;
    bound.send(say(1, "still plain")).await;
    let mut shared = provider.accept().await;
    for _ in 0..2 {
        let call = shared.next().await;
        shared.send(answer(&call, "a")).await;
    }
    bound.next().await;
    bound.send(register(2)).await;
    let mut own = provider.accept().await;
    let call = own.next().await;
    own.send(answer(&call, "registered")).await;
    bound.next().await;
    // From then on, whatever it calls goes there, and what others call does not.
    for id in 3..6 {
        bound.send(say(id, "bound")).await;
        plain.send(say(id, "plain")).await;
        bound
            .send(hello(id).one_way().argument("bound").build())
            .await;
        for (upstream, text) in [(&mut own, "bound"), (&mut shared, "plain")] {
            let call = upstream.next().await;
            assert_eq!(call.text(), text);
            upstream.send(answer(&call, text)).await;
        }
        assert_eq!(own.next().await.text(), "bound");
        assert_eq!(said(&bound.next().await.answer()), "bound");
    }
    // Another callback needs no other connection.
    bound.send(register(9)).await;
    let call = own.next().await;
    own.send(answer(&call, "registered")).await;
    bound.next().await;
    assert_eq!(scene.upstream("cx_total"), 2);
    // It goes with its client, and the other stays.
    drop(bound);
    own.end().await;
    plain.send(say(9, "plain")).await;
    assert_eq!(shared.next().await.text(), "plain");
}

#[tokio::test]
async fn they_reach_their_clients_and_the_answers_their_providers() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut pairs = Vec::new();
    for _ in 0..3 {
        pairs.push(registered(&scene, &provider).await);
    }
    // All have calls of the same ids in flight, both ways.
    let ids = [0, 1, 2, u64::MAX, 1 << 63];
    let mut calls = Vec::new();
    for (n, (client, upstream)) in pairs.iter_mut().enumerate() {
        for id in ids {
            client.send(say(id, &format!("{n} up {id}"))).await;
            upstream
                .send(call_back(id, &format!("{n} down {id}")).build())
                .await;
        }
    }
    for (n, (client, upstream)) in pairs.iter_mut().enumerate() {
        let (mut up, mut down) = (Vec::new(), Vec::new());
        for id in ids {
            let called_back = client.next().await;
            let call = called_back.call();
            assert_eq!((&*call.path, call.two_way), (LISTENER, true));
            assert_eq!(called_back.text(), format!("{n} down {id}"));
            assert_eq!(call.attachment("callback.service.instid"), Some("196612"));
            down.push(called_back);
            let call = upstream.next().await;
            assert_eq!(call.text(), format!("{n} up {id}"));
            up.push(call);
        }
        let unique: HashSet<_> = down.iter().map(Frame::id).collect();
        assert_eq!(unique.len(), ids.len());
        calls.push((up, down));
    }
    for (n, (client, upstream)) in pairs.iter_mut().enumerate().rev() {
        let (up, down) = &calls[n];
        for call in up.iter().rev() {
            upstream.send(answer(call, &call.text())).await;
        }
        for call in down.iter().rev() {
            client.send(answer(call, &call.text())).await;
        }
    }
    for (n, (client, upstream)) in pairs.iter_mut().enumerate() {
        for (wire, direction) in [(client, "up"), (upstream, "down")] {
            let mut answered = HashSet::new();
            for _ in ids {
                let answer = wire.next().await.answer();
                assert_eq!(said(&answer), format!("{n} {direction} {}", answer.id));
                answered.insert(answer.id);
            }
            assert_eq!(answered, HashSet::from(ids));
        }
    }
    assert_eq!(scene.count("request_unknown_answer"), 0);
    assert_eq!(scene.upstream("rq_unknown_response"), 0);
}

#[tokio::test]
async fn an_id_in_flight_twice_gets_both_answers() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let (mut client, mut upstream) = registered(&scene, &provider).await;
    for text in ["one", "two"] {
        upstream.send(call_back(5, text).build()).await;
    }
    for text in ["one", "two"] {
        let call = client.next().await;
        assert_eq!(call.text(), text);
        client.send(answer(&call, text)).await;
        let answer = upstream.next().await.answer();
        assert_eq!((answer.id, said(&answer)), (5, text));
    }
}

#[tokio::test]
async fn they_pass_as_they_are() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let (mut client, mut upstream) = registered(&scene, &provider).await;
    let fields = || [("detailMessage", Value::from("no")), ("code", 7.into())];
    let exception = Value::object("com.example.NoGood", fields());
    let raw = |status| message(0, status, 0, Serialization::Other(8), b"\0\xff raw");
    let answers = [
        ResponseBuilder::exception(exception.clone()).build(),
        ResponseBuilder::exception(exception)
            .attachment("a", "b")
            .build(),
        ResponseBuilder::null().build(),
        ResponseBuilder::value(Value::object("com.example.Thing", fields())).build(),
        ResponseBuilder::error(70, "it failed").build(),
        ResponseBuilder::value("b")
            .serialization(Serialization::Fastjson2)
            .build(),
        raw(20),
        raw(80),
    ];
    for (id, answer) in (0..).zip(answers) {
        let call = match answer[2] & 0x1f {
            2 => call_back(id, "a").build(),
            23 => call_back(id, "a")
                .serialization(Serialization::Fastjson2)
                .build(),
            other => message(0xc0, 0, id, Serialization::Other(other), b"\xff\0 raw"),
        };
        upstream.send(&call).await;
        let called_back = client.next().await;
        assert_eq!(called_back.with_id(id).0, call);
        let answer = Frame(answer).with_id(called_back.id());
        client.send(&answer.0).await;
        assert_eq!(upstream.next().await, answer.with_id(id));
    }
}

#[tokio::test]
async fn one_way_ones_want_no_answer() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let (mut client, mut upstream) = registered(&scene, &provider).await;
    for n in 0..200u64 {
        let text = n.to_string();
        match n % 2 {
            0 => upstream.send(call_back(n, &text).one_way().build()).await,
            _ => upstream.send(call_back(n, &text).build()).await,
        }
    }
    for n in 0..200 {
        let call = client.next().await;
        assert_eq!(call.text(), n.to_string(), "in order");
        assert_eq!(call.flags() & TWO_WAY == 0, n % 2 == 0);
        if n % 2 == 1 {
            client.send(answer(&call, "a")).await;
            assert_eq!(upstream.next().await.id(), n);
        }
    }
}

#[tokio::test]
async fn answers_to_nothing_go_nowhere() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let (mut client, mut upstream) = registered(&scene, &provider).await;
    upstream.send(call_back(3, "a").build()).await;
    let call = client.next().await;
    for id in [0, call.id() + 1, u64::MAX] {
        client.send(answer(&call.with_id(id), "stray")).await;
    }
    for _ in 0..2 {
        client.send(answer(&call, "b")).await;
    }
    client.send(say(1, "c")).await;
    let first = upstream.next().await.answer();
    assert_eq!((first.id, said(&first)), (3, "b"));
    assert_eq!(upstream.next().await.text(), "c");
    assert_eq!(scene.count("request_unknown_answer"), 4);
}

#[tokio::test]
async fn a_client_goes_on_when_its_own_connection_ends() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let (mut other, mut others) = registered(&scene, &provider).await;
    let (mut client, mut upstream) = registered(&scene, &provider).await;
    upstream.send(call_back(1, "a").build()).await;
    let unanswered = client.next().await;
    client.send(say(1, "lost")).await;
    upstream.next().await;
    drop(upstream);
    let reply = client.next().await.answer();
    assert_eq!((reply.id, error(&reply).0), (1, 35));
    // Nobody waits for this any more.
    client.send(answer(&unanswered, "too late")).await;
    // It is like any other client until it registers a callback again.
    client.send(say(1, "found")).await;
    let mut shared = provider.accept().await;
    let call = shared.next().await;
    shared.send(answer(&call, "found")).await;
    assert_eq!(said(&client.next().await.answer()), "found");
    client.send(register(2)).await;
    let mut own = provider.accept().await;
    assert_eq!(own.next().await.text(), "me");
    own.send(call_back(1, "again").build()).await;
    let call = client.next().await;
    client.send(answer(&call, "again")).await;
    assert_eq!(said(&own.next().await.answer()), "again");

    others.send(call_back(1, "as ever").build()).await;
    let call = other.next().await;
    other.send(answer(&call, "as ever")).await;
    assert_eq!(said(&others.next().await.answer()), "as ever");
}

#[tokio::test]
async fn a_client_that_goes_leaves_nothing() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    for n in 0..4 {
        let (mut client, mut upstream) = registered(&scene, &provider).await;
        upstream.send(call_back(1, "a").build()).await;
        client.next().await;
        match n {
            0 => drop(client),
            1 => client.reset(),
            _ => {
                client.send(say(1, "b")).await;
                upstream.next().await;
                client.reset();
            }
        }
        upstream.end().await;
    }
    let active = || scene.stats().gauge("cluster.backend.upstream_cx_active");
    crate::scene::eventually("their end", || active() == 0).await;
    scene.at_rest().await;
}

#[tokio::test]
async fn a_provider_may_not_call_whom_nobody_registered() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    client.send(say(1, "a")).await;
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    upstream
        .send(call_back(9, "unasked").one_way().build())
        .await;
    upstream.send(call_back(9, "unasked").build()).await;
    let refused = upstream.next().await.answer();
    assert_eq!((refused.id, error(&refused).0), (9, 40));
    upstream.send(answer(&call, "b")).await;
    let answer = client.next().await.answer();
    assert_eq!((answer.id, said(&answer)), (1, "b"));
}

#[tokio::test]
async fn an_answer_over_the_limit_is_an_error_for_the_provider() {
    let provider = Provider::bind().await;
    let limit = serde_json::json!({ "max_payload_bytes": 1000 });
    let scene = Setup::to(&provider).codec(limit).start().await;
    let (mut client, mut upstream) = registered(&scene, &provider).await;
    upstream.send(call_back(4, "a").build()).await;
    let call = client.next().await;
    client.send(answer(&call, &"x".repeat(1000))).await;
    let refused = upstream.next().await.answer();
    assert_eq!(refused.id, 4);
    assert!(
        error(&refused).1.starts_with("message_too_large: "),
        "{refused:?}"
    );
    client.send(say(1, "b")).await;
    assert_eq!(upstream.next().await.text(), "b");
}

#[tokio::test]
async fn a_provider_that_drains_may_still_call() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let (mut client, mut upstream) = registered(&scene, &provider).await;
    upstream.send(codec_dubbo::wire::readonly()).await;
    upstream.send(call_back(1, "while it drains").build()).await;
    let call = client.next().await;
    assert_eq!(call.text(), "while it drains");
    client.send(answer(&call, "a")).await;
    assert_eq!(said(&upstream.next().await.answer()), "a");
    // Its client's calls go elsewhere.
    client.send(say(1, "b")).await;
    let mut shared = provider.accept().await;
    assert_eq!(shared.next().await.text(), "b");
}

#[tokio::test]
async fn calls_of_equal_ids_cross_all_the_time() {
    const MANY: u64 = 500;
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let (mut client, mut upstream) = registered(&scene, &provider).await;
    // Each side has one call of every id answered, and answers one.
    let provides = async {
        let (mut answered, mut asked) = (0, 0);
        upstream.send(call_back(0, "down").build()).await;
        while answered < MANY || asked < MANY {
            let frame = upstream.next().await;
            if frame.flags() == REQUEST | TWO_WAY {
                upstream.send(answer(&frame, "up")).await;
                asked += 1;
                continue;
            }
            assert_eq!((frame.id(), said(&frame.answer())), (answered, "down"));
            answered += 1;
            if answered < MANY {
                upstream.send(call_back(answered, "down").build()).await;
            }
        }
    };
    let consumes = async {
        let (mut answered, mut asked) = (0, 0);
        client.send(say(0, "up")).await;
        while answered < MANY || asked < MANY {
            let frame = client.next().await;
            if frame.flags() == REQUEST | TWO_WAY {
                client.send(answer(&frame, "down")).await;
                asked += 1;
                continue;
            }
            assert_eq!((frame.id(), said(&frame.answer())), (answered, "up"));
            answered += 1;
            if answered < MANY {
                client.send(say(answered, "up")).await;
            }
        }
    };
    tokio::join!(provides, consumes);
}

#[tokio::test]
async fn calls_from_before_are_answered_where_they_were_sent() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    client.send(say(1, "before")).await;
    let mut shared = provider.accept().await;
    let before = shared.next().await;
    client.send(register(2)).await;
    let mut own = provider.accept().await;
    let call = own.next().await;
    own.send(answer(&call, "registered")).await;
    assert_eq!(said(&client.next().await.answer()), "registered");
    shared.send(answer(&before, "after")).await;
    let after = client.next().await.answer();
    assert_eq!((after.id, said(&after)), (1, "after"));
}

#[tokio::test]
async fn one_over_the_limit_is_refused_and_costs_nothing_else() {
    let provider = Provider::bind().await;
    let limit = serde_json::json!({ "max_payload_bytes": 1000 });
    let scene = Setup::to(&provider).codec(limit).start().await;
    let (mut client, mut upstream) = registered(&scene, &provider).await;
    client.send(say(1, "in flight")).await;
    let call = upstream.next().await;
    let long = "x".repeat(2000);
    upstream.send(call_back(7, &long).one_way().build()).await;
    upstream.send(call_back(8, &long).build()).await;
    let refused = upstream.next().await.answer();
    assert_eq!(refused.id, 8);
    assert!(
        error(&refused).1.starts_with("message_too_large: "),
        "{refused:?}"
    );
    upstream.send(answer(&call, "answered")).await;
    assert_eq!(said(&client.next().await.answer()), "answered");
}

#[tokio::test]
async fn one_whose_attachments_differ_costs_nothing_else() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let (mut client, mut upstream) = registered(&scene, &provider).await;
    client.send(say(1, "in flight")).await;
    let call = upstream.next().await;
    let odd = call_back(8, "odd").attachment("path", "com.example.Other");
    upstream.send(odd.build()).await;
    // Passed on or refused: routes have no say in it.
    tokio::select! {
        refused = upstream.next() => assert_eq!(error(&refused.answer()).0, 40),
        passed = client.next() => assert_eq!(passed.text(), "odd"),
    }
    upstream.send(answer(&call, "answered")).await;
    let answered = client.next().await.answer();
    assert_eq!((answered.id, said(&answered)), (1, "answered"));
}
