//! Clients that are bound to one upstream connection.

use meta_codec_test::toy::{Frame, Toy};
use meta_core::{Event, MessageKind, Sharing};

use crate::{
    client::{Client, text},
    network::{Fault, Network},
    peer::{Peer, settle},
    server::Server,
    setup::{Proxy, backend},
};

fn binding(id: u64) -> Frame {
    Frame::request(id, "binding").header("binds-session", "yes")
}

/// Binds `client`, and returns the connection that is its own from here on.
async fn bind(client: &mut Client, server: &mut Server) -> Peer {
    client.send(&binding(1)).await;
    let mut own = server.accept().await;
    let request = own.recv().await;
    assert_eq!(text(&request), "binding");
    own.answer(&request, "bound").await;
    assert_eq!(text(&client.recv().await), "bound");
    own
}

/// Calls, and expects the call on this upstream connection.
async fn call_over(client: &mut Client, upstream: &mut Peer) {
    client.send(&Frame::request(2, "call")).await;
    let request = upstream.recv().await;
    assert_eq!(text(&request), "call");
    upstream.answer(&request, "answer").await;
    assert_eq!(text(&client.recv().await), "answer");
}

#[tokio::test]
async fn a_bound_client_has_a_connection_of_its_own() {
    let mut server = Server::tcp().await;
    let proxy = Proxy::over_tcp(Toy::by_id(), backend([&server.address]));
    let (mut bound, mut free, mut other) = (proxy.client(), proxy.client(), proxy.client());
    free.send(&Frame::request(2, "call")).await;
    let mut shared = server.accept().await;
    let request = shared.recv().await;
    shared.answer(&request, "answer").await;
    assert_eq!(text(&free.recv().await), "answer");
    call_over(&mut bound, &mut shared).await;

    let mut own = bind(&mut bound, &mut server).await;
    let mut others = bind(&mut other, &mut server).await;
    for _ in 0..3 {
        call_over(&mut bound, &mut own).await;
        call_over(&mut free, &mut shared).await;
        call_over(&mut other, &mut others).await;
    }
    // Bound is bound: binding again changes nothing.
    bound.send(&binding(3)).await;
    let request = own.recv().await;
    own.answer(&request, "bound").await;
    assert_eq!(text(&bound.recv().await), "bound");
    server.expect_no_other();
    assert_eq!(proxy.open(), 3);

    // What is its own goes with it; the rest stays.
    bound.leave().await;
    own.expect_end().await;
    call_over(&mut free, &mut shared).await;
    call_over(&mut other, &mut others).await;
    assert_eq!(proxy.open(), 2);
    other.leave().await;
    free.leave().await;
    others.expect_end().await;
    proxy.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn whatever_the_protocol() {
    for toy in [
        Toy::one_at_a_time(),
        Toy::in_order(),
        Toy::by_id().with(|toy| toy.sharing = Sharing::Exclusive),
    ] {
        let network = Network::new();
        let mut server = network.server();
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        let (mut one, mut other) = (proxy.client(), proxy.client());
        let mut own = bind(&mut one, &mut server).await;
        let mut others = bind(&mut other, &mut server).await;
        call_over(&mut one, &mut own).await;
        call_over(&mut other, &mut others).await;
        one.leave().await;
        own.expect_end().await;
        call_over(&mut other, &mut others).await;
        server.expect_no_other();
        other.leave().await;
        others.expect_end().await;
        settle().await;
        assert_eq!(proxy.open(), 0);
        proxy.assert_at_rest();
    }
}

/// What follows the request that binds must not overtake it.
#[tokio::test(start_paused = true)]
async fn requests_keep_their_order_while_the_connection_is_made() {
    let network = Network::new();
    let mut server = network.server();
    let connect = network.hold(&server);
    let proxy = Proxy::new(Toy::by_id(), network, backend([&server.address]));
    let mut client = proxy.client();
    client.send(&binding(1)).await;
    for id in 2..20 {
        client.send(&Frame::request(id, id.to_string())).await;
    }
    settle().await;
    connect.send(()).expect("they wait for it");
    let mut own = server.accept().await;
    assert_eq!(text(&own.recv().await), "binding");
    for id in 2..20 {
        assert_eq!(text(&own.recv().await), id.to_string());
    }
    server.expect_no_other();
}

/// Servers choose ids as they like: they collide with each other and with those
/// of clients.
#[tokio::test]
async fn a_servers_request_reaches_the_right_client() {
    let mut server = Server::tcp().await;
    let proxy = Proxy::over_tcp(Toy::by_id(), backend([&server.address]));
    let mut clients = [proxy.client(), proxy.client(), proxy.client()];
    let mut own = Vec::new();
    for client in &mut clients {
        own.push(bind(client, &mut server).await);
    }
    // Calls of clients are under way under the same ids.
    for client in &mut clients {
        client.send(&Frame::request(1, "call")).await;
    }
    let mut calls = Vec::new();
    for upstream in &mut own {
        calls.push(upstream.recv().await);
    }
    for (n, upstream) in own.iter_mut().enumerate() {
        for id in [1, 2, 1] {
            let callback = Frame::request(id, format!("callback {n}/{id}"));
            upstream.send(&callback).await;
        }
    }
    for (n, client) in clients.iter_mut().enumerate() {
        let mut callbacks = Vec::new();
        for id in [1, 2, 1] {
            let callback = client.recv().await;
            assert_eq!(callback.kind, MessageKind::Request);
            assert_eq!(text(&callback), format!("callback {n}/{id}"));
            callbacks.push(callback);
        }
        // Answered the other way round.
        for callback in callbacks.iter().rev() {
            let body = format!("answer to {}", text(callback));
            client.answer(callback, body).await;
        }
    }
    for (n, upstream) in own.iter_mut().enumerate() {
        for id in [1, 2, 1] {
            let answer = upstream.recv().await;
            let expected = format!("answer to callback {n}/{id}");
            assert_eq!((answer.id, text(&answer)), (id, expected));
            assert_eq!(answer.kind, MessageKind::Response);
        }
        upstream.answer(&calls[n], format!("answer {n}")).await;
    }
    for (n, client) in clients.iter_mut().enumerate() {
        let answer = client.recv().await;
        assert_eq!((answer.id, text(&answer)), (1, format!("answer {n}")));
    }
    for client in clients {
        client.leave().await;
    }
    for mut upstream in own {
        upstream.expect_end().await;
    }
    assert_eq!(proxy.stats.upstream_rq_unknown_response.value(), 0);
    proxy.assert_at_rest();
}

/// On a connection that belongs to no client there is nobody to ask.
#[tokio::test(start_paused = true)]
async fn a_servers_request_on_a_shared_connection_is_refused() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::by_id(), network, backend([&server.address]));
    let mut client = proxy.client();
    client.send(&Frame::request(2, "call")).await;
    let mut shared = server.accept().await;
    let request = shared.recv().await;
    shared.send(&Frame::request(77, "callback")).await;
    let refused = shared.recv().await;
    assert_eq!((refused.kind, refused.id), (MessageKind::Response, 77));
    assert_eq!(refused.get("status"), Some("error"));
    shared.answer(&request, "answer").await;
    assert_eq!(text(&client.recv().await), "answer");
}

