//! Upstream connections for one exchange at a time.

use std::future::poll_fn;

use meta_codec::{Exclusive, Transport};
use meta_codec_test::toy::{Frame, Toy};
use meta_core::{LocalReply, Message, MessageKind, Mutation, ReplyKind};
use tokio::{io::duplex, net::TcpStream};

use crate::{
    peer::{Peer, patiently, settle},
    service::body,
    setup::{Back, info, message, tcp_pair},
};

pub(crate) fn begin<T: Transport>(connection: &mut Exclusive<T>, frame: &Frame) {
    let begun = connection.begin(&message(frame), &Mutation::new());
    begun.expect("it can be encoded");
}

pub(crate) async fn response<T: Transport>(
    connection: &mut Exclusive<T>,
) -> Result<Message, LocalReply> {
    patiently(poll_fn(|cx| connection.poll_response(cx))).await
}

#[tokio::test(start_paused = true)]
async fn each_request_goes_out_under_an_id_of_the_connections_own() {
    let back = Back::new(Toy::by_id());
    let (mut connection, mut server) = back.exclusive();
    let mut ids = Vec::new();
    for _ in 0..3 {
        begin(&mut connection, &Frame::request(77, "call"));
        let (answer, id) = tokio::join!(response(&mut connection), async {
            let id = server.recv().await.id;
            server.send(&Frame::response(id, "")).await;
            id
        });
        answer.expect("an answer");
        ids.push(id);
        assert!(connection.is_reusable());
    }
    ids.dedup();
    assert_eq!(ids.len(), 3, "{ids:?}");
}

#[tokio::test(start_paused = true)]
async fn a_response_of_another_id_is_dropped_and_the_right_one_delivered() {
    let back = Back::new(Toy::by_id());
    let (mut connection, mut server) = back.exclusive();
    begin(&mut connection, &Frame::request(1, ""));
    let (answer, _) = tokio::join!(response(&mut connection), async {
        let id = server.recv().await.id;
        let wrong = Frame::response(id + 1000, "wrong");
        server
            .send_all(&[wrong, Frame::response(id, "right")])
            .await;
    });
    assert_eq!(body(&answer.expect("an answer")), "right");
    assert_eq!(back.stats.upstream_rq_unknown_response.value(), 1);
    assert!(connection.is_reusable());
}

#[tokio::test(start_paused = true)]
async fn a_late_reply_to_a_one_way_call_is_not_taken_for_the_next_answer() {
    let back = Back::new(Toy::by_id());
    let (mut connection, mut server) = back.exclusive();
    begin(&mut connection, &Frame::new(MessageKind::OneWay, 1, "note"));
    poll_fn(|cx| connection.poll_written(cx))
        .await
        .expect("written");
    assert!(connection.is_reusable());
    let note = server.recv().await;
    begin(&mut connection, &Frame::request(1, "call"));
    let (answer, _) = tokio::join!(response(&mut connection), async {
        server.send(&Frame::response(note.id, "failed")).await;
        let call = server.recv().await;
        server.send(&Frame::response(call.id, "answer")).await;
    });
    assert_eq!(body(&answer.expect("an answer")), "answer");
    assert_eq!(back.stats.upstream_rq_unknown_response.value(), 1);
}

