//! The server under TLS.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use meta_core::{Address, BoxFuture};
use meta_rds::{
    ConfigSource, Dial, GrpcServer, GrpcSource, GrpcTarget, NodeInfo, RdsManager, RdsSettings,
    RouteFile, RouteWatch, Source,
    server::{RdsServer, RouteSnapshot, SnapshotCache, TlsListener},
};
use meta_router::Connected;
use meta_tls::{
    CertificateConfig, ClientTls, ClientTlsConfig, DataSource, HandshakeLimits, Handshakes,
    ServerTlsConfig, TlsConfig, TlsContexts, ValidationConfig,
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

use crate::support::{Folder, to};

/// Far longer than anything takes.
const LONG: Duration = Duration::from_secs(30);

/// An authority.
struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Ca {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    /// Writes a certificate of that name and its key.
    fn issue(&self, folder: &Folder, name: &str) -> CertificateConfig {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        folder.write("cert.pem", &certificate.pem());
        folder.write("key.pem", &key.serialize_pem());
        CertificateConfig {
            chain: DataSource::File(folder.join("cert.pem")),
            key: DataSource::File(folder.join("key.pem")),
        }
    }

    fn trusted(&self) -> ValidationConfig {
        let mut validation = ValidationConfig::default();
        validation.trusted_ca = Some(DataSource::Inline(self.pem.clone().into_bytes()));
        validation
    }
}

/// A server under TLS, all of whose table `a` goes to `x`.
struct Control {
    address: SocketAddr,
    cache: SnapshotCache,
    handshakes: Arc<Handshakes>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Control {
    async fn start(contexts: &TlsContexts, config: ServerTlsConfig, at_once: usize) -> Self {
        let tls = contexts.server(config).expect("a good context");
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("it is bound");
        let mut limits = HandshakeLimits::default();
        limits.max_under_way = at_once;
        let listener = TlsListener::with_limits(socket, tls, limits);
        let handshakes = listener.handshakes().clone();
        let cache = SnapshotCache::new();
        cache.set(snapshot("x"));
        let (stop, stopped) = oneshot::channel();
        let serve = RdsServer::new(cache.clone()).serve(listener, async {
            let _ = stopped.await;
        });
        let task = tokio::spawn(async {
            serve.await.expect("it serves");
        });
        Self {
            address,
            cache,
            handshakes,
            stop,
            task,
        }
    }

    async fn stop(self) {
        let _ = self.stop.send(());
        let ended = timeout(LONG, self.task).await;
        ended.expect("in time").expect("it ends");
    }
}

fn snapshot(cluster: &str) -> RouteSnapshot {
    let file = RouteFile::read(&Source::new("test", to("a", cluster))).expect("it is good");
    RouteSnapshot::new(cluster, file.routes)
}

/// What a server of `ca` presents, and what it asks for.
fn presenting(ca: &Ca, folder: &Folder, clients: Option<&Ca>) -> ServerTlsConfig {
    let mut tls = TlsConfig::default();
    tls.certificates
        .push(ca.issue(folder, "control.example").into());
    tls.alpn = vec!["h2".to_owned()];
    tls.validation = clients.map(|ca| ca.trusted().into());
    let mut config = ServerTlsConfig::new(tls);
    config.require_client_certificate = clients.is_some();
    config
}

/// A client that trusts `ca`.
fn client(ca: &Ca, own: Option<CertificateConfig>) -> Arc<ClientTls> {
    let mut tls = TlsConfig::default();
    tls.certificates.extend(own.map(Into::into));
    tls.alpn = vec!["h2".to_owned()];
    tls.validation = Some(ca.trusted().into());
    let mut config = ClientTlsConfig::new(tls);
    config.sni = Some("control.example".to_owned());
    let client = TlsContexts::new().client(config);
    client.expect("a good context")
}

/// Connections to one place under TLS.
struct Secure(SocketAddr, Arc<ClientTls>);

impl Dial for Secure {
    fn dial<'a>(&'a self, _: &'a GrpcServer) -> BoxFuture<'a, io::Result<Connected>> {
        Box::pin(async move {
            let stream = TcpStream::connect(self.0).await?;
            let shaken = self.1.handshake(stream, &Address::Ip(self.0)).await;
            let (transport, info) = shaken.map_err(io::Error::other)?;
            assert_eq!(info.alpn.as_deref(), Some("h2"));
            Ok(Connected {
                transport: Box::new(transport),
                local: None,
            })
        })
    }
}

fn watch(control: &Control, tls: Arc<ClientTls>) -> (RdsManager, RouteWatch) {
    let target = GrpcTarget::plain(control.address.to_string());
    let source = ConfigSource::Grpc(GrpcSource::new(GrpcServer::Target(target)));
    let dial = Secure(control.address, tls);
    let manager = RdsManager::new(&NodeInfo::default(), Arc::new(dial));
    let watch = manager.watch(&RdsSettings::new("a", source));
    (manager, watch)
}

async fn next(watch: &mut RouteWatch) -> String {
    let table = timeout(LONG, watch.changed()).await.expect("in time");
    let (_, route) = table.routes().next().expect("a route");
    route.destinations[0].cluster.to_string()
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = timeout(LONG, wait).await;
    waited.unwrap_or_else(|_| panic!("{what}"));
}

/// Whether the server closes a connection on which nothing is said.
async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut byte = [0];
    let read = timeout(LONG, stream.read(&mut byte)).await;
    !matches!(read.expect("in time"), Ok(1))
}

#[tokio::test]
async fn clients_without_certificates_may_be_served() {
    let (ca, folder) = (Ca::new(), Folder::new());
    let control = Control::start(&TlsContexts::new(), presenting(&ca, &folder, None), 8).await;
    let (_manager, mut watch) = watch(&control, client(&ca, None));
    assert_eq!(next(&mut watch).await, "x");
    control.cache.set(snapshot("y"));
    assert_eq!(next(&mut watch).await, "y");
    control.stop().await;
}

#[tokio::test]
async fn clients_have_to_prove_who_they_are() {
    let (ca, others, folder) = (Ca::new(), Ca::new(), Folder::new());
    let config = presenting(&ca, &folder, Some(&ca));
    let control = Control::start(&TlsContexts::new(), config, 8).await;
    let stats = control.handshakes.stats();
    let (_without, none) = watch(&control, client(&ca, None));
    until("one without a certificate is refused", || {
        stats.fail_verify_no_cert.value() > 0
    })
    .await;
    let own = Folder::new();
    let stranger = client(&ca, Some(others.issue(&own, "proxy.example")));
    let (_stranger, strange) = watch(&control, stranger);
    until("one of another authority is refused", || {
        stats.fail_verify_error.value() > 0
    })
    .await;
    let own = Folder::new();
    let good = client(&ca, Some(ca.issue(&own, "proxy.example")));
    let (_manager, mut good) = watch(&control, good);
    assert_eq!(next(&mut good).await, "x");
    assert!(none.routes().is_none() && strange.routes().is_none());
    assert_eq!(control.cache.nodes().len(), 1);
    control.stop().await;
}

#[tokio::test]
async fn who_says_nothing_holds_nobody_up() {
    let (ca, folder) = (Ca::new(), Folder::new());
    let control = Control::start(&TlsContexts::new(), presenting(&ca, &folder, None), 100).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(control.address).await.expect("a stream"));
    }
    until("they are waited for", || {
        control.handshakes.under_way() == 20
    })
    .await;
    let (_manager, mut watch) = watch(&control, client(&ca, None));
    assert_eq!(next(&mut watch).await, "x");
    assert_eq!(control.handshakes.under_way(), 20);
    control.stop().await;
}

