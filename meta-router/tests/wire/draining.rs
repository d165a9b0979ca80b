//! Servers that announce their end.

use std::time::Duration;

use meta_codec_test::toy::{Frame, Toy};
use meta_core::{Event, MessageKind, Route, Sharing};
use tokio::{task::JoinHandle, time::sleep};

use crate::{
    client::{Answer, ended, ok},
    network::Network,
    peer::{Peer, settle},
    server::Server,
    setup::{Proxy, backend},
};

const DRAIN: MessageKind = MessageKind::Event(Event::Drain);
const RESUME: MessageKind = MessageKind::Event(Event::Resume);
/// For so long a server that drains is left alone.
const ALONE: Duration = Duration::from_secs(10);

async fn say(peer: &mut Peer, event: MessageKind) {
    peer.send(&Frame::new(event, 0, "")).await;
    settle().await;
}

/// Two servers, each with a connection, and a call under way on the first.
struct Pair {
    proxy: Proxy,
    servers: [Server; 2],
    one: Peer,
    other: Peer,
    pending: (Frame, JoinHandle<Answer>),
}

async fn pair(toy: Toy) -> Pair {
    let network = Network::new();
    let mut servers = [network.server(), network.server()];
    let config = backend([&servers[0].address, &servers[1].address]);
    let proxy = Proxy::new(toy, network, config);
    let mut patient = Route::to_cluster("all", "backend");
    patient.timeout = Some(Duration::ZERO);
    let call = proxy.caller_by(patient).start("pending");
    let mut one = servers[0].accept().await;
    let request = one.recv().await;
    let second = proxy.caller().start("other");
    let mut other = servers[1].accept().await;
    other.expect_call("other").await;
    assert_eq!(ended(second).await, ok("other"));
    Pair {
        proxy,
        servers,
        one,
        other,
        pending: (request, call),
    }
}

impl Pair {
    /// Calls, and expects the call at the second server.
    async fn call_other(&mut self) {
        let call = self.proxy.caller().start("call");
        self.other.expect_call("call").await;
        assert_eq!(ended(call).await, ok("call"));
        self.one.expect_silence().await;
    }

    /// Answers the call under way on the first.
    async fn answer_pending(&mut self) {
        self.one.answer(&self.pending.0, "answer").await;
        let call = std::mem::replace(&mut self.pending.1, tokio::spawn(std::future::pending()));
        assert_eq!(ended(call).await, ok("answer"));
    }
}

#[tokio::test(start_paused = true)]
async fn requests_go_to_the_other_server_for_a_while() {
    for toy in [Toy::by_id(), Toy::in_order()] {
        let mut pair = pair(toy).await;
        say(&mut pair.one, DRAIN).await;
        for _ in 0..9 {
            pair.call_other().await;
            sleep(ALONE / 10).await;
        }
        pair.answer_pending().await;
        pair.one.expect_end().await;
        sleep(ALONE).await;
        // It has had its time, and may be another server by now.
        let calls = [(); 2].map(|()| pair.proxy.caller().start("again"));
        pair.servers[0].accept().await.expect_call("again").await;
        pair.other.expect_call("again").await;
        for call in calls {
            assert_eq!(ended(call).await, ok("again"));
        }
        assert_eq!(pair.proxy.stats.upstream_rq_retry.value(), 0);
    }
}

/// Nobody calls at the time; calls are under way there all the same.
#[tokio::test(start_paused = true)]
async fn a_drain_is_remembered_until_the_next_request() {
    let mut pair = pair(Toy::by_id()).await;
    say(&mut pair.one, DRAIN).await;
    sleep(ALONE / 4).await;
    for _ in 0..4 {
        let call = pair.proxy.caller().start("call");
        settle().await;
        pair.servers[0].expect_no_other();
        pair.other.expect_call("call").await;
        assert_eq!(ended(call).await, ok("call"));
    }
}

