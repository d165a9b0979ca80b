//! Clients that were bound to a connection that is no more.

use meta_codec_test::toy::{Frame, Toy};
use meta_core::{Event, MessageKind};

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
    own.expect_call("binding").await;
    assert_eq!(text(&client.recv().await), "binding");
    own
}

/// Calls, and expects the call on this upstream connection.
async fn call_over(client: &mut Client, upstream: &mut Peer) {
    client.send(&Frame::request(2, "call")).await;
    upstream.expect_call("call").await;
    assert_eq!(text(&client.recv().await), "call");
}

fn toys() -> [Toy; 2] {
    [Toy::by_id(), Toy::in_order()]
}

/// The server closes what belongs to one client: that one is told of its call,
/// and is bound no longer until it binds itself again.
#[tokio::test(start_paused = true)]
async fn a_bound_client_whose_connection_closed() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::by_id(), network, backend([&server.address]));
    let (mut bound, mut free) = (proxy.client(), proxy.client());
    free.send(&Frame::request(2, "call")).await;
    let mut shared = server.accept().await;
    let request = shared.recv().await;
    shared.answer(&request, "answer").await;
    free.recv().await;

    let mut own = bind(&mut bound, &mut server).await;
    bound.send(&Frame::request(3, "lost")).await;
    own.recv().await;
    drop(own);
    let reply = bound.recv().await;
    assert_eq!((reply.id, reply.get("reason")), (3, Some("upstream_reset")));
    call_over(&mut bound, &mut shared).await;
    let mut own = bind(&mut bound, &mut server).await;
    call_over(&mut free, &mut shared).await;
    call_over(&mut bound, &mut own).await;
    bound.leave().await;
    own.expect_end().await;
}

/// A client is bound to a server that is there.
#[tokio::test(start_paused = true)]
async fn a_client_is_not_bound_to_a_dead_endpoint() {
    let network = Network::new();
    let (dead, mut good) = (network.server(), network.server());
    let config = backend([&dead.address, &good.address]);
    drop(dead);
    let proxy = Proxy::new(Toy::by_id(), network, config);
    let mut client = proxy.client();
    let mut own = bind(&mut client, &mut good).await;
    assert_eq!(proxy.stats.upstream_cx_connect_fail.value(), 1);
    call_over(&mut client, &mut own).await;
    client.leave().await;
    own.expect_end().await;
    proxy.assert_at_rest();
}

