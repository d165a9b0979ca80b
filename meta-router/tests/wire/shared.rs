//! Connections that many exchanges share.

use std::time::Duration;

use meta_codec_test::{
    alloc,
    toy::{Frame, Toy},
};
use meta_core::{Event, MessageKind, ReplyKind, Sharing};
use tokio::{runtime::Builder, time::sleep};

use crate::{
    client::{ended, ok, text},
    network::Network,
    peer::settle,
    server::Server,
    setup::{Proxy, backend},
};

/// All clients count from the same number.
#[tokio::test]
async fn clients_with_the_same_ids_share_a_connection() {
    let mut server = Server::tcp().await;
    let proxy = Proxy::over_tcp(Toy::by_id(), backend([&server.address]));
    let mut clients = [proxy.client(), proxy.client(), proxy.client()];
    for (n, client) in clients.iter_mut().enumerate() {
        for id in [0, 1, 2, 1] {
            client.send(&Frame::request(id, format!("{n}/{id}"))).await;
        }
    }
    let mut upstream = server.accept().await;
    let mut requests = Vec::new();
    for _ in 0..12 {
        requests.push(upstream.recv().await);
    }
    let mut ids: Vec<_> = requests.iter().map(|request| request.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 12, "each has an id of its own");
    // Answered in an order that none of the clients has asked in.
    for request in requests.iter().rev() {
        upstream.answer(request, request.body.clone()).await;
    }
    for (n, client) in clients.iter_mut().enumerate() {
        let mut answers = Vec::new();
        for _ in 0..4 {
            let answer = client.recv().await;
            answers.push((answer.id, text(&answer)));
        }
        answers.sort();
        let expected = [0, 1, 1, 2].map(|id| (id, format!("{n}/{id}")));
        assert_eq!(answers, expected);
    }
    server.expect_no_other();
    for client in clients {
        client.leave().await;
    }
    assert_eq!(proxy.open(), 1);
    proxy.assert_at_rest();
}

/// Without ids, answers find their requests by order, across clients.
#[tokio::test(start_paused = true)]
async fn a_connection_is_shared_in_order() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::in_order(), network, backend([&server.address]));
    let callers = [proxy.caller(), proxy.caller()];
    let first = callers[0].start("warm");
    let mut upstream = server.accept().await;
    let request = upstream.recv().await;
    upstream.answer(&request, "warm").await;
    assert_eq!(ended(first).await, ok("warm"));

    let mut calls = Vec::new();
    for n in 0..10 {
        calls.push(callers[n % 2].start(["a", "b"][n % 2]));
        settle().await;
    }
    // Those in the middle are given up; their answers must reach nobody else.
    for n in [3, 4, 7] {
        calls[n].abort();
    }
    settle().await;
    for n in 0..10 {
        let request = upstream.recv().await;
        assert_eq!(text(&request), ["a", "b"][n % 2]);
        upstream.answer(&request, format!("answer {n}")).await;
    }
    for (n, call) in calls.into_iter().enumerate() {
        if ![3, 4, 7].contains(&n) {
            assert_eq!(ended(call).await, ok(&format!("answer {n}")));
        }
    }
    assert_eq!(proxy.stats.upstream_rq_unknown_response.value(), 3);
    assert_eq!(proxy.stats.upstream_rq_cancelled.value(), 3);
    server.expect_no_other();
    proxy.assert_at_rest();
}

/// The configuration may ask for what the protocol does not do by itself.
#[tokio::test(start_paused = true)]
async fn the_cluster_says_whether_to_share() {
    for (sharing, connections) in [(None, 1), (Some(Sharing::Shared), 1)]
        .into_iter()
        .chain([(Some(Sharing::Exclusive), 5)])
    {
        let network = Network::new();
        let mut server = network.server();
        let mut config = backend([&server.address]);
        config.sharing = sharing;
        let proxy = Proxy::new(Toy::by_id(), network, config);
        let calls = [(); 5].map(|()| proxy.caller().start(""));
        settle().await;
        assert_eq!(proxy.open(), connections);
        let mut peers = Vec::new();
        for _ in 0..connections {
            peers.push(server.accept().await);
        }
        drop(peers);
        for call in calls {
            assert_eq!(ended(call).await, Err(ReplyKind::UpstreamReset));
        }
        proxy.assert_at_rest();
    }
}

