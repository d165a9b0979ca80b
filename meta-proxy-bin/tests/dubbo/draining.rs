//! The proxy's own end.

use std::time::Duration;

use codec_dubbo::wire::{ping, pong, readonly};
use meta_proxy::Phase;

use crate::{
    provider::Provider,
    scene::{Scene, Setup, eventually},
    wire::{PATIENCE, answer, hello, said, say},
};

fn begin_drain(scene: &Scene) -> tokio::task::JoinHandle<meta_proxy::DrainReport> {
    let handle = scene.running.handle().clone();
    tokio::spawn(async move { handle.drain(PATIENCE).await })
}

#[tokio::test]
async fn clients_are_told_and_their_calls_answered() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let (mut busy, mut idle) = (scene.connect().await, scene.connect().await);
    busy.send(say(1, "a")).await;
    idle.send(ping(1)).await;
    assert_eq!(idle.next().await.0, pong(1));
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    let drained = begin_drain(&scene);
    assert_eq!(idle.next().await.0, readonly());
    idle.end().await;
    drop(idle);
    assert_eq!(busy.next().await.0, readonly());
    // Until they have heard of it, they may go on.
    busy.send(ping(2)).await;
    assert_eq!(busy.next().await.0, pong(2));
    busy.send(say(2, "late")).await;
    let late = upstream.next().await;
    assert_eq!(late.text(), "late");
    assert!(!drained.is_finished());
    upstream.send(answer(&call, "b")).await;
    assert_eq!(said(&busy.next().await.answer()), "b");
    upstream.send(answer(&late, "c")).await;
    assert_eq!(said(&busy.next().await.answer()), "c");
    busy.end().await;
    drop(busy);
    let report = drained.await.expect("no panic");
    assert_eq!((report.closed, report.aborted), (2, 0));
    upstream.end().await;
}

#[tokio::test]
async fn a_callback_that_is_not_answered_yet_is_waited_for() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    let register = hello(1)
        .argument("me")
        .attachment("sys_callback_arg-1", "7");
    client.send(register.build()).await;
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    upstream.send(answer(&call, "registered")).await;
    assert_eq!(said(&client.next().await.answer()), "registered");
    upstream.send(say(1, "call back")).await;
    let called_back = client.next().await;
    assert_eq!(called_back.text(), "call back");

    let drained = begin_drain(&scene);
    assert_eq!(client.next().await.0, readonly());
    eventually("its drain", || {
        scene.running.handle().phase() == Phase::Draining
    })
    .await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!drained.is_finished());
    client.send(answer(&called_back, "here")).await;
    let answer = upstream.next().await.answer();
    assert_eq!((answer.id, said(&answer)), (1, "here"));
    client.end().await;
    drop(client);
    let report = drained.await.expect("no panic");
    assert_eq!((report.closed, report.aborted), (1, 0));
}

#[tokio::test]
async fn a_client_amid_a_call_may_finish_it() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    let call = say(1, "in two parts");
    let (begin, rest) = call.split_at(30);
    client.send([&ping(0), begin].concat()).await;
    assert_eq!(client.next().await.0, pong(0));
    let drained = begin_drain(&scene);
    assert_eq!(client.next().await.0, readonly());
    client.send(rest).await;
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    upstream.send(answer(&call, "b")).await;
    assert_eq!(said(&client.next().await.answer()), "b");
    client.end().await;
    drop(client);
    assert_eq!(drained.await.expect("no panic").aborted, 0);
}

#[tokio::test]
async fn one_way_calls_that_have_arrived_are_passed_on() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    client.send(say(0, "a")).await;
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    upstream.send(answer(&call, "b")).await;
    client.next().await;
    let drained = begin_drain(&scene);
    for n in 0..50 {
        let notice = hello(n).one_way().argument(n.to_string());
        client.send(notice.build()).await;
    }
    assert_eq!(client.next().await.0, readonly());
    client.end().await;
    drop(client);
    drained.await.expect("no panic");
    // Those that were read before the connection ended, none left out.
    let mut expected = 0..;
    while let Some(notice) = upstream.receive().await {
        assert_eq!(Some(notice.text()), expected.next().map(|n| n.to_string()));
    }
    assert_eq!(scene.count("request_oneway"), expected.start);
}

#[tokio::test]
async fn a_callback_of_one_way_is_not_waited_for() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    let register = hello(1)
        .argument("me")
        .attachment("sys_callback_arg-1", "7");
    client.send(register.build()).await;
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    let notice = hello(1).one_way().argument("take note");
    upstream
        .send([answer(&call, "registered"), notice.build()].concat())
        .await;
    // In whichever order.
    let (one, two) = (client.next().await, client.next().await);
    assert_ne!(one.flags(), two.flags());
    let drained = begin_drain(&scene);
    assert_eq!(client.next().await.0, readonly());
    client.end().await;
    drop(client);
    assert_eq!(drained.await.expect("no panic").aborted, 0);
}
