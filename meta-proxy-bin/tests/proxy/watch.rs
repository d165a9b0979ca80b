//! Bootstraps that change while the proxy runs.

use std::{
    fs, io,
    net::{SocketAddr, TcpListener as StdListener},
    os::unix::fs::symlink,
    path::PathBuf,
    time::Duration,
};

use meta_proxy::{
    Proxy, Running, UpdateError, Workers,
    meta_rds::{BootstrapFile, Loader, Source},
};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    http::get_async,
    program::Program,
    toy::{Client, PATIENCE, Server, registry},
};

/// Two listeners, each with the cluster its requests go to.
fn bootstrap(first: &str, second: &str, one: SocketAddr, two: SocketAddr) -> String {
    let listener = |name: &str, to: &str| {
        format!(
            "
  - name: {name}
    address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }}
    filter_chains:
    - filters:
      - name: aeraki.meta_protocol_proxy
        typed_config:
          '@type': type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy
          stat_prefix: {name}
          protocol: {{ name: toy, codec: {{ name: example.codec.toy }}, multiplexing: true }}
          route_config:
            name: of-{name}
            routes: [ {{ name: all, route: {{ cluster: {to} }} }} ]"
        )
    };
    let cluster = |name: &str, address: SocketAddr| {
        format!(
            "
  - {{ name: {name}, type: STATIC, load_assignment: {{ cluster_name: {name}, endpoints: [
      {{ lb_endpoints: [ {{ endpoint: {{ address: {{ socket_address:
      {{ address: {}, port_value: {} }} }} }} }} ] }} ] }} }}",
            address.ip(),
            address.port()
        )
    };
    format!(
        "node: {{ id: a }}\nstatic_resources:\n  listeners:{}{}\n  clusters:{}{}\n",
        listener("first", first),
        listener("second", second),
        cluster("one", one),
        cluster("two", two),
    )
}

/// A folder as Kubernetes mounts ConfigMaps: the file is a link through a link, and
/// that one is exchanged.
struct ConfigMap {
    folder: TempDir,
    count: usize,
}

impl ConfigMap {
    fn new(text: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let mut map = Self { folder, count: 0 };
        map.write(text);
        symlink("..data/bootstrap.yaml", map.path()).expect("linked");
        map
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("bootstrap.yaml")
    }

    fn write(&mut self, text: &str) {
        self.count += 1;
        let root = self.folder.path();
        let name = format!("..{}", self.count);
        let contents = root.join(&name);
        fs::create_dir(&contents).expect("made");
        fs::write(contents.join("bootstrap.yaml"), text).expect("written");
        symlink(&name, root.join("..new")).expect("linked");
        fs::rename(root.join("..new"), root.join("..data")).expect("renamed");
        let before = root.join(format!("..{}", self.count - 1));
        let removed = fs::remove_dir_all(before);
        assert!(removed.is_ok() || self.count == 1);
    }
}

struct Scene {
    one: Server,
    two: Server,
    map: ConfigMap,
    running: Running,
    admin: SocketAddr,
    client: Client,
}

impl Scene {
    async fn start() -> Self {
        let (one, two) = (Server::start("one").await, Server::start("two").await);
        let map = ConfigMap::new(&bootstrap("one", "one", one.address, two.address));
        let mut file = BootstrapFile::new(Loader::new(), map.path());
        let builder = Proxy::builder(registry())
            .bootstrap(&file.load().expect("it is good"))
            .expect("it can be run");
        let admin = StdListener::bind("127.0.0.1:0").expect("a port");
        let address = admin.local_addr().expect("it is bound");
        let builder = builder.watch(file).admin(admin).workers(Workers::own(1));
        let running = builder.start().await.expect("it starts");
        let stream = connect(&running, "first").await;
        Self {
            one,
            two,
            map,
            running,
            admin: address,
            client: Client::over(stream),
        }
    }

    fn text(&self, first: &str, second: &str) -> String {
        bootstrap(first, second, self.one.address, self.two.address)
    }

