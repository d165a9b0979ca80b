//! The proxy in tests: on free ports, or without a socket at all.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use codec_parcel::wire::Kind;
use embedding::{Client, InProcess, LISTENER, echo, registry, serve, snapshot};
use meta_proxy::{MemoryConnector, Phase, Proxy, Running, Workers, memory, meta_core::Address};
use tokio::net::TcpStream;

const BUFFER_BYTES: usize = 16 << 10;

/// A proxy on a free port, before two servers on others.
async fn on_port_zero(workers: Workers) -> (Running, [Address; 2]) {
    let servers = [serve("v1").await, serve("v2").await];
    let servers = servers.map(|address| Address::Ip(address.expect("a free port")));
    let running = Proxy::builder(registry())
        .snapshot(snapshot(&servers[0], &servers[1], None))
        .listener(LISTENER, SocketAddr::from(([127, 0, 0, 1], 0)))
        .workers(workers)
        .start()
        .await
        .expect("it starts");
    (running, servers)
}

async fn client_of(running: &Running) -> Client<TcpStream> {
    let address = running.handle().addr(LISTENER);
    let address = address.and_then(|at| at.socket_addr());
    let address = address.expect("the listener has a TCP address");
    Client::over(TcpStream::connect(address).await.expect("it listens"))
}

#[tokio::test]
async fn on_threads_of_its_own() {
    let (running, _) = on_port_zero(Workers::own(2)).await;
    let mut client = client_of(&running).await;
    let answer = client.hello("gold").await.expect("an answer");
    assert_eq!(answer, "v1, first class");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_callers_runtime() {
    let (running, _) = on_port_zero(Workers::Current).await;
    let mut client = client_of(&running).await;
    let answer = client.hello("thief").await.expect("an answer");
    assert_eq!(answer, "denied: this tenant has no share");
}

#[tokio::test]
async fn new_routes_reach_open_connections() {
    let (running, [v1, v2]) = on_port_zero(Workers::own(1)).await;
    let mut client = client_of(&running).await;
    assert_eq!(
        client.hello("silver").await.expect("an answer"),
        "v1, no class"
    );
    let canary = snapshot(&v1, &v2, Some("silver"));
    running.handle().apply(canary).expect("only routes differ");
    assert_eq!(
        client.hello("silver").await.expect("an answer"),
        "v2, no class"
    );
    assert_eq!(
        client.hello("gold").await.expect("an answer"),
        "v1, first class"
    );

    // What would take a restart is refused, and nothing changes.
    let mut bare = snapshot(&v1, &v2, None);
    bare.listeners[0].chains[0].filters.clear();
    let error = running.handle().apply(bare).expect_err("no filters");
    assert_eq!(
        error.to_string(),
        "listener \"in\" would have to be restarted: its filters differ"
    );
    assert_eq!(
        client.hello("silver").await.expect("an answer"),
        "v2, no class"
    );
}

#[tokio::test]
async fn a_drain_says_goodbye_and_reports() {
    let (running, _) = on_port_zero(Workers::own(1)).await;
    let mut client = client_of(&running).await;
    client.hello("gold").await.expect("an answer");
    let drained = running.handle().drain(Duration::from_secs(10));
    let said = async move {
        let goodbye = client.next().await.expect("a frame");
        client.next().await.expect_err("and that was all");
        goodbye.kind
    };
    // The client closes its end when it has read the proxy's.
    let (report, said) = tokio::join!(drained, said);
    assert_eq!(said, Kind::Goodbye);
    assert_eq!((report.closed, report.aborted), (1, 0));
    assert_eq!(running.handle().phase(), Phase::Stopped);
}

/// A server that no one outside of the test can reach.
fn in_memory(name: &'static str) -> MemoryConnector {
    let (connector, mut listener) = memory(BUFFER_BYTES);
    tokio::spawn(async move {
        while let Some(stream) = listener.accept().await {
            tokio::spawn(echo(name, stream));
        }
    });
    connector
}

#[tokio::test]
async fn without_a_socket() {
    let [v1, v2] = [1, 2].map(|port| Address::Ip(SocketAddr::from(([0, 0, 0, 0], port))));
    let servers = [(v1.clone(), in_memory("v1")), (v2.clone(), in_memory("v2"))];
    let (connector, listener) = memory(BUFFER_BYTES);
    let running = Proxy::builder(registry())
        .snapshot(snapshot(&v1, &v2, Some("gold")))
        .listener(LISTENER, listener)
        .connector(Arc::new(InProcess {
            servers: servers.into(),
        }))
        .workers(Workers::Current)
        .start()
        .await
        .expect("it starts");
    assert_eq!(running.handle().addr(LISTENER), Some(Address::Memory));
    let mut client = Client::over(connector.connect().await.expect("it listens"));
    assert_eq!(
        client.hello("gold").await.expect("an answer"),
        "v2, first class"
    );
    assert_eq!(
        client.hello("silver").await.expect("an answer"),
        "v1, no class"
    );
}
