//! The server of routes under TLS, and proxies that get theirs from it.

use std::{net::SocketAddr, path::Path, sync::Arc};

use meta_proxy::{
    meta_core::Address,
    meta_tls::{ClientTls, ClientTlsConfig, DataSource, TlsConfig, TlsContexts, ValidationConfig},
};
use tempfile::TempDir;
use tokio::{net::TcpStream, time::timeout};

use super::{to, write};
use crate::{
    live::{
        counted,
        secure::{by_cluster, by_target},
        start,
    },
    program::Program,
    toy::{Client, PATIENCE, Server},
    upstream_tls::Ca,
};

/// The program under TLS, whose table `shop` leads to the cluster `one`.
struct Control {
    program: Program,
    address: SocketAddr,
    routes: TempDir,
    /// What it presents, and whom it trusts.
    own: TempDir,
}

impl Control {
    fn start(ca: &Ca, is_mutual: bool) -> Self {
        let (routes, own) = (folder(), folder());
        write(&routes, "shop.yaml", &to("one"));
        ca.write(own.path(), "localhost");
        let file = |name: &str| own.path().join(name).display().to_string();
        let (cert, key, trusted) = (file("cert.pem"), file("key.pem"), file("ca.pem"));
        let path = routes.path().display().to_string();
        let mut arguments = vec!["rds-server", "--routes", &path, "--listen", "127.0.0.1:0"];
        arguments.extend(["--tls-cert", &cert, "--tls-key", &key]);
        if is_mutual {
            arguments.extend(["--client-ca", &trusted]);
        }
        let program = Program::start(&arguments);
        let address = program.address("serving routes on ");
        Self {
            program,
            address,
            routes,
            own,
        }
    }

    fn end(self) {
        self.program.signal("TERM");
        let (code, log) = self.program.end();
        assert_eq!(code, Some(0), "{log}");
    }
}

fn folder() -> TempDir {
    TempDir::new().expect("a folder")
}

/// How a proxy is told of its control plane.
type Told = fn(&Path, bool, [&Server; 2], SocketAddr) -> String;

async fn routes_come_and_change(told: Told, is_mutual: bool) {
    let (one, two) = (Server::start("one").await, Server::start("two").await);
    let (ca, own) = (Ca::new(), folder());
    ca.write(own.path(), "proxy.example");
    let control = Control::start(&ca, is_mutual);
    // Who says nothing holds nobody up.
    let mut silent = Vec::new();
    for _ in 0..5 {
        silent.push(TcpStream::connect(control.address).await.expect("a stream"));
    }
    let text = told(own.path(), is_mutual, [&one, &two], control.address);
    let (running, admin) = start(&text).await;
    let mut client = Client::connect(&running).await;
    assert_eq!(client.call("hello").await, "one");
    write(&control.routes, "shop.yaml", &to("two"));
    counted(admin, "meta_protocol.shop-in.rds.shop.config_reload: 2").await;
    assert_eq!(client.call("hello").await, "two");
    drop(running);
    control.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn to_a_cluster() {
    routes_come_and_change(by_cluster, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn to_a_target() {
    routes_come_and_change(by_target, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn to_a_cluster_of_known_proxies() {
    routes_come_and_change(by_cluster, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn to_a_target_of_known_proxies() {
    routes_come_and_change(by_target, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxies_without_a_certificate_that_will_do_are_refused() {
    let (one, two) = (Server::start("one").await, Server::start("two").await);
    let (ca, others, own) = (Ca::new(), Ca::new(), folder());
    let control = Control::start(&ca, true);
    others.write(own.path(), "proxy.example");
    std::fs::write(own.path().join("ca.pem"), &ca.pem).expect("it can be written");
    for (told, is_mutual, reason) in [
        (
            by_cluster as Told,
            false,
            "the client presented no certificate",
        ),
        (
            by_target,
            true,
            "a trusted authority, and is not signed by its key",
        ),
    ] {
        let text = told(own.path(), is_mutual, [&one, &two], control.address);
        let source = "api_config_source:";
        let hasty = format!("initial_fetch_timeout: 0.1s\n                {source}");
        let (running, admin) = start(&text.replace(source, &hasty)).await;
        control.program.wait_for_log(reason);
        // It is never taken for connected, though the handshake is over by then.
        counted(admin, "control_plane.connected_state: 0").await;
        counted(admin, "meta_protocol.shop-in.rds.shop.config_reload: 0").await;
        drop(running);
    }
    control.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_changes_is_presented() {
    let ca = Ca::new();
    let control = Control::start(&ca, false);
    let client = client(&ca);
    assert_eq!(presented(&client, control.address).await, "localhost");
    ca.write(control.own.path(), "renewed.example");
    let renewed = async { while presented(&client, control.address).await != "renewed.example" {} };
    timeout(PATIENCE, renewed).await.expect("in time");
    control.end();
}

fn client(ca: &Ca) -> Arc<ClientTls> {
    let mut validation = ValidationConfig::default();
    validation.trusted_ca = Some(DataSource::Inline(ca.pem.clone().into_bytes()));
    let mut tls = TlsConfig::default();
    tls.validation = Some(validation.into());
    let client = TlsContexts::new().client(ClientTlsConfig::new(tls));
    client.expect("a good context")
}

/// The name of the certificate that a new connection finds.
async fn presented(tls: &ClientTls, server: SocketAddr) -> String {
    let stream = TcpStream::connect(server).await.expect("a stream");
    let shaken = tls.handshake(stream, &Address::Ip(server)).await;
    let peer = shaken.expect("it is trusted").1.peer;
    let peer = peer.expect("a certificate");
    peer.dns_sans.first().expect("a name").to_string()
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let routes = folder();
    write(&routes, "shop.yaml", &to("one"));
    let path = routes.path().to_str().expect("it is UTF-8");
    let start = |more: &[&str]| {
        let arguments = [&["rds-server", "--routes", path], more].concat();
        Program::start(&arguments).end()
    };
    for (given, missing) in [
        (&["--tls-cert", "a.pem"][..], "--tls-key <FILE>"),
        (&["--tls-key", "a.pem"], "--tls-cert <FILE>"),
        (&["--client-ca", "a.pem"], "--tls-cert <FILE>"),
    ] {
        let (code, log) = start(given);
        assert_eq!(code, Some(2));
        assert!(log.contains(missing), "{log}");
    }
    let (code, log) = start(&["--tls-cert", "no.pem", "--tls-key", "no.pem"]);
    assert_eq!(code, Some(1));
    assert!(log.contains("no.pem"), "{log}");
}
