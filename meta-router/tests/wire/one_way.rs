//! Calls that want no answer.

use std::time::Duration;

use futures::future::join_all;
use meta_codec_test::{
    alloc,
    toy::{Frame, Toy},
};
use meta_core::{MessageKind, ReplyKind, Sharing};
use tokio::runtime::{Builder, Runtime};

use crate::{
    client::{Caller, ended, ok, poll_once, text},
    network::Network,
    peer::settle,
    setup::{Proxy, backend},
};

const CALLS: usize = 100_000;
/// At a time.
const BATCH: usize = 50;

fn one_way(body: &'static str) -> Frame {
    Frame::new(MessageKind::OneWay, 3, body)
}

async fn send(caller: &Caller, calls: usize) {
    let frame = one_way("note");
    for _ in 0..calls / BATCH {
        let sent = join_all((0..BATCH).map(|_| caller.call(&frame))).await;
        assert!(sent.iter().all(|sent| sent.is_ok()));
    }
}

/// All arrive, and nothing is left of them.
#[test]
fn a_hundred_thousand_leave_nothing() {
    for toy in [
        Toy::one_at_a_time(),
        Toy::by_id(),
        Toy::in_order(),
        Toy::by_id().with(|toy| toy.sharing = Sharing::Exclusive),
    ] {
        let runtime: Runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let (proxy, echo) = runtime.block_on(async {
            let network = Network::new();
            let echo = network.server().echo();
            let proxy = Proxy::new(toy, network, backend([&echo.address]));
            send(&proxy.caller(), 5_000).await;
            settle().await;
            (proxy, echo)
        });
        let (connections, open) = (echo.connections(), proxy.open());
        let ((), usage) = alloc::measure(|| {
            runtime.block_on(async {
                send(&proxy.caller(), CALLS).await;
                settle().await;
            });
        });
        assert!(alloc::is_counting());
        assert!(usage.kept_bytes < 32 << 10, "{usage:?}");
        assert_eq!(echo.calls(), 5_000 + CALLS);
        assert_eq!(echo.connections(), connections);
        assert_eq!(proxy.open(), open);
        let completed = proxy.stats.upstream_rq_completed.value();
        assert_eq!(completed, 5_000 + CALLS as u64);
        assert_eq!(proxy.stats.upstream_rq_retry.value(), 0);
        proxy.assert_at_rest();
    }
}

/// Not when it has been handed on, but when it is on its way; not when it has
/// been answered, for it never is.
#[tokio::test(start_paused = true)]
async fn it_ends_when_it_is_written() {
    for toy in [Toy::one_at_a_time(), Toy::by_id(), Toy::in_order()] {
        let network = Network::with_streams_of(8);
        let mut server = network.server();
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        let mut call = proxy.caller().call(&one_way("a note of some length"));
        assert!(poll_once(&mut call).is_pending());
        let call = tokio::spawn(call);
        let mut peer = server.accept().await;
        settle().await;
        assert!(!call.is_finished());
        assert_eq!(text(&peer.recv().await), "a note of some length");
        let response = call.await.expect("no panic").expect("it is written");
        assert!(response.message.is_none());
        let upstream = response.upstream.expect("it is known");
        assert_eq!(upstream.endpoint, server.address);
        proxy.assert_at_rest();
    }
}

/// A server that does not read costs it its timeout, and the exclusive
/// connection, which holds half of it.
#[tokio::test(start_paused = true)]
async fn one_that_is_never_taken_times_out() {
    for toy in [Toy::one_at_a_time(), Toy::by_id()] {
        let shared = meta_core::CodecFactory::capabilities(&toy).sharing == Sharing::Shared;
        let network = Network::with_streams_of(8);
        let server = network.server();
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        let call = proxy.caller().call(&one_way("a note of some length"));
        let reply = call.await.expect_err("nobody reads it");
        assert_eq!(reply.kind(), ReplyKind::Timeout);
        settle().await;
        assert_eq!(proxy.open(), i64::from(shared));
        proxy.assert_at_rest();
    }
}

/// Some servers answer all the same. Whoever calls next must not get that.
#[tokio::test(start_paused = true)]
async fn an_answer_to_it_reaches_nobody() {
    for toy in [
        Toy::one_at_a_time(),
        Toy::by_id(),
        Toy::by_id().with(|toy| toy.sharing = Sharing::Exclusive),
    ] {
        let network = Network::new();
        let mut server = network.server();
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        let caller = proxy.caller();
        caller.call(&one_way("note")).await.expect("it is written");
        let mut peer = server.accept().await;
        let note = peer.recv().await;
        peer.answer(&note, "noted").await;
        let echo = server.echo();
        tokio::spawn(async move {
            while let Some(request) = peer.read_frame().await {
                peer.answer(&request, request.body.clone()).await;
            }
        });
        assert_eq!(caller.ask("call").await, ok("call"));
        assert!(echo.connections() <= 1);
        proxy.assert_at_rest();
    }
}

/// Through the whole proxy, among calls.
#[tokio::test(start_paused = true)]
async fn clients_send_them_among_calls() {
    for toy in [Toy::one_at_a_time(), Toy::by_id(), Toy::in_order()] {
        let network = Network::new();
        let echo = network.server().echo();
        let proxy = Proxy::new(toy, network, backend([&echo.address]));
        let mut client = proxy.client();
        for n in 0..500 {
            client.send(&one_way("note")).await;
            if n % 10 == 0 {
                let answer = client.ask(&Frame::request(n, "call")).await;
                assert_eq!(text(&answer), "call");
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(echo.calls(), 550);
        assert_eq!(proxy.downstream.request_oneway.value(), 500);
        client.leave().await;
        proxy.assert_at_rest();
    }
}

/// One that cannot be sent is an error of its own and of nobody else's; the
/// client is told nothing, for it waits for nothing.
#[tokio::test(start_paused = true)]
async fn one_that_cannot_be_sent() {
    for toy in [Toy::one_at_a_time(), Toy::by_id()] {
        let network = Network::new();
        let server = network.server();
        let config = backend([&server.address]);
        drop(server);
        let proxy = Proxy::new(toy, network, config);
        let mut client = proxy.client();
        client.send(&one_way("note")).await;
        client.expect_silence().await;
        let answer = client.ask(&Frame::request(4, "call")).await;
        assert_eq!(answer.get("reason"), Some("upstream_connect_failure"));
        client.leave().await;
        assert_eq!(proxy.downstream.downstream_cx_active.value(), 0);
        proxy.assert_at_rest();
    }
}

/// Two in a row over one exclusive connection, the second before the first could
/// be answered: both arrive, in order.
#[tokio::test(start_paused = true)]
async fn calls_follow_over_the_same_connection() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::one_at_a_time(), network, backend([&server.address]));
    let caller = proxy.caller();
    caller.call(&one_way("one")).await.expect("it is written");
    caller.call(&one_way("two")).await.expect("it is written");
    let call = caller.start("three");
    let mut peer = server.accept().await;
    for body in ["one", "two", "three"] {
        let request = peer.recv().await;
        assert_eq!(text(&request), body);
        if request.kind == MessageKind::Request {
            peer.answer(&request, "answer").await;
        }
    }
    assert_eq!(ended(call).await, ok("answer"));
    server.expect_no_other();
    proxy.assert_at_rest();
}
