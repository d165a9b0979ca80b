//! Any order of events, under any bounds: everybody gets what is theirs, once.

use std::collections::{BTreeMap, VecDeque};

use futures::FutureExt;
use meta_codec::CloseReason;
use meta_codec_test::toy::{Frame, Toy};
use meta_core::{MessageKind, ReplyKind, Response};
use proptest::{collection::vec, prelude::*};
use tokio::{
    io::{AsyncWriteExt, duplex, split},
    runtime::Builder,
    time::{Duration, Instant},
};

use crate::{
    peer::{Peer, patiently, settle},
    service::{body, script},
    setup::{Back, Front, call, send},
};

fn run(scene: impl Future<Output = ()>) {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(scene);
}

#[derive(Clone, Debug)]
struct Bounds {
    in_flight: usize,
    in_flight_bytes: usize,
    write_bytes: usize,
    stream_bytes: usize,
}

fn bounds() -> impl Strategy<Value = Bounds> {
    (1usize..5, 1usize..200, 1usize..200, 1usize..300).prop_map(
        |(in_flight, in_flight_bytes, write_bytes, stream_bytes)| Bounds {
            in_flight,
            in_flight_bytes,
            write_bytes,
            stream_bytes,
        },
    )
}

fn codec() -> impl Strategy<Value = Toy> {
    prop_oneof![
        Just(Toy::by_id()),
        Just(Toy::in_order()),
        Just(Toy::one_at_a_time()),
    ]
}

/// What a client sends: calls and one-way calls of a few ids, pings, streams.
fn message() -> impl Strategy<Value = (MessageKind, u64)> {
    let kind = prop_oneof![
        6 => Just(MessageKind::Request),
        1 => Just(MessageKind::OneWay),
        1 => Just(MessageKind::Ping),
        2 => Just(MessageKind::StreamData),
    ];
    (kind, 1u64..4)
}

/// A client that sends everything at once, and a service that ends its calls in
/// the order that `picks` say, some by an error.
async fn client(codec: Toy, bounds: Bounds, messages: Vec<(MessageKind, u64)>, picks: Vec<u8>) {
    let by_id = codec_has_ids(&codec);
    let front = Front::with(codec, |config, _| {
        config.max_in_flight = bounds.in_flight;
        config.max_in_flight_bytes = bounds.in_flight_bytes;
        config.write_buffer_bytes = bounds.write_bytes;
    });
    let (service, mut calls) = script();
    let client = front.connect_over(duplex(bounds.stream_bytes), service);
    let mut expected = BTreeMap::<u64, VecDeque<String>>::new();
    let mut pings = 0;
    let mut bytes = Vec::new();
    for (n, (kind, id)) in messages.into_iter().enumerate() {
        if !by_id && !kind.is_call() {
            continue;
        }
        let id = if by_id { id } else { 0 };
        let text = format!("message {n}");
        bytes.extend_from_slice(&Frame::new(kind, id, text.clone()).encode());
        match kind {
            MessageKind::Request => expected.entry(id).or_default().push_back(text),
            MessageKind::Ping => pings += 1,
            _ => {}
        }
    }
    let start = Instant::now();
    let (receive, mut write) = split(client.peer.into_stream());
    let sending = tokio::spawn(async move {
        write.write_all(&bytes).await.expect("it is taken");
        write.shutdown().await.expect("it is open");
    });
    tokio::spawn(async move {
        let mut waiting = Vec::new();
        for pick in picks.into_iter().cycle() {
            if waiting.is_empty() {
                waiting.push(calls.next().await);
            }
            if pick % 2 == 0 {
                waiting.extend(calls.all().await);
            }
            let call = waiting.swap_remove(usize::from(pick) % waiting.len());
            match call.request.metadata().kind {
                MessageKind::Request if pick % 5 == 0 => call.fail(ReplyKind::Timeout),
                MessageKind::Request => call.echo(),
                _ => call.respond(Ok(Response::written(None))),
            }
        }
    });
    let mut receive = Peer::new(receive);
    while let Some(answer) = receive.next().await {
        if answer.kind == MessageKind::Pong {
            pings -= 1;
            continue;
        }
        let next = expected.get_mut(&answer.id).and_then(VecDeque::pop_front);
        let next = next.expect("an answer to a call");
        if answer.get("status") != Some("error") {
            assert_eq!(answer.body, next);
        }
    }
    expected.retain(|_, left| !left.is_empty());
    assert!(expected.is_empty(), "unanswered: {expected:?}");
    assert_eq!(pings, 0);
    patiently(sending).await.expect("no panic");
    let reason = patiently(client.served).await.expect("no panic");
    assert!(matches!(reason, CloseReason::Client), "{reason}");
    // Nothing stood still until some timer happened to fire.
    assert!(start.elapsed() < Duration::from_millis(500));
    front.assert_at_rest();
}

