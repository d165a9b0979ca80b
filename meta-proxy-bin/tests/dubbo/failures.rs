//! What goes wrong upstream is said to each caller, on connections that stay.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use codec_dubbo::wire::Value;
use meta_proxy::{
    meta_core::{Address, BoxFuture},
    meta_router::{ClusterConfig, Connect, Connected},
};

use crate::{
    provider::{Greeter, Provider, loopback},
    scene::{Setup, eventually},
    wire::{Wire, answer, error, hello, said, say},
};

/// Waits for the errors of the calls 0 to `count`; each has to be of this status
/// and text.
async fn all_fail(client: &mut Wire, count: u64, status: u8, text: &str) {
    let mut ids = Vec::new();
    for _ in 0..count {
        let reply = client.next().await.answer();
        assert_eq!(error(&reply).0, status, "{reply:?}");
        assert!(error(&reply).1.contains(text), "{reply:?}");
        assert!(error(&reply).1.ends_with("(cluster backend)"), "{reply:?}");
        ids.push(reply.id);
    }
    ids.sort_unstable();
    assert_eq!(ids, (0..count).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_provider_that_goes_fails_all_its_calls_at_once() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut client = scene.connect().await;
        for id in 0..5 {
            client.send(say(id, "a")).await;
        }
        clients.push(client);
    }
    let mut upstream = provider.accept().await;
    for _ in 0..20 {
        upstream.next().await;
    }
    let began = Instant::now();
    drop(upstream);
    let text = format!("upstream_reset: {} closed the connection", provider.address);
    for client in &mut clients {
        all_fail(client, 5, 35, &text).await;
    }
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(scene.count("local_response_error"), 20);
    assert_eq!(scene.upstream("rq_rx_reset"), 20);

    for client in &mut clients {
        client.send(say(9, "b")).await;
    }
    let mut upstream = provider.accept().await;
    for _ in 0..4 {
        let call = upstream.next().await;
        upstream.send(answer(&call, "b")).await;
    }
    for client in &mut clients {
        assert_eq!(said(&client.next().await.answer()), "b");
    }
    scene.at_rest().await;
}

#[tokio::test]
async fn a_reset_is_told_as_well() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    client.send(say(0, "a")).await;
    let mut upstream = provider.accept().await;
    upstream.next().await;
    upstream.reset();
    all_fail(&mut client, 1, 35, "upstream_reset: ").await;
}

#[tokio::test]
async fn half_an_answer_is_an_error_for_those_who_wait() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    for id in [7, 0, 1] {
        client.send(say(id, "a")).await;
    }
    let mut upstream = provider.accept().await;
    let (whole, half) = (upstream.next().await, upstream.next().await);
    upstream.next().await;
    let half = answer(&half, "half");
    upstream.send(answer(&whole, "whole")).await;
    upstream.send(&half[..half.len() - 1]).await;
    drop(upstream);
    assert_eq!(said(&client.next().await.answer()), "whole");
    all_fail(&mut client, 2, 35, "upstream_response_incomplete: ").await;
    client.send(say(3, "b")).await;
    provider.accept().await.next().await;
}

#[tokio::test]
async fn nobody_listens() {
    let free = Provider::bind().await.address;
    let cluster = ClusterConfig::new("backend", vec![free.into()]);
    let scene = Setup::over(cluster).start().await;
    let mut client = scene.connect().await;
    for id in 0..3 {
        client.send(say(id, "a")).await;
    }
    let text = format!("upstream_connect_failure: cannot connect to {free}: ");
    all_fail(&mut client, 3, 80, &text).await;
    let greeter = Greeter::start_at("v1", free).await;
    assert_eq!(client.say(3, "a").await, "v1: a");
    drop(greeter);
}

/// Never connects.
struct Nowhere;

