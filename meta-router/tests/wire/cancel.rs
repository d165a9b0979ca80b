//! Calls given up at every point of their lives.
//!
//! Each scenario runs again and again, and the call is dropped after no poll,
//! after one, after two and so on until it completes: at once after that poll,
//! or when it has been woken and before it is polled again. Of a cluster with
//! room for one request, one that waits and one connection, nothing may be left:
//! the next call goes through, and gets its own answer.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use meta_codec_test::toy::{Frame, Toy};
use meta_core::{MessageKind, Sharing};

use crate::{
    client::{Caller, ok},
    network::{Fault, Network},
    peer::settle,
    server::{Echo, Server},
    setup::{Proxy, backend},
};

/// So small that each message takes many polls.
pub(crate) const TINY: usize = 7;

pub(crate) fn toys() -> [Toy; 4] {
    [
        Toy::one_at_a_time(),
        Toy::by_id(),
        Toy::in_order(),
        Toy::by_id().with(|toy| toy.sharing = Sharing::Exclusive),
    ]
}

fn tight(server: &Server, network: Arc<Network>, toy: &Toy) -> Proxy {
    let mut config = backend([&server.address]);
    config.limits.max_connections = 1;
    config.limits.max_requests = 1;
    config.limits.max_pending = 1;
    Proxy::new(toy.clone(), network, config)
}

/// A future that gets so many polls and no more.
struct Polled<F> {
    future: F,
    polls: usize,
    /// It is dropped when it is woken once more, not at once.
    late: bool,
}

impl<F: Future + Unpin> Future for Polled<F> {
    /// Whether it completed.
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        if self.polls == 0 {
            return Poll::Ready(false);
        }
        self.polls -= 1;
        match Pin::new(&mut self.future).poll(cx) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if self.polls == 0 && !self.late => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Drops what `begin` returns at every point; afterwards `check`s.
pub(crate) async fn at_every_point<S, F>(
    begin: impl AsyncFn() -> (S, F),
    check: impl AsyncFn(S, bool),
) where
    F: Future + Unpin,
{
    for late in [false, true] {
        let mut polls = 0;
        let mut completed = false;
        while !completed {
            let (setting, future) = begin().await;
            let polled = Polled {
                future,
                polls,
                late,
            };
            completed = polled.await;
            check(setting, completed).await;
            polls += 1;
            assert!(polls < 1_000, "it never completes");
        }
        assert!(polls > 1, "there is more than one point");
    }
}

/// That a call goes through and gets its own answer.
async fn next_call(proxy: &Proxy) {
    settle().await;
    proxy.assert_at_rest();
    assert!(proxy.open() <= 1);
    assert_eq!(proxy.caller().ask("the next").await, ok("the next"));
    settle().await;
    proxy.assert_at_rest();
    assert_eq!(proxy.open(), 1);
}

async fn check((proxy, _echo): (Proxy, Echo), _: bool) {
    next_call(&proxy).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_needs_a_connection() {
    for toy in toys() {
        for stream_bytes in [TINY, 1 << 16] {
            let begin = async || {
                let network = Network::with_streams_of(stream_bytes);
                let server = network.server();
                let proxy = tight(&server, network, &toy);
                let call = proxy.caller().call(&Frame::request(1, "given up"));
                ((proxy, server.echo()), call)
            };
            at_every_point(begin, check).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_finds_a_connection() {
    for toy in toys() {
        for stream_bytes in [TINY, 1 << 16] {
            let begin = async || {
                let network = Network::with_streams_of(stream_bytes);
                let server = network.server();
                let proxy = tight(&server, network, &toy);
                let echo = server.echo();
                assert_eq!(proxy.caller().ask("first").await, ok("first"));
                let call = proxy.caller().call(&Frame::request(1, "given up"));
                ((proxy, echo), call)
            };
            at_every_point(begin, check).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_one_way_call() {
    for toy in toys() {
        let begin = async || {
            let network = Network::with_streams_of(TINY);
            let server = network.server();
            let proxy = tight(&server, network, &toy);
            let frame = Frame::new(MessageKind::OneWay, 1, "given up");
            let call = proxy.caller().call(&frame);
            ((proxy, server.echo()), call)
        };
        at_every_point(begin, check).await;
    }
}

/// The connection breaks, and the call is sent once more.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_sent_once_more() {
    for toy in toys() {
        let begin = async || {
            let network = Network::with_streams_of(TINY);
            let mut server = network.server();
            let proxy = tight(&server, network, &toy);
            let first = proxy.caller().start("first");
            let mut peer = server.accept().await;
            let request = peer.recv().await;
            peer.answer(&request, "first").await;
            first.await.expect("no panic").expect("an answer");
            peer.link.take_only(0);
            let call = proxy.caller().call(&Frame::request(1, "given up"));
            ((proxy, server.echo()), call)
        };
        at_every_point(begin, check).await;
    }
}

/// The call waits for a place among the connections, until one is given back.
#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_a_connection() {
    for form in ["0", "1"] {
        let begin = async || {
            let network = Network::with_streams_of(TINY);
            let server = network.server();
            let mut config = backend([&server.address]);
            config.limits.max_connections = 1;
            config.limits.max_pending = 1;
            let proxy = Proxy::new(Toy::one_at_a_time(), network, config);
            let echo = server.echo();
            let mut first = proxy.caller().call(&Frame::request(1, "first"));
            let waits = Frame::request(1, "given up").header("form", form);
            let mut waits = proxy.caller().call(&waits);
            let mut first_answer = None;
            // Both are driven by one task, as those of one client are.
            let both = Box::pin(poll_fn(move |cx| {
                if first_answer.is_none()
                    && let Poll::Ready(answer) = first.as_mut().poll(cx)
                {
                    first_answer = Some(answer.expect("an answer"));
                }
                waits.as_mut().poll(cx)
            }));
            ((proxy, echo), both)
        };
        at_every_point(begin, check).await;
    }
}

/// The call that binds its client, and the client goes with it.
#[tokio::test(start_paused = true)]
async fn a_call_that_binds() {
    let binding = Frame::request(1, "given up").header("binds-session", "1");
    for toy in toys() {
        let begin = async || {
            let network = Network::with_streams_of(TINY);
            let server = network.server();
            let proxy = tight(&server, network, &toy);
            let caller = proxy.caller();
            let call = caller.call(&binding);
            ((proxy, server.echo(), caller), call)
        };
        let check = async |(proxy, _echo, caller): (Proxy, Echo, Caller), _| {
            settle().await;
            proxy.assert_at_rest();
            // The client is there still, and has one connection, its own.
            caller.call(&binding).await.expect("an answer");
            assert_eq!(caller.ask("own").await, ok("own"));
            assert_eq!(proxy.open(), 1);
            caller.session.close();
            settle().await;
            assert_eq!(proxy.open(), 0);
            next_call(&proxy).await;
        };
        at_every_point(begin, check).await;
    }
}

/// No connection is ever made.
#[tokio::test(start_paused = true)]
async fn a_call_that_cannot_connect() {
    for toy in toys() {
        let begin = async || {
            let network = Network::new();
            let server = network.server();
            network.fault(&server, Fault::Hang);
            let proxy = tight(&server, network.clone(), &toy);
            let call = proxy.caller().call(&Frame::request(1, "given up"));
            ((proxy, server.echo(), network), call)
        };
        let check = async |(proxy, _echo, network): (Proxy, Echo, Arc<Network>), _| {
            settle().await;
            assert_eq!(proxy.open(), 0);
            network.forgive();
            next_call(&proxy).await;
        };
        at_every_point(begin, check).await;
    }
}
