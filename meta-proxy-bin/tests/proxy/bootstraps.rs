//! The files in `examples/bootstrap`: each is as good as it says, and serves.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process,
};

use meta_core::Address;
use meta_proxy::{Proxy, Registry, Running, Workers};
use meta_rds::{Loader, Source};

use crate::thrift::{Client, server};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/bootstrap")
}

fn files() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
        .collect();
    paths.sort();
    assert!(paths.len() >= 8, "{paths:?}");
    paths
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
    for path in files() {
        let source = Source::file(&path).expect("it can be read");
        let bootstrap = Loader::new().load(&[source]);
        let bootstrap = bootstrap.unwrap_or_else(|error| panic!("{error}"));
        assert!(bootstrap.notes.is_empty(), "{:?}", bootstrap.notes);
        let builder = Proxy::builder(registry()).bootstrap(&bootstrap);
        let error = builder.err().map(|error| error.to_string());
        assert_eq!(error, None, "{}", path.display());
    }
}

#[test]
fn each_is_told_of_in_the_readme() {
    let readme = fs::read_to_string(folder().join("README.md")).expect("it is there");
    let told = readme.lines().filter_map(|line| line.strip_prefix("| ["));
    let told: BTreeSet<_> = told
        .filter_map(|line| line.split_once(']'))
        .map(|(name, _)| name.to_owned())
        .collect();
    let names = files().into_iter().map(|path| {
        let name = path.file_name().expect("a file");
        name.to_string_lossy().into_owned()
    });
    assert_eq!(told, names.collect());
}

/// A call through each that speaks Thrift; the others start, and that is all here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_serves() {
    let scratch = env::temp_dir().join(format!("meta-proxy-bootstraps-{}", process::id()));
    fs::create_dir_all(&scratch).expect("a folder for sockets and logs");
    for path in files() {
        let text = fs::read_to_string(&path).expect("it can be read");
        let text = moved(&text, &scratch);
        let running = start(&path, &text).await;
        for (name, address) in running.handle().listeners() {
            if let (true, Address::Ip(address)) = (text.contains("codec.thrift"), address) {
                let address = *address;
                let call = move || Client::connect(address).call(1, "hello");
                let reply = tokio::task::spawn_blocking(call).await.expect("no panic");
                let reply = reply.unwrap_or_else(|| panic!("{}: {name}", path.display()));
                assert_eq!(reply.string(0), Some("hello from v1"), "{name}");
            }
        }
        let report = running.handle().drain(crate::toy::PATIENCE).await;
        assert_eq!(report.aborted, 0, "{}", path.display());
    }
    fs::remove_dir_all(&scratch).expect("nobody uses it any more");
}

async fn start(path: &Path, text: &str) -> Running {
    let source = Source::new(path.display().to_string(), text);
    let bootstrap = Loader::new().load(&[source]).expect("it loads as it is");
    let builder = Proxy::builder(registry()).bootstrap(&bootstrap);
    let builder = builder.expect("it can be run as it is");
    let started = builder.workers(Workers::Current).start().await;
    started.unwrap_or_else(|error| panic!("{}: {error:?}", path.display()))
}

/// The file with free ports on loopback for its listeners and admin, files in a folder
/// of the test's own, and a server at each port of its clusters.
fn moved(text: &str, scratch: &Path) -> String {
    let text = text.replace("/tmp/", &format!("{}/", scratch.display()));
    let (listeners, clusters) = text.split_once("\n  clusters:").expect("listeners first");
    let mut moved = with_ports(&listeners.replace("0.0.0.0", "127.0.0.1"), || 0);
    moved.push_str("\n  clusters:");
    moved.push_str(&with_ports(clusters, || server("v1").port()));
    moved
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
