//! Connections that one exchange has to itself: when they are used again, and
//! when they are not.

use meta_codec_test::toy::{Frame, Toy};
use meta_core::{Event, MessageKind, Sharing};

use crate::{
    client::{Caller, ended, frame_of, ok, poll_once, text},
    network::Network,
    peer::{patiently, settle},
    server::Server,
    setup::{Proxy, backend},
};

/// Calls, and returns the answer and the number of the connection it came over.
async fn ask(caller: &Caller, frame: &Frame) -> (String, String) {
    let answer = patiently(caller.call(frame)).await.expect("an answer");
    let frame = frame_of(answer);
    (text(&frame), frame.get("over").expect("an echo").to_owned())
}

#[tokio::test]
async fn a_connection_is_used_again_after_a_clean_exchange() {
    let echo = Server::tcp().await.echo();
    let proxy = Proxy::over_tcp(Toy::one_at_a_time(), backend([&echo.address]));
    for body in ["a", "b", "c"] {
        // Each from a client of its own.
        assert_eq!(proxy.caller().ask(body).await, ok(body));
    }
    assert_eq!(echo.connections(), 1);
    assert_eq!(proxy.stats.upstream_cx_total.value(), 1);
    assert_eq!(proxy.open(), 1);
    assert_eq!(proxy.stats.upstream_rq_completed.value(), 3);
    assert_eq!(proxy.stats.upstream_rq_time.snapshot().count(), 3);
    proxy.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn no_two_exchanges_at_a_time() {
    let shared = Toy::one_at_a_time().with(|toy| toy.sharing = Sharing::Shared);
    let exclusive = Toy::by_id().with(|toy| toy.sharing = Sharing::Exclusive);
    for (toy, sharing) in [
        (Toy::one_at_a_time(), None),
        // What cannot be shared is not, whoever asks for it.
        (Toy::one_at_a_time(), Some(Sharing::Shared)),
        (shared, None),
        (exclusive, None),
        (Toy::by_id(), Some(Sharing::Exclusive)),
    ] {
        let network = Network::new();
        let mut server = network.server();
        let mut config = backend([&server.address]);
        config.sharing = sharing;
        let proxy = Proxy::new(toy, network, config);
        let first = proxy.caller().start("first");
        let second = proxy.caller().start("second");
        let (mut one, mut other) = (server.accept().await, server.accept().await);
        let (request, other_request) = (one.recv().await, other.recv().await);
        one.expect_silence().await;
        other.expect_silence().await;
        // The answers come the other way round.
        other.answer(&other_request, "to second").await;
        settle().await;
        one.answer(&request, "to first").await;
        assert_eq!(ended(first).await, ok("to first"));
        assert_eq!(ended(second).await, ok("to second"));
        assert_eq!(proxy.open(), 2);
        proxy.assert_at_rest();
    }
}

/// The one used last is the likeliest to be good, and the rest may time out.
#[tokio::test(start_paused = true)]
async fn the_last_used_is_used_first() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::one_at_a_time(), network, backend([&server.address]));
    let mut calls = Vec::new();
    let mut peers = Vec::new();
    for _ in 0..3 {
        calls.push(proxy.caller().start(""));
        peers.push(server.accept().await);
    }
    // Given back in the order 1, 2, 0.
    for n in [1, 2, 0] {
        let request = peers[n].recv().await;
        peers[n].answer(&request, "").await;
        settle().await;
    }
    for call in calls {
        ended(call).await.expect("an answer");
    }
    let mut calls = Vec::new();
    for n in [0, 2, 1] {
        calls.push(proxy.caller().start(""));
        settle().await;
        let request = peers[n].recv().await;
        assert_eq!(request.kind, MessageKind::Request);
    }
    server.expect_no_other();
}

/// The answer to a call that was given up reaches nobody.
#[tokio::test]
async fn never_again_after_a_call_was_given_up() {
    for toy in [
        Toy::one_at_a_time(),
        Toy::by_id().with(|toy| toy.sharing = Sharing::Exclusive),
    ] {
        let mut server = Server::tcp().await;
        let proxy = Proxy::over_tcp(toy, backend([&server.address]));
        let caller = proxy.caller();
        let given_up = caller.start("old");
        let mut upstream = server.accept().await;
        let old = upstream.recv().await;
        given_up.abort();
        assert!(given_up.await.is_err(), "aborted");
        let next = caller.start("new");
        let mut fresh = server.accept().await;
        let new = fresh.recv().await;
        // It may be closed already.
        upstream.try_send(&Frame::response(old.id, "to old")).await;
        upstream.expect_end().await;
        fresh.answer(&new, "to new").await;
        assert_eq!(ended(next).await, ok("to new"));
        assert_eq!(proxy.open(), 1);
        let stats = &proxy.stats;
        assert_eq!(stats.upstream_rq_cancelled.value(), 1);
        assert_eq!(stats.upstream_cx_destroy_local.value(), 1);
        assert_eq!(stats.upstream_cx_destroy_with_active_rq.value(), 1);
        proxy.assert_at_rest();
    }
}

