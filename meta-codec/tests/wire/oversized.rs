//! Answers over the limit, from servers and from clients.

use meta_codec::SharedCall;
use meta_codec_test::toy::{Frame, Toy};
use meta_core::{CodecFactory, Limits, MessageKind, Origin, ReplyKind};

use crate::{
    codecs::Skipping,
    peer::{patiently, settle},
    service::{Echo, body, forward},
    setup::{Back, Front, Link, call},
};

const LIMIT: usize = 1_000;

fn back(codec: impl CodecFactory) -> Back {
    let mut limits = Limits::default();
    limits.message_bytes = LIMIT;
    Back::limited(codec, limits, |_| {})
}

/// That the call has failed because of its answer's length.
async fn expect_too_large(call: SharedCall) {
    let reply = patiently(call).await.expect_err("it is too large");
    assert_eq!(reply.kind(), ReplyKind::TooLarge);
    assert_eq!(reply.origin(), Origin::Upstream);
    assert_eq!(reply.cluster().map(|name| &**name), Some("backend"));
    assert!(!reply.is_retriable(), "the server has answered");
}

/// That the connection takes calls and returns answers.
async fn expect_service<T>(link: &mut Link<T>)
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let next = call(&link.shared, &Frame::request(0, "next"));
    let id = link.server.recv().await.id;
    link.server.send(&Frame::response(id, "answer")).await;
    assert_eq!(body(&patiently(next).await.expect("an answer")), "answer");
}

