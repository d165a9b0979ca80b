//! Endpoints that no connection can be made to.

use std::time::Duration;

use meta_codec_test::toy::Toy;
use meta_core::{ReplyKind, Route};
use tokio::time::{Instant, sleep};

use crate::{
    client::{ended, ok},
    network::{Fault, Network},
    peer::settle,
    server::Server,
    setup::{Proxy, backend},
};

fn toys() -> [Toy; 3] {
    [Toy::one_at_a_time(), Toy::by_id(), Toy::in_order()]
}

/// A proxy with these endpoints.
fn proxy<const N: usize>(toy: Toy, network: &std::sync::Arc<Network>, all: [&Server; N]) -> Proxy {
    let config = backend(all.map(|server| &server.address));
    Proxy::new(toy, network.clone(), config)
}

fn failed(proxy: &Proxy) -> u64 {
    proxy.stats.upstream_cx_connect_fail.value()
}

#[tokio::test(start_paused = true)]
async fn one_request_tries_three_endpoints() {
    for toy in toys() {
        let network = Network::new();
        let servers = [(); 7].map(|()| network.server());
        let proxy = proxy(toy, &network, servers.each_ref());
        for server in &servers {
            network.fault(server, Fault::Refuse);
        }
        let caller = proxy.caller();
        assert_eq!(caller.ask("").await, Err(ReplyKind::ConnectFailed));
        assert_eq!(failed(&proxy), 3);
        // Those that failed are left alone.
        assert_eq!(caller.ask("").await, Err(ReplyKind::ConnectFailed));
        assert_eq!(failed(&proxy), 6);
        // One is left, and then none.
        assert_eq!(caller.ask("").await, Err(ReplyKind::ConnectFailed));
        assert_eq!(failed(&proxy), 7);
        assert_eq!(proxy.stats.upstream_rq_pending_failure_eject.value(), 3);
        assert_eq!(proxy.open(), 0);
        proxy.assert_at_rest();
    }
}

#[tokio::test(start_paused = true)]
async fn where_all_have_failed_the_one_whose_turn_it_is_is_tried() {
    for toy in toys() {
        let network = Network::new();
        let servers = [network.server(), network.server()];
        let proxy = proxy(toy, &network, servers.each_ref());
        for server in &servers {
            network.fault(server, Fault::Refuse);
        }
        let caller = proxy.caller();
        assert_eq!(caller.ask("").await, Err(ReplyKind::ConnectFailed));
        assert_eq!(failed(&proxy), 2);
        let [one, other] = servers.map(Server::echo);
        for _ in 0..4 {
            assert_eq!(caller.ask("back").await, ok("back"));
        }
        // One is known to be back, and the other once its second is over.
        assert_eq!(one.connections() + other.connections(), 1);
        sleep(Duration::from_secs(1)).await;
        for _ in 0..4 {
            assert_eq!(caller.ask("back").await, ok("back"));
        }
        assert_eq!((one.connections(), other.connections()), (1, 1));
        assert_eq!(failed(&proxy), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_keeps_failing_is_tried_ever_more_seldom() {
    for toy in toys() {
        let network = Network::new();
        let (dead, good) = (network.server(), network.server());
        let proxy = proxy(toy, &network, [&dead, &good]);
        let (good, caller) = (good.echo(), proxy.caller());
        for _ in 0..100 {
            network.fault(&dead, Fault::Refuse);
        }
        let (start, mut tries) = (Instant::now(), Vec::new());
        while tries.len() < 7 {
            let before = failed(&proxy);
            assert_eq!(caller.ask("a").await, ok("a"));
            if failed(&proxy) > before {
                tries.push(start.elapsed().as_secs_f32().round() as u32);
            }
            sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(tries, [0, 1, 3, 7, 15, 31, 63]);
        assert_eq!(good.connections(), 1);

        // Once it is back, what was does not count.
        network.forgive();
        let dead = dead.echo();
        while dead.connections() == 0 {
            assert_eq!(caller.ask("a").await, ok("a"));
            sleep(Duration::from_millis(500)).await;
        }
        let calls = dead.calls();
        for _ in 0..4 {
            assert_eq!(caller.ask("a").await, ok("a"));
        }
        assert_eq!(dead.calls(), calls + 2, "every other call");
    }
}

/// Many connects that fail at once are one failure.
#[tokio::test(start_paused = true)]
async fn many_that_fail_at_once_do_not_add_up() {
    let network = Network::new();
    let (dead, good) = (network.server(), network.server());
    let proxy = proxy(Toy::one_at_a_time(), &network, [&dead, &good]);
    let connects: Vec<_> = (0..10).map(|_| network.hold(&dead)).collect();
    let _good = good.echo();
    let calls: Vec<_> = (0..20).map(|_| proxy.caller().start("a")).collect();
    settle().await;
    drop(connects);
    for call in calls {
        assert_eq!(ended(call).await, ok("a"));
    }
    network.forgive();
    let dead = dead.echo();
    sleep(Duration::from_secs(1)).await;
    for _ in 0..4 {
        assert_eq!(proxy.caller().ask("a").await, ok("a"));
    }
    assert!(dead.calls() > 0, "it is still left alone");
}

#[tokio::test(start_paused = true)]
async fn a_connect_that_hangs_goes_elsewhere_in_the_end() {
    for toy in toys() {
        let network = Network::new();
        let (hangs, good) = (network.server(), network.server());
        for _ in 0..3 {
            network.fault(&hangs, Fault::Hang);
        }
        let proxy = proxy(toy, &network, [&hangs, &good]);
        let (good, caller) = (good.echo(), proxy.caller());
        let start = Instant::now();
        let calls = [(); 3].map(|()| caller.start("a"));
        for call in calls {
            assert_eq!(ended(call).await, ok("a"));
        }
        assert_eq!(start.elapsed().as_secs(), 5, "the connect timeout");
        // The next need not wait.
        let start = Instant::now();
        assert_eq!(caller.ask("a").await, ok("a"));
        assert!(start.elapsed() < Duration::from_millis(100));
        assert!(good.connections() >= 1);
        assert!(proxy.stats.upstream_cx_connect_timeout.value() >= 1);
        proxy.assert_at_rest();
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_of_the_request_bounds_all_its_tries() {
    for toy in toys() {
        let network = Network::new();
        let servers = [(); 5].map(|()| network.server());
        let proxy = proxy(toy, &network, servers.each_ref());
        let ask = async |timeout| {
            for server in &servers {
                network.fault(server, Fault::Hang);
            }
            let mut route = Route::to_cluster("all", "backend");
            route.timeout = Some(Duration::from_secs(timeout));
            let start = Instant::now();
            let answer = proxy.caller_by(route).ask("").await;
            // All have their chance again.
            sleep(Duration::from_secs(100)).await;
            network.forgive();
            (answer, (start.elapsed().as_secs() - 100))
        };
        assert_eq!(ask(7).await, (Err(ReplyKind::Timeout), 7));
        assert_eq!(ask(100).await, (Err(ReplyKind::ConnectFailed), 15));
        assert_eq!(proxy.open(), 0);
        proxy.assert_at_rest();
    }
}