/// Not even when the answer is there and nobody has looked.
#[tokio::test(start_paused = true)]
async fn never_again_though_the_answer_is_there() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::one_at_a_time(), network, backend([&server.address]));
    let mut given_up = proxy.caller().call(&Frame::request(1, "old"));
    assert!(poll_once(&mut given_up).is_pending());
    let mut upstream = server.accept().await;
    while poll_once(&mut given_up).is_pending() {
        let Some(request) = futures::FutureExt::now_or_never(upstream.recv()) else {
            continue;
        };
        upstream.answer(&request, "to old").await;
        break;
    }
    drop(given_up);
    upstream.expect_end().await;
    assert_eq!(proxy.open(), 0);
    proxy.assert_at_rest();
}

/// What a server says beyond its answer belongs to nobody.
#[tokio::test(start_paused = true)]
async fn never_again_with_bytes_left_over() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::one_at_a_time(), network, backend([&server.address]));
    let caller = proxy.caller();
    let answer = caller.start("one");
    let mut upstream = server.accept().await;
    let request = upstream.recv().await;
    let mut bytes = Frame::response(request.id, "one").encode();
    bytes.extend(Frame::response(request.id, "another").encode());
    upstream.send_bytes(&bytes).await;
    assert_eq!(ended(answer).await, ok("one"));
    upstream.expect_end().await;
    assert_eq!(proxy.open(), 0);
    assert_eq!(proxy.stats.upstream_cx_destroy_local.value(), 1);

    // The bytes come while the connection is at rest.
    let answer = caller.start("two");
    let mut upstream = server.accept().await;
    let request = upstream.recv().await;
    upstream.answer(&request, "two").await;
    ended(answer).await.expect("an answer");
    upstream.answer(&request, "three").await;
    let answer = caller.start("three");
    let mut fresh = server.accept().await;
    let request = fresh.recv().await;
    fresh.answer(&request, "new").await;
    assert_eq!(ended(answer).await, ok("new"));
    upstream.expect_end().await;
    assert_eq!(proxy.stats.upstream_cx_stale.value(), 1);
    proxy.assert_at_rest();
}

/// A server that announces its end gets no further requests, and finishes.
#[tokio::test(start_paused = true)]
async fn never_again_when_the_server_drains() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::one_at_a_time(), network, backend([&server.address]));
    let answer = proxy.caller().start("");
    let mut upstream = server.accept().await;
    let request = upstream.recv().await;
    let drain = MessageKind::Event(Event::Drain);
    upstream.send(&Frame::new(drain, 0, "")).await;
    settle().await;
    upstream.answer(&request, "still").await;
    assert_eq!(ended(answer).await, ok("still"));
    upstream.expect_end().await;
    assert_eq!(proxy.open(), 0);
}

/// Unlike connections are pooled apart; each is found again.
#[tokio::test(start_paused = true)]
async fn forms_never_share() {
    let network = Network::new();
    let echo = network.server().echo();
    let proxy = Proxy::new(Toy::one_at_a_time(), network, backend([&echo.address]));
    let caller = proxy.caller();
    let form = |form: &str| Frame::request(1, "").header("form", form);
    let mut over = Vec::new();
    for n in ["1", "2", "1", "3", "2", "2", "1", "3"] {
        over.push(ask(&caller, &form(n)).await.1);
    }
    assert_eq!(over, ["1", "2", "1", "3", "2", "2", "1", "3"]);
    assert_eq!(echo.connections(), 3);
    assert_eq!(proxy.open(), 3);
}

/// With a shared protocol, exclusive connections carry ids of their own.
#[tokio::test(start_paused = true)]
async fn clients_get_their_ids_back() {
    let network = Network::new();
    let echo = network.server().echo();
    let toy = Toy::by_id().with(|toy| toy.sharing = Sharing::Exclusive);
    let proxy = Proxy::new(toy, network, backend([&echo.address]));
    let mut client = proxy.client();
    for id in [7, 0, 7, u64::from(u32::MAX)] {
        let answer = client.ask(&Frame::request(id, "hello")).await;
        assert_eq!((answer.id, text(&answer)), (id, "hello".to_owned()));
    }
    assert_eq!(echo.connections(), 1);
    client.leave().await;
    proxy.assert_at_rest();
}

/// Requests in flight at once are answered in order where there are no ids.
#[tokio::test(start_paused = true)]
async fn answers_leave_in_request_order() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::one_at_a_time(), network, backend([&server.address]));
    let mut client = proxy.client();
    for id in 0..10 {
        client.send(&Frame::request(id, format!("{id}"))).await;
    }
    let mut peers = Vec::new();
    for _ in 0..10 {
        let mut peer = server.accept().await;
        let request = peer.recv().await;
        peers.push((request, peer));
    }
    // The last is answered first.
    for (request, peer) in peers.iter_mut().rev() {
        peer.answer(request, request.body.clone()).await;
        settle().await;
    }
    for id in 0..10 {
        assert_eq!(text(&client.recv().await), id.to_string());
    }
    client.leave().await;
    proxy.assert_at_rest();
    assert_eq!(proxy.open(), 10);
}
