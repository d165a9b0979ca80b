//! Servers that restart one after the other, and announce it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use meta_codec_test::toy::{Frame, Toy};
use meta_core::{Event, MessageKind};
use tokio::{sync::watch, task::JoinSet, time::sleep};

use crate::{
    client::text,
    network::Network,
    peer::{Peer, patiently},
    server::Server,
    setup::{Proxy, backend},
};

const DRAIN: MessageKind = MessageKind::Event(Event::Drain);

/// A server that echoes until it is told to drain; then it finishes what it has,
/// and is gone once its clients are.
async fn serve(mut server: Server, drain: watch::Receiver<bool>, served: Arc<AtomicUsize>) {
    let mut connections = JoinSet::new();
    let mut draining = drain.clone();
    loop {
        tokio::select! {
            peer = server.next() => {
                let peer = peer.expect("the network is there");
                connections.spawn(serve_one(peer, drain.clone(), served.clone()));
            }
            _ = draining.changed() => break,
        }
    }
    drop(server);
    while let Some(ended) = connections.join_next().await {
        ended.expect("no panic");
    }
}

async fn serve_one(mut peer: Peer, mut drain: watch::Receiver<bool>, served: Arc<AtomicUsize>) {
    let mut drained = false;
    loop {
        tokio::select! {
            frame = peer.read_frame() => {
                let Some(frame) = frame else { return };
                sleep(Duration::from_millis(3)).await;
                served.fetch_add(1, Relaxed);
                let body = frame.body.clone();
                peer.answer(&frame, body).await;
            }
            _ = drain.changed(), if !drained => {
                drained = true;
                peer.send(&Frame::new(DRAIN, 0, "")).await;
            }
        }
    }
}

/// Servers are restarted one after the other under load, and no client notices.
#[tokio::test(start_paused = true)]
async fn servers_that_restart_in_turn_cost_no_client_an_answer() {
    let network = Network::new();
    let served = [0; 2].map(|_| Arc::<AtomicUsize>::default());
    let start = |server: Server, n: usize| {
        let (drain, drained) = watch::channel(false);
        let address = server.address.clone();
        let task = tokio::spawn(serve(server, drained, served[n].clone()));
        (address, drain, task)
    };
    let servers = [network.server(), network.server()];
    let config = backend([&servers[0].address, &servers[1].address]);
    let proxy = Arc::new(Proxy::new(Toy::by_id(), network.clone(), config));
    let [one, other] = servers;
    let mut running = [start(one, 0), start(other, 1)];
    let over = Arc::<AtomicBool>::default();
    let clients: Vec<_> = (0..12)
        .map(|n| {
            let (mut client, over) = (proxy.client(), over.clone());
            tokio::spawn(async move {
                for call in 0.. {
                    if over.load(Relaxed) {
                        break;
                    }
                    let answer = client
                        .ask(&Frame::request(call, format!("{n}/{call}")))
                        .await;
                    assert_eq!((answer.id, text(&answer)), (call, format!("{n}/{call}")));
                    assert_eq!(answer.get("status"), None);
                    sleep(Duration::from_millis(10 + n)).await;
                }
                client.leave().await;
            })
        })
        .collect();
    for at in 0..2 {
        sleep(Duration::from_secs(12)).await;
        let (address, drain, task) = &mut running[at];
        drain.send(true).expect("it runs");
        patiently(task).await.expect("no panic");
        let down = served[at].load(Relaxed);
        sleep(Duration::from_secs(2)).await;
        assert_eq!(served[at].load(Relaxed), down);
        running[at] = start(network.server_at(address), at);
        sleep(Duration::from_secs(12)).await;
        assert!(served[at].load(Relaxed) > down, "it is used again");
    }
    over.store(true, Relaxed);
    for client in clients {
        patiently(client).await.expect("every answer");
    }
    proxy.assert_at_rest();
}