    async fn stat(&self, name: &str) -> u64 {
        let stats = get_async(self.admin, "/stats").await.body;
        let line = stats.lines().find_map(|line| line.strip_prefix(name));
        let value = line.and_then(|rest| rest.strip_prefix(": "));
        value.expect(name).parse().expect("a number")
    }

    async fn counted(&self, name: &str, count: u64) {
        let wait = async {
            while self.stat(name).await != count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let counted = tokio::time::timeout(PATIENCE, wait).await;
        assert!(counted.is_ok(), "{name}: {}", self.stat(name).await);
    }

    async fn dumped(&self, list: &str) -> Vec<Value> {
        let page = format!("/config_dump?resource={list}");
        let mut dump: Value =
            serde_json::from_str(&get_async(self.admin, &page).await.body).expect("it is JSON");
        let configs = dump["configs"].as_array_mut().map(std::mem::take);
        configs.expect("a list")
    }
}

async fn connect(running: &Running, listener: &str) -> tokio::net::TcpStream {
    let address = running.handle().addr(listener).expect("it listens");
    let address = address.socket_addr().expect("it is TCP");
    let stream = tokio::net::TcpStream::connect(address).await;
    stream.expect("it accepts")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bootstrap_that_changes_is_in_force_at_the_next_request() {
    let mut scene = Scene::start().await;
    assert_eq!(scene.client.call("hello").await, "one");
    let before = scene.dumped("static_route_configs").await;

    // The cluster had no client that shares its connections at the start.
    scene.map.write(&scene.text("two", "one"));
    scene.counted("bootstrap.config_reload", 1).await;
    assert_eq!(scene.client.call("hello").await, "two");
    let after = scene.dumped("static_route_configs").await;
    assert_ne!(after[0]["last_updated"], before[0]["last_updated"]);
    assert_eq!(after[1], before[1], "the other table is as it was");
    let cluster = &after[0]["route_config"]["routes"][0]["route"]["cluster"];
    assert_eq!(cluster, "two");
    // So does what shows the file.
    let listeners = scene.dumped("static_listeners").await;
    assert!(listeners[0].to_string().contains("\"cluster\":\"two\""));
    assert_eq!(listeners[0]["last_updated"], after[0]["last_updated"]);
    assert_ne!(listeners[1]["last_updated"], after[0]["last_updated"]);

    // What says the same changes nothing.
    scene
        .map
        .write(&format!("# new\n{}", scene.text("two", "one")));
    scene.counted("bootstrap.update_success", 2).await;
    assert_eq!(scene.stat("bootstrap.config_reload").await, 1);
    assert_eq!(scene.dumped("static_route_configs").await, after);

    // Endpoints.
    let text = bootstrap("two", "one", scene.one.address, scene.one.address);
    scene.map.write(&text);
    scene.counted("bootstrap.config_reload", 2).await;
    assert_eq!(scene.client.call("hello").await, "one");
    assert_eq!(scene.stat("bootstrap.update_rejected").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bootstrap_is_taken_whole_or_not_at_all() {
    let mut scene = Scene::start().await;
    let good = scene.text("two", "two");
    let dumped = scene.dumped("static_route_configs").await;
    // The first listener's routes are good in each of them.
    let bad = [
        good.replace("name: of-second", "nam: of-second"),
        good.replace(
            "routes: [ { name: all, route: { cluster: two } } ]\n  clusters",
            "routes: [ { name: all } ]\n  clusters",
        ),
        good.replace("stat_prefix: second", "stat_prefix: other"),
        good.replace("id: a", "id: b"),
        good.replacen("port_value: 0", "port_value: 1", 1),
        good.replace("type: STATIC", "connect_timeout: 1s, type: STATIC"),
        good.replace("name: second", "name: third"),
        "static_resources: {".to_owned(),
    ];
    for (count, text) in (1..).zip(bad) {
        assert_ne!(text, good, "{count}");
        scene.map.write(&text);
        scene.counted("bootstrap.update_rejected", count).await;
        assert_eq!(scene.client.call("hello").await, "one", "{count}");
        assert_eq!(scene.dumped("static_route_configs").await, dumped);
    }
    // Nor does it matter that it is gone for a while.
    let path = scene.map.path();
    fs::remove_file(&path).expect("removed");
    scene.counted("bootstrap.update_rejected", 9).await;
    assert_eq!(scene.client.call("hello").await, "one");
    scene.map.write(&good);
    symlink("..data/bootstrap.yaml", path).expect("linked");
    scene.counted("bootstrap.config_reload", 1).await;
    assert_eq!(scene.client.call("hello").await, "two");
    let mut other = Client::over(connect(&scene.running, "second").await);
    assert_eq!(other.call("hello").await, "two");
}

/// The reasons, as an embedder gets them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_names_what_would_take_a_restart() {
    let scene = Scene::start().await;
    let good = scene.text("two", "one");
    let handle = scene.running.handle();
    let update = |text: &str| {
        let bootstrap = Loader::new().load(&[Source::new("new.yaml", text)]);
        handle.update(&bootstrap.expect("it can be read"))
    };
    let cluster = "  - { name: two, type";
    for (text, reason) in [
        (
            good.replace("id: a", "id: b"),
            "another value takes a restart: node",
        ),
        (
            good.replacen("port_value: 0", "port_value: 1", 1),
            "another value takes a restart: the sockets of listener \"first\"",
        ),
        (
            good.replace("stat_prefix: second", "stat_prefix: other"),
            "listener \"second\" would have to be restarted: its stat prefixes differ",
        ),
        (
            good.replace(cluster, "  - { name: three, type"),
            "cluster \"three\" would have to be added, which takes a restart",
        ),
        (
            good.replace(cluster, "  - { connect_timeout: 1s, name: two, type"),
            "cluster \"two\" would have to be changed in more than the endpoints it lists, \
             which takes a restart",
        ),
        (
            good.replace("example.codec.toy", "example.codec.other"),
            "new.yaml",
        ),
    ] {
        assert_ne!(text, good);
        let error = update(&text).expect_err(reason).to_string();
        assert!(error.contains(reason), "{error}");
    }
    assert!(update(&good).expect("it can be put in force"));
    assert!(!update(&good).expect("it is in force"));
    // A proxy of a snapshot has no file that could be another.
    let running = crate::toy::proxy(&scene.one).start().await;
    let running = running.expect("it starts");
    let bootstrap = Loader::new().load(&[Source::new("new.yaml", &*good)]);
    let error = running.handle().update(&bootstrap.expect("it can be read"));
    assert!(matches!(error, Err(UpdateError::NoBootstrap)), "{error:?}");
}

/// The program, and its log.
#[test]
fn run_watches_when_told_to() -> io::Result<()> {
    let folder = TempDir::new()?;
    let path = folder.path().join("proxy.yaml");
    let text = |cluster: &str| {
        format!(
            "\
admin: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }} }}
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
          protocol: {{ name: thrift, codec: {{ name: aeraki.meta_protocol.codec.thrift }} }}
          route_config: {{ routes: [ {{ route: {{ cluster: {cluster} }} }} ] }}
  clusters: [ {{ name: one, type: STATIC }}, {{ name: two, type: STATIC }} ]
"
        )
    };
    let write = |text: &str| {
        fs::write(folder.path().join("new"), text)?;
        fs::rename(folder.path().join("new"), &path)
    };
    write(&text("one"))?;
    let file = path.to_str().expect("it is UTF-8");
    let program = Program::start(&["run", "-c", file, "--watch", "--concurrency", "1"]);
    program.address("listening on ");
    program.address("admin on http://");
    write(&text("two"))?;
    program.wait_for_log(&format!("{file} has changed, and is in force"));
    // What is noted of a file is told of the next one, too.
    write(&text("two } }, { name: late, route: { cluster: one"))?;
    program.wait_for_log("routes[1]: no request takes it");
    write(&text("two, clustr: x"))?;
    program.wait_for_log(&format!("{file} is not put in force"));
    program.wait_for_log(&format!("{file}:13: static_resources.listeners[0]"));
    program.wait_for_log("clustr: unknown field");
    program.signal("TERM");
    let (code, log) = program.end();
    assert_eq!(code, Some(0), "{log}");
    Ok(())
}
