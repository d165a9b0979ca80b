//! Connections that something secures before requests go over them.

use std::{io, sync::Arc, time::Duration};

use meta_codec::{Transport, TransportSocket};
use meta_codec_test::toy::Toy;
use meta_core::{Address, BoxFuture, ReplyKind};
use meta_router::ClusterConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    client::ok,
    network::Network,
    peer::patiently,
    server::Server,
    setup::{Proxy, backend},
};

/// What becomes of every handshake.
#[derive(Debug)]
enum Handshake {
    /// One byte each way.
    Succeeds,
    Fails,
    Hangs,
}

impl TransportSocket for Handshake {
    fn connect<'a>(
        &'a self,
        mut transport: Box<dyn Transport>,
        _: &'a Address,
    ) -> BoxFuture<'a, io::Result<Box<dyn Transport>>> {
        Box::pin(async move {
            match self {
                Self::Succeeds => {
                    transport.write_all(b"?").await?;
                    assert_eq!(transport.read_u8().await?, b'!');
                    Ok(transport)
                }
                Self::Fails => Err(io::Error::other("the certificate has expired")),
                Self::Hangs => std::future::pending().await,
            }
        })
    }
}

fn secured_by(server: &Server, handshake: Handshake) -> ClusterConfig {
    let mut config = backend([&server.address]);
    config.transport_socket = Some(Arc::new(handshake));
    config
}

#[tokio::test]
async fn requests_go_over_what_was_secured() {
    for codec in [Toy::one_at_a_time(), Toy::by_id()] {
        let network = Network::new();
        let mut server = network.server();
        let proxy = Proxy::new(codec, network, secured_by(&server, Handshake::Succeeds));
        let caller = proxy.caller();
        let serving = async {
            let mut peer = server.accept().await;
            peer.expect_bytes(b"?").await;
            peer.send_bytes(b"!").await;
            peer.expect_call("hello").await;
            peer
        };
        let (answer, _peer) = patiently(async { tokio::join!(caller.ask("hello"), serving) }).await;
        assert_eq!(answer, ok("hello"));
        proxy.assert_at_rest();
    }
}

#[tokio::test]
async fn a_failed_handshake_is_a_failed_connection() {
    let network = Network::new();
    let server = network.server();
    let config = secured_by(&server, Handshake::Fails);
    let proxy = Proxy::new(Toy::one_at_a_time(), network, config);
    let reply = patiently(proxy.caller().start("hello"))
        .await
        .expect("no panic")
        .expect_err("it failed");
    assert_eq!(reply.kind(), ReplyKind::ConnectFailed);
    let expected = "cannot secure the connection to 10.0.0.1:1: the certificate has expired";
    assert_eq!(reply.detail(), expected);
    assert!(proxy.stats.upstream_cx_connect_fail.value() > 0);
    assert_eq!(proxy.stats.upstream_cx_connect_timeout.value(), 0);
    assert_eq!(proxy.open(), 0);
    proxy.assert_at_rest();
}

#[tokio::test(start_paused = true)]
async fn a_handshake_ends_within_the_connect_timeout() {
    let network = Network::new();
    let server = network.server();
    let mut config = secured_by(&server, Handshake::Hangs);
    config.connect_timeout = Duration::from_secs(2);
    let proxy = Proxy::new(Toy::one_at_a_time(), network, config);
    let reply = proxy
        .caller()
        .start("hello")
        .await
        .expect("no panic")
        .expect_err("it hangs");
    assert_eq!(reply.kind(), ReplyKind::ConnectFailed);
    let expected = "the connection to 10.0.0.1:1 was not secured within 2s";
    assert_eq!(reply.detail(), expected);
    assert!(proxy.stats.upstream_cx_connect_timeout.value() > 0);
    assert_eq!(proxy.open(), 0);
    proxy.assert_at_rest();
}