#[tokio::test]
async fn who_says_nothing_is_let_go() {
    let (ca, folder) = (Ca::new(), Folder::new());
    let mut config = presenting(&ca, &folder, None);
    config.handshake_timeout = Duration::from_millis(100);
    let control = Control::start(&TlsContexts::new(), config, 8).await;
    let mut silent = TcpStream::connect(control.address).await.expect("a stream");
    assert!(is_closed(&mut silent).await);
    assert_eq!(control.handshakes.stats().handshake_timeout.value(), 1);
    assert_eq!(control.handshakes.under_way(), 0);
    control.stop().await;
}

#[tokio::test]
async fn handshakes_are_bounded_in_number() {
    let (ca, folder) = (Ca::new(), Folder::new());
    let control = Control::start(&TlsContexts::new(), presenting(&ca, &folder, None), 1).await;
    let silent = TcpStream::connect(control.address).await.expect("a stream");
    until("it is waited for", || control.handshakes.under_way() == 1).await;
    let mut beyond = TcpStream::connect(control.address).await.expect("a stream");
    assert!(is_closed(&mut beyond).await);
    assert_eq!(control.handshakes.stats().handshake_overflow.value(), 1);
    drop(silent);
    until("there is a place", || control.handshakes.under_way() == 0).await;
    let (_manager, mut watch) = watch(&control, client(&ca, None));
    assert_eq!(next(&mut watch).await, "x");
    control.stop().await;
}

#[tokio::test]
async fn new_connections_go_by_new_certificates() {
    let (ca, folder, contexts) = (Ca::new(), Folder::new(), TlsContexts::new());
    let control = Control::start(&contexts, presenting(&ca, &folder, None), 8).await;
    let presented = async || {
        let stream = TcpStream::connect(control.address).await.expect("a stream");
        let (tls, at) = (client(&ca, None), Address::Ip(control.address));
        let (_, info) = tls.handshake(stream, &at).await.expect("it is trusted");
        let peer = info.peer.expect("a certificate");
        peer.dns_sans.first().expect("a name").to_string()
    };
    let (_manager, mut watch) = watch(&control, client(&ca, None));
    assert_eq!(next(&mut watch).await, "x");
    assert_eq!(presented().await, "control.example");
    ca.issue(&folder, "renewed.example");
    // What is new is looked at twice.
    contexts.look();
    contexts.look();
    assert_eq!(presented().await, "renewed.example");
    // Who was there before stays.
    control.cache.set(snapshot("y"));
    assert_eq!(next(&mut watch).await, "y");
    assert_eq!(control.handshakes.stats().handshake.value(), 3);
    control.stop().await;
}
