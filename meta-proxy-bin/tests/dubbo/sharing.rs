//! One connection carries the calls of all clients.

use std::time::Instant;

use crate::{
    provider::{Greeter, Provider},
    scene::{Setup, eventually},
    wire::{answer, said, say},
};

#[tokio::test]
async fn all_clients_of_a_worker_use_one_connection() {
    let greeter = Greeter::start("v1").await;
    let scene = Setup::to_greeters([&greeter]).start().await;
    let mut clients = Vec::new();
    for _ in 0..50 {
        clients.push(scene.connect().await);
    }
    for id in 0..4 {
        for client in &mut clients {
            client.send(say(id, "a")).await;
        }
    }
    for client in &mut clients {
        for _ in 0..4 {
            assert_eq!(said(&client.next().await.answer()), "v1: a");
        }
    }
    assert_eq!(greeter.calls(), 200);
    assert_eq!(scene.upstream("cx_total"), 1);
    scene.at_rest().await;
}

#[tokio::test]
async fn a_slow_client_holds_up_no_other() {
    let greeter = Greeter::start("v1").await;
    let scene = Setup::to_greeters([&greeter]).start().await;
    let mut slow = scene.connect().await;
    let mut quick = scene.connect().await;
    for id in 0..200 {
        slow.send(say(id, "long 65536")).await;
    }
    eventually("its calls arrive", || greeter.calls() == 200).await;
    let began = Instant::now();
    for id in 0..200 {
        assert_eq!(quick.say(id, "a").await, "v1: a");
    }
    assert!(began.elapsed().as_secs() < 3, "{:?}", began.elapsed());
    for _ in 0..200 {
        assert_eq!(said(&slow.next().await.answer()).len(), 65_536);
    }
    assert_eq!(scene.upstream("cx_total"), 1);
    scene.at_rest().await;
}

#[tokio::test]
async fn a_client_that_goes_amid_its_answer_leaves_nothing_to_others() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut first = scene.connect().await;
    first.send(say(1, "first")).await;
    let mut upstream = provider.accept().await;
    let call = upstream.next().await;
    let long = answer(&call, &"x".repeat(100_000));
    let (begin, rest) = long.split_at(50_000);
    upstream.send(begin).await;
    first.reset();
    scene.at_rest().await;

    let mut second = scene.connect().await;
    second.send(say(1, "second")).await;
    let call = upstream.next().await;
    assert_eq!(call.text(), "second");
    upstream.send(rest).await;
    upstream.send(answer(&call, "for the second")).await;
    let answer = second.next().await.answer();
    assert_eq!((answer.id, said(&answer)), (1, "for the second"));
    assert_eq!(scene.upstream("rq_unknown_response"), 1);
    assert_eq!(scene.upstream("cx_total"), 1);
    assert_eq!(scene.count("cx_destroy_remote_with_active_rq"), 1);
}

#[tokio::test]
async fn a_client_may_go_while_its_answer_is_written() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut upstream = None;
    for n in 0..20u64 {
        let mut client = scene.connect().await;
        client.send(say(0, "long")).await;
        let wire = match &mut upstream {
            Some(wire) => wire,
            none => none.insert(provider.accept().await),
        };
        let call = wire.next().await;
        wire.send(answer(&call, &"x".repeat(1 << 20))).await;
        // It takes some of it, and goes.
        for _ in 0..n % 4 {
            client.stream.readable().await.expect("it is open");
            let _ = client.stream.try_read(&mut [0; 10_000]);
        }
        client.reset();
        let mut next = scene.connect().await;
        next.send(say(0, "short")).await;
        let call = wire.next().await;
        wire.send(answer(&call, "short")).await;
        assert_eq!(said(&next.next().await.answer()), "short");
    }
    assert_eq!(scene.upstream("cx_total"), 1);
    scene.at_rest().await;
}

#[tokio::test]
async fn a_client_that_half_closes_gets_its_answers() {
    let provider = Provider::bind().await;
    let scene = Setup::to(&provider).start().await;
    let mut client = scene.connect().await;
    client.send(say(1, "a")).await;
    client.send(say(2, "b")).await;
    client.finish().await;
    let mut upstream = provider.accept().await;
    let (one, two) = (upstream.next().await, upstream.next().await);
    upstream.send(answer(&two, "b")).await;
    assert_eq!(said(&client.next().await.answer()), "b");
    upstream.send(answer(&one, "a")).await;
    assert_eq!(said(&client.next().await.answer()), "a");
    client.end().await;
}
