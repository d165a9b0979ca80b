//! More connections under load.

use std::time::Duration;

use meta_codec_test::toy::{Frame, Toy};
use tokio::time::sleep;

use crate::{
    client::{Client, text},
    network::Network,
    peer::{Peer, settle},
    server::Server,
    setup::{Proxy, backend},
};

/// At most one connection is added in this time.
const INTERVAL: Duration = Duration::from_secs(1);

/// Connections are busy with two requests in flight.
fn proxy(connections: usize, max_connections: usize) -> (Proxy, Server) {
    let network = Network::new();
    let server = network.server();
    let mut config = backend([&server.address]);
    config.upstream.busy_in_flight = 2;
    config.shared_connections = connections;
    config.limits.max_connections = max_connections;
    (Proxy::new(Toy::by_id(), network, config), server)
}

/// A client whose number leaves `rest` when divided by `count`; a client's
/// connection is chosen by its number.
fn client(proxy: &Proxy, count: u64, rest: u64) -> Client {
    loop {
        let client = proxy.client();
        if client.session.info().id % count == rest {
            return client;
        }
    }
}

async fn send(client: &mut Client, id: u64) {
    client.send(&Frame::request(id, id.to_string())).await;
    settle().await;
}

/// Expects the client's requests of these numbers, and leaves them unanswered.
async fn expect(upstream: &mut Peer, ids: std::ops::Range<u64>) -> Vec<Frame> {
    let mut frames = Vec::new();
    for id in ids {
        let frame = upstream.recv().await;
        assert_eq!(text(&frame), id.to_string());
        frames.push(frame);
    }
    frames
}

/// A proxy with a busy connection, and with a second place that no client has
/// turned to: the client, and its two requests.
async fn grown(max_connections: usize) -> (Proxy, Server, Client, Peer, Vec<Frame>) {
    let (proxy, mut server) = proxy(2, max_connections);
    let mut first = client(&proxy, 2, 1);
    send(&mut first, 0).await;
    let mut one = server.accept().await;
    let mut frames = expect(&mut one, 0..1).await;
    send(&mut first, 1).await;
    sleep(INTERVAL).await;
    send(&mut first, 2).await;
    frames.extend(expect(&mut one, 1..3).await);
    (proxy, server, first, one, frames)
}

#[tokio::test(start_paused = true)]
async fn one_connection_is_enough_while_it_is_not_busy() {
    let (proxy, mut server) = proxy(4, 10);
    let mut clients: Vec<_> = (0..8).map(|_| proxy.client()).collect();
    sleep(2 * INTERVAL).await;
    send(&mut clients[0], 0).await;
    let mut one = server.accept().await;
    let pending = expect(&mut one, 0..1).await;
    for _ in 0..5 {
        sleep(INTERVAL).await;
        for client in &mut clients[1..] {
            send(client, 5).await;
            one.expect_call("5").await;
            assert_eq!(text(&client.recv().await), "5");
        }
    }
    one.answer(&pending[0], "").await;
    assert_eq!(proxy.open(), 1);
    server.expect_no_other();
}

#[tokio::test(start_paused = true)]
async fn new_clients_turn_to_the_connection_that_was_added() {
    let (proxy, mut server, mut first, mut one, frames) = grown(10).await;
    let (mut even, mut odd) = (client(&proxy, 2, 0), client(&proxy, 2, 1));
    send(&mut even, 7).await;
    one.expect_call("7").await;
    send(&mut odd, 8).await;
    let mut two = server.accept().await;
    two.expect_call("8").await;
    assert_eq!(text(&even.recv().await), "7");
    assert_eq!(text(&odd.recv().await), "8");

    // The first has had something in flight all the while.
    for id in 3..6 {
        send(&mut first, id).await;
    }
    let more = expect(&mut one, 3..6).await;
    two.expect_silence().await;
    for frame in frames.iter().chain(&more) {
        one.answer(frame, frame.body.clone()).await;
        assert_eq!(first.recv().await.body, frame.body);
    }
    // It has nothing in flight: it may turn to the new one.
    send(&mut first, 6).await;
    two.expect_call("6").await;
    assert_eq!(text(&first.recv().await), "6");
    assert_eq!(proxy.open(), 2);
    server.expect_no_other();
}

/// The very requests that make the connection busy do not part.
#[tokio::test(start_paused = true)]
async fn requests_of_one_turn_stay_together() {
    let (proxy, mut server) = proxy(2, 10);
    let mut other = client(&proxy, 2, 0);
    send(&mut other, 0).await;
    let mut one = server.accept().await;
    one.expect_call("0").await;
    sleep(2 * INTERVAL).await;
    let mut first = client(&proxy, 2, 1);
    let bytes: Vec<_> = (0..20)
        .flat_map(|id| Frame::request(id, id.to_string()).encode())
        .collect();
    first.send_bytes(&bytes).await;
    let frames = expect(&mut one, 0..20).await;
    // One was added by then.
    let mut two = server.accept().await;
    two.expect_silence().await;
    for frame in &frames {
        one.answer(frame, "").await;
        first.recv().await;
    }
    send(&mut first, 20).await;
    two.expect_call("20").await;
}

