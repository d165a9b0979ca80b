//! The files in `examples/bootstrap`: each is as good as it says, and serves.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    sync::Arc,
};

use codec_thrift::wire::Parsed;
use meta_core::Address;
use meta_proxy::{Proxy, Registry, Running, Workers};
use meta_rds::{Loader, RouteFile, RouteSource, Source, server::RouteDirectory};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tempfile::TempDir;

use crate::{
    thrift::{Client, server},
    toy::PATIENCE,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/bootstrap")
}

/// The files, by name.
fn files() -> Vec<(String, String)> {
    let entries = fs::read_dir(folder()).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    let paths = paths.filter(|path| path.extension().is_some_and(|end| end == "yaml"));
    let mut files: Vec<_> = paths
        .map(|path| {
            let name = path.file_stem().expect("a file").to_string_lossy();
            let text = fs::read_to_string(&path).expect("it can be read");
            (name.into_owned(), text)
        })
        .collect();
    files.sort();
    assert!(files.len() >= 11, "{}", files.len());
    files
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    registry
        .codec(codec_dubbo::Dubbo)
        .and_then(|registry| registry.codec(codec_thrift::Thrift))
        .expect("no two have a name in common");
    registry
}

#[test]
fn each_loads_without_a_word() {
    let scratch = Scratch::new();
    for (name, text) in files() {
        let source = Source::new(name.as_str(), scratch.moved(&text));
        let bootstrap = Loader::new().load(&[source]);
        let bootstrap = bootstrap.unwrap_or_else(|error| panic!("{error}"));
        assert!(bootstrap.notes.is_empty(), "{:?}", bootstrap.notes);
        let builder = Proxy::builder(registry()).bootstrap(&bootstrap);
        let error = builder.err().map(|error| error.to_string());
        assert_eq!(error, None, "{name}");
    }
}

/// The folder for `rds-server` has the table that the proxy asks for, and its clusters
/// are in the proxy's file.
#[test]
fn the_routes_go_together_with_their_bootstrap() {
    let (_, snapshot) = RouteDirectory::open(folder().join("../routes")).expect("they are good");
    let names: Vec<_> = snapshot.names().collect();
    assert_eq!(names, ["greeter", "orders.shop.svc.cluster.local_20880"]);
    let source = Source::file(folder().join("../routes/greeter.yaml"));
    let file = RouteFile::read(&source.expect("it can be read")).expect("it is good");
    assert!(file.notes.is_empty(), "{:?}", file.notes);
    let table = file.routes[0].table.clone();
    let (_, text) = files()
        .into_iter()
        .find(|(name, _)| name == "live-routes")
        .expect("it is there");
    let bootstrap = Loader::new().load(&[Source::new("live-routes", text)]);
    let bootstrap = bootstrap.expect("it is good");
    let RouteSource::Rds(rds) = &bootstrap.listeners[0].filter_chains[0].proxy.routes else {
        panic!("the routes come from elsewhere");
    };
    assert_eq!(rds.route_config_name, *table.name());
    for (_, route) in table.routes() {
        for to in &route.destinations {
            let mut clusters = bootstrap.clusters.iter();
            assert!(
                clusters.any(|c| c.config.name == to.cluster),
                "{}",
                to.cluster
            );
        }
    }
}

#[test]
fn each_is_told_of_in_the_readme() {
    let readme = fs::read_to_string(folder().join("README.md")).expect("it is there");
    let told = readme.lines().filter_map(|line| line.strip_prefix("| ["));
    let told = told.filter_map(|line| line.split_once(".yaml]"));
    let told: BTreeSet<_> = told.map(|(name, _)| name.to_owned()).collect();
    assert_eq!(told, files().into_iter().map(|(name, _)| name).collect());
}

/// A call through each that speaks Thrift; the others start, and that is all here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_serves() {
    let scratch = Arc::new(Scratch::new());
    for (name, text) in files() {
        let text = scratch.moved(&text);
        let running = start(&name, &text).await;
        for (_, address) in running.handle().listeners() {
            if let (true, Address::Ip(address)) = (text.contains("codec.thrift"), address) {
                let (own, address, scratch) = (name.clone(), *address, scratch.clone());
                let called = tokio::task::spawn_blocking(move || {
                    let reply = call(&own, address, &scratch);
                    check(&own, &reply.unwrap_or_else(|| panic!("{own}: no reply")));
                });
                called.await.expect("the reply is right");
            }
        }
        let report = running.handle().drain(PATIENCE).await;
        assert_eq!(report.aborted, 0, "{name}");
    }
    let clients = fs::read_to_string(scratch.path("meta-proxy-clients.log"));
    assert_eq!(clients.expect("a log"), "192.0.2.7:56324\n");
}

