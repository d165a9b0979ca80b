//! Who does not read is not read for.

use std::time::Duration;

use codec_dubbo::wire::ping;
use tokio::{io::AsyncWriteExt, time::timeout};

use crate::{
    provider::{Greeter, Provider},
    scene::{Setup, eventually},
    wire::{Wire, answer, hello, say},
};

/// Writes `bytes` again and again, `times` in all, until nothing more is taken
/// for a while; how many times it was.
async fn write_until_stuck(client: &mut Wire, bytes: &[u8], times: usize) -> usize {
    for n in 0..times {
        let write = client.stream.write_all(bytes);
        if timeout(Duration::from_millis(200), write).await.is_err() {
            return n;
        }
    }
    times
}

#[tokio::test]
async fn two_thousand_calls_behind_a_slow_reader_stay_bounded() {
    const MANY: u64 = 2000;
    let greeter = Greeter::start("v1").await;
    let scene = Setup::to_greeters([&greeter]).start().await;
    let (mut slow, mut quick) = (scene.connect().await, scene.connect().await);
    for id in 0..MANY {
        slow.send(say(id, "long 16000")).await;
    }
    eventually("it is not read", || scene.count("request_paused") > 0).await;
    for id in 0..100 {
        assert_eq!(quick.say(id, "a").await, "v1: a");
        assert!(scene.active() <= 1025, "{}", scene.active());
    }
    assert!(
        greeter.calls() < MANY + 100,
        "{} were let in",
        greeter.calls()
    );
    for _ in 0..MANY {
        let answer = slow.next().await;
        assert!(answer.0.len() > 16_000, "{answer:?}");
    }
    assert_eq!(greeter.calls(), MANY + 100);
    assert!(scene.count("request_paused") > 0);
    assert_eq!(scene.count("local_response_error"), 0);
    scene.at_rest().await;
}

#[tokio::test]
async fn a_provider_that_does_not_read_holds_its_clients_back() {
    let provider = Provider::bind().await;
    let setup = Setup::to(&provider).timeout(Duration::ZERO);
    let scene = setup.start().await;
    let mut client = scene.connect().await;
    let call = hello(1).one_way().argument("x".repeat(60_000)).build();
    client.send(say(0, "a")).await;
    let mut upstream = provider.accept().await;
    // 120 MB, were they all taken.
    let taken = write_until_stuck(&mut client, &call, 2000).await;
    assert!(taken < 1900, "{taken} were taken");
    let mut other = scene.connect().await;
    other.send(ping(1)).await;
    other.next().await;
    // When it reads again, so does the proxy.
    let first = upstream.next().await;
    upstream.send(answer(&first, "b")).await;
    client.next().await;
    for _ in 0..taken {
        assert_eq!(upstream.next().await.call().method, "sayHello");
    }
    drop(client);
    eventually("all has gone", || scene.active() == 0).await;
}

#[tokio::test]
async fn pings_that_nobody_reads_the_answers_of_are_bounded() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    let pings = ping(1).repeat(4096);
    // 140 MB, were they all taken.
    let taken = write_until_stuck(&mut client, &pings, 2000).await;
    assert!(taken < 1900, "{taken} were taken");
    client.next().await;
}

#[tokio::test]
async fn a_client_that_reads_no_callbacks_holds_its_own_provider_back() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    let register = hello(1)
        .argument("me")
        .attachment("sys_callback_arg-0", "1");
    client.send(register.build()).await;
    let mut upstream = provider.accept().await;
    upstream.next().await;
    let call_back = hello(1).one_way().argument("x".repeat(60_000)).build();
    let taken = write_until_stuck(&mut upstream, &call_back, 2000).await;
    assert!(taken < 1900, "{taken} were taken");
    let mut other = scene.connect().await;
    other.send(say(1, "a")).await;
    let mut shared = provider.accept().await;
    let call = shared.next().await;
    shared.send(answer(&call, "b")).await;
    other.next().await;
    for _ in 0..taken {
        assert_eq!(client.next().await.0, call_back);
    }
}