/// There is no server to be had: the client is told, and not bound.
#[tokio::test(start_paused = true)]
async fn a_client_is_not_bound_to_nothing() {
    let network = Network::new();
    let dead = network.server();
    let config = backend([&dead.address]);
    drop(dead);
    let proxy = Proxy::new(Toy::by_id(), network, config);
    let mut client = proxy.client();
    for _ in 0..2 {
        let reply = client.ask(&binding(1)).await;
        assert_eq!(reply.get("reason"), Some("upstream_connect_failure"));
    }
    assert_eq!(proxy.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_could_not_be_bound_goes_on_unbound() {
    for toy in toys() {
        let network = Network::new();
        let mut server = network.server();
        network.fault(&server, Fault::Refuse);
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        let mut client = proxy.client();
        let reply = client.ask(&binding(1)).await;
        assert_eq!(reply.get("reason"), Some("upstream_connect_failure"));
        assert_eq!(proxy.open(), 0);
        client.send(&Frame::request(2, "call")).await;
        let mut shared = server.accept().await;
        shared.expect_call("call").await;
        assert_eq!(text(&client.recv().await), "call");
        // That one is everybody's.
        let mut other = proxy.client();
        call_over(&mut other, &mut shared).await;
        call_over(&mut client, &mut shared).await;
        let mut own = bind(&mut client, &mut server).await;
        call_over(&mut client, &mut own).await;
        assert_eq!(proxy.open(), 2);
        client.leave().await;
        own.expect_end().await;
        settle().await;
        assert_eq!(proxy.open(), 1);
    }
}

/// What follows the request that binds must not overtake it, where the first
/// endpoint cannot be connected to either.
#[tokio::test(start_paused = true)]
async fn requests_behind_the_one_that_binds_follow_it_elsewhere() {
    for toy in toys() {
        let network = Network::new();
        let (dead, mut good) = (network.server(), network.server());
        let connect = network.hold(&dead);
        let config = backend([&dead.address, &good.address]);
        let proxy = Proxy::new(toy, network, config);
        let mut client = proxy.client();
        client.send(&binding(1)).await;
        for id in 2..10 {
            client.send(&Frame::request(id, id.to_string())).await;
        }
        settle().await;
        drop(connect);
        let mut own = good.accept().await;
        own.expect_call("binding").await;
        for id in 2..10 {
            let request = own.recv().await;
            assert_eq!(text(&request), id.to_string());
            own.answer(&request, "").await;
        }
        for _ in 1..10 {
            assert_eq!(client.recv().await.get("status"), None);
        }
        good.expect_no_other();
        assert_eq!(proxy.open(), 1);
    }
}

/// However often it happens, nothing adds up.
#[tokio::test(start_paused = true)]
async fn connections_that_clients_were_bound_to_leave_nothing() {
    for toy in toys() {
        let network = Network::new();
        let mut server = network.server();
        let proxy = Proxy::new(toy, network.clone(), backend([&server.address]));
        let (mut client, mut free) = (proxy.client(), proxy.client());
        free.send(&Frame::request(2, "call")).await;
        let mut shared = server.accept().await;
        shared.expect_call("call").await;
        free.recv().await;
        for round in 0..30 {
            let mut own = bind(&mut client, &mut server).await;
            call_over(&mut client, &mut own).await;
            assert_eq!(proxy.open(), 2, "in round {round}");
            drop(own);
            settle().await;
            assert_eq!(proxy.open(), 1, "after round {round}");
            call_over(&mut client, &mut shared).await;
            network.fault(&server, Fault::Refuse);
            let reply = client.ask(&binding(1)).await;
            assert_eq!(reply.get("reason"), Some("upstream_connect_failure"));
            call_over(&mut client, &mut shared).await;
        }
        proxy.assert_at_rest();
        client.leave().await;
        free.leave().await;
        drop(proxy);
        shared.expect_end().await;
    }
}

/// Of servers that drain one after the other, a client keeps the last eight that
/// may call it back, and the new one.
#[tokio::test(start_paused = true)]
async fn a_client_keeps_so_many_servers_that_drain_and_no_more() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::by_id(), network, backend([&server.address]));
    let mut client = proxy.client();
    let mut bound = Vec::new();
    for _ in 0..12 {
        let mut own = bind(&mut client, &mut server).await;
        let drain = MessageKind::Event(Event::Drain);
        own.send(&Frame::new(drain, 0, "")).await;
        settle().await;
        bound.push(own);
        assert!(proxy.open() <= 8, "{} are open", proxy.open());
    }
    for own in &mut bound[..4] {
        own.expect_end().await;
    }
    for (own, id) in bound[4..].iter_mut().zip(0..) {
        own.send(&Frame::request(id, format!("callback {id}")))
            .await;
        let callback = client.recv().await;
        assert_eq!(text(&callback), format!("callback {id}"));
        client.answer(&callback, "me").await;
        assert_eq!(own.recv().await, Frame::response(id, "me"));
    }
    client.leave().await;
    for own in &mut bound[4..] {
        own.expect_end().await;
    }
    settle().await;
    assert_eq!(proxy.open(), 0);
    proxy.assert_at_rest();
}

/// A server that takes requests again has its client back, unless that is bound
/// to another by then.
#[tokio::test(start_paused = true)]
async fn a_bound_client_of_a_server_that_resumes() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::by_id(), network, backend([&server.address]));
    let mut client = proxy.client();
    let mut own = bind(&mut client, &mut server).await;
    for event in [Event::Drain, Event::Resume] {
        own.send(&Frame::new(MessageKind::Event(event), 0, ""))
            .await;
        settle().await;
    }
    call_over(&mut client, &mut own).await;
    client.send(&binding(1)).await;
    own.expect_call("binding").await;
    assert_eq!(text(&client.recv().await), "binding");
    own.send(&Frame::new(MessageKind::Event(Event::Drain), 0, ""))
        .await;
    settle().await;
    let mut next = bind(&mut client, &mut server).await;
    own.send(&Frame::new(MessageKind::Event(Event::Resume), 0, ""))
        .await;
    settle().await;
    call_over(&mut client, &mut next).await;
    drop(next);
    settle().await;
    call_over(&mut client, &mut own).await;
    server.expect_no_other();
}
