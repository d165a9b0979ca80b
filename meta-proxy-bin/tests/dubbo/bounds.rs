//! At the bounds each caller gets an answer, and the rest goes on.

use std::{collections::HashSet, time::Duration};

use codec_dubbo::wire::{ping, pong};

use crate::{
    callbacks::{call_back, registered},
    provider::{Greeter, Provider},
    scene::{Setup, eventually},
    wire::{answer, error, said, say},
};

#[tokio::test]
async fn too_many_calls_at_a_time_are_refused() {
    let provider = Provider::bind().await;
    let setup = Setup::to(&provider).cluster(|c| c.limits.max_requests = 2);
    let scene = setup.start().await;
    let mut client = scene.connect().await;
    for id in 0..2 {
        client.send(say(id, "a")).await;
    }
    let mut upstream = provider.accept().await;
    let calls = [upstream.next().await, upstream.next().await];
    for id in 2..4 {
        let reply = client.ask(say(id, "b")).await;
        assert_eq!((reply.id, error(&reply).0), (id, 100));
        assert!(error(&reply).1.starts_with("overflow: "), "{reply:?}");
    }
    for call in &calls {
        upstream.send(answer(call, "a")).await;
        assert_eq!(said(&client.next().await.answer()), "a");
    }
    client.send(say(4, "c")).await;
    assert_eq!(upstream.next().await.text(), "c");
}

#[tokio::test]
async fn answers_that_nobody_reads_give_way() {
    const MANY: u64 = 300;
    let greeter = Greeter::start("v1").await;
    let setup = Setup::to_greeters([&greeter]).cluster(|cluster| {
        cluster.upstream.unread_response_bytes = 1 << 20;
    });
    let scene = setup.start().await;
    let (mut slow, mut quick) = (scene.connect().await, scene.connect().await);
    greeter.hold(true);
    for id in 0..MANY {
        slow.send(say(id, "long 100000")).await;
    }
    scene.until_active(MANY as i64).await;
    greeter.hold(false);
    eventually("all are answered", || greeter.calls() == MANY).await;
    for id in 0..50 {
        assert_eq!(quick.say(id, "a").await, "v1: a");
    }
    let (mut whole, mut seen) = (0, HashSet::new());
    for _ in 0..MANY {
        let answer = slow.next().await.answer();
        assert!(seen.insert(answer.id));
        match answer.status {
            20 => whole += 1,
            _ => {
                assert_eq!(error(&answer).0, 100);
                assert!(
                    error(&answer).1.ends_with("(cluster backend)"),
                    "{answer:?}"
                );
            }
        }
    }
    assert!((10..MANY).contains(&whole), "{whole} of {MANY}");
    assert_eq!(scene.upstream("cx_total"), 1);
    scene.at_rest().await;
}

#[tokio::test]
async fn a_busy_connection_gets_company() {
    let provider = Provider::bind().await;
    let setup = Setup::to(&provider).cluster(|c| c.upstream.busy_in_flight = 4);
    let scene = setup.start().await;
    let mut busy = scene.connect().await;
    let mut upstream = None;
    for id in 0..8 {
        busy.send(say(id, "busy")).await;
        let upstream = match &mut upstream {
            Some(upstream) => upstream,
            none => none.insert(provider.accept().await),
        };
        upstream.next().await;
    }
    // New clients are spread over both of them, in turn.
    let mut clients = Vec::new();
    for _ in 0..2 {
        let mut client = scene.connect().await;
        client.send(say(0, "new")).await;
        clients.push(client);
    }
    let mut second = provider.accept().await;
    assert_eq!(second.next().await.text(), "new");
    // Who has calls in flight stays.
    busy.send(say(9, "busy")).await;
    let upstream = upstream.as_mut().expect("it was accepted");
    loop {
        if upstream.next().await.text() == "busy" {
            break;
        }
    }
}

#[tokio::test]
async fn callbacks_that_a_client_never_answers_are_given_up() {
    const MANY: u64 = 1100;
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let (mut client, mut upstream) = registered(&scene, &provider).await;
    let mut called_back = Vec::new();
    for id in 0..MANY {
        upstream.send(call_back(id, "a").build()).await;
        called_back.push(client.next().await);
    }
    for id in 0..MANY - 1024 {
        let reply = upstream.next().await.answer();
        assert_eq!((reply.id, error(&reply).0), (id, 100));
    }
    for call in called_back.iter().rev() {
        client.send(answer(call, "late")).await;
    }
    for id in (MANY - 1024..MANY).rev() {
        let answer = upstream.next().await.answer();
        assert_eq!((answer.id, said(&answer)), (id, "late"));
    }
    let unknown = || scene.count("request_unknown_answer");
    eventually("the rest", || unknown() == MANY - 1024).await;
}

/// The provider answers none of its calls before it has the client's answer.
#[tokio::test]
async fn an_answer_gets_past_calls_that_have_to_wait() {
    let provider = Provider::bind().await;
    let mut setup = Setup::to(&provider);
    setup.snapshot.listeners[0].chains[0]
        .connection
        .max_in_flight = 2;
    let scene = setup.start().await;
    let (mut client, mut upstream) = registered(&scene, &provider).await;
    upstream.send(call_back(1, "first this").build()).await;
    let called_back = client.next().await;
    let calls: Vec<u8> = (0..20).flat_map(|id| say(id, "then that")).collect();
    client
        .send([calls, answer(&called_back, "this")].concat())
        .await;
    // It may overtake those that did not have to wait.
    let (mut calls, mut answered) = (Vec::new(), false);
    for _ in 0..3 {
        let frame = upstream.next().await;
        match frame.flags() {
            0 => answered = said(&frame.answer()) == "this",
            _ => calls.push(frame),
        }
    }
    assert!(answered, "{calls:?}");
    for n in 0..20 {
        upstream.send(answer(&calls[n], "that")).await;
        let answered = client.next().await.answer();
        assert_eq!((answered.id, said(&answered)), (n as u64, "that"));
        if calls.len() < 20 {
            calls.push(upstream.next().await);
        }
    }
}

#[tokio::test]
async fn an_idle_client_is_closed_and_a_waiting_one_is_not() {
    let provider = Provider::bind().await;
    let mut setup = Setup::to(&provider);
    let time = Duration::from_secs(1);
    setup.snapshot.listeners[0].chains[0]
        .connection
        .idle_timeout = Some(time);
    let scene = setup.start().await;
    let mut waiting = scene.connect().await;
    waiting.send(say(1, "a")).await;
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    let (mut asked, mut asks) = registered(&scene, &provider).await;
    asks.send(call_back(1, "a").build()).await;
    let called_back = asked.next().await;
    let (mut beating, mut idle) = (scene.connect().await, scene.connect().await);
    let beats = async {
        for id in 0.. {
            beating.send(ping(id)).await;
            assert_eq!(beating.next().await.0, pong(id));
            tokio::time::sleep(time / 20).await;
        }
    };
    tokio::select! {
        () = idle.end() => {}
        () = beats => {}
    }
    assert_eq!(scene.count("idle_timeout"), 1);
    upstream.send(answer(&call, "b")).await;
    assert_eq!(said(&waiting.next().await.answer()), "b");
    asked.send(answer(&called_back, "c")).await;
    assert_eq!(said(&asks.next().await.answer()), "c");
}
