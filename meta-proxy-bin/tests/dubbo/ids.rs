//! Answers find their callers, whatever the ids.

use std::{collections::HashSet, time::Duration};

use codec_dubbo::wire::ResponseBuilder;

use crate::{
    provider::Provider,
    scene::{Setup, eventually},
    wire::{answer, error, hello, said, say},
};

const HALF: u64 = 1 << 63;

#[tokio::test]
async fn clients_that_number_alike_are_told_apart() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut clients = Vec::new();
    for n in 0..3 {
        let mut client = scene.connect().await;
        for id in 0..4 {
            client.send(say(id, &format!("{n}/{id}"))).await;
        }
        clients.push(client);
    }
    let mut upstream = provider.accept().await;
    let mut calls = Vec::new();
    for _ in 0..12 {
        calls.push(upstream.next().await);
    }
    let ids: HashSet<_> = calls.iter().map(|call| call.id()).collect();
    assert_eq!(ids.len(), 12, "{calls:?}");
    for call in calls.iter().rev() {
        upstream.send(answer(call, &call.text())).await;
    }
    for (n, client) in clients.iter_mut().enumerate() {
        let mut seen = HashSet::new();
        for _ in 0..4 {
            let answer = client.next().await.answer();
            assert_eq!(said(&answer), format!("{n}/{}", answer.id));
            assert!(seen.insert(answer.id));
        }
    }
    assert_eq!(scene.upstream("cx_total"), 1);
}

#[tokio::test]
async fn an_id_may_be_any_number() {
    let ids = [
        0,
        1,
        2,
        4,
        6,
        HALF - 1,
        HALF,
        HALF + 1,
        u64::MAX - 1,
        u64::MAX,
    ];
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    for id in ids {
        client.send(say(id, &id.to_string())).await;
    }
    let mut upstream = provider.accept().await;
    let mut calls = Vec::new();
    for _ in ids {
        calls.push(upstream.next().await);
    }
    // Providers print them as signed numbers.
    assert!(calls.iter().all(|call| call.id() < HALF), "{calls:?}");
    for call in calls.iter().rev() {
        upstream.send(answer(call, &call.text())).await;
    }
    let mut seen = HashSet::new();
    for _ in ids {
        let answer = client.next().await.answer();
        assert_eq!(said(&answer), answer.id.to_string());
        seen.insert(answer.id);
    }
    assert_eq!(seen, HashSet::from(ids));
}

#[tokio::test]
async fn an_id_in_flight_twice_gets_two_answers_in_order() {
    for id in [0, 7, u64::MAX] {
        let provider = Provider::bind().await;
        let scene = Setup::to(&provider).start().await;
        let mut client = scene.connect().await;
        for text in ["first", "second", "third"] {
            client.send(say(id, text)).await;
        }
        client.send(say(id ^ 1, "another")).await;
        let mut upstream = provider.accept().await;
        let mut calls = Vec::new();
        for _ in 0..4 {
            calls.push(upstream.next().await);
        }
        for n in [3, 2, 1, 0] {
            upstream.send(answer(&calls[n], &calls[n].text())).await;
        }
        let mut texts = Vec::new();
        for _ in 0..4 {
            texts.push(said(&client.next().await.answer()).to_owned());
        }
        assert_eq!(texts, ["another", "first", "second", "third"]);
    }
}

#[tokio::test]
async fn answers_to_nothing_are_dropped_and_counted() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    let unknown = || scene.upstream("rq_unknown_response");

    client.send(say(1, "a")).await;
    let mut upstream = provider.accept().await;
    let first = upstream.next().await;
    let stray = |id| ResponseBuilder::value("stray").id(id).build();
    for id in [0, first.id() + 1, first.id() | HALF, u64::MAX] {
        upstream.send(stray(id)).await;
    }
    upstream.send(answer(&first, "a")).await;
    upstream.send(answer(&first, "a once more")).await;
    assert_eq!(said(&client.next().await.answer()), "a");
    eventually("five", || unknown() == 5).await;

    let hurried = hello(2).argument("b").attachment("timeout", "30").build();
    let reply = client.ask(hurried).await;
    assert_eq!((reply.id, error(&reply).0), (2, 31));
    let late = upstream.next().await;
    upstream.send(answer(&late, "too late")).await;
    eventually("six", || unknown() == 6).await;

    // The client's next call has the id of the one before.
    client.send(say(2, "c")).await;
    let call = upstream.next().await;
    assert_ne!(call.id(), late.id());
    upstream.send(answer(&late, "much too late")).await;
    upstream.send(answer(&call, "c")).await;
    let answer = client.next().await.answer();
    assert_eq!((answer.id, said(&answer)), (2, "c"));
    assert_eq!(unknown(), 7);
    scene.at_rest().await;
}

#[tokio::test]
async fn answers_in_one_read_are_delivered_at_once() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let (mut one, mut two) = (scene.connect().await, scene.connect().await);
    for client in [&mut one, &mut two] {
        for id in [1, 2] {
            client.send(say(id, "a")).await;
        }
    }
    let mut upstream = provider.accept().await;
    let mut answers = Vec::new();
    for _ in 0..4 {
        let call = upstream.next().await;
        answers.extend(answer(&call, "b"));
    }
    // All but the last byte: the last answer has to wait for it.
    let last = answers.pop().expect("there are some");
    upstream.send(&answers).await;
    let mut seen = 0;
    let early = async {
        loop {
            tokio::select! {
                _ = one.next() => {}
                _ = two.next() => {}
            }
            seen += 1;
            if seen == 3 {
                return;
            }
        }
    };
    early.await;
    upstream.send([last]).await;
    tokio::select! {
        _ = one.next() => {}
        _ = two.next() => {}
    }
    eventually("four", || scene.count("response_success") == 4).await;
}

#[tokio::test]
async fn an_answer_may_come_byte_by_byte() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    for byte in say(3, "a") {
        client.send([byte]).await;
        tokio::time::sleep(Duration::from_micros(10)).await;
    }
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    assert_eq!(call.text(), "a");
    for byte in answer(&call, "b") {
        upstream.send([byte]).await;
        tokio::time::sleep(Duration::from_micros(10)).await;
    }
    let answer = client.next().await.answer();
    assert_eq!((answer.id, said(&answer)), (3, "b"));
}
