//! Filters before the router.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use meta_codec_test::toy::{Frame, Toy};
use meta_core::{
    Filter, FilterLayer, Flow, LocalReply, Metadata, Mutation, Outcome, ReplyKind, Request,
    Response, Route, Verdict, filter_layer,
};
use tokio::time::sleep;
use tower::{Layer, Service};

use crate::{
    client::{Caller, Client, text},
    network::Network,
    peer::settle,
    setup::{Proxy, backend},
};

/// Does what the header `filter` of a request says, and counts how requests end.
#[derive(Default)]
struct Scripted {
    answered: AtomicUsize,
    refused: AtomicUsize,
    cancelled: AtomicUsize,
}

impl Scripted {
    /// Answered, refused, cancelled.
    fn ended(&self) -> [usize; 3] {
        [&self.answered, &self.refused, &self.cancelled].map(|count| count.load(Relaxed))
    }
}

fn denied() -> LocalReply {
    LocalReply::new(ReplyKind::Denied, "not for you")
}

impl Filter for Scripted {
    type State = ();

    fn on_request(&self, _: &mut (), request: &mut Request) -> Flow {
        match request.metadata().get("filter") {
            Some("reject") => Flow::Reply(denied()),
            Some("reject late") => Flow::Wait(Box::pin(async {
                sleep(Duration::from_secs(1)).await;
                Verdict::Reply(denied())
            })),
            Some("wait") => Flow::Wait(Box::pin(async {
                sleep(Duration::from_secs(1)).await;
                let mut mutation = Mutation::new();
                mutation.set("seen", "yes");
                Verdict::Continue(mutation)
            })),
            _ => Flow::Continue,
        }
    }

    fn on_response(&self, _: &mut (), request: &Metadata, response: &mut Response) -> Flow {
        match request.get("filter") {
            Some("reject response") => Flow::Reply(denied()),
            _ => {
                response.mutation.set("seen", "yes");
                Flow::Continue
            }
        }
    }

    fn on_complete(&self, (): (), _: &Metadata, outcome: Outcome<'_>) {
        let count = match outcome {
            Outcome::Answered(_) => &self.answered,
            Outcome::Refused(_) => &self.refused,
            Outcome::Cancelled => &self.cancelled,
        };
        count.fetch_add(1, Relaxed);
    }
}

fn filtered(proxy: &Proxy, filter: &Arc<Scripted>) -> Client {
    let layer: FilterLayer<Scripted> = filter_layer(filter.clone());
    let route = Route::to_cluster("all", "backend");
    proxy.client_by(route, layer.layer(proxy.router.clone()))
}

fn asking(id: u64, filter: &str) -> Frame {
    Frame::request(id, "hello").header("filter", filter)
}

/// Of one place for a request, none is taken by those that are rejected.
#[tokio::test(start_paused = true)]
async fn a_filter_that_rejects_holds_no_permit() {
    for toy in [Toy::by_id(), Toy::one_at_a_time()] {
        let network = Network::new();
        let echo = network.server().echo();
        let mut config = backend([&echo.address]);
        config.limits.max_requests = 1;
        config.limits.max_connections = 1;
        let proxy = Proxy::new(toy, network, config);
        let filter = Arc::<Scripted>::default();
        let mut client = filtered(&proxy, &filter);
        for id in 0..20 {
            client.send(&asking(id, "reject")).await;
        }
        for _ in 0..20 {
            let reply = client.recv().await;
            assert_eq!(reply.get("reason"), Some("denied"));
        }
        assert_eq!(proxy.stats.upstream_rq_total.value(), 0);

        // Nor by those that a filter still thinks about.
        for id in 0..20 {
            client.send(&asking(id, "reject late")).await;
        }
        settle().await;
        let mut other = filtered(&proxy, &filter);
        let answer = other.ask(&asking(1, "")).await;
        assert_eq!(
            (text(&answer), answer.get("seen")),
            ("hello".to_owned(), Some("yes"))
        );
        for _ in 0..20 {
            let reply = client.recv().await;
            assert_eq!(reply.get("reason"), Some("denied"));
        }

        // Nor, any more, by those whose response is rejected.
        for id in 0..5 {
            let reply = client.ask(&asking(id, "reject response")).await;
            assert_eq!(reply.get("reason"), Some("denied"));
        }
        let answer = client.ask(&asking(1, "")).await;
        assert_eq!(text(&answer), "hello");
        assert_eq!(filter.ended(), [2, 45, 0]);
        client.leave().await;
        other.leave().await;
        proxy.assert_at_rest();
    }
}

/// A request that waits in a filter is gone with its client.
#[tokio::test(start_paused = true)]
async fn a_client_that_goes_while_a_filter_thinks() {
    let network = Network::new();
    let mut server = network.server();
    let proxy = Proxy::new(Toy::by_id(), network, backend([&server.address]));
    let filter = Arc::<Scripted>::default();
    let mut client = filtered(&proxy, &filter);
    client.send(&asking(1, "wait")).await;
    settle().await;
    client.vanish().await;
    assert_eq!(filter.ended(), [0, 0, 1]);
    assert_eq!(proxy.stats.upstream_rq_total.value(), 0);

    let mut client = filtered(&proxy, &filter);
    client.send(&asking(1, "wait")).await;
    let mut peer = server.accept().await;
    let request = peer.recv().await;
    assert_eq!(request.get("seen"), Some("yes"));
    client.vanish().await;
    assert_eq!(filter.ended(), [0, 0, 2]);
    assert_eq!(proxy.stats.upstream_rq_cancelled.value(), 1);
    proxy.assert_at_rest();
}

/// The router is always ready, so that no reservation is stranded in a clone.
#[tokio::test(start_paused = true)]
async fn clones_share_and_strand_nothing() {
    let network = Network::new();
    let echo = network.server().echo();
    let mut config = backend([&echo.address]);
    config.limits.max_requests = 1;
    let proxy = Proxy::new(Toy::by_id(), network, config);
    let mut idle = [(); 10].map(|()| proxy.router.clone());
    for router in &mut idle {
        let ready = std::future::poll_fn(|cx| router.poll_ready(cx)).await;
        ready.expect("it is always ready");
    }
    let caller: Caller = proxy.caller();
    assert_eq!(caller.ask("hello").await, Ok("hello".to_owned()));
    // A future that is never polled holds its place until it is dropped.
    let never = idle[0].call(caller.request(&Frame::request(1, "")));
    assert_eq!(caller.ask("hello").await, Err(ReplyKind::Overflow));
    drop(never);
    assert_eq!(caller.ask("hello").await, Ok("hello".to_owned()));
    proxy.assert_at_rest();
}
