//! Many clients, many calls, and everything goes wrong now and then.

use std::{pin::Pin, task::Poll, time::Duration};

use futures::future::{join_all, poll_fn};
use meta_codec_test::toy::{Frame, Toy};
use meta_core::{Event, MessageKind, ReplyKind};
use tokio::time::sleep;

use crate::{
    client::{Caller, frame_of, text},
    network::{Fault, Network},
    peer::{Peer, settle},
    server::Server,
    setup::{Proxy, backend},
};

const CLIENTS: u64 = 200;
const CALLS: u64 = 200;

/// Numbers that look random and are the same each time.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// Below `sides`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % sides
    }
}

/// How the calls of one client ended.
#[derive(Debug, Default)]
struct Ended {
    answered: u64,
    given_up: u64,
    timed_out: u64,
    overflow: u64,
    unconnected: u64,
    broken: u64,
}

impl Ended {
    fn add(&mut self, other: &Self) {
        self.answered += other.answered;
        self.given_up += other.given_up;
        self.timed_out += other.timed_out;
        self.overflow += other.overflow;
        self.unconnected += other.unconnected;
        self.broken += other.broken;
    }

    fn count(&mut self, reply: ReplyKind) {
        *match reply {
            ReplyKind::Timeout => &mut self.timed_out,
            ReplyKind::Overflow => &mut self.overflow,
            ReplyKind::ConnectFailed => &mut self.unconnected,
            ReplyKind::UpstreamReset | ReplyKind::UpstreamIncomplete => &mut self.broken,
            other => panic!("unexpected: {other:?}"),
        } += 1;
    }
}

/// Calls and calls; every answer must be the one to the very call.
async fn client(caller: Caller, number: u64) -> Ended {
    let mut dice = Dice(number);
    let mut ended = Ended::default();
    for n in 0..CALLS {
        let body = format!("{number}/{n}");
        let mut frame = match dice.roll(10) {
            0 => Frame::new(MessageKind::OneWay, n, body.clone()),
            _ => Frame::request(n, body.clone()),
        };
        if dice.roll(4) == 0 {
            frame = frame.header("form", "1");
        }
        if dice.roll(10) == 0 {
            frame = frame.header("timeout-ms", "20");
        }
        if number % 50 == 7 && n == 100 {
            frame = frame.header("binds-session", "yes");
        }
        let mut call = caller.call(&frame);
        let mut polls = match dice.roll(5) {
            0 => 1 + dice.roll(6),
            _ => u64::MAX,
        };
        let answer = poll_fn(|cx| {
            let polled = match polls {
                0 => return Poll::Ready(None),
                _ => Pin::new(&mut call).poll(cx),
            };
            polls -= 1;
            polled.map(Some)
        })
        .await;
        match answer {
            None => ended.given_up += 1,
            Some(Err(reply)) => ended.count(reply.kind()),
            Some(Ok(response)) => {
                ended.answered += 1;
                assert_eq!(
                    response.message.is_some(),
                    frame.kind == MessageKind::Request
                );
                if response.message.is_some() {
                    assert_eq!(text(&frame_of(response)), body);
                }
            }
        }
    }
    caller.session.close();
    ended
}

/// Answers most of what it is asked.
async fn serve(mut peer: Peer, mut dice: Dice, in_order: bool) {
    while let Some(frame) = peer.read_frame().await {
        if frame.kind != MessageKind::Request {
            continue;
        }
        let mut answer = Frame::response(frame.id, frame.body).encode();
        match dice.roll(300) {
            // The end, before, amid and after the answer.
            0 => return,
            1 => answer.truncate(23),
            2 => {}
            // An answer too many, where that can be told.
            3 if !in_order => answer.extend(answer.clone()),
            4 => {
                let drain = MessageKind::Event(Event::Drain);
                answer.extend(Frame::new(drain, 0, "").encode());
            }
            5 => sleep(Duration::from_secs(60)).await,
            // The next request cannot be written.
            6..8 => peer.link.take_only(0),
            8..40 => sleep(Duration::from_millis(dice.roll(40))).await,
            _ => {}
        }
        if !peer.try_send_bytes(&answer).await || answer.len() == 23 || dice.roll(300) == 0 {
            return;
        }
    }
}

