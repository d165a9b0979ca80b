//! Shared connections whose server drains, resumes, or is idle.

use meta_codec_test::toy::{Frame, Toy};
use meta_core::{Event, MessageKind, Session};
use tokio::{
    io::DuplexStream,
    time::{Duration, Instant, sleep},
};

use crate::{
    peer::{Client, patiently, settle},
    service::{Echo, body},
    setup::{Back, Front, Link, call, send, session, try_call},
};

const DRAIN: MessageKind = MessageKind::Event(Event::Drain);
const RESUME: MessageKind = MessageKind::Event(Event::Resume);
const IDLE: Duration = Duration::from_secs(60);

async fn say(link: &mut Link<DuplexStream>, event: MessageKind) {
    link.server.send(&Frame::new(event, 0, "")).await;
    settle().await;
}

/// Calls, and answers the call.
async fn exchange(link: &mut Link<DuplexStream>, frame: &Frame) {
    let answered = call(&link.shared, frame);
    let id = link.server.recv().await.id;
    link.server.send(&Frame::response(id, "answer")).await;
    assert_eq!(
        body(&patiently(answered).await.expect("an answer")),
        "answer"
    );
}

fn binding() -> Frame {
    Frame::request(0, "").header("binds-session", "yes")
}

/// A client, and a connection that it is bound to.
async fn bound(front: &Front, back: &Back) -> (Client<DuplexStream>, Link<DuplexStream>) {
    let client = front.connect(Echo::default());
    let mut link = back.pinned(&client.session);
    exchange(&mut link, &binding()).await;
    (client, link)
}