#[tokio::test(start_paused = true)]
async fn forms_have_connections_of_their_own() {
    let network = Network::new();
    let echo = network.server().echo();
    let proxy = Proxy::new(Toy::by_id(), network, backend([&echo.address]));
    let mut client = proxy.client();
    let mut over = Vec::new();
    for form in ["1", "2", "1", "3", "2", "2", "1"] {
        let frame = Frame::request(1, "").header("form", form);
        let answer = client.ask(&frame).await;
        over.push(answer.get("over").expect("an echo").to_owned());
    }
    assert_eq!(over, ["1", "2", "1", "3", "2", "2", "1"]);
    assert_eq!(proxy.open(), 3);
    client.leave().await;
    proxy.assert_at_rest();
}

/// The answer to a call that was given up reaches nobody, and is counted.
#[tokio::test(start_paused = true)]
async fn a_late_answer_is_dropped() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::by_id(), network, backend([&server.address]));
    let given_up = proxy.caller().start("old");
    let mut upstream = server.accept().await;
    let old = upstream.recv().await;
    given_up.abort();
    settle().await;
    let call = proxy.caller().start("new");
    let new = upstream.recv().await;
    assert_ne!(old.id, new.id);
    upstream.answer(&old, "to old").await;
    settle().await;
    assert!(!call.is_finished());
    // Nor are these of anybody's.
    upstream.send(&Frame::response(0, "nobody's")).await;
    upstream.send(&Frame::response(new.id + 1, "not yet")).await;
    upstream.answer(&new, "to new").await;
    upstream.answer(&new, "twice").await;
    assert_eq!(ended(call).await, ok("to new"));
    settle().await;
    assert_eq!(proxy.stats.upstream_rq_unknown_response.value(), 4);
    assert_eq!(proxy.open(), 1);
    server.expect_no_other();
    proxy.assert_at_rest();
}

/// The server announces its end: new calls go over a new connection, those in
/// flight end where they are, and no client notices.
#[tokio::test(start_paused = true)]
async fn a_server_that_drains_costs_nothing() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::by_id(), network, backend([&server.address]));
    let caller = proxy.caller();
    let before = caller.start("before");
    let mut old = server.accept().await;
    let request = old.recv().await;
    let drain = MessageKind::Event(Event::Drain);
    old.send(&Frame::new(drain, 0, "")).await;
    settle().await;
    let after = caller.start("after");
    let mut new = server.accept().await;
    let new_request = new.recv().await;
    old.expect_silence().await;
    assert_eq!(proxy.open(), 2);
    old.answer(&request, "from old").await;
    new.answer(&new_request, "from new").await;
    assert_eq!(ended(before).await, ok("from old"));
    assert_eq!(ended(after).await, ok("from new"));
    old.expect_end().await;
    assert_eq!(proxy.open(), 1);
    proxy.assert_at_rest();
}

/// An upstream that does not read holds its callers, not the proxy's memory.
#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_read() {
    for toy in [Toy::by_id(), Toy::in_order()] {
        let network = Network::with_streams_of(64);
        let mut server = network.server();
        let mut config = backend([&server.address]);
        config.upstream.write_buffer_bytes = 1024;
        let proxy = Proxy::new(toy, network, config);
        let calls: Vec<_> = (0..200)
            .map(|_| {
                proxy
                    .caller()
                    .start("a hundred bytes at the very least, headers and all")
            })
            .collect();
        let mut upstream = server.accept().await;
        sleep(Duration::from_secs(1)).await;
        let written = proxy.stats.upstream_cx_tx_bytes_total.value();
        assert!(written <= 64, "{written} bytes");
        for _ in 0..200 {
            let request = upstream.recv().await;
            upstream.answer(&request, request.body.clone()).await;
        }
        for call in calls {
            ended(call).await.expect("an answer");
        }
        proxy.assert_at_rest();
    }
}

/// Forms may be as many as clients like; those that are not used any more leave
/// nothing.
#[test]
fn forms_come_and_go() {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let (proxy, _echo) = runtime.block_on(async {
        let network = Network::new();
        let echo = network.server().echo();
        let mut config = backend([&echo.address]);
        config.limits.max_connections = 3;
        (Proxy::new(Toy::by_id(), network, config), echo)
    });
    let run = |forms: std::ops::Range<u64>| {
        runtime.block_on(async {
            let caller = proxy.caller();
            for form in forms {
                let frame = Frame::request(1, "").header("form", form.to_string());
                caller.call(&frame).await.expect("an answer");
            }
            sleep(Duration::from_secs(2)).await;
        });
    };
    run(0..500);
    let ((), usage) = alloc::measure(|| run(500..5_500));
    assert!(alloc::is_counting());
    assert!(usage.kept_bytes < 16 << 10, "{usage:?}");
    proxy.assert_at_rest();
}