fn codec_has_ids(codec: &Toy) -> bool {
    let capabilities = meta_core::CodecFactory::capabilities(codec);
    matches!(capabilities.correlation, meta_core::Correlation::ById(_))
}

#[derive(Clone, Debug)]
enum Step {
    Call,
    Send,
    GiveUp(u8),
    Answer(u8),
    Ping,
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Call),
        1 => Just(Step::Send),
        1 => any::<u8>().prop_map(Step::GiveUp),
        4 => any::<u8>().prop_map(Step::Answer),
        1 => Just(Step::Ping),
        2 => Just(Step::Wait),
    ]
}

/// Calls over a shared connection that are given up, and answered by its server,
/// in any order.
async fn server(in_order: bool, stream_bytes: usize, steps: Vec<Step>) {
    let codec = if in_order {
        Toy::in_order()
    } else {
        Toy::by_id()
    };
    let back = Back::new(codec);
    let mut link = back.shared_over(duplex(stream_bytes), None);
    let mut waiting = Vec::new();
    let mut asked = VecDeque::new();
    let mut unanswered = 0;
    for (n, step) in steps.into_iter().enumerate() {
        match step {
            Step::Call => {
                let text = format!("call {n}");
                waiting.push((call(&link.shared, &Frame::request(0, text.clone())), text));
                unanswered += 1;
            }
            Step::Send => drop(send(&link.shared, &Frame::new(MessageKind::OneWay, 0, ""))),
            Step::GiveUp(which) if !waiting.is_empty() => {
                drop(waiting.swap_remove(usize::from(which) % waiting.len()));
            }
            Step::Answer(which) => {
                while let Some(Ok(Some(frame))) = link.server.read_frame().now_or_never() {
                    match frame.kind {
                        MessageKind::Request => asked.push_back(frame),
                        kind => assert_ne!(kind, MessageKind::Response),
                    }
                }
                let which = if in_order { 0 } else { usize::from(which) };
                let which = which.checked_rem(asked.len());
                if let Some(call) = which.and_then(|which| asked.remove(which)) {
                    unanswered -= 1;
                    let answer = Frame::response(call.id, call.body);
                    link.server.send(&answer).await;
                }
            }
            Step::Ping if !in_order => {
                link.server
                    .send(&Frame::new(MessageKind::Ping, 0, ""))
                    .await;
            }
            Step::Wait => settle().await,
            _ => {}
        }
    }
    // All that is left is answered, and closes the connection.
    drop(link.shared);
    let answering = tokio::spawn(async move {
        while unanswered > 0 {
            let call = match asked.pop_front() {
                Some(call) => call,
                None => match link.server.next().await {
                    Some(frame) => frame,
                    None => break,
                },
            };
            if call.kind == MessageKind::Request {
                unanswered -= 1;
                let answer = Frame::response(call.id, call.body).encode();
                // It closes as soon as nobody waits any more.
                let _ = link.server.stream_mut().write_all(&answer).await;
            }
        }
        while let Ok(Some(_)) = link.server.read_frame().await {}
    });
    for (call, text) in waiting {
        assert_eq!(body(&patiently(call).await.expect("an answer")), text);
    }
    patiently(link.driver).await.expect("no panic");
    patiently(answering).await.expect("no panic");
    assert_eq!(back.wheel.len(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_client_gets_every_answer_once_whatever_the_bounds(
        codec in codec(),
        bounds in bounds(),
        messages in vec(message(), 1..40),
        picks in vec(any::<u8>(), 1..20),
    ) {
        run(client(codec, bounds, messages, picks));
    }

    #[test]
    fn callers_of_a_shared_connection_get_their_own_answers_whoever_gives_up(
        in_order in any::<bool>(),
        stream_bytes in 10usize..300,
        steps in vec(step(), 1..60),
    ) {
        run(server(in_order, stream_bytes, steps));
    }
}
