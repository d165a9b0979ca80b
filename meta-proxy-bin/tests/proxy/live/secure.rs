//! Control planes under mutual TLS.

use std::{fs, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use meta_proxy::meta_tls::{
    CertificateConfig, DataSource, HandshakeLimits, Handshakes, ServerTls, ServerTlsConfig,
    TlsConfig, TlsContexts, ValidationConfig,
};
use tempfile::TempDir;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};

use super::{BY_CLUSTER, Control, bootstrap, builder, counted, start, with_admin};
use crate::{
    http::get_async,
    toy::{Client, PATIENCE, Server, loopback},
    upstream_tls::Ca,
};

/// What takes TLS off before a control plane; like a server of gRPC in Go it wants
/// `h2` to be asked for.
async fn guard(ca: &Ca, control: SocketAddr) -> (SocketAddr, JoinSet<()>) {
    let (certificate, key) = ca.issue("localhost");
    let inline = |text: String| DataSource::Inline(text.into_bytes());
    let mut tls = TlsConfig::default();
    let certificate = CertificateConfig {
        chain: inline(certificate),
        key: inline(key),
    };
    tls.certificates.push(certificate.into());
    tls.alpn = vec!["h2".to_owned()];
    let mut validation = ValidationConfig::default();
    validation.trusted_ca = Some(inline(ca.pem.clone()));
    tls.validation = Some(validation.into());
    let mut config = ServerTlsConfig::new(tls);
    config.require_client_certificate = true;
    let tls = TlsContexts::new().server(config).expect("a good context");
    let socket = TcpListener::bind(loopback()).await.expect("a free port");
    let address = socket.local_addr().expect("it is bound");
    let mut tasks = JoinSet::new();
    tasks.spawn(relay(socket, tls, control));
    (address, tasks)
}

async fn relay(socket: TcpListener, tls: Arc<ServerTls>, control: SocketAddr) {
    let handshakes = Handshakes::new(HandshakeLimits::default());
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = socket.accept().await {
        let (handshakes, tls) = (handshakes.clone(), tls.clone());
        connections.spawn(async move {
            let Ok(accepted) = handshakes.accept(stream, &tls).await else {
                return;
            };
            if accepted.info.alpn.as_deref() != Some("h2") {
                return;
            }
            let (mut client, server) = (accepted.transport, TcpStream::connect(control).await);
            if let Ok(mut server) = server {
                let _ = copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
}

async fn routes_come(text: &str, control: Control) {
    let (running, admin) = start(text).await;
    let mut client = Client::connect(&running).await;
    assert_eq!(client.call("hello").await, "one");
    control.serve("v2", "two");
    counted(admin, "meta_protocol.shop-in.rds.shop.config_reload: 2").await;
    assert_eq!(client.call("hello").await, "two");
    drop(running);
    control.stop().await;
}

/// A bootstrap whose control plane is a cluster under TLS, with what `ca` wrote into
/// `folder`.
pub(crate) fn by_cluster(
    folder: &Path,
    is_mutual: bool,
    servers: [&Server; 2],
    control: SocketAddr,
) -> String {
    let folder = folder.display();
    let own = format!(
        "
          tls_certificates:
          - certificate_chain: {{ filename: {folder}/cert.pem }}
            private_key: {{ filename: {folder}/key.pem }}"
    );
    let own = if is_mutual { &*own } else { "" };
    let secure = format!(
        "http2_protocol_options: {{}}
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        '@type': type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        sni: localhost
        auto_sni_san_validation: true
        common_tls_context:{own}
          validation_context: {{ trusted_ca: {{ filename: {folder}/ca.pem }} }}"
    );
    let [one, two] = servers;
    bootstrap(BY_CLUSTER, one, two, control).replace("http2_protocol_options: {}", &secure)
}

/// The same with a target in place of the cluster, and in delta.
pub(crate) fn by_target(
    folder: &Path,
    is_mutual: bool,
    servers: [&Server; 2],
    control: SocketAddr,
) -> String {
    let (port, folder) = (control.port(), folder.display());
    let own = format!(
        "
                          cert_chain: {{ filename: {folder}/cert.pem }}
                          private_key: {{ filename: {folder}/key.pem }}"
    );
    let own = if is_mutual { &*own } else { "" };
    let source = format!(
        "api_config_source:
                  api_type: DELTA_GRPC
                  transport_api_version: V3
                  grpc_services:
                    google_grpc:
                      target_uri: localhost:{port}
                      stat_prefix: control
                      channel_credentials:
                        ssl_credentials:
                          root_certs: {{ filename: {folder}/ca.pem }}{own}"
    );
    let [one, two] = servers;
    // Nothing is there for the cluster.
    bootstrap(&source, one, two, one.address)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_cluster() {
    let (one, two) = (Server::start("one").await, Server::start("two").await);
    let (ca, folder) = (Ca::new(), TempDir::new().expect("a folder"));
    ca.write(folder.path(), "proxy.example");
    let control = Control::start().await;
    control.serve("v1", "one");
    let (address, _guard) = guard(&ca, control.address).await;
    let text = by_cluster(folder.path(), true, [&one, &two], address);
    routes_come(&text, control).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_is_mended_before_there_are_routes() {
    let (one, two) = (Server::start("one").await, Server::start("two").await);
    let (ca, folder) = (Ca::new(), TempDir::new().expect("a folder"));
    // Nobody trusts who issued it.
    Ca::new().write(folder.path(), "proxy.example");
    fs::write(folder.path().join("ca.pem"), &ca.pem).expect("it can be written");
    let control = Control::start().await;
    control.serve("v1", "one");
    let (address, _guard) = guard(&ca, control.address).await;
    let text = by_cluster(folder.path(), true, [&one, &two], address);
    let source = "initial_fetch_timeout: 0s\n                resource_api_version: V3";
    let text = text.replacen("resource_api_version: V3", source, 1);
    let (builder, admin) = with_admin(builder(&text));
    let starting = tokio::spawn(builder.start());
    let failed = async {
        let none = "rds.shop.update_failure: 0";
        loop {
            let stats = get_async(admin, "/stats").await.body;
            if stats.contains("rds.shop.update_failure") && !stats.contains(none) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, failed).await.expect("it is refused");
    assert!(!starting.is_finished());
    ca.write(folder.path(), "proxy.example");
    let running = timeout(PATIENCE, starting).await.expect("in time");
    let running = running.expect("no panic").expect("it starts");
    let mut client = Client::connect(&running).await;
    assert_eq!(client.call("hello").await, "one");
    drop(running);
    control.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn to_a_target() {
    let (one, two) = (Server::start("one").await, Server::start("two").await);
    let (ca, folder) = (Ca::new(), TempDir::new().expect("a folder"));
    ca.write(folder.path(), "proxy.example");
    let control = Control::start().await;
    control.serve("v1", "one");
    let (address, _guard) = guard(&ca, control.address).await;
    let text = by_target(folder.path(), true, [&one, &two], address);
    routes_come(&text, control).await;
}