/// Nothing is under way that would keep the connection: that it was closed does
/// not mean that the server takes requests again.
#[tokio::test(start_paused = true)]
async fn an_idle_connection_that_drains_is_not_made_again_at_once() {
    let mut pair = pair(Toy::by_id()).await;
    pair.answer_pending().await;
    say(&mut pair.one, DRAIN).await;
    pair.one.expect_end().await;
    for _ in 0..4 {
        let call = pair.proxy.caller().start("call");
        settle().await;
        pair.servers[0].expect_no_other();
        pair.other.expect_call("call").await;
        assert_eq!(ended(call).await, ok("call"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_resumes_is_used_over_the_connection_it_has() {
    let mut pair = pair(Toy::by_id()).await;
    say(&mut pair.one, DRAIN).await;
    pair.call_other().await;
    say(&mut pair.one, RESUME).await;
    pair.call_other().await;
    sleep(ALONE).await;
    let calls = [(); 2].map(|()| pair.proxy.caller().start("again"));
    pair.one.expect_call("again").await;
    pair.other.expect_call("again").await;
    for call in calls {
        assert_eq!(ended(call).await, ok("again"));
    }
    pair.answer_pending().await;
    pair.one.expect_silence().await;
    assert_eq!(pair.proxy.open(), 2);
    pair.servers[0].expect_no_other();
}

/// There is no other server: a connection is made anew, and what the old one says
/// later changes nothing.
#[tokio::test(start_paused = true)]
async fn the_only_server_resumes_on_a_connection_that_was_given_up() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::by_id(), network, backend([&server.address]));
    let before = proxy.caller().start("before");
    let mut old = server.accept().await;
    let request = old.recv().await;
    say(&mut old, DRAIN).await;
    let after = proxy.caller().start("after");
    let mut new = server.accept().await;
    new.expect_call("after").await;
    assert_eq!(ended(after).await, ok("after"));
    say(&mut old, RESUME).await;
    for _ in 0..3 {
        let call = proxy.caller().start("call");
        new.expect_call("call").await;
        assert_eq!(ended(call).await, ok("call"));
    }
    old.answer(&request, "before").await;
    assert_eq!(ended(before).await, ok("before"));
    old.expect_end().await;
    server.expect_no_other();
    assert_eq!(proxy.open(), 1);
    proxy.assert_at_rest();
}

/// The one drains, the other cannot be reached: better a server that drains.
#[tokio::test(start_paused = true)]
async fn a_server_that_drains_is_better_than_none() {
    let Pair {
        proxy,
        servers: [mut draining, gone],
        mut one,
        other,
        ..
    } = pair(Toy::by_id()).await;
    say(&mut one, DRAIN).await;
    drop((gone, other));
    settle().await;
    let first = proxy.caller().start("first");
    let mut new = draining.accept().await;
    new.expect_call("first").await;
    assert_eq!(ended(first).await, ok("first"));
    for _ in 0..4 {
        let call = proxy.caller().start("call");
        new.expect_call("call").await;
        assert_eq!(ended(call).await, ok("call"));
    }
}

/// Those that wait for room when the drain begins go elsewhere as well.
#[tokio::test(start_paused = true)]
async fn who_waits_for_room_goes_to_the_other_server() {
    let network = Network::with_streams_of(64);
    let mut servers = [network.server(), network.server()];
    let mut config = backend([&servers[0].address, &servers[1].address]);
    config.upstream.write_buffer_bytes = 1;
    let proxy = Proxy::new(Toy::by_id(), network, config);
    const LONG: &str = "a body of a hundred bytes or thereabouts, which the stream cannot hold \
                        all at once, however it is turned";
    let first = proxy.caller().start(LONG);
    let mut one = servers[0].accept().await;
    let second = proxy.caller().start("second");
    let mut other = servers[1].accept().await;
    other.expect_call("second").await;
    assert_eq!(ended(second).await, ok("second"));
    let waiting: Vec<_> = (0..6).map(|_| proxy.caller().start("waiting")).collect();
    for _ in 0..3 {
        other.expect_call("waiting").await;
    }
    settle().await;
    say(&mut one, DRAIN).await;
    for _ in 0..3 {
        other.expect_call("waiting").await;
    }
    for call in waiting {
        assert_eq!(ended(call).await, ok("waiting"));
    }
    one.expect_call(LONG).await;
    assert_eq!(ended(first).await, ok(LONG));
    one.expect_end().await;
}

/// A worker that has no connection to the server was not told itself.
#[tokio::test(start_paused = true)]
async fn what_one_worker_is_told_all_know() {
    let mut pair = pair(Toy::by_id()).await;
    say(&mut pair.one, DRAIN).await;
    for worker in 2..6 {
        let caller = pair.proxy.another(worker).caller();
        for _ in 0..2 {
            let call = caller.start("call");
            let mut own = pair.servers[1].accept().await;
            own.expect_call("call").await;
            assert_eq!(ended(call).await, ok("call"));
            let again = caller.start("again");
            own.expect_call("again").await;
            assert_eq!(ended(again).await, ok("again"));
            drop(own);
            settle().await;
        }
    }
    pair.servers[0].expect_no_other();
}

/// One of a server's connections drains, another no longer does: what the one
/// carries is in nobody's way.
#[tokio::test(start_paused = true)]
async fn a_server_that_drains_on_one_connection_alone() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::by_id(), network, backend([&server.address]));
    let call = proxy.caller().start("pending");
    let mut one = server.accept().await;
    let pending = one.recv().await;
    let form = Frame::request(1, "other form").header("form", "1");
    let other_form = tokio::spawn(proxy.caller().call(&form));
    let mut other = server.accept().await;
    let request = other.recv().await;
    say(&mut one, DRAIN).await;
    say(&mut other, DRAIN).await;
    say(&mut other, RESUME).await;
    let late = proxy.caller().start("late");
    let mut fresh = server.accept().await;
    fresh.expect_call("late").await;
    assert_eq!(ended(late).await, ok("late"));
    one.answer(&pending, "pending").await;
    other.answer(&request, "other form").await;
    assert_eq!(ended(call).await, ok("pending"));
    assert!(other_form.await.expect("no panic").is_ok());
}