#[tokio::test(start_paused = true)]
async fn half_a_response_is_an_incomplete_one() {
    let back = Back::new(Toy::by_id());
    let (mut connection, mut server) = back.exclusive();
    begin(&mut connection, &Frame::request(1, ""));
    let (answer, _) = tokio::join!(response(&mut connection), async {
        let id = server.recv().await.id;
        let whole = Frame::response(id, "answer").encode();
        server.send_bytes(&whole[..whole.len() - 1]).await;
        drop(server);
    });
    let reply = answer.expect_err("it is cut short");
    assert_eq!(reply.kind(), ReplyKind::UpstreamIncomplete);
    assert!(!reply.is_retriable());
    assert!(!connection.is_reusable());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_closes_without_an_answer_is_a_reset() {
    let back = Back::new(Toy::by_id());
    let (mut connection, mut server) = back.exclusive();
    begin(&mut connection, &Frame::request(1, ""));
    let (answer, _) = tokio::join!(response(&mut connection), async {
        server.recv().await;
        drop(server);
    });
    let reply = answer.expect_err("no answer came");
    assert_eq!(reply.kind(), ReplyKind::UpstreamReset);
    assert!(!reply.is_retriable(), "the server had all of the request");
    assert_eq!(back.stats.upstream_rq_rx_reset.value(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_of_which_not_one_byte_was_taken_may_be_sent_again() {
    let back = Back::new(Toy::by_id());
    let (mut connection, server) = back.exclusive();
    drop(server);
    begin(&mut connection, &Frame::request(1, ""));
    let reply = response(&mut connection).await.expect_err("it is closed");
    assert!(reply.is_retriable());
    assert_eq!(reply.kind(), ReplyKind::UpstreamReset);
    let (mut connection, server) = back.exclusive();
    drop(server);
    begin(&mut connection, &Frame::new(MessageKind::OneWay, 1, ""));
    let written = poll_fn(|cx| connection.poll_written(cx)).await;
    assert!(written.expect_err("it is closed").is_retriable());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_taken_in_part_may_not_be_sent_again() {
    let back = Back::new(Toy::by_id());
    let (ours, theirs) = duplex(16);
    let mut connection = back.upstream.exclusive(ours, info());
    begin(&mut connection, &Frame::request(1, "long enough"));
    let (answer, _) = tokio::join!(response(&mut connection), async {
        settle().await;
        drop(theirs);
    });
    assert!(!answer.expect_err("it is closed").is_retriable());
}

/// A server that refuses a large request answers before it has read it all.
#[tokio::test]
async fn the_last_words_of_a_server_that_closes_early_are_heard() {
    let back = Back::new(Toy::by_id());
    let (ours, theirs) = tcp_pair().await;
    let mut connection: Exclusive<TcpStream> = back.upstream.exclusive(ours, info());
    begin(&mut connection, &Frame::request(1, vec![0; 32 << 20]));
    let (answer, _) = tokio::join!(response(&mut connection), async {
        let mut server = Peer::new(theirs);
        let mut some = [0; 100];
        server.read_some(&mut some).await;
        server.send(&Frame::response(1, "too much")).await;
        drop(server);
    });
    assert_eq!(body(&answer.expect("the answer")), "too much");
    assert!(!connection.is_reusable());
}

#[tokio::test(start_paused = true)]
async fn garbage_is_a_bad_response_and_ends_the_connection() {
    let back = Back::new(Toy::by_id());
    let (mut connection, mut server) = back.exclusive();
    begin(&mut connection, &Frame::request(1, ""));
    let (answer, _) = tokio::join!(response(&mut connection), async {
        server.recv().await;
        server.send_bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    let reply = answer.expect_err("garbage");
    assert_eq!(reply.kind(), ReplyKind::BadResponse);
    assert_eq!(back.stats.upstream_cx_protocol_error.value(), 1);
    assert!(!connection.is_reusable());
}

#[tokio::test(start_paused = true)]
async fn a_protocol_without_ids_takes_the_next_response() {
    let back = Back::new(Toy::one_at_a_time());
    let (mut connection, mut server) = back.exclusive();
    for _ in 0..3 {
        begin(&mut connection, &Frame::request(77, "call"));
        let (answer, _) = tokio::join!(response(&mut connection), async {
            let call = server.recv().await;
            server.send(&Frame::response(call.id, "answer")).await;
        });
        assert_eq!(body(&answer.expect("an answer")), "answer");
        assert!(connection.is_reusable());
    }
}

#[tokio::test(start_paused = true)]
async fn pings_of_a_server_that_does_not_read_are_not_answered_without_end() {
    let back = Back::with(Toy::by_id(), |config| config.write_buffer_bytes = 1_000);
    let (ours, theirs) = duplex(200);
    let (mut connection, mut server) = (back.upstream.exclusive(ours, info()), Peer::new(theirs));
    begin(&mut connection, &Frame::request(1, ""));
    let (answer, _) = tokio::join!(response(&mut connection), async {
        let id = server.recv().await.id;
        for _ in 0..1_000 {
            server.send(&Frame::new(MessageKind::Ping, 1, "")).await;
        }
        server.send(&Frame::response(id, "")).await;
    });
    answer.expect("an answer");
    assert!(!connection.is_reusable());
    let reading = tokio::spawn(async move {
        let mut pongs = 0;
        while server.next().await.is_some() {
            pongs += 1;
        }
        pongs
    });
    let written = patiently(poll_fn(|cx| connection.poll_written(cx))).await;
    written.expect("the server reads");
    drop(connection);
    let pongs = reading.await.expect("no panic");
    assert!(pongs <= (1_000 + 200) / 20 + 2, "{pongs} pongs");
}
