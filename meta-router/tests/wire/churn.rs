//! Endpoints that come and go all the time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use meta_codec_test::{
    alloc,
    toy::{Frame, Toy},
};
use meta_core::MessageKind;
use tokio::{runtime::Builder, time::sleep};

use crate::{
    client::{ok, text},
    network::Network,
    peer::{patiently, settle},
    server::Echo,
    setup::{Proxy, backend},
};

fn toys() -> [Toy; 3] {
    [Toy::one_at_a_time(), Toy::by_id(), Toy::in_order()]
}

/// Clients ask all the time, while endpoints come and go at every instant.
#[tokio::test(start_paused = true)]
async fn no_request_is_lost() {
    for toy in toys() {
        let network = Network::new();
        let echos = [(); 4].map(|()| network.server().echo());
        let all = echos.each_ref().map(|echo| &echo.address);
        let proxy = Arc::new(Proxy::new(toy, network, backend([all[0]])));
        let over = Arc::<AtomicBool>::default();
        let clients: Vec<_> = (0..20)
            .map(|n| {
                let (mut client, over) = (proxy.client(), over.clone());
                tokio::spawn(async move {
                    for call in 0.. {
                        if over.load(Relaxed) {
                            break;
                        }
                        let body = format!("{n}/{call}");
                        let note = Frame::new(MessageKind::OneWay, call, "note");
                        client.send(&note).await;
                        let answer = client.ask(&Frame::request(call, body.clone())).await;
                        assert_eq!((answer.id, text(&answer)), (call, body));
                        assert_eq!(answer.get("status"), None);
                        if call % 3 == 0 {
                            sleep(Duration::from_millis(1 + n % 5)).await;
                        }
                    }
                    client.leave().await;
                })
            })
            .collect();
        for round in 1..200_usize {
            sleep(Duration::from_millis(3)).await;
            let listed = all.iter().enumerate();
            let listed = listed.filter(|(at, _)| (round % 15 + 1) & (1 << at) != 0);
            let listed: Vec<_> = listed.map(|(_, address)| (*address).clone()).collect();
            proxy.membership().replace(&listed);
        }
        over.store(true, Relaxed);
        for client in clients {
            patiently(client).await.expect("every answer");
        }
        assert!(echos.iter().all(|echo| echo.calls() > 100));
        let stats = &proxy.stats;
        assert_eq!(stats.upstream_cx_connect_fail.value(), 0);
        assert_eq!(stats.upstream_cx_destroy_with_active_rq.value(), 0);
        // Connections to what is gone do not stay.
        proxy.lead_to([all[2]]);
        let worker_looks = Duration::from_secs(2);
        sleep(worker_looks).await;
        let before = echos.each_ref().map(Echo::calls);
        for _ in 0..10 {
            assert_eq!(proxy.caller().ask("one").await, ok("one"));
        }
        let after = echos.each_ref().map(Echo::calls);
        assert_eq!(after[2], before[2] + 10);
        assert_eq!(
            after.iter().sum::<usize>(),
            before.iter().sum::<usize>() + 10
        );
        proxy.lead_to([]);
        sleep(worker_looks).await;
        assert_eq!(proxy.open(), 0);
        proxy.assert_at_rest();
    }
}

/// A call costs as much whether the endpoints are the first or have changed, and what
/// was leaves nothing behind.
#[test]
fn a_change_costs_calls_nothing_and_keeps_nothing() {
    for toy in [Toy::one_at_a_time(), Toy::by_id()] {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let (proxy, echos) = runtime.block_on(async {
            let network = Network::new();
            let echos = [(); 2].map(|()| network.server().echo());
            let proxy = Proxy::new(toy, network, backend([&echos[0].address]));
            (proxy, echos)
        });
        let all = echos.each_ref().map(|echo| &echo.address);
        let calls = |count: usize| {
            runtime.block_on(async {
                let caller = proxy.caller();
                for _ in 0..count {
                    assert_eq!(caller.ask("a").await, ok("a"));
                }
            });
        };
        calls(100);
        let ((), first) = alloc::measure(|| calls(1_000));
        assert!(alloc::is_counting());
        proxy.lead_to(all);
        calls(100);
        let ((), later) = alloc::measure(|| calls(1_000));
        let per_call = |usage: alloc::Usage| usage.allocations / 1_000;
        assert_eq!(per_call(first), per_call(later));
        let churn = |rounds: usize| {
            for round in 0..rounds {
                proxy.lead_to([all[round % 2]]);
                calls(1);
                // Connections are closed by tasks of their own.
                runtime.block_on(settle());
            }
        };
        churn(100);
        let ((), usage) = alloc::measure(|| churn(1_000));
        assert!(usage.kept_bytes < 64 << 10, "{usage:?}");
        assert!(proxy.open() <= 2);
    }
}
