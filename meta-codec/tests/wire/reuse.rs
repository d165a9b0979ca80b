//! When an upstream connection of one exchange at a time may carry another.

use std::{future::poll_fn, task::Poll};

use meta_codec::{Exclusive, Transport};
use meta_codec_test::toy::{Frame, Toy};
use meta_core::{Event, Message, MessageKind, Metadata, Mutation, ReplyKind, WireId};
use tokio::io::DuplexStream;

use crate::{
    exclusive::{begin, response},
    peer::{Peer, patiently, settle},
    service::body,
    setup::Back,
};

async fn is_good<T: Transport>(connection: &mut Exclusive<T>) -> bool {
    poll_fn(|cx| Poll::Ready(connection.poll_idle(cx))).await
}

/// Takes a request up and answers it.
async fn exchange(connection: &mut Exclusive<DuplexStream>, server: &mut Peer<DuplexStream>) {
    begin(connection, &Frame::request(77, "call"));
    let (answer, _) = tokio::join!(response(connection), async {
        let call = server.recv().await;
        assert_eq!(call.body, "call");
        server.send(&Frame::response(call.id, "answer")).await;
    });
    assert_eq!(body(&answer.expect("an answer")), "answer");
}

#[tokio::test(start_paused = true)]
async fn a_servers_ping_is_answered_and_does_not_spoil_the_connection() {
    let back = Back::new(Toy::by_id());
    let (mut connection, mut server) = back.exclusive();
    let ping = Frame::new(MessageKind::Ping, 9, "");
    for with_answer in [false, true] {
        begin(&mut connection, &Frame::request(1, ""));
        let (answer, _) = tokio::join!(response(&mut connection), async {
            let id = server.recv().await.id;
            let answer = Frame::response(id, "");
            if with_answer {
                server.send_all(&[ping.clone(), answer]).await;
            } else {
                server.send(&ping).await;
                assert_eq!(server.recv().await.kind, MessageKind::Pong);
                server.send(&answer).await;
            }
        });
        answer.expect("an answer");
        assert!(connection.is_reusable());
    }
    assert_eq!(server.recv().await, Frame::new(MessageKind::Pong, 9, ""));
}

#[tokio::test(start_paused = true)]
async fn a_connection_with_bytes_left_over_is_not_used_again() {
    let back = Back::new(Toy::by_id());
    let (mut connection, mut server) = back.exclusive();
    begin(&mut connection, &Frame::request(1, ""));
    assert!(!connection.is_reusable(), "its exchange is not over");
    let (answer, _) = tokio::join!(response(&mut connection), async {
        let id = server.recv().await.id;
        let twice = [Frame::response(id, ""), Frame::response(id, "")];
        server.send_all(&twice).await;
    });
    answer.expect("an answer");
    assert!(!connection.is_reusable());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_wants_no_more_is_not_asked_again() {
    let back = Back::new(Toy::by_id());
    let drain = Frame::new(MessageKind::Event(Event::Drain), 0, "");
    for behind in [false, true] {
        let (mut connection, mut server) = back.exclusive();
        begin(&mut connection, &Frame::request(1, ""));
        let (answer, _) = tokio::join!(response(&mut connection), async {
            let answer = Frame::response(server.recv().await.id, "");
            let mut both = [drain.clone(), answer];
            if behind {
                both.reverse();
            }
            server.send_all(&both).await;
        });
        answer.expect("an answer");
        assert!(!connection.is_reusable());
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_that_its_server_closed_is_noticed() {
    let back = Back::new(Toy::by_id());
    let (mut connection, mut server) = back.exclusive();
    exchange(&mut connection, &mut server).await;
    assert!(is_good(&mut connection).await);
    drop(server);
    assert!(!is_good(&mut connection).await);
    let (mut connection, mut server) = back.exclusive();
    exchange(&mut connection, &mut server).await;
    server.send(&Frame::response(1, "nobody asked")).await;
    assert!(!is_good(&mut connection).await);
    assert!(!connection.is_reusable());
}

/// Whoever waits for the response need not be whoever looked before.
#[tokio::test(start_paused = true)]
async fn a_response_wakes_whoever_waits_for_it_last() {
    let back = Back::new(Toy::by_id());
    let (mut connection, mut server) = back.exclusive();
    assert!(is_good(&mut connection).await);
    begin(&mut connection, &Frame::request(1, ""));
    let pending = poll_fn(|cx| Poll::Ready(connection.poll_response(cx).is_pending()));
    assert!(pending.await);
    let waiting = tokio::spawn(async move { response(&mut connection).await.map(drop) });
    settle().await;
    let id = server.recv().await.id;
    server.send(&Frame::response(id, "")).await;
    let answer = patiently(waiting).await.expect("no panic");
    answer.expect("an answer");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_encoded_leaves_the_connection_as_it_was() {
    let back = Back::new(Toy::by_id());
    let (mut connection, mut server) = back.exclusive();
    let mut metadata = Metadata::new(MessageKind::Request, WireId(1));
    metadata.header_bytes = 100;
    let cut_short = Message::new(metadata, vec![0; 50].into());
    let begun = connection.begin(&cut_short, &Mutation::new());
    let reply = begun.expect_err("it cannot be encoded");
    assert_eq!(reply.kind(), ReplyKind::BadRequest);
    assert!(is_good(&mut connection).await);
    exchange(&mut connection, &mut server).await;
    assert!(connection.is_reusable());
}
