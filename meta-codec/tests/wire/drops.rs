//! Everything can be dropped at any time, and leaves nothing behind.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use meta_codec::Shared;
use meta_codec_test::toy::{Frame, Toy};
use meta_core::{MessageKind, Session};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use crate::{
    peer::{Peer, settle},
    service::forward,
    setup::{Back, Front, info, session, try_call},
};

/// Steps of a future, each after everybody else has done what they can.
struct Stepped<F>(Pin<Box<F>>);

impl<F: Future> Stepped<F> {
    /// At most `steps` of them; the output, if it has come to that.
    async fn run(&mut self, steps: usize) -> Option<F::Output> {
        for _ in 0..steps {
            settle().await;
            let step = poll_fn(|cx: &mut Context<'_>| Poll::Ready(self.0.as_mut().poll(cx)));
            if let Poll::Ready(output) = step.await {
                return Some(output);
            }
        }
        None
    }
}

/// So small that every message takes many steps.
const TINY: usize = 5;

/// A client that calls, sends one-way calls, opens streams and answers what it is
/// asked, until it is cut off.
async fn client(stream: DuplexStream) {
    let (mut receive, mut send) = tokio::io::split(stream);
    let reading = async move {
        let mut bytes = [0; 1024];
        while receive.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
    };
    let writing = async move {
        let frames = [
            Frame::request(1, "call"),
            Frame::new(MessageKind::Ping, 2, ""),
            Frame::request(1, "call of the same id"),
            Frame::new(MessageKind::OneWay, 3, "note"),
            Frame::new(MessageKind::StreamInit, 4, "stream"),
            Frame::request(5, vec![5; 100]),
            Frame::new(MessageKind::StreamData, 4, "data"),
            Frame::response(1, "answer"),
            Frame::new(MessageKind::StreamClose, 4, "end"),
        ];
        for frame in frames {
            if send.write_all(&frame.encode()).await.is_err() {
                return;
            }
        }
        let _ = send.shutdown().await;
    };
    tokio::join!(reading, writing);
}

/// A server that asks something whenever it is told something, and answers calls.
async fn server(mut peer: Peer<DuplexStream>) {
    while let Ok(Some(frame)) = peer.read_frame().await {
        let question = Frame::request(1, "question").encode();
        let answer = Frame::response(frame.id, "answer").encode();
        let said = match frame.kind {
            MessageKind::Request => [question, answer].concat(),
            MessageKind::Response => continue,
            _ => question,
        };
        if peer.stream_mut().write_all(&said).await.is_err() {
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_connection_dropped_at_any_point_leaves_nothing() {
    let front = Front::with(Toy::by_id(), |config, _| {
        config.max_in_flight = 2;
        config.write_buffer_bytes = 50;
    });
    let back = Back::new(Toy::by_id());
    let mut completed = false;
    let mut steps = 0;
    while !completed {
        let session = session();
        let link = back.shared_over(duplex(TINY), Some(session.clone()));
        let (theirs, ours) = duplex(TINY);
        let pinned = session.pin_with(&"backend".into(), |_| true, || link.shared.clone());
        let serve = front
            .downstream
            .serve(ours, forward(&link.shared), session.clone());
        drop((pinned, link.shared));
        let mut serve = Stepped(Box::pin(serve));
        let playing = [
            tokio::spawn(client(theirs)),
            tokio::spawn(server(link.server)),
        ];
        completed = serve.run(steps).await.is_some();
        drop(serve);
        for played in playing {
            crate::peer::patiently(played).await.expect("no panic");
        }
        crate::peer::patiently(link.driver).await.expect("no panic");
        assert!(session.is_closed());
        front.assert_at_rest();
        assert_eq!(back.wheel.len(), 0, "timers of servers are left");
        steps += 1;
    }
    assert!(steps > 50, "only {steps} steps");
    let stats = &back.stats;
    let closed = stats.upstream_cx_destroy_local.value() + stats.upstream_cx_destroy_remote.value();
    assert_eq!(closed, steps as u64, "each connection is closed once");
}

#[tokio::test(start_paused = true)]
async fn a_driver_dropped_at_any_point_ends_every_call() {
    let back = Back::new(Toy::by_id());
    let mut completed = false;
    let mut steps = 0;
    while !completed {
        let (ours, theirs) = duplex(TINY);
        let (shared, driver) = back.upstream.shared(ours, info(), None::<Session>);
        let shared = Arc::new(shared);
        let calls: Vec<_> = (0..4).map(|_| tokio::spawn(call(shared.clone()))).collect();
        let playing = tokio::spawn(server(Peer::new(theirs)));
        let watched = shared.clone();
        drop(shared);
        let mut driver = Stepped(Box::pin(driver));
        let ended = driver.run(steps).await.is_some();
        assert!(!ended, "a handle is left");
        let answered = calls.iter().filter(|call| call.is_finished()).count();
        completed = answered == calls.len();
        drop(driver);
        for call in calls {
            crate::peer::patiently(call).await.expect("no panic");
        }
        assert_eq!(watched.in_flight(), 0);
        assert!(!watched.is_open());
        crate::peer::patiently(playing).await.expect("no panic");
        steps += 1;
    }
    assert!(steps > 10, "only {steps} steps");
    assert_eq!(back.wheel.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_at_any_point_harms_no_other() {
    let back = Back::new(Toy::by_id());
    let link = back.shared_over(duplex(TINY), None);
    let playing = tokio::spawn(server(link.server));
    let mut completed = false;
    let mut steps = 0;
    while !completed {
        let mut dropped = Stepped(Box::pin(call(link.shared.clone())));
        let other = tokio::spawn(call(link.shared.clone()));
        completed = dropped.run(steps).await.is_some();
        drop(dropped);
        assert!(crate::peer::patiently(other).await.expect("no panic"));
        steps += 1;
    }
    assert_eq!(link.shared.in_flight(), 0);
    drop(link.shared);
    crate::peer::patiently(link.driver).await.expect("no panic");
    crate::peer::patiently(playing).await.expect("no panic");
}

/// Whether a call was answered.
async fn call(shared: Arc<Shared>) -> bool {
    match try_call(&shared, &Frame::request(9, "call")) {
        Ok(call) => call.await.is_ok(),
        Err(_) => false,
    }
}
