//! Workers that come to rest say so.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
    time::Duration,
};

use meta_proxy::Workers;
use tokio::time::sleep;

use crate::toy::{Client, Server, eventually, proxy};

static CALLS: AtomicUsize = AtomicUsize::new(0);

fn count() {
    let thread = thread::current();
    assert_eq!(thread.name(), Some("worker-0"), "its own thread");
    CALLS.fetch_add(1, Relaxed);
}

#[tokio::test]
async fn once_after_traffic_and_once_after_the_last_connection() {
    let server = Server::start("v1").await;
    let builder = proxy(&server).workers(Workers::own(1)).on_rest(count);
    let running = builder.start().await.expect("it starts");
    let calls = || CALLS.load(Relaxed);
    let mut client = Client::connect(&running).await;
    assert_eq!(client.call("a").await, "v1");
    eventually("a rest", || calls() > 0).await;
    // The worker may have looked between the connection and the call.
    sleep(Duration::from_millis(1500)).await;
    let before = calls();
    assert!(before <= 2);
    sleep(Duration::from_millis(1500)).await;
    assert_eq!(calls(), before, "nothing has happened");
    drop(client);
    eventually("another rest", || calls() > before).await;
}
