//! The bounds on what is in flight: no more is read, and then it goes on.

use std::sync::{Arc, Mutex};

use meta_codec_test::toy::{Frame, Toy};
use meta_core::{Answer, LocalReply, Message, MessageKind, Push};

use crate::{
    service::{Echo, body, script},
    setup::{Front, message},
};

#[tokio::test(start_paused = true)]
async fn at_the_bound_no_more_calls_are_taken_until_one_has_ended() {
    let front = Front::with(Toy::in_order(), |config, _| config.max_in_flight = 3);
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    let frames: Vec<_> = (0..10).map(|n| Frame::request(0, format!("{n}"))).collect();
    client.send_all(&frames).await;
    let mut waiting = calls.all().await;
    assert_eq!(waiting.len(), 3);
    assert_eq!(front.stats.request_twoway.value(), 3, "more were decoded");
    assert_eq!(front.stats.request_paused.value(), 1);
    for n in 0..10 {
        waiting.remove(0).echo();
        assert_eq!(client.recv().await.body, format!("{n}"));
        waiting.extend(calls.all().await);
        assert_eq!(waiting.len(), (9 - n).min(3));
    }
    assert_eq!(front.stats.request_active.value(), 0);
}

/// What is held back is started again even where nothing but the connection's
/// own progress could tell it to.
#[tokio::test(start_paused = true)]
async fn a_bound_of_one_and_a_service_that_answers_at_once_stalls_nobody() {
    for codec in [Toy::by_id(), Toy::in_order(), Toy::one_at_a_time()] {
        let front = Front::with(codec, |config, _| config.max_in_flight = 1);
        let mut client = front.connect(Echo::default());
        let frames: Vec<_> = (1..=20)
            .map(|id| Frame::request(id, format!("{id}")))
            .collect();
        client.send_all(&frames).await;
        for id in 1..=20 {
            assert_eq!(client.recv().await.body, format!("{id}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_bytes_of_calls_in_flight_are_bounded() {
    let front = Front::with(Toy::in_order(), |config, _| {
        config.max_in_flight_bytes = 10_000;
    });
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    let frames: Vec<_> = (0..6).map(|_| Frame::request(0, vec![1; 4_000])).collect();
    client.send_all(&frames).await;
    let mut waiting = calls.all().await;
    assert_eq!(waiting.len(), 3);
    for left in (0..6).rev() {
        waiting.remove(0).answer("");
        client.recv().await;
        waiting.extend(calls.all().await);
        assert_eq!(waiting.len(), left.min(3));
    }
}

#[tokio::test(start_paused = true)]
async fn one_call_over_the_bound_on_bytes_is_let_in() {
    let front = Front::with(Toy::in_order(), |config, _| config.max_in_flight_bytes = 10);
    let mut client = front.connect(Echo::default());
    let frames: Vec<_> = (0..3).map(|_| Frame::request(0, vec![1; 4_000])).collect();
    client.send_all(&frames).await;
    for _ in 0..3 {
        assert_eq!(client.recv().await.body.len(), 4_000);
    }
}

/// Hands on what a client answers.
pub(crate) struct Asked(pub(crate) Arc<Mutex<Vec<Result<Message, LocalReply>>>>);

impl Answer for Asked {
    fn answer(self: Box<Self>, answer: Result<Message, LocalReply>) {
        self.0.lock().expect("no panic").push(answer);
    }

    fn is_wanted(&self) -> bool {
        true
    }
}

#[tokio::test(start_paused = true)]
async fn answers_to_servers_are_taken_while_calls_wait_for_room() {
    let front = Front::with(Toy::by_id(), |config, _| config.max_in_flight = 1);
    let (service, mut calls) = script();
    let mut client = front.connect(service);
    let frames: Vec<_> = (1..=5).map(|id| Frame::request(id, "call")).collect();
    client.send_all(&frames).await;
    let first = calls.next().await;
    let answers = Arc::<Mutex<Vec<_>>>::default();
    let question = message(&Frame::request(99, "question"));
    let push = Push::Request(question, Box::new(Asked(answers.clone())));
    client.session.push(push).expect("there is room");
    let question = client.recv().await;
    assert_eq!(
        (question.kind, &question.body[..]),
        (MessageKind::Request, &b"question"[..])
    );
    let answer = Frame::response(question.id, "answer");
    client.send_all(&[Frame::request(6, "call"), answer]).await;
    assert!(calls.all().await.is_empty(), "the bound holds");
    let taken: Vec<_> = answers.lock().expect("no panic").drain(..).collect();
    let [Ok(answer)] = &taken[..] else {
        panic!("one answer, not {taken:?}");
    };
    assert_eq!(body(answer), "answer");
    first.echo();
    for id in 2..=6 {
        calls.next().await.echo();
        assert_eq!(client.recv().await.id, id - 1);
    }
    assert_eq!(client.recv().await.id, 6);
}

#[tokio::test(start_paused = true)]
async fn what_is_read_ahead_for_answers_is_bounded() {
    let front = Front::with(Toy::by_id(), |config, _| config.max_in_flight = 1);
    let (service, mut calls) = script();
    let client = front.connect(service);
    let (mut receive, mut send) = tokio::io::split(client.peer.into_stream());
    let sending = tokio::spawn(async move {
        let frame = Frame::request(1, vec![0; 1000]).encode();
        for _ in 0..2_000 {
            let written = tokio::io::AsyncWriteExt::write_all(&mut send, &frame).await;
            written.expect("it is taken in the end");
        }
        send
    });
    let mut waiting = calls.all().await;
    assert_eq!(waiting.len(), 1);
    let decoded = front.stats.request.value();
    assert!(decoded < 330, "{decoded} of 1 KB each were read");
    assert!(!sending.is_finished());
    let reading = tokio::spawn(async move {
        let mut sink = tokio::io::sink();
        tokio::io::copy(&mut receive, &mut sink).await
    });
    let mut answered = 0;
    while answered < 2_000 {
        for call in waiting.drain(..) {
            call.answer("");
            answered += 1;
        }
        waiting.extend(calls.all().await);
    }
    drop(sending.await.expect("all was taken"));
    drop(client.served);
    reading.abort();
}

#[tokio::test(start_paused = true)]
async fn pings_of_a_client_that_does_not_read_are_not_answered_without_end() {
    let front = Front::new(Toy::by_id());
    let client = front.connect(Echo::default());
    let (mut receive, mut send) = tokio::io::split(client.peer.into_stream());
    let ping = Frame::new(MessageKind::Ping, 1, "").encode();
    const PINGS: usize = 100_000;
    let sending = tokio::spawn(async move {
        for _ in 0..PINGS {
            let written = tokio::io::AsyncWriteExt::write_all(&mut send, &ping).await;
            written.expect("it is taken in the end");
        }
        send
    });
    crate::peer::settle().await;
    assert!(!sending.is_finished(), "everything was read");
    let read = front.stats.request_event.value() as usize;
    let bound = (256 << 10) / 20 + 2 * (64 << 10) / 20;
    assert!(read <= bound, "{read} pings were read");
    let mut pongs = vec![0; PINGS * 20];
    let read = tokio::io::AsyncReadExt::read_exact(&mut receive, &mut pongs);
    crate::peer::patiently(read).await.expect("every pong");
    drop(sending.await.expect("all was taken"));
}