pub(crate) async fn listen(mut server: Server, in_order: bool) {
    let mut dice = Dice(3);
    while let Some(peer) = server.next().await {
        tokio::spawn(serve(peer, Dice(dice.roll(u64::MAX)), in_order));
    }
}

async fn soak(toy: Toy, in_order: bool) {
    let network = Network::with_streams_of(100);
    let servers = [network.server(), network.server(), network.server()];
    let mut dice = Dice(1);
    for server in &servers {
        for _ in 0..20_000 {
            let fault = match dice.roll(50) {
                0..4 => Fault::Refuse,
                4 => Fault::Hang,
                5..11 => Fault::TakeOnly(usize::try_from(dice.roll(3_000)).expect("small")),
                _ => Fault::TakeOnly(usize::MAX),
            };
            network.fault(server, fault);
        }
    }
    let mut config = backend([0, 1, 2].map(|n: usize| &servers[n].address));
    config.connect_timeout = Duration::from_millis(50);
    config.idle_timeout = Duration::from_secs(5);
    config.limits.max_connections = 30;
    config.limits.max_pending = 150;
    config.limits.max_requests = 190;
    let proxy = Proxy::new(toy, network, config);
    for server in servers {
        tokio::spawn(listen(server, in_order));
    }
    let clients = (0..CLIENTS).map(|number| {
        let client = client(proxy.caller(), number);
        tokio::spawn(client)
    });
    let mut ended = Ended::default();
    for client in join_all(clients).await {
        ended.add(&client.expect("no panic"));
    }
    settle().await;

    let stats = proxy.stats.clone();
    let total = CLIENTS * CALLS;
    assert_eq!(stats.upstream_rq_total.value(), total);
    assert_eq!(stats.upstream_rq_completed.value(), ended.answered);
    assert_eq!(stats.upstream_rq_time.snapshot().count(), ended.answered);
    assert_eq!(stats.upstream_rq_timeout.value(), ended.timed_out);
    assert_eq!(stats.upstream_rq_pending_overflow.value(), ended.overflow);
    assert_eq!(
        stats.upstream_rq_pending_failure_eject.value(),
        ended.unconnected
    );
    assert_eq!(stats.upstream_rq_cancelled.value(), ended.given_up);
    let rest = ended.given_up + ended.timed_out + ended.unconnected + ended.broken;
    assert_eq!(ended.answered + ended.overflow + rest, total);
    for (what, count) in [
        ("answered", ended.answered.saturating_sub(total / 3)),
        ("given up", ended.given_up),
        ("timed out", ended.timed_out),
        ("broken", ended.broken),
        ("sent once more", stats.upstream_rq_retry.value()),
        ("stale or drained", stats.upstream_cx_destroy_remote.value()),
        ("refused", ended.overflow),
    ] {
        assert!(count > 0, "none is {what}: {ended:?}");
    }
    proxy.assert_at_rest();
    assert!(proxy.open() <= 30);
    let destroyed = stats.upstream_cx_destroy.value();
    assert_eq!(stats.upstream_rq_pending_active.value(), 0);

    // What is at rest goes in time or with the router.
    let wheel = proxy.wheel.clone();
    drop(proxy);
    sleep(Duration::from_secs(120)).await;
    assert_eq!(stats.upstream_cx_active.value(), 0);
    assert!(stats.upstream_cx_destroy.value() >= destroyed);
    assert!(wheel.is_empty());
}

#[tokio::test(start_paused = true)]
async fn exclusive() {
    soak(Toy::one_at_a_time(), false).await;
}

#[tokio::test(start_paused = true)]
async fn shared_by_id() {
    soak(Toy::by_id(), false).await;
}

#[tokio::test(start_paused = true)]
async fn shared_in_order() {
    soak(Toy::in_order(), true).await;
}
