//! Listeners that wait for their first routes.

use std::time::Duration;

use tokio::net::TcpStream;

use super::{BY_CLUSTER, Control, bootstrap, builder, dumped, start, with_admin};
use crate::{
    http::get_async,
    toy::{Client, PATIENCE, Server},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_connects_before_there_are_routes() {
    let (one, two) = (Server::start("one").await, Server::start("two").await);
    let control = Control::start().await;
    let port = {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        socket.local_addr().expect("it is bound").port()
    };
    let text = bootstrap(BY_CLUSTER, &one, &two, control.address);
    let text = text.replacen("port_value: 0", &format!("port_value: {port}"), 1);
    let source = "initial_fetch_timeout: 0s\n                resource_api_version: V3";
    let text = text.replacen("resource_api_version: V3", source, 1);
    let (builder, admin) = with_admin(builder(&text));
    let starting = tokio::spawn(builder.start());
    let asked = async {
        while dumped(admin).await["client_status"] != "REQUESTED" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asked)
        .await
        .expect("it asks for routes");
    assert_eq!(get_async(admin, "/ready").await.status, 503);
    let refused = TcpStream::connect(("127.0.0.1", port)).await;
    assert!(refused.is_err(), "nobody listens");
    assert!(!starting.is_finished());
    control.serve("v1", "one");
    let running = tokio::time::timeout(PATIENCE, starting).await;
    let running = running
        .expect("in time")
        .expect("no panic")
        .expect("it starts");
    assert_eq!(get_async(admin, "/ready").await.status, 200);
    let mut client = Client::connect(&running).await;
    assert_eq!(client.call("hello").await, "one");
    control.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_takes_too_long_is_not_waited_for() {
    let (one, two) = (Server::start("one").await, Server::start("two").await);
    let control = Control::start().await;
    let text = bootstrap(BY_CLUSTER, &one, &two, control.address);
    let source = "initial_fetch_timeout: 0.05s\n                resource_api_version: V3";
    let text = text.replacen("resource_api_version: V3", source, 1);
    let (running, admin) = start(&text).await;
    let waited_for = dumped(admin).await;
    assert_eq!(waited_for["client_status"], "TIMEOUT");
    assert_eq!(waited_for["route_config"]["name"], "shop");
    let mut client = Client::connect(&running).await;
    assert_eq!(client.call("hello").await, "the proxy");
    control.serve("v1", "one");
    super::counted(admin, "meta_protocol.shop-in.rds.shop.config_reload: 1").await;
    super::counted(
        admin,
        "meta_protocol.shop-in.rds.shop.init_fetch_timeout: 1",
    )
    .await;
    assert_eq!(client.call("hello").await, "one");
    control.stop().await;
}

#[test]
fn a_program_that_waits_can_be_ended() {
    let text = "
static_resources:
  listeners:
  - name: in
    address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
    filter_chains:
    - filters:
      - name: aeraki.meta_protocol_proxy
        typed_config:
          '@type': type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy
          stat_prefix: in
          protocol: { name: thrift, codec: { name: aeraki.meta_protocol.codec.thrift } }
          rds:
            route_config_name: shop
            config_source: { path: /nowhere/shop.yaml, initial_fetch_timeout: 0s }
";
    let program = crate::program::Program::start(&["run", "--config-yaml", text]);
    program.wait_for_log("/nowhere/shop.yaml");
    program.signal("TERM");
    let (code, log) = program.end();
    assert_eq!(code, Some(0), "{log}");
}
