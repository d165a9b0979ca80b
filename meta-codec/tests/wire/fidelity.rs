//! Whatever passes leaves byte for byte as it came, however it was cut.

use std::time::Duration;

use meta_codec_test::toy::{Frame, Toy};
use proptest::{collection::vec, prelude::*};
use tokio::{
    io::{AsyncWriteExt, DuplexStream, WriteHalf, duplex, split},
    runtime::Builder,
    task::yield_now,
    time::timeout,
};

use crate::{
    peer::Peer,
    service::forward,
    setup::{Back, Front},
};

/// Headers and a body of some length.
fn frames() -> impl Strategy<Value = Vec<Frame>> {
    let headers = vec(("[a-c]{0,3}", "[x-z]{0,40}"), 0..3);
    let body = prop_oneof![
        4 => (0usize..200).boxed(),
        2 => (3_000usize..6_000).boxed(),
        1 => (30_000usize..70_000).boxed(),
    ];
    let frame = (0u64..4, headers, body).prop_map(|(id, headers, bytes)| {
        let body: Vec<u8> = (0..bytes).map(|n| (n * 31 + bytes) as u8).collect();
        let frame = Frame::request(id, body);
        headers
            .into_iter()
            .fold(frame, |frame, (key, value)| frame.header(key, value))
    });
    vec(frame, 1..12)
}

/// Writes `bytes` in pieces of the given lengths, over and over.
async fn in_pieces(stream: &mut WriteHalf<DuplexStream>, mut bytes: &[u8], pieces: &[usize]) {
    for piece in pieces.iter().cycle() {
        let (now, later) = bytes.split_at((*piece).min(bytes.len()));
        stream.write_all(now).await.expect("it is taken");
        yield_now().await;
        bytes = later;
        if bytes.is_empty() {
            return;
        }
    }
}

/// Sends `frames` through a proxy to a server that sends them back as responses.
async fn pass(codec: Toy, frames: Vec<Frame>, pieces: Vec<usize>, streams: [usize; 2]) {
    let (front, back) = (Front::new(codec.clone()), Back::new(codec));
    let (ours, theirs) = duplex(streams[0]);
    let link = back.shared_over((ours, theirs), None);
    let client = front.connect_over(duplex(streams[1]), forward(&link.shared));
    let (receive, mut send) = split(client.peer.into_stream());
    let (requests, mut responses) = split(link.server.into_stream());
    let server_pieces: Vec<_> = pieces.iter().rev().copied().collect();
    let server = async move {
        let mut requests = Peer::new(requests);
        let mut seen = Vec::new();
        while let Some(frame) = requests.next().await {
            let mut response = frame.clone();
            response.kind = meta_core::MessageKind::Response;
            in_pieces(&mut responses, &response.encode(), &server_pieces).await;
            seen.push(frame);
        }
        seen
    };
    let sent = frames.clone();
    let count = frames.len();
    let client = async move {
        let sending = async {
            let bytes: Vec<u8> = sent.iter().flat_map(Frame::encode).collect();
            in_pieces(&mut send, &bytes, &pieces).await;
        };
        let receiving = async {
            let mut receive = Peer::new(receive);
            let mut answers = Vec::new();
            for _ in 0..count {
                answers.push(receive.recv().await);
            }
            answers
        };
        let answers = tokio::join!(sending, receiving).1;
        drop(link.shared);
        answers
    };
    let passed = async { tokio::join!(client, server) };
    let passed = timeout(Duration::from_secs(60), passed).await;
    let (answers, seen) = passed.expect("everything passes");
    let content = |frame: &Frame| (frame.headers.clone(), frame.body.clone());
    let expected: Vec<_> = frames.iter().map(content).collect();
    let arrived: Vec<_> = seen.iter().map(content).collect();
    assert_eq!(arrived, expected);
    for id in 0..4 {
        let of_id = |frames: &[Frame]| -> Vec<_> {
            let frames = frames.iter().filter(|frame| frame.id == id);
            frames.map(content).collect()
        };
        assert_eq!(of_id(&answers), of_id(&frames), "answers of id {id}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn messages_pass_unchanged_in_any_pieces(
        frames in frames(),
        pieces in vec(1usize..5_000, 1..8),
        streams in [20usize..40_000, 20usize..40_000],
        in_order in any::<bool>(),
    ) {
        let codec = if in_order { Toy::in_order() } else { Toy::by_id() };
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(pass(codec, frames, pieces, streams));
    }
}
