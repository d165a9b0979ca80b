//! Clusters under TLS, as a file says.

use std::{fs, path::Path, sync::Arc};

use meta_codec_test::toy::Frame;
use meta_proxy::{
    Proxy, Running, Workers,
    meta_core::Address,
    meta_rds::{Loader, Source},
    meta_tls::{
        CertificateConfig, DataSource, HandshakeLimits, Handshakes, ServerTls, ServerTlsConfig,
        TlsConfig, TlsContexts, ValidationConfig,
    },
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinSet};

use crate::toy::{Client, eventually, loopback, registry};

/// An authority that issues certificates into a folder.
pub(crate) struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

impl Ca {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    /// A certificate of that name, and its key.
    pub(crate) fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        (certificate.pem(), key.serialize_pem())
    }

    /// Writes what a client has: its certificate, its key and whom it trusts.
    pub(crate) fn write(&self, folder: &Path, name: &str) {
        let (certificate, key) = self.issue(name);
        for (file, text) in [("cert", &certificate), ("key", &key), ("ca", &self.pem)] {
            let path = folder.join(format!("{file}.pem"));
            fs::write(path, text).expect("it can be written");
        }
    }
}

/// A toy server under TLS that wants certificates of `ca`.
async fn server(ca: &Ca) -> (Address, JoinSet<()>) {
    let (certificate, key) = ca.issue("greeter.example");
    let inline = |text: String| DataSource::Inline(text.into_bytes());
    let mut tls = TlsConfig::default();
    let certificate = CertificateConfig {
        chain: inline(certificate),
        key: inline(key),
    };
    tls.certificates.push(certificate.into());
    let mut validation = ValidationConfig::default();
    validation.trusted_ca = Some(inline(ca.pem.clone()));
    tls.validation = Some(validation.into());
    let mut config = ServerTlsConfig::new(tls);
    config.require_client_certificate = true;
    let tls = TlsContexts::new().server(config).expect("a good context");
    let socket = TcpListener::bind(loopback()).await.expect("a free port");
    let address = socket.local_addr().expect("it is bound");
    let mut tasks = JoinSet::new();
    tasks.spawn(serve_all(socket, tls));
    (Address::Ip(address), tasks)
}

async fn serve_all(socket: TcpListener, tls: Arc<ServerTls>) {
    let handshakes = Handshakes::new(HandshakeLimits::default());
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = socket.accept().await {
        let (handshakes, tls) = (handshakes.clone(), tls.clone());
        connections.spawn(async move {
            if let Ok(accepted) = handshakes.accept(stream, &tls).await {
                let mut client = Client::over(accepted.transport);
                while let Some(request) = client.receive().await {
                    let is_cut = request.get("method") == Some("cut");
                    let response = Frame::response(request.id, request.body);
                    let response = response.header("server", "secure");
                    if is_cut {
                        client.send_half(&response).await;
                        return;
                    }
                    client.send(&response).await;
                }
            }
        });
    }
}

fn bootstrap(server: &Address, folder: &TempDir) -> String {
    let port = server.socket_addr().expect("TCP").port();
    let folder = folder.path().display();
    format!(
        "\
static_resources:
  listeners:
  - name: in
    address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }}
    filter_chains:
    - filters:
      - name: aeraki.meta_protocol_proxy
        typed_config:
          '@type': type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy
          stat_prefix: in
          protocol: {{ name: toy, codec: {{ name: example.codec.toy }} }}
          meta_protocol_filters: [ {{ name: aeraki.meta_protocol.filters.router }} ]
          route_config: {{ routes: [ {{ name: all, route: {{ cluster: backend }} }} ] }}
  clusters:
  - name: backend
    type: STATIC
    load_assignment:
      cluster_name: backend
      endpoints:
      - lb_endpoints:
        - endpoint:
            address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }}
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        '@type': type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        sni: greeter.example
        auto_sni_san_validation: true
        common_tls_context:
          tls_certificates:
          - certificate_chain: {{ filename: {folder}/cert.pem }}
            private_key: {{ filename: {folder}/key.pem }}
          validation_context: {{ trusted_ca: {{ filename: {folder}/ca.pem }} }}
