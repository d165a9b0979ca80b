//! Routes that come from elsewhere while the proxy runs.

use std::{
    net::{SocketAddr, TcpListener as StdListener},
    time::Duration,
};

use meta_proxy::{
    Proxy, ProxyBuilder, Running, Workers,
    meta_rds::{
        Loader, RouteFile, Source,
        server::{RdsServer, RouteSnapshot, SnapshotCache},
    },
};
use serde_json::Value;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle, time::timeout};

use crate::{
    http::{get, get_async},
    toy::{PATIENCE, Server, registry},
};

mod files;
pub(crate) mod secure;
mod streams;
mod waiting;

/// A control plane.
struct Control {
    cache: SnapshotCache,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Control {
    async fn start() -> Self {
        Self::on(([127, 0, 0, 1], 0).into()).await
    }

    async fn on(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let cache = SnapshotCache::new();
        let (stop, stopped) = oneshot::channel();
        let serve = RdsServer::new(cache.clone()).serve(listener, async {
            let _ = stopped.await;
        });
        let task = tokio::spawn(async {
            serve.await.expect("it serves");
        });
        Self {
            cache,
            address,
            stop,
            task,
        }
    }

    /// Serves the table `shop`, all of it to one cluster.
    fn serve(&self, version: &str, cluster: &str) {
        self.cache.set(snapshot(version, &to(cluster)));
    }

    async fn stop(self) {
        let _ = self.stop.send(());
        let ended = timeout(PATIENCE, self.task).await;
        ended.expect("in time").expect("it ends");
    }
}

fn snapshot(version: &str, text: &str) -> RouteSnapshot {
    let file = RouteFile::read(&Source::new("test", text)).expect("it is good");
    RouteSnapshot::new(version, file.routes)
}

/// The table `shop`, all of it to one cluster.
fn to(cluster: &str) -> String {
    format!("{{ name: shop, routes: [ {{ name: all, route: {{ cluster: {cluster} }} }} ] }}")
}

/// Routes of the control plane at that address, a cluster of the proxy.
const BY_CLUSTER: &str = "resource_api_version: V3
                api_config_source:
                  api_type: GRPC
                  transport_api_version: V3
                  grpc_services: { envoy_grpc: { cluster_name: control } }";

/// A bootstrap with the clusters `one`, `two` and `control`, and the routes of a source.
fn bootstrap(source: &str, one: &Server, two: &Server, control: SocketAddr) -> String {
    let cluster = |name: &str, address: SocketAddr, more: &str| {
        format!(
            "
  - name: {name}
    type: STATIC{more}
    load_assignment:
      cluster_name: {name}
      endpoints: [ {{ lb_endpoints: [ {{ endpoint: {{ address: {{ socket_address:
        {{ address: {}, port_value: {} }} }} }} }} ] }} ]",
            address.ip(),
            address.port()
        )
    };
    let one = cluster("one", one.address, "");
    let two = cluster("two", two.address, "");
    let control = cluster("control", control, "\n    http2_protocol_options: {}");
    format!(
        "\
node: {{ id: proxy-1, cluster: shops }}
static_resources:
  listeners:
  - name: in
    address: {{ socket_address: {{ address: 127.0.0.1, port_value: 0 }} }}
    filter_chains:
    - filters:
      - name: aeraki.meta_protocol_proxy
        typed_config:
          '@type': type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy
          stat_prefix: shop-in
          application_protocol: toy
          codec: {{ name: example.codec.toy }}
          rds:
            route_config_name: shop
            config_source:
                {source}
  clusters:{one}{two}{control}
"
    )
}

fn builder(text: &str) -> ProxyBuilder {
    let source = Source::new("test", text);
    let bootstrap = Loader::new().load(&[source]);
    let bootstrap = bootstrap.unwrap_or_else(|error| panic!("{error}\n{text}"));
    let builder = Proxy::builder(registry()).bootstrap(&bootstrap);
    builder.expect("it can be run").workers(Workers::own(1))
}

/// A proxy that answers on an admin of its own.
pub(crate) async fn start(text: &str) -> (Running, SocketAddr) {
    let (builder, admin) = with_admin(builder(text));
    (builder.start().await.expect("it starts"), admin)
}

fn with_admin(builder: ProxyBuilder) -> (ProxyBuilder, SocketAddr) {
    let admin = StdListener::bind("127.0.0.1:0").expect("a port");
    let address = admin.local_addr().expect("it is bound");
    (builder.admin(admin), address)
}

/// The routes that come from elsewhere, as the admin shows them; null where there are
/// none yet.
async fn dumped(admin: SocketAddr) -> Value {
    let answer = get_async(admin, "/config_dump?resource=dynamic_route_configs").await;
    let mut value: Value = serde_json::from_str(&answer.body).expect("it is JSON");
    let first = value["configs"].get_mut(0);
    first.map(Value::take).unwrap_or_default()
}

/// Waits until a statistic has that value.
pub(crate) async fn counted(admin: SocketAddr, line: &str) {
    let wait = async {
        loop {
            let stats = get_async(admin, "/stats").await.body;
            if stats.lines().any(|own| own == line) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let Ok(()) = timeout(PATIENCE, wait).await else {
        let stats = get(admin, "/stats").body;
        panic!("{line} does not come about: {stats}");
    };
}