#[tokio::test(start_paused = true)]
async fn connections_are_added_one_by_one_and_up_to_the_limit() {
    let (proxy, server) = proxy(4, 10);
    let mut peers = Vec::new();
    // Nothing is ever answered.
    tokio::spawn(async move {
        let mut server = server;
        while let Some(peer) = server.next().await {
            peers.push(peer);
        }
    });
    let mut clients = Vec::new();
    for tenth in 0..80 {
        // One for each of four places, three for each of the second and third.
        for rest in 0..12 {
            let mut client = client(&proxy, 12, rest);
            send(&mut client, 0).await;
            clients.push(client);
        }
        let open = proxy.open();
        let most = (2 + tenth / 10).min(4);
        assert!(open <= most, "{open} connections after {tenth} tenths");
        sleep(INTERVAL / 10 - Duration::from_millis(12)).await;
    }
    assert_eq!(proxy.open(), 4);
    assert_eq!(proxy.stats.upstream_cx_total.value(), 4);
}

/// Where no more connections may be made, those there are serve everybody.
#[tokio::test(start_paused = true)]
async fn where_there_is_no_place_for_another_all_share_what_there_is() {
    let (proxy, mut server, _first, mut one, _frames) = grown(1).await;
    for rest in [0, 1] {
        let mut next = client(&proxy, 2, rest);
        send(&mut next, 7).await;
        one.expect_call("7").await;
        assert_eq!(text(&next.recv().await), "7");
    }
    server.expect_no_other();
    assert_eq!(proxy.open(), 1);
}

/// Nor do they take the one connection from each other by turns.
#[tokio::test(start_paused = true)]
async fn where_there_is_no_place_for_another_the_one_there_is_is_kept() {
    let (proxy, mut server, mut first, mut one, frames) = grown(1).await;
    for frame in &frames {
        one.answer(frame, "").await;
        first.recv().await;
    }
    let echo = tokio::spawn(async move {
        while let Some(frame) = one.read_frame().await {
            one.answer(&frame, "").await;
        }
    });
    let mut clients = [0, 1].map(|rest| client(&proxy, 2, rest));
    for id in 0..10 {
        for client in &mut clients {
            send(client, id).await;
        }
    }
    assert!(!echo.is_finished(), "it was closed");
    server.expect_no_other();
    assert_eq!(proxy.stats.upstream_cx_total.value(), 1);
}

/// A connection that was added may go: its clients turn to the first, and once that
/// is busy there is another.
#[tokio::test(start_paused = true)]
async fn a_connection_that_was_added_may_close_and_is_made_again() {
    let (proxy, mut server, mut first, mut one, _frames) = grown(10).await;
    let mut odd = client(&proxy, 2, 1);
    for round in 3..6 {
        send(&mut odd, 8).await;
        let mut two = server.accept().await;
        two.expect_call("8").await;
        assert_eq!(text(&odd.recv().await), "8");
        drop(two);
        settle().await;
        assert_eq!(proxy.open(), 1);
        // The other goes on all the while.
        for client in [&mut odd, &mut client(&proxy, 2, 0)] {
            send(client, 7).await;
            one.expect_call("7").await;
            assert_eq!(text(&client.recv().await), "7");
        }
        sleep(INTERVAL).await;
        send(&mut first, round).await;
        expect(&mut one, round..round + 1).await;
    }
}

/// Under a load that comes and goes nothing is lost and nothing changes its order.
#[tokio::test(start_paused = true)]
async fn requests_of_a_client_keep_their_order_as_connections_are_added() {
    let (proxy, mut server) = proxy(4, 10);
    let (sender, mut seen) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(mut peer) = server.next().await {
            let sender = sender.clone();
            tokio::spawn(async move {
                while let Some(frame) = peer.read_frame().await {
                    sender.send(frame.body.clone()).expect("the test goes on");
                    sleep(Duration::from_millis(2)).await;
                    peer.answer(&frame, frame.body.clone()).await;
                }
            });
        }
    });
    const CLIENTS: u64 = 12;
    const CALLS: u64 = 200;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|n| {
            let mut client = proxy.client();
            tokio::spawn(async move {
                for id in 0..CALLS {
                    let request = Frame::request(id, format!("{n} {id}"));
                    client.send(&request).await;
                    // Bursts of different lengths, and pauses between them.
                    sleep(Duration::from_millis(n % 4)).await;
                    if id % (10 + n) == 0 {
                        sleep(Duration::from_millis(400)).await;
                    }
                }
                for _ in 0..CALLS {
                    let answer = client.recv().await;
                    assert_eq!(answer.get("status"), None);
                }
                client.leave().await;
            })
        })
        .collect();
    for client in clients {
        crate::peer::patiently(client).await.expect("every answer");
    }
    assert_eq!(proxy.open(), 4);
    let mut next = vec![0; CLIENTS as usize];
    while let Ok(body) = seen.try_recv() {
        let body = String::from_utf8(body.to_vec()).expect("text");
        let (n, id) = body.split_once(' ').expect("two numbers");
        let (n, id): (usize, u64) = (n.parse().expect("a number"), id.parse().expect("one"));
        assert_eq!(id, next[n], "of client {n}");
        next[n] += 1;
    }
    assert!(next.iter().all(|count| *count == CALLS));
    proxy.assert_at_rest();
}
