//! What clients begin with.

use meta_proxy::meta_rds::{ListenerFilterKind, TlsInspectorFilter};
use tokio::io::AsyncWriteExt;

use super::{
    SHORT, chain, connect, filtered, is_closed, listener_stat, matching, snapshot, stat,
    until_empty,
};
use crate::{
    access_log::prompt,
    toy::{Client, eventually, loopback},
};

fn inspector(fill: impl FnOnce(&mut TlsInspectorFilter)) -> ListenerFilterKind {
    let mut filter = TlsInspectorFilter::default();
    fill(&mut filter);
    ListenerFilterKind::TlsInspector(filter)
}

#[tokio::test]
async fn plain_text_goes_through_chains_for_it() {
    let plain = chain(
        "plain",
        matching(|m| m.transport_protocol = Some("raw_buffer".into())),
    );
    let tls = chain(
        "tls",
        matching(|m| m.transport_protocol = Some("tls".into())),
    );
    // The inspector is there though nobody has asked for it.
    let (snapshot, _servers) = snapshot(vec![plain, tls], &["plain", "tls"]).await;
    let builder = prompt(snapshot).listener("in", loopback());
    let running = builder.start().await.expect("it starts");
    let mut client = Client::over(connect(&running).await);
    assert_eq!(client.call("a").await, "plain");
    assert_eq!(stat(&running, "tls_inspector.tls_not_found"), 1);
    drop(client);
    drop(connect(&running).await);
    let closed = || stat(&running, "tls_inspector.connection_closed");
    eventually("its end", || closed() == 1).await;
    until_empty(&running).await;
}

#[tokio::test]
async fn clients_that_say_nothing_go_on_where_they_may() {
    let (mut snapshot, _servers) = filtered(vec![inspector(|_| {})]).await;
    let filters = &mut snapshot.listeners[0].filters;
    filters.timeout = Some(SHORT);
    filters.continue_on_timeout = true;
    let builder = prompt(snapshot).listener("in", loopback());
    let running = builder.start().await.expect("it starts");
    let stream = connect(&running).await;
    let timeouts = || listener_stat(&running, "downstream_pre_cx_timeout");
    eventually("the timeout", || timeouts() == 1).await;
    assert_eq!(Client::over(stream).call("a").await, "v1");
}

#[tokio::test]
async fn what_begins_like_tls_is_bounded() {
    let filters = vec![inspector(|f| {
        f.max_hello_bytes = 600;
        f.close_on_error = true;
    })];
    let (snapshot, _servers) = filtered(filters).await;
    let builder = prompt(snapshot).listener("in", loopback());
    let running = builder.start().await.expect("it starts");
    // A record that announces 16 KiB, of a message that does.
    let mut stream = connect(&running).await;
    let head = [22, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3];
    stream.write_all(&head).await.expect("it reads");
    let _ = stream.write_all(&[0; 700]).await;
    assert!(is_closed(stream).await);
    assert_eq!(stat(&running, "tls_inspector.client_hello_too_large"), 1);
    // A record of nonsense.
    let mut stream = connect(&running).await;
    let record = [22, 3, 1, 0, 4, 9, 0, 0, 0];
    stream.write_all(&record).await.expect("it reads");
    assert!(is_closed(stream).await);
    assert_eq!(stat(&running, "tls_inspector.tls_not_found"), 1);
    assert_eq!(stat(&running, "meta_protocol.in.downstream_cx_total"), 0);
    until_empty(&running).await;
}
