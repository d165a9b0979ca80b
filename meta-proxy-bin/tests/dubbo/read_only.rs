//! Providers that want no more calls, and providers that restart.

use std::time::Duration;

use codec_dubbo::wire::{Serialization, Value, message, readonly, writeable};
use tokio::{task::JoinSet, time::sleep};

use crate::{
    provider::{Greeter, Provider},
    scene::{Scene, Setup, eventually},
    wire::{Frame, Wire, answer, said, say},
};

/// Serves one call of `client` with `text`.
async fn serve(client: &mut Wire, upstream: &mut Wire, id: u64) -> Frame {
    client.send(say(id, "a")).await;
    let call = upstream.next().await;
    upstream.send(answer(&call, "served")).await;
    assert_eq!(said(&client.next().await.answer()), "served");
    call
}

#[tokio::test]
async fn new_calls_go_over_another_connection() {
    go_over_another_connection(readonly).await;
}

#[tokio::test]
async fn so_they_do_when_it_is_said_in_fastjson2() {
    let form = Serialization::Fastjson2;
    go_over_another_connection(|| message(0xa0, 0, 2, form, b"\0\0\0\x02\x4aR")).await;
}

async fn go_over_another_connection(form: impl Fn() -> Vec<u8>) {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let (mut one, mut two) = (scene.connect().await, scene.connect().await);
    one.send(say(1, "before")).await;
    let mut old = provider.accept().await;
    let before = old.next().await;
    // As 3.3 does.
    old.send([form(), form()].concat()).await;
    serve_heartbeat(&mut old).await;
    for client in [&mut one, &mut two] {
        client.send(say(2, "after")).await;
    }
    let mut new = provider.accept().await;
    for _ in 0..2 {
        let after = new.next().await;
        assert_eq!(after.text(), "after");
        new.send(answer(&after, "new")).await;
    }
    for client in [&mut one, &mut two] {
        assert_eq!(said(&client.next().await.answer()), "new");
    }
    old.send(answer(&before, "old")).await;
    // No client was told of anything else.
    let answer = one.next().await.answer();
    assert_eq!((answer.id, said(&answer)), (1, "old"));
    old.end().await;
    assert_eq!(scene.count("local_response_error"), 0);
    assert_eq!(scene.upstream("cx_total"), 2);
}

/// Once a heartbeat is answered, what was sent before it has been dealt with.
async fn serve_heartbeat(upstream: &mut Wire) {
    upstream.send(codec_dubbo::wire::ping(77)).await;
    assert_eq!(upstream.next().await.0, codec_dubbo::wire::pong(77));
}

#[tokio::test]
async fn an_idle_connection_ends_without_anybody_noticing() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    client.send(say(1, "a")).await;
    let mut old = provider.accept().await;
    let call = old.next().await;
    old.send(answer(&call, "b")).await;
    client.next().await;
    old.send(readonly()).await;
    old.end().await;
    client.send(say(2, "a")).await;
    let mut new = provider.accept().await;
    let call = new.next().await;
    new.send(answer(&call, "new")).await;
    assert_eq!(said(&client.next().await.answer()), "new");
}

#[tokio::test]
async fn a_provider_may_think_better_of_it() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    client.send(say(1, "before")).await;
    let mut upstream = provider.accept().await;
    let before = upstream.next().await;
    upstream.send([readonly(), writeable()].concat()).await;
    serve_heartbeat(&mut upstream).await;
    serve(&mut client, &mut upstream, 2).await;
    upstream.send(answer(&before, "at last")).await;
    assert_eq!(said(&client.next().await.answer()), "at last");
    serve(&mut client, &mut upstream, 3).await;
    assert_eq!(scene.upstream("cx_total"), 1);
}

#[tokio::test]
async fn new_calls_go_to_another_provider() {
    let (one, two) = (Provider::bind().await, Provider::bind().await);
    let endpoints = [one.address, two.address].map(Into::into);
    let setup = Setup::to(&one).cluster(|c| c.endpoints = endpoints.into());
    let scene = setup.start().await;
    let mut client = scene.connect().await;
    for id in 0..2 {
        client.send(say(id, "before")).await;
    }
    let (mut old, mut other) = (one.accept().await, two.accept().await);
    let (held, also_held) = (old.next().await, other.next().await);
    old.send(readonly()).await;
    serve_heartbeat(&mut old).await;
    for id in 10..30 {
        serve(&mut client, &mut other, id).await;
    }
    old.send(answer(&held, "old")).await;
    assert_eq!(said(&client.next().await.answer()), "old");
    old.end().await;
    // It is left alone even though its connection has ended.
    for id in 30..40 {
        serve(&mut client, &mut other, id).await;
    }
    other.send(answer(&also_held, "other")).await;
    assert_eq!(said(&client.next().await.answer()), "other");
    assert_eq!(scene.upstream("cx_total"), 2);
    assert_eq!(scene.count("local_response_error"), 0);
}

