//! Responses that come and that nobody takes up.

use futures::FutureExt;
use meta_codec::SharedCall;
use meta_codec_test::{
    alloc,
    toy::{Frame, Toy},
};
use meta_core::ReplyKind;
use tokio::{
    io::DuplexStream,
    runtime::Builder,
    time::{Duration, Instant},
};

use crate::{
    peer::settle,
    service::body,
    setup::{Back, Link, call, message},
};

/// Responses of this length are counted.
const LONG: usize = 20_000;

fn toys() -> [Toy; 2] {
    [Toy::by_id(), Toy::in_order()]
}

/// A connection that keeps so many long responses, and no more.
fn keeping(toy: Toy, responses: usize) -> (Back, Link<DuplexStream>) {
    let back = Back::with(toy, |config| {
        config.unread_response_bytes = responses * (LONG + 20);
    });
    let link = back.shared();
    (back, link)
}

/// A call that has been answered and not been polled since.
async fn answered(link: &mut Link<DuplexStream>, mark: u8, bytes: usize) -> SharedCall {
    let call = call(&link.shared, &Frame::request(0, ""));
    let id = link.server.recv().await.id;
    let answer = Frame::response(id, vec![mark; bytes]);
    link.server.send(&answer).await;
    settle().await;
    call
}

/// The first byte of the response that waits for this call, or why there is none.
fn taken_up(call: SharedCall) -> Result<u8, ReplyKind> {
    match call.now_or_never().expect("it was answered") {
        Ok(message) => Ok(body(&message)[0]),
        Err(reply) => Err(reply.kind()),
    }
}