/// Calls as the file of that name has it called.
fn call(name: &str, address: SocketAddr, scratch: &Scratch) -> Option<Parsed> {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("not 0");
    match name {
        "tls" => Client::over(scratch.secured(stream, None)).call(1, "hello"),
        "mutual-tls" => Client::over(scratch.secured(stream, Some("tester"))).call(1, "hello"),
        "proxy-protocol" => {
            let header = b"PROXY TCP4 192.0.2.7 192.0.2.9 56324 9090\r\n";
            stream.write_all(header).expect("there is room");
            Client::over(stream).call(1, "hello")
        }
        _ => Client::over(stream).call(1, "hello"),
    }
}

fn check(name: &str, reply: &Parsed) {
    if name == "mutual-tls" {
        // The servers of this test know nothing of TLS.
        let (_, text) = reply.exception().expect("an exception");
        assert!(text.starts_with("upstream_connect_failure"), "{text}");
        assert!(text.ends_with("(cluster greeter-v2)"), "{text}");
    } else {
        assert_eq!(reply.string(0), Some("hello from v1"), "{name}");
    }
}

async fn start(name: &str, text: &str) -> Running {
    let source = Source::new(name, text);
    let bootstrap = Loader::new().load(&[source]).expect("it loads as it is");
    let builder = Proxy::builder(registry()).bootstrap(&bootstrap);
    let builder = builder.expect("it can be run as it is");
    let started = builder.workers(Workers::Current).start().await;
    started.unwrap_or_else(|error| panic!("{name}: {error:?}"))
}

/// A folder for what the files have in `/tmp`: certificates, to begin with.
struct Scratch(TempDir);

impl Scratch {
    fn new() -> Self {
        let own = Self(TempDir::new().expect("a folder"));
        fs::create_dir(own.path("meta-proxy-tls")).expect("a folder");
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = params.self_signed(&key).expect("a certificate");
        fs::write(own.tls("ca.crt"), ca.pem()).expect("it can be written");
        let issuer = Issuer::new(params, key);
        let dns = |name: &str| SanType::DnsName(name.try_into().expect("a name"));
        let uri = |name: &str| SanType::URI(name.try_into().expect("a URI"));
        for (file, name) in [
            ("greeter", dns("greeter.example")),
            ("orders", dns("shop.orders.example")),
            ("tester", uri("spiffe://example/tester")),
        ] {
            let key = KeyPair::generate().expect("a key");
            let mut params = CertificateParams::default();
            params.subject_alt_names = vec![name];
            let certificate = params.signed_by(&key, &issuer).expect("signed");
            let certificate = certificate.pem();
            fs::write(own.tls(&format!("{file}.crt")), certificate).expect("written");
            let key = key.serialize_pem();
            fs::write(own.tls(&format!("{file}.key")), key).expect("written");
        }
        own
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn tls(&self, name: &str) -> PathBuf {
        self.path("meta-proxy-tls").join(name)
    }

    /// The file with free ports on loopback for its listeners and admin, this folder
    /// in place of `/tmp`, and a server at each port of its clusters.
    fn moved(&self, text: &str) -> String {
        let text = text.replace("/tmp/", &format!("{}/", self.0.path().display()));
        let (listeners, clusters) = text.split_once("\n  clusters:").expect("listeners first");
        let mut moved = with_ports(&listeners.replace("0.0.0.0", "127.0.0.1"), || 0);
        moved.push_str("\n  clusters:");
        moved.push_str(&with_ports(clusters, || server("v1").port()));
        moved
    }

    /// TLS with the greeter over `stream`, as whose certificate is named.
    fn secured(
        &self,
        stream: TcpStream,
        own: Option<&str>,
    ) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_file(self.tls("ca.crt")).expect("a certificate");
        roots.add(ca).expect("it is an authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("there are some")
            .with_root_certificates(roots);
        let config = match own {
            None => config.with_no_client_auth(),
            Some(name) => {
                let file = |end: &str| self.tls(&format!("{name}.{end}"));
                let chain = CertificateDer::from_pem_file(file("crt")).expect("a certificate");
                let key = PrivateKeyDer::from_pem_file(file("key")).expect("a key");
                let config = config.with_client_auth_cert(vec![chain], key);
                config.expect("they belong together")
            }
        };
        let name = "greeter.example".try_into().expect("a name");
        let connection = ClientConnection::new(Arc::new(config), name);
        StreamOwned::new(connection.expect("a good configuration"), stream)
    }
}

fn with_ports(text: &str, mut port: impl FnMut() -> u16) -> String {
    let mut parts = text.split("port_value: ");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        text.push_str(&format!("port_value: {}{rest}", port()));
    }
    text
}