#[tokio::test(start_paused = true)]
async fn a_response_over_the_limit_fails_its_own_call_alone() {
    for toy in [Toy::by_id(), Toy::in_order()] {
        let back = back(Skipping(toy));
        let mut link = back.shared();
        // Within one read, over several, and to the last byte of a read.
        for bytes in [LIMIT, 5_000, 70_000, 1_000_000] {
            let [before, long, after] = ["before", "long", "after"]
                .map(|text| call(&link.shared, &Frame::request(0, text)));
            let mut ids = Vec::new();
            for _ in 0..3 {
                ids.push(link.server.recv().await.id);
            }
            let answers = [
                Frame::response(ids[0], "before"),
                Frame::response(ids[1], vec![7; bytes]),
                Frame::response(ids[2], "after"),
            ];
            link.server.send_all(&answers).await;
            let answer = patiently(before).await.expect("an answer");
            assert_eq!(body(&answer), "before");
            expect_too_large(long).await;
            assert_eq!(body(&patiently(after).await.expect("an answer")), "after");
            expect_service(&mut link).await;
        }
        assert_eq!(back.stats.upstream_rq_unknown_response.value(), 0);
        assert_eq!(back.stats.upstream_cx_protocol_error.value(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn however_a_response_over_the_limit_is_cut_into_pieces() {
    let back = back(Skipping(Toy::by_id()));
    let mut link = back.shared();
    let whole = Frame::response(0, vec![7; 1_100]).encode().len();
    for cut in (1..whole).step_by(13) {
        let [long, good] = [(); 2].map(|()| call(&link.shared, &Frame::request(0, "")));
        let ids = [link.server.recv().await.id, link.server.recv().await.id];
        let mut bytes = Frame::response(ids[0], vec![7; 1_100]).encode();
        bytes.extend(Frame::response(ids[1], "good").encode());
        let (one, other) = bytes.split_at(cut);
        link.server.send_bytes(one).await;
        settle().await;
        link.server.send_bytes(other).await;
        expect_too_large(long).await;
        assert_eq!(body(&patiently(good).await.expect("an answer")), "good");
    }
}

/// Nothing of it is kept while it comes.
#[tokio::test(start_paused = true)]
async fn the_call_fails_before_the_long_response_has_come() {
    let back = back(Skipping(Toy::by_id()));
    let mut link = back.shared();
    let long = call(&link.shared, &Frame::request(0, ""));
    let id = link.server.recv().await.id;
    let bytes = Frame::response(id, vec![7; 100_000]).encode();
    link.server.send_bytes(&bytes[..20]).await;
    expect_too_large(long).await;
    for piece in bytes[20..].chunks(999) {
        link.server.send_bytes(piece).await;
        settle().await;
    }
    expect_service(&mut link).await;
}

#[tokio::test(start_paused = true)]
async fn a_response_over_the_limit_to_nothing_in_flight_is_counted_and_skipped() {
    let back = back(Skipping(Toy::by_id()));
    let mut link = back.shared();
    let given_up = call(&link.shared, &Frame::request(0, ""));
    let id = link.server.recv().await.id;
    drop(given_up);
    let waiting = call(&link.shared, &Frame::request(0, ""));
    let waiting_id = link.server.recv().await.id;
    for id in [id, 99] {
        let long = Frame::response(id, vec![7; 5_000]);
        link.server.send(&long).await;
    }
    settle().await;
    assert_eq!(back.stats.upstream_rq_unknown_response.value(), 2);
    assert_eq!(link.shared.in_flight(), 1);
    let answer = Frame::response(waiting_id, "answer");
    link.server.send(&answer).await;
    patiently(waiting).await.expect("an answer");
}

#[tokio::test(start_paused = true)]
async fn where_the_codec_tells_no_length_every_call_is_told() {
    let back = back(Toy::by_id());
    let mut link = back.shared();
    let calls = [(); 3].map(|()| call(&link.shared, &Frame::request(0, "")));
    let id = link.server.recv().await.id;
    let long = Frame::response(id, vec![7; 5_000]);
    link.server.send(&long).await;
    for call in calls {
        expect_too_large(call).await;
    }
    patiently(link.driver).await.expect("no panic");
    assert_eq!(back.stats.upstream_cx_protocol_error.value(), 1);
}

/// The server goes amid what is skipped: nobody waits for the rest.
#[tokio::test(start_paused = true)]
async fn a_server_that_closes_amid_what_is_skipped() {
    let back = back(Skipping(Toy::by_id()));
    let mut link = back.shared();
    let [long, other] = [(); 2].map(|()| call(&link.shared, &Frame::request(0, "")));
    let id = link.server.recv().await.id;
    let bytes = Frame::response(id, vec![7; 5_000]).encode();
    link.server.send_bytes(&bytes[..2_000]).await;
    expect_too_large(long).await;
    drop(link.server);
    let reply = patiently(other).await.expect_err("it is gone");
    assert_eq!(reply.kind(), ReplyKind::UpstreamReset);
    patiently(link.driver).await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn an_answer_over_the_limit_to_a_servers_request_becomes_an_error() {
    let toy = || Skipping(Toy::by_id());
    let front = Front::with(toy(), |_, limits| limits.message_bytes = LIMIT);
    let back = back(toy());
    let mut client = front.connect(Echo::default());
    let mut link = back.pinned(&client.session);
    for bytes in [LIMIT, 5_000, 70_000] {
        for id in [7, 8] {
            link.server.send(&Frame::request(id, "who?")).await;
        }
        let asked = [client.recv().await, client.recv().await];
        let long = Frame::response(asked[0].id, vec![7; bytes]);
        let good = Frame::response(asked[1].id, "me");
        client.send_all(&[long, good]).await;
        let error = link.server.recv().await;
        assert_eq!((error.kind, error.id), (MessageKind::Response, 7));
        assert_eq!(error.get("reason"), Some("message_too_large"));
        assert_eq!(link.server.recv().await, Frame::response(8, "me"));
        client.send(&Frame::request(3, "a call")).await;
        assert_eq!(client.recv().await, Frame::response(3, "a call"));
    }
    assert_eq!(front.stats.request_unknown_answer.value(), 0);
    assert_eq!(front.stats.request_too_large.value(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_answer_over_the_limit_to_nothing_asked_is_counted_and_skipped() {
    let front = Front::with(Skipping(Toy::by_id()), |_, limits| {
        limits.message_bytes = LIMIT;
    });
    let back = Back::new(Toy::by_id());
    let mut link = back.shared();
    let mut client = front.connect(forward(&link.shared));
    client.send(&Frame::request(5, "call")).await;
    let id = link.server.recv().await.id;
    client.send(&Frame::response(5, vec![7; 5_000])).await;
    settle().await;
    assert_eq!(front.stats.request_unknown_answer.value(), 1);
    link.server.send(&Frame::response(id, "answer")).await;
    assert_eq!(client.recv().await, Frame::response(5, "answer"));
}
