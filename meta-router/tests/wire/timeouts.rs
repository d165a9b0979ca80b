//! No request takes longer than its route and its client allow.

use std::time::Duration;

use meta_codec_test::toy::{Frame, Toy};
use meta_core::{Metadata, ReplyKind, Route};
use tokio::time::Instant;

use crate::{
    client::{Caller, ended, ok, text},
    network::{Fault, Network},
    peer::{patiently, settle},
    setup::{Proxy, backend},
};

fn route(timeout: Option<Duration>) -> Route {
    let mut route = Route::to_cluster("all", "backend");
    route.timeout = timeout;
    route
}

const SECOND: Duration = Duration::from_secs(1);

/// Calls a server that never answers this call, and tells after how many
/// milliseconds the caller was told so: the first time over a connection that has
/// to be made, the second over one that is there.
async fn timed_out_after(toy: &Toy, timeout: Option<Duration>, frame: &Frame) -> [u128; 2] {
    let after = async |warm: bool| {
        let network = Network::new();
        let mut server = network.server();
        let proxy = Proxy::new(toy.clone(), network, backend([&server.address]));
        let caller = proxy.caller_by(route(timeout));
        let mut peer = None;
        if warm {
            let first = caller.start("first");
            let mut accepted = server.accept().await;
            accepted.expect_call("first").await;
            assert_eq!(ended(first).await, ok("first"));
            peer = Some(accepted);
        }
        let begun = Instant::now();
        let answer = caller.call(frame).await;
        let passed = begun.elapsed().as_millis();
        let reply = answer.expect_err("nobody answers");
        assert_eq!(reply.kind(), ReplyKind::Timeout);
        assert_eq!(&**reply.cluster().expect("it is named"), "backend");
        assert_eq!(proxy.stats.upstream_rq_timeout.value(), 1);
        assert_eq!(proxy.stats.upstream_rq_completed.value(), u64::from(warm));
        assert_eq!(proxy.stats.upstream_rq_cancelled.value(), 0);
        drop(peer);
        proxy.assert_at_rest();
        // The wheel's resolution.
        passed - passed % 20
    };
    [after(false).await, after(true).await]
}