/// The client goes at whatever moment of its call: its connection goes with it.
#[tokio::test(start_paused = true)]
async fn a_client_that_goes_leaves_nothing() {
    for toy in [Toy::by_id(), Toy::in_order(), Toy::one_at_a_time()] {
        let network = Network::new();
        let mut server = network.server();
        let proxy = Proxy::new(toy, network.clone(), backend([&server.address]));

        // While the connection is made.
        network.fault(&server, Fault::Hang);
        let mut client = proxy.client();
        client.send(&binding(1)).await;
        settle().await;
        assert_eq!(proxy.open(), 1);
        client.vanish().await;
        settle().await;
        assert_eq!(proxy.open(), 0);

        // While its call is under way, to a server that never answers.
        let mut client = proxy.client();
        let mut own = bind(&mut client, &mut server).await;
        client.send(&Frame::request(2, "call")).await;
        assert_eq!(text(&own.recv().await), "call");
        client.vanish().await;
        own.expect_end().await;
        settle().await;
        assert_eq!(proxy.open(), 0);
        proxy.assert_at_rest();
    }
}

/// A server that drains still calls its clients back over the connections they
/// are bound to; their new requests go elsewhere.
#[tokio::test(start_paused = true)]
async fn a_bound_client_of_a_draining_server() {
    let network = Network::new();
    let (mut draining, mut good) = (network.server(), network.server());
    let config = backend([&draining.address, &good.address]);
    let proxy = Proxy::new(Toy::by_id(), network, config);
    let mut client = proxy.client();
    let mut own = bind(&mut client, &mut draining).await;
    own.send(&Frame::new(MessageKind::Event(Event::Drain), 0, ""))
        .await;
    settle().await;
    client.send(&Frame::request(2, "call")).await;
    let mut shared = good.accept().await;
    let request = shared.recv().await;
    shared.answer(&request, "answer").await;
    assert_eq!(text(&client.recv().await), "answer");

    own.send(&Frame::request(7, "callback")).await;
    let callback = client.recv().await;
    assert_eq!(text(&callback), "callback");
    client.answer(&callback, "called back").await;
    let answer = own.recv().await;
    assert_eq!((answer.id, text(&answer)), (7, "called back".to_owned()));

    // Binding anew is binding to another server, and both may call.
    let mut other = bind(&mut client, &mut good).await;
    other.send(&Frame::request(7, "from the other")).await;
    assert_eq!(text(&client.recv().await), "from the other");
    own.send(&Frame::request(8, "from the one")).await;
    assert_eq!(text(&client.recv().await), "from the one");
    client.leave().await;
    own.expect_end().await;
    other.expect_end().await;
    settle().await;
    proxy.assert_at_rest();
}

/// Nothing is under way for long: it may still be called back.
#[tokio::test(start_paused = true)]
async fn a_bound_client_keeps_its_connection_while_idle() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::by_id(), network, backend([&server.address]));
    let mut client = proxy.client();
    let mut own = bind(&mut client, &mut server).await;
    tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
    own.send(&Frame::request(7, "callback")).await;
    assert_eq!(text(&client.recv().await), "callback");
    call_over(&mut client, &mut own).await;
    client.leave().await;
    own.expect_end().await;
}
