//! How connections that are shared come to be, and what becomes of those who
//! wait for one.

use std::time::Duration;

use meta_codec_test::toy::{Frame, Toy};
use meta_core::{ReplyKind, Route};

use crate::{
    client::{ended, ok, text},
    network::{Fault, Network},
    peer::settle,
    setup::{Proxy, backend},
};

fn toys() -> [Toy; 2] {
    [Toy::by_id(), Toy::in_order()]
}

#[tokio::test(start_paused = true)]
async fn first_calls_at_once_make_one_connection() {
    for toy in toys() {
        let network = Network::new();
        let mut server = network.server();
        let connect = network.hold(&server);
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        let calls: Vec<_> = (0..100).map(|_| proxy.caller().start("hello")).collect();
        settle().await;
        assert_eq!(proxy.open(), 1);
        connect.send(()).expect("they wait for it");
        let mut upstream = server.accept().await;
        for _ in 0..100 {
            let request = upstream.recv().await;
            upstream.answer(&request, "hello").await;
        }
        for call in calls {
            assert_eq!(ended(call).await, ok("hello"));
        }
        server.expect_no_other();
        assert_eq!(proxy.stats.upstream_cx_total.value(), 1);
        proxy.assert_at_rest();
    }
}

/// Everyone who waits is told; the next call tries again.
#[tokio::test(start_paused = true)]
async fn a_failure_to_connect_reaches_all_that_wait() {
    for toy in toys() {
        let network = Network::new();
        let mut server = network.server();
        let connect = network.hold(&server);
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        let calls: Vec<_> = (0..10).map(|_| proxy.caller().start("")).collect();
        settle().await;
        drop(connect);
        settle().await;
        assert!(calls.iter().all(|call| call.is_finished()), "at once");
        for call in calls {
            assert_eq!(ended(call).await, Err(ReplyKind::ConnectFailed));
        }
        assert_eq!(proxy.stats.upstream_cx_connect_fail.value(), 1);
        assert_eq!(proxy.stats.upstream_rq_pending_failure_eject.value(), 10);
        assert_eq!(proxy.stats.upstream_rq_retry.value(), 0);
        assert_eq!(proxy.open(), 0);

        let next = proxy.caller().start("next");
        let mut upstream = server.accept().await;
        let request = upstream.recv().await;
        upstream.answer(&request, "next").await;
        assert_eq!(ended(next).await, ok("next"));
        proxy.assert_at_rest();
    }
}

/// The others wait on where the one that began goes away.
#[tokio::test(start_paused = true)]
async fn whoever_waits_drives_it() {
    for toy in toys() {
        let network = Network::new();
        let mut server = network.server();
        let connect = network.hold(&server);
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        let first = proxy.caller().start("first");
        settle().await;
        let second = proxy.caller().start("second");
        settle().await;
        let third = proxy.caller().start("third");
        settle().await;
        first.abort();
        settle().await;
        connect.send(()).expect("they wait for it");
        second.abort();
        let mut upstream = server.accept().await;
        let request = upstream.recv().await;
        assert_eq!(text(&request), "third");
        upstream.answer(&request, "third").await;
        assert_eq!(ended(third).await, ok("third"));
        server.expect_no_other();
        proxy.assert_at_rest();
    }
}

/// With the last that waits it ends, and its place among the connections is free.
#[tokio::test(start_paused = true)]
async fn where_nobody_waits_nothing_is_left() {
    for toy in toys() {
        let network = Network::new();
        let mut server = network.server();
        let mut config = backend([&server.address]);
        config.limits.max_connections = 1;
        network.fault(&server, Fault::Hang);
        let proxy = Proxy::new(toy, network, config);
        let calls = [proxy.caller().start("a"), proxy.caller().start("b")];
        settle().await;
        assert_eq!(proxy.open(), 1);
        for call in calls {
            call.abort();
        }
        settle().await;
        assert_eq!(proxy.open(), 0);
        proxy.assert_at_rest();

        // The next call is not told of a time that others have waited.
        tokio::time::sleep(Duration::from_secs(3600)).await;
        let next = proxy.caller().start("next");
        let mut upstream = server.accept().await;
        let request = upstream.recv().await;
        upstream.answer(&request, "next").await;
        assert_eq!(ended(next).await, ok("next"));
        assert_eq!(proxy.stats.upstream_cx_connect_fail.value(), 0);
        proxy.assert_at_rest();
    }
}

/// Each call that finds the connection closed makes it again; calls in flight
/// when it closes are told at once.
#[tokio::test(start_paused = true)]
async fn a_connection_that_closed_is_made_again() {
    for toy in toys() {
        let network = Network::new();
        let mut server = network.server();
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        for _ in 0..5 {
            let calls: Vec<_> = (0..4).map(|_| proxy.caller().start("lost")).collect();
            let mut upstream = server.accept().await;
            for _ in 0..4 {
                assert_eq!(text(&upstream.recv().await), "lost");
            }
            drop(upstream);
            settle().await;
            assert!(calls.iter().all(|call| call.is_finished()), "at once");
            for call in calls {
                assert_eq!(ended(call).await, Err(ReplyKind::UpstreamReset));
            }
            assert_eq!(proxy.open(), 0);
        }
        server.expect_no_other();
        assert_eq!(proxy.stats.upstream_rq_rx_reset.value(), 20);
        assert_eq!(proxy.stats.upstream_rq_retry.value(), 0);
        proxy.assert_at_rest();
    }
}

/// A slow connect costs its caller no more than the caller's own time, and the
/// caller that still waits gets its connection.
#[tokio::test(start_paused = true)]
async fn a_caller_in_a_hurry_does_not_stop_the_others() {
    for toy in toys() {
        let network = Network::new();
        let mut server = network.server();
        let connect = network.hold(&server);
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        let mut route = Route::to_cluster("all", "backend");
        route.timeout = Some(Duration::from_millis(500));
        let hasty = proxy.caller_by(route).start("hasty");
        let patient = proxy.caller().start("patient");
        assert_eq!(ended(hasty).await, Err(ReplyKind::Timeout));
        connect.send(()).expect("one waits for it");
        let mut upstream = server.accept().await;
        let request = upstream.recv().await;
        assert_eq!(text(&request), "patient", "the other was never sent");
        upstream.answer(&request, "patient").await;
        assert_eq!(ended(patient).await, ok("patient"));
        proxy.assert_at_rest();
    }
}

/// Shut while the call is on its way to it: the call goes over the next one.
#[tokio::test(start_paused = true)]
async fn a_connection_closed_before_the_call_is_not_used() {
    for toy in toys() {
        let network = Network::new();
        let mut server = network.server();
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        let mut client = proxy.client();
        for n in 0..10 {
            client.send(&Frame::request(n, format!("{n}"))).await;
            let mut upstream = server.accept().await;
            let request = upstream.recv().await;
            upstream.answer(&request, request.body.clone()).await;
            assert_eq!(text(&client.recv().await), n.to_string());
            drop(upstream);
            settle().await;
        }
        assert_eq!(proxy.stats.upstream_rq_retry.value(), 0);
        client.leave().await;
        proxy.assert_at_rest();
    }
}