/// Opens or goes on with a stream.
async fn stream(link: &mut Link<DuplexStream>, kind: MessageKind, id: u64) {
    drop(send(&link.shared, &Frame::new(kind, id, "")));
    let frame = link.server.recv().await;
    assert_eq!((frame.kind, frame.id), (kind, id));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_resumes_takes_calls_again() {
    let back = Back::new(Toy::by_id());
    let mut link = back.shared();
    for _ in 0..3 {
        let before = call(&link.shared, &Frame::request(0, "before"));
        let id = link.server.recv().await.id;
        say(&mut link, DRAIN).await;
        assert!(!link.shared.is_open() && link.shared.is_draining());
        let refused = try_call(&link.shared, &Frame::request(0, ""));
        assert!(refused.expect_err("it drains").is_retriable());
        say(&mut link, RESUME).await;
        assert!(link.shared.is_open() && !link.shared.is_draining());
        exchange(&mut link, &Frame::request(0, "after")).await;
        link.server.send(&Frame::response(id, "")).await;
        patiently(before).await.expect("an answer");
        link.server.expect_silence().await;
        assert!(link.shared.is_open(), "nothing is left of the drain");
    }
}

/// Said without need, neither does harm.
#[tokio::test(start_paused = true)]
async fn a_server_may_resume_without_having_drained() {
    let back = Back::new(Toy::by_id());
    let mut link = back.shared();
    say(&mut link, RESUME).await;
    exchange(&mut link, &Frame::request(0, "")).await;
    // The end of a connection that was let go is not undone.
    let last = call(&link.shared, &Frame::request(0, ""));
    let id = link.server.recv().await.id;
    let Link { shared, server, .. } = link;
    drop(shared);
    let mut server = server;
    for event in [RESUME, DRAIN, DRAIN, RESUME] {
        server.send(&Frame::new(event, 0, "")).await;
    }
    server.send(&Frame::response(id, "answer")).await;
    patiently(last).await.expect("an answer");
    server.expect_end().await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_room_is_told_of_a_drain() {
    let back = Back::with(Toy::by_id(), |config| config.write_buffer_bytes = 1);
    let mut link = back.shared_over(tokio::io::duplex(16), None);
    let _long = call(&link.shared, &Frame::request(0, vec![0; 100]));
    let shared = link.shared.clone();
    let waiting = tokio::spawn(async move {
        std::future::poll_fn(|cx| shared.poll_room(cx)).await;
        try_call(&shared, &Frame::request(0, "")).map(|_| ())
    });
    settle().await;
    assert!(!waiting.is_finished());
    say(&mut link, DRAIN).await;
    let refused = patiently(waiting).await.expect("no panic");
    assert!(refused.expect_err("it drains").is_retriable());
}

/// It takes no requests, but may call its client back for as long as it likes.
#[tokio::test(start_paused = true)]
async fn a_draining_server_keeps_the_client_that_is_bound_to_it() {
    let (front, back) = (Front::new(Toy::by_id()), Back::new(Toy::by_id()));
    let (mut client, mut link) = bound(&front, &back).await;
    say(&mut link, DRAIN).await;
    sleep(Duration::from_secs(3_600)).await;
    assert!(link.shared.is_draining());
    link.server.send(&Frame::request(7, "callback")).await;
    let asked = client.recv().await;
    client.send(&Frame::response(asked.id, "answer")).await;
    assert_eq!(link.server.recv().await, Frame::response(7, "answer"));
    link.server.expect_silence().await;
    drop(link.server);
    patiently(link.driver).await.expect("no panic");
    assert!(link.shared.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_draining_server_is_let_go_by_a_bound_client_that_goes() {
    let (front, back) = (Front::new(Toy::by_id()), Back::new(Toy::by_id()));
    let (client, mut link) = bound(&front, &back).await;
    say(&mut link, DRAIN).await;
    let Link { shared, .. } = link;
    // The session has the connection, as it has where a router put it there.
    let pin = || shared.clone();
    client.session.pin_with(&"backend".into(), |_| true, pin);
    drop(shared);
    link.server.expect_silence().await;
    drop(client);
    link.server.expect_end().await;
    patiently(link.driver).await.expect("no panic");
}

/// Where nobody can be called back there is nothing to stay for.
#[tokio::test(start_paused = true)]
async fn a_binding_call_over_a_connection_that_is_nobodys_binds_nobody() {
    let back = Back::with(Toy::by_id(), |config| config.idle_timeout = Some(IDLE));
    let mut link = back.shared();
    exchange(&mut link, &binding()).await;
    let start = Instant::now();
    link.server.expect_end().await;
    assert!(start.elapsed() < 2 * IDLE);
    let mut link = back.shared();
    exchange(&mut link, &binding()).await;
    say(&mut link, DRAIN).await;
    link.server.expect_end().await;
}

/// A client that only has streams there is not called back.
#[tokio::test(start_paused = true)]
async fn a_draining_servers_streams_end_before_the_connection_does() {
    let back = Back::new(Toy::by_id());
    let session = session();
    let mut link = back.pinned(&session);
    for id in [3, 5] {
        stream(&mut link, MessageKind::StreamInit, id).await;
    }
    say(&mut link, DRAIN).await;
    sleep(Duration::from_secs(3_600)).await;
    let new = Frame::new(MessageKind::StreamInit, 7, "");
    let refused = link
        .shared
        .send(&crate::setup::message(&new), &Default::default());
    assert!(refused.expect_err("it drains").is_retriable());
    assert!(link.shared.carries(3) && link.shared.carries(5));
    // One is ended by the client, the other by the server.
    stream(&mut link, MessageKind::StreamData, 3).await;
    stream(&mut link, MessageKind::StreamClose, 3).await;
    assert!(!link.shared.carries(3));
    link.server.expect_silence().await;
    let end = Frame::new(MessageKind::StreamClose, 5, "end");
    link.server.send(&end).await;
    link.server.expect_end().await;
    patiently(link.driver).await.expect("no panic");
    assert_eq!(pushed(&session), 1);
}

#[tokio::test(start_paused = true)]
async fn the_last_frames_of_a_draining_server_reach_a_slow_client() {
    let back = Back::new(Toy::by_id());
    let session = session();
    let mut link = back.pinned(&session);
    stream(&mut link, MessageKind::StreamInit, 3).await;
    let mut frames = vec![Frame::new(DRAIN, 0, "")];
    frames.extend((0..100).map(|_| Frame::new(MessageKind::StreamData, 3, "data")));
    frames.push(Frame::new(MessageKind::StreamClose, 3, "end"));
    link.server.send_all(&frames).await;
    settle().await;
    let mut count = pushed(&session);
    while !link.driver.is_finished() {
        settle().await;
        count += pushed(&session);
    }
    assert_eq!(count + pushed(&session), 101);
    link.server.expect_end().await;
}

/// How many messages wait for the client; takes them.
fn pushed(session: &Session) -> usize {
    let mut cx = std::task::Context::from_waker(futures::task::noop_waker_ref());
    std::iter::from_fn(|| match session.poll_pushed(&mut cx) {
        std::task::Poll::Ready(push) => Some(push),
        std::task::Poll::Pending => None,
    })
    .count()
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_stays_as_long_as_a_client_is_bound_to_it() {
    let front = Front::new(Toy::by_id());
    let back = Back::with(Toy::by_id(), |config| config.idle_timeout = Some(IDLE));
    let (mut client, mut link) = bound(&front, &back).await;
    for _ in 0..3 {
        sleep(10 * IDLE).await;
        link.server.send(&Frame::request(7, "callback")).await;
        assert_eq!(client.recv().await.body, "callback");
    }
    assert_eq!(back.stats.upstream_cx_idle_timeout.value(), 0);
    drop(link.shared);
    link.server.expect_end().await;
}

/// Binding may come late, and by a one-way call.
#[tokio::test(start_paused = true)]
async fn a_one_way_call_binds_as_well() {
    let back = Back::with(Toy::by_id(), |config| config.idle_timeout = Some(IDLE));
    let session = session();
    let mut link = back.pinned(&session);
    exchange(&mut link, &Frame::request(0, "")).await;
    sleep(IDLE / 2).await;
    let note = Frame::new(MessageKind::OneWay, 0, "").header("binds-session", "yes");
    drop(send(&link.shared, &note));
    link.server.recv().await;
    sleep(10 * IDLE).await;
    assert!(link.shared.is_open());
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_outlives_its_streams_for_the_idle_time_alone() {
    let back = Back::with(Toy::by_id(), |config| config.idle_timeout = Some(IDLE));
    let session = session();
    let mut link = back.pinned(&session);
    stream(&mut link, MessageKind::StreamInit, 3).await;
    sleep(10 * IDLE).await;
    // The server ends it: that is no use of the connection.
    let end = Frame::new(MessageKind::StreamClose, 3, "");
    link.server.send(&end).await;
    let start = Instant::now();
    link.server.expect_end().await;
    let passed = start.elapsed();
    assert!(
        passed >= IDLE && passed < IDLE + Duration::from_secs(1),
        "{passed:?}"
    );
    assert_eq!(back.stats.upstream_cx_idle_timeout.value(), 1);
}
