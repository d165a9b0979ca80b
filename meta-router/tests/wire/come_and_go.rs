//! Clients that come, ask for much at once, and go.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use meta_codec_test::toy::{Frame, Toy};
use meta_core::{CodecFactory, MessageKind, Session};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    cancel::{TINY, at_every_point, toys},
    client::{ok, text},
    network::Network,
    peer::settle,
    server::Echo,
    setup::{Proxy, backend},
    soak::{Dice, listen},
};

/// Clients with connections to the proxy that send much at once, read some of the
/// answers, and go.
#[tokio::test(start_paused = true)]
async fn the_whole_path() {
    for (toy, in_order) in [
        (Toy::one_at_a_time(), false),
        (Toy::by_id(), false),
        (Toy::in_order(), true),
    ] {
        let network = Network::new();
        let server = network.server();
        let proxy = Arc::new(Proxy::new(toy, network, backend([&server.address])));
        tokio::spawn(listen(server, in_order));
        let clients = (0..50).map(|number| tokio::spawn(come_and_go(proxy.clone(), number)));
        for client in join_all(clients).await {
            client.expect("no panic");
        }
        // What servers sit on is due by then.
        sleep(Duration::from_secs(120)).await;
        assert_eq!(proxy.downstream.downstream_cx_total.value(), 50 * 20);
        assert_eq!(proxy.downstream.downstream_cx_active.value(), 0);
        let stats = &proxy.stats;
        assert!(stats.upstream_rq_cancelled.value() > 0);
        assert!(stats.upstream_rq_completed.value() > 1_000);
        proxy.assert_at_rest();
    }
}

async fn come_and_go(proxy: Arc<Proxy>, number: u64) {
    let mut dice = Dice(number);
    for round in 0..20 {
        let mut client = proxy.client();
        let count = dice.roll(20);
        for id in 0..count {
            let body = format!("{number}/{round}/{id}");
            let kind = match dice.roll(8) {
                0 => MessageKind::OneWay,
                _ => MessageKind::Request,
            };
            let frame = Frame::new(kind, id, body);
            let frame = match dice.roll(40) {
                0 => frame.header("binds-session", "yes"),
                1 => frame.header("timeout-ms", "10"),
                _ => frame,
            };
            client.send(&frame).await;
        }
        let patience = Duration::from_millis(dice.roll(60));
        let _ = timeout(patience, async {
            while let Some(answer) = client.read_frame().await {
                let id = answer.id;
                if answer.get("status").is_none() && answer.kind == MessageKind::Response {
                    assert_eq!(text(&answer), format!("{number}/{round}/{id}"));
                }
            }
        })
        .await;
        client.vanish().await;
    }
}

/// The client's connection is dropped at every point of its life,
/// with calls, one-way calls and streams under way.
#[tokio::test(start_paused = true)]
async fn a_client_that_is_cut_off() {
    for toy in toys() {
        let streams = toy.capabilities().streams;
        let begin = async || {
            let network = Network::with_streams_of(TINY * 5);
            let server = network.server();
            let mut config = backend([&server.address]);
            config.limits.max_connections = 2;
            let proxy = Proxy::new(toy.clone(), network, config);
            let (mut peer, session, served) = proxy.unserved_client();
            for id in 0..3 {
                peer.send(&Frame::request(id, "call")).await;
                peer.send(&Frame::new(MessageKind::OneWay, id, "note"))
                    .await;
            }
            if streams {
                peer.send(&Frame::new(MessageKind::StreamInit, 5, "stream"))
                    .await;
            }
            let bound = Frame::request(6, "bound").header("binds-session", "1");
            peer.send(&bound).await;
            let reader = tokio::spawn(async move {
                let mut answers = 0;
                while answers < 4 {
                    match peer.read_frame().await {
                        Some(frame) if frame.kind == MessageKind::Response => answers += 1,
                        Some(_) => {}
                        None => break,
                    }
                }
            });
            ((proxy, server.echo(), session, reader), served)
        };
        type Setting = (Proxy, Echo, Session, JoinHandle<()>);
        let check = async |(proxy, _echo, session, reader): Setting, _| {
            settle().await;
            assert!(session.is_closed());
            reader.await.expect("no panic");
            assert_eq!(proxy.downstream.downstream_cx_active.value(), 0);
            proxy.assert_at_rest();
            let answer = proxy.caller().ask("the next").await;
            assert_eq!(answer, ok("the next"));
        };
        at_every_point(begin, check).await;
    }
}
