//! Clients that come and go on several threads, over one connection to a server.

use meta_codec_test::toy::{Frame, Toy};
use meta_core::MessageKind;
use tokio::{net::TcpStream, task::JoinSet};

use crate::{
    peer::{Client, Peer, patiently},
    service::forward,
    setup::{Back, Front, tcp_pair},
};

/// Sends calls as answers of their own, now and then some at once.
async fn serve(mut server: Peer<TcpStream>) {
    while let Ok(burst) = server.burst().await {
        if burst.is_empty() {
            return;
        }
        let calls = burst.into_iter().rev();
        let calls = calls.filter(|frame| frame.kind == MessageKind::Request);
        let answers = calls.map(|call| Frame::response(call.id, call.body));
        server.send_all(&answers.collect::<Vec<_>>()).await;
    }
}

/// Makes calls in bursts, and goes away, amid one where `n` says so.
async fn call(n: u64, mut client: Client<TcpStream>) {
    for burst in 0..10 {
        let texts: Vec<_> = (0..8).map(|at| format!("{n}, {burst}, {at}")).collect();
        let calls = (0..).zip(&texts);
        let calls = calls.map(|(id, text)| Frame::request(id, text.clone()));
        client.send_all(&calls.collect::<Vec<_>>()).await;
        if n.is_multiple_of(3) && burst == n % 10 {
            break;
        }
        for _ in 0..texts.len() {
            let answer = client.recv().await;
            assert_eq!(answer.body, texts[answer.id as usize]);
        }
    }
    let stream = client.peer.into_stream();
    if n.is_multiple_of(2) {
        stream.set_zero_linger().expect("it is open");
    }
    drop(stream);
    patiently(client.served).await.expect("no panic");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn clients_that_go_away_at_any_time_leave_nothing_and_harm_nobody() {
    let (front, back) = (Front::new(Toy::by_id()), Back::new(Toy::by_id()));
    let link = back.shared_over(tcp_pair().await, None);
    let server = tokio::spawn(serve(link.server));
    let mut clients = JoinSet::new();
    for n in 0..60 {
        let client = front.connect_tcp(forward(&link.shared)).await;
        clients.spawn(call(n, client));
    }
    while let Some(client) = patiently(clients.join_next()).await {
        client.expect("no panic");
    }
    front.assert_at_rest();
    assert_eq!(link.shared.in_flight(), 0);
    assert!(link.shared.is_open());
    drop(link.shared);
    patiently(link.driver).await.expect("no panic");
    patiently(server).await.expect("no panic");
    assert_eq!(back.wheel.len(), 0);
}