#[tokio::test(start_paused = true)]
async fn over_the_bound_the_oldest_response_gives_way() {
    for toy in toys() {
        let (_back, mut link) = keeping(toy, 3);
        let mut calls = Vec::new();
        for mark in 0..5 {
            calls.push(answered(&mut link, mark, LONG).await);
        }
        let outcomes: Vec<_> = calls.into_iter().map(taken_up).collect();
        let overflow = || Err(ReplyKind::Overflow);
        assert_eq!(outcomes, [overflow(), overflow(), Ok(2), Ok(3), Ok(4)]);
        assert!(link.shared.is_open());
        assert_eq!(link.shared.in_flight(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_error_for_an_unread_response_names_the_cluster() {
    let (_back, mut link) = keeping(Toy::by_id(), 1);
    let first = answered(&mut link, 0, LONG).await;
    let _second = answered(&mut link, 1, LONG).await;
    let reply = first.now_or_never().expect("it was answered");
    let reply = reply.expect_err("it gave way");
    assert_eq!(reply.cluster().map(|name| &**name), Some("backend"));
}

/// The only one is kept, whatever its length; short ones are not counted.
#[tokio::test(start_paused = true)]
async fn one_response_and_all_short_ones_are_kept() {
    let (_back, mut link) = keeping(Toy::by_id(), 1);
    let mut calls = Vec::new();
    for mark in 0..50 {
        calls.push(answered(&mut link, mark, 10_000).await);
    }
    calls.push(answered(&mut link, 50, 10 * LONG).await);
    for (call, mark) in calls.into_iter().zip(0..) {
        assert_eq!(taken_up(call), Ok(mark));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_up_or_given_up_counts_no_longer() {
    for toy in toys() {
        let (_back, mut link) = keeping(toy, 3);
        let kept = answered(&mut link, 0, LONG).await;
        for mark in 1..50 {
            let other = answered(&mut link, mark, LONG).await;
            if mark % 2 == 0 {
                assert_eq!(taken_up(other), Ok(mark));
            } else {
                drop(other);
            }
        }
        let more = [
            answered(&mut link, 50, LONG).await,
            answered(&mut link, 51, LONG).await,
        ];
        assert_eq!(taken_up(kept), Ok(0));
        assert_eq!(more.map(taken_up), [Ok(50), Ok(51)]);
    }
}

/// Which is the oldest is told by when it came, not by the place it has.
#[tokio::test(start_paused = true)]
async fn a_response_in_the_place_of_one_taken_up_is_not_the_oldest() {
    let (_back, mut link) = keeping(Toy::by_id(), 3);
    let first = answered(&mut link, 0, LONG).await;
    let second = answered(&mut link, 1, LONG).await;
    assert_eq!(taken_up(first), Ok(0));
    let third = answered(&mut link, 2, LONG).await;
    let fourth = answered(&mut link, 3, LONG).await;
    let fifth = answered(&mut link, 4, LONG).await;
    assert_eq!(taken_up(second), Err(ReplyKind::Overflow));
    assert_eq!([third, fourth, fifth].map(taken_up), [Ok(2), Ok(3), Ok(4)]);
}

#[tokio::test(start_paused = true)]
async fn nor_is_it_without_ids() {
    let (_back, mut link) = keeping(Toy::in_order(), 3);
    let first = answered(&mut link, 0, LONG).await;
    let second = answered(&mut link, 1, LONG).await;
    assert_eq!(taken_up(first), Ok(0));
    let third = answered(&mut link, 2, LONG).await;
    let fourth = answered(&mut link, 3, LONG).await;
    let fifth = answered(&mut link, 4, LONG).await;
    assert_eq!(taken_up(second), Err(ReplyKind::Overflow));
    assert_eq!([third, fourth, fifth].map(taken_up), [Ok(2), Ok(3), Ok(4)]);
}

/// A deadline ends what has not come; what has come in time is there.
#[tokio::test(start_paused = true)]
async fn deadlines_leave_the_count_as_it_is() {
    let (_back, mut link) = keeping(Toy::by_id(), 2);
    let request = message(&Frame::request(0, ""));
    let deadline = Instant::now().into_std() + Duration::from_secs(1);
    let mut calls = Vec::new();
    for _ in 0..2 {
        let call = link
            .shared
            .call(&request, &Default::default(), Some(deadline));
        calls.push(call.expect("it is open").0);
    }
    let ids = [link.server.recv().await.id, link.server.recv().await.id];
    link.server
        .send(&Frame::response(ids[0], vec![0; LONG]))
        .await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    link.server
        .send(&Frame::response(ids[1], vec![1; LONG]))
        .await;
    let third = answered(&mut link, 2, LONG).await;
    let outcomes: Vec<_> = calls.into_iter().map(taken_up).collect();
    assert_eq!(outcomes, [Ok(0), Err(ReplyKind::Timeout)]);
    assert_eq!(taken_up(third), Ok(2));
    let more = [
        answered(&mut link, 3, LONG).await,
        answered(&mut link, 4, LONG).await,
    ];
    assert_eq!(more.map(taken_up), [Ok(3), Ok(4)]);
}

/// What the connection keeps after thousands of long responses, one of which
/// nobody ever takes up.
fn kept_bytes(toy: Toy) -> i64 {
    let mut runtime = Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    let (_back, mut link, _unread) = runtime.block_on(async {
        let (back, mut link) = keeping(toy, 5);
        let unread = answered(&mut link, 0, LONG).await;
        (back, link, unread)
    });
    let mut run = |count| {
        runtime.block_on(async {
            for _ in 0..count {
                let call = answered(&mut link, 1, LONG).await;
                assert_eq!(taken_up(call), Ok(1));
            }
        });
    };
    run(100);
    alloc::measure(|| run(5_000)).1.kept_bytes
}

#[test]
fn thousands_of_long_responses_leave_nothing() {
    assert!(alloc::is_counting());
    let kept = kept_bytes(Toy::by_id());
    assert!(kept < 4 << 10, "{kept}");
}

#[test]
fn thousands_of_long_responses_without_ids_leave_nothing() {
    let kept = kept_bytes(Toy::in_order());
    assert!(kept < 4 << 10, "{kept}");
}
