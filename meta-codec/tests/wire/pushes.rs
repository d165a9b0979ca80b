//! What servers start: requests that a client answers, events, and their bounds.

use meta_codec_test::toy::{Frame, Toy};
use meta_core::{Message, MessageKind, Metadata, Push, WireId};
use tokio::{
    io::{AsyncWriteExt, duplex, split},
    time::{Duration, sleep},
};

use crate::{
    bounds::Asked,
    peer::{patiently, settle},
    service::{Echo, forward, script},
    setup::{Back, Front, message},
};

#[tokio::test(start_paused = true)]
async fn a_servers_request_reaches_the_client_and_the_answer_returns_under_the_servers_id() {
    let (front, back) = (Front::new(Toy::by_id()), Back::new(Toy::by_id()));
    let mut client = front.connect(Echo::default());
    let mut link = back.pinned(&client.session);
    link.server
        .send(&Frame::request(4_000_000_000_000, "who?"))
        .await;
    let question = client.recv().await;
    assert_eq!(question, Frame::request(question.id, "who?"));
    assert!(question.id < 100, "an id of the client's connection's own");
    client
        .send(&Frame::response(question.id, "me").header("a", "b"))
        .await;
    let answer = Frame::response(4_000_000_000_000, "me").header("a", "b");
    assert_eq!(link.server.recv().await, answer);
    assert_eq!(front.stats.request_unknown_answer.value(), 0);
}

