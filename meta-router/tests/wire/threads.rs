//! Types that cross threads, and routers that are called from several.

use std::{sync::Arc, thread, time::Duration};

use futures::future::join_all;
use meta_codec_test::toy::{Frame, Toy};
use meta_core::MessageKind;
use meta_router::{ClusterConfig, Clusters, RouteFuture, RouteTable, Router, Routes, TcpConnector};
use tokio::{
    runtime::{Builder, Runtime},
    task::yield_now,
    time::sleep,
};

use crate::{
    client::ok,
    peer::{patiently, until},
    server::Server,
    setup::{Proxy, backend},
};

#[test]
fn types_cross_threads() {
    fn crosses<T: Send + Sync + 'static>() {}
    fn moves<T: Send + Unpin + 'static>() {}
    crosses::<Router>();
    crosses::<Clusters>();
    crosses::<ClusterConfig>();
    crosses::<RouteTable>();
    crosses::<Routes>();
    crosses::<TcpConnector>();
    moves::<RouteFuture>();
}

/// There is one of these for every request in flight.
#[test]
fn the_future_of_a_request_is_small() {
    let bytes = size_of::<RouteFuture>();
    assert!(bytes <= 320, "{bytes} bytes");
}

/// Calls of one client after the other, some given up.
async fn calls(proxy: &Proxy, count: u64) {
    let caller = proxy.caller();
    for n in 0..count {
        if n % 7 == 3 {
            let call = tokio::spawn(caller.call(&Frame::request(n, "given up")));
            yield_now().await;
            call.abort();
            // It may have been answered.
            let _ = call.await;
        }
        if n % 5 == 2 {
            let note = Frame::new(MessageKind::OneWay, n, "note");
            patiently(caller.call(&note)).await.expect("it is written");
        }
        assert_eq!(caller.ask("call").await, ok("call"));
    }
}

/// An embedder may run one router on several threads.
#[test]
fn one_router_on_several_threads() {
    for (toy, connections) in [(Toy::one_at_a_time(), 3), (Toy::by_id(), 1)] {
        let runtime = Builder::new_multi_thread()
            .worker_threads(4)
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let echo = Server::tcp().await.echo();
            let mut config = backend([&echo.address]);
            config.limits.max_connections = connections;
            let proxy = Arc::new(Proxy::over_tcp(toy, config));
            let clients = (0..20).map(|_| {
                let proxy = proxy.clone();
                tokio::spawn(async move { calls(&proxy, 50).await })
            });
            for client in join_all(clients).await {
                client.expect("no panic");
            }
            let stats = &proxy.stats;
            assert!(stats.upstream_cx_active.value() <= connections as i64);
            assert_eq!(stats.upstream_rq_timeout.value(), 0);
            proxy.assert_at_rest();
        });
    }
}

/// Endpoints come and go under the hands of several threads.
#[test]
fn endpoints_change_while_several_threads_use_them() {
    for toy in [Toy::one_at_a_time(), Toy::by_id()] {
        let runtime = Builder::new_multi_thread()
            .worker_threads(4)
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let mut echos = Vec::new();
            for _ in 0..3 {
                echos.push(Server::tcp().await.echo());
            }
            let all: Vec<_> = echos.iter().map(|echo| echo.address.clone()).collect();
            let mut config = backend([&all[0]]);
            config.limits.max_connections = 3;
            let proxy = Arc::new(Proxy::over_tcp(toy, config));
            let clients = (0..20).map(|_| {
                let proxy = proxy.clone();
                tokio::spawn(async move { calls(&proxy, 100).await })
            });
            let clients: Vec<_> = clients.collect();
            for round in 0.. {
                if clients.iter().all(|client| client.is_finished()) {
                    break;
                }
                let listed = &all[round % 3..][..1 + round % 2 * usize::from(round % 3 < 2)];
                proxy.membership().replace(listed);
                sleep(Duration::from_micros(300)).await;
            }
            for client in join_all(clients).await {
                client.expect("no request fails");
            }
            assert!(echos.iter().all(|echo| echo.calls() > 0));
            proxy.assert_at_rest();
            proxy.lead_to([]);
            until(|| proxy.open() == 0).await;
        });
    }
}

fn single() -> Runtime {
    let built = Builder::new_current_thread().enable_all().build();
    built.expect("a runtime")
}

/// Each worker has a thread and a router of its own; what they share is the bounds.
#[test]
fn a_worker_on_each_thread() {
    let runtime = single();
    let _guard = runtime.enter();
    let echo = runtime.block_on(async { Server::tcp().await.echo() });
    let mut config = backend([&echo.address]);
    config.limits.max_connections = 2;
    let first = Proxy::over_tcp(Toy::one_at_a_time(), config);
    thread::scope(|scope| {
        let workers: Vec<_> = (1..4)
            .map(|number| {
                let first = &first;
                scope.spawn(move || {
                    let runtime = single();
                    runtime.block_on(async {
                        let proxy = first.another(number);
                        join_all((0..10).map(|_| calls(&proxy, 20))).await;
                        assert_eq!(proxy.stats.upstream_rq_timeout.value(), 0);
                        proxy.assert_at_rest();
                    });
                })
            })
            .collect();
        // The server runs here.
        runtime.block_on(async {
            while !workers.iter().all(|worker| worker.is_finished()) {
                sleep(Duration::from_millis(5)).await;
            }
        });
    });
    // All places have come back.
    runtime.block_on(calls(&first, 5));
    first.assert_at_rest();
}