/// Clients that call one after the other until they are stopped; how many
/// errors each has seen.
struct Load {
    clients: JoinSet<u64>,
    stop: tokio::sync::watch::Sender<bool>,
}

impl Load {
    async fn start(scene: &Scene, clients: usize) -> Self {
        let stop = tokio::sync::watch::Sender::new(false);
        let mut set = JoinSet::new();
        for _ in 0..clients {
            set.spawn(calls(scene.connect().await, stop.subscribe()));
        }
        let answered = || scene.count("response_success");
        let enough = answered() + 200;
        eventually("load", || answered() > enough).await;
        Self { clients: set, stop }
    }

    /// The errors that each client has seen.
    async fn errors(self) -> Vec<u64> {
        self.stop.send_replace(true);
        self.clients.join_all().await
    }
}

async fn calls(mut wire: Wire, stop: tokio::sync::watch::Receiver<bool>) -> u64 {
    let mut errors = 0;
    for id in 0.. {
        if *stop.borrow() {
            break;
        }
        let text = id.to_string();
        let answer = wire.ask(say(id, &text)).await;
        assert_eq!(answer.id, id);
        match (&answer.value, answer.status) {
            (Some(Value::String(said)), 20) => assert!(said.ends_with(&text), "{said}"),
            (_, 35 | 80) => {
                errors += 1;
                sleep(Duration::from_millis(5)).await;
            }
            _ => panic!("{answer:?}"),
        }
    }
    errors
}

#[tokio::test]
async fn a_provider_that_restarts_in_order_costs_nothing() {
    let (one, two) = (Greeter::start("v1").await, Greeter::start("v2").await);
    let scene = Setup::to_greeters([&one, &two]).start().await;
    let load = Load::start(&scene, 8).await;
    one.say_readonly();
    // It still answers what was on its way.
    let mut last = None;
    eventually("it is left alone", || {
        let answered = (one.calls(), two.calls());
        let before = last.replace(answered);
        before.is_some_and(|before| before.0 == answered.0 && before.1 < answered.1)
    })
    .await;
    let address = one.address;
    drop(one);
    let beyond = two.calls() + 200;
    eventually("the other serves", || two.calls() > beyond).await;
    let again = Greeter::start_at("v1", address).await;
    assert_eq!(load.errors().await, [0; 8]);
    drop(again);
    scene.at_rest().await;
}

#[tokio::test]
async fn a_provider_that_dies_costs_the_calls_in_flight_on_it() {
    let (one, two) = (Greeter::start("v1").await, Greeter::start("v2").await);
    let scene = Setup::to_greeters([&one, &two]).start().await;
    let load = Load::start(&scene, 8).await;
    let address = one.address;
    drop(one);
    let beyond = two.calls() + 400;
    eventually("the other serves", || two.calls() > beyond).await;
    let again = Greeter::start_at("v1", address).await;
    eventually("it serves again", || again.calls() > 50).await;
    let errors = load.errors().await;
    assert!(errors.iter().all(|errors| *errors <= 1), "{errors:?}");
    scene.at_rest().await;
}

#[tokio::test]
async fn the_only_provider_costs_errors_while_it_is_down() {
    let one = Greeter::start("v1").await;
    let scene = Setup::to_greeters([&one]).start().await;
    let load = Load::start(&scene, 8).await;
    let address = one.address;
    drop(one);
    let errors = || scene.count("local_response_error");
    eventually("errors", || errors() > 16).await;
    let again = Greeter::start_at("v1", address).await;
    eventually("it serves again", || again.calls() > 20).await;
    let (by_then, calls) = (errors(), again.calls());
    eventually("it serves on", || again.calls() > calls + 200).await;
    assert_eq!(errors(), by_then, "no errors once it is back");
    assert!(load.errors().await.iter().all(|errors| *errors > 0));
    scene.at_rest().await;
}
