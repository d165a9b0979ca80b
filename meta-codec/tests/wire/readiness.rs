//! Services that are not ready, fail for good, or spin.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use meta_codec::CloseReason;
use meta_codec_test::toy::{Frame, Toy};
use meta_core::{LocalReply, MessageKind, ReplyKind, Request, Response};
use tokio::task::yield_now;

use crate::{
    service::{response, script},
    setup::Front,
};

#[tokio::test(start_paused = true)]
async fn a_service_that_is_not_ready_is_not_called_and_loses_nothing() {
    let front = Front::new(Toy::by_id());
    let (service, mut calls) = script();
    calls.be_ready_for(0);
    let mut client = front.connect(service);
    let frames: Vec<_> = (1..=4).map(|id| Frame::request(id, "")).collect();
    client.send_all(&frames).await;
    assert!(calls.all().await.is_empty());
    calls.be_ready_for(1);
    let mut waiting = calls.all().await;
    assert_eq!(waiting.len(), 1);
    calls.be_ready_for(u64::MAX);
    waiting.extend(calls.all().await);
    for (id, call) in (1..).zip(waiting) {
        assert_eq!(call.id(), id);
        call.answer("");
        assert_eq!(client.recv().await.id, id);
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_gives_up_answers_what_it_was_asked_and_ends_the_connection() {
    // With room for all at once, and for one at a time.
    for max_in_flight in [10, 1] {
        let front = Front::with(Toy::by_id(), |config, _| {
            config.max_in_flight = max_in_flight;
        });
        let mut client = front.connect(Failing::after(2));
        let frames: Vec<_> = (1..=3).map(|id| Frame::request(id, "")).collect();
        client.send_all(&frames).await;
        let mut replies = [
            client.recv().await,
            client.recv().await,
            client.recv().await,
        ];
        replies.sort_by_key(|reply| reply.id);
        assert_eq!(replies[0], Frame::response(1, "fine"));
        assert_eq!(replies[1], Frame::response(2, "fine"));
        assert_eq!(replies[2].id, 3);
        assert_eq!(replies[2].get("reason"), Some("overflow"));
        client.expect_end().await;
        client.half_close().await;
        let reason = client.closed().await;
        assert!(matches!(reason, CloseReason::Service(_)), "{reason}");
        front.assert_at_rest();
    }
}

#[tokio::test(start_paused = true)]
async fn all_that_waited_for_a_service_that_gives_up_are_told_in_their_order() {
    let front = Front::with(Toy::by_id(), |config, _| config.max_in_flight = 1);
    let mut client = front.connect(Failing::after(1));
    let mut frames: Vec<_> = (1..=5).map(|id| Frame::request(id, "")).collect();
    frames.push(Frame::new(MessageKind::StreamInit, 6, ""));
    frames.push(Frame::new(MessageKind::StreamData, 6, ""));
    client.send_all(&frames).await;
    assert_eq!(client.recv().await, Frame::response(1, "fine"));
    for id in 2..=5 {
        let reply = client.recv().await;
        assert_eq!((reply.id, reply.get("reason")), (id, Some("overflow")));
    }
    let reset = client.recv().await;
    assert_eq!((reset.kind, reset.id), (MessageKind::StreamClose, 6));
    client.expect_end().await;
}

/// Fails for good after so many calls.
struct Failing {
    calls: u32,
    failed: bool,
}

impl Failing {
    fn after(calls: u32) -> Self {
        Self {
            calls,
            failed: false,
        }
    }
}

impl tower::Service<Request> for Failing {
    type Response = Response;
    type Error = LocalReply;
    type Future = std::future::Ready<Result<Response, LocalReply>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LocalReply>> {
        assert!(!self.failed, "asked again after it had failed");
        self.failed = self.calls == 0;
        Poll::Ready(match self.failed {
            true => Err(LocalReply::new(ReplyKind::Overflow, "worn out")),
            false => Ok(()),
        })
    }

    fn call(&mut self, _: Request) -> Self::Future {
        self.calls -= 1;
        std::future::ready(Ok(response(&Frame::response(0, "fine"))))
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_spins_does_not_keep_others_from_what_it_waits_for() {
    let front = Front::new(Toy::by_id());
    let (done, waits) = (Arc::<AtomicBool>::default(), 10);
    let flag = done.clone();
    let service = tower::service_fn(move |_| {
        let flag = flag.clone();
        std::future::poll_fn(move |cx| match flag.load(Relaxed) {
            true => Poll::Ready(Ok(response(&Frame::response(0, "done")))),
            false => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        })
    });
    let mut client = front.connect(service);
    client.send(&Frame::request(1, "")).await;
    for _ in 0..waits {
        yield_now().await;
    }
    done.store(true, Relaxed);
    assert_eq!(client.recv().await, Frame::response(1, "done"));
}
