//! A proxy that cannot start says why, and leaves nothing behind.

use std::{error::Error, net::TcpListener};

use meta_proxy::{ListenerConfig, Proxy, RegistryError, StartError};

use crate::toy::{Server, ToyCodec, all_to, loopback, proxy, registry, snapshot};

fn chain(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

#[test]
fn a_name_is_registered_once() {
    let error = registry()
        .codec(ToyCodec)
        .map(drop)
        .expect_err("the second");
    let expected = RegistryError::Duplicate {
        kind: "codec",
        name: "example.codec.toy",
    };
    assert_eq!(error, expected);
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let server = Server::start("v1").await;
    let taken = TcpListener::bind(loopback()).expect("a free port");
    let address = taken.local_addr().expect("it is bound");
    let builder = Proxy::builder(registry())
        .snapshot(snapshot(&server))
        .listener("in", address);
    let error = builder.start().await.expect_err("it is in use");
    assert!(matches!(error, StartError::Listen { .. }), "{error:?}");
    let text = chain(&error);
    let expected = format!("listener \"in\" cannot listen on {address}: Address already in use");
    assert!(text.starts_with(&expected), "{text}");

    let error = proxy(&server)
        .admin(address)
        .start()
        .await
        .expect_err("it is in use");
    let text = chain(&error);
    let expected = format!("admin cannot listen on {address}: Address already in use");
    assert!(text.starts_with(&expected), "{text}");
}

#[tokio::test]
async fn a_failed_start_leaves_no_socket() {
    let server = Server::start("v1").await;
    let free = TcpListener::bind(loopback()).expect("a free port");
    let address = free.local_addr().expect("it is bound");
    drop(free);
    let mut snapshot = snapshot(&server);
    snapshot
        .listeners
        .push(ListenerConfig::new("second", "toy", all_to("backend")));
    let taken = server.address;
    let builder = Proxy::builder(registry())
        .snapshot(snapshot)
        .listener("in", address)
        .listener("second", taken);
    builder.start().await.expect_err("the second is in use");
    TcpListener::bind(address).expect("the first is free again");
}

#[tokio::test]
async fn sockets_and_listeners_have_to_match() {
    let server = Server::start("v1").await;
    let builder = || Proxy::builder(registry()).snapshot(snapshot(&server));
    let mut twice = snapshot(&server);
    twice.listeners.push(twice.listeners[0].clone());
    let mut bad_cluster = snapshot(&server);
    bad_cluster.clusters.push(bad_cluster.clusters[0].clone());
    let mut bad_codec = snapshot(&server);
    bad_codec.listeners[0].chains[0].codec = "none".into();
    let cases = [
        (
            Proxy::builder(registry()),
            "there is nothing to listen on: the snapshot has no listener",
        ),
        (builder(), "listener \"in\" has no socket"),
        (
            builder()
                .listener("in", loopback())
                .listener("out", loopback()),
            "there is a socket for the listener \"out\", but no such listener",
        ),
        (
            builder()
                .listener("in", loopback())
                .listener("in", loopback()),
            "there are two listeners of the name \"in\"",
        ),
        (
            proxy(&server).snapshot(twice),
            "there are two listeners of the name \"in\"",
        ),
        (
            proxy(&server).snapshot(bad_cluster),
            "cluster backend: there is another cluster of this name",
        ),
        (
            proxy(&server).snapshot(bad_codec),
            "listener \"in\": unknown codec \"none\"; known: example.codec.toy",
        ),
    ];
    for (builder, expected) in cases {
        let error = builder.start().await.expect_err(expected);
        assert_eq!(chain(&error), expected);
    }
}
