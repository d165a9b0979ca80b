//! Sockets of all kinds, and what the system is told of them.

use std::{os::unix::fs::PermissionsExt, time::Duration};

use meta_proxy::{
    ListenSocket,
    meta_core::Address,
    meta_rds::{Keepalive, SocketOption, SocketSettings},
};
use tokio::net::UnixStream;

use super::filtered;
use crate::{
    access_log::prompt,
    toy::{Client, loopback},
};

#[tokio::test]
async fn unix_sockets_have_modes_and_names_without_files() {
    let (snapshot, _servers) = filtered(Vec::new()).await;
    let pid = std::process::id();
    let path = std::env::temp_dir().join(format!("meta-proxy-mode-{pid}"));
    let mut settings = SocketSettings::default();
    settings.mode = Some(0o640);
    let name = Address::Unix(format!("@meta-proxy-abstract-{pid}").into());
    let socket = ListenSocket::from(path.clone())
        .with_settings(&settings)
        .and(name.clone());
    let builder = prompt(snapshot).listener("in", socket);
    let running = builder.start().await.expect("it starts");
    let mode = std::fs::metadata(&path).expect("it is there").permissions();
    assert_eq!(mode.mode() & 0o777, 0o640);
    let stream = UnixStream::connect(&path).await.expect("it listens");
    assert_eq!(Client::over(stream).call("a").await, "v1");
    let listening: Vec<_> = running.handle().listeners().collect();
    assert_eq!(listening[1].1, &name);
    let stream = UnixStream::connect(format!("\0meta-proxy-abstract-{pid}")).await;
    assert_eq!(
        Client::over(stream.expect("it listens")).call("a").await,
        "v1"
    );
    drop(running);
}

#[tokio::test]
async fn listeners_with_options_serve() {
    let (snapshot, _servers) = filtered(Vec::new()).await;
    let mut settings = SocketSettings::default();
    settings.backlog = Some(16);
    settings.freebind = true;
    let mut keepalive = Keepalive::default();
    keepalive.time = Some(Duration::from_secs(60));
    settings.keepalive = Some(keepalive);
    settings.options = vec![
        SocketOption::ReceiveBuffer(64 << 10),
        SocketOption::TypeOfService(8),
    ];
    let socket = ListenSocket::from(loopback()).with_settings(&settings);
    let builder = prompt(snapshot).listener("in", socket);
    let running = builder.start().await.expect("it starts");
    assert_eq!(Client::connect(&running).await.call("a").await, "v1");
}

#[tokio::test]
async fn an_option_that_cannot_be_had_is_named() {
    let (snapshot, _servers) = filtered(Vec::new()).await;
    let mut settings = SocketSettings::default();
    settings.options = vec![SocketOption::TimeToLive(9_999)];
    let socket = ListenSocket::from(loopback()).with_settings(&settings);
    let started = prompt(snapshot).listener("in", socket).start().await;
    let error = started.expect_err("there are no so many hops");
    let source = std::error::Error::source(&error).expect("the reason");
    assert!(source.to_string().contains("TimeToLive(9999)"), "{source}");
}
