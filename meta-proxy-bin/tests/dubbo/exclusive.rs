//! A connection for each call, where that is wanted.

use codec_dubbo::wire::{ResponseBuilder, ping, pong, readonly};

use crate::{
    provider::{Greeter, Provider},
    scene::{Setup, eventually},
    wire::{Wire, answer, error, hello, said, say},
};

async fn serve(client: &mut Wire, upstream: &mut Wire) {
    client.send(say(1, "a")).await;
    let call = upstream.next().await;
    upstream.send(answer(&call, "b")).await;
    let answer = client.next().await.answer();
    assert_eq!((answer.id, said(&answer)), (1, "b"));
}

#[tokio::test]
async fn calls_do_not_wait_for_each_other() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).exclusive().start().await;
    let mut client = scene.connect().await;
    for id in [0, 7, 7, u64::MAX] {
        client.send(say(id, "a")).await;
    }
    let mut upstreams = Vec::new();
    for _ in 0..4 {
        let mut upstream = provider.accept().await;
        let call = upstream.next().await;
        upstreams.push((upstream, call));
    }
    for (upstream, call) in upstreams.iter_mut().rev() {
        upstream.send(answer(call, "b")).await;
    }
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(client.next().await.id());
    }
    ids.sort_unstable();
    assert_eq!(ids, [0, 7, 7, u64::MAX]);
    // They are used again.
    client.send(say(1, "a")).await;
    eventually("it is sent", || scene.upstream("rq_total") == 5).await;
    assert_eq!(scene.upstream("cx_total"), 4);
}

#[tokio::test]
async fn a_connection_with_half_an_answer_is_never_used_again() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).exclusive().start().await;
    let mut first = scene.connect().await;
    first.send(say(1, "first")).await;
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    let long = answer(&call, &"x".repeat(100_000));
    upstream.send(&long[..50_000]).await;
    first.reset();
    upstream.end().await;
    let mut second = scene.connect().await;
    second.send(say(1, "second")).await;
    let mut upstream = provider.accept().await;
    assert_eq!(upstream.next().await.text(), "second");
}

#[tokio::test]
async fn an_answer_to_another_call_is_dropped() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).exclusive().start().await;
    let mut client = scene.connect().await;
    client.send(say(1, "a")).await;
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    let stray = ResponseBuilder::value("stray").id(call.id() + 7).build();
    upstream
        .send([stray, ping(3), answer(&call, "b")].concat())
        .await;
    assert_eq!(said(&client.next().await.answer()), "b");
    assert_eq!(upstream.next().await.0, pong(3));
    serve(&mut client, &mut upstream).await;
    assert_eq!(scene.upstream("rq_unknown_response"), 1);
}

#[tokio::test]
async fn what_goes_wrong_is_told() {
    let provider = Provider::bind().await;
    let setup = Setup::to(&provider).exclusive();
    let scene = setup
        .codec(serde_json::json!({ "max_payload_bytes": 1000 }))
        .start()
        .await;
    let mut client = scene.connect().await;
    for part in [0, 10, 18] {
        client.send(say(1, "a")).await;
        let mut upstream = provider.accept().await;
        let call = upstream.next().await;
        upstream.send(&answer(&call, "b")[..part]).await;
        drop(upstream);
        let reply = client.next().await.answer();
        assert_eq!((reply.id, error(&reply).0), (1, 35));
    }
    client.send(say(2, "a")).await;
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    upstream.send(answer(&call, &"x".repeat(2000))).await;
    let reply = client.next().await.answer();
    assert_eq!(reply.id, 2);
    assert!(
        error(&reply).1.starts_with("message_too_large: "),
        "{reply:?}"
    );
    let reply = client.ask(say(3, &"x".repeat(2000))).await;
    assert!(
        error(&reply).1.starts_with("message_too_large: "),
        "{reply:?}"
    );
    client.send(say(4, "a")).await;
    assert_eq!(provider.accept().await.next().await.text(), "a");
    let hurried = hello(5).argument("a").attachment("timeout", "30");
    client.send(hurried.build()).await;
    let _silent = provider.accept().await;
    let mut statuses = [client.next().await, client.next().await].map(|reply| {
        let reply = reply.answer();
        (reply.id, error(&reply).0)
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [(4, 35), (5, 31)]);
}

#[tokio::test]
async fn a_connection_that_is_readonly_is_not_used_again() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).exclusive().start().await;
    let mut client = scene.connect().await;
    client.send(say(1, "a")).await;
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    upstream
        .send([readonly(), answer(&call, "b")].concat())
        .await;
    assert_eq!(said(&client.next().await.answer()), "b");
    upstream.end().await;
    client.send(say(1, "a")).await;
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    upstream.send(answer(&call, "b")).await;
    assert_eq!(said(&client.next().await.answer()), "b");
    // At rest as well.
    upstream.send(readonly()).await;
    upstream.end().await;
    client.send(say(1, "a")).await;
    let mut upstream = provider.accept().await;
    upstream.next().await;
    assert_eq!(scene.count("local_response_error"), 0);
}

#[tokio::test]
async fn one_way_calls_and_callbacks_work_there_too() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).exclusive().start().await;
    let mut client = scene.connect().await;
    client
        .send(hello(1).one_way().argument("take note").build())
        .await;
    let mut upstream = provider.accept().await;
    assert_eq!(upstream.next().await.text(), "take note");
    eventually("it is over", || scene.active() == 0).await;
    serve(&mut client, &mut upstream).await;

    let register = hello(1)
        .argument("me")
        .attachment("sys_callback_arg-0", "1");
    client.send(register.build()).await;
    let mut own = provider.accept().await;
    let call = own.next().await;
    own.send([answer(&call, "b"), say(1, "call back")].concat())
        .await;
    let (mut answered, mut called_back) = (false, false);
    while !(answered && called_back) {
        let frame = client.next().await;
        if frame.flags() == 0 {
            answered = true;
            continue;
        }
        assert_eq!(frame.text(), "call back");
        client.send(answer(&frame, "here")).await;
        called_back = true;
    }
    assert_eq!(said(&own.next().await.answer()), "here");
    serve(&mut client, &mut own).await;
    assert_eq!(scene.upstream("cx_total"), 2);
}

#[tokio::test]
async fn many_clients_are_served() {
    let greeter = Greeter::start("v1").await;
    let scene = Setup::to_greeters([&greeter]).exclusive().start().await;
    let mut clients = Vec::new();
    for _ in 0..50 {
        clients.push(scene.connect().await);
    }
    greeter.hold(true);
    for client in &mut clients {
        client.send(say(0, "a")).await;
    }
    scene.until_active(50).await;
    greeter.hold(false);
    for client in &mut clients {
        assert_eq!(said(&client.next().await.answer()), "v1: a");
    }
    assert_eq!(scene.upstream("cx_total"), 50);
    scene.at_rest().await;
}