impl Connect for Nowhere {
    fn connect<'a>(&'a self, _: &'a Address) -> BoxFuture<'a, io::Result<Connected>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn nobody_accepts() {
    let cluster = ClusterConfig::new("backend", vec![loopback().into()]);
    let setup = Setup::over(cluster).cluster(|cluster| {
        cluster.connect_timeout = Duration::from_millis(50);
    });
    let scene = setup.start_with(Arc::new(Nowhere)).await;
    let mut client = scene.connect().await;
    for id in 0..3 {
        client.send(say(id, "a")).await;
    }
    all_fail(&mut client, 3, 80, "did not accept within 50ms").await;
    assert_eq!(scene.upstream("cx_connect_timeout"), 1);
}

#[tokio::test]
async fn no_answer_is_a_timeout_for_its_caller_alone() {
    let provider = Provider::bind().await;
    let time = Duration::from_millis(100);
    let scene = Setup::to(&provider).timeout(time).start().await;
    let mut client = scene.connect().await;
    let began = Instant::now();
    client.send(say(0, "lost")).await;
    let mut upstream = provider.accept().await;
    upstream.next().await;
    client.send(say(1, "a")).await;
    let call = upstream.next().await;
    upstream.send(answer(&call, "a")).await;
    assert_eq!(said(&client.next().await.answer()), "a");
    all_fail(&mut client, 1, 31, "response_timeout: no response ").await;
    assert!(began.elapsed() >= time, "{:?}", began.elapsed());
    assert_eq!(scene.upstream("rq_timeout"), 1);
    // The connection is the same.
    client.send(say(2, "b")).await;
    let call = upstream.next().await;
    upstream.send(answer(&call, "b")).await;
    assert_eq!(said(&client.next().await.answer()), "b");
}

#[tokio::test]
async fn a_client_need_not_wait_longer_than_it_wants_to() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).timeout(Duration::ZERO).start().await;
    let mut client = scene.connect().await;
    let patient: [Value; 6] = [
        "0".into(),
        "-1".into(),
        "never".into(),
        "18446744073709551615".into(),
        0.into(),
        i64::MAX.into(),
    ];
    for (id, time) in (10..).zip(patient.clone()) {
        let call = hello(id).argument("patient").attachment("timeout", time);
        client.send(call.build()).await;
    }
    let mut upstream = provider.accept().await;
    let mut waiting = Vec::new();
    for _ in patient {
        waiting.push(upstream.next().await);
    }
    for (id, time) in (0..).zip([Value::from("60"), 60.into(), 60i64.into()]) {
        let began = Instant::now();
        let call = hello(id).argument("hurried").attachment("timeout", time);
        let reply = client.ask(call.build()).await;
        assert_eq!((reply.id, error(&reply).0), (id, 31));
        let waited = began.elapsed();
        assert!(waited >= Duration::from_millis(60), "{waited:?}");
        assert!(waited < Duration::from_secs(2), "{waited:?}");
        // Providers see how long they have.
        assert_eq!(upstream.next().await.text(), "hurried");
    }
    for call in &waiting {
        upstream.send(answer(call, "here")).await;
        assert_eq!(said(&client.next().await.answer()), "here");
    }
}

#[tokio::test]
async fn a_route_need_not_wait_as_long_as_a_client_would() {
    let provider = Provider::bind().await;
    let time = Duration::from_millis(50);
    let scene = Setup::to(&provider).timeout(time).start().await;
    let mut client = scene.connect().await;
    for (id, time) in (0..).zip(["60000", "0"]) {
        let call = hello(id).argument("a").attachment("timeout", time);
        client.send(call.build()).await;
    }
    all_fail(&mut client, 2, 31, "response_timeout: ").await;
}

#[tokio::test]
async fn a_timeout_before_there_is_a_connection_is_one_too() {
    let cluster = ClusterConfig::new("backend", vec![loopback().into()]);
    let setup = Setup::over(cluster).timeout(Duration::from_millis(50));
    let scene = setup.start_with(Arc::new(Nowhere)).await;
    let mut client = scene.connect().await;
    client.send(say(0, "a")).await;
    all_fail(
        &mut client,
        1,
        31,
        "response_timeout: no response within 50ms",
    )
    .await;
    scene.at_rest().await;
}

#[tokio::test]
async fn a_connection_that_closed_at_rest_costs_nothing() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    let open = || scene.stats().gauge("cluster.backend.upstream_cx_active");
    for id in 0..20 {
        client.send(say(id, "a")).await;
        let mut upstream = provider.accept().await;
        let call = upstream.next().await;
        upstream.send(answer(&call, "b")).await;
        assert_eq!(said(&client.next().await.answer()), "b");
        match id % 2 {
            0 => drop(upstream),
            _ => upstream.reset(),
        }
        eventually("it is noticed", || open() == 0).await;
    }
    assert_eq!(scene.count("local_response_error"), 0);
}