#[tokio::test(start_paused = true)]
async fn two_servers_that_ask_under_one_id_each_get_their_own_answer() {
    let (front, back) = (Front::new(Toy::by_id()), Back::new(Toy::by_id()));
    let mut client = front.connect(Echo::default());
    let mut red = back.pinned(&client.session);
    let mut blue = back.pinned(&client.session);
    red.server.send(&Frame::request(7, "red?")).await;
    blue.server.send(&Frame::request(7, "blue?")).await;
    red.server.send(&Frame::request(7, "red again?")).await;
    let mut asked = Vec::new();
    for _ in 0..3 {
        asked.push(client.recv().await);
    }
    // A call of its own under the same id as one of theirs.
    let call = Frame::request(asked[0].id, "a call");
    client.send(&call).await;
    assert_eq!(client.recv().await, Frame::response(call.id, "a call"));
    for question in asked.iter().rev() {
        let answer = Frame::response(question.id, question.body.clone());
        client.send(&answer).await;
    }
    assert_eq!(blue.server.recv().await, Frame::response(7, "blue?"));
    assert_eq!(red.server.recv().await, Frame::response(7, "red again?"));
    assert_eq!(red.server.recv().await, Frame::response(7, "red?"));
    blue.server.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_nothing_is_counted_and_dropped() {
    let (front, back) = (Front::new(Toy::by_id()), Back::new(Toy::by_id()));
    let mut client = front.connect(Echo::default());
    client.send(&Frame::response(1, "what?")).await;
    let mut link = back.pinned(&client.session);
    link.server.send(&Frame::request(1, "who?")).await;
    let question = client.recv().await;
    for _ in 0..2 {
        client.send(&Frame::response(question.id, "me")).await;
    }
    assert_eq!(link.server.recv().await, Frame::response(1, "me"));
    link.server.expect_silence().await;
    assert_eq!(front.stats.request_unknown_answer.value(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_event_of_a_server_reaches_the_client_it_belongs_to_alone() {
    let (front, back) = (Front::new(Toy::by_id()), Back::new(Toy::by_id()));
    let mut client = front.connect(Echo::default());
    let mut other = front.connect(Echo::default());
    let mut link = back.pinned(&client.session);
    let event = Frame::new(MessageKind::OneWay, 3, "news");
    link.server.send(&event).await;
    assert_eq!(client.recv().await, event);
    other.expect_silence().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_answers_costs_the_oldest_askers_an_error() {
    let (front, back) = (Front::new(Toy::by_id()), Back::new(Toy::by_id()));
    let mut client = front.connect(Echo::default());
    let mut link = back.pinned(&client.session);
    for id in 1..=1_100 {
        link.server.send(&Frame::request(id, "who?")).await;
        client.recv().await;
    }
    for id in 1..=76 {
        let refused = link.server.recv().await;
        assert_eq!((refused.id, refused.get("reason")), (id, Some("overflow")));
    }
    link.server.expect_silence().await;
    // The others can still be answered.
    client.send(&Frame::response(1_100, "me")).await;
    assert_eq!(link.server.recv().await, Frame::response(1_100, "me"));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_stops_its_server_and_nothing_piles_up() {
    let (front, back) = (
        Front::with(Toy::by_id(), |config, _| config.write_buffer_bytes = 4_000),
        Back::new(Toy::by_id()),
    );
    let mut client = front.connect_over(duplex(1_000), Echo::default());
    let link = back.shared_over(duplex(1_000), Some(client.session.clone()));
    let (_receive, mut send) = split(link.server.into_stream());
    const EVENTS: u64 = 3_000;
    let sending = tokio::spawn(async move {
        for id in 1..=EVENTS {
            let event = Frame::new(MessageKind::OneWay, id, vec![0; 980]).encode();
            send.write_all(&event).await.expect("it is taken");
        }
        send
    });
    settle().await;
    // 64 pushes and one held; and a message each in buffers and streams.
    let read = back.stats.upstream_cx_rx_bytes_total.value() / 1_000;
    assert!(read <= 64 + 1 + 6 + 2, "{read} messages were read");
    assert!(!sending.is_finished());
    for id in 1..=EVENTS {
        assert_eq!(client.recv().await.id, id);
    }
    drop(sending.await.expect("all was taken"));
}

/// While a client does not read, its server's answers to heartbeats are not read
/// either; that must not count against the server.
#[tokio::test(start_paused = true)]
async fn a_server_stopped_by_its_client_is_not_taken_for_dead() {
    let front = Front::with(Toy::by_id(), |config, _| {
        config.write_buffer_bytes = 100;
        config.write_timeout = Duration::from_secs(100_000);
    });
    let back = Back::with(Toy::by_id(), |config| {
        config.heartbeat = Some(meta_codec::Heartbeat {
            interval: Duration::from_secs(10),
            misses: 3,
        });
    });
    let mut client = front.connect_over(duplex(100), Echo::default());
    let mut link = back.pinned(&client.session);
    for id in 1..=200 {
        let event = Frame::new(MessageKind::OneWay, id, "news");
        link.server.send(&event).await;
    }
    sleep(Duration::from_secs(1_000)).await;
    assert!(link.shared.is_open());
    for id in 1..=200 {
        assert_eq!(client.recv().await.id, id);
    }
    assert!(link.shared.is_open());
    // From here on it has to answer again.
    patiently(sleep(Duration::from_secs(15))).await;
    assert_eq!(link.server.recv().await.kind, MessageKind::Ping);
    assert!(link.shared.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_push_that_does_not_fit_the_clients_form_is_refused_to_its_own_server_alone() {
    let front = Front::new(Toy::by_id());
    let mut client = front.connect(Echo::default());
    let [whole, cut] = [(); 2].map(|()| std::sync::Arc::<std::sync::Mutex<Vec<_>>>::default());
    let question = message(&Frame::request(50, "question"));
    let push = Push::Request(question, Box::new(Asked(whole.clone())));
    client.session.push(push).expect("room");
    let question = client.recv().await;
    let mut metadata = Metadata::new(MessageKind::OneWay, WireId(question.id));
    metadata.header_bytes = 100;
    // An event under the very id that the question went out under.
    let event = Message::new(metadata, vec![0; 50].into());
    client
        .session
        .push(Push::Message(event.clone()))
        .expect("room");
    let push = Push::Request(event, Box::new(Asked(cut.clone())));
    client.session.push(push).expect("room");
    client.expect_silence().await;
    let refused: Vec<_> = cut.lock().expect("no panic").drain(..).collect();
    assert!(matches!(&refused[..], [Err(_)]), "{refused:?}");
    assert!(whole.lock().expect("no panic").is_empty());
    client.send(&Frame::response(question.id, "answer")).await;
    settle().await;
    assert!(matches!(&whole.lock().expect("no panic")[..], [Ok(_)]));
}

#[tokio::test(start_paused = true)]
async fn a_servers_question_amid_a_call_does_not_disturb_the_call() {
    let (front, back) = (Front::new(Toy::by_id()), Back::new(Toy::by_id()));
    let (service, _calls) = script();
    let unused = front.connect(service);
    let link = back.pinned(&unused.session);
    let mut client = front.connect(forward(&link.shared));
    let mut server = link.server;
    client.send(&Frame::request(1, "call")).await;
    let call = server.recv().await;
    // The server asks under the id that the call came under.
    let question = Frame::request(call.id, "question");
    server
        .send_all(&[question, Frame::response(call.id, "answer")])
        .await;
    assert_eq!(client.recv().await, Frame::response(1, "answer"));
    let mut unused = unused;
    assert_eq!(unused.recv().await.body, "question");
}
