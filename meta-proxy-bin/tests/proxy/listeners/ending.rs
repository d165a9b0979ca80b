//! A proxy ends while connections are looked at.

use std::time::Duration;

use meta_proxy::meta_rds::{ListenerFilterKind, ProxyProtocolFilter};
use tokio::io::AsyncWriteExt;

use super::{call, connect, filtered, listener_stat, stat};
use crate::{
    access_log::prompt,
    toy::{Client, eventually, loopback},
};

#[tokio::test]
async fn a_drain_answers_what_has_arrived_and_waits_for_nothing_else() {
    let filter = ListenerFilterKind::ProxyProtocol(ProxyProtocolFilter::default());
    let (snapshot, servers) = filtered(vec![filter]).await;
    let builder = prompt(snapshot).listener("in", loopback());
    let running = builder.start().await.expect("it starts");
    servers[0].hold(true);
    let mut half = connect(&running).await;
    half.write_all(b"PROXY TCP4 192.").await.expect("it reads");
    let silent = connect(&running).await;
    let looked_at = || listener_stat(&running, "downstream_pre_cx_active");
    eventually("two looks", || looked_at() == 2).await;
    // This one has its header and its request there when the drain begins.
    let mut whole = connect(&running).await;
    let bytes = [b"PROXY UNKNOWN\r\n".to_vec(), call()].concat();
    whole.write_all(&bytes).await.expect("it reads");
    let drained = running.handle().drain(Duration::from_secs(30));
    let seen = async {
        assert_eq!(Client::over(half).response().await, None);
        assert_eq!(Client::over(silent).response().await, None);
        eventually("the request", || servers[0].received() == 1).await;
        servers[0].hold(false);
        let response = Client::over(whole).response().await;
        response
            .expect("it is answered")
            .get("server")
            .map(str::to_owned)
    };
    let (report, server) = tokio::join!(drained, seen);
    assert_eq!(server.as_deref(), Some("v1"));
    assert_eq!((report.closed, report.aborted), (3, 0));
    assert_eq!(looked_at(), 0);
    assert_eq!(stat(&running, "server.total_connections"), 0);
}

#[tokio::test]
async fn an_abort_ends_them_too() {
    let filter = ListenerFilterKind::ProxyProtocol(ProxyProtocolFilter::default());
    let (snapshot, _servers) = filtered(vec![filter]).await;
    let builder = prompt(snapshot).listener("in", loopback());
    let running = builder.start().await.expect("it starts");
    let silent = connect(&running).await;
    let looked_at = || listener_stat(&running, "downstream_pre_cx_active");
    eventually("a look", || looked_at() == 1).await;
    running.handle().abort();
    assert_eq!(running.stopped().await.aborted, 1);
    assert_eq!(Client::over(silent).response().await, None);
    assert_eq!(looked_at(), 0);
}