"
    )
}

async fn start(text: &str) -> Running {
    let source = Source::new("test", text);
    let bootstrap = Loader::new().load(&[source]).expect("a good bootstrap");
    let builder = Proxy::builder(registry()).bootstrap(&bootstrap);
    let builder = builder.expect("it can be run").workers(Workers::own(1));
    builder.start().await.expect("it starts")
}

#[tokio::test]
async fn requests_go_upstream_under_mutual_tls() {
    let (ca, folder) = (Ca::new(), TempDir::new().expect("a folder"));
    ca.write(folder.path(), "proxy.example");
    let (address, _server) = server(&ca).await;
    let running = start(&bootstrap(&address, &folder)).await;
    let mut client = Client::connect(&running).await;
    for _ in 0..3 {
        assert_eq!(client.call("hello").await, "secure");
    }
    let stats = running.handle().stats();
    assert_eq!(stats.counter("cluster.backend.ssl.handshake"), 1);
    assert_eq!(stats.counter("cluster.backend.ssl.connection_error"), 0);
    assert!(stats.gauge("server.days_until_first_cert_expiring") > 0);
}

#[tokio::test]
async fn what_was_not_trusted_is_when_the_files_have_changed() {
    let (ca, other) = (Ca::new(), Ca::new());
    let folder = TempDir::new().expect("a folder");
    other.write(folder.path(), "proxy.example");
    let (address, _server) = server(&ca).await;
    let running = start(&bootstrap(&address, &folder)).await;
    let mut client = Client::connect(&running).await;
    client
        .send(&Frame::request(7, "").header("method", "hello"))
        .await;
    let refused = client.receive().await.expect("an answer");
    let text = String::from_utf8_lossy(&refused.body).into_owned();
    let expected = "the peer's certificate bears the name of a trusted authority";
    assert!(text.contains(expected), "{text}");
    let stats = running.handle().stats();
    assert!(stats.counter("cluster.backend.ssl.fail_verify_error") > 0);
    assert!(stats.counter("cluster.backend.upstream_cx_connect_fail") > 0);

    ca.write(folder.path(), "proxy.example");
    let updates = "cluster.backend.client_ssl_socket_factory.ssl_context_update_by_sds";
    eventually("the reload", || {
        running.handle().stats().counter(updates) == 1
    })
    .await;
    assert_eq!(client.call("hello").await, "secure");
}

#[tokio::test]
async fn files_that_are_not_there_are_told_of() {
    let folder = TempDir::new().expect("a folder");
    let text = bootstrap(&Address::Ip(([127, 0, 0, 1], 1).into()), &folder);
    let source = Source::new("test", text);
    let bootstrap = Loader::new().load(&[source]).expect("a good bootstrap");
    let error = Proxy::builder(registry()).bootstrap(&bootstrap);
    let error = error.expect_err("nothing is there").to_string();
    let expected = "static_resources.clusters[0].transport_socket: cannot read the certificate \
                    chain from";
    assert!(error.contains(expected), "{error}");
}

/// A server that dies amid its response says goodbye by TLS all the same: the
/// response is not whole, and its client is told.
#[tokio::test]
async fn a_response_that_is_cut_is_an_error() {
    let (ca, folder) = (Ca::new(), TempDir::new().expect("a folder"));
    ca.write(folder.path(), "proxy.example");
    let (address, _server) = server(&ca).await;
    let running = start(&bootstrap(&address, &folder)).await;
    let mut client = Client::connect(&running).await;
    assert_eq!(client.call("cut").await, "the proxy");
    assert_eq!(client.call("hello").await, "secure");
    let stats = running.handle().stats();
    assert_eq!(stats.counter("cluster.backend.ssl.handshake"), 2);
}