/// An answer that asks for no more requests on its connection speaks of that
/// connection alone: the endpoint is as good as before.
#[tokio::test(start_paused = true)]
async fn a_connection_that_an_answer_ends_is_not_used_again() {
    let exclusive = Toy::by_id().with(|toy| toy.sharing = Sharing::Exclusive);
    for toy in [
        Toy::by_id(),
        Toy::in_order(),
        Toy::one_at_a_time(),
        exclusive,
    ] {
        let network = Network::new();
        let mut server = network.server();
        let proxy = Proxy::new(toy, network, backend([&server.address]));
        for _ in 0..3 {
            let call = proxy.caller().start("call");
            let mut peer = server.accept().await;
            let request = peer.recv().await;
            let answer = Frame::response(request.id, "last").header("ends-connection", "1");
            peer.send(&answer).await;
            assert_eq!(ended(call).await, ok("last"));
            peer.expect_end().await;
        }
        assert_eq!(proxy.stats.upstream_rq_retry.value(), 0);
        proxy.assert_at_rest();
    }
}

/// What is under way on it is answered first.
#[tokio::test(start_paused = true)]
async fn a_shared_connection_ends_once_its_calls_are_answered() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::by_id(), network, backend([&server.address]));
    let calls = ["one", "two"].map(|body| proxy.caller().start(body));
    let mut peer = server.accept().await;
    let requests = [peer.recv().await, peer.recv().await];
    let answer = Frame::response(requests[0].id, "last").header("ends-connection", "1");
    peer.send(&answer).await;
    settle().await;
    let third = proxy.caller().start("third");
    server.accept().await.expect_call("third").await;
    assert_eq!(ended(third).await, ok("third"));
    peer.answer(&requests[1], "last").await;
    for call in calls {
        assert_eq!(ended(call).await, ok("last"));
    }
    peer.expect_end().await;
}