#[tokio::test(start_paused = true)]
async fn the_shorter_of_the_routes_and_the_clients() {
    let plain = Frame::request(1, "");
    let hasty = Frame::request(1, "").header("timeout-ms", "300");
    let patient = Frame::request(1, "").header("timeout-ms", "60000");
    let silent = Frame::request(1, "").header("timeout-ms", "0");
    for toy in [Toy::by_id(), Toy::one_at_a_time()] {
        let after = |timeout, frame| timed_out_after(&toy, timeout, frame);
        assert_eq!(after(None, &plain).await, [15_000; 2]);
        assert_eq!(after(Some(SECOND), &plain).await, [1_000; 2]);
        assert_eq!(after(Some(SECOND), &hasty).await, [300; 2]);
        assert_eq!(after(Some(SECOND), &patient).await, [1_000; 2]);
        assert_eq!(after(Some(SECOND), &silent).await, [1_000; 2]);
        assert_eq!(after(None, &hasty).await, [300; 2]);
        assert_eq!(after(None, &patient).await, [15_000; 2]);
        assert_eq!(after(Some(Duration::ZERO), &hasty).await, [300; 2]);
        assert_eq!(after(Some(Duration::ZERO), &patient).await, [60_000; 2]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_text_names_the_time() {
    for toy in [Toy::by_id(), Toy::one_at_a_time()] {
        let network = Network::new();
        let mut server = network.server();
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        let caller = proxy.caller_by(route(Some(SECOND)));
        let text = async || {
            let answer = caller.call(&Frame::request(1, "")).await;
            answer.expect_err("nobody answers").to_string()
        };
        let expected = "response_timeout: no response within 1s (cluster backend)";
        assert_eq!(text().await, expected);
        let first = caller.start("first");
        let mut peer = server.accept().await;
        peer.recv().await;
        first.abort();
        assert_eq!(text().await, expected);
    }
}

/// Of calls that share a connection, each has a time of its own, whichever came
/// first.
#[tokio::test(start_paused = true)]
async fn calls_in_flight_have_times_of_their_own() {
    for toy in [Toy::by_id(), Toy::in_order()] {
        let network = Network::new();
        let mut server = network.server();
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        let first = proxy.caller().start("first");
        let mut peer = server.accept().await;
        peer.expect_call("first").await;
        assert_eq!(ended(first).await, ok("first"));

        let begun = Instant::now();
        let seconds = [9, 5, 7, 1, 3, 0];
        let calls = seconds.map(|n| {
            let call = proxy.caller_by(route(Some(SECOND * n))).start("");
            tokio::spawn(async move { (ended(call).await, begun.elapsed().as_secs()) })
        });
        settle().await;
        tokio::time::sleep(SECOND * 20).await;
        let mut calls = calls.into_iter();
        for n in [9, 5, 7, 1, 3] {
            let call = calls.next().expect("as many");
            let told = call.await.expect("no panic");
            assert_eq!(told, (Err(ReplyKind::Timeout), n));
        }
        let endless = calls.next().expect("one more");
        assert!(!endless.is_finished());
        assert_eq!(proxy.stats.upstream_rq_timeout.value(), 5);
        server.expect_no_other();
        drop(peer);
        let (told, _) = endless.await.expect("no panic");
        assert_eq!(told, Err(ReplyKind::UpstreamReset));
        proxy.assert_at_rest();
    }
}

/// Neither says: the answer comes after a day.
#[tokio::test(start_paused = true)]
async fn zero_is_no_limit() {
    for toy in [Toy::by_id(), Toy::one_at_a_time()] {
        let network = Network::new();
        let mut server = network.server();
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        let caller = proxy.caller_by(route(Some(Duration::ZERO)));
        let answer = caller.start("");
        let mut upstream = server.accept().await;
        let request = upstream.recv().await;
        tokio::time::sleep(SECOND * 86_400).await;
        upstream.answer(&request, "at last").await;
        assert_eq!(ended(answer).await, ok("at last"));
        proxy.assert_at_rest();
    }
}

/// A timeout that ends after the end of time is none, not a panic; clients can
/// send such ones.
#[tokio::test(start_paused = true)]
async fn endless_timeouts() {
    for toy in [Toy::by_id(), Toy::one_at_a_time()] {
        let network = Network::new();
        let echo = network.server().echo();
        let mut config = backend([&echo.address]);
        config.connect_timeout = Duration::MAX;
        config.idle_timeout = Duration::MAX;
        let proxy = Proxy::new(toy, network, config);
        let call = async |caller: &Caller| {
            let mut request = caller.request(&Frame::request(1, "hello"));
            let metadata = &request.message.metadata;
            let mut endless = Metadata::new(metadata.kind, metadata.id);
            endless.header_bytes = metadata.header_bytes;
            endless.total_bytes = metadata.total_bytes;
            endless.timeout = Some(Duration::MAX);
            request.message.metadata = endless.into();
            patiently(caller.send(request)).await.expect("an answer");
        };
        call(&proxy.caller_by(route(Some(Duration::ZERO)))).await;
        call(&proxy.caller_by(route(Some(Duration::MAX)))).await;
        proxy.assert_at_rest();
    }
}

/// The connection that might still bring the answer is closed.
#[tokio::test(start_paused = true)]
async fn an_exclusive_connection_is_closed() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::one_at_a_time(), network, backend([&server.address]));
    let caller = proxy.caller_by(route(Some(SECOND)));
    let late = caller.start("late");
    let mut upstream = server.accept().await;
    assert_eq!(text(&upstream.recv().await), "late");
    let answer = late.await.expect("no panic");
    assert!(answer.is_err());
    upstream.expect_end().await;
    assert_eq!(proxy.open(), 0);

    let prompt = caller.start("prompt");
    let mut upstream = server.accept().await;
    let request = upstream.recv().await;
    upstream.answer(&request, "in time").await;
    assert_eq!(ended(prompt).await, ok("in time"));
    assert_eq!(proxy.open(), 1);
    proxy.assert_at_rest();
}

/// The others on it must not suffer; the late response is dropped and counted.
#[tokio::test(start_paused = true)]
async fn a_shared_connection_stays_open() {
    for toy in [Toy::by_id(), Toy::in_order()] {
        let network = Network::new();
        let mut server = network.server();
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        let hasty = proxy.caller_by(route(Some(SECOND)));
        let patient = proxy.caller_by(route(Some(SECOND * 100)));
        let late = hasty.start("late");
        settle().await;
        let prompt = patient.start("prompt");
        let mut upstream = server.accept().await;
        let (first, second) = (upstream.recv().await, upstream.recv().await);
        assert_eq!((text(&first), text(&second)).0, "late");
        let answer = late.await.expect("no panic");
        assert_eq!(answer.expect_err("too late").kind(), ReplyKind::Timeout);
        upstream.answer(&first, "old").await;
        upstream.answer(&second, "new").await;
        assert_eq!(ended(prompt).await, ok("new"));
        assert_eq!(proxy.stats.upstream_rq_unknown_response.value(), 1);
        assert_eq!(proxy.open(), 1);
        server.expect_no_other();
        proxy.assert_at_rest();
    }
}

/// A connection that is not made in the request's time is its timeout, too.
#[tokio::test(start_paused = true)]
async fn connecting_takes_of_the_requests_time() {
    for toy in [Toy::by_id(), Toy::one_at_a_time()] {
        let network = Network::new();
        let server = network.server();
        network.fault(&server, Fault::Hang);
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        let begun = Instant::now();
        let answer = proxy.caller_by(route(Some(SECOND))).ask("").await;
        assert_eq!(answer, Err(ReplyKind::Timeout));
        assert_eq!(begun.elapsed().as_secs(), 1);
        assert_eq!(proxy.open(), 0, "nobody waits for it any more");
        proxy.assert_at_rest();
    }
}

/// The client is told in its own protocol.
#[tokio::test(start_paused = true)]
async fn the_client_reads_it() {
    for toy in [Toy::by_id(), Toy::one_at_a_time(), Toy::in_order()] {
        let network = Network::new();
        let server = network.server();
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        let mut client = proxy.client();
        let frame = Frame::request(5, "").header("timeout-ms", "200");
        let reply = client.ask(&frame).await;
        assert_eq!(reply.get("reason"), Some("response_timeout"));
        client.leave().await;
        proxy.assert_at_rest();
    }
}
